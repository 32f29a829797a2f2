//! What came in: deliveries, and the issues that want a look.

use sqlx::{AnyConnection, AnyExecutor};

use super::column::{
    from_issue, from_text, from_time, to_count, to_issue, to_small_count, to_time,
};
use crate::{
    identity::{IssueRef, Timestamp},
    ports::store::{Delivered, Delivery, Look},
};

/// Stores a delivery unless its key was seen before.
pub(super) async fn store(
    database: impl AnyExecutor<'_>,
    delivery: &Delivery,
) -> sqlx::Result<Delivered> {
    let inserted = sqlx::query(
        "INSERT INTO deliveries
             (forge, key, project, issue, event, ignored, body, received_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (forge, key) DO NOTHING",
    )
    .bind(delivery.forge.as_str())
    .bind(from_text(&delivery.key))
    .bind(delivery.project.0.cast_signed())
    .bind(delivery.issue.as_ref().map(|issue| issue.number.0.cast_signed()))
    .bind(from_text(&delivery.event))
    .bind(delivery.ignored.as_deref().map(from_text))
    .bind(&delivery.body)
    .bind(from_time(delivery.received_at))
    .execute(database)
    .await?;
    Ok(if inserted.rows_affected() == 0 { Delivered::Duplicate } else { Delivered::New })
}

/// Forgets the bodies of deliveries that came before a moment.
pub(super) async fn forget_bodies(
    database: impl AnyExecutor<'_>,
    before: Timestamp,
) -> sqlx::Result<u64> {
    sqlx::query("UPDATE deliveries SET body = NULL WHERE body IS NOT NULL AND received_at < $1")
        .bind(from_time(before))
        .execute(database)
        .await
        .map(|done| done.rows_affected())
}

/// Notes that these issues want a look, now.
pub(super) async fn want(
    database: &mut AnyConnection,
    issues: &[IssueRef],
    now: Timestamp,
) -> sqlx::Result<()> {
    for issue in issues {
        let (forge, project, number) = from_issue(issue);
        sqlx::query(
            "INSERT INTO looks (forge, project, number, wanted, since, wanted_at, due)
             VALUES ($1, $2, $3, 1, $4, $4, $4)
             ON CONFLICT (forge, project, number) DO UPDATE SET
                 since = CASE WHEN looks.wanted > looks.done
                              THEN looks.since ELSE excluded.since END,
                 wanted = looks.wanted + 1,
                 wanted_at = excluded.wanted_at,
                 due = excluded.due",
        )
        .bind(forge)
        .bind(project)
        .bind(number)
        .bind(from_time(now))
        .execute(&mut *database)
        .await?;
    }
    Ok(())
}

pub(super) const CLAIM: &str = "
UPDATE looks SET claim = claim + 1, claimed_until = $2
WHERE id = (
    SELECT id FROM looks
    WHERE wanted > done AND due <= $1 AND (claimed_until IS NULL OR claimed_until <= $1)
    ORDER BY since, id
    LIMIT 1)
RETURNING forge, project, number, wanted, claim, failures, since";

/// Takes the issue that waits longest of those that are due.
pub(super) async fn claim(
    database: impl AnyExecutor<'_>,
    now: Timestamp,
    until: Timestamp,
) -> sqlx::Result<Option<Look>> {
    // Read to the end: a statement that is dropped after its first row is
    // committed without anybody hearing whether that worked.
    let rows: Vec<(String, i64, i64, i64, i64, i64, i64)> = sqlx::query_as(CLAIM)
        .bind(from_time(now))
        .bind(from_time(until))
        .fetch_all(database)
        .await?;
    Ok(rows.into_iter().next().map(|(forge, project, number, wanted, claim, failures, since)| {
        Look {
            issue: to_issue(forge, project, number),
            wanted: to_count(wanted),
            claim: to_count(claim),
            failures: to_small_count(failures),
            since: to_time(since),
            until,
        }
    }))
}

/// The look is done, as far as it was wanted when it was claimed.
pub(super) async fn finish(database: impl AnyExecutor<'_>, look: &Look) -> sqlx::Result<()> {
    let (forge, project, number) = from_issue(&look.issue);
    sqlx::query(
        "UPDATE looks SET
             done = $5, failures = 0, last_error = NULL, claimed_until = NULL, since = wanted_at
         WHERE forge = $1 AND project = $2 AND number = $3
           AND claim = $4 AND claimed_until IS NOT NULL",
    )
    .bind(forge)
    .bind(project)
    .bind(number)
    .bind(look.claim.cast_signed())
    .bind(look.wanted.cast_signed())
    .execute(database)
    .await
    .map(drop)
}

/// The look failed, or has to wait for something else if there is no error. One
/// that was wanted again meanwhile stays due.
pub(super) async fn postpone(
    database: impl AnyExecutor<'_>,
    look: &Look,
    due: Timestamp,
    error: Option<&str>,
) -> sqlx::Result<()> {
    let (forge, project, number) = from_issue(&look.issue);
    sqlx::query(
        "UPDATE looks SET
             failures = failures + $8, last_error = COALESCE($6, last_error),
             claimed_until = NULL,
             due = CASE WHEN wanted > $5 THEN due ELSE $7 END
         WHERE forge = $1 AND project = $2 AND number = $3
           AND claim = $4 AND claimed_until IS NOT NULL",
    )
    .bind(forge)
    .bind(project)
    .bind(number)
    .bind(look.claim.cast_signed())
    .bind(look.wanted.cast_signed())
    .bind(error.map(from_text))
    .bind(from_time(due))
    .bind(i64::from(error.is_some()))
    .execute(database)
    .await
    .map(drop)
}
