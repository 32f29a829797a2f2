//! Making foreign text inert: whatever people, guests, providers or forges
//! wrote is shown, and never acts as a quick action, mention, reference, link,
//! HTML or Markdown.
//!
//! Escaping characters is not enough: a forge looks for mentions and references
//! in the text *after* Markdown was read, where `\@` and `&#64;` are `@` again.
//! Only code is left alone, so foreign text is always shown as code. Two
//! pieces of code must not touch each other or a backtick of the template, and
//! none may stand inside HTML: templates are checked for that when loaded.

#[cfg(test)]
pub(super) mod tests;

use std::fmt::Write as _;

use url::Url;

/// How much of a foreign text is shown within a line, in characters.
pub const INLINE_LIMIT: usize = 200;

/// How much of a foreign text is shown as a block, in characters.
pub const BLOCK_LIMIT: usize = 20_000;

/// Longer addresses are shown, but not linked.
const LONGEST_URL: usize = 2_000;

/// What stands for a text without a visible character.
const EMPTY: &str = "(empty)";

/// `text` as code within a line, cut after [`INLINE_LIMIT`] characters.
///
/// Safe in paragraphs, lists and table cells; line breaks become spaces.
#[must_use]
pub fn inline(text: &str) -> String {
    inline_within(text, INLINE_LIMIT)
}

/// Like [`inline`], cut after `limit` characters.
#[must_use]
pub fn inline_within(text: &str, limit: usize) -> String {
    let visible: String = text.chars().filter_map(within_line).collect();
    let folded = visible.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let mut shown: String = folded.chars().take(limit).collect();
    if shown.len() < folded.len() {
        shown.truncate(shown.trim_end().len());
        shown.push('…');
    }
    if shown.is_empty() {
        EMPTY.clone_into(&mut shown);
    }
    let fence = fence(&shown, 1);
    // One space on both sides is dropped by Markdown; without it a backtick at
    // the edge would become part of the fence.
    let pad = if shown.starts_with('`') || shown.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{shown}{pad}{fence}")
}

/// `text` as a block of code, cut after [`BLOCK_LIMIT`] characters.
///
/// Brings its own line breaks, so that it is a block wherever it stands; the
/// empty line before it ends an HTML block such as `<details>`.
#[must_use]
pub fn block(text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n");
    let is_kept = |c: char| matches!(c, '\n' | '\t') || !(c.is_control() || is_invisible(c));
    let visible: String = lines.chars().filter(|&c| is_kept(c)).collect();
    let visible = visible.trim_end().trim_start_matches('\n');
    let mut shown: String = visible.chars().take(BLOCK_LIMIT).collect();
    if shown.len() < visible.len() {
        shown.push_str("\n…");
    }
    if shown.is_empty() {
        EMPTY.clone_into(&mut shown);
    }
    let fence = fence(&shown, 3);
    format!("\n\n{fence}\n{shown}\n{fence}\n")
}

/// `text` as it is when nothing in it could act, as code otherwise.
///
/// For numbers, dates and words of our own, which then look like words, and
/// for values that may be either.
#[must_use]
pub fn plain(text: &str) -> String {
    if text.is_empty() || is_harmless(text) { text.to_owned() } else { inline(text) }
}

/// What every `{{value}}` of a template goes through: [`plain`].
#[must_use]
pub fn escape(text: &str) -> String {
    plain(text)
}

/// Mentions somebody on purpose: they are notified. Names that address a group
/// of people or refer to an issue, or are no usernames, are only shown. So is one
/// with `-` at its end, where a forge would stop reading: it is somebody else's.
#[must_use]
pub fn mention(username: &str) -> String {
    let is_name = username.starts_with(|c: char| c.is_ascii_alphanumeric())
        && username.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && username.len() <= 255
        && username.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let is_everybody =
        ["all", "here", "channel"].iter().any(|name| username.eq_ignore_ascii_case(name));
    let is_ticket = names_a_ticket(&username.chars().collect::<Vec<_>>());
    if is_name && !is_everybody && !is_ticket { format!("@{username}") } else { inline(username) }
}

/// Mentions all members of a group on purpose, by its full path: those the
/// operator has named.
#[must_use]
pub fn mention_group(path: &str) -> String {
    let parts: Vec<String> = path.split('/').map(mention).collect();
    let are_names = parts.iter().all(|part| part.starts_with('@'));
    if are_names { format!("@{path}") } else { inline(path) }
}

