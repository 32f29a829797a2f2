//! What may become of a request.
//!
//! ```text
//!  Incomplete <--judged--> AwaitingApproval --approved--> Approved --settled--> Fulfilled
//!      |                          |    ^                     |
//!      +----- rejected / closed --+    +------- undone ------+
//!                   |
//!          Rejected / Withdrawn --reopened--> Incomplete
//! ```
//!
//! [`step`] is pure and total: an event that cannot follow is
//! [`IllegalEvent`], never a panic. Once a request is approved the description
//! has no power any more: what was granted stays what was approved.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::WaitsOn;

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Something is missing or refused.
    Incomplete,
    /// Complete and allowed, if somebody entitled approves.
    AwaitingApproval,
    /// Approved; its machines are being made.
    Approved,
    /// Its machines were handed over.
    Fulfilled,
    /// An approver said no.
    Rejected,
    /// The issue was closed before anything was approved.
    Withdrawn,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Incomplete,
        Self::AwaitingApproval,
        Self::Approved,
        Self::Fulfilled,
        Self::Rejected,
        Self::Withdrawn,
    ];

    /// The word stored and shown in `--json` output.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete",
            Self::AwaitingApproval => "awaiting-approval",
            Self::Approved => "approved",
            Self::Fulfilled => "fulfilled",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Whether the description still decides anything.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Incomplete | Self::AwaitingApproval)
    }

    /// Whom a request in this state waits on.
    #[must_use]
    pub fn waits_on(self) -> WaitsOn {
        match self {
            Self::Incomplete => WaitsOn::Requester,
            Self::AwaitingApproval => WaitsOn::Approver,
            Self::Approved => WaitsOn::Provider,
            Self::Fulfilled | Self::Rejected | Self::Withdrawn => WaitsOn::Nobody,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What can happen to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Policy refuses the description as it is now.
    Refused,
    /// Policy would grant it if approved.
    Acceptable,
    /// Everyone needed has approved (or nobody needs to).
    Approved,
    /// Nothing is left to be made: its machines were handed over, or released
    /// before that.
    Settled,
    /// Its machines could not be made, and what was left of them is gone.
    Undone,
    /// An approver said no.
    Rejected,
    /// Somebody closed the issue.
    Closed,
    /// Somebody reopened the issue.
    Reopened,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Refused,
        Self::Acceptable,
        Self::Approved,
        Self::Settled,
        Self::Undone,
        Self::Rejected,
        Self::Closed,
        Self::Reopened,
    ];
}

/// An event that cannot follow the present state; dropped by whoever sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a request that is {state} cannot be {event:?}")]
pub struct IllegalEvent {
    /// Where the request stands.
    pub state: State,
    /// What was said to have happened.
    pub event: Event,
}

/// The state after `event`.
///
/// # Errors
///
/// [`IllegalEvent`] when the event cannot follow.
pub fn step(state: State, event: Event) -> Result<State, IllegalEvent> {
    use State::{Approved, AwaitingApproval, Fulfilled, Incomplete, Rejected, Withdrawn};
    match (state, event) {
        (Incomplete | AwaitingApproval, Event::Refused)
        | (Rejected | Withdrawn, Event::Reopened) => Ok(Incomplete),
        (Incomplete | AwaitingApproval, Event::Acceptable) | (Approved, Event::Undone) => {
            Ok(AwaitingApproval)
        }
        (AwaitingApproval, Event::Approved) => Ok(Approved),
        (Approved, Event::Settled) => Ok(Fulfilled),
        (Incomplete | AwaitingApproval, Event::Rejected) => Ok(Rejected),
        (Incomplete | AwaitingApproval, Event::Closed) => Ok(Withdrawn),
        _ => Err(IllegalEvent { state, event }),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::{Event, State, step};

    #[test]
    fn every_state_meets_every_event() {
        let mut table = String::new();
        for state in State::ALL {
            let mut follows = String::new();
            for event in Event::ALL {
                if let Ok(next) = step(state, event) {
                    write!(follows, " {event:?}->{next}").unwrap();
                }
            }
            writeln!(table, "{state}:{follows}").unwrap();
        }
        insta::assert_snapshot!(table, @r"
        incomplete: Refused->incomplete Acceptable->awaiting-approval Rejected->rejected Closed->withdrawn
        awaiting-approval: Refused->incomplete Acceptable->awaiting-approval Approved->approved Rejected->rejected Closed->withdrawn
        approved: Settled->fulfilled Undone->awaiting-approval
        fulfilled:
        rejected: Reopened->incomplete
        withdrawn: Reopened->incomplete
        ");
    }
}
