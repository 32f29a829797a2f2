//! The store: the only place where state is.
//!
//! One method, [`Store::commit`], changes requests and leases; it takes a
//! [`Change`] that carries the new state together with the effects, the seen
//! comments and the audit entries that belong to it, and stores all of it or
//! nothing.

use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{PortError, queue::Unfinished};
use crate::{
    brake::{Deed, Freeze, Freezes},
    effect::{NewEffect, Task},
    identity::{
        Digest, ForgeName, IssueRef, LeaseId, NoteId, ProjectId, RequestId, Timestamp, UserId,
    },
    lease::Lease,
    request::Request,
};

/// What is shown the live leases, see [`Store::each_live_lease`].
pub type Show<'a> = dyn FnMut(Versioned<Lease>) + Send + 'a;

/// What chooses among the live leases, see [`Store::live_leases_where`].
pub type Choose<'a> = dyn FnMut(&Lease) -> bool + Send + 'a;

/// A store, in the engine's words. Times come from the caller and are kept to
/// the millisecond.
#[async_trait]
pub trait Store: Send + Sync {
    // --- what came in

    /// Stores a delivery and, in the same transaction, that its issue wants a
    /// look. A key that was seen before (per forge) changes nothing.
    async fn deliver(&self, delivery: &Delivery) -> Result<Delivered, PortError>;

    /// Forgets the bodies of deliveries that came before this moment; that
    /// they came stays known. Returns how many.
    async fn forget_bodies(&self, before: Timestamp) -> Result<u64, PortError>;

    /// Notes that these issues want a look. One that already waits is looked
    /// at once, but not before this call.
    async fn want_looks(&self, issues: &[IssueRef], now: Timestamp) -> Result<(), PortError>;

    /// Takes the next issue that wants a look and is due, for nobody else
    /// until `until`. A claim whose time ran out is up for taking again.
    async fn claim_look(&self, now: Timestamp, until: Timestamp)
    -> Result<Option<Look>, PortError>;

    /// The look is done. If the issue was wanted again since the claim, it
    /// stays wanted; if the claim was lost to somebody else, nothing happens.
    async fn finish_look(&self, look: &Look) -> Result<(), PortError>;

    /// The look failed and is due again at `due`.
    async fn postpone_look(
        &self,
        look: &Look,
        due: Timestamp,
        error: &str,
    ) -> Result<(), PortError>;

    /// The look has to wait for other work of ours, which is no failure, and is
    /// due again at `due`.
    async fn defer_look(&self, look: &Look, due: Timestamp) -> Result<(), PortError>;

    // --- state

    /// The request of an issue.
    async fn request_on(&self, issue: &IssueRef) -> Result<Option<Versioned<Request>>, PortError>;

    /// The request with this id.
    async fn request(&self, id: RequestId) -> Result<Option<Versioned<Request>>, PortError>;

    /// All requests on this forge that this account filed, by id.
    async fn requests_by(
        &self,
        forge: &ForgeName,
        author: UserId,
    ) -> Result<Vec<Versioned<Request>>, PortError>;

    /// Requests that are not rejected, withdrawn or fulfilled, by id.
    async fn open_requests(&self) -> Result<Vec<Versioned<Request>>, PortError>;

    /// The lease with this id.
    async fn lease(&self, id: LeaseId) -> Result<Option<Versioned<Lease>>, PortError>;

