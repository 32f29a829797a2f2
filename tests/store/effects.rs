//! Tasks, lanes and claims.

use std::collections::BTreeSet;

use futures::future::join_all;
use innkeeper::{
    effect::{NewEffect, Task},
    identity::LeaseId,
    lease::lifecycle::Effect,
    ports::{
        queue::{Standing, Unfinished},
        store::{Change, ClaimedEffect, CommitError, EffectKind, Store, Used},
    },
};
use uuid::Uuid;

use crate::builders::{at, change, effect, order};

async fn claim(store: &dyn Store, seconds: i64) -> Option<ClaimedEffect> {
    store.claim_effect(at(seconds), at(seconds + 60)).await.unwrap()
}

async fn claimed_key(store: &dyn Store, seconds: i64) -> Option<String> {
    claim(store, seconds).await.map(|effect| effect.key)
}

fn finishing(effect: &ClaimedEffect, seconds: i64) -> Change {
    Change { finishes: Some(effect.clone()), at: at(seconds), ..change() }
}

async fn finish(store: &dyn Store, effect: &ClaimedEffect, seconds: i64) {
    store.commit(&finishing(effect, seconds)).await.unwrap();
}

fn warning(lane: &str, key: &str) -> NewEffect {
    NewEffect { priority: 0, ..effect(lane, key) }
}

pub(crate) async fn a_lane_goes_in_order_and_lanes_do_not_wait_for_each_other(store: &dyn Store) {
    order(store, vec![effect("a", "a1"), effect("a", "a2"), effect("b", "b1")]).await;
    let first = claim(store, 0).await.unwrap();
    assert_eq!(first.key, "a1");
    assert_eq!(claimed_key(store, 1).await.as_deref(), Some("b1"));
    assert_eq!(claimed_key(store, 2).await, None, "a2 waits for a1");
    finish(store, &first, 3).await;
    assert_eq!(claimed_key(store, 4).await.as_deref(), Some("a2"));
}

pub(crate) async fn a_warning_goes_first(store: &dyn Store) {
    order(store, vec![effect("a", "news"), effect("b", "other news")]).await;
    order(store, vec![warning("b", "warning")]).await;
    let first = claim(store, 0).await.unwrap();
    assert_eq!(first.key, "warning");
    finish(store, &first, 0).await;
    assert_eq!(claimed_key(store, 0).await.as_deref(), Some("news"), "the oldest comes next");
    assert_eq!(claimed_key(store, 0).await.as_deref(), Some("other news"));
}

pub(crate) async fn a_running_task_holds_back_even_a_warning(store: &dyn Store) {
    order(store, vec![effect("a", "news")]).await;
    let news = claim(store, 0).await.unwrap();
    order(store, vec![warning("a", "warning")]).await;
    assert_eq!(claimed_key(store, 59).await, None);
    // The claim has run out: the warning is first now, then the news again.
    let first = claim(store, 60).await.unwrap();
    assert_eq!(first.key, "warning");
    assert_eq!(claimed_key(store, 61).await, None);
    finish(store, &first, 61).await;
    let again = claim(store, 61).await.unwrap();
    assert_eq!((again.key.as_str(), again.attempts), ("news", news.attempts + 1));
}

pub(crate) async fn a_postponed_first_holds_back_its_lane(store: &dyn Store) {
    order(store, vec![effect("a", "a1"), effect("a", "a2")]).await;
    let first = claim(store, 0).await.unwrap();
    store.postpone_effect(&first, at(100), "provider is away").await.unwrap();
    assert_eq!(claimed_key(store, 99).await, None);
    let again = claim(store, 100).await.unwrap();
    assert_eq!((again.key.as_str(), again.attempts), ("a1", 2));
}

pub(crate) async fn a_buried_first_holds_back_nobody(store: &dyn Store) {
    order(store, vec![effect("a", "a1"), effect("a", "a2")]).await;
    let first = claim(store, 0).await.unwrap();
    store.bury_effect(&first, at(1), "no such image").await.unwrap();
    assert_eq!(claimed_key(store, 1).await.as_deref(), Some("a2"));
    assert_eq!(claimed_key(store, 1000).await.as_deref(), Some("a2"), "a1 stays buried");
}

