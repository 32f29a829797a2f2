//! What follows from a step: what is done outside, and what people are told.

use serde::{Deserialize, Serialize};

use super::Confirmation;
use crate::{
    cookbook::PowerCommand,
    hook,
    identity::{Person, Timestamp},
    lease::{State, Step},
    machine::Shape,
    quantity::Delay,
};

/// Something to be done outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Make the machine and switch it on.
    Create,
    /// Switch it on.
    Start,
    /// Shut it down because its time is up.
    Stop,
    /// Shut it down because its owner said so.
    SwitchOff,
    /// Restart it.
    Reboot,
    /// Give it that size.
    Resize(Shape),
    /// Install its system anew.
    Rebuild,
    /// Remove machine and disks.
    Destroy,
    /// Remove the backups.
    DropBackups,
    /// Run the hooks of this point that failed, once more.
    RunHooks(hook::Point),
    /// Write our mark into a machine that was found.
    Adopt(Confirmation),
    /// Tell people on the issue.
    Tell(News),
}

/// Something people are told about a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// What.
    pub topic: Topic,
    /// The deadline it names, if it announces one. Delivered, it counts as a
    /// warning of that deadline; not worth sending once the deadline moved.
    pub announces: Option<(Step, Timestamp)>,
}

/// What people are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// The machine is up; how to reach it.
    HandedOver,
    /// The deadline comes nearer.
    Warning {
        /// How long before it was due.
        lead: Delay,
    },
    /// The deadline moved.
    Extended {
        /// By whom.
        by: Person,
    },
    /// Other terms count from now on.
    TermsRenewed {
        /// Who gave it these.
        by: Person,
    },
    /// The machine was stopped; its disks are kept until the deadline.
    Stopped,
    /// It was started from outside and stopped again.
    StoppedAgain,
    /// It runs again.
    Restored,
    /// The owner's switch was done.
    Switched(PowerCommand),
    /// It has another size.
    Resized,
    /// It keeps its size.
    ResizeRefused {
        /// What the provider said.
        reason: String,
    },
    /// Its system was installed anew.
    Rebuilt,
    /// It could not be.
    RebuildRefused {
        /// What the provider said.
        reason: String,
    },
    /// Machine and disks are gone.
    Destroyed,
    /// It could not be made.
    CreationFailed {
        /// What the provider said.
        reason: String,
    },
    /// What was left of a failed creation is gone.
    Undone,
    /// The machine is not where it should be.
    Vanished,
    /// It has a new owner.
    Transferred,
    /// It was found, and is in somebody's care from now on.
    Confirmed,
    /// The provider does not let us have it.
    NotConfirmed {
        /// What the provider said.
        reason: String,
    },
    /// It was found, and is not looked after any more. It stays as it is.
    LetGo,
    /// This is its issue from now on, and what was said elsewhere does not count.
    Rehomed,
}

impl Effect {
    /// Its kind, for people.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::SwitchOff => "switch-off",
            Self::Reboot => "reboot",
            Self::Resize(_) => "resize",
            Self::Rebuild => "rebuild",
            Self::Destroy => "destroy",
            Self::DropBackups => "drop-backups",
            Self::RunHooks(_) => "run-hooks",
            Self::Adopt(_) => "adopt",
            Self::Tell(News { topic: Topic::Warning { .. }, .. }) => "warning",
            Self::Tell(_) => "news",
        }
    }

    /// Whether it still makes sense for a lease in this state; if not, it was
    /// overtaken and is dropped.
    #[must_use]
    pub fn fits(&self, state: State) -> bool {
        match self {
            Self::Create => state == State::Provisioning,
            Self::Start | Self::SwitchOff | Self::Reboot | Self::Resize(_) | Self::Rebuild => {
                state == State::Active
            }
            Self::Stop => state == State::Expired,
            Self::Destroy => state == State::Destroying,
            Self::DropBackups => state == State::Destroyed,
            // From the step they belong to until that is undone or overtaken:
            // a record is not made of a machine that is about to go.
            Self::RunHooks(hook::Point::PostProvision) => {
                matches!(state, State::Provisioning | State::Active)
            }
            Self::RunHooks(hook::Point::PreStop) => matches!(
                state,
                State::Expired | State::Destroying | State::Destroyed | State::Ended
            ),
            Self::RunHooks(hook::Point::PostDestroy) => {
                matches!(state, State::Destroying | State::Destroyed | State::Ended)
            }
            Self::RunHooks(hook::Point::DropBackups) => {
                matches!(state, State::Destroyed | State::Ended)
            }
            Self::Adopt(_) => state == State::Adopted,
            Self::Tell(_) => true,
        }
    }
}
