//! Several processes on one store: what one of them has, no other has.

use std::collections::BTreeSet;

use futures::future::join_all;
use innkeeper::{
    identity::NoteId,
    lease::Lease,
    ports::store::{Change, ClaimedEffect, CommitError, EffectKind, Store, Versioned},
    store::{audit_chain::verify, sql::SqlStore},
};

use crate::{
    builders::{at, change, delivery, effect, issue, lease, note, order, settle},
    postgres,
};

/// How many.
const REPLICAS: usize = 4;

/// That many replicas on one file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_on_one_file_share_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut replicas = Vec::new();
    for _ in 0..REPLICAS {
        replicas.push(SqlStore::open(&path).await.unwrap());
    }
    share(&replicas).await;
}

/// That many replicas on one server, started at once on an empty database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_on_one_server_share_the_work() {
    let Some(cluster) = postgres::shared() else { return };
    let database = cluster.create("template1").await;
    share(&join_all((0..REPLICAS).map(|_| database.open())).await).await;
}

async fn share(replicas: &[SqlStore]) {
    let [one, other, ..] = replicas else { panic!("at least two") };
    claims(replicas).await;
    audit(replicas).await;
    limits(replicas).await;

    // A sweep runs once, until whoever began it is surely gone.
    let lock = async |store: &SqlStore, holder, now, until| {
        store.lock("sweep", holder, at(now), at(until)).await.unwrap()
    };
    let took = join_all(replicas.iter().zip(["a", "b", "c", "d"]).map(|(store, holder)| async {
        store.lock("sweep", holder, at(0), at(60)).await.unwrap()
    }))
    .await;
    assert_eq!(took.iter().filter(|took| **took).count(), 1, "{took:?}");
    assert!(!lock(one, "e", 59, 90).await);
    assert!(lock(other, "e", 60, 90).await);

    // A redelivery to another replica counts once.
    one.deliver(&delivery("twice", Some(issue(1)))).await.unwrap();
    other.deliver(&delivery("twice", Some(issue(1)))).await.unwrap();
    assert!(one.claim_look(at(0), at(60)).await.unwrap().is_some());
    assert_eq!(other.claim_look(at(0), at(60)).await.unwrap(), None);

    // What was read by one and changed by another is a conflict.
    settle(one, lease(1)).await;
    let changed = |trouble: &str| {
        let value = Lease { trouble: Some(trouble.to_owned()), ..lease(1) };
        Change { leases: vec![Versioned { version: 1, value }], ..change() }
    };
    other.commit(&changed("other")).await.unwrap();
    assert!(matches!(one.commit(&changed("one")).await, Err(CommitError::Conflict)));
    let stored = one.lease(lease(1).id).await.unwrap().unwrap();
    assert_eq!(stored.value.trouble.as_deref(), Some("other"));
}

/// Every task is claimed and finished once, one at a time a lane.
async fn claims(replicas: &[SqlStore]) {
    let tasks: Vec<_> = (0..60)
        .map(|number| effect(&format!("lane {}", number % 20), &format!("task {number}")))
        .collect();
    order(&replicas[0], tasks).await;
    let done = join_all(replicas.iter().flat_map(|store| [store; 3]).map(|store| async move {
        let mut done = Vec::new();
        while let Some(claim) = store.claim_effect(at(0), at(60)).await.unwrap() {
            let seen = vec![(issue(9), NoteId(claim.id))];
            let finishing = Change { finishes: Some(claim.clone()), seen, ..change() };
            store.commit(&finishing).await.unwrap();
            done.push(claim);
        }
        done
    }))
    .await;
    let done: Vec<ClaimedEffect> = done.into_iter().flatten().collect();
    let keys: BTreeSet<&str> = done.iter().map(|claim| claim.key.as_str()).collect();
    assert_eq!((done.len(), keys.len()), (60, 60));
    assert!(done.iter().all(|claim| claim.attempts == 1));
    assert_eq!(replicas[1].seen_notes(&issue(9)).await.unwrap().len(), 60);
}

