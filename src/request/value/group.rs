//! A group of the forge, by its full path.

use super::{Value, problem::Problem, written::Written};

const HINT: &str =
    "Write the full path as it stands in the group's address, for example `tpo/web`.";

/// The full path in lower case, which forges do not distinguish: one group is
/// one text, however it is written. Whether the author belongs to it, the forge
/// knows.
pub(super) fn read(written: &Written) -> Result<Value, Problem> {
    let text = written.single()?;
    let path = text.strip_prefix("group:").unwrap_or(&text).trim();
    let path = path.strip_prefix('@').unwrap_or(path).to_ascii_lowercase();
    let refused = |message: String| Err(Problem::unreadable(message).hint(HINT));
    if path.contains("://") {
        return refused(format!("`{text}` looks like an address: the path alone is wanted"));
    }
    // By its number a group would be another text, and counted as another group.
    if path.bytes().all(|byte| byte.is_ascii_digit()) || !path.split('/').all(is_name) {
        return refused(format!(
            "`{text}` is not a group: its path is made of letters, digits, `_`, `-` and `.`, with `/` between"
        ));
    }
    Ok(Value::Group(path))
}

/// One part of a path, in the characters GitLab and GitHub allow.
fn is_name(part: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    !part.is_empty()
        && part.bytes().all(allowed)
        && !part.starts_with(['-', '.'])
        && !part.ends_with('.')
}
