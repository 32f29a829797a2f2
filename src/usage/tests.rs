use std::collections::BTreeMap;

use super::*;
use crate::{
    cookbook::FieldKind,
    identity::{Digest, IssueNumber, IssueRef, Person, ProjectId},
    lease::{
        Extensions, State,
        samples::{lease, shape},
    },
    policy::Verdict,
    quantity::Mebibytes,
    request::{
        Reading, Shown, WaitsOn, lifecycle,
        samples::{cookbook, memory, optional, size},
        spec::Spec,
        value::Value,
    },
};

/// Something that happens to a lease.
type Change = fn(&mut Lease);

const ALICE: UserId = UserId(4);

fn forge() -> ForgeName {
    ForgeName::from("gitlab")
}

/// The sandbox, and another cookbook whose machines have another disk.
fn books() -> Cookbooks {
    let count = FieldKind::Number { min: 1, max: 9 };
    let sandbox = cookbook(vec![optional("Memory", memory()), optional("Count", count)]);
    let mut vm = Cookbook { name: "vm".into(), ..sandbox.clone() };
    vm.placement.providers = vec!["kvm2".into(), "kvm3".into()];
    vm.placement.more_disks = vec![ExtraDisk { size: size("5 GiB"), storage: None }];
    Cookbooks { cookbooks: vec![sandbox, vm], version: Digest::of("policy"), commit: None }
}

/// An open request of Alice's by this cookbook; with these values it can be
/// approved, without any it cannot be yet.
fn request(number: u64, name: &str, values: &[(&str, Value)]) -> Request {
    let books = books();
    let book = books.get(&name.into()).unwrap();
    let alice = Person { id: ALICE, username: "alice".into() };
    let fields: BTreeMap<_, _> =
        values.iter().map(|(field, value)| ((*field).into(), value.clone())).collect();
    let mut verdict = Verdict::unjudged(book.name.clone(), books.version, alice.clone());
    let mut state = lifecycle::State::Incomplete;
    if !values.is_empty() {
        verdict.spec = Spec::new(book, ALICE, &fields, &BTreeMap::new()).ok();
        state = lifecycle::State::AwaitingApproval;
    }
    Request {
        id: RequestId(uuid::Uuid::from_u128(number.into())),
        issue: IssueRef { forge: forge(), project: ProjectId(1), number: IssueNumber(number) },
        web_url: String::new(),
        cookbook: book.name.clone(),
        author: alice,
        filed_at: chrono::DateTime::UNIX_EPOCH,
        state,
        waits_on: WaitsOn::Approver,
        waits_since: chrono::DateTime::UNIX_EPOCH,
        description: Digest::of(""),
        policy_version: books.version,
        reading: Reading::default(),
        verdict,
        approvals: Vec::new(),
        accepted: false,
        leases: Vec::new(),
        shortage: None,
        sticky: None,
        questions: Vec::new(),
        seen_open: true,
        closed_by_us: false,
        closing_answered: false,
        reopened_by_us: false,
        due_date_shown: None,
        shown: Shown::default(),
        salt: None,
        caught_up: None,
    }
}

fn three(memory: &str) -> Vec<(&'static str, Value)> {
    vec![("count", Value::Number(3)), ("memory", Value::Memory(Mebibytes::parse(memory).unwrap()))]
}

fn active(number: u128) -> Lease {
    let mut lease = Lease { state: State::Active, provider: "kvm1".into(), ..lease() };
    lease.id = LeaseId(uuid::Uuid::from_u128(number));
    lease
}

/// What Alice's tenth request for a sandbox finds.
fn found(leases: &[Lease], requests: &[Request]) -> Usage {
    let books = books();
    let asking = Asking {
        forge: &forge(),
        owner: ALICE,
        team: Some("tpo/web"),
        cookbook: &books.cookbooks[0],
        request: RequestId(uuid::Uuid::from_u128(10)),
        lease: Some(LeaseId(uuid::Uuid::from_u128(10))),
    };
    let mut count = Count::new(&asking, &books);
    for lease in leases {
        count.add_lease(lease);
    }
    for request in requests {
        count.add_request(request);
    }
    count.usage()
}

fn shown(holding: Holding) -> String {
    let Holding { leases, pending, vcpus, memory, disk } = holding;
    format!("{leases} + {pending}: {vcpus} vcpus, {memory} MiB, {disk} MiB")
}

#[test]
fn what_is_held_and_what_is_asked_for_add_up() {
    let usage = found(&[active(1)], &[request(2, "sandbox", &three("2 GiB"))]);
    assert_eq!(shown(usage.owner), "1 + 3: 4 vcpus, 7168 MiB, 40960 MiB");
    assert_eq!(usage.cookbook, usage.owner);
    assert_eq!(usage.provider, usage.owner);
    assert_eq!(usage.team, Holding::default());
}

#[test]
fn disks_besides_the_root_disk_count() {
    let mut lease = active(1);
    lease.order.more_disks = vec![ExtraDisk { size: size("1 TiB"), storage: None }];
    let usage = found(&[lease], &[request(2, "vm", &three("1 GiB"))]);
    assert_eq!(usage.owner.disk, 10 * 1024 + 1024 * 1024 + 3 * 15 * 1024);
}

