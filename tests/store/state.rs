//! Requests, leases, and changes as a whole.

use innkeeper::{
    brake::{Deed, Freezes},
    identity::{NoteId, UserId},
    lease::{Lease, State},
    ports::store::{Change, CommitError, Store, Versioned},
    request::{Request, lifecycle},
};

use crate::builders::{
    at, change, effect, freeze, issue, lease, lease_due, note, order, request, settle,
};

fn with_request(version: u64, value: Request) -> Change {
    Change { request: Some(Versioned { version, value }), ..change() }
}

fn with_lease(version: u64, value: Lease) -> Change {
    Change { leases: vec![Versioned { version, value }], ..change() }
}

async fn conflicts(store: &dyn Store, change: &Change) -> bool {
    match store.commit(change).await {
        Ok(()) => false,
        Err(CommitError::Conflict) => true,
        Err(CommitError::Port(error)) => panic!("{}", error.chain()),
    }
}

pub(crate) async fn what_was_committed_is_read_back_with_its_version(store: &dyn Store) {
    assert_eq!(store.request_on(&issue(1)).await.unwrap(), None);
    assert_eq!(store.lease(lease(1).id).await.unwrap(), None);
    store.commit(&with_request(0, request(1))).await.unwrap();
    settle(store, lease(1)).await;

    let first = Versioned { version: 1, value: request(1) };
    assert_eq!(store.request_on(&issue(1)).await.unwrap(), Some(first.clone()));
    assert_eq!(store.request(request(1).id).await.unwrap(), Some(first));
    let first = store.lease(lease(1).id).await.unwrap().unwrap();
    assert_eq!(first, Versioned { version: 1, value: lease(1) });

    let moved = Lease { state: State::Active, ..lease(1) };
    store.commit(&with_lease(first.version, moved.clone())).await.unwrap();
    let second = store.lease(moved.id).await.unwrap();
    assert_eq!(second, Some(Versioned { version: 2, value: moved }));
}

pub(crate) async fn a_request_is_open_until_it_is_closed_or_fulfilled(store: &dyn Store) {
    for (number, state) in (1..).zip(lifecycle::State::ALL) {
        let value = Request { state, ..request(number) };
        store.commit(&with_request(0, value)).await.unwrap();
    }
    let open: Vec<_> = store
        .open_requests()
        .await
        .unwrap()
        .into_iter()
        .map(|request| (request.value.id, request.value.state))
        .collect();
    assert_eq!(
        open,
        [
            (request(1).id, lifecycle::State::Incomplete),
            (request(2).id, lifecycle::State::AwaitingApproval),
            (request(3).id, lifecycle::State::Approved)
        ]
    );
}

pub(crate) async fn a_lease_is_live_until_it_has_ended(store: &dyn Store) {
    for (number, state) in (1..).zip(State::ALL) {
        settle(store, Lease { state, ..lease(number) }).await;
    }
    let live: Vec<_> =
        store.live_leases().await.unwrap().into_iter().map(|lease| lease.value.state).collect();
    let expected: Vec<_> = State::ALL.into_iter().filter(|state| *state != State::Ended).collect();
    assert_eq!(live, expected);
    assert!(store.lease(lease(7).id).await.unwrap().is_some(), "an ended lease is kept");
}

pub(crate) async fn a_stale_version_is_a_conflict(store: &dyn Store) {
    settle(store, lease(1)).await;
    store.commit(&with_request(0, request(1))).await.unwrap();
    store.commit(&with_lease(1, lease(1))).await.unwrap();
    store.commit(&with_request(1, request(1))).await.unwrap();
    for version in [0, 1, 3] {
        assert!(conflicts(store, &with_lease(version, lease(1))).await, "lease at {version}");
        assert!(conflicts(store, &with_request(version, request(1))).await, "request at {version}");
    }
}

pub(crate) async fn what_does_not_exist_cannot_be_changed(store: &dyn Store) {
    assert!(conflicts(store, &with_lease(1, lease(1))).await);
    assert!(conflicts(store, &with_request(1, request(1))).await);
    assert_eq!(store.lease(lease(1).id).await.unwrap(), None);
}

