//! Locks and moments, and what operators have frozen.

use innkeeper::{
    brake::{Deed, Freezes},
    lease::Lease,
    ports::store::{Change, Delivered, Delivery, Store},
};

use crate::builders::{at, change, delivery, effect, freeze, issue, lease, note, order, settle};

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

pub(crate) async fn a_text_is_remembered_alone_or_with_a_change(store: &dyn Store) {
    assert_eq!(store.memo("tea").await.unwrap(), None);
    store.set_memo("tea", "green").await.unwrap();
    assert_eq!(store.memo("tea").await.unwrap().as_deref(), Some("green"));
    let memos = vec![("tea".to_owned(), "black".to_owned())];
    let stale = Some(store.usage_mark().await.unwrap() + 1);
    let change = Change { memos, audit: vec![note("brew")], ..change() };
    store.commit(&Change { usage_mark: stale, ..change.clone() }).await.unwrap_err();
    assert_eq!(store.memo("tea").await.unwrap().as_deref(), Some("green"));
    store.commit(&change).await.unwrap();
    assert_eq!(store.memo("tea").await.unwrap().as_deref(), Some("black"));
}

pub(crate) async fn what_is_frozen_stays_so_until_it_is_thawed(store: &dyn Store) {
    let set = async |freezes| {
        let audit = vec![note("freeze")];
        store.commit(&Change { freezes, audit, ..change() }).await.unwrap();
    };
    assert_eq!(store.freezes().await.unwrap(), Freezes::default());
    let (moved, full) =
        (freeze("storage is moved", Some(60)), freeze("the \"house\" is full", None));
    set(vec![(Deed::Destroy, Some(moved)), (Deed::Create, Some(full.clone()))]).await;
    let again = freeze("audit", None);
    set(vec![(Deed::Destroy, Some(again.clone()))]).await;
    let expected = [(Deed::Create, full), (Deed::Destroy, again.clone())];
    assert_eq!(store.freezes().await.unwrap().0, expected.into());
    set(vec![(Deed::Create, None), (Deed::Stop, None)]).await;
    assert_eq!(store.freezes().await.unwrap().0, [(Deed::Destroy, again)].into());
    assert_eq!(store.audit_log(1, 10).await.unwrap().len(), 3, "in the same transaction");
}

pub(crate) async fn a_text_is_remembered_and_characters_no_database_takes_are_replaced(
    store: &dyn Store,
) {
    assert_eq!(store.memo("reload").await.unwrap(), None);
    let odd = "a \0 b \u{1} \u{10ffff} 'c' \\u0000 --";
    let told = |text: &str| text.replace('\u{fffd}', "\0");
    store.set_memo("reload", "well").await.unwrap();
    store.set_memo("reload", odd).await.unwrap();
    assert_eq!(told(&store.memo("reload").await.unwrap().unwrap()), odd);

    // What a provider says may hold anything. Documents come back as they were.
    let value = Lease { trouble: Some(odd.to_owned()), ..lease(1) };
    settle(store, value.clone()).await;
    assert_eq!(store.lease(value.id).await.unwrap().unwrap().value, value);
    order(store, vec![effect("lane", "start")]).await;
    let claim = store.claim_effect(at(0), at(60)).await.unwrap().unwrap();
    store.bury_effect(&claim, at(1), odd).await.unwrap();
    let buried = store.figures(at(1)).await.unwrap().buried;
    assert_eq!(told(&buried[0]), format!("start: {odd}"));
    store.want_looks(&[issue(1)], at(0)).await.unwrap();
    let look = store.claim_look(at(0), at(60)).await.unwrap().unwrap();
    store.postpone_look(&look, at(9), odd).await.unwrap();
    let sent =
        Delivery { event: odd.to_owned(), ignored: Some(odd.to_owned()), ..delivery(odd, None) };
    assert_eq!(store.deliver(&sent).await.unwrap(), Delivered::New);
    assert_eq!(store.deliver(&sent).await.unwrap(), Delivered::Duplicate);
}