#[test]
fn each_holder_counts_its_own() {
    let bob = Person { id: UserId(5), username: "bob".into() };
    let of_bob = Lease { owner: bob, ..active(1) };
    let of_vm = Lease { cookbook: "vm".into(), ..active(2) };
    let elsewhere = Lease { provider: "kvm2".into(), ..active(3) };
    let team = Some("tpo/web".to_owned());
    let of_team = Lease { team: team.clone(), ..of_bob.clone() };
    let mut another_forge = Lease { team, ..active(4) };
    another_forge.issue.forge = ForgeName::from("github");
    for (what, lease, expected) in [
        ("bob's", of_bob, [0, 0, 1, 1]),
        ("the other cookbook's", of_vm, [1, 0, 0, 1]),
        ("on another host", elsewhere, [1, 0, 1, 0]),
        ("the team's", of_team, [0, 1, 1, 1]),
        ("the other forge's account of that number", another_forge, [0, 0, 1, 1]),
    ] {
        let usage = found(&[lease], &[]);
        let all = [usage.owner, usage.team, usage.cookbook, usage.provider];
        assert_eq!(all.map(|holding| holding.leases), expected, "{what}");
    }
    let mut of_vm = request(2, "vm", &three("1 GiB"));
    assert_eq!(found(&[], &[of_vm.clone()]).owner.pending, 3);
    assert_eq!(found(&[], &[of_vm.clone()]).provider.pending, 0);
    of_vm.issue.forge = ForgeName::from("github");
    assert_eq!(found(&[], &[of_vm]).owner, Holding::default());
}

#[test]
fn what_is_judged_and_what_is_over_does_not_count() {
    for state in State::ALL {
        let there = !matches!(state, State::Destroyed | State::Ended);
        let usage = found(&[Lease { state, ..active(1) }], &[]);
        assert_eq!(usage.owner.leases, u64::from(there), "{state:?}");
    }
    for state in lifecycle::State::ALL {
        let value = Request { state, ..request(2, "sandbox", &three("1 GiB")) };
        let usage = found(&[], &[value]);
        assert_eq!(usage.owner.pending, 3 * u64::from(state.is_open()), "{state}");
    }
    let itself = found(&[active(10)], &[request(10, "sandbox", &three("1 GiB"))]);
    assert_eq!(itself, Usage::default());
}

#[test]
fn an_issue_that_is_incomplete_is_open_but_asks_for_no_machine_yet() {
    let usage = found(&[active(1)], &[request(2, "vm", &[]), request(3, "vm", &three("1 GiB"))]);
    assert_eq!((usage.open_issues, usage.owner.pending), (2, 3));
}

#[test]
fn a_machine_that_gets_another_size_counts_with_the_larger() {
    let mut lease = active(1);
    lease.resizing = vec![Shape { memory: size("8 GiB"), ..shape(1) }, shape(4)];
    assert_eq!(shown(found(&[lease], &[]).owner), "1 + 0: 4 vcpus, 8192 MiB, 10240 MiB");
}

#[test]
fn extensions_are_those_of_the_owner_s_machines_whatever_is_judged() {
    let extensions = Extensions { all: 2, alone: 1 };
    let leases = [1, 10].map(|number| Lease { extensions, ..active(number) });
    assert_eq!(found(&leases, &[]).extensions, 4);
}

#[test]
fn no_number_is_too_large() {
    let most = [("count", Value::Number(u64::MAX))];
    let requests = [request(2, "sandbox", &most), request(3, "sandbox", &most)];
    assert_eq!(found(&[], &requests).owner.memory, u64::MAX);
}

#[test]
fn whatever_usage_sees_of_a_lease_is_in_what_is_counted() {
    let lease = active(1);
    let changes: [(&str, Change, bool); 9] = [
        ("its owner", |lease| lease.owner.id = UserId(5), true),
        ("its team", |lease| lease.team = Some("tpo/web".to_owned()), true),
        ("its size", |lease| lease.order.shape = shape(2), true),
        ("its size to be", |lease| lease.resizing.push(shape(2)), true),
        ("its end", |lease| lease.extensions.all += 1, true),
        ("its machine gone", |lease| lease.state = State::Destroyed, true),
        ("its machine stopped", |lease| lease.state = State::Expired, false),
        ("the owner's name", |lease| lease.owner.username = "alicia".to_owned(), false),
        ("a hold", |lease| lease.hold = Some("Wait.".to_owned()), false),
    ];
    for (what, change, counts) in changes {
        let mut other = lease.clone();
        change(&mut other);
        assert_eq!(counted_lease(&other) != counted_lease(&lease), counts, "{what}");
    }
    let ended = Lease { state: State::Ended, ..lease };
    assert_eq!(counted_lease(&ended), "");
}

#[test]
fn whatever_usage_sees_of_a_request_is_in_what_is_counted() {
    let asked = request(2, "sandbox", &three("1 GiB"));
    let counted = counted_request(&asked);
    assert_ne!(counted_request(&request(2, "sandbox", &three("2 GiB"))), counted);
    assert_ne!(counted_request(&request(2, "sandbox", &[])), counted);
    assert_ne!(counted_request(&request(2, "sandbox", &[])), "");
    let mut of_bob = asked.clone();
    of_bob.verdict.owner.id = UserId(5);
    assert_ne!(counted_request(&of_bob), counted);
    let shown = Request { shortage: Some("memory".to_owned()), ..asked.clone() };
    assert_eq!(counted_request(&shown), counted);
    let approved = Request { state: lifecycle::State::Approved, ..asked };
    assert_eq!(counted_request(&approved), "");
}
