//! The laws, held against what is really there and when it happened, not
//! against what the engine thinks of it.
//!
//! Told of everything that changes: what is committed, what is done to a
//! machine, what is posted. So each law is looked at after every step that
//! could break it.

mod approval;
mod machines;
mod notice;
mod quiet;

use std::collections::{BTreeMap, BTreeSet};

use innkeeper::{
    brake::{Deed, Freeze},
    calendar::Calendar,
    effect::Task,
    identity::{IssueRef, LeaseId, MachineName, ProviderName, RequestId, Timestamp},
    lease::{Lease, State, lifecycle::Effect},
    machine::Machine,
    ports::store::{AuditEntry, Change, ClaimedEffect, Versioned},
    store::audit_chain,
};
use uuid::Uuid;

pub(crate) use self::{
    machines::{Touch, is_meant, touched},
    quiet::{at_the_end, converged, is_lost, quiet},
};
use crate::{memory_store::MemoryStore, sabotage::Sabotage, story::Who, world::World};

/// What is true, as far as laws need it.
pub(crate) struct Laws {
    /// The first law that was broken, and how.
    pub(crate) broken: Option<(&'static str, String)>,
    /// How often each was looked at.
    pub(crate) checks: BTreeMap<&'static str, u64>,
    pub(crate) calendar: Calendar,
    pub(crate) automatic: bool,
    pub(crate) creations_per_day: u64,
    pub(crate) destroys_per_day: u64,
    pub(crate) outage_after: chrono::TimeDelta,
    pub(crate) strangers: Vec<(ProviderName, Machine)>,
    pub(crate) leases: BTreeMap<LeaseId, Versioned<Lease>>,
    requests: BTreeMap<RequestId, u64>,
    /// Where each lease stood before, and until when.
    moved: BTreeMap<LeaseId, (State, Timestamp)>,
    audit: (u64, Option<AuditEntry>),
    /// How often each lease's machine was really made, and destroyed.
    pub(crate) made: BTreeMap<LeaseId, u64>,
    pub(crate) destroyed: BTreeMap<LeaseId, u64>,
    /// The last claim, which another gets as well if claims are broken.
    pub(crate) shared: Option<ClaimedEffect>,
    /// Which machine was made for each lease.
    uuids: BTreeMap<LeaseId, Uuid>,
    /// Machines that somebody put in the place of others.
    pub(crate) impostors: Vec<(ProviderName, MachineName, LeaseId)>,
    /// Removed by somebody at the host.
    pub(crate) removed: BTreeSet<LeaseId>,
    creations: Vec<Timestamp>,
    destructions: Vec<Timestamp>,
    /// What each task works on: its claim, and since when.
    claims: BTreeMap<u64, (ClaimedEffect, Timestamp)>,
    /// The last claim on each effect.
    latest: BTreeMap<u64, u32>,
    finished: BTreeSet<u64>,
    /// Since when a lease is protected, or on hold.
    guarded: BTreeMap<LeaseId, Timestamp>,
    /// What operators hold back, and since when that is stored.
    pub(crate) frozen: BTreeMap<Deed, (Freeze, Timestamp)>,
    heartbeat: Option<Timestamp>,
    /// When the last outage ended.
    outage: Option<Timestamp>,
    /// When clocks jumped, and how far.
    pub(crate) jumps: Vec<(Timestamp, chrono::TimeDelta)>,
    /// When the clocks last jumped.
    pub(crate) stepped: Option<Timestamp>,
    /// When the clocks last jumped ahead.
    pub(crate) jumped: Option<Timestamp>,
    /// Digests with the comment that whoever approved had read.
    pub(crate) endorsed: Vec<(String, String)>,
}

impl Laws {
    pub(crate) fn new(calendar: Calendar) -> Self {
        Self {
            broken: None,
            checks: BTreeMap::new(),
            calendar,
            automatic: false,
            creations_per_day: u64::MAX,
            destroys_per_day: u64::MAX,
            outage_after: chrono::TimeDelta::MAX,
            strangers: Vec::new(),
            leases: BTreeMap::new(),
            requests: BTreeMap::new(),
            moved: BTreeMap::new(),
            audit: (0, None),
            made: BTreeMap::new(),
            destroyed: BTreeMap::new(),
            shared: None,
            uuids: BTreeMap::new(),
            impostors: Vec::new(),
            removed: BTreeSet::new(),
            creations: Vec::new(),
            destructions: Vec::new(),
            claims: BTreeMap::new(),
            latest: BTreeMap::new(),
            finished: BTreeSet::new(),
            guarded: BTreeMap::new(),
            frozen: BTreeMap::new(),
            heartbeat: None,
            outage: None,
            jumps: Vec::new(),
            stepped: None,
            jumped: None,
            endorsed: Vec::new(),
        }
    }
}

impl Laws {
    /// Whether a task is at something it has claimed.
    pub(crate) fn holds_claim(&self, task: u64) -> bool {
        self.claims.get(&task).is_some_and(|(effect, _)| !self.finished.contains(&effect.id))
    }
}

impl World {
    /// A law is looked at.
    pub(crate) fn law(&mut self, name: &'static str, holds: bool, why: impl FnOnce() -> String) {
        *self.laws.checks.entry(name).or_default() += 1;
        if !holds && self.laws.broken.is_none() {
            let why = why();
            self.note("BROKEN", name, || why.clone());
            self.laws.broken = Some((name, why));
        }
    }
}

/// A change was stored.
pub(crate) fn committed(world: &mut World, change: &Change, rows: &MemoryStore) {
    if let Some(effect) = &change.finishes {
        world.laws.finished.insert(effect.id);
    }
    for (deed, freeze) in &change.freezes {
        let now = world.now;
        match freeze {
            Some(freeze) => world.laws.frozen.insert(*deed, (freeze.clone(), now)),
            None => world.laws.frozen.remove(deed),
        };
    }
    if let Some(request) = &change.request {
        let id = request.value.id;
        let known = world.laws.requests.insert(id, request.version + 1).unwrap_or(0);
        world.law("versions only grow", known == request.version, || format!("request {id}"));
    }
    for effect in &change.effects {
        if let Task::Lease(id, Effect::DropBackups) = &effect.task
            && let Some(lease) = world.laws.leases.get(id).cloned()
        {
            notice::backups_go(world, &lease.value);
        }
    }
    for lease in &change.leases {
        let after = &lease.value;
        let stored = Versioned { version: lease.version + 1, value: after.clone() };
        let before = world.laws.leases.insert(after.id, stored);
        let known = before.as_ref().map_or(0, |before| before.version);
        world.law("versions only grow", known == lease.version, || format!("lease {}", after.id));
        guard(world, after);
        match before {
            None if after.state == State::Adopted => approval::found(world, after),
            None => approval::granted(world, after, change),
            Some(before) => transition(world, &before.value, after),
        }
    }
    if !change.leases.is_empty() {
        machines::every_machine_has_a_lease(world);
    }
    if !change.audit.is_empty() {
        let (known, last) = world.laws.audit.clone();
        let (new, whole) = rows.rows(|rows| {
            let new: Vec<_> =
                rows.audit.iter().skip(usize::try_from(known).unwrap_or(0)).cloned().collect();
            let whole = audit_chain::verify_after(last.as_ref(), &new).is_ok();
            (new, whole)
        });
        world.law("the audit chain is whole", whole && new.len() == change.audit.len(), || {
            format!("after entry {known}")
        });
        let last = new.last().cloned();
        world.laws.audit = (known + new.len() as u64, last);
    }
}

fn guard(world: &mut World, lease: &Lease) {
    let now = world.now;
    if lease.protected || lease.hold.is_some() {
        world.laws.guarded.entry(lease.id).or_insert(now);
    } else {
        world.laws.guarded.remove(&lease.id);
    }
}

fn transition(world: &mut World, before: &Lease, after: &Lease) {
    if before.state != after.state {
        world.laws.moved.insert(after.id, (before.state, world.now));
    }
    match (before.state, after.state) {
        (State::Active, State::Expired) => notice::time_is_up(world, before),
        (State::Expired | State::Active | State::Provisioning, State::Destroying) => {
            notice::ends(world, before);
        }
        (one, other) => {
            let is_way = one == other
                || matches!(
                    (one, other),
                    (State::Provisioning | State::Expired | State::Adopted, State::Active)
                        | (State::Destroying, State::Destroyed | State::Ended)
                        | (State::Adopted | State::Destroyed, State::Ended)
                );
            world.law("no way back", is_way, || format!("{} was {one:?}, is {other:?}", after.id));
        }
    }
}

/// A task was claimed by whoever is at it.
pub(crate) fn claimed(world: &mut World, effect: &ClaimedEffect) {
    let Who::Replica { task, .. } = world.who else { return };
    let now = world.now;
    world.laws.latest.insert(effect.id, effect.attempts);
    world.laws.claims.insert(task, (effect.clone(), now));
    let done = world.laws.finished.contains(&effect.id);
    world.law("done once", !done, || format!("{} was finished", effect.key));
}

/// A task is left to a person.
pub(crate) fn buried(world: &mut World, effect: &ClaimedEffect) {
    let is_comment = match &effect.task {
        Task::Lease(_, Effect::Tell(_)) | Task::Reply(..) | Task::TeamNote(..) => true,
        Task::Lease(..) => false,
    };
    world.law("a step is never given up", is_comment, || effect.key.clone());
}

/// A moment is remembered: the heartbeat tells outages.
pub(crate) fn noted(world: &mut World, name: &str, at: Timestamp) {
    if name != innkeeper::engine::HEARTBEAT {
        return;
    }
    // In true time: it may be stored later than it was read from the clock.
    let now = at - world.skew;
    let gap = world.laws.heartbeat.map(|last| now - last);
    if gap.is_some_and(|gap| gap > world.laws.outage_after + chrono::TimeDelta::minutes(10)) {
        world.laws.outage = Some(now);
    }
    world.laws.heartbeat = Some(now);
}

/// Something of ours is shown to people.
pub(crate) fn posted(world: &mut World, issue: &IssueRef, body: &str) {
    if !body.contains("planted") {
        return;
    }
    let acts = if world.is_broken(Sabotage::NoCode) {
        quiet::acts(&body.replace('`', ""))
    } else {
        quiet::acts(body)
    };
    world.law("foreign text never acts", !acts, || format!("{issue}: {body}"));
}

/// What a change holds, for the story.
pub(crate) fn describe(change: &Change) -> String {
    let mut words = Vec::new();
    if let Some(request) = &change.request {
        words.push(format!("request {} v{}", request.value.state, request.version));
    }
    for lease in &change.leases {
        let Lease { state, deadline, hold, .. } = &lease.value;
        let due = deadline.map(|d| format!("{:?} {}", d.step, d.at.format("%a %d. %H:%M")));
        words.push(format!(
            "{} {} v{} {} {}",
            lease.value.order.key.name,
            state.word(),
            lease.version,
            due.unwrap_or_default(),
            hold.as_deref().unwrap_or_default(),
        ));
    }
    words.extend(change.effects.iter().map(|effect| match &effect.task {
        Task::Lease(_, Effect::Tell(news)) => format!("+tell {:?}", news.topic),
        Task::Lease(_, step) => format!("+{step:?}"),
        Task::Reply(_, reply) => {
            format!("+{}", format!("{reply:?}").split(' ').next().unwrap_or_default())
        }
        Task::TeamNote(..) => "+team note".to_owned(),
    }));
    if let Some(effect) = &change.finishes {
        words.push(format!("finishes {} #{}", effect.id, effect.attempts));
    }
    words.extend(change.audit.iter().map(|note| format!("log {}", note.action)));
    if !change.seen.is_empty() {
        words.push(format!("seen {}", change.seen.len()));
    }
    words.join("; ")
}
