//! The values a form field can have, and how each is read from what people write.

mod amount;
mod choice;
pub mod date;
mod group;
mod hostname;
mod lifetime;
pub(crate) mod limits;
pub(crate) mod nearest;
mod people;
mod problem;
mod ssh_key;
mod web_address;
pub(crate) mod written;

use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::{
    cookbook::{Field, FieldKind, Terms, tier},
    quantity::{Lifetime, Mebibytes, Vcpus},
    violation::Violation,
};
use written::Written;

pub use lifetime::{ParseTermError, Term};
pub use people::{UsernameError, username};

/// A field's value, normalised: two ways of writing the same thing are equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "kebab-case")]
pub enum Value {
    /// Free text, trimmed, line ends as `\n`.
    Text(String),
    /// A choice, spelt as the cookbook spells it.
    Choice(String),
    /// Choices in the cookbook's order.
    Choices(Vec<String>),
    /// Usernames without `@`, in the order written, each once.
    Users(Vec<String>),
    /// A group's full path, lower case.
    Group(String),
    /// An RFC 1123 label, lower case.
    Hostname(String),
    /// Memory.
    Memory(Mebibytes),
    /// Disk space.
    Disk(Mebibytes),
    /// Virtual processors.
    Vcpus(Vcpus),
    /// A whole number.
    Number(u64),
    /// A lifetime given as a length.
    Lifetime(Lifetime),
    /// A lifetime given as its last day, or any other calendar day.
    Date(NaiveDate),
    /// A web address.
    Url(String),
    /// Yes or no.
    Boolean(bool),
    /// SSH public keys as `algorithm base64`, without comments or options.
    SshKeys(Vec<String>),
}

impl fmt::Display for Value {
    /// What is shown to people as understood: `4 GiB`, `2 vCPUs`, `14 days`,
    /// `2027-01-15`, `alice, bob`. Foreign text until a template made it safe.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text)
            | Self::Choice(text)
            | Self::Group(text)
            | Self::Hostname(text)
            | Self::Url(text) => f.write_str(text),
            Self::Choices(list) | Self::Users(list) => f.write_str(&list.join(", ")),
            Self::Memory(amount) | Self::Disk(amount) => amount.fmt(f),
            Self::Vcpus(count) => count.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Lifetime(length) => length.fmt(f),
            Self::Date(day) => day.fmt(f),
            Self::Boolean(yes) => f.write_str(if *yes { "yes" } else { "no" }),
            Self::SshKeys(keys) => {
                let shown: Vec<_> = keys.iter().map(|key| ssh_key::fingerprint(key)).collect();
                f.write_str(&shown.join(", "))
            }
        }
    }
}

/// Reads what was written for a field, and holds it against the field's limits.
pub(crate) fn read(
    field: &Field,
    written: &Written,
    terms: &Terms,
    today: NaiveDate,
) -> Result<Value, Vec<Violation>> {
    let value = match &field.kind {
        FieldKind::Text { .. } => Ok(Value::Text(written.prose())),
        FieldKind::Choice { choices } => choice::one(written, choices),
        FieldKind::Tier { tiers, custom } => choice::one(written, &tier::names(tiers, *custom)),
        FieldKind::Choices { choices } => choice::several(written, choices),
        FieldKind::User => people::one(written),
        FieldKind::Users { .. } => people::several(written),
        FieldKind::Group => group::read(written),
        FieldKind::Hostname => hostname::read(written),
        FieldKind::Memory { .. } => amount::size(written).map(Value::Memory),
        FieldKind::Disk { .. } => amount::size(written).map(Value::Disk),
        FieldKind::Vcpus { .. } => amount::vcpus(written),
        FieldKind::Number { .. } => amount::number(written),
        FieldKind::Lifetime => lifetime::read(written),
        FieldKind::Date => date::read(written),
        FieldKind::Url => web_address::read(written),
        FieldKind::Boolean => choice::boolean(written),
        FieldKind::SshKeys => return ssh_key::read(written),
        FieldKind::Acknowledgement => choice::acknowledgement(written),
    }
    .map_err(|problem| vec![problem.into()])?;
    match limits::check(&field.kind, &value, terms, today) {
        Some(violation) => Err(vec![violation]),
        None => Ok(value),
    }
}

/// The message as a sentence of its own: a capital first, a full stop last.
pub(crate) fn sentence(message: impl fmt::Display) -> String {
    let mut text = message.to_string();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if !text.ends_with(['.', '?', '!']) {
        text.push('.');
    }
    text
}
