//! Hooks: what an operator has done around the steps on a machine, such as
//! DNS, LDAP, configuration management, monitoring or backups. Data and pure
//! questions; they are run by adapters of [`crate::ports::hooks`].

use serde::{Deserialize, Serialize};

use crate::identity::{CookbookName, Timestamp};

/// When a hook is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// The machine runs and is about to be handed over.
    PostProvision,
    /// The machine is about to be stopped because its time is up.
    PreStop,
    /// Machine and disks are gone.
    PostDestroy,
    /// The backups are about to be dropped.
    DropBackups,
}

/// A hook, as far as it matters when and for what it is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The name the operator gave it; part of the record of its runs.
    pub name: String,
    /// What it does, for the checklist: `DNS record`.
    pub title: String,
    /// When it is run.
    pub on: Vec<Point>,
    /// For which cookbooks; none for all.
    pub cookbooks: Vec<CookbookName>,
    /// How often it is tried before it is left to a person.
    pub tries: u32,
}

/// What became of a hook at one point in one lease's life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Which hook.
    pub hook: String,
    /// What it does, for people.
    pub title: String,
    /// When it was run.
    pub point: Point,
    /// How it went so far.
    pub outcome: Outcome,
    /// What it said, a line at most. Foreign text.
    pub said: String,
    /// How often it was tried.
    pub tries: u32,
    /// When it was tried last.
    pub at: Timestamp,
}

/// How a hook went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Done.
    Done,
    /// Not yet; it is tried again.
    Failing,
    /// Given up: a person has to do it.
    LeftToPeople,
}

impl Hook {
    /// Whether it is run then, for machines of this cookbook.
    #[must_use]
    pub fn is_for(&self, point: Point, cookbook: &CookbookName) -> bool {
        self.on.contains(&point) && (self.cookbooks.is_empty() || self.cookbooks.contains(cookbook))
    }
}

/// The next hook to be run at this point, in the operator's order: each is
/// run until it is done or given up.
#[must_use]
pub fn next<'a>(
    hooks: &'a [Hook],
    point: Point,
    cookbook: &CookbookName,
    runs: &[Run],
) -> Option<&'a Hook> {
    let over = |hook: &Hook| {
        runs.iter().any(|run| {
            run.hook == hook.name && run.point == point && run.outcome != Outcome::Failing
        })
    };
    hooks.iter().find(|hook| hook.is_for(point, cookbook) && !over(hook))
}

impl Point {
    /// The word in configuration and input.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::PostProvision => "post-provision",
            Self::PreStop => "pre-stop",
            Self::PostDestroy => "post-destroy",
            Self::DropBackups => "drop-backups",
        }
    }
}
