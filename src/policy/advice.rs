//! What is said of a request that is not refused: somebody has to look at it,
//! or people should know.

use serde::{Deserialize, Serialize};

use crate::{identity::FieldName, violation::RulePlace};

/// What follows when a rule does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The request is refused.
    #[default]
    Deny,
    /// It is not, but somebody has to approve it, and is told why.
    Review,
    /// People are told, nothing else.
    Warn,
}

impl Severity {
    /// All of them, worst first.
    pub const ALL: [Self; 3] = [Self::Deny, Self::Review, Self::Warn];

    /// As cookbooks spell it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Review => "review",
            Self::Warn => "warn",
        }
    }

    /// What is said instead of a refusal; `None` where it is one.
    #[must_use]
    pub fn concern(self) -> Option<Concern> {
        match self {
            Self::Deny => None,
            Self::Review => Some(Concern::Review),
            Self::Warn => Some(Concern::Warn),
        }
    }
}

/// How much a piece of [`Advice`] weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Concern {
    /// Somebody has to approve the request: nothing is automatic.
    Review,
    /// People should know, nothing else.
    Warn,
}

/// Something about a request that does not stand in its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// Whether somebody has to look at it.
    pub severity: Concern,
    /// The field concerned, if it is about one.
    #[serde(default)]
    pub field: Option<FieldName>,
    /// The line of the issue body, counted from 1.
    #[serde(default)]
    pub line: Option<usize>,
    /// What there is to know, as a sentence. May quote the requester's text: it
    /// is foreign text until a template has made it safe.
    pub message: String,
    /// What would make it go away.
    #[serde(default)]
    pub hint: Option<String>,
    /// For each field that alone would do, what would need nobody's look:
    /// `Memory: 4 GiB or less`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub would_pass: Vec<String>,
    /// The rule that says so, if one does.
    #[serde(default)]
    pub rule: Option<RulePlace>,
}

impl Advice {
    /// Something somebody has to look at.
    #[must_use]
    pub fn review(message: impl Into<String>) -> Self {
        Self::new(Concern::Review, message)
    }

    /// Something people should know.
    #[must_use]
    pub fn warn(message: impl Into<String>) -> Self {
        Self::new(Concern::Warn, message)
    }

    /// Advice that concerns no field or line in particular.
    #[must_use]
    pub fn new(severity: Concern, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            severity,
            field: None,
            line: None,
            message,
            hint: None,
            would_pass: Vec::new(),
            rule: None,
        }
    }

    /// Names the field.
    #[must_use]
    pub fn of(mut self, field: &FieldName) -> Self {
        self.field = Some(field.clone());
        self
    }

    /// Names the line of the issue body.
    #[must_use]
    pub fn at(mut self, line: impl Into<Option<usize>>) -> Self {
        self.line = line.into();
        self
    }

    /// Says what would make it go away.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Names the rule.
    #[must_use]
    pub fn by(mut self, rule: RulePlace) -> Self {
        self.rule = Some(rule);
        self
    }
}
