//! Values as they stand in columns, there and back. All of these are total:
//! what cannot be in a column that only we write becomes an error that names it.

use serde::{Serialize, de::DeserializeOwned};

use crate::identity::{ForgeName, IssueNumber, IssueRef, ProjectId, Timestamp};

/// Milliseconds since 1970.
pub(super) fn from_time(at: Timestamp) -> i64 {
    at.timestamp_millis()
}

/// The moment that many milliseconds after 1970.
pub(super) fn to_time(milliseconds: i64) -> Timestamp {
    Timestamp::from_timestamp_millis(milliseconds).unwrap_or(Timestamp::MAX_UTC)
}

/// Rows asked for.
pub(super) fn from_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A count that is never negative.
pub(super) fn to_count(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// A count that stays small.
pub(super) fn to_small_count(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// An issue's three columns. The numbers are mapped one to one, also those
/// beyond what `SQLite` can count to.
pub(super) fn from_issue(issue: &IssueRef) -> (&str, i64, i64) {
    (issue.forge.as_str(), issue.project.0.cast_signed(), issue.number.0.cast_signed())
}

/// The issue in these columns.
pub(super) fn to_issue(forge: String, project: i64, number: i64) -> IssueRef {
    IssueRef {
        forge: ForgeName(forge),
        project: ProjectId(project.cast_unsigned()),
        number: IssueNumber(number.cast_unsigned()),
    }
}

/// A text that is only read by people. `PostgreSQL` has no character 0, and what
/// something outside said may hold one.
pub(super) fn from_text(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A value as a document. JSON escapes what no column takes.
pub(super) fn from_value(value: &impl Serialize) -> sqlx::Result<String> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// The value in a document; `what` names the row for whoever has to repair it.
pub(super) fn to_value<T: DeserializeOwned>(
    document: &str,
    what: impl FnOnce() -> String,
) -> sqlx::Result<T> {
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(document))
        .map_err(|error| sqlx::Error::Decode(format!("{} is unreadable: {error}", what()).into()))
}
