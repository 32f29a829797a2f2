//! Sentences of ours that may quote foreign text.
//!
//! Violations and errors quote what people wrote between backticks. A whole
//! sentence in a code span would be hard to read, so the quoted parts become
//! code spans and the words around them stay words, made inert character by
//! character: should the foreign text hold a backtick itself, what then stands
//! outside the quotes is still harmless.

use super::safe;

/// Breaks a token for every filter that looks at text, and cannot be seen.
const ZERO_WIDTH_SPACE: char = '\u{200b}';

/// The sentence as inert Markdown on one line.
///
/// Blanks at its beginning would make it a block of code, and `[x]` a box to
/// tick; a text that shows nothing is said to be empty.
#[must_use]
pub fn prose(text: &str) -> String {
    let text =
        text.trim_matches(|c: char| c.is_whitespace() || c.is_control() || safe::is_invisible(c));
    if text.is_empty() {
        return safe::inline(text);
    }
    let mut parts = text.split('`').peekable();
    let mut out = String::with_capacity(text.len() + 16);
    let mut quoted = false;
    while let Some(part) = parts.next() {
        // The text after an unpaired backtick is not a quotation.
        if quoted && parts.peek().is_some() {
            out.push_str(&safe::inline(part));
        } else {
            inert(part, &mut out);
        }
        quoted = !quoted;
    }
    // A backtick without its partner leaves the blanks beside it.
    match out.trim() {
        "" => safe::inline(text),
        shown => shown.to_owned(),
    }
}

fn inert(text: &str, out: &mut String) {
    let mut previous = out.chars().last();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let before_space = characters.peek().is_none_or(|next| next.is_whitespace());
        match character {
            _ if character.is_whitespace() => out.push(' '),
            _ if character.is_control() || safe::is_invisible(character) => continue,
            // Mentions, references, commit ranges, autolinks: filters look for
            // the sign followed by a word.
            '@' | '#' | '!' | '~' | '%' | '&' | '$' | '^' => {
                out.push('\\');
                out.push(character);
                out.push(ZERO_WIDTH_SPACE);
            }
            // `1. ` would begin a list.
            '.' | ')' if is_number(out) => {
                out.push('\\');
                out.push(character);
            }
            // The end of a scheme, or of a name in a domain, unless it ends a
            // sentence. `www.` is looked for with its dot.
            ':' if !before_space => {
                out.push(character);
                out.push(ZERO_WIDTH_SPACE);
            }
            '.' if !before_space => {
                out.push(ZERO_WIDTH_SPACE);
                out.push(character);
            }
            '/' | '\\' | '*' | '_' | '<' | '>' | '[' | ']' | '|' | '{' | '}' | '=' => {
                out.push('\\');
                out.push(character);
            }
            '+' | '-' if previous.is_none() => {
                out.push('\\');
                out.push(character);
            }
            // `GL-7`, and whatever a tracker beside the forge takes for a ticket.
            '-' if ends_in_key(out) && next_is_digit(&mut characters) => {
                out.push(character);
                out.push(ZERO_WIDTH_SPACE);
            }
            // A commit's hash would become a reference: no word of hexadecimal
            // digits gets longer than six.
            _ if character.is_ascii_hexdigit() && ends_in_hex_digits(out, 6) => {
                out.push(ZERO_WIDTH_SPACE);
                out.push(character);
            }
            _ => out.push(character),
        }
        previous = Some(character);
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
}

fn next_is_digit(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> bool {
    characters.peek().is_some_and(char::is_ascii_digit)
}

/// Whether the last word could be the key of a project: `ABC`, or `gl` itself.
fn ends_in_key(text: &str) -> bool {
    let start = text.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').len();
    let word = text.get(start..).unwrap_or_default();
    word.eq_ignore_ascii_case("gl") || word.contains(|c: char| c.is_ascii_uppercase())
}

fn ends_in_hex_digits(text: &str, count: usize) -> bool {
    let tail = text.chars().rev().take(count);
    tail.clone().count() == count
        && tail.clone().all(|character| character.is_ascii_hexdigit())
        && tail.clone().any(|character| character.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::prose;

    #[test]
    fn quoted_parts_become_code_and_words_stay_words() {
        assert_eq!(prose("`4 GX` is not an amount of memory"), "`4 GX` is not an amount of memory");
    }

    #[test]
    fn nothing_to_see_is_said_to_be_empty_and_blanks_around_are_dropped() {
        for text in ["", "   ", "\r\n\t", "\u{200b}\u{feff}"] {
            assert_eq!(prose(text), "`(empty)`", "{text:?}");
        }
        assert_eq!(prose("`"), "`` ` ``");
        assert_eq!(prose("    said\u{a0}`x` \n"), "said `x`");
    }

    #[test]
    fn what_would_become_a_list_a_link_or_a_ticket_is_broken() {
        for (text, safe) in [
            ("1. one", "1\\. one"),
            ("12) one", "12\\) one"),
            ("in 2.5 s.", "in 2\u{200b}.5 s."),
            ("www.x.org", "www\u{200b}.x\u{200b}.org"),
            ("GL-7 and gl-7", "GL-\u{200b}7 and gl-\u{200b}7"),
            ("ABC-12", "ABC-\u{200b}12"),
            ("sandbox-7", "sandbox-7"),
        ] {
            assert_eq!(prose(text), safe, "{text:?}");
        }
    }

    #[test]
    fn a_backtick_without_its_partner_leaves_no_blanks_that_would_break_what_is_around() {
        for text in ["- `", "` -", "`  "] {
            let shown = prose(text);
            assert_eq!(shown, shown.trim(), "{text:?}");
            assert!(!shown.is_empty(), "{text:?}");
        }
    }

    #[test]
    fn what_would_act_outside_quotes_is_broken() {
        for (text, harmful) in [
            ("hello @all", "@all"),
            ("see #12 and !3", "#12"),
            ("a ~label", "~label"),
            ("<b>x</b>", "<b>"),
            ("http://evil.example/x", "http://"),
            ("\n/close", "\n/close"),
            ("` @all", "@all"),
            ("deadbeef1234", "deadbeef1234"),
        ] {
            let safe = prose(text);
            assert!(!safe.contains(harmful), "{text:?} -> {safe:?}");
        }
    }
}
