//! Locks and moments.

use innkeeper::ports::store::Store;

use crate::builders::at;

pub(crate) async fn a_lock_has_one_holder_until_it_runs_out(store: &dyn Store) {
    let lock =
        async |holder, now, until| store.lock("sweep", holder, at(now), at(until)).await.unwrap();
    assert!(lock("one", 0, 60).await);
    assert!(!lock("two", 59, 200).await);
    assert!(lock("one", 59, 120).await, "the holder may prolong it");
    assert!(!lock("two", 119, 200).await);
    assert!(lock("two", 120, 200).await, "it has run out");
    assert!(!lock("one", 121, 200).await);
    assert!(store.lock("poll", "one", at(121), at(200)).await.unwrap(), "another lock");
}

pub(crate) async fn a_lock_is_given_back_by_its_holder_alone(store: &dyn Store) {
    assert!(store.lock("sweep", "one", at(0), at(60)).await.unwrap());
    store.unlock("sweep", "two").await.unwrap();
    assert!(!store.lock("sweep", "two", at(1), at(60)).await.unwrap());
    store.unlock("sweep", "one").await.unwrap();
    assert!(store.lock("sweep", "two", at(1), at(60)).await.unwrap());
}

pub(crate) async fn a_moment_is_remembered(store: &dyn Store) {
    assert_eq!(store.moment("heartbeat").await.unwrap(), None);
    for seconds in [5, 3] {
        store.set_moment("heartbeat", at(seconds)).await.unwrap();
        assert_eq!(store.moment("heartbeat").await.unwrap(), Some(at(seconds)));
    }
    assert_eq!(store.moment("poll").await.unwrap(), None);
}
