//! The mark of usage: what was decided by what is in use is stored only while
//! that still holds.

use innkeeper::{
    lease::{Lease, State},
    ports::store::{Change, CommitError, Store, Versioned},
    request::{Request, lifecycle},
};

use crate::builders::{at, change, effect, lease, note, order, request, settle};

/// A change of a lease that was read at this version.
fn with_lease(version: u64, value: Lease) -> Change {
    Change { leases: vec![Versioned { version, value }], ..change() }
}

fn with_request(version: u64, value: Request) -> Change {
    Change { request: Some(Versioned { version, value }), ..change() }
}

async fn conflicts(store: &dyn Store, change: &Change) -> bool {
    match store.commit(change).await {
        Ok(()) => false,
        Err(CommitError::Conflict) => true,
        Err(CommitError::Port(error)) => panic!("{}", error.chain()),
    }
}

pub(crate) async fn the_mark_grows_with_whatever_alters_usage_and_nothing_else(store: &dyn Store) {
    let mut bigger = lease(1);
    bigger.resizing.push(bigger.order.shape);
    let mut of_bob = bigger.clone();
    of_bob.owner.id.0 += 1;
    let told = Lease { trouble: Some("It is slow.".to_owned()), ..of_bob.clone() };
    let gone = Lease { state: State::Destroyed, ..told.clone() };
    let open = request(1);
    let explained = Request { shortage: Some("memory".to_owned()), ..open.clone() };
    let closed = Request { state: lifecycle::State::Withdrawn, ..open.clone() };
    let steps = [
        ("a new request", with_request(0, open), true),
        ("nothing that counts", with_request(1, explained), false),
        ("a closed request", with_request(2, closed), true),
        ("a new lease", with_lease(0, lease(1)), true),
        ("the same lease", with_lease(1, lease(1)), false),
        ("a size that is ordered", with_lease(2, bigger), true),
        ("another owner", with_lease(3, of_bob), true),
        ("trouble", with_lease(4, told), false),
        ("the end", with_lease(5, gone), true),
        ("an effect", Change { effects: vec![effect("lane", "start")], ..change() }, false),
    ];
    for (what, change, alters) in steps {
        let before = store.usage_mark().await.unwrap();
        store.commit(&change).await.unwrap();
        let after = store.usage_mark().await.unwrap();
        assert_eq!(after > before, alters, "{what}: {before} to {after}");
    }
}

pub(crate) async fn what_was_decided_by_usage_that_changed_is_a_conflict(store: &dyn Store) {
    order(store, vec![effect("lane", "first")]).await;
    let mark = store.usage_mark().await.unwrap();
    settle(store, lease(1)).await;
    let decided =
        Change { usage_mark: Some(mark), audit: vec![note("granted")], ..with_lease(0, lease(2)) };
    assert!(conflicts(store, &decided).await);
    assert_eq!(store.lease(lease(2).id).await.unwrap(), None);
    assert_eq!(store.audit_log(1, 10).await.unwrap(), []);
    let mark = store.usage_mark().await.unwrap();
    store.commit(&Change { usage_mark: Some(mark), ..decided }).await.unwrap();
    // What does not depend on usage is stored whatever it is.
    store.commit(&with_lease(0, lease(3))).await.unwrap();
}

pub(crate) async fn a_change_that_failed_does_not_move_the_mark(store: &dyn Store) {
    settle(store, lease(1)).await;
    let mark = store.usage_mark().await.unwrap();
    let mut both = with_lease(0, lease(2));
    both.request = Some(Versioned { version: 7, value: request(1) });
    assert!(conflicts(store, &both).await);
    assert_eq!(store.usage_mark().await.unwrap(), mark);
}

pub(crate) async fn of_many_that_were_decided_by_the_same_usage_one_is_stored(store: &dyn Store) {
    let mark = Some(store.usage_mark().await.unwrap());
    let grants: Vec<Change> = (1..=16)
        .map(|number| Change { usage_mark: mark, at: at(1), ..with_lease(0, lease(number)) })
        .collect();
    let outcomes = futures::future::join_all(grants.iter().map(|it| conflicts(store, it))).await;
    assert_eq!(outcomes.iter().filter(|conflict| !**conflict).count(), 1, "{outcomes:?}");
    assert_eq!(store.live_leases().await.unwrap().len(), 1);
}