    /// Shows each lease that has not ended, by id, one after the other: never all
    /// at once, since there may be very many. One that cannot be read is left out,
    /// and told in [`Figures::leases_unreadable`].
    ///
    /// # Errors
    ///
    /// The store's, when some may have been shown already.
    async fn each_live_lease(&self, show: &mut Show<'_>) -> Result<(), PortError>;

    /// Live leases that are chosen, by id.
    ///
    /// # Errors
    ///
    /// The store's.
    async fn live_leases_where(
        &self,
        is_chosen: &mut Choose<'_>,
    ) -> Result<Vec<Versioned<Lease>>, PortError> {
        let mut chosen = Vec::new();
        let mut show = |lease: Versioned<Lease>| {
            if is_chosen(&lease.value) {
                chosen.push(lease);
            }
        };
        self.each_live_lease(&mut show).await?;
        Ok(chosen)
    }

    /// All live leases at once, by id: for what a person asks for now and then.
    ///
    /// # Errors
    ///
    /// The store's.
    async fn live_leases(&self) -> Result<Vec<Versioned<Lease>>, PortError> {
        self.live_leases_where(&mut |_| true).await
    }

    /// Live leases whose [`next_check`](crate::lease::warning::next_check) is
    /// not after `now`, most overdue first, at most `limit`. One that cannot be
    /// read is left out.
    async fn due_leases(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Versioned<Lease>>, PortError>;

    /// Comments of an issue that were dealt with.
    async fn seen_notes(&self, issue: &IssueRef) -> Result<BTreeSet<NoteId>, PortError>;

    /// Stores a change, whole or not at all.
    ///
    /// # Errors
    ///
    /// [`CommitError::Conflict`] when somebody else changed a request or lease
    /// since it was read (or, for new ones, the issue got a request or the
    /// machine's name a live lease), the claim on the finished effect was lost,
    /// or usage is not what it was at [`Change::usage_mark`].
    async fn commit(&self, change: &Change) -> Result<(), CommitError>;

    /// A mark that grows with every commit that alters usage: what
    /// [`counted_lease`] or [`counted_request`] says of something in it.
    ///
    /// Whoever grants something because of what is in use takes the mark, reads,
    /// decides, and commits with it: as long as it is the same, everything that
    /// was read still holds.
    ///
    /// [`counted_lease`]: crate::usage::counted_lease
    /// [`counted_request`]: crate::usage::counted_request
    async fn usage_mark(&self) -> Result<u64, PortError>;

    // --- effects

    /// Takes the next task that is due, for nobody else until `until`, oldest
    /// first, warnings first. The first unfinished task of a lane blocks the
    /// others in it.
    async fn claim_effect(
        &self,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<ClaimedEffect>, PortError>;

    /// The task failed, has not begun any more, and is due again at `due`;
    /// nothing if the claim was lost.
    async fn postpone_effect(
        &self,
        effect: &ClaimedEffect,
        due: Timestamp,
        error: &str,
    ) -> Result<(), PortError>;

    /// The same where nobody knows what became of it: it may have taken effect.
    /// One that had begun counts as running until it is finished.
    async fn doubt_effect(
        &self,
        effect: &ClaimedEffect,
        due: Timestamp,
        error: &str,
    ) -> Result<(), PortError>;

    /// The task waits for something that is no failure of its own, and is due
    /// again at `due`. Whether it has begun stays as it is. Nothing if the
    /// claim was lost.
    async fn hold_effect(
        &self,
        effect: &ClaimedEffect,
        due: Timestamp,
        why: &str,
    ) -> Result<(), PortError>;

    /// The task has begun and goes on at `due`; until it is finished it counts
    /// as running. Nothing if the claim was lost.
    async fn pause_effect(
        &self,
        effect: &ClaimedEffect,
        due: Timestamp,
        progress: &str,
    ) -> Result<(), PortError>;

    /// The task will not succeed by itself: it is kept for a person and no
    /// longer blocks its lane. Nothing if the claim was lost.
    async fn bury_effect(
        &self,
        effect: &ClaimedEffect,
        now: Timestamp,
        error: &str,
    ) -> Result<(), PortError>;

    /// Makes due at once all unfinished tasks of these lanes, buried ones
    /// included. Returns how many.
    async fn revive_effects(&self, lanes: &[String], now: Timestamp) -> Result<u64, PortError>;

    /// Lets a claimed task begin, unless `most` others of its kind (see
    /// [`EffectKind`]) have, across all replicas: those that were finished at
    /// or after `since`, and those that have begun and are not finished. A task
    /// that has begun stays so until it is finished or is known to have failed.
    ///
    /// Counted and noted in one: of two that ask at once for the last place,
    /// one gets it.
    async fn admit(
        &self,
        kind: EffectKind,
        effect: &ClaimedEffect,
        since: Timestamp,
        most: u64,
    ) -> Result<bool, PortError>;

    /// How much of a limit of tasks of this kind is used: what was finished at
    /// or after `since`, and what has begun and is not finished.
    async fn used(&self, kind: EffectKind, since: Timestamp) -> Result<Used, PortError>;

    // --- what operators hold back

    /// All freezes, those included that are over and were not thawed.
    /// [`Change::freezes`] changes them.
    async fn freezes(&self) -> Result<Freezes, PortError>;

    // --- the scheduler's memory

    /// Takes a named lock until `until`, unless another holder has it. The
    /// same holder may take it again, which prolongs it.
    async fn lock(
        &self,
        name: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, PortError>;

    /// Gives a lock back; nothing if another holder has it.
    async fn unlock(&self, name: &str, holder: &str) -> Result<(), PortError>;

    /// A remembered moment, e.g. the last heartbeat or the poll's position.
    async fn moment(&self, name: &str) -> Result<Option<Timestamp>, PortError>;

    /// Remembers a moment.
    async fn set_moment(&self, name: &str, at: Timestamp) -> Result<(), PortError>;

    /// A remembered text, e.g. which policies are in force.
    async fn memo(&self, name: &str) -> Result<Option<String>, PortError>;

    /// Remembers a text.
    async fn set_memo(&self, name: &str, text: &str) -> Result<(), PortError>;

    // --- for people

    /// Figures for `status`, `/metrics` and readiness.
    async fn figures(&self, now: Timestamp) -> Result<Figures, PortError>;

    /// Tasks that are not done, at most `most`: those that wait for a person
    /// first, longest first, then the others in the order in which they are due.
    async fn unfinished(&self, most: usize) -> Result<Vec<Unfinished>, PortError>;

    /// The audit log from entry `from` (counted from 1), at most `limit`, in order.
    async fn audit_log(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>, PortError>;
}

/// A value with the version it was read at; 0 for one that is not stored yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    /// Grows by one with every commit.
    pub version: u64,
    /// The value.
    pub value: T,
}

impl<T> Versioned<T> {
    /// A value that is not stored yet.
    pub fn new(value: T) -> Self {
        Self { version: 0, value }
    }
}

/// A webhook delivery that was authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Which forge sent it.
    pub forge: ForgeName,
    /// The project whose secret it carried.
    pub project: ProjectId,
    /// The issue it hints at; `None` if it concerns no issue of interest.
    pub issue: Option<IssueRef>,
    /// Equal on a redelivery.
    pub key: String,
    /// What the forge calls the event.
    pub event: String,
    /// Why it is of no interest, or could not be read.
    pub ignored: Option<String>,
    /// The raw body, kept for inspection.
    pub body: Vec<u8>,
    /// When it came.
    pub received_at: Timestamp,
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// Stored.
    New,
    /// Seen before.
    Duplicate,
}

/// A claim on looking at an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The issue.
    pub issue: IssueRef,
    /// Grows each time the issue is wanted.
    pub wanted: u64,
    /// Tells this claim from an earlier one that ran out.
    pub claim: u64,
    /// How often looking failed since it last succeeded.
    pub failures: u32,
    /// When it was first wanted.
    pub since: Timestamp,
    /// When the claim runs out, and somebody else may take it.
    pub until: Timestamp,
}

/// State and everything that belongs to it. Stored whole or not at all.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The request, new or changed.
    pub request: Option<Versioned<Request>>,
    /// Leases, new or changed.
    pub leases: Vec<Versioned<Lease>>,
    /// Tasks that follow from it.
    pub effects: Vec<NewEffect>,
    /// Unfinished tasks of the first lane, buried ones included, go on in the
    /// second: their issue went elsewhere.
    pub lanes: Vec<(String, String)>,
    /// The effect this is the outcome of: finished with it.
    pub finishes: Option<ClaimedEffect>,
    /// Tasks that are buried and shall never be done. A conflict if one of them
    /// is not buried any more.
    pub drops: Vec<u64>,
    /// Comments that were dealt with.
    pub seen: Vec<(IssueRef, NoteId)>,
    /// Issues whose view has to be brought up to date.
    pub looks: Vec<IssueRef>,
    /// What operators freeze, in place of what was frozen, and thaw.
    pub freezes: Vec<(Deed, Option<Freeze>)>,
    /// Texts to remember by name.
    pub memos: Vec<(String, String)>,
    /// What is written into the audit log.
    pub audit: Vec<AuditNote>,
    /// Stored only if [`Store::usage_mark`] is still this: it was decided by
    /// what was in use then.
    pub usage_mark: Option<u64>,
    /// When.
    pub at: Timestamp,
}

impl AuditNote {
    /// What an operator did at the command line, to no request or lease.
    #[must_use]
    pub fn by_operator(action: impl Into<String>) -> Self {
        Self {
            actor: Actor::Operator,
            action: action.into(),
            authority: None,
            request: None,
            lease: None,
            digest: None,
            policy_version: None,
        }
    }
}

/// Why a change was not stored.
#[derive(Debug, Error)]
pub enum CommitError {
    /// Somebody else was faster; read again and decide again.
    #[error("somebody else changed it meanwhile")]
    Conflict,
    /// The store failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl CommitError {
    /// For whoever does not decide again at once: a conflict is worth another try.
    #[must_use]
    pub fn or_retry(self, doing: impl Into<String>) -> PortError {
        match self {
            Self::Port(error) => error,
            Self::Conflict => PortError::retry(doing, self),
        }
    }
}

/// A claim on a task.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimedEffect {
    /// The row.
    pub id: u64,
    /// How often it was claimed, this time included: tells this claim from
    /// an earlier one that ran out.
    pub attempts: u32,
    /// How often it was tried, this time included: claims that ended in waiting
    /// do not count.
    pub tries: u32,
    /// Whether it had begun before this claim: something of it may be done.
    pub begun: bool,
    /// Its lane.
    pub lane: String,
    /// Its key.
    pub key: String,
    /// What to do.
    pub task: Task,
    /// When it was ordered.
    pub ordered_at: Timestamp,
    /// When the claim runs out, and somebody else may take it.
    pub until: Timestamp,
}

