//! What a look at something configured found: for people who set it up.

use serde::Serialize;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How it is.
    pub grade: Grade,
    /// What was found, as a sentence.
    pub what: String,
    /// What to do about it.
    pub advice: Option<String>,
}

/// How well something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// As it should be.
    Good,
    /// It works, but somebody should look.
    Doubtful,
    /// It does not work.
    Bad,
}

impl Finding {
    /// As it should be.
    #[must_use]
    pub fn good(what: impl Into<String>) -> Self {
        Self { grade: Grade::Good, what: what.into(), advice: None }
    }

    /// It works, but somebody should look.
    #[must_use]
    pub fn doubtful(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { grade: Grade::Doubtful, what: what.into(), advice: Some(advice.into()) }
    }

    /// It does not work.
    #[must_use]
    pub fn bad(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { grade: Grade::Bad, what: what.into(), advice: Some(advice.into()) }
    }
}
