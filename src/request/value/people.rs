//! Accounts on the forge, by username.

use super::{Value, problem::Problem, written::Written};
use crate::{quantity::written::tidy, request::document::PieceKind};

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
    for (line, text) in lines(written) {
        if names.len() > MAX_NAMES {
            return Err(
                Problem::unreadable(format!("more than {MAX_NAMES} people are named")).at(line)
            );
        }
        for part in tidy(text).replace(" & ", ",").replace(" and ", ",").split([',', ';']) {
            let part = without_aside(part.trim());
            let words: Vec<_> =
                part.split(' ').filter(|word| !matches!(*word, "" | "and")).collect();
            let mentions = words.iter().all(|word| word.starts_with('@'));
            if words.len() > 1 && !mentions {
                return Err(Problem::unreadable(format!("`{part}` is not a username"))
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

/// The lines with names. Where a table has a cell with a username, that cell
/// stands for its row: the others hold full names and what else was asked.
fn lines(written: &Written) -> Vec<(usize, &str)> {
    let is_name = |cell: &&String| cell.starts_with('@');
    let rows = written.pieces.iter().filter_map(|piece| match &piece.kind {
        PieceKind::Row(cells) => Some((piece.line, cells)),
        _ => None,
    });
    let with_name: Vec<usize> = rows
        .filter(|(_, cells)| cells.iter().any(|cell| is_name(&cell)))
        .map(|(line, _)| line)
        .collect();
    if with_name.is_empty() {
        return written.lines();
    }
    let mut lines = Vec::new();
    for piece in &written.pieces {
        match &piece.kind {
            PieceKind::Row(cells) if with_name.contains(&piece.line) => {
                let names = cells.iter().filter(is_name);
                lines.extend(names.map(|name| (piece.line, name.as_str())));
            }
            // The head of the table.
            PieceKind::Row(_) if piece.begins_block => {}
            kind => lines.push((piece.line, kind.text())),
        }
    }
    lines
}

/// `Alice Archer (@alice)` and `@alice (Alice Archer)` as `@alice`.
fn without_aside(part: &str) -> &str {
    let ends = [('(', ')'), ('<', '>')];
    let inside = |(open, close)| part.strip_suffix(close)?.split_once(open);
    let Some((before, aside)) = ends.into_iter().find_map(inside) else { return part };
    let is_mention = |text: &str| text.starts_with('@') && !text.contains([' ', '(', '<']);
    match (before.trim(), aside.trim()) {
        (before, aside) if is_mention(before) && !aside.contains('@') => before,
        (before, aside) if is_mention(aside) && !before.contains('@') => aside,
        _ => part,
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

#[cfg(test)]
mod tests {
    use super::{several, without_aside};
    use crate::request::{
        document::{Piece, PieceKind},
        value::{Value, written::Written},
    };
    use crate::violation::Violation;

    fn table(rows: &[&[&str]]) -> Written {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
        let pieces = rows.iter().enumerate().map(|(index, cells)| Piece {
            line: index + 1,
            depth: 0,
            begins_block: index == 0,
            kind: PieceKind::Row(row(cells)),
        });
        Written { pieces: pieces.collect(), ..Written::default() }
    }

    #[test]
    fn a_full_name_beside_a_username_is_an_aside() {
        for text in ["Alice Archer (@alice)", "@alice (Alice Archer)", "Alice <@alice>", "(@alice)"]
        {
            assert_eq!(without_aside(text), "@alice", "{text}");
        }
        for text in ["@alice (or @bob)", "@alice (@bob)", "alice (Alice)", "@alice @bob (b)", ")("]
        {
            assert_eq!(without_aside(text), text);
        }
    }

    #[test]
    fn of_a_table_the_usernames_count() {
        let head = ["Name", "Account", "Mail"];
        let rows = table(&[&head, &["Alice", "@alice", "a@example.org"], &["Bob", "@bob", ""]]);
        let names =
            |names: &[&str]| Value::Users(names.iter().map(|&name| name.to_owned()).collect());
        assert_eq!(several(&rows).unwrap(), names(&["alice", "bob"]));
        let single = table(&[&["@alice", "owner"], &["@bob", "deputy"]]);
        assert_eq!(several(&single).unwrap(), names(&["alice", "bob"]));
    }

    #[test]
    fn a_row_that_names_nobody_is_not_passed_over() {
        let head = ["Name", "Account"];
        let rows = table(&[&head, &["Alice Archer", "@alice"], &["Bob Baker", "bob"]]);
        assert_eq!(Violation::from(several(&rows).unwrap_err()).line, Some(3));
    }
}
