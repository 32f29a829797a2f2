//! Tasks to be done outside: the outbox.

use sqlx::{AnyConnection, AnyExecutor};

use super::column::{
    from_text, from_time, from_value, to_count, to_small_count, to_time, to_value,
};
use crate::{
    effect::NewEffect,
    identity::Timestamp,
    ports::store::{ClaimedEffect, EffectKind, Used},
};

/// Stores a task unless its key was ever seen.
pub(super) async fn order(
    database: impl AnyExecutor<'_>,
    effect: &NewEffect,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO effects (key, lane, priority, kind, task, state, ordered_at, due)
         VALUES ($1, $2, $3, $4, $5, 'pending', $6, $6)
         ON CONFLICT (key) DO NOTHING",
    )
    .bind(&effect.key)
    .bind(&effect.lane)
    .bind(i64::from(effect.priority))
    .bind(EffectKind::of(&effect.task).word())
    .bind(from_value(&effect.task)?)
    .bind(from_time(now))
    .execute(database)
    .await
    .map(drop)
}

// A lane's first is the only one of it that may be taken, and not while a task
// of the lane is running: a warning that came to stand before it must wait too.
pub(super) const CLAIM: &str = "
UPDATE effects SET state = 'running', attempts = attempts + 1, claimed_until = $2
WHERE id = (
    SELECT first.id FROM effects AS first
    WHERE first.state IN ('pending', 'running')
      AND first.due <= $1
      AND NOT EXISTS (
          SELECT 1 FROM effects AS earlier
          WHERE earlier.state IN ('pending', 'running') AND earlier.lane = first.lane
            AND (earlier.priority, earlier.id) < (first.priority, first.id))
      AND NOT EXISTS (
          SELECT 1 FROM effects AS other
          WHERE other.state = 'running' AND other.lane = first.lane
            AND other.claimed_until > $1)
    ORDER BY first.priority, first.id
    LIMIT 1)
RETURNING id, attempts, waits, begun, lane, key, task, ordered_at";

type ClaimedRow = (i64, i64, i64, i64, String, String, String, i64);

/// Takes the next task that is due and first in its lane.
pub(super) async fn claim(
    database: impl AnyExecutor<'_>,
    now: Timestamp,
    until: Timestamp,
) -> sqlx::Result<Option<ClaimedEffect>> {
    // Read to the end: a statement that is dropped after its first row is
    // committed without anybody hearing whether that worked.
    let rows: Vec<ClaimedRow> = sqlx::query_as(CLAIM)
        .bind(from_time(now))
        .bind(from_time(until))
        .fetch_all(database)
        .await?;
    rows.into_iter()
        .next()
        .map(|(id, attempts, waits, begun, lane, key, task, ordered_at)| {
            let task = to_value(&task, || format!("the stored task {key}"))?;
            Ok(ClaimedEffect {
                id: to_count(id),
                attempts: to_small_count(attempts),
                tries: to_small_count(attempts - waits),
                begun: begun != 0,
                lane,
                key,
                task,
                ordered_at: to_time(ordered_at),
                until,
            })
        })
        .transpose()
}

/// The task is done; `false` if the claim was lost.
pub(super) async fn finish(
    database: impl AnyExecutor<'_>,
    effect: &ClaimedEffect,
    now: Timestamp,
) -> sqlx::Result<bool> {
    sqlx::query(
        "UPDATE effects SET
             state = 'done', finished_at = $3, claimed_until = NULL, last_error = NULL
         WHERE id = $1 AND attempts = $2 AND state = 'running'",
    )
    .bind(effect.id.cast_signed())
    .bind(i64::from(effect.attempts))
    .bind(from_time(now))
    .execute(database)
    .await
    .map(|done| done.rows_affected() == 1)
}

/// Why a task is due again later.
#[derive(Clone, Copy)]
pub(super) enum Later {
    /// It failed, and has to begin anew.
    Failed,
    /// It failed, and may have taken effect.
    Doubted,
    /// It waits for something, begun or not.
    Waits,
    /// It has begun and goes on then.
    Begun,
}

