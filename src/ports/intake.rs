//! The way in: what a forge's webhook says, and where it is kept until the
//! engine looks.

use async_trait::async_trait;
use http::HeaderMap;
use thiserror::Error;

use super::PortError;
use crate::identity::{ForgeName, IssueNumber, ProjectId, Timestamp};

/// One forge's webhooks: tells genuine deliveries from forged ones.
pub trait Hooks: Send + Sync {
    /// Checks a delivery against the secret of the project it claims to come
    /// from, on the body as it was received.
    ///
    /// # Errors
    ///
    /// When no project configured here can have sent it. An unknown project
    /// looks the same as a wrong secret, in words and in time.
    fn check(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Genuine, Unauthenticated>;
}

/// A delivery that knew the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genuine {
    /// The project whose secret it knew.
    pub project: ProjectId,
    /// What the forge calls the event, e.g. `Issue Hook`. Foreign text.
    pub event: String,
    /// The same for every repetition of this delivery; unique within the project.
    pub key: String,
    /// What it is about.
    pub about: About,
}

/// What a delivery is about, as far as we care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// Something happened on this issue. What, only the forge's API tells.
    Issue(IssueNumber),
    /// Nothing that concerns us, and why.
    Nothing(String),
    /// Nothing on an issue, but something the operator should know, as a
    /// clause: a token is about to end.
    Notice(String),
    /// It should concern us, but cannot be read; what is wrong, and where.
    Unreadable(String),
}

/// Why a delivery is not believed. For the log; the sender learns nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Unauthenticated(pub &'static str);

/// A delivery to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// The forge it came from.
    pub forge: ForgeName,
    /// The project whose secret it knew.
    pub project: ProjectId,
    /// The issue it is about; `None` when it could not be read and is kept for
    /// a person to look at.
    pub issue: Option<IssueNumber>,
    /// The same for every repetition; unique within forge and project.
    pub key: String,
    /// What the forge calls the event. Foreign text.
    pub event: String,
    /// The body as received. Never trusted, only kept for inspection.
    pub body: Vec<u8>,
    /// When it arrived.
    pub received_at: Timestamp,
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It was not known and is stored now.
    New,
    /// It was stored before.
    Duplicate,
}

/// Keeps deliveries until the engine has looked at them.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Stores a delivery, once per forge, project and key. When it returns, the
    /// delivery survives a crash.
    async fn accept(&self, delivery: NewDelivery) -> Result<Accepted, PortError>;
}