pub(crate) async fn what_is_not_done_of_a_lane_goes_on_in_another(store: &dyn Store) {
    order(store, vec![effect("a", "done"), effect("a", "buried"), effect("a", "waits")]).await;
    order(store, vec![effect("b", "b1"), effect("c", "c1")]).await;
    let done = claim(store, 0).await.unwrap();
    finish(store, &done, 0).await;
    let buried = claim(store, 0).await.unwrap();
    assert_eq!(buried.key, "buried");
    store.bury_effect(&buried, at(0), "gone").await.unwrap();
    let lanes = vec![("a".to_owned(), "b".to_owned())];
    store.commit(&Change { lanes, at: at(1), ..Change::default() }).await.unwrap();
    // In one lane with what was there, in the order they were decided.
    let first = claim(store, 1).await.unwrap();
    assert_eq!((first.key.as_str(), first.lane.as_str()), ("waits", "b"));
    assert_eq!(claimed_key(store, 1).await.as_deref(), Some("c1"));
    assert_eq!(claimed_key(store, 1).await, None);
    finish(store, &first, 1).await;
    assert_eq!(claimed_key(store, 1).await.as_deref(), Some("b1"));
    assert_eq!(store.revive_effects(&["a".to_owned()], at(2)).await.unwrap(), 0);
    assert_eq!(store.revive_effects(&["b".to_owned()], at(2)).await.unwrap(), 1);
}

pub(crate) async fn a_key_counts_once_even_after_it_is_done(store: &dyn Store) {
    order(store, vec![effect("a", "key"), effect("a", "key")]).await;
    order(store, vec![effect("b", "key")]).await;
    let only = claim(store, 0).await.unwrap();
    assert_eq!(claimed_key(store, 0).await, None);
    finish(store, &only, 0).await;
    order(store, vec![effect("a", "key")]).await;
    assert_eq!(claimed_key(store, 0).await, None);
}

async fn is_conflict(store: &dyn Store, change: &Change) -> bool {
    matches!(store.commit(change).await, Err(CommitError::Conflict))
}

pub(crate) async fn finishing_with_a_lost_claim_is_a_conflict(store: &dyn Store) {
    order(store, vec![effect("a", "key")]).await;
    let lost = claim(store, 0).await.unwrap();
    let held = claim(store, 60).await.unwrap();
    assert!(is_conflict(store, &finishing(&lost, 61)).await);
    assert_eq!(store.figures(at(61)).await.unwrap().effects_pending, 1);
    finish(store, &held, 61).await;
}

pub(crate) async fn an_effect_is_finished_once(store: &dyn Store) {
    order(store, vec![effect("a", "done"), effect("b", "buried"), effect("c", "late")]).await;
    let done = claim(store, 0).await.unwrap();
    finish(store, &done, 1).await;
    assert!(is_conflict(store, &finishing(&done, 2)).await);

    let buried = claim(store, 0).await.unwrap();
    store.bury_effect(&buried, at(1), "no").await.unwrap();
    assert!(is_conflict(store, &finishing(&buried, 2)).await);

    // A claim that ran out, but that nobody else took, is not lost.
    let late = claim(store, 0).await.unwrap();
    finish(store, &late, 1000).await;
}

pub(crate) async fn postponing_or_burying_with_a_lost_claim_does_nothing(store: &dyn Store) {
    order(store, vec![effect("a", "key")]).await;
    let lost = claim(store, 0).await.unwrap();
    let held = claim(store, 60).await.unwrap();
    store.postpone_effect(&lost, at(61), "late").await.unwrap();
    store.bury_effect(&lost, at(61), "late").await.unwrap();
    assert_eq!(claimed_key(store, 62).await, None, "the second claim still holds");
    finish(store, &held, 62).await;
    store.postpone_effect(&held, at(63), "done is done").await.unwrap();
    store.bury_effect(&held, at(63), "done is done").await.unwrap();
    assert_eq!(claimed_key(store, 1000).await, None);
}

