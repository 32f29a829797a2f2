//! The audit log.

use futures::future::join_all;
use innkeeper::{
    ports::store::{Change, Store},
    store::audit_chain::{verify, verify_after},
};

use crate::builders::{at, change, note};

pub(crate) async fn the_log_is_a_chain_read_in_pieces(store: &dyn Store) {
    let between = at(1) + chrono::TimeDelta::nanoseconds(123_456_789);
    for (moment, actions) in [(at(0), vec!["file"]), (between, vec!["approve", "create"])] {
        let audit = actions.into_iter().map(note).collect();
        store.commit(&Change { audit, at: moment, ..change() }).await.unwrap();
    }
    let log = store.audit_log(1, 100).await.unwrap();
    let actions: Vec<_> =
        log.iter().map(|entry| (entry.number, entry.note.action.as_str())).collect();
    assert_eq!(actions, [(1, "file"), (2, "approve"), (3, "create")]);
    assert_eq!(log.first().unwrap().note, note("file"));
    assert_eq!(verify(&log), Ok(()));

    let head = store.audit_log(1, 2).await.unwrap();
    let tail = store.audit_log(3, 2).await.unwrap();
    assert_eq!((head.len(), tail.len()), (2, 1));
    assert_eq!(verify_after(head.last(), &tail), Ok(()));
    assert_eq!(store.audit_log(4, 2).await.unwrap(), []);
    assert_eq!(store.figures(at(0)).await.unwrap().audit_entries, 3);
}

pub(crate) async fn concurrent_commits_do_not_fork_the_chain(store: &dyn Store) {
    let commits = (0..16).map(|number| async move {
        let audit = vec![note(&format!("a{number}")), note(&format!("b{number}"))];
        store.commit(&Change { audit, ..change() }).await.unwrap();
    });
    join_all(commits).await;
    let log = store.audit_log(1, 100).await.unwrap();
    assert_eq!(log.len(), 32);
    assert_eq!(verify(&log), Ok(()));
}
