//! A change in the making: a request and its leases, what was decided about
//! them, and everything that has to be stored together with it.

use super::{Engine, moved::ISSUE_GONE};
use crate::{
    effect::NewEffect,
    identity::{Digest, IssueRef, LeaseId, NoteId, Person, Timestamp},
    lease::{
        Lease,
        lifecycle::{self as lease_life, IllegalEvent},
    },
    notice::{Reply, team::TeamNote},
    ports::{
        PortError,
        store::{Actor, AuditNote, Change, ClaimedEffect, CommitError, Versioned},
    },
    request::{Request, Salt, Shown, WaitsOn, lifecycle as request_life},
};

/// A request with its leases, and what is about to change.
pub(super) struct Draft<'a> {
    engine: &'a Engine,
    pub(super) request: Versioned<Request>,
    pub(super) leases: Vec<Versioned<Lease>>,
    change: Change,
    request_touched: bool,
    touched: Vec<LeaseId>,
    /// The store's mark when usage was last read for a decision.
    usage_mark: Option<u64>,
}

impl<'a> Draft<'a> {
    /// A stored request with its leases as they are now.
    pub(super) async fn of(
        engine: &'a Engine,
        request: Versioned<Request>,
    ) -> Result<Self, PortError> {
        let mut leases = Vec::with_capacity(request.value.leases.len());
        for id in &request.value.leases {
            leases.extend(engine.store().lease(*id).await?);
        }
        Ok(Self::new(engine, request, leases))
    }

    pub(super) fn new(
        engine: &'a Engine,
        request: Versioned<Request>,
        leases: Vec<Versioned<Lease>>,
    ) -> Self {
        let change = Change { at: engine.now(), ..Change::default() };
        Self {
            engine,
            request,
            leases,
            change,
            request_touched: false,
            touched: Vec::new(),
            usage_mark: None,
        }
    }

    /// The moment of the change.
    pub(super) fn now(&self) -> Timestamp {
        self.change.at
    }

    /// A call outside took its time: what follows from it happens now.
    pub(super) fn time_passed(&mut self) {
        self.change.at = self.engine.now();
    }

    /// The request, to be changed.
    pub(super) fn request_mut(&mut self) -> &mut Request {
        self.request_touched = true;
        &mut self.request.value
    }

    /// Whether something of the request is to be stored.
    pub(super) fn is_request_touched(&self) -> bool {
        self.request_touched
    }

    /// The request was rewritten as it was: there is nothing of it to store.
    pub(super) fn request_unchanged(&mut self) {
        self.request_touched = false;
    }

    /// The request meets an event. One that cannot follow changes nothing.
    pub(super) fn request_event(
        &mut self,
        event: request_life::Event,
    ) -> Result<(), request_life::IllegalEvent> {
        let state = request_life::step(self.request.value.state, event)?;
        let now = self.now();
        if self.request.value.state != state {
            self.request_mut().state = state;
            self.waits_on(state.waits_on(), now);
        }
        Ok(())
    }

    /// Whom the request waits on from now.
    pub(super) fn waits_on(&mut self, waits_on: WaitsOn, now: Timestamp) {
        if self.request.value.waits_on != waits_on {
            let request = self.request_mut();
            request.waits_on = waits_on;
            request.waits_since = now;
        }
    }

    /// A lease meets an event; its effects join the change. An event that
    /// cannot follow changes nothing.
    pub(super) fn lease_event(
        &mut self,
        id: LeaseId,
        event: &lease_life::Event,
    ) -> Result<(), IllegalEvent> {
        let now = self.now();
        let Some(index) = self.leases.iter().position(|lease| lease.value.id == id) else {
            return Ok(());
        };
        let before = &self.leases[index];
        let calendar = self.engine.calendar_of(&before.value.cookbook);
        let (after, effects) = lease_life::step(&before.value, event, now, &calendar)?;
        let version = before.version;
        // The version goes into the effects' keys, so it has to move with them.
        let touched = after != before.value || !effects.is_empty();
        for effect in effects {
            // Counts what this change holds already, so that two events in one
            // change do not share a key.
            let ordinal = self.change.effects.len();
            self.change.effects.push(NewEffect::of_lease(&after, version, ordinal, effect));
        }
        self.leases[index].value = after;
        if touched && !self.touched.contains(&id) {
            self.touched.push(id);
        }
        Ok(())
    }

