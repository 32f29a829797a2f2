//! What can happen to a lease.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    brake::Waiting,
    cookbook::{PowerCommand, Terms},
    identity::{Digest, Person, Timestamp},
    lease::Announcement,
    machine::{Power, Shape},
};

/// What can happen to a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The provider has made the machine and it runs.
    Created {
        /// The provider's id for it.
        uuid: Uuid,
        /// Addresses the provider gave it.
        addresses: Vec<String>,
        /// Fingerprints of the SSH host keys it was given.
        host_keys: Vec<String>,
    },
    /// The provider will not make it, now or later.
    CreationFailed {
        /// What it said.
        reason: String,
    },
    /// Time has passed.
    Tick,
    /// Time has passed, and something outside holds back the next step.
    HeldBack(Waiting),
    /// A comment that names a deadline is on the issue.
    Announced(Announcement),
    /// The provider has stopped the machine.
    Stopped,
    /// The provider has started the machine.
    Started,
    /// The provider has restarted the machine.
    Rebooted,
    /// Machine and disks are gone; the provider's own listing says so.
    Destroyed,
    /// The backups are gone.
    BackupsDropped,
    /// The deadline moves by somebody's command, within their rights.
    Extend {
        /// The new deadline.
        until: Timestamp,
        /// Who.
        by: Person,
    },
    /// A stopped machine gets another life.
    Restore {
        /// The new deadline.
        until: Timestamp,
        /// Who.
        by: Person,
    },
    /// The lease ends now, confirmed by somebody entitled.
    Release {
        /// Who.
        by: Person,
    },
    /// Somebody entitled switches the machine.
    Switch {
        /// How.
        command: PowerCommand,
        /// Who.
        by: Person,
    },
    /// The machine gets another size.
    Resize {
        /// Which.
        shape: Shape,
        /// Who wants it.
        by: Person,
    },
    /// The provider has done so.
    Resized {
        /// Which size it has.
        shape: Shape,
    },
    /// The provider will not.
    ResizeRefused {
        /// What it said.
        reason: String,
    },
    /// Its system is installed anew, confirmed by somebody entitled.
    Rebuild {
        /// Who.
        by: Person,
    },
    /// The provider has done so.
    Rebuilt {
        /// Addresses the provider gave it.
        addresses: Vec<String>,
        /// Fingerprints of the SSH host keys it was given.
        host_keys: Vec<String>,
    },
    /// The provider will not.
    RebuildRefused {
        /// What it said.
        reason: String,
    },
    /// The machine was looked at.
    Seen {
        /// Whether it runs.
        power: Power,
        /// Its addresses.
        addresses: Vec<String>,
    },
    /// The machine was looked for and is not there.
    Vanished,
    /// Nothing happens by itself from now on.
    Hold {
        /// Why.
        reason: String,
    },
    /// Things happen by themselves again.
    Unhold,
    /// Never stop or destroy it by itself, or do so again.
    Protect(bool),
    /// Hooks that were left to people get another round of tries.
    RunHooksAgain,
    /// After an outage: no step before this moment.
    Postpone {
        /// The moment.
        not_before: Timestamp,
    },
    /// What people were told lately is not known: they get the full notice of
    /// whatever comes next.
    GiveNotice,
    /// It has another issue, and what was said about its deadline cannot be read
    /// there: the one it had was deleted, or was left before that was said.
    Rehomed,
    /// Somebody else answers for it from now on.
    Transfer {
        /// The new owner.
        to: Person,
    },
    /// Other terms count from now on: those its cookbook has by now.
    RenewTerms {
        /// Which.
        terms: Box<Terms>,
        /// The policy version they are of.
        policy_version: Digest,
        /// Who gave it these.
        by: Person,
    },
    /// A sysadmin has confirmed owner and expiry of an adopted machine.
    Confirm(Confirmation),
    /// The provider has written our mark into an adopted machine.
    Marked {
        /// What was confirmed.
        confirmation: Confirmation,
        /// Its size, measured now that it is ours.
        shape: Option<Shape>,
    },
    /// The provider will not write our mark into an adopted machine.
    MarkRefused {
        /// What it said.
        reason: String,
    },
}

/// Whose an adopted machine is to be, and how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// Who answers for it.
    pub owner: Person,
    /// Who answers when the owner does not.
    pub fallback: Vec<Person>,
    /// Its first deadline.
    pub until: Timestamp,
}
