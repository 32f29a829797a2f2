//! Claims, time-outs, failures and replays in any order.

use std::collections::{BTreeMap, BTreeSet};

use innkeeper::ports::store::{Change, ClaimedEffect, CommitError, Store};
use proptest::prelude::*;

use crate::builders::{at, change, effect, order};

/// How long a claim holds, in seconds.
const CLAIM: i64 = 3;

#[derive(Clone, Debug)]
enum Operation {
    Order {
        lane: u8,
        key: u8,
    },
    Claim,
    /// Of the claims made so far, counted around: they may be lost or used up.
    Finish {
        claim: usize,
    },
    Postpone {
        claim: usize,
        by: i64,
    },
    Bury {
        claim: usize,
    },
    Revive {
        lane: u8,
    },
    Wait {
        seconds: i64,
    },
}

fn operation() -> impl Strategy<Value = Operation> {
    let claim = 0..64_usize;
    prop_oneof![
        3 => (0..3_u8, 0..12_u8).prop_map(|(lane, key)| Operation::Order { lane, key }),
        5 => Just(Operation::Claim),
        3 => claim.clone().prop_map(|claim| Operation::Finish { claim }),
        1 => (claim.clone(), 0..4_i64).prop_map(|(claim, by)| Operation::Postpone { claim, by }),
        1 => claim.prop_map(|claim| Operation::Bury { claim }),
        1 => (0..3_u8).prop_map(|lane| Operation::Revive { lane }),
        2 => (1..4_i64).prop_map(|seconds| Operation::Wait { seconds }),
    ]
}

/// Runs this many short lives of a store.
pub(crate) fn check<S: Store, G>(cases: u32, empty: impl AsyncFn() -> (S, G)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = ProptestConfig { cases, failure_persistence: None, ..Default::default() };
    proptest!(config, |(operations in prop::collection::vec(operation(), 1..80))| {
        runtime.block_on(async {
            let (store, _guard) = empty().await;
            live(&store, &operations).await;
        });
    });
}

async fn live(store: &dyn Store, operations: &[Operation]) {
    let mut now = 0;
    let mut claims: Vec<ClaimedEffect> = Vec::new();
    let mut held: BTreeMap<String, (u64, u32, i64)> = BTreeMap::new();
    let mut ordered = BTreeSet::new();
    let mut done = BTreeSet::new();
    for operation in operations {
        match operation {
            Operation::Order { lane, key } => {
                order(store, vec![effect(&lane.to_string(), &key.to_string())]).await;
                ordered.insert(key.to_string());
            }
            Operation::Claim => {
                let until = at(now + CLAIM);
                let Some(claim) = store.claim_effect(at(now), until).await.unwrap() else {
                    continue;
                };
                assert!(!done.contains(&claim.key), "{} was done already", claim.key);
                let earlier =
                    held.insert(claim.lane.clone(), (claim.id, claim.attempts, now + CLAIM));
                assert!(earlier.is_none_or(|(_, _, until)| until <= now), "two in one lane");
                claims.push(claim);
            }
            Operation::Finish { claim } => {
                let Some(claim) = around(&claims, *claim) else { continue };
                let finishing = Change { finishes: Some(claim.clone()), at: at(now), ..change() };
                match store.commit(&finishing).await {
                    Ok(()) => assert!(done.insert(claim.key.clone()), "{} twice", claim.key),
                    Err(CommitError::Conflict) => {}
                    Err(CommitError::Port(error)) => panic!("{}", error.chain()),
                }
                release(&mut held, claim);
            }
            Operation::Postpone { claim, by } => {
                let Some(claim) = around(&claims, *claim) else { continue };
                store.postpone_effect(claim, at(now + by), "away").await.unwrap();
                release(&mut held, claim);
            }
            Operation::Bury { claim } => {
                let Some(claim) = around(&claims, *claim) else { continue };
                store.bury_effect(claim, at(now), "no").await.unwrap();
                release(&mut held, claim);
            }
            Operation::Revive { lane } => {
                store.revive_effects(&[lane.to_string()], at(now)).await.unwrap();
            }
            Operation::Wait { seconds } => now += seconds,
        }
    }
    drain(store, now + 1000, &mut done).await;
    assert_eq!(done, ordered, "everything that was ordered can be done, once");
}

/// Does everything that is left.
async fn drain(store: &dyn Store, mut now: i64, done: &mut BTreeSet<String>) {
    let lanes: Vec<String> = (0..3).map(|lane: u8| lane.to_string()).collect();
    store.revive_effects(&lanes, at(now)).await.unwrap();
    while let Some(claim) = store.claim_effect(at(now), at(now + CLAIM)).await.unwrap() {
        assert!(done.insert(claim.key.clone()), "{} twice", claim.key);
        let finishing = Change { finishes: Some(claim), at: at(now), ..change() };
        store.commit(&finishing).await.unwrap();
        now += 1;
    }
}

fn around(claims: &[ClaimedEffect], number: usize) -> Option<&ClaimedEffect> {
    claims.get(number.checked_rem(claims.len())?)
}

/// A claim that was used up no longer holds its lane.
fn release(held: &mut BTreeMap<String, (u64, u32, i64)>, claim: &ClaimedEffect) {
    if held
        .get(&claim.lane)
        .is_some_and(|(id, attempts, _)| (*id, *attempts) == (claim.id, claim.attempts))
    {
        held.remove(&claim.lane);
    }
}