/// The task is due again later.
pub(super) async fn postpone(
    database: impl AnyExecutor<'_>,
    effect: &ClaimedEffect,
    due: Timestamp,
    (later, why): (Later, &str),
) -> sqlx::Result<()> {
    let begun = match later {
        Later::Failed => Some(0_i64),
        Later::Doubted | Later::Waits => None,
        Later::Begun => Some(1),
    };
    sqlx::query(
        "UPDATE effects SET
             state = 'pending', due = $3, claimed_until = NULL, last_error = $4,
             begun = COALESCE($5, begun), waits = waits + $6
         WHERE id = $1 AND attempts = $2 AND state = 'running'",
    )
    .bind(effect.id.cast_signed())
    .bind(i64::from(effect.attempts))
    .bind(from_time(due))
    .bind(from_text(why))
    .bind(begun)
    .bind(i64::from(matches!(later, Later::Waits | Later::Begun)))
    .execute(database)
    .await
    .map(drop)
}

/// The task waits for a person.
pub(super) async fn bury(
    database: impl AnyExecutor<'_>,
    effect: &ClaimedEffect,
    now: Timestamp,
    error: &str,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE effects SET state = 'buried', buried_at = $3, claimed_until = NULL, last_error = $4
         WHERE id = $1 AND attempts = $2 AND state = 'running'",
    )
    .bind(effect.id.cast_signed())
    .bind(i64::from(effect.attempts))
    .bind(from_time(now))
    .bind(from_text(error))
    .execute(database)
    .await
    .map(drop)
}

/// What is not done of a lane goes on in another one.
pub(super) async fn change_lane(
    database: &mut AnyConnection,
    from: &str,
    to: &str,
) -> sqlx::Result<()> {
    // In two steps, so that each finds its partial index.
    for statement in [
        "UPDATE effects SET lane = $2 WHERE lane = $1 AND state IN ('pending', 'running')",
        "UPDATE effects SET lane = $2 WHERE lane = $1 AND state = 'buried'",
    ] {
        sqlx::query(statement).bind(from).bind(to).execute(&mut *database).await?;
    }
    Ok(())
}

/// Makes due what waits in these lanes. A running task keeps running.
pub(super) async fn revive(
    database: &mut AnyConnection,
    lanes: &[String],
    now: Timestamp,
) -> sqlx::Result<u64> {
    let mut revived = 0;
    for lane in lanes {
        // In two steps, so that each finds its partial index.
        for statement in [
            "UPDATE effects SET due = $2
             WHERE lane = $1 AND state IN ('pending', 'running') AND state = 'pending'",
            "UPDATE effects SET state = 'pending', due = $2, buried_at = NULL
             WHERE lane = $1 AND state = 'buried'",
        ] {
            revived += sqlx::query(statement)
                .bind(lane)
                .bind(from_time(now))
                .execute(&mut *database)
                .await?
                .rows_affected();
        }
    }
    Ok(revived)
}

/// The first count is of those that are done, the second of those under way,
/// be it by somebody who has died: what they did is not known yet.
pub(super) const ADMIT: &str = "UPDATE effects SET begun = 1
     WHERE id = $1 AND attempts = $2 AND state = 'running' AND (begun = 1 OR $5 >
         (SELECT COUNT(*) FROM effects WHERE kind = $3 AND finished_at >= $4)
         + (SELECT COUNT(*) FROM effects
            WHERE state IN ('pending', 'running') AND begun = 1 AND kind = $3))";

/// Whether the task may begin; if so, it has.
pub(super) async fn admit(
    database: impl AnyExecutor<'_>,
    kind: EffectKind,
    effect: &ClaimedEffect,
    since: Timestamp,
    most: u64,
) -> sqlx::Result<bool> {
    let admitted = sqlx::query(ADMIT)
        .bind(effect.id.cast_signed())
        .bind(i64::from(effect.attempts))
        .bind(kind.word())
        .bind(from_time(since))
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .execute(database)
        .await?;
    Ok(admitted.rows_affected() == 1)
}

/// How much of the limit of this kind is used. Called in a transaction, so that
/// both counts are of one moment.
pub(super) async fn used(
    database: &mut AnyConnection,
    kind: EffectKind,
    since: Timestamp,
) -> sqlx::Result<Used> {
    let finished: Vec<i64> = sqlx::query_scalar(
        "SELECT finished_at FROM effects WHERE kind = $1 AND finished_at >= $2
         ORDER BY finished_at LIMIT 10000",
    )
    .bind(kind.word())
    .bind(from_time(since))
    .fetch_all(&mut *database)
    .await?;
    let begun: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM effects
         WHERE state IN ('pending', 'running') AND begun = 1 AND kind = $1",
    )
    .bind(kind.word())
    .fetch_one(&mut *database)
    .await?;
    Ok(Used { finished: finished.into_iter().map(to_time).collect(), begun: to_count(begun) })
}
