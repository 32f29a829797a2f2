//! Requests, leases and the comments that were dealt with.

use std::collections::BTreeSet;

use futures::{StreamExt as _, TryStreamExt as _};
use sqlx::AnyExecutor;

use super::column::{from_issue, from_limit, from_time, from_value, to_count, to_value};
use crate::{
    identity::{ForgeName, IssueRef, LeaseId, NoteId, RequestId, Timestamp, UserId},
    lease::{Lease, warning},
    ports::store::{Show, Versioned},
    request::Request,
    store::set_aside::SetAside,
};

/// Id, version, document.
type Row = (String, i64, String);

fn to_request((id, version, document): Row) -> sqlx::Result<Versioned<Request>> {
    let value = to_value(&document, || format!("the stored request {id}"))?;
    Ok(Versioned { version: to_count(version), value })
}

fn to_lease((id, version, document): Row) -> sqlx::Result<Versioned<Lease>> {
    let value = to_value(&document, || format!("the stored lease {id}"))?;
    Ok(Versioned { version: to_count(version), value })
}

pub(super) async fn request_on(
    database: impl AnyExecutor<'_>,
    issue: &IssueRef,
) -> sqlx::Result<Option<Versioned<Request>>> {
    let (forge, project, number) = from_issue(issue);
    sqlx::query_as(
        "SELECT id, version, document FROM requests
         WHERE forge = $1 AND project = $2 AND number = $3",
    )
    .bind(forge)
    .bind(project)
    .bind(number)
    .fetch_optional(database)
    .await?
    .map(to_request)
    .transpose()
}

pub(super) async fn request(
    database: impl AnyExecutor<'_>,
    id: RequestId,
) -> sqlx::Result<Option<Versioned<Request>>> {
    sqlx::query_as("SELECT id, version, document FROM requests WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(database)
        .await?
        .map(to_request)
        .transpose()
}

pub(super) async fn requests_by(
    database: impl AnyExecutor<'_>,
    forge: &ForgeName,
    author: UserId,
) -> sqlx::Result<Vec<Versioned<Request>>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, version, document FROM requests
         WHERE forge = $1 AND author = $2
         ORDER BY id",
    )
    .bind(forge.as_str())
    .bind(author.0.cast_signed())
    .fetch_all(database)
    .await?;
    rows.into_iter().map(to_request).collect()
}

pub(super) async fn open_requests(
    database: impl AnyExecutor<'_>,
) -> sqlx::Result<Vec<Versioned<Request>>> {
    let rows = sqlx::query_as(
        "SELECT id, version, document FROM requests
         WHERE state NOT IN ('rejected', 'withdrawn', 'fulfilled')
         ORDER BY id",
    );
    rows.fetch(database).map(|row| row.and_then(to_request)).try_collect().await
}

