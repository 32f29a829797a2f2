//! What must be there after a restart: everything.

use innkeeper::{
    identity::NoteId,
    ports::store::{Change, Delivered, Store, Versioned},
    store::audit_chain::verify,
};

use crate::builders::{at, change, delivery, effect, issue, lease, lease_due, note, request};

/// Before the restart.
pub(crate) async fn fill(store: &dyn Store) {
    store.deliver(&delivery("a", Some(issue(1)))).await.unwrap();
    let full = Change {
        request: Some(Versioned::new(request(1))),
        leases: vec![Versioned::new(lease_due(1, at(50))), Versioned::new(lease(2))],
        effects: vec![effect("a", "a1"), effect("a", "a2")],
        seen: vec![(issue(1), NoteId(5))],
        audit: vec![note("approve")],
        ..change()
    };
    store.commit(&full).await.unwrap();
    store.claim_effect(at(0), at(60)).await.unwrap().unwrap();
    store.claim_look(at(0), at(60)).await.unwrap().unwrap();
    store.set_moment("heartbeat", at(7)).await.unwrap();
    assert!(store.lock("sweep", "one", at(0), at(60)).await.unwrap());
}

/// After it.
pub(crate) async fn find(store: &dyn Store) {
    assert_eq!(store.deliver(&delivery("a", None)).await.unwrap(), Delivered::Duplicate);
    let stored = store.request_on(&issue(1)).await.unwrap();
    assert_eq!(stored, Some(Versioned { version: 1, value: request(1) }));
    assert_eq!(store.live_leases().await.unwrap().len(), 2);
    assert_eq!(store.due_leases(at(50), 9).await.unwrap().len(), 1);
    assert_eq!(store.seen_notes(&issue(1)).await.unwrap(), [NoteId(5)].into());
    assert_eq!(store.moment("heartbeat").await.unwrap(), Some(at(7)));
    assert!(!store.lock("sweep", "two", at(59), at(90)).await.unwrap());

    // Claims of the process that is gone hold until they run out.
    assert_eq!(store.claim_effect(at(59), at(90)).await.unwrap(), None);
    assert_eq!(store.claim_look(at(59), at(90)).await.unwrap(), None);
    let task = store.claim_effect(at(60), at(90)).await.unwrap().unwrap();
    assert_eq!((task.key.as_str(), task.attempts), ("a1", 2));
    assert_eq!(store.claim_look(at(60), at(90)).await.unwrap().unwrap().issue, issue(1));

    store.commit(&Change { audit: vec![note("extend")], ..change() }).await.unwrap();
    let log = store.audit_log(1, 9).await.unwrap();
    assert_eq!((log.len(), verify(&log)), (2, Ok(())));
}