pub(crate) async fn reviving_makes_due_what_waits_in_these_lanes(store: &dyn Store) {
    order(store, vec![effect("a", "a1"), effect("a", "a2"), effect("b", "b1"), effect("c", "c1")])
        .await;
    let a1 = claim(store, 0).await.unwrap();
    store.bury_effect(&a1, at(0), "no such image").await.unwrap();
    let a2 = claim(store, 0).await.unwrap();
    store.postpone_effect(&a2, at(1000), "away").await.unwrap();
    let b1 = claim(store, 0).await.unwrap();
    store.bury_effect(&b1, at(0), "no such image").await.unwrap();
    let c1 = claim(store, 0).await.unwrap();

    let lanes = ["a".to_owned(), "c".to_owned(), "nowhere".to_owned()];
    assert_eq!(store.revive_effects(&lanes, at(5)).await.unwrap(), 2);
    assert_eq!(claimed_key(store, 4).await, None, "not before it was revived");
    let again = claim(store, 5).await.unwrap();
    assert_eq!(again.key, "a1", "the buried one stands where it stood");
    assert!(again.attempts > a1.attempts);
    finish(store, &again, 5).await;
    assert_eq!(claimed_key(store, 5).await.as_deref(), Some("a2"));
    finish(store, &c1, 5).await;
    assert_eq!(store.figures(at(5)).await.unwrap().effects_buried, 1, "b1 was not meant");
}

pub(crate) async fn sixteen_claimers_never_hold_the_same_task(store: &dyn Store) {
    let effects: Vec<NewEffect> = (0..30)
        .map(|number| effect(&format!("lane {}", number % 10), &format!("key {number}")))
        .collect();
    order(store, effects).await;
    for _ in 0..3 {
        let claims: Vec<ClaimedEffect> =
            join_all((0..16).map(|_| claim(store, 0))).await.into_iter().flatten().collect();
        let lanes: BTreeSet<&str> = claims.iter().map(|claim| claim.lane.as_str()).collect();
        assert_eq!((claims.len(), lanes.len()), (10, 10));
        join_all(claims.iter().map(|claim| finish(store, claim, 0))).await;
    }
    assert_eq!(claimed_key(store, 0).await, None);
}

pub(crate) async fn no_more_tasks_begin_than_are_admitted(store: &dyn Store) {
    let creations = [1, 2, 3].map(|number| (number, Effect::Create));
    for (number, step) in creations.into_iter().chain([(4, Effect::Destroy)]) {
        let task = Task::Lease(LeaseId(Uuid::from_u128(number)), step);
        let lane = format!("lane {number}");
        order(store, vec![NewEffect { task, ..effect(&lane, &number.to_string()) }]).await;
    }
    let kind = |claimed: &ClaimedEffect| EffectKind::of(&claimed.task);
    let admit = async |claimed: &ClaimedEffect, since, most| {
        store.admit(kind(claimed), claimed, at(since), most).await.unwrap()
    };
    let first = claim(store, 10).await.unwrap();
    let second = claim(store, 10).await.unwrap();
    let third = claim(store, 10).await.unwrap();
    let destruction = claim(store, 10).await.unwrap();
    assert!(!admit(&third, 0, 0).await);
    assert!(admit(&third, 0, 2).await, "whoever asks first, whatever was ordered first");
    assert!(admit(&third, 0, 2).await, "it has begun");
    assert!(admit(&first, 0, 2).await);
    assert!(!admit(&second, 0, 2).await);
    assert!(admit(&destruction, 0, 1).await, "another kind");
    // Between two turns it has begun; after a failure it has to begin again.
    store.pause_effect(&third, at(10), "job 12").await.unwrap();
    assert!(!admit(&second, 0, 2).await);
    assert!(!admit(&third, 0, 2).await, "somebody else has it now");
    store.postpone_effect(&first, at(90), "away").await.unwrap();
    assert!(admit(&second, 0, 2).await);
    let third = claim(store, 10).await.unwrap();
    assert!(admit(&third, 0, 2).await, "its place was kept");
    finish(store, &third, 20).await;
    finish(store, &second, 30).await;
    let first = claim(store, 90).await.unwrap();
    assert!(!admit(&first, 20, 2).await);
    assert!(admit(&first, 21, 2).await, "one of them is long ago");
}

pub(crate) async fn of_many_who_ask_at_once_as_many_are_admitted_as_may_be(store: &dyn Store) {
    for number in 1..=8 {
        let task = Task::Lease(LeaseId(Uuid::from_u128(number)), Effect::Create);
        let lane = format!("lane {number}");
        order(store, vec![NewEffect { task, ..effect(&lane, &number.to_string()) }]).await;
    }
    let claims = join_all((0..8).map(|_| claim(store, 0))).await;
    let asked = claims.iter().flatten().map(|claim| async {
        let admitted = store.admit(EffectKind::Create, claim, at(0), 3).await.unwrap();
        if admitted {
            finish(store, claim, 1).await;
        }
        admitted
    });
    assert_eq!(join_all(asked).await.into_iter().filter(|admitted| *admitted).count(), 3);
}

