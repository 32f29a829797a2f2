//! Forgetting somebody: nothing of them is left, and the log is whole.

use std::path::Path;

use innkeeper::{
    effect::NewEffect,
    identity::{LeaseId, Person, UserId},
    lease::{Lease, State},
    notice::Reply,
    personal::Needed,
    ports::store::{AuditNote, Change, Delivery, Store, Versioned},
    request::{Answer, Request, Salt, lifecycle, value::Value},
    store::{
        audit_chain,
        sql::{
            SqlStore,
            forget::{Erased, Forgotten},
        },
    },
};
use uuid::Uuid;

use crate::builders::{at, change, delivery, issue, lease, note, request};

fn bob() -> Person {
    Person { id: UserId(8), username: "bob".to_owned() }
}

/// What Alice asked for, and that is over.
fn over() -> (Request, Lease) {
    let mut request = Request { state: lifecycle::State::Fulfilled, ..request(1) };
    let answer = |value| Answer { value, line: Some(3), written: Some("@alice wants tea".into()) };
    let tea = Value::Text("alice's tea".to_owned());
    request.reading.fields.insert("purpose".into(), answer(tea));
    request.salt = Some(Salt::new(Uuid::from_u128(99)));
    let mut lease = Lease { state: State::Ended, fallback: vec![bob()], ..lease(1) };
    lease.request = Some(request.id);
    request.leases = vec![lease.id];
    lease.order.ssh_keys = vec!["ssh-ed25519 AAAAalice".to_owned()];
    (request, lease)
}

/// What Bob asked for and Alice stood in for, over as well.
fn of_bob() -> (Request, Lease) {
    let mut request = Request { author: bob(), state: lifecycle::State::Rejected, ..request(2) };
    request.verdict.owner = bob();
    let users = Value::Users(vec!["Alice".to_owned(), "carol".to_owned()]);
    let answer = Answer { value: users, line: Some(1), written: Some("@Alice, @carol".into()) };
    request.reading.fields.insert("fallback".into(), answer);
    let alice = Person { id: UserId(7), username: "alice".to_owned() };
    let lease = Lease { state: State::Ended, owner: bob(), fallback: vec![alice], ..lease(2) };
    (request, lease)
}

async fn store_all(store: &SqlStore, things: [(Request, Lease); 2]) {
    for (request, lease) in things {
        let said = Reply::Done { what: "`alice` agrees to own it.".to_owned() };
        let effects = vec![NewEffect::reply(&request, "said", said)];
        let audit = vec![AuditNote { request: Some(request.id), ..note("filed") }];
        let all = Change {
            request: Some(Versioned::new(request)),
            leases: vec![Versioned::new(lease)],
            effects,
            audit,
            ..change()
        };
        store.commit(&all).await.unwrap();
    }
    for (key, body) in [("one", "{\"username\": \"alice\"}"), ("two", "{}")] {
        let body = body.as_bytes().to_vec();
        let came = Delivery { body, ..delivery(key, Some(issue(5))) };
        store.deliver(&came).await.unwrap();
    }
    // What was to be said was said.
    while let Some(effect) = store.claim_effect(at(1), at(2)).await.unwrap() {
        store.commit(&Change { finishes: Some(effect), ..change() }).await.unwrap();
    }
}

async fn everything(path: &Path) -> String {
    let mut file = Vec::new();
    let store = SqlStore::open_to_read(path).await.unwrap();
    store.back_up(&mut file, at(9), &mut |_| {}).await.unwrap();
    String::from_utf8(file).unwrap()
}

#[tokio::test]
async fn whoever_is_forgotten_is_nowhere_in_the_store_and_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = SqlStore::open(&path).await.unwrap();
    store_all(&store, [over(), of_bob()]).await;
    assert!(everything(&path).await.to_lowercase().contains("alice"));

    let done = store.forget(&"gitlab".into(), "@Alice", at(3)).await.unwrap();
    let erased = Erased { requests: 2, leases: 2, comments: 2, bodies: 1, left: 0 };
    assert_eq!(done, Forgotten::Done { who: UserId(7), erased });
    let left = everything(&path).await;
    assert!(!left.to_lowercase().contains("alice"), "{left}");
    for stays in ["\"bob\\\"", "carol"] {
        assert!(left.contains(stays), "{stays} is not in {left}");
    }
    let emptied = store.request_on(&issue(1)).await.unwrap().unwrap().value;
    assert_eq!((emptied.author.id, emptied.salt), (UserId(7), None));
    let log = store.audit_log(1, 10).await.unwrap();
    assert_eq!(audit_chain::verify(&log), Ok(()));
    assert_eq!(log.last().unwrap().note.action, "forgot:gitlab:7");

    // Once more: by the number, since no name is known any more.
    let again = store.forget(&"gitlab".into(), "7", at(4)).await.unwrap();
    assert_eq!(again, Forgotten::Done { who: UserId(7), erased: Erased::default() });
    assert_eq!(store.forget(&"gitlab".into(), "alice", at(4)).await.unwrap(), Forgotten::Unknown);
    assert_eq!(store.forget(&"github".into(), "bob", at(4)).await.unwrap(), Forgotten::Unknown);
    assert_eq!(store.audit_log(1, 10).await.unwrap().len(), log.len());
    assert_eq!(everything(&path).await.lines().count(), left.lines().count());
}

#[tokio::test]
async fn whoever_has_a_machine_or_an_open_request_is_not_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = SqlStore::open(&path).await.unwrap();
    let (theirs, mut stands_in) = (over(), of_bob());
    stands_in.1.state = State::Destroyed;
    store_all(&store, [theirs, stands_in]).await;
    let open = Request { id: innkeeper::identity::RequestId(Uuid::from_u128(3)), ..request(3) };
    store.commit(&Change { request: Some(Versioned::new(open)), ..change() }).await.unwrap();
    let before = everything(&path).await;
    let refused = store.forget(&"gitlab".into(), "alice", at(3)).await.unwrap();
    let Forgotten::Needed(needed) = refused else { panic!("{refused:?}") };
    assert_eq!(needed.len(), 2, "{needed:?}");
    assert!(needed.iter().any(|needed| matches!(needed, Needed::Request { .. })));
    let lease = LeaseId(Uuid::from_u128(2));
    assert!(needed.iter().any(|it| matches!(it, Needed::Lease { lease: id, .. } if *id == lease)));
    let rows = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(rows(&everything(&path).await), rows(&before));
}