/// Nothing forks the chain, whoever writes.
async fn audit(replicas: &[SqlStore]) {
    join_all((0..40).map(|number| async move {
        let audit = vec![note(&format!("a{number}")), note(&format!("b{number}"))];
        replicas[number % REPLICAS].commit(&Change { audit, ..change() }).await.unwrap();
    }))
    .await;
    let log = replicas[0].audit_log(1, 100).await.unwrap();
    assert_eq!((log.len(), verify(&log)), (80, Ok(())));
}

/// As many begin as may, whomever they ask.
async fn limits(replicas: &[SqlStore]) {
    let tasks = (0..12).map(|number| effect(&format!("l{number}"), &format!("e{number}")));
    order(&replicas[0], tasks.collect()).await;
    let mut claimed = Vec::new();
    while let Some(claim) = replicas[1].claim_effect(at(100), at(160)).await.unwrap() {
        claimed.push(claim);
    }
    assert_eq!(claimed.len(), 12);
    let kind = EffectKind::of(&claimed[0].task);
    let admitted =
        join_all(claimed.iter().zip(replicas.iter().cycle()).map(|(claim, store)| async move {
            store.admit(kind, claim, at(100), 5).await.unwrap()
        }))
        .await;
    assert_eq!(admitted.iter().filter(|admitted| **admitted).count(), 5);
    assert_eq!(replicas[2].used(kind, at(100)).await.unwrap().count(), 5);
}

/// How much `PostgreSQL` does in a second, by four replicas at once: each waits for
/// its turn to write. `make test-postgres` shows it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "measures, and decides nothing"]
#[expect(clippy::print_stdout, reason = "it is there to be read")]
async fn figures_of_four_replicas_on_one_server() {
    let Some(database) = postgres::database().await else { return };
    let replicas = join_all((0..REPLICAS).map(|_| database.open())).await;
    let rate = |count: usize, begun: std::time::Instant| {
        f64::from(u32::try_from(count).unwrap()) / begun.elapsed().as_secs_f64()
    };

    let begun = std::time::Instant::now();
    join_all((0..16).map(|worker| {
        let store = &replicas[worker % REPLICAS];
        async move {
            for number in 0..50 {
                let name = format!("{worker}-{number}");
                let effects = vec![effect(&name, &name)];
                let seen = vec![(issue(9), NoteId(number))];
                let full = Change { effects, seen, audit: vec![note("approve")], ..change() };
                store.commit(&full).await.unwrap();
            }
        }
    }))
    .await;
    println!("commits a second (effect, comment, audit entry): {:.0}", rate(800, begun));

    let begun = std::time::Instant::now();
    let taken = join_all((0..16).map(|worker| {
        let store = &replicas[worker % REPLICAS];
        async move {
            let mut taken = 0;
            while let Some(claim) = store.claim_effect(at(0), at(60)).await.unwrap() {
                let finishing = Change { finishes: Some(claim), ..change() };
                store.commit(&finishing).await.unwrap();
                taken += 1;
            }
            taken
        }
    }))
    .await;
    let taken: usize = taken.into_iter().sum();
    assert_eq!(taken, 800);
    println!("effects claimed and finished a second: {:.0}", rate(taken, begun));

    let mut past = database.connect().await;
    sqlx::raw_sql(
        "INSERT INTO effects (key, lane, priority, kind, task, state, ordered_at, due, finished_at)
         SELECT 'old ' || n, 'lane ' || n, 1, 'other', '{}', 'done', 0, 0, 0
         FROM generate_series(1, 200000) AS n",
    )
    .execute(&mut past)
    .await
    .unwrap();
    let waiting = (0..2_000).map(|number| effect(&format!("w{number}"), &format!("w{number}")));
    order(&replicas[0], waiting.collect()).await;
    let begun = std::time::Instant::now();
    for _ in 0..200 {
        replicas[0].claim_effect(at(0), at(60)).await.unwrap().unwrap();
    }
    println!("claims a second by one, 2,000 waiting, 200,000 done: {:.0}", rate(200, begun));
}
