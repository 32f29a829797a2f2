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
#[must_use]
pub fn prose(text: &str) -> String {
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
    out
}

fn inert(text: &str, out: &mut String) {
    let mut previous = out.chars().last();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let before_space = characters.peek().is_none_or(|next| next.is_whitespace());
        match character {
            '\n' | '\r' | '\t' => out.push(' '),
            _ if character.is_control() || safe::is_invisible(character) => continue,
            // Mentions, references, commit ranges, autolinks: filters look for
            // the sign followed by a word.
            '@' | '#' | '!' | '~' | '%' | '&' | '$' | '^' => {
                out.push('\\');
                out.push(character);
                out.push(ZERO_WIDTH_SPACE);
            }
            // The end of a scheme, or of a name in a domain, unless it ends a sentence.
            ':' | '.' if !before_space => {
                out.push(character);
                out.push(ZERO_WIDTH_SPACE);
            }
            '/' | '\\' | '*' | '_' | '<' | '>' | '[' | ']' | '|' | '{' | '}' | '=' => {
                out.push('\\');
                out.push(character);
            }
            '+' | '-' if previous.is_none() => {
                out.push('\\');
                out.push(character);
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
