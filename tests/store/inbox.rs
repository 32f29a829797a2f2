//! Deliveries and looks.

use std::collections::BTreeSet;

use futures::future::join_all;
use innkeeper::{
    identity::{ForgeName, IssueNumber, IssueRef, ProjectId},
    ports::store::{Delivered, Delivery, Look, Store},
};

use crate::builders::{at, delivery, issue};

async fn claim(store: &dyn Store, seconds: i64) -> Option<Look> {
    store.claim_look(at(seconds), at(seconds + 60)).await.unwrap()
}

pub(crate) async fn a_delivery_counts_once_and_makes_its_issue_wanted(store: &dyn Store) {
    let first = delivery("a", Some(issue(1)));
    assert_eq!(store.deliver(&first).await.unwrap(), Delivered::New);
    let look = claim(store, 0).await.unwrap();
    assert_eq!((&look.issue, look.failures, look.since), (&issue(1), 0, at(0)));
    store.finish_look(&look).await.unwrap();

    assert_eq!(store.deliver(&first).await.unwrap(), Delivered::Duplicate);
    assert_eq!(claim(store, 1).await, None, "a redelivery changes nothing");
    assert_eq!(store.figures(at(0)).await.unwrap().deliveries, 1);
}

pub(crate) async fn a_delivery_without_an_issue_is_only_stored(store: &dyn Store) {
    let ignored = Delivery { ignored: Some("no issue".to_owned()), ..delivery("a", None) };
    assert_eq!(store.deliver(&ignored).await.unwrap(), Delivered::New);
    assert_eq!(claim(store, 0).await, None);
}

pub(crate) async fn the_same_key_from_another_forge_is_another_delivery(store: &dyn Store) {
    let first = delivery("a", None);
    let other = Delivery { forge: ForgeName::from("github"), ..first.clone() };
    assert_eq!(store.deliver(&first).await.unwrap(), Delivered::New);
    assert_eq!(store.deliver(&other).await.unwrap(), Delivered::New);
}

pub(crate) async fn bodies_are_forgotten_but_the_key_stays_known(store: &dyn Store) {
    store.deliver(&delivery("old", None)).await.unwrap();
    store.deliver(&Delivery { received_at: at(10), ..delivery("new", None) }).await.unwrap();
    assert_eq!(store.forget_bodies(at(10)).await.unwrap(), 1);
    assert_eq!(store.forget_bodies(at(10)).await.unwrap(), 0);
    assert_eq!(store.deliver(&delivery("old", None)).await.unwrap(), Delivered::Duplicate);
}

pub(crate) async fn sixteen_claimers_share_the_looks_without_overlap(store: &dyn Store) {
    let issues: Vec<IssueRef> = (1..=10).map(issue).collect();
    store.want_looks(&issues, at(0)).await.unwrap();
    let claims = join_all((0..16).map(|_| claim(store, 1))).await;
    let taken: Vec<IssueRef> = claims.into_iter().flatten().map(|look| look.issue).collect();
    assert_eq!(taken.len(), 10);
    assert_eq!(taken.into_iter().collect::<BTreeSet<_>>(), issues.into_iter().collect());
}

pub(crate) async fn a_claim_that_ran_out_is_up_for_taking_and_its_holder_has_lost_it(
    store: &dyn Store,
) {
    store.want_looks(&[issue(1)], at(0)).await.unwrap();
    let lost = claim(store, 0).await.unwrap();
    assert_eq!(claim(store, 59).await, None);
    let held = claim(store, 60).await.unwrap();
    assert_ne!(held.claim, lost.claim);

    store.finish_look(&lost).await.unwrap();
    assert_eq!(store.figures(at(61)).await.unwrap().looks_waiting, 1);
    store.postpone_look(&lost, at(61), "late").await.unwrap();
    assert_eq!(claim(store, 119).await, None, "the second claim still holds");
    store.finish_look(&held).await.unwrap();
    assert_eq!(claim(store, 1000).await, None);

    // Counters are not reused: the lost claim says nothing about a later one.
    store.want_looks(&[issue(1)], at(2000)).await.unwrap();
    let later = claim(store, 2000).await.unwrap();
    store.finish_look(&lost).await.unwrap();
    store.finish_look(&held).await.unwrap();
    assert_eq!(claim(store, 2059).await, None);
    assert_eq!(claim(store, 2060).await.unwrap().issue, later.issue);
}

