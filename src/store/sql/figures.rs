//! Figures for people.

use std::collections::BTreeMap;

use sqlx::AnyConnection;

use super::column::{from_time, to_count};
use crate::{identity::Timestamp, ports::store::Figures};

/// All figures, of one moment: `database` is in a transaction.
pub(super) async fn read(database: &mut AnyConnection, now: Timestamp) -> sqlx::Result<Figures> {
    let requests = sqlx::query_as("SELECT state, COUNT(*) FROM requests GROUP BY state")
        .fetch_all(&mut *database)
        .await?;
    let leases = sqlx::query_as("SELECT state, COUNT(*) FROM leases GROUP BY state")
        .fetch_all(&mut *database)
        .await?;
    let looks = sqlx::query_as("SELECT COUNT(*), MIN(since) FROM looks WHERE wanted > done")
        .fetch_one(&mut *database)
        .await?;
    let effects = sqlx::query_as(
        "SELECT COUNT(*), MIN(ordered_at) FROM effects WHERE state IN ('pending', 'running')",
    )
    .fetch_one(&mut *database)
    .await?;
    let effects_buried =
        count(database, "SELECT COUNT(*) FROM effects WHERE state = 'buried'").await?;
    let buried: Vec<(String, Option<String>)> = sqlx::query_as(
        "SELECT key, last_error FROM effects WHERE state = 'buried'
         ORDER BY buried_at DESC, id DESC LIMIT 10",
    )
    .fetch_all(&mut *database)
    .await?;
    let deliveries = count(database, "SELECT COUNT(*) FROM deliveries").await?;
    let audit_entries = count(database, "SELECT COUNT(*) FROM audit_log").await?;

    let (looks_waiting, oldest_look_seconds) = waiting(looks, now);
    let (effects_pending, oldest_effect_seconds) = waiting(effects, now);
    Ok(Figures {
        requests: by_state(requests),
        leases: by_state(leases),
        looks_waiting,
        oldest_look_seconds,
        effects_pending,
        oldest_effect_seconds,
        effects_buried,
        buried: buried
            .into_iter()
            .map(|(key, error)| format!("{key}: {}", error.unwrap_or_default()))
            .collect(),
        leases_unreadable: Vec::new(),
        deliveries,
        audit_entries,
    })
}

async fn count(database: &mut AnyConnection, statement: &'static str) -> sqlx::Result<u64> {
    sqlx::query_scalar(statement).fetch_one(database).await.map(to_count)
}

fn by_state(rows: Vec<(String, i64)>) -> BTreeMap<String, u64> {
    rows.into_iter().map(|(state, count)| (state, to_count(count))).collect()
}

/// How many wait, and for how many seconds the oldest of them does.
fn waiting((count, since): (i64, Option<i64>), now: Timestamp) -> (u64, u64) {
    let milliseconds = since.map_or(0, |since| from_time(now).saturating_sub(since));
    (to_count(count), to_count(milliseconds / 1000))
}
