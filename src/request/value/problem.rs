//! What is wrong with one value, before it is known which field it was for.

use std::fmt::Display;

use super::sentence;
use crate::violation::{Violation, ViolationCode};

/// A violation in the making; boxed, since most values are fine.
#[derive(Debug)]
pub(super) struct Problem(Box<Violation>);

impl Problem {
    pub(super) fn new(code: ViolationCode, message: impl Display) -> Self {
        Self(Box::new(Violation::new(code, sentence(message))))
    }

    /// A text that is not a value of the field's type.
    pub(super) fn unreadable(message: impl Display) -> Self {
        Self::new(ViolationCode::UnreadableValue, message)
    }

    /// Names the line of the issue body.
    pub(super) fn at(mut self, line: impl Into<Option<usize>>) -> Self {
        self.0.line = line.into();
        self
    }

    /// Says what would be accepted.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }
}

impl From<Problem> for Violation {
    fn from(problem: Problem) -> Self {
        *problem.0
    }
}