pub(crate) async fn a_look_wanted_during_the_claim_stays_wanted(store: &dyn Store) {
    store.want_looks(&[issue(1)], at(0)).await.unwrap();
    let first = claim(store, 1).await.unwrap();
    store.want_looks(&[issue(1)], at(2)).await.unwrap();
    assert_eq!(claim(store, 3).await, None, "one look at a time");
    store.finish_look(&first).await.unwrap();

    let second = claim(store, 3).await.unwrap();
    assert!(second.wanted > first.wanted);
    assert_eq!(second.since, at(2), "it waits since it was wanted again");
    store.finish_look(&second).await.unwrap();
    assert_eq!(claim(store, 1000).await, None);
}

pub(crate) async fn a_failed_look_waits_and_counts_its_failures_until_one_succeeds(
    store: &dyn Store,
) {
    store.want_looks(&[issue(1)], at(0)).await.unwrap();
    for failures in 0..3 {
        let seconds = i64::from(failures) * 100;
        let look = claim(store, seconds).await.unwrap();
        assert_eq!((look.failures, look.since), (failures, at(0)));
        store.postpone_look(&look, at(seconds + 100), "forge is away").await.unwrap();
        assert_eq!(claim(store, seconds + 99).await, None);
    }
    let look = claim(store, 300).await.unwrap();
    store.finish_look(&look).await.unwrap();
    store.want_looks(&[issue(1)], at(400)).await.unwrap();
    let fresh = claim(store, 400).await.unwrap();
    assert_eq!((fresh.failures, fresh.since), (0, at(400)));
}

pub(crate) async fn a_look_that_has_to_wait_has_not_failed(store: &dyn Store) {
    store.want_looks(&[issue(1)], at(0)).await.unwrap();
    let look = claim(store, 0).await.unwrap();
    store.postpone_look(&look, at(10), "forge is away").await.unwrap();
    let look = claim(store, 10).await.unwrap();
    store.defer_look(&look, at(20)).await.unwrap();
    assert_eq!(claim(store, 19).await, None);
    let look = claim(store, 20).await.unwrap();
    assert_eq!((look.failures, look.since), (1, at(0)));

    // What was wanted again meanwhile waits for nothing, and a lost claim moves nothing.
    store.want_looks(&[issue(1)], at(21)).await.unwrap();
    store.defer_look(&look, at(1000)).await.unwrap();
    let again = claim(store, 21).await.unwrap();
    store.defer_look(&look, at(1000)).await.unwrap();
    assert_eq!(claim(store, 22).await, None);
    store.finish_look(&again).await.unwrap();
    assert_eq!(store.figures(at(22)).await.unwrap().looks_waiting, 0);
}

pub(crate) async fn a_look_is_not_due_before_it_was_wanted(store: &dyn Store) {
    store.want_looks(&[issue(1)], at(10)).await.unwrap();
    assert_eq!(claim(store, 9).await, None);
    assert!(claim(store, 10).await.is_some());
}

pub(crate) async fn wanting_a_postponed_look_makes_it_due(store: &dyn Store) {
    store.want_looks(&[issue(1)], at(0)).await.unwrap();
    let look = claim(store, 0).await.unwrap();
    store.postpone_look(&look, at(1000), "forge is away").await.unwrap();
    store.want_looks(&[issue(1)], at(5)).await.unwrap();
    assert_eq!(claim(store, 4).await, None);
    assert_eq!(claim(store, 5).await.unwrap().failures, 1);
}

pub(crate) async fn wanting_a_look_while_it_fails_keeps_it_due(store: &dyn Store) {
    store.want_looks(&[issue(1)], at(0)).await.unwrap();
    let look = claim(store, 0).await.unwrap();
    store.want_looks(&[issue(1)], at(5)).await.unwrap();
    store.postpone_look(&look, at(1000), "forge is away").await.unwrap();
    assert_eq!(claim(store, 5).await.unwrap().failures, 1);
}

pub(crate) async fn a_look_that_waits_longest_comes_first(store: &dyn Store) {
    store.want_looks(&[issue(3)], at(0)).await.unwrap();
    store.want_looks(&[issue(1), issue(2)], at(1)).await.unwrap();
    store.want_looks(&[issue(3)], at(2)).await.unwrap();
    let mut order = Vec::new();
    while let Some(look) = claim(store, 10).await {
        order.push(look.issue.number.0);
    }
    assert_eq!(order, [3, 1, 2], "being wanted again costs no place in the queue");
}

pub(crate) async fn numbers_beyond_the_database_s_range_come_back_as_they_were(store: &dyn Store) {
    let far =
        IssueRef { project: ProjectId(u64::MAX), number: IssueNumber(u64::MAX - 1), ..issue(1) };
    store.want_looks(std::slice::from_ref(&far), at(0)).await.unwrap();
    assert_eq!(claim(store, 0).await.unwrap().issue, far);
}