pub(crate) async fn figures_tell_what_waits_and_what_failed(store: &dyn Store) {
    order(store, (0..12).map(|n| effect(&format!("lane {n}"), &format!("key {n}"))).collect())
        .await;
    for seconds in 0..11 {
        let next = claim(store, 0).await.unwrap();
        store.bury_effect(&next, at(seconds), "no such image").await.unwrap();
    }
    store.want_looks(&[crate::builders::issue(1)], at(5)).await.unwrap();
    let figures = store.figures(at(90)).await.unwrap();
    assert_eq!((figures.effects_pending, figures.oldest_effect_seconds), (1, 90));
    assert_eq!((figures.looks_waiting, figures.oldest_look_seconds), (1, 85));
    assert_eq!((figures.effects_buried, figures.buried.len()), (11, 10));
    assert_eq!(figures.buried.first().unwrap(), "key 10: no such image", "newest first");
}

pub(crate) async fn the_queue_shows_first_what_waits_for_a_person(store: &dyn Store) {
    let lanes = ["a", "b", "c", "d", "e"];
    order(store, lanes.iter().map(|lane| effect(lane, &format!("{lane}1"))).collect()).await;
    for (seconds, key) in [(7, "a1"), (5, "b1")] {
        let next = claim(store, 0).await.unwrap();
        assert_eq!(next.key, key);
        store.bury_effect(&next, at(seconds), "no such issue").await.unwrap();
    }
    let late = claim(store, 0).await.unwrap();
    store.postpone_effect(&late, at(90), "away").await.unwrap();
    let running = claim(store, 0).await.unwrap();
    let all = store.unfinished(usize::MAX).await.unwrap();
    let seen = |task: &Unfinished| (task.key.clone(), task.standing, task.tries);
    let expected = [
        ("b1", Standing::Buried(at(5)), 1),
        ("a1", Standing::Buried(at(7)), 1),
        ("d1", Standing::Running(at(60)), 1),
        ("e1", Standing::Pending(at(0)), 0),
        ("c1", Standing::Pending(at(90)), 1),
    ];
    let expected = expected.map(|(key, standing, tries)| (key.to_owned(), standing, tries));
    assert_eq!(all.iter().map(seen).collect::<Vec<_>>(), expected);
    let buried = all.first().unwrap();
    assert_eq!((buried.lane.as_str(), buried.ordered_at), ("b", at(0)));
    assert_eq!(buried.error.as_deref(), Some("no such issue"));
    assert_eq!(buried.task, Some(effect("b", "b1").task));
    for most in [0, 1, 2, 3, 5] {
        assert_eq!(store.unfinished(most).await.unwrap(), all[..most], "{most}");
    }
    finish(store, &running, 1).await;
    assert_eq!(store.unfinished(9).await.unwrap().len(), 4);
}

pub(crate) async fn what_is_buried_can_be_dropped_for_good(store: &dyn Store) {
    order(store, vec![effect("a", "a1"), effect("a", "a2"), effect("b", "b1")]).await;
    let mut buried = Vec::new();
    for _ in 0..2 {
        let next = claim(store, 0).await.unwrap();
        store.bury_effect(&next, at(0), "no such issue").await.unwrap();
        buried.push(next.id);
    }
    let lively = store.unfinished(9).await.unwrap().last().unwrap().id;
    let dropping = |drops: &[u64]| Change { drops: drops.to_vec(), at: at(1), ..Change::default() };
    for also in [lively, 4711] {
        assert!(is_conflict(store, &dropping(&[buried[0], also])).await);
    }
    assert_eq!(store.figures(at(1)).await.unwrap().effects_buried, 2, "all or nothing");
    store.commit(&dropping(&buried[..1])).await.unwrap();
    assert!(is_conflict(store, &dropping(&buried[..1])).await, "it is gone already");
    assert_eq!(store.revive_effects(&["a".to_owned()], at(2)).await.unwrap(), 1);
    order(store, vec![effect("a", "a1")]).await;
    assert_eq!(claimed_key(store, 2).await.as_deref(), Some("a2"), "its key still counts");
    assert_eq!(claimed_key(store, 2).await.as_deref(), Some("b1"));
    assert_eq!(claimed_key(store, 2).await, None);
}

