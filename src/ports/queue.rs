//! The queue of tasks as people see it.

use crate::{effect::Task, identity::Timestamp};

/// A task that is not done.
#[derive(Clone, Debug, PartialEq)]
pub struct Unfinished {
    /// The row; comments name it as `effect-12`.
    pub id: u64,
    /// What it waits for.
    pub standing: Standing,
    /// The tasks it takes its turn with.
    pub lane: String,
    /// Its key.
    pub key: String,
    /// What is to be done; `None` if it cannot be read, because it was changed
    /// by hand or written by a newer version.
    pub task: Option<Task>,
    /// How often it was tried.
    pub tries: u32,
    /// When it was ordered.
    pub ordered_at: Timestamp,
    /// What kept it from being done the last time.
    pub error: Option<String>,
}

/// What a task that is not done waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A person, since then.
    Buried(Timestamp),
    /// Its turn, not before then.
    Pending(Timestamp),
    /// Whoever does it, who has until then.
    Running(Timestamp),
}

impl Standing {
    /// The word stored.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Buried(_) => "buried",
            Self::Pending(_) => "pending",
            Self::Running(_) => "running",
        }
    }
}
