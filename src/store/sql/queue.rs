//! The queue of tasks, for people.

use sqlx::AnyConnection;

use super::column::{from_limit, from_time, to_count, to_small_count, to_time, to_value};
use crate::{
    identity::Timestamp,
    ports::queue::{Standing, Unfinished},
};

type Row = (i64, String, String, String, String, i64, i64, i64, Option<String>);

/// What waits for a person, then the rest in the order in which it is due.
/// `database` is in a transaction.
pub(super) async fn read(
    database: &mut AnyConnection,
    most: usize,
) -> sqlx::Result<Vec<Unfinished>> {
    let mut found = Vec::new();
    // In two steps, so that each finds its partial index.
    for statement in [
        "SELECT id, state, lane, key, task, attempts - waits, ordered_at, buried_at, last_error
         FROM effects WHERE state = 'buried' ORDER BY buried_at, id LIMIT $1",
        "SELECT id, state, lane, key, task, attempts - waits, ordered_at,
                COALESCE(claimed_until, due), last_error
         FROM effects WHERE state IN ('pending', 'running') ORDER BY due, id LIMIT $1",
    ] {
        let rows: Vec<Row> = sqlx::query_as(statement)
            .bind(from_limit(most - found.len()))
            .fetch_all(&mut *database)
            .await?;
        found.extend(rows.into_iter().map(unfinished));
    }
    Ok(found)
}

fn unfinished((id, state, lane, key, task, tries, ordered_at, at, error): Row) -> Unfinished {
    let standing = match state.as_str() {
        "buried" => Standing::Buried,
        "running" => Standing::Running,
        _ => Standing::Pending,
    };
    Unfinished {
        id: to_count(id),
        standing: standing(to_time(at)),
        lane,
        task: to_value(&task, || format!("the stored task {key}")).ok(),
        key,
        tries: to_small_count(tries),
        ordered_at: to_time(ordered_at),
        error,
    }
}

/// A buried task is never done; `false` if it is not buried.
pub(super) async fn drop(
    database: &mut AnyConnection,
    id: u64,
    now: Timestamp,
) -> sqlx::Result<bool> {
    sqlx::query(
        "UPDATE effects SET state = 'done', finished_at = $2, buried_at = NULL
         WHERE id = $1 AND state = 'buried'",
    )
    .bind(id.cast_signed())
    .bind(from_time(now))
    .execute(database)
    .await
    .map(|done| done.rows_affected() == 1)
}