pub(crate) async fn requests_are_found_by_who_filed_them(store: &dyn Store) {
    let of = |number, id, state| {
        let mut request = Request { state, ..request(number) };
        request.author.id = UserId(id);
        request
    };
    let other_forge = |mut request: Request| {
        request.issue.forge = "other".into();
        request
    };
    let (open, closed) = (lifecycle::State::Incomplete, lifecycle::State::Rejected);
    let found = async |id| -> Vec<_> {
        let requests = store.requests_by(&"gitlab".into(), UserId(id)).await.unwrap();
        requests.into_iter().map(|request| (request.version, request.value.issue)).collect()
    };
    assert_eq!(found(4).await, []);
    for request in [of(1, 4, open), of(2, 4, closed), of(3, 40, open), other_forge(of(4, 4, open))]
    {
        store.commit(&with_request(0, request)).await.unwrap();
    }
    assert_eq!(found(4).await, [(1, issue(1)), (1, issue(2))]);
    assert_eq!(found(40).await, [(1, issue(3))]);
}

pub(crate) async fn an_issue_has_one_request(store: &dyn Store) {
    store.commit(&with_request(0, request(1))).await.unwrap();
    let second = Request { issue: issue(1), ..request(2) };
    assert!(conflicts(store, &with_request(0, second)).await);
}

pub(crate) async fn a_machine_has_one_live_lease(store: &dyn Store) {
    let same_machine = |number, state| {
        let mut other = Lease { state, ..lease(number) };
        other.order.key.name = lease(1).order.key.name;
        other
    };
    for (version, state) in (0..).zip(State::ALL) {
        store.commit(&with_lease(version, Lease { state, ..lease(1) })).await.unwrap();
        let refused = conflicts(store, &with_lease(0, same_machine(2, State::Provisioning))).await;
        assert_eq!(refused, state.has_machine(), "beside a lease that is {state:?}");
        if !refused {
            break;
        }
    }
    // Name and provider count together, and leases without a machine not at all.
    let elsewhere = Lease { provider: "kvm2".into(), ..same_machine(3, State::Active) };
    store.commit(&with_lease(0, elsewhere)).await.unwrap();
    store.commit(&with_lease(0, same_machine(4, State::Ended))).await.unwrap();
    // Nor may a lease take the name by changing its own.
    settle(store, lease(5)).await;
    assert!(conflicts(store, &with_lease(1, same_machine(5, State::Active))).await);
}

pub(crate) async fn a_lease_whose_machine_is_gone_gets_no_other(store: &dyn Store) {
    settle(store, Lease { state: State::Destroyed, ..lease(1) }).await;
    assert!(conflicts(store, &with_lease(1, Lease { state: State::Active, ..lease(1) })).await);
    store.commit(&with_lease(1, Lease { state: State::Ended, ..lease(1) })).await.unwrap();
    assert!(conflicts(store, &with_lease(2, Lease { state: State::Expired, ..lease(1) })).await);
}

pub(crate) async fn of_two_commits_on_one_version_exactly_one_is_stored(store: &dyn Store) {
    settle(store, lease(1)).await;
    let attempt = |text: &str| {
        let value = Lease { trouble: Some(text.to_owned()), ..lease(1) };
        let audit = vec![note(text)];
        let effects = vec![effect("lane", text)];
        Change { leases: vec![Versioned { version: 1, value }], audit, effects, ..change() }
    };
    let (one, other) = (attempt("one"), attempt("other"));
    let outcomes = tokio::join!(conflicts(store, &one), conflicts(store, &other));
    assert!(outcomes.0 != outcomes.1, "{outcomes:?}");
    let winner = if outcomes.0 { "other" } else { "one" };
    let stored = store.lease(lease(1).id).await.unwrap().unwrap();
    assert_eq!((stored.version, stored.value.trouble.as_deref()), (2, Some(winner)));
    let log = store.audit_log(1, 10).await.unwrap();
    assert_eq!(log.iter().map(|entry| entry.note.action.as_str()).collect::<Vec<_>>(), [winner]);
    assert_eq!(store.claim_effect(at(0), at(1)).await.unwrap().unwrap().key, winner);
}

/// A change that carries one of everything.
fn full(version: u64) -> Change {
    Change {
        request: Some(Versioned::new(request(1))),
        leases: vec![
            Versioned::new(lease(2)),
            Versioned { version, value: Lease { state: State::Active, ..lease(1) } },
        ],
        effects: vec![effect("lane", "start")],
        lanes: vec![("lane".to_owned(), "new lane".to_owned())],
        finishes: None,
        drops: Vec::new(),
        seen: vec![(issue(1), NoteId(5)), (issue(1), NoteId(4)), (issue(2), NoteId(6))],
        memos: Vec::new(),
        looks: vec![issue(1)],
        freezes: vec![(Deed::Create, Some(freeze("a full house", None)))],
        audit: vec![note("approve"), note("create")],
        usage_mark: None,
        at: at(3),
    }
}

