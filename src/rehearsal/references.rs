//! Whom a text would notify, and what it would link to.
//!
//! [`mentions`] and [`references`] list what GitLab would try to resolve;
//! whether such a user or issue exists is for the caller to know. Both are
//! also judges of whether a posted text is inert.

use comrak::nodes::{AstNode, NodeValue};
use comrak::{Arena, parse_document};

use super::markdown;

/// Names after `@`, each once, in order: usernames, group paths, `all`.
///
/// Not from code, links or block quotes.
#[must_use]
pub fn mentions(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for piece in texts(text, true) {
        mentions_in(&piece, &mut found);
    }
    found
}

/// References to issues (`#1`, `GL-1`), merge requests (`!1`), epics (`&1`),
/// snippets (`$1`), labels (`~name`) and milestones (`%name`), each once, as
/// written and with the project path before them, if any.
///
/// Not from code or links; block quotes count.
#[must_use]
pub fn references(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for piece in texts(text, false) {
        references_in(&piece, &mut found);
    }
    found
}

/// The stretches of text that GitLab searches.
fn texts(text: &str, skip_quotes: bool) -> Vec<String> {
    let arena = Arena::new();
    let root = parse_document(&arena, text, &markdown::options());
    let mut pieces = Vec::new();
    let mut inert = InertHtml::default();
    collect(root, skip_quotes, &mut inert, &mut pieces);
    pieces
}

fn collect<'a>(
    node: &'a AstNode<'a>,
    skip_quotes: bool,
    inert: &mut InertHtml,
    pieces: &mut Vec<String>,
) {
    match &node.data().value {
        NodeValue::Code(_) | NodeValue::CodeBlock(_) | NodeValue::Math(_) | NodeValue::Link(_) => {
            return;
        }
        NodeValue::BlockQuote | NodeValue::MultilineBlockQuote(_) if skip_quotes => return,
        NodeValue::Text(text) if inert.depth == 0 => pieces.push(text.to_string()),
        NodeValue::HtmlInline(html) => inert.read(html, skip_quotes, &mut Vec::new()),
        NodeValue::HtmlBlock(block) => inert.read(&block.literal, skip_quotes, pieces),
        _ => {}
    }
    for child in node.children() {
        collect(child, skip_quotes, inert, pieces);
    }
}

/// How deep in HTML elements without references the walk is.
#[derive(Default)]
struct InertHtml {
    depth: usize,
}

impl InertHtml {
    /// Reads raw HTML: its tags move the depth, its text is collected.
    fn read(&mut self, html: &str, skip_quotes: bool, pieces: &mut Vec<String>) {
        let mut rest = html;
        while let Some(start) = rest.find('<') {
            let (before, tag) = rest.split_at(start);
            self.keep(before, pieces);
            let end = if tag.starts_with("<!--") {
                tag.find("-->").map(|end| end + 3)
            } else {
                tag.find('>').map(|end| end + 1)
            };
            let Some(end) = end else { return };
            let (tag, tail) = tag.split_at(end);
            self.tag(tag, skip_quotes);
            rest = tail;
        }
        self.keep(rest, pieces);
    }

    fn keep(&self, text: &str, pieces: &mut Vec<String>) {
        if self.depth == 0 && !text.trim().is_empty() {
            pieces.push(text.to_owned());
        }
    }

    fn tag(&mut self, tag: &str, skip_quotes: bool) {
        let inner = tag.trim_start_matches('<');
        let closing = inner.starts_with('/');
        let name: String = inner
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_lowercase())
            .collect();
        let inert = matches!(name.as_str(), "pre" | "code" | "a" | "style")
            || (skip_quotes && name == "blockquote");
        if inert && closing {
            self.depth = self.depth.saturating_sub(1);
        } else if inert && !tag.ends_with("/>") {
            self.depth += 1;
        }
    }
}

fn word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn path_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_-./".contains(letter)
}

fn mentions_in(text: &str, found: &mut Vec<String>) {
    for (at, _) in text.match_indices('@') {
        let (before, after) = text.split_at(at);
        if before.chars().next_back().is_some_and(word) {
            continue;
        }
        let after = after.trim_start_matches('@');
        let end = after.find(|letter| !path_letter(letter)).unwrap_or(after.len());
        let name = after.get(..end).unwrap_or_default().trim_end_matches(['.', '/', '-']);
        if name.starts_with(|letter: char| letter.is_ascii_alphanumeric() || "_.".contains(letter))
        {
            push_once(found, name.to_owned());
        }
    }
}

