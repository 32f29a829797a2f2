//! What an operator does about tasks that are not done, from the command line.
//! Only the store is needed: whoever works hears of it there.

use std::collections::BTreeSet;

use crate::{
    effect::Task,
    identity::Timestamp,
    ports::{
        PortError,
        queue::Unfinished,
        store::{AuditNote, Change, CommitError, Store},
    },
};

/// Tries these at once, with all that takes its turn with them. Returns how many
/// tasks that are.
///
/// # Errors
///
/// The store's.
pub async fn retry(
    store: &dyn Store,
    tasks: &[Unfinished],
    now: Timestamp,
) -> Result<u64, PortError> {
    let change = Change { audit: notes("retry", tasks), at: now, ..Change::default() };
    store.commit(&change).await.map_err(|error| error.or_retry("note that tasks are retried"))?;
    let lanes: BTreeSet<String> = tasks.iter().map(|task| task.lane.clone()).collect();
    store.revive_effects(&Vec::from_iter(lanes), now).await
}

/// Never does these, which are buried. A warning that is dropped was not given:
/// nothing that it announces is done.
///
/// # Errors
///
/// A conflict if one of them is not buried any more: then none was dropped. Else
/// the store's.
pub async fn drop(
    store: &dyn Store,
    tasks: &[Unfinished],
    now: Timestamp,
) -> Result<(), CommitError> {
    let drops = tasks.iter().map(|task| task.id).collect();
    let audit = notes("drop", tasks);
    store.commit(&Change { drops, audit, at: now, ..Change::default() }).await
}

fn notes(action: &str, tasks: &[Unfinished]) -> Vec<AuditNote> {
    let note = |task: &Unfinished| {
        let what = task.task.as_ref().map_or("unreadable", Task::word);
        let note = AuditNote::by_operator(format!("{action}-{what}"));
        match task.task {
            Some(Task::Lease(lease, _)) => AuditNote { lease: Some(lease), ..note },
            Some(Task::Reply(request, _) | Task::TeamNote(request, _)) => {
                AuditNote { request: Some(request), ..note }
            }
            None => note,
        }
    };
    tasks.iter().map(note).collect()
}