/// A link to a web page, for addresses made by us or given by the forge.
/// Anything but `http` and `https`, and addresses with a password, are only
/// shown: as `text`, without the address.
#[must_use]
pub fn link(text: &str, url: &str) -> String {
    let label = if text.is_empty() { inline(text) } else { plain(text) };
    match destination(url) {
        Some(destination) => format!("[{label}]({destination})"),
        None => label,
    }
}

fn destination(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.as_str().len() <= LONGEST_URL;
    if !is_web {
        return None;
    }
    let mut encoded = String::new();
    for byte in url.as_str().bytes() {
        match byte {
            b'&' => encoded.push_str("&amp;"),
            b'-' | b'.' | b'_' | b'~' | b':' | b'/' | b'?' | b'#' | b'@' | b'!' | b'+' | b','
            | b';' | b'=' | b'%' | b'[' | b']' => encoded.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            _ => write!(encoded, "%{byte:02X}").ok()?,
        }
    }
    Some(encoded)
}

/// A character as it may stand in a line of code. `|` would end a table cell
/// even within code, so it becomes the broken bar.
fn within_line(c: char) -> Option<char> {
    match c {
        '|' => Some('¦'),
        _ if c.is_whitespace() || c.is_control() => Some(' '),
        _ if is_invisible(c) => None,
        _ => Some(c),
    }
}

/// Characters that show nothing, or change the direction of what is shown: with
/// them a text can look like another.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
        | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Backticks that nothing in `text` can close: one more than its longest run.
fn fence(text: &str, least: usize) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(least.max(longest + 1))
}

/// Whether `text` means nothing but itself, wherever in a line it stands.
fn is_harmless(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let starts_well = chars.first().is_some_and(|&c| c.is_alphanumeric() || c == '(');
    let ends_well = chars.last().is_some_and(|&c| c != ' ');
    let all_harmless = chars.iter().enumerate().all(|(index, &c)| {
        let before = index.checked_sub(1).and_then(|index| chars.get(index)).copied();
        is_harmless_between(before, c, chars.get(index + 1).copied())
    });
    starts_well
        && ends_well
        && all_harmless
        && !starts_like_a_numbered_list(text)
        && !text.split(|c: char| !c.is_alphanumeric()).any(looks_like_a_commit)
        && !names_a_ticket(&chars)
}

fn is_harmless_between(before: Option<char>, c: char, after: Option<char>) -> bool {
    let is = |neighbour: Option<char>, test: fn(&char) -> bool| neighbour.is_some_and(|c| test(&c));
    let digit = |neighbour| is(neighbour, char::is_ascii_digit);
    let word = |neighbour| is(neighbour, |c| c.is_alphanumeric());
    match c {
        // `10.0.0.1` and the end of a sentence, but no `name.tld`.
        '.' => (digit(before) && digit(after)) || !(word(after) || after == Some('.')),
        // `10:00` and `note: text`, but no `:emoji:` and no `scheme:`.
        ':' => (word(before) || before == Some(')')) && (digit(after) || !word(after)),
        // `snake_case`, but no emphasis.
        '_' => word(before) && word(after),
        // `50%`, but no reference to a milestone.
        '%' => digit(before) && !word(after),
        ' ' | ',' | ';' | '(' | ')' | '+' | '-' | '\'' | '?' => true,
        _ => c.is_alphanumeric(),
    }
}

/// `1. ` or `1) `.
fn starts_like_a_numbered_list(text: &str) -> bool {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < text.len()
        && rest
            .strip_prefix(['.', ')'])
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// 7 to 40 hexadecimal digits.
fn looks_like_a_commit(word: &str) -> bool {
    (7..=40).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `ABC-123`, which an issue tracker connected to the forge takes for its own,
/// or `gl-123`, which GitLab does.
fn names_a_ticket(chars: &[char]) -> bool {
    chars.windows(2).enumerate().any(|(index, pair)| {
        let is_joint = matches!(pair, ['-', digit] if digit.is_ascii_digit());
        let key = chars.get(..index).unwrap_or_default().iter().rev();
        let is_key = |c: &&char| c.is_ascii_uppercase() || c.is_ascii_digit() || **c == '_';
        let mut word = key.clone().take_while(|c| c.is_alphanumeric() || **c == '_');
        let own = [word.next(), word.next(), word.next()].map(|c| c.map(char::to_ascii_lowercase));
        is_joint
            && (own == [Some('l'), Some('g'), None]
                || key.take_while(is_key).any(char::is_ascii_uppercase))
    })
}
