//! Finds the quick actions in a text, as GitLab's extractor does.
//!
//! A quick action is a line `/name argument` that starts at column 0 of a
//! paragraph at the top level of the document: not in code, HTML, a quote, a
//! list or a table. [`extract`] is also the judge of whether a text that
//! somebody posts is inert.

use comrak::nodes::NodeValue;
use comrak::{Arena, parse_document};

use super::markdown;

/// A command that GitLab would execute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuickAction {
    /// In lower case, without the slash.
    pub name: String,
    /// What follows on the line; may be empty.
    pub argument: String,
}

/// Names GitLab knows for issues and merge requests. One that cannot be used
/// on an issue is cut out of the text all the same. `/cc` is not here: it does
/// nothing, so GitLab leaves it in the text.
const NAMES: &[&str] = &[
    "add_child",
    "add_contacts",
    "add_email",
    "approve",
    "assign",
    "assign_reviewer",
    "award",
    "blocked_by",
    "blocks",
    "checkin_reminder",
    "child_epic",
    "clear_health_status",
    "clear_weight",
    "clone",
    "close",
    "confidential",
    "convert_to_ticket",
    "copy_metadata",
    "create_merge_request",
    "done",
    "draft",
    "due",
    "duplicate",
    "epic",
    "estimate",
    "estimate_time",
    "health_status",
    "invite_email",
    "iteration",
    "label",
    "labels",
    "link",
    "lock",
    "merge",
    "milestone",
    "move",
    "page",
    "parent_epic",
    "promote",
    "promote_to",
    "promote_to_incident",
    "publish",
    "react",
    "ready",
    "reassign",
    "reassign_reviewer",
    "rebase",
    "relabel",
    "relate",
    "remove_child",
    "remove_child_epic",
    "remove_contacts",
    "remove_due_date",
    "remove_email",
    "remove_epic",
    "remove_estimate",
    "remove_iteration",
    "remove_label",
    "remove_milestone",
    "remove_parent",
    "remove_parent_epic",
    "remove_reviewer",
    "remove_time_estimate",
    "remove_time_spent",
    "remove_zoom",
    "reopen",
    "request_changes",
    "request_review",
    "reviewer",
    "set_parent",
    "severity",
    "ship",
    "spend",
    "spend_time",
    "spent",
    "start_date",
    "status",
    "submit_review",
    "subscribe",
    "tag",
    "target_branch",
    "timeline",
    "title",
    "todo",
    "type",
    "unapprove",
    "unassign",
    "unassign_reviewer",
    "unlabel",
    "unlink",
    "unlock",
    "unsubscribe",
    "weight",
    "wip",
    "zoom",
];

/// Commands that leave a face behind.
const SUBSTITUTIONS: &[(&str, &str)] =
    &[("shrug", "¯\\＿(ツ)＿/¯"), ("tableflip", "(╯°□°)╯︵ ┻━┻")];

/// Splits a text into what remains of it and the commands in it.
///
/// Carriage returns are dropped first, and white space at the end afterwards.
#[must_use]
pub fn extract(text: &str) -> (String, Vec<QuickAction>) {
    let content = text.replace('\r', "");
    let mut lines: Vec<String> = content.split_inclusive('\n').map(ToOwned::to_owned).collect();
    let mut actions = Vec::new();
    for (start, mut end) in top_level_paragraphs(&content) {
        if lines.get(end).is_some_and(|next| next == "\n") {
            end += 1;
        }
        let end = end.min(lines.len());
        let Some(slice) = lines.get_mut(start..end) else { continue };
        let rest = cut(&slice.concat(), &mut actions);
        slice.fill(String::new());
        if let Some(first) = slice.first_mut() {
            *first = rest;
        }
    }
    (lines.concat().trim_end().to_owned(), actions)
}

/// Line ranges (from zero, end excluded), first paragraph first.
fn top_level_paragraphs(content: &str) -> Vec<(usize, usize)> {
    let arena = Arena::new();
    parse_document(&arena, content, &markdown::options())
        .children()
        .filter(|node| matches!(node.data().value, NodeValue::Paragraph))
        .map(|node| {
            let position = node.data().sourcepos;
            (position.start.line.saturating_sub(1), position.end.line)
        })
        .collect()
}

/// The paragraph without its commands.
fn cut(paragraph: &str, actions: &mut Vec<QuickAction>) -> String {
    let mut kept = String::new();
    let mut rest = paragraph;
    let mut at_line_start = true;
    while let Some(first) = rest.chars().next() {
        let mut taken = inline_code(rest);
        if taken.is_none() && at_line_start {
            taken = html_element(rest);
        }
        if taken.is_none()
            && at_line_start
            && let Some((command, length)) = command(rest)
        {
            match command {
                Command::Action(action) => actions.push(action),
                Command::Face(text) => kept.push_str(&text),
            }
            rest = rest.get(length..).unwrap_or_default();
            continue;
        }
        let (head, tail) = rest.split_at(taken.unwrap_or(first.len_utf8()));
        kept.push_str(head);
        at_line_start = head.ends_with('\n');
        rest = tail;
    }
    kept
}

enum Command {
    Action(QuickAction),
    Face(String),
}

