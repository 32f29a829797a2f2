//! What is wrong with a request, in a shape that can be shown to the person
//! who filed it, printed by `innkeeper check` and counted.

use serde::{Deserialize, Serialize};

use crate::identity::FieldName;

/// What kind of thing is wrong. The kebab-case form is part of the `--json`
/// output and of policy tests, so renaming one is a breaking change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViolationCode {
    /// A required field is absent, empty, or still holds the template's hint.
    MissingField,
    /// The same field was given under two headings.
    RepeatedField,
    /// The text is not a value of the field's type.
    UnreadableValue,
    /// A date that can be read in two ways.
    AmbiguousDate,
    /// Smaller, shorter or earlier than allowed.
    BelowMinimum,
    /// Larger, longer or later than allowed.
    AboveMaximum,
    /// Not one of the choices offered.
    NotAChoice,
    /// Two fields say different things of the same.
    Contradiction,
    /// An acknowledgement that was not ticked.
    NotAcknowledged,
    /// No active account of that name on the forge.
    UnknownUser,
    /// The author may not ask for this kind of machine.
    NotEligible,
    /// The author belongs to no such group, whether it exists or not.
    NotAMember,
    /// The host name is in use, still in its grace period, or asked for by another request.
    NameTaken,
    /// The host name is on the operator's protected list.
    NameReserved,
    /// A rule of the cookbook refuses it.
    RuleRefused,
    /// A rule of the cookbook could not be evaluated, which counts as refused.
    RuleUnusable,
    /// The issue body is too large to be a request.
    TooLarge,
    /// The cookbook wants its issues hidden, and the forge cannot hide any.
    NotHidden,
    /// An account that is nobody's filed it.
    FiledByNobody,
}

/// Where a rule stands, for the sysadmin who wants to look it up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulePlace {
    /// The rule's `id`.
    pub id: String,
    /// The cookbook file, relative to the policy folder.
    pub file: String,
    /// The line of its `[[rule]]`, counted from 1.
    pub line: usize,
}

impl RulePlace {
    /// Where: `sandbox.toml:34`.
    #[must_use]
    pub fn at(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// What kind of thing.
    pub code: ViolationCode,
    /// The field concerned, if it is about one.
    pub field: Option<FieldName>,
    /// The line of the issue body, counted from 1.
    pub line: Option<usize>,
    /// What is wrong, as a sentence. May quote the requester's text: it is
    /// foreign text until a template has made it safe.
    pub message: String,
    /// What would be accepted.
    pub hint: Option<String>,
    /// For each field that alone would do, what would pass: `Memory: 4 GiB or
    /// less`. Tried, not guessed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub would_pass: Vec<String>,
    /// The rule that refused it.
    pub rule: Option<RulePlace>,
}

impl Violation {
    /// A violation that concerns no field or line in particular.
    #[must_use]
    pub fn new(code: ViolationCode, message: impl Into<String>) -> Self {
        Self {
            code,
            field: None,
            line: None,
            message: message.into(),
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

    /// Says what would be accepted.
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
