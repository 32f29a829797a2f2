//! Values to store. Where a test does not care, they are the dullest there are.

use chrono::TimeDelta;
use innkeeper::{
    brake::Freeze,
    effect::{NewEffect, Task},
    identity::{
        Digest, ForgeName, IssueNumber, IssueRef, LeaseId, Person, ProjectId, RequestId, Timestamp,
        UserId,
    },
    lease::{Deadline, Extensions, Lease, State, Step, lifecycle::Effect},
    machine::{Keep, MachineKey, MachineOrder, Power, Shape},
    policy::Verdict,
    ports::store::{Actor, AuditNote, Change, Delivery, Store, Versioned},
    request::{Reading, Request, Shown, WaitsOn, lifecycle, value::Term},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

/// That many seconds after the tests' beginning of time.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(seconds)
}

pub(crate) fn issue(number: u64) -> IssueRef {
    IssueRef {
        forge: ForgeName::from("gitlab"),
        project: ProjectId(42),
        number: IssueNumber(number),
    }
}

pub(crate) fn delivery(key: &str, issue: Option<IssueRef>) -> Delivery {
    Delivery {
        forge: ForgeName::from("gitlab"),
        project: ProjectId(42),
        issue,
        key: key.to_owned(),
        event: "Note Hook".to_owned(),
        ignored: None,
        body: b"{}".to_vec(),
        received_at: at(0),
    }
}

fn person() -> Person {
    Person { id: UserId(7), username: "alice".to_owned() }
}

/// Quantities and what other modules own the shape of.
fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// A request on the issue of the same number.
pub(crate) fn request(number: u64) -> Request {
    Request {
        id: RequestId(Uuid::from_u128(number.into())),
        issue: issue(number),
        web_url: "https://gitlab.example/42".to_owned(),
        cookbook: "sandbox".into(),
        author: person(),
        filed_at: at(0),
        state: lifecycle::State::Incomplete,
        waits_on: WaitsOn::Requester,
        waits_since: at(0),
        description: Digest::of("description"),
        policy_version: Digest::of("policy"),
        reading: Reading { fields: [].into(), violations: Vec::new() },
        verdict: Verdict::unjudged("sandbox".into(), Digest::of("policy"), person()),
        approvals: Vec::new(),
        accepted: false,
        leases: Vec::new(),
        shortage: None,
        sticky: None,
        questions: Vec::new(),
        closing_answered: false,
        seen_open: true,
        closed_by_us: false,
        reopened_by_us: false,
        due_date_shown: None,
        shown: Shown::default(),
        salt: None,
        caught_up: None,
    }
}

/// A lease on a machine named after its number.
pub(crate) fn lease(number: u64) -> Lease {
    let id = LeaseId(Uuid::from_u128(number.into()));
    Lease {
        id,
        request: None,
        issue: issue(number),
        cookbook: "sandbox".into(),
        digest: Digest::of("request"),
        policy_version: Digest::of("policy"),
        terms: read(json!({
            "default": 14, "max": 30, "total": 90,
            "warn": [], "min_notice": 60, "grace": 60, "backups": 60,
        })),
        owner: person(),
        fallback: Vec::new(),
        provider: "kvm1".into(),
        order: MachineOrder::plain(
            MachineKey { lease: id, name: format!("guest-{number}").as_str().into(), uuid: None },
            Shape { vcpus: read(json!(1)), memory: read(json!(1024)), disk: read(json!(1024)) },
            "alice",
        ),
        keep: Keep::Nothing,
        state: State::Provisioning,
        waits_on: WaitsOn::Provider,
        waits_since: at(0),
        power: Power::Unknown,
        granted: Term::For(read(json!(14))),
        handed_over: None,
        deadline: None,
        announcements: Vec::new(),
        ordered: Vec::new(),
        hold: None,
        protected: false,
        addresses: Vec::new(),
        host_keys: Vec::new(),
        progress: None,
        trouble: None,
        waiting: None,
        hooks: Vec::new(),
        team: None,
        extensions: Extensions::default(),
        resizing: Vec::new(),
        marking: false,
    }
}

/// A lease that has to be checked at this moment.
pub(crate) fn lease_due(number: u64, due: Timestamp) -> Lease {
    let deadline = Deadline { step: Step::Stop, at: due, set_at: at(0), not_before: None };
    Lease { state: State::Active, deadline: Some(deadline), ..lease(number) }
}

/// The first task of a lane, and the following ones.
pub(crate) fn effect(lane: &str, key: &str) -> NewEffect {
    let task = Task::Lease(LeaseId(Uuid::nil()), Effect::Start);
    NewEffect { lane: lane.to_owned(), key: key.to_owned(), priority: 1, task }
}

pub(crate) fn note(action: &str) -> AuditNote {
    AuditNote {
        actor: Actor::User(UserId(7)),
        action: action.to_owned(),
        authority: Some("group:tpo/tpa".to_owned()),
        request: Some(RequestId(Uuid::nil())),
        lease: None,
        digest: Some(Digest::of("request")),
        policy_version: None,
    }
}

pub(crate) fn change() -> Change {
    Change { at: at(0), ..Change::default() }
}

/// Stores these tasks.
pub(crate) async fn order(store: &dyn Store, effects: Vec<NewEffect>) {
    store.commit(&Change { effects, ..change() }).await.unwrap();
}

/// Stores this new lease.
pub(crate) async fn settle(store: &dyn Store, lease: Lease) {
    store.commit(&Change { leases: vec![Versioned::new(lease)], ..change() }).await.unwrap();
}

pub(crate) fn freeze(reason: &str, until: Option<i64>) -> Freeze {
    Freeze { reason: reason.to_owned(), since: at(0), until: until.map(at) }
}
