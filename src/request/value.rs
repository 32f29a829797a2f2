//! The values a form field can have, and how each is read from what people write.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::quantity::{Lifetime, Mebibytes, Vcpus};

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
