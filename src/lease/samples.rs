//! A lease for tests.

use super::{Extensions, Lease, State};
use crate::{
    cookbook::Terms,
    identity::{
        Digest, ForgeName, IssueNumber, IssueRef, LeaseId, MachineName, Person, ProjectId, UserId,
    },
    machine::{Keep, MachineKey, MachineOrder, Power, Shape},
    quantity::{Delay, Lifetime, Mebibytes, Vcpus},
    request::{WaitsOn, value::Term},
};

/// Alice's, whose machine with one processor is being made since a Monday
/// during working hours.
pub(crate) fn lease() -> Lease {
    let id = LeaseId(uuid::Uuid::from_u128(7));
    Lease {
        id,
        request: None,
        issue: IssueRef {
            forge: ForgeName::from("gitlab"),
            project: ProjectId(1),
            number: IssueNumber(7),
        },
        cookbook: "sandbox".into(),
        digest: Digest::of("request"),
        policy_version: Digest::of("policy"),
        terms: Terms {
            default: Lifetime::new(14).unwrap(),
            max: Lifetime::new(30).unwrap(),
            total: Lifetime::new(90).unwrap(),
            extensions: None,
            warn: vec![delay("7d"), delay("1d")],
            min_notice: delay("24h"),
            grace: delay("3d"),
            backups: delay("30d"),
        },
        owner: Person { id: UserId(4), username: "alice".into() },
        fallback: vec![],
        provider: "kvm".into(),
        order: MachineOrder::plain(
            MachineKey { lease: id, name: MachineName::from("sandbox-7"), uuid: None },
            shape(1),
            "alice",
        ),
        keep: Keep::Nothing,
        state: State::Provisioning,
        waits_on: WaitsOn::Provider,
        waits_since: "2027-01-04T09:30:00Z".parse().unwrap(),
        power: Power::Unknown,
        granted: Term::For(Lifetime::new(14).unwrap()),
        handed_over: None,
        deadline: None,
        announcements: vec![],
        ordered: vec![],
        hold: None,
        protected: false,
        addresses: vec![],
        host_keys: vec![],
        progress: None,
        trouble: None,
        waiting: None,
        hooks: vec![],
        team: None,
        extensions: Extensions::default(),
        resizing: Vec::new(),
        marking: false,
    }
}

/// One GiB of memory and ten of disk.
pub(crate) fn shape(vcpus: u16) -> Shape {
    Shape {
        vcpus: Vcpus::new(vcpus).unwrap(),
        memory: Mebibytes::new(1024).unwrap(),
        disk: Mebibytes::new(10_240).unwrap(),
    }
}

fn delay(text: &str) -> Delay {
    Delay::parse(text).unwrap()
}