pub(super) async fn lease(
    database: impl AnyExecutor<'_>,
    id: LeaseId,
) -> sqlx::Result<Option<Versioned<Lease>>> {
    sqlx::query_as("SELECT id, version, document FROM leases WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(database)
        .await?
        .map(to_lease)
        .transpose()
}

pub(super) async fn each_live_lease(
    database: impl AnyExecutor<'_>,
    aside: &SetAside,
    show: &mut Show<'_>,
) -> sqlx::Result<()> {
    let mut rows = sqlx::query_as::<_, Row>(
        "SELECT id, version, document FROM leases WHERE state <> 'ended' ORDER BY id",
    )
    .fetch(database);
    let mut reading = aside.read_all();
    while let Some(row) = rows.try_next().await? {
        let id = row.0.clone();
        if let Some(lease) = reading.readable(id, to_lease(row)) {
            show(lease);
        }
    }
    reading.end();
    Ok(())
}

pub(super) const DUE: &str = "
SELECT id, version, document FROM leases
WHERE state <> 'ended' AND check_at <= $1
ORDER BY check_at, id
LIMIT $2";

pub(super) async fn due_leases(
    database: impl AnyExecutor<'_>,
    now: Timestamp,
    limit: usize,
) -> sqlx::Result<Vec<Versioned<Lease>>> {
    let rows: Vec<Row> = sqlx::query_as(DUE)
        .bind(from_time(now))
        .bind(from_limit(limit))
        .fetch_all(database)
        .await?;
    // What cannot be read is told by who reads all.
    Ok(rows.into_iter().filter_map(|row| to_lease(row).ok()).collect())
}

pub(super) async fn seen_notes(
    database: impl AnyExecutor<'_>,
    issue: &IssueRef,
) -> sqlx::Result<BTreeSet<NoteId>> {
    let (forge, project, number) = from_issue(issue);
    let notes: Vec<i64> = sqlx::query_scalar(
        "SELECT note FROM seen_notes WHERE forge = $1 AND project = $2 AND number = $3",
    )
    .bind(forge)
    .bind(project)
    .bind(number)
    .fetch_all(database)
    .await?;
    Ok(notes.into_iter().map(|note| NoteId(note.cast_unsigned())).collect())
}

/// Notes that a comment was dealt with.
pub(super) async fn see_note(
    database: impl AnyExecutor<'_>,
    issue: &IssueRef,
    note: NoteId,
) -> sqlx::Result<()> {
    let (forge, project, number) = from_issue(issue);
    sqlx::query(
        "INSERT INTO seen_notes (forge, project, number, note) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
    )
    .bind(forge)
    .bind(project)
    .bind(number)
    .bind(note.0.cast_signed())
    .execute(database)
    .await
    .map(drop)
}

/// The mark that grows whenever usage changes: triggers see to that.
pub(super) async fn usage_mark(database: impl AnyExecutor<'_>) -> sqlx::Result<u64> {
    sqlx::query_scalar("SELECT mark FROM usage").fetch_one(database).await.map(to_count)
}

/// Stores a request over the version it was read at; `false` if that is not
/// the present one.
pub(super) async fn save_request(
    database: impl AnyExecutor<'_>,
    request: &Versioned<Request>,
) -> sqlx::Result<bool> {
    let Versioned { version, value } = request;
    let (forge, project, number) = from_issue(&value.issue);
    let query = if *version == 0 {
        sqlx::query(
            "INSERT INTO requests
                 (id, version, state, forge, project, number, document, counted, author)
             VALUES ($1, $2 + 1, $3, $4, $5, $6, $7, $8, $9)",
        )
    } else {
        sqlx::query(
            "UPDATE requests SET
                 version = version + 1, state = $3,
                 forge = $4, project = $5, number = $6, document = $7, counted = $8,
                 author = $9
             WHERE id = $1 AND version = $2",
        )
    };
    query
        .bind(value.id.to_string())
        .bind(version.cast_signed())
        .bind(value.state.word())
        .bind(forge)
        .bind(project)
        .bind(number)
        .bind(from_value(value)?)
        .bind(crate::usage::counted_request(value))
        .bind(value.author.id.0.cast_signed())
        .execute(database)
        .await
        .map(|done| done.rows_affected() == 1)
}

/// Stores a lease over the version it was read at; `false` if that is not the
/// present one, or if it would give a lease whose machine is gone a machine.
pub(super) async fn save_lease(
    database: impl AnyExecutor<'_>,
    lease: &Versioned<Lease>,
) -> sqlx::Result<bool> {
    let Versioned { version, value } = lease;
    let query = if *version == 0 {
        sqlx::query(
            "INSERT INTO leases (id, version, state, provider, machine, check_at, document, counted)
             VALUES ($1, $2 + 1, $3, $4, $5, $6, $7, $8)",
        )
    } else {
        sqlx::query(
            "UPDATE leases SET
                 version = version + 1, state = $3,
                 provider = $4, machine = $5, check_at = $6, document = $7, counted = $8
             WHERE id = $1 AND version = $2
               AND (state NOT IN ('destroyed', 'ended') OR $3 IN ('destroyed', 'ended'))",
        )
    };
    query
        .bind(value.id.to_string())
        .bind(version.cast_signed())
        .bind(value.state.word())
        .bind(value.provider.as_str())
        .bind(value.order.key.name.as_str())
        .bind(warning::next_check(value).map(from_time))
        .bind(from_value(value)?)
        .bind(crate::usage::counted_lease(value))
        .execute(database)
        .await
        .map(|done| done.rows_affected() == 1)
}