fn references_in(text: &str, found: &mut Vec<String>) {
    for (at, sigil) in text.char_indices() {
        let (before, after) = text.split_at(at);
        let after = after.get(sigil.len_utf8()..).unwrap_or_default();
        let body = match sigil {
            '#' | '!' | '&' | '$' => digits(after),
            '~' | '%' => quoted(after).or_else(|| name(after)),
            'G' | 'g' if !before.chars().next_back().is_some_and(word) => after
                .get(..2)
                .filter(|dash| dash.eq_ignore_ascii_case("l-"))
                .and_then(|dash| Some(dash.len() + digits(after.get(2..)?)?)),
            _ => None,
        };
        if let Some(length) = body {
            let path = before.len() - before.trim_end_matches(path_letter).len();
            let start = at - path;
            let end = at + sigil.len_utf8() + length;
            push_once(found, text.get(start..end).unwrap_or_default().to_owned());
        }
    }
}

fn digits(text: &str) -> Option<usize> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let then = text.get(length..)?.chars().next();
    (length > 0 && !then.is_some_and(word)).then_some(length)
}

fn quoted(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('"')?;
    inside.find('"').filter(|end| *end > 0).map(|end| end + 2)
}

fn name(text: &str) -> Option<usize> {
    let fits = |letter: char| word(letter) || "-?.&:".contains(letter);
    let end = text.find(|letter| !fits(letter)).unwrap_or(text.len());
    let name = text.get(..end)?.trim_end_matches(['.', '?', ':']);
    (!name.is_empty()).then_some(name.len())
}

fn push_once(found: &mut Vec<String>, name: String) {
    if !found.contains(&name) {
        found.push(name);
    }
}

#[cfg(test)]
mod tests {
    use super::{mentions, references};

    #[test]
    fn a_mention_is_an_at_sign_and_a_name() {
        for (text, names) in [
            ("@alice", vec!["alice"]),
            ("Hi @alice, @bob.", vec!["alice", "bob"]),
            ("(@alice)", vec!["alice"]),
            ("**@alice**", vec!["alice"]),
            ("@tpo/tpa please", vec!["tpo/tpa"]),
            ("@all", vec!["all"]),
            ("\\@alice", vec!["alice"]),
            ("&#64;alice", vec!["alice"]),
            ("- @alice\n- @alice", vec!["alice"]),
            ("| a |\n|---|\n| @alice |", vec!["alice"]),
            ("<div>\n@alice\n</div>", vec!["alice"]),
            ("<b>@alice</b>", vec!["alice"]),
            ("# @alice", vec!["alice"]),
        ] {
            assert_eq!(mentions(text), names, "{text:?}");
        }
    }

    #[test]
    fn code_links_quotes_and_broken_names_mention_nobody() {
        for text in [
            "`@alice`",
            "```\n@alice\n```",
            "    @alice",
            "[@alice](https://example.org)",
            "> @alice",
            ">>>\n@alice\n>>>",
            "mail@alice",
            "write to me@example.org",
            "@\u{200b}alice",
            "@ alice",
            "<code>@alice</code>",
            "<pre>\n@alice\n</pre>",
            "<!-- @alice -->",
            "@-alice",
        ] {
            assert_eq!(mentions(text), Vec::<String>::new(), "{text:?}");
        }
    }

    #[test]
    fn each_kind_of_reference_is_found() {
        for (text, found) in [
            ("see #1.", vec!["#1"]),
            ("!2 and &3 and $4", vec!["!2", "&3", "$4"]),
            ("tpo/tpa#5", vec!["tpo/tpa#5"]),
            ("~bug ~\"two words\" ~a::b", vec!["~bug", "~\"two words\"", "~a::b"]),
            ("%v1.0 %\"next one\"", vec!["%v1.0", "%\"next one\""]),
            ("GL-7", vec!["GL-7"]),
            ("> #8", vec!["#8"]),
        ] {
            assert_eq!(references(text), found, "{text:?}");
        }
    }

    #[test]
    fn code_links_and_lone_signs_refer_to_nothing() {
        for text in [
            "`#1`",
            "```\n#1\n```",
            "[#1](https://example.org)",
            "# heading",
            "50 % of",
            "#1a",
            "a ~ b",
        ] {
            assert_eq!(references(text), Vec::<String>::new(), "{text:?}");
        }
    }
}