/// The command at the start of `rest` and how many bytes it takes, the blank
/// lines after it included.
fn command(rest: &str) -> Option<(Command, usize)> {
    let after_slash = rest.strip_prefix('/')?;
    let end_of_name = after_slash
        .find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))
        .unwrap_or(after_slash.len());
    let (name, tail) = after_slash.split_at(end_of_name);
    let name = name.to_ascii_lowercase();
    let mut length = 1 + end_of_name;
    let mut argument = "";
    if let Some(spaced) = tail.strip_prefix(' ') {
        argument = spaced.split('\n').next().unwrap_or_default();
        length += 1 + argument.len();
    }
    let remaining = rest.get(length..)?;
    let line_break = last_line_break(remaining);
    if line_break == 0 && !remaining.is_empty() {
        return None;
    }
    if NAMES.binary_search(&name.as_str()).is_ok() {
        let action = QuickAction { name, argument: argument.trim().to_owned() };
        return Some((Command::Action(action), length + line_break));
    }
    let (_, face) = SUBSTITUTIONS.iter().find(|(known, _)| *known == name)?;
    Some((Command::Face(format!("{argument} {face}").trim_start().to_owned()), length))
}

/// How far the leading white space reaches, up to its last line break.
fn last_line_break(text: &str) -> usize {
    let blank = text.len() - text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c']).len();
    text.get(..blank).and_then(|blank| blank.rfind('\n')).map_or(0, |index| index + 1)
}

/// A backtick, anything, over line ends too, and the next backtick.
fn inline_code(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('`')?;
    let skipped = inside.chars().next()?.len_utf8();
    let end = inside.get(skipped..)?.find('`')?;
    Some(1 + skipped + end + 1)
}

/// A tag on a line of its own, something, and a closing tag that ends a line.
fn html_element(rest: &str) -> Option<usize> {
    let opening = rest.starts_with('<').then(|| rest.find('>'))??;
    let mut at = opening + 1;
    if opening < 2 || !rest.get(at..)?.starts_with('\n') {
        return None;
    }
    at += 2;
    while let Some(found) = rest.get(at..).and_then(|tail| tail.find("\n</")) {
        let name = at + found + 3;
        let end = name + rest.get(name..)?.find('>')? + 1;
        let tail = rest.get(end..)?;
        if end > name + 1 && (tail.is_empty() || tail.starts_with('\n')) {
            return Some(end);
        }
        at = name;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{NAMES, extract};

    fn names(text: &str) -> Vec<String> {
        extract(text).1.into_iter().map(|action| action.name).collect()
    }

    #[test]
    fn the_names_are_sorted_for_the_search() {
        assert!(NAMES.is_sorted());
    }

    #[test]
    fn a_line_that_starts_with_a_known_command_is_executed() {
        for text in [
            "/close",
            "/CLOSE",
            "/close now",
            "/close\t\n",
            "text\n/close",
            "text\n\n/close\nmore",
            "text\r\n/close\r\n",
            "/clo\rse",
            "| a |\n|---|\n| b |\n\n/close",
            "- item\n\n/close",
            "> quote\n\n/close",
            "```\ncode\n```\n/close",
            "a single ` backtick\n/close",
            "<b>\n\n/close",
        ] {
            assert_eq!(names(text), ["close"], "{text:?}");
        }
    }

    #[test]
    fn a_command_elsewhere_is_text() {
        for text in [
            " /close",
            "\u{feff}/close",
            "\u{a0}/close",
            "\\/close",
            "`/close`",
            "`\n/close\n`",
            "```\n/close\n```",
            "~~~\n/close\n~~~",
            "    /close",
            "> /close",
            "> quote\n/close",
            "- item\n/close",
            "- /close",
            "<div>\n/close\n</div>",
            "<div>\n/close",
            "<!-- \n/close\n-->",
            "| a |\n|---|\n/close",
            "/closed",
            "/close/reopen",
            "/unknown",
            "/cc @alice",
            "see /close",
            "/close\n===",
            ">>>\n/close\n>>>",
        ] {
            assert_eq!(names(text), Vec::<String>::new(), "{text:?}");
        }
    }

    #[test]
    fn the_commands_are_cut_out_and_the_rest_stays() {
        for (text, rest) in [
            ("/close", ""),
            ("Hello\n/close\nworld", "Hello\nworld"),
            ("Hello\n\n/close\n\nworld", "Hello\n\nworld"),
            ("/label ~a\n/close\n\nDone.", "Done."),
            ("/shrug", "¯\\＿(ツ)＿/¯"),
            ("/shrug well\nyes", "well ¯\\＿(ツ)＿/¯\nyes"),
            ("plain  \n", "plain"),
        ] {
            assert_eq!(extract(text).0, rest, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_left_after_cutting_keeps_no_carriage_return(text in TRICKY) {
            prop_assert!(!extract(&text).0.contains('\r'));
        }

        #[test]
        fn quoted_text_never_acts(text in TRICKY) {
            let quoted: Vec<String> =
                text.replace('\r', "").split('\n').map(|line| format!("> {line}")).collect();
            prop_assert_eq!(extract(&quoted.join("\n")).1, []);
        }
    }

    /// Texts made of what matters to the extractor.
    const TRICKY: &str =
        "(/close|/shrug|/label ~a|`|```|<b>|</b>|> |- |\\||\n|\r| |\t|x|\u{feff}|ä){0,30}";

    #[test]
    fn the_argument_is_the_rest_of_the_line() {
        let (_, actions) = extract("/label ~\"two words\" ~b \n/due 2026-12-01");
        assert_eq!(actions[0].argument, "~\"two words\" ~b");
        assert_eq!(actions[1].argument, "2026-12-01");
    }
}