pub(crate) async fn a_conflict_leaves_nothing_behind(store: &dyn Store) {
    settle(store, lease(1)).await;
    order(store, vec![effect("third lane", "switch on"), effect("other lane", "create")]).await;
    let buried = store.claim_effect(at(0), at(60)).await.unwrap().unwrap();
    store.bury_effect(&buried, at(0), "no").await.unwrap();
    let drops = vec![buried.id];
    let claim = store.claim_effect(at(0), at(60)).await.unwrap().unwrap();
    let figures = store.figures(at(3)).await.unwrap();

    let change = Change { finishes: Some(claim.clone()), drops: drops.clone(), ..full(9) };
    assert!(conflicts(store, &change).await);
    assert_eq!(store.figures(at(3)).await.unwrap(), figures);
    assert_eq!(store.seen_notes(&issue(1)).await.unwrap(), [].into());
    assert_eq!(store.request_on(&issue(1)).await.unwrap(), None);
    assert_eq!(store.lease(lease(2).id).await.unwrap(), None);
    assert_eq!(store.freezes().await.unwrap(), Freezes::default());
    // The same change at the right version goes through, so nothing of the first stands in its way.
    store.commit(&Change { finishes: Some(claim), drops, ..full(1) }).await.unwrap();
}

pub(crate) async fn a_change_stores_everything_it_carries(store: &dyn Store) {
    settle(store, lease(1)).await;
    store.commit(&full(1)).await.unwrap();
    assert_eq!(store.lease(lease(1).id).await.unwrap().unwrap().value.state, State::Active);
    assert_eq!(store.lease(lease(2).id).await.unwrap().unwrap().version, 1);
    assert_eq!(store.freezes().await.unwrap().0.len(), 1);
    assert_eq!(store.request_on(&issue(1)).await.unwrap().unwrap().version, 1);
    assert_eq!(store.seen_notes(&issue(1)).await.unwrap(), [NoteId(4), NoteId(5)].into());
    assert_eq!(store.seen_notes(&issue(2)).await.unwrap(), [NoteId(6)].into());
    assert_eq!(store.claim_look(at(2), at(9)).await.unwrap(), None);
    assert_eq!(store.claim_look(at(3), at(9)).await.unwrap().unwrap().issue, issue(1));
    assert_eq!(store.claim_effect(at(2), at(9)).await.unwrap(), None);
    let task = store.claim_effect(at(3), at(9)).await.unwrap().unwrap();
    assert_eq!(
        (task.key.as_str(), task.lane.as_str(), task.attempts, task.ordered_at),
        ("start", "new lane", 1, at(3))
    );
    assert_eq!(task.task, effect("lane", "start").task);
    let log = store.audit_log(1, 10).await.unwrap();
    assert_eq!(log.iter().map(|entry| entry.at).collect::<Vec<_>>(), [at(3), at(3)]);
    // A comment that is seen twice is no conflict.
    let seen = vec![(issue(1), NoteId(5))];
    store.commit(&Change { seen, ..change() }).await.unwrap();
}

pub(crate) async fn leases_are_due_by_their_next_check(store: &dyn Store) {
    settle(store, lease_due(1, at(30))).await;
    settle(store, lease_due(2, at(10))).await;
    settle(store, lease_due(3, at(20))).await;
    settle(store, lease(4)).await;
    settle(store, Lease { state: State::Ended, ..lease_due(5, at(0)) }).await;
    let due = async |seconds, limit| {
        let leases = store.due_leases(at(seconds), limit).await.unwrap();
        leases.into_iter().map(|lease| lease.value.issue.number.0).collect::<Vec<_>>()
    };
    assert_eq!(due(9, 10).await, [0; 0]);
    assert_eq!(due(10, 10).await, [2]);
    assert_eq!(due(100, 10).await, [2, 3, 1]);
    assert_eq!(due(100, 2).await, [2, 3]);
    store.commit(&with_lease(1, lease_due(2, at(200)))).await.unwrap();
    assert_eq!(due(100, 10).await, [3, 1], "a moved deadline moves the check");
}