pub(crate) async fn waiting_is_no_try_and_keeps_what_has_begun(store: &dyn Store) {
    let task = Task::Lease(LeaseId(Uuid::from_u128(1)), Effect::Create);
    order(store, vec![NewEffect { task, ..effect("lane", "create") }]).await;
    for seconds in 0..3 {
        let claimed = claim(store, seconds).await.unwrap();
        assert_eq!(claimed.tries, 1);
        store.hold_effect(&claimed, at(seconds + 1), "frozen").await.unwrap();
        store.hold_effect(&claimed, at(99), "the claim is lost").await.unwrap();
    }
    let claimed = claim(store, 3).await.unwrap();
    assert!(store.admit(EffectKind::Create, &claimed, at(0), 1).await.unwrap());
    store.pause_effect(&claimed, at(4), "job 12").await.unwrap();
    let claimed = claim(store, 4).await.unwrap();
    store.hold_effect(&claimed, at(5), "frozen").await.unwrap();
    let used = store.used(EffectKind::Create, at(0)).await.unwrap();
    assert_eq!(used, Used { finished: vec![], begun: 1 }, "its place is kept");
    let claimed = claim(store, 5).await.unwrap();
    store.postpone_effect(&claimed, at(6), "away").await.unwrap();
    let claimed = claim(store, 6).await.unwrap();
    assert_eq!((claimed.tries, claimed.attempts), (2, 7));
    assert_eq!(store.used(EffectKind::Create, at(0)).await.unwrap(), Used::default());
    finish(store, &claimed, 7).await;
    let used = store.used(EffectKind::Create, at(7)).await.unwrap();
    assert_eq!(used, Used { finished: vec![at(7)], begun: 0 });
    assert_eq!(store.used(EffectKind::Create, at(8)).await.unwrap(), Used::default());
    assert_eq!(store.used(EffectKind::Destroy, at(0)).await.unwrap(), Used::default());
}

pub(crate) async fn what_may_have_been_done_keeps_its_place(store: &dyn Store) {
    let task = Task::Lease(LeaseId(Uuid::from_u128(1)), Effect::Create);
    order(store, vec![NewEffect { task, ..effect("lane", "create") }]).await;
    let claimed = claim(store, 0).await.unwrap();
    store.doubt_effect(&claimed, at(1), "the store is away").await.unwrap();
    let used = store.used(EffectKind::Create, at(0)).await.unwrap();
    assert_eq!(used, Used::default(), "it had not begun");
    let claimed = claim(store, 1).await.unwrap();
    assert_eq!(claimed.tries, 2, "it counts as a try");
    assert!(store.admit(EffectKind::Create, &claimed, at(0), 1).await.unwrap());
    store.doubt_effect(&claimed, at(2), "the answer was lost").await.unwrap();
    store.doubt_effect(&claimed, at(99), "the claim is lost").await.unwrap();
    let used = store.used(EffectKind::Create, at(0)).await.unwrap();
    assert_eq!(used, Used { finished: vec![], begun: 1 });
    let claimed = claim(store, 2).await.unwrap();
    store.postpone_effect(&claimed, at(3), "there is no room").await.unwrap();
    assert_eq!(store.used(EffectKind::Create, at(0)).await.unwrap(), Used::default());
}

#[test]
fn there_is_a_place_again_when_enough_of_those_that_count_are_long_ago() {
    let used = |finished: &[i64], begun| Used {
        finished: finished.iter().map(|s| at(*s)).collect(),
        begun,
    };
    let day = chrono::TimeDelta::seconds(100);
    let tick = chrono::TimeDelta::milliseconds(1);
    for (used, most, place) in [
        (used(&[1, 2, 3], 0), 4, None),
        (used(&[1, 2, 3], 0), 3, Some(101)),
        (used(&[1, 2, 3], 1), 3, Some(102)),
        (used(&[1, 2, 3], 0), 1, Some(103)),
        (used(&[1], 3), 2, None),
        (used(&[1, 2], 0), 0, None),
        (used(&[], 0), 0, None),
    ] {
        assert_eq!(
            used.place_at(most, day),
            place.map(|s| at(s) + tick),
            "{used:?}, at most {most}"
        );
    }
}
