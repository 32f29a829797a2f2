//! Short host names.

use super::{Value, problem::Problem, written::Written};

/// The most an RFC 1123 label holds.
const MAX_LABEL: usize = 63;

/// An RFC 1123 label in lower case. Anything beyond ASCII is refused and named
/// by its code point: a look-alike printed as itself would explain nothing.
pub(super) fn read(written: &Written) -> Result<Value, Problem> {
    // Not tidied further than spaces: a full-width letter in a name is a mistake to show.
    let lines = written.lines();
    let raw = match lines.as_slice() {
        [(_, text)] => (*text).trim().to_owned(),
        _ => written.single()?,
    };
    if let Some(character) = raw.chars().find(|character| !character.is_ascii()) {
        return Err(Problem::unreadable(format!(
            "The host name contains the character U+{:04X}, which is not a plain letter, digit or hyphen",
            u32::from(character)
        ))
        .hint("Type the name again by hand, in a-z, 0-9 and hyphens."));
    }
    let name = raw.strip_suffix('.').unwrap_or(&raw).to_ascii_lowercase();
    if let Some((label, domain)) = name.split_once('.')
        && is_label(label)
        && !domain.is_empty()
    {
        return Err(Problem::unreadable(format!(
            "`{name}` is a full domain name; the short name is wanted"
        ))
        .hint(format!("Write `{label}`.")));
    }
    if name.len() > MAX_LABEL {
        return Err(Problem::unreadable(format!(
            "The host name is {} characters long; at most {MAX_LABEL} are possible",
            name.len()
        )));
    }
    if !is_label(&name) {
        return Err(Problem::unreadable(format!(
            "`{raw}` is not a host name: use letters a-z, digits and hyphens, with no hyphen first or last"
        ))
        .hint("For example `web-01`."));
    }
    if name.starts_with("xn--") {
        return Err(Problem::unreadable(format!("`{name}` is an encoded international name"))
            .hint("Choose a name in plain a-z, 0-9 and hyphens."));
    }
    Ok(Value::Hostname(name))
}

fn is_label(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !name.is_empty() && name.bytes().all(allowed) && !name.starts_with('-') && !name.ends_with('-')
}
