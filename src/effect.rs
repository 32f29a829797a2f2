//! What has been decided and is yet to be done outside. Stored in the same
//! transaction as the state that wants it, performed afterwards, as often as
//! it takes.

use serde::{Deserialize, Serialize};

use crate::{
    identity::{IssueRef, LeaseId, RequestId},
    lease::{
        Lease,
        lifecycle::{Effect, News, Topic},
    },
    notice::{Reply, team::TeamNote},
    request::Request,
};

/// One thing to be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Something for a lease: a step on its provider, or news on its issue.
    Lease(LeaseId, Effect),
    /// An answer on a request's issue.
    Reply(RequestId, Reply),
    /// A note on a request's issue that only the team can read. Where the
    /// forge has no such notes, it is left out, and the log has to do.
    TeamNote(RequestId, TeamNote),
}

impl Task {
    /// Its kind, for people.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Lease(_, effect) => effect.word(),
            Self::Reply(..) => "answer",
            Self::TeamNote(..) => "team-note",
        }
    }
}

/// A task as it is put into the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewEffect {
    /// Tasks of one lane are done one at a time, in order: the comments of an
    /// issue, the steps on a machine.
    pub lane: String,
    /// A task whose key the store has seen is not stored again, ever.
    pub key: String,
    /// Warnings of a destruction (0) go before everything else (1) in a lane.
    pub priority: u8,
    /// What to do.
    pub task: Task,
}

impl NewEffect {
    /// A task for a lease. `ordinal` tells apart the effects of one step, and
    /// the lease's `version` tells apart the steps, so that a step that is
    /// stored twice orders its effects once.
    #[must_use]
    pub fn of_lease(lease: &Lease, version: u64, ordinal: usize, effect: Effect) -> Self {
        let id = lease.id;
        let (lane, key, priority) = match &effect {
            // Asked for again by every sweep until it is done.
            Effect::DropBackups => (Self::machine_lane(id), format!("lease:{id}:drop-backups"), 1),
            Effect::Tell(News { topic, .. }) => (
                Self::issue_lane(&lease.issue),
                format!("lease:{id}:{version}:{ordinal}"),
                u8::from(!matches!(topic, Topic::Warning { .. } | Topic::Stopped)),
            ),
            _ => (Self::machine_lane(id), format!("lease:{id}:{version}:{ordinal}"), 1),
        };
        Self { lane, key, priority, task: Task::Lease(id, effect) }
    }

    /// An answer on a request's issue. `key` names what is answered (a
    /// comment's id, a digest), so that it is answered once.
    #[must_use]
    pub fn reply(request: &Request, key: &str, reply: Reply) -> Self {
        Self {
            lane: Self::issue_lane(&request.issue),
            key: format!("request:{}:{key}", request.id),
            priority: 1,
            task: Task::Reply(request.id, reply),
        }
    }

    /// A note for the team. One that the forge refuses keeps none of the
    /// comments for everybody waiting, so it has a lane of its own.
    #[must_use]
    pub fn team_note(request: &Request, key: &str, note: TeamNote) -> Self {
        Self {
            lane: Self::team_lane(&request.issue),
            key: format!("request:{}:team:{key}", request.id),
            priority: 1,
            task: Task::TeamNote(request.id, note),
        }
    }

    /// The notes for the team on an issue.
    #[must_use]
    pub fn team_lane(issue: &IssueRef) -> String {
        format!("team:{issue}")
    }

    /// The steps on a lease's machine.
    #[must_use]
    pub fn machine_lane(lease: LeaseId) -> String {
        format!("machine:{lease}")
    }

    /// The comments on an issue.
    #[must_use]
    pub fn issue_lane(issue: &IssueRef) -> String {
        format!("issue:{issue}")
    }
}
