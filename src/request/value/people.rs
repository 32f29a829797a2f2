//! Accounts on the forge, by username.

use super::{Value, problem::Problem, written::Written};
use crate::quantity::written::tidy;

/// More is a mistake, whatever the cookbook allows.
const MAX_NAMES: usize = 200;

/// One account.
pub(super) fn one(written: &Written) -> Result<Value, Problem> {
    match several(written)? {
        Value::Users(names) if names.len() > 1 => Err(Problem::unreadable(format!(
            "One person is wanted here, and {} are named: {}",
            names.len(),
            names.join(", ")
        ))),
        value => Ok(value),
    }
}

/// Accounts: `@alice, @bob and carol`, or one a line. Each once.
pub(super) fn several(written: &Written) -> Result<Value, Problem> {
    let mut names: Vec<String> = Vec::new();
    for (line, text) in written.lines() {
        if names.len() > MAX_NAMES {
            return Err(
                Problem::unreadable(format!("more than {MAX_NAMES} people are named")).at(line)
            );
        }
        for part in tidy(text).replace(" & ", ",").replace(" and ", ",").split([',', ';']) {
            let words: Vec<_> =
                part.split(' ').filter(|word| !matches!(*word, "" | "and")).collect();
            let mentions = words.iter().all(|word| word.starts_with('@'));
            if words.len() > 1 && !mentions {
                return Err(Problem::unreadable(format!("`{}` is not a username", part.trim()))
                    .at(line)
                    .hint("Write usernames with `@`, separated by commas: `@alice, @bob`."));
            }
            for word in words {
                let name = username(word)
                    .map_err(|error| Problem::unreadable(error).at(line).hint(NAME_HINT))?;
                if !names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
                    names.push(name);
                }
            }
        }
    }
    if names.is_empty() {
        Err(Problem::unreadable("nobody is named here"))
    } else {
        Ok(Value::Users(names))
    }
}

const NAME_HINT: &str = "Write the username as it stands in the profile, for example `@alice`.";

/// Why a text is not a username.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsernameError {
    /// It has an `@` within.
    #[error("`{0}` looks like an e-mail address: the username is wanted")]
    Mail(String),
    /// A web address or a path.
    #[error("`{0}` looks like an address: the username alone is wanted")]
    Address(String),
    /// `@all`.
    #[error("`@all` is everybody in the project, not a person")]
    All,
    /// Characters no username has.
    #[error("`{0}` is not a username: those are made of letters, digits, `_`, `-` and `.`")]
    Characters(String),
}

/// Reads one username, with or without `@`, in the characters GitLab and
/// GitHub allow. Whether it exists, the forge knows.
pub fn username(text: &str) -> Result<String, UsernameError> {
    let text = text.trim();
    let name = text.strip_prefix('@').unwrap_or(text);
    if name.eq_ignore_ascii_case("all") {
        return Err(UsernameError::All);
    }
    if name.contains('@') {
        return Err(UsernameError::Mail(text.to_owned()));
    }
    if name.contains('/') {
        return Err(UsernameError::Address(text.to_owned()));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let lower = name.to_ascii_lowercase();
    let ending = [".", ".git", ".atom", "-"].iter().any(|ending| lower.ends_with(ending));
    if name.is_empty()
        || name.len() > 255
        || !name.bytes().all(allowed)
        || name.starts_with(['-', '.'])
        || ending
    {
        return Err(UsernameError::Characters(text.to_owned()));
    }
    Ok(name.to_owned())
}