/// Kinds of tasks that are limited per day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EffectKind {
    /// A machine was made.
    Create,
    /// A machine was destroyed.
    Destroy,
    /// Anything else.
    Other,
}

impl EffectKind {
    /// The kind of a task.
    #[must_use]
    pub fn of(task: &Task) -> Self {
        use crate::lease::lifecycle::Effect;
        match task {
            Task::Lease(_, Effect::Create) => Self::Create,
            Task::Lease(_, Effect::Destroy) => Self::Destroy,
            _ => Self::Other,
        }
    }

    /// The word stored.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Destroy => "destroy",
            Self::Other => "other",
        }
    }
}

/// How much of the limit of a kind of tasks is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// When those that are done were finished, oldest first.
    pub finished: Vec<Timestamp>,
    /// How many have begun and are not finished.
    pub begun: u64,
}

impl Used {
    /// How many count.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.finished.len() as u64 + self.begun
    }

    /// When there is a place again, if at most `most` may count within `window`
    /// and those that have begun end soon; `None` when nothing that ends makes
    /// a place.
    #[must_use]
    pub fn place_at(&self, most: u64, window: TimeDelta) -> Option<Timestamp> {
        let too_many = (self.count() + 1).checked_sub(most).filter(|_| most > 0)?;
        let last = usize::try_from(too_many).ok()?.checked_sub(1)?;
        // What was finished exactly that long ago still counts.
        self.finished.get(last).map(|finished| *finished + window + TimeDelta::milliseconds(1))
    }
}

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// A person, by numeric id.
    User(UserId),
    /// We, because time passed.
    Clock,
    /// We, because something outside answered.
    Outside,
    /// An operator at the command line.
    Operator,
}

