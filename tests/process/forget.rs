//! `innkeeper forget`, and what `innkeeper audit show` says before and after.

use innkeeper::{
    identity::Digest,
    ports::store::{AuditNote, Change, Store as _, Versioned},
    request::{Request, Salt, lifecycle::State},
    store::sql::SqlStore,
};
use uuid::Uuid;

use crate::{
    house::{Ended, House},
    state::{change, lease, note, request},
};

/// Alice's request in this state, with its approval in the log.
async fn house(state: State) -> House {
    let house = House::new("http://127.0.0.1:9");
    let store = SqlStore::open(house.path("innkeeper.db")).await.unwrap();
    let salt = Salt::new(Uuid::from_u128(9));
    let lease = innkeeper::lease::Lease { state: innkeeper::lease::State::Ended, ..lease(1) };
    let leases = vec![lease.id];
    let request = Request { state, salt: Some(salt), leases, ..request(1) };
    let digest = Some(salt.seal(&Digest::of("request")));
    let audit = vec![AuditNote { digest, request: Some(request.id), ..note("approve") }];
    let request = Some(Versioned::new(request));
    let leases = vec![Versioned::new(lease)];
    store.commit(&Change { request, leases, audit, ..change() }).await.unwrap();
    store.close().await;
    house
}

fn run(house: &House, command: &[&str], more: &[&str]) -> Ended {
    house.run(&[command, &["--config", "innkeeper.toml"], more].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_forgotten_is_in_the_log_by_number_alone() {
    let house = house(State::Fulfilled).await;
    let shown = run(&house, &["audit", "show"], &["1"]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    let digest = Digest::of("request").to_string();
    let opened = format!("about {digest}: the terms of `guest-1`");
    assert!(shown.stdout.contains(&opened), "{}", shown.stdout);
    let log = run(&house, &["audit", "export"], &[]).stdout;
    assert!(!log.contains(&digest), "the log has it sealed: {log}");

    let forgotten = run(&house, &["forget"], &["alice"]);
    assert_eq!(forgotten.code, Some(0), "{}{}", forgotten.stdout, forgotten.stderr);
    assert!(forgotten.stdout.contains("account gitlab:7: from 1 requests"), "{}", forgotten.stdout);
    assert!(forgotten.stdout.contains("What stays:"), "{}", forgotten.stdout);
    let again = run(&house, &["forget"], &["alice", "--json"]);
    assert_eq!((again.code, again.stdout.as_str()), (Some(0), "\"unknown\"\n"));
    let shown = run(&house, &["audit", "show"], &["1"]).stdout;
    assert!(shown.contains("not stored any more") && !shown.contains(&digest), "{shown}");
    assert_eq!(run(&house, &["audit", "verify"], &[]).code, Some(0));
    assert_eq!(run(&house, &["audit", "show"], &["99"]).code, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_needed_is_not_forgotten() {
    let house = house(State::Incomplete).await;
    let refused = run(&house, &["forget"], &["--forge", "gitlab", "7"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    for words in ["nothing was changed", "a request is open: https://gitlab.example/42"] {
        assert!(refused.stdout.contains(words), "{}", refused.stdout);
    }
    assert_eq!(run(&house, &["forget"], &["nobody"]).code, Some(0));
}
