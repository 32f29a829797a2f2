//! Where a comment speaks to the bot.

use comrak::{Arena, Node, nodes::NodeValue, parse_document};

use crate::{
    quantity::written::tidy,
    request::document::{MAX_BYTES, options},
};

/// What follows each mention, tidied: one per line that begins with it.
pub(super) fn find(note: &str, bot: &str) -> Vec<String> {
    let note = without_mail_footer(beginning(note));
    let lines: Vec<&str> = note.lines().collect();
    let arena = Arena::new();
    let root = parse_document(&arena, note, &options());
    let mut open_tags = 0_isize;
    let mut found = Vec::new();
    for block in root.children() {
        match &block.data().value {
            // Paragraphs between `<details>` and `</details>` are blocks of
            // their own to Markdown, but quoted matter to people.
            NodeValue::HtmlBlock(html) => {
                open_tags = (open_tags + tag_balance(&html.literal)).max(0);
            }
            NodeValue::Paragraph if open_tags == 0 => paragraph(block, &lines, bot, &mut found),
            _ => {}
        }
    }
    found
}

/// Only the beginning of a huge comment is read, up to a whole line.
fn beginning(note: &str) -> &str {
    match note.get(..note.floor_char_boundary(MAX_BYTES)) {
        Some(start) if start.len() < note.len() => {
            start.rfind('\n').and_then(|end| start.get(..end)).unwrap_or("")
        }
        _ => note,
    }
}

/// What stands before the first line of a mail program: a signature, or the
/// introduction of the message that was replied to.
fn without_mail_footer(note: &str) -> &str {
    let mut end = 0;
    for line in note.split_inclusive('\n') {
        if is_mail_footer(line.trim_end_matches(['\r', '\n'])) {
            break;
        }
        end += line.len();
    }
    note.get(..end).unwrap_or(note)
}

fn is_mail_footer(line: &str) -> bool {
    let trimmed = tidy(line);
    let lower = trimmed.to_lowercase();
    let introduces = |start: &str, end: &str| lower.starts_with(start) && lower.ends_with(end);
    line == "-- "
        || line == "--"
        || introduces("on ", " wrote:")
        || introduces("am ", "schrieb:")
        || introduces("le ", "a écrit :")
        || introduces("el ", "escribió:")
        || (lower.starts_with("-----") && lower.contains("original message"))
        || (lower.starts_with("________") && lower.trim_matches('_').is_empty())
}

/// Looks at each line of a paragraph: it must begin with the mention, in plain
/// text in the tree and also in the source, where `\@bot` shows its escape.
fn paragraph(block: Node<'_>, source: &[&str], bot: &str, found: &mut Vec<String>) {
    let mut line = block.data().sourcepos.start.line;
    let mut at_start = true;
    let mut open_tags = 0_isize;
    let mut current: Option<String> = None;
    for inline in block.children() {
        match &inline.data().value {
            NodeValue::SoftBreak | NodeValue::LineBreak => {
                found.extend(current.take().as_deref().map(finish));
                line += 1;
                at_start = true;
                continue;
            }
            NodeValue::HtmlInline(html) => {
                line += html.matches('\n').count();
                open_tags = (open_tags + tag_balance(html)).max(0);
            }
            NodeValue::Text(text) if at_start && open_tags == 0 => {
                let raw = line.checked_sub(1).and_then(|index| source.get(index));
                if raw.is_some_and(|raw| after_mention(raw.trim_start(), bot).is_some()) {
                    current = after_mention(text, bot).map(ToOwned::to_owned);
                }
            }
            _ => {
                if let Some(current) = &mut current {
                    append(inline, current);
                }
                line += breaks_within(inline);
            }
        }
        at_start = false;
    }
    found.extend(current.as_deref().map(finish));
}

/// The mention may be followed by a colon or comma, as in a letter.
fn finish(line: &str) -> String {
    tidy(line.trim_start_matches([':', ',']))
}

/// The rest of a line that begins with `@bot`.
fn after_mention<'t>(line: &'t str, bot: &str) -> Option<&'t str> {
    let (name, rest) = line.strip_prefix('@')?.split_at_checked(bot.len())?;
    let ends =
        rest.chars().next().is_none_or(|next| next.is_whitespace() || matches!(next, ':' | ','));
    (name.eq_ignore_ascii_case(bot) && ends).then_some(rest)
}

/// The text of an argument, whatever its markup: a digest is often in code.
fn append(node: Node<'_>, text: &mut String) {
    for part in node.descendants() {
        match &part.data().value {
            NodeValue::Text(part) => text.push_str(part),
            NodeValue::Code(code) => text.push_str(&code.literal),
            NodeValue::SoftBreak | NodeValue::LineBreak => text.push(' '),
            _ => {}
        }
    }
}

/// Lines that end within emphasis or a link; code spans show theirs by position.
fn breaks_within<'a>(node: Node<'a>) -> usize {
    if let NodeValue::Code(_) = node.data().value {
        let at = node.data().sourcepos;
        return at.end.line.saturating_sub(at.start.line);
    }
    let breaks =
        |node: &Node<'a>| matches!(node.data().value, NodeValue::SoftBreak | NodeValue::LineBreak);
    node.descendants().filter(breaks).count()
}

/// Opening tags minus closing tags, comments and void elements aside.
fn tag_balance(html: &str) -> isize {
    const VOID: [&str; 6] = ["br", "hr", "img", "input", "wbr", "source"];
    let mut balance = 0;
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, behind)| behind);
            continue;
        }
        let tag = after.split('>').next().unwrap_or("");
        let name = |tag: &str| {
            tag.split(|character: char| !character.is_ascii_alphanumeric())
                .next()
                .unwrap_or("")
                .to_ascii_lowercase()
        };
        if let Some(closing) = tag.strip_prefix('/') {
            balance -= isize::from(!name(closing).is_empty());
        } else if !name(tag).is_empty()
            && !VOID.contains(&name(tag).as_str())
            && !tag.ends_with('/')
        {
            balance += 1;
        }
        rest = after;
    }
    balance
}
