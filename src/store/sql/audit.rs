//! The audit log.

use sqlx::{AnyConnection, AnyExecutor};

use super::column::{from_limit, from_time, from_value, to_count, to_time, to_value};
use crate::{
    identity::{Digest, Timestamp},
    ports::store::{AuditEntry, AuditNote},
    store::audit_chain,
};

type Row = (i64, i64, String, String);

fn to_entry((number, at, note, hash): Row) -> sqlx::Result<AuditEntry> {
    Ok(AuditEntry {
        number: to_count(number),
        at: to_time(at),
        note: to_value(&note, || format!("audit entry {number}"))?,
        hash: Digest::try_from(hash).map_err(|error| sqlx::Error::Decode(error.into()))?,
    })
}

/// Appends to the chain. Only inside a transaction that nobody else can have
/// at the same time, or the chain would fork.
pub(super) async fn append(
    database: &mut AnyConnection,
    notes: &[AuditNote],
    now: Timestamp,
) -> sqlx::Result<()> {
    if notes.is_empty() {
        return Ok(());
    }
    let mut last =
        sqlx::query_as("SELECT number, at, note, hash FROM audit_log ORDER BY number DESC LIMIT 1")
            .fetch_optional(&mut *database)
            .await?
            .map(to_entry)
            .transpose()?;
    for note in notes {
        let entry = audit_chain::next(last.as_ref(), now, note.clone());
        sqlx::query("INSERT INTO audit_log (number, at, note, hash) VALUES ($1, $2, $3, $4)")
            .bind(entry.number.cast_signed())
            .bind(from_time(entry.at))
            .bind(from_value(&entry.note)?)
            .bind(entry.hash.to_string())
            .execute(&mut *database)
            .await?;
        last = Some(entry);
    }
    Ok(())
}

/// Entries in order.
pub(super) async fn read(
    database: impl AnyExecutor<'_>,
    from: u64,
    limit: usize,
) -> sqlx::Result<Vec<AuditEntry>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT number, at, note, hash FROM audit_log WHERE number >= $1
         ORDER BY number LIMIT $2",
    )
    .bind(i64::try_from(from).unwrap_or(i64::MAX))
    .bind(from_limit(limit))
    .fetch_all(database)
    .await?;
    rows.into_iter().map(to_entry).collect()
}
