//! What is remembered by name: locks, moments, short texts, and what operators
//! have frozen.

use sqlx::{AnyConnection, AnyExecutor};

use super::column::{from_text, from_time, to_time};
use crate::{
    brake::{Deed, Freeze, Freezes},
    identity::Timestamp,
};

/// Takes or prolongs a lock; `false` if another holder has it.
pub(super) async fn lock(
    database: impl AnyExecutor<'_>,
    name: &str,
    holder: &str,
    now: Timestamp,
    until: Timestamp,
) -> sqlx::Result<bool> {
    sqlx::query(
        "INSERT INTO locks (name, holder, held_until) VALUES ($1, $2, $4)
         ON CONFLICT (name) DO UPDATE SET
             holder = excluded.holder, held_until = excluded.held_until
         WHERE locks.holder = excluded.holder OR locks.held_until <= $3",
    )
    .bind(name)
    .bind(holder)
    .bind(from_time(now))
    .bind(from_time(until))
    .execute(database)
    .await
    .map(|done| done.rows_affected() == 1)
}

/// Gives a lock back.
pub(super) async fn unlock(
    database: impl AnyExecutor<'_>,
    name: &str,
    holder: &str,
) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM locks WHERE name = $1 AND holder = $2")
        .bind(name)
        .bind(holder)
        .execute(database)
        .await
        .map(drop)
}

/// A remembered moment.
pub(super) async fn moment(
    database: impl AnyExecutor<'_>,
    name: &str,
) -> sqlx::Result<Option<Timestamp>> {
    sqlx::query_scalar("SELECT at FROM moments WHERE name = $1")
        .bind(name)
        .fetch_optional(database)
        .await
        .map(|at| at.map(to_time))
}

/// Remembers a moment.
pub(super) async fn set_moment(
    database: impl AnyExecutor<'_>,
    name: &str,
    at: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO moments (name, at) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET at = excluded.at",
    )
    .bind(name)
    .bind(from_time(at))
    .execute(database)
    .await
    .map(drop)
}

/// A remembered text.
pub(super) async fn memo(
    database: impl AnyExecutor<'_>,
    name: &str,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar("SELECT text FROM memos WHERE name = $1")
        .bind(name)
        .fetch_optional(database)
        .await
}

/// Remembers a text.
pub(super) async fn set_memo(
    database: impl AnyExecutor<'_>,
    name: &str,
    text: &str,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO memos (name, text) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET text = excluded.text",
    )
    .bind(name)
    .bind(from_text(text))
    .execute(database)
    .await
    .map(drop)
}

/// Freezes something, in place of what was frozen, or thaws it.
pub(super) async fn freeze(
    database: &mut AnyConnection,
    deed: Deed,
    freeze: Option<&Freeze>,
) -> sqlx::Result<()> {
    let query = match freeze {
        Some(Freeze { reason, since, until }) => sqlx::query(
            "INSERT INTO freezes (deed, reason, since, until) VALUES ($1, $2, $3, $4)
             ON CONFLICT (deed) DO UPDATE SET
                 reason = excluded.reason, since = excluded.since, until = excluded.until",
        )
        .bind(deed.word())
        .bind(from_text(reason))
        .bind(from_time(*since))
        .bind(until.map(from_time)),
        None => sqlx::query("DELETE FROM freezes WHERE deed = $1").bind(deed.word()),
    };
    query.execute(database).await.map(drop)
}

/// All freezes.
pub(super) async fn freezes(database: impl AnyExecutor<'_>) -> sqlx::Result<Freezes> {
    let rows: Vec<(String, String, i64, Option<i64>)> =
        sqlx::query_as("SELECT deed, reason, since, until FROM freezes")
            .fetch_all(database)
            .await?;
    let freezes = rows.into_iter().filter_map(|(deed, reason, since, until)| {
        let freeze = Freeze { reason, since: to_time(since), until: until.map(to_time) };
        Some((Deed::of_word(&deed)?, freeze))
    });
    Ok(Freezes(freezes.collect()))
}