/// One line for the audit log: ids and digests, never personal text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditNote {
    /// Who.
    pub actor: Actor,
    /// What was done, e.g. `approve`, `expire`, `destroyed`.
    pub action: String,
    /// By which authority, e.g. `group:tpo/tpa`.
    pub authority: Option<String>,
    /// The request it concerns.
    pub request: Option<RequestId>,
    /// The lease it concerns.
    pub lease: Option<LeaseId>,
    /// The digest it was about, sealed with its request's
    /// [`Salt`](crate::request::Salt). Entries of the first versions have it bare.
    pub digest: Option<Digest>,
    /// The policy version in force.
    pub policy_version: Option<Digest>,
}

/// An entry of the audit log. Each one's `hash` covers its note, its time, its
/// number and the hash before it, so that none can be changed, removed or
/// inserted without breaking the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Counted from 1, without gaps.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub note: AuditNote,
    /// The chain so far.
    pub hash: Digest,
}

/// Figures about everything stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Requests by state.
    pub requests: std::collections::BTreeMap<String, u64>,
    /// Leases by state.
    pub leases: std::collections::BTreeMap<String, u64>,
    /// Issues that want a look.
    pub looks_waiting: u64,
    /// Since when the longest-waiting of them waits, in seconds.
    pub oldest_look_seconds: u64,
    /// Tasks to be done.
    pub effects_pending: u64,
    /// Since when the longest-waiting of them waits, in seconds.
    pub oldest_effect_seconds: u64,
    /// Tasks that wait for a person.
    pub effects_buried: u64,
    /// What they said, newest first, at most ten.
    pub buried: Vec<String>,
    /// Live leases whose stored document could not be read when they were last
    /// read in this process, as sentences.
    pub leases_unreadable: Vec<String>,
    /// Deliveries stored.
    pub deliveries: u64,
    /// Entries in the audit log.
    pub audit_entries: u64,
}
