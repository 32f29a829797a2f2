//! Which forge the instance is like, and what that changes.

use super::quick_actions::{self, QuickAction};
use super::state::Refused;

/// Which forge the instance is like, towards bots and their hooks. People and
/// what they do are the same in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// GitLab's API, version 4.
    #[default]
    GitLab,
    /// GitHub's REST API as an Enterprise Server has it, under `/api/v3`.
    GitHub,
}

impl Dialect {
    pub(super) fn is_github(self) -> bool {
        self == Self::GitHub
    }

    /// A text without its quick actions, and those; GitHub knows none.
    pub(super) fn read(self, text: &str) -> (String, Vec<QuickAction>) {
        match self {
            Self::GitLab => quick_actions::extract(text),
            Self::GitHub => (text.to_owned(), Vec::new()),
        }
    }

    /// The most characters of a title.
    pub(super) fn longest_title(self) -> usize {
        match self {
            Self::GitLab => 255,
            Self::GitHub => 256,
        }
    }

    /// The most characters of a description or comment.
    pub(super) fn longest_text(self) -> usize {
        match self {
            Self::GitLab => 1_000_000,
            Self::GitHub => 65_536,
        }
    }

    /// The colour of a label that was made by being used.
    pub(super) fn label_color(self) -> &'static str {
        match self {
            Self::GitLab => "#6699cc",
            Self::GitHub => "#ededed",
        }
    }

    /// Refuses what only GitLab has.
    pub(super) fn only_on_gitlab(self, what: &str) -> Result<(), Refused> {
        match self {
            Self::GitLab => Ok(()),
            Self::GitHub => Err(Refused::Invalid(format!("GitHub has no {what}"))),
        }
    }
}
