//! What one issue asks for: read from Markdown ([`document`], [`form`],
//! [`value`]), normalised into a [`spec::Spec`], and given a digest that approvals
//! bind to. [`lifecycle`] says what may become of it.

pub mod document;
pub mod form;
pub mod lifecycle;
#[cfg(test)]
pub(crate) mod samples;
pub mod spec;
pub mod value;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{identity::FieldName, request::value::Value, violation::Violation};

/// An issue body read by a cookbook: what was understood, and what was not.
///
/// People are still names here; whether they exist is for the policy, which
/// is told by the forge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The fields with a value, given or defaulted.
    pub fields: BTreeMap<FieldName, Answer>,
    /// Everything that could not be read. All at once.
    pub violations: Vec<Violation>,
}

impl Reading {
    /// The values alone, as [`spec::Spec::new`] takes them.
    #[must_use]
    pub fn values(&self) -> BTreeMap<FieldName, Value> {
        self.fields.iter().map(|(name, answer)| (name.clone(), answer.value.clone())).collect()
    }
}

/// One field as it was understood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The value.
    pub value: Value,
    /// The line of the issue body it stands on, from 1; `None` if defaulted.
    pub line: Option<usize>,
    /// The text as written; `None` if defaulted.
    pub written: Option<String>,
}
