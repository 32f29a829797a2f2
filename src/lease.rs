//! A lease: a machine plus its time. [`lifecycle`] says what may follow what,
//! [`warning`] which warnings a deadline needs before it may be acted on.

pub mod lifecycle;
#[cfg(test)]
pub(crate) mod samples;
pub mod warning;

use serde::{Deserialize, Serialize};

use crate::{
    brake::Waiting,
    cookbook::Terms,
    hook,
    identity::{
        CookbookName, Digest, IssueRef, LeaseId, NoteId, Person, ProviderName, RequestId, Timestamp,
    },
    machine::{Keep, MachineOrder, Power, Shape},
    quantity::Delay,
    request::{WaitsOn, value::Term},
};

/// A machine plus its time. Never deleted: an ended lease is the record of
/// what was given to whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Its id, also written into the machine's metadata.
    pub id: LeaseId,
    /// The request that asked for it; that of an adopted machine was filed by us.
    pub request: Option<RequestId>,
    /// The issue where everything about it is said.
    pub issue: IssueRef,
    /// The cookbook it was granted under.
    pub cookbook: CookbookName,
    /// The approved digest.
    pub digest: Digest,
    /// The policy version it was granted under.
    pub policy_version: Digest,
    /// The terms as they were when it was granted; later changes of the
    /// cookbook do not touch it.
    pub terms: Terms,
    /// Who answers for it.
    pub owner: Person,
    /// Who answers when the owner does not.
    pub fallback: Vec<Person>,
    /// Where the machine is.
    pub provider: ProviderName,
    /// What the machine is. Name and host were chosen before the first call
    /// and are never chosen again.
    pub order: MachineOrder,
    /// What stays of it when it is destroyed.
    pub keep: Keep,
    /// Where it stands.
    pub state: State,
    /// Whom it waits on, so that turnaround can be told.
    pub waits_on: WaitsOn,
    /// Since when.
    pub waits_since: Timestamp,
    /// Whether the machine ran when last looked at.
    pub power: Power,
    /// How long it was asked for.
    pub granted: Term,
    /// When it was handed over: lifetimes count from here.
    pub handed_over: Option<Timestamp>,
    /// The next step that will be taken by itself.
    pub deadline: Option<Deadline>,
    /// Deadlines that people were told of, with the proof.
    pub announcements: Vec<Announcement>,
    /// Warnings ordered but perhaps not delivered yet.
    pub ordered: Vec<OrderedWarning>,
    /// Why nothing happens by itself for now.
    pub hold: Option<String>,
    /// Never stopped or destroyed by itself.
    pub protected: bool,
    /// Addresses the provider gave. What it had last stays for the record when
    /// the machine is gone.
    pub addresses: Vec<String>,
    /// The fingerprints of its SSH host keys, as far as we gave them to it.
    pub host_keys: Vec<String>,
    /// How far a step that takes long has got, for the view.
    pub progress: Option<String>,
    /// What is going wrong at the moment, for the view and the dashboard.
    pub trouble: Option<String>,
    /// What it waits for that nobody has to do anything about.
    #[serde(default)]
    pub waiting: Option<Waiting>,
    /// What became of the operator's hooks.
    pub hooks: Vec<hook::Run>,
    /// The team it was asked for, by its full path.
    #[serde(default)]
    pub team: Option<String>,
    /// How often its end was moved.
    #[serde(default)]
    pub extensions: Extensions,
    /// Sizes that were ordered and not given yet, in the order of giving.
    #[serde(default)]
    pub resizing: Vec<Shape>,
    /// Whether the provider was told to write our mark into an adopted machine,
    /// and has not answered: it may bear it any moment.
    #[serde(default)]
    pub marking: bool,
}

/// How often the end of a lease was moved by a comment: extended or restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extensions {
    /// By anybody.
    pub all: u32,
    /// By the owner's word alone.
    pub alone: u32,
}

impl Lease {
    /// How many of the operator's hooks failed for good and wait for a person.
    #[must_use]
    pub fn hooks_left(&self) -> usize {
        let left = |run: &&hook::Run| run.outcome == hook::Outcome::LeftToPeople;
        self.hooks.iter().filter(left).count()
    }
}

/// Where a lease stands. Power is an attribute of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Found on a provider; protected and without deadline until a sysadmin confirms it.
    Adopted,
    /// The machine is being made.
    Provisioning,
    /// Handed over.
    Active,
    /// Its time is up: the machine is stopped and keeps its disks for the grace period.
    Expired,
    /// Being destroyed. No way back.
    Destroying,
    /// Machine and disks are gone; backups are kept.
    Destroyed,
    /// Backups are gone as well.
    Ended,
}

impl State {
    /// All of them, in the order of life.
    pub const ALL: [Self; 7] = [
        Self::Adopted,
        Self::Provisioning,
        Self::Active,
        Self::Expired,
        Self::Destroying,
        Self::Destroyed,
        Self::Ended,
    ];

    /// Whether a machine may exist for it.
    #[must_use]
    pub fn has_machine(self) -> bool {
        !matches!(self, Self::Destroyed | Self::Ended)
    }

    /// The word stored and shown in `--json` output.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Adopted => "adopted",
            Self::Provisioning => "provisioning",
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Destroying => "destroying",
            Self::Destroyed => "destroyed",
            Self::Ended => "ended",
        }
    }
}

/// A step that is taken by itself when its time has come and everybody was warned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Stop the machine.
    Stop,
    /// Destroy machine and disks.
    Destroy,
    /// Drop the backups.
    DropBackups,
}

/// When a step will be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// Which step.
    pub step: Step,
    /// The moment that is announced.
    pub at: Timestamp,
    /// When it was set. Warnings older than this do not count.
    pub set_at: Timestamp,
    /// After an outage: not before this moment, whatever was announced.
    pub not_before: Option<Timestamp>,
}

/// Proof that people were told of a deadline: the comment is on the issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// The step announced.
    pub step: Step,
    /// The deadline it named.
    pub deadline: Timestamp,
    /// The comment.
    pub note: NoteId,
    /// When the forge took it.
    pub delivered_at: Timestamp,
}

/// A warning that was ordered, so that it is ordered once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedWarning {
    /// The step it warns of.
    pub step: Step,
    /// The deadline it names.
    pub deadline: Timestamp,
    /// How long before.
    pub lead: Delay,
    /// When it was ordered.
    pub at: Timestamp,
}