    /// A new lease, and its first effect.
    pub(super) fn add_lease(&mut self, lease: Lease, effect: lease_life::Effect) {
        let id = lease.id;
        let ordinal = self.change.effects.len();
        self.change.effects.push(NewEffect::of_lease(&lease, 0, ordinal, effect));
        self.leases.push(Versioned::new(lease));
        self.touched.push(id);
        self.request_mut().leases.push(id);
    }

    /// Usage is about to be read; `None` if what is decided does not depend on it.
    pub(super) fn usage_read(&mut self, mark: Option<u64>) {
        self.usage_mark = mark;
    }

    /// Whether what was last decided by usage still holds at this mark.
    pub(super) fn is_usage_as_read(&self, mark: Option<u64>) -> bool {
        mark.is_some() && mark == self.usage_mark
    }

    /// What was decided holds only as long as usage is as it was read: of two
    /// that each fit alone, one is stored.
    pub(super) fn only_if_usage_stands(&mut self) {
        let earlier = self.change.usage_mark;
        self.change.usage_mark = match (earlier, self.usage_mark) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// The issue went elsewhere: request and leases follow, and whatever is
    /// still to be said is said there. What it shows there is not known.
    pub(super) fn relocate(&mut self, Relocation { to, web_url }: Relocation) {
        let from = self.request.value.issue.clone();
        for lane in [NewEffect::issue_lane, NewEffect::team_lane] {
            self.change.lanes.push((lane(&from), lane(&to)));
        }
        let request = self.request_mut();
        request.issue = to.clone();
        request.web_url = web_url;
        request.sticky = None;
        request.due_date_shown = None;
        request.shown = Shown {
            extra_labels: request.shown.extra_labels,
            agreed: std::mem::take(&mut request.shown.agreed),
            ..Shown::default()
        };
        for lease in &mut self.leases {
            lease.value.issue = to.clone();
            if !self.touched.contains(&lease.value.id) {
                self.touched.push(lease.value.id);
            }
        }
    }

    /// All machines are in this trouble, or no longer.
    pub(super) fn all_in_trouble(&mut self, trouble: Option<&str>) {
        let living = |lease: &&Versioned<Lease>| lease.value.state.has_machine();
        let ids: Vec<LeaseId> = self.leases.iter().filter(living).map(|l| l.value.id).collect();
        for id in ids {
            if let Some(lease) = self.lease_mut(id)
                && (trouble.is_some() || lease.trouble.as_deref() == Some(ISSUE_GONE))
            {
                lease.trouble = trouble.map(str::to_owned);
            }
        }
    }

    /// Changes a lease in a way that is no event, e.g. its trouble.
    pub(super) fn lease_mut(&mut self, id: LeaseId) -> Option<&mut Lease> {
        let lease = self.leases.iter_mut().find(|lease| lease.value.id == id)?;
        if !self.touched.contains(&id) {
            self.touched.push(id);
        }
        Some(&mut lease.value)
    }

    /// An answer, once per `key`.
    pub(super) fn reply(&mut self, key: &str, reply: Reply) {
        self.change.effects.push(NewEffect::reply(&self.request.value, key, reply));
    }

    /// A note for the team alone, once per `key`.
    pub(super) fn tell_team(&mut self, key: &str, note: TeamNote) {
        self.change.effects.push(NewEffect::team_note(&self.request.value, key, note));
    }

    /// Why nobody may end this machine or install it anew, and who could change
    /// that, if so.
    pub(super) fn protection(&self, lease: &Lease) -> Option<(String, &'static str)> {
        let name = &lease.order.key.name;
        if self.engine.is_listed(lease) {
            let why = format!("`{name}` is on the operator's list of protected machines.");
            return Some((why, "Only the configuration can change that: `protected_names`."));
        }
        let why = format!("`{name}` is protected.");
        lease.protected.then_some((why, "A sysadmin can `unprotect` it first."))
    }

    /// A comment was dealt with.
    pub(super) fn saw(&mut self, note: NoteId) {
        self.change.seen.push((self.request.value.issue.clone(), note));
    }

    /// These tasks, which are buried, are never done.
    pub(super) fn drops(&mut self, tasks: Vec<u64>) {
        self.change.drops = tasks;
    }

    /// A text to remember by name.
    pub(super) fn remember(&mut self, name: String, text: String) {
        self.change.memos.push((name, text));
    }

    /// The change is the outcome of this effect.
    pub(super) fn finishes(&mut self, effect: &ClaimedEffect) {
        self.change.finishes = Some(effect.clone());
    }

    /// The issue's view wants to be brought up to date afterwards.
    pub(super) fn look_again(&mut self) {
        self.change.looks.push(self.request.value.issue.clone());
    }

    /// A line for the audit log.
    pub(super) fn audit(&mut self, actor: Actor, action: &str, of: Of) {
        let request = &self.request.value;
        self.change.audit.push(AuditNote {
            actor,
            action: action.to_owned(),
            authority: of.authority,
            request: Some(request.id),
            lease: of.lease,
            digest: of.digest,
            policy_version: Some(request.policy_version),
        });
    }

    /// The same about a lease that got the terms of another policy version than
    /// its request was judged by.
    pub(super) fn audit_terms(
        &mut self,
        actor: Actor,
        action: &str,
        lease: &Lease,
        authority: Option<String>,
        version: Digest,
    ) {
        let of = Of { lease: Some(lease.id), digest: Some(lease.digest), authority };
        self.audit(actor, action, of);
        if let Some(note) = self.change.audit.last_mut() {
            note.policy_version = Some(version);
        }
    }

    /// Whether there is anything to store.
    pub(super) fn is_empty(&self) -> bool {
        !self.request_touched
            && self.touched.is_empty()
            && self.change.effects.is_empty()
            && self.change.seen.is_empty()
            && self.change.audit.is_empty()
            && self.change.looks.is_empty()
            && self.change.finishes.is_none()
    }

    /// The log, which nobody can change, gets no digest that could be matched
    /// with what somebody wrote once they are forgotten.
    fn seal(&mut self, notes: &mut [AuditNote]) {
        for note in notes {
            let Some(digest) = note.digest else { continue };
            let salt = self.request.value.salt.unwrap_or_else(|| {
                let salt = Salt::new(self.engine.ports.entropy.uuid());
                self.request_mut().salt = Some(salt);
                salt
            });
            note.digest = Some(salt.seal(&digest));
        }
    }

    /// Stores everything, and goes on as a draft of what comes next.
    pub(super) async fn commit(&mut self) -> Result<(), CommitError> {
        if self.is_empty() {
            return Ok(());
        }
        let mut change = std::mem::replace(
            &mut self.change,
            Change { at: self.engine.now(), ..Change::default() },
        );
        self.seal(&mut change.audit);
        if self.request_touched {
            change.request = Some(self.request.clone());
        }
        change.leases = self
            .leases
            .iter()
            .filter(|lease| self.touched.contains(&lease.value.id))
            .cloned()
            .collect();
        self.engine.store().commit(&change).await?;
        if std::mem::take(&mut self.request_touched) {
            self.request.version += 1;
        }
        for id in std::mem::take(&mut self.touched) {
            if let Some(lease) = self.leases.iter_mut().find(|lease| lease.value.id == id) {
                lease.version += 1;
            }
        }
        Ok(())
    }
}

/// Where an issue went.
pub(super) struct Relocation {
    pub(super) to: IssueRef,
    /// Its page there.
    pub(super) web_url: String,
}

/// What an audit line is about, besides the request.
#[derive(Clone, Debug, Default)]
pub(super) struct Of {
    pub(super) lease: Option<LeaseId>,
    pub(super) digest: Option<Digest>,
    pub(super) authority: Option<String>,
}

/// The person as an actor.
pub(super) fn person(person: &Person) -> Actor {
    Actor::User(person.id)
}
