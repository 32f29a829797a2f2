//! The form people fill in, made from the cookbook that will read it.
//!
//! What a cookbook says goes out with everything in it that would act on the
//! forge made harmless: hints are one line inside an HTML comment, where
//! GitLab would still obey a line that starts with a slash.

mod github;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use super::{
    Cookbook, Field, FieldKind,
    tier::{self, Amount, CUSTOM},
};
use crate::request::value::limits;

pub use github::github;

/// The issue template for GitLab, as Markdown. Reading it untouched finds
/// every field empty.
#[must_use]
pub fn gitlab(cookbook: &Cookbook) -> String {
    let mut template = format!("<!-- innkeeper: {} -->\n", cookbook.name);
    let _ = writeln!(template, "<!-- {} -->", comment(&cookbook.summary));
    for field in &cookbook.fields {
        let _ = write!(template, "\n### {}\n", escape(&field.label));
        let hint = hint(field, cookbook);
        if !hint.is_empty() {
            let _ = write!(template, "\n<!-- {} -->\n", comment(&hint));
        }
        let _ = write!(template, "\n{}", boxes(field));
    }
    let mut actions = String::new();
    if let Some(label) = &cookbook.label {
        let name = one_line(label).replace('"', "");
        let _ = writeln!(actions, "/label ~\"{name}\"");
    }
    if cookbook.issue.confidential {
        // Hidden from its first moment, where GitLab does it; else we do.
        actions.push_str("/confidential\n");
    }
    if !actions.is_empty() {
        let _ = write!(template, "\n{actions}");
    }
    template
}

/// Help, example, limits and default in one line. An acknowledgement says its
/// text at its box.
fn hint(field: &Field, cookbook: &Cookbook) -> String {
    let mut parts = Vec::new();
    if field.kind != FieldKind::Acknowledgement && !field.help.trim().is_empty() {
        parts.push(field.help.trim().to_owned());
    }
    if let Some(example) = &field.placeholder {
        parts.push(format!("Example: {}", one_line(example)));
    }
    parts.extend(limits_and_default(field, cookbook));
    parts.join(" ")
}

/// `1 GiB to 8 GiB, 2 GiB if left empty.`
fn limits_and_default(field: &Field, cookbook: &Cookbook) -> Option<String> {
    let accepted = limits::accepted(&field.kind, &cookbook.lifetime)?;
    let default = match (&field.default, &field.kind) {
        (Some(value), _) => Some(value.to_string()),
        (None, FieldKind::Lifetime) => Some(cookbook.lifetime.default.to_string()),
        (None, _) => None,
    };
    let mut text = match cookbook.tier_field() {
        Some(_) if Amount::asked_by(&field.kind).is_some() => {
            let empty = default.map(|value| format!(", {value} if left empty"));
            return Some(format!("Only with `{CUSTOM}`: {accepted}{}.", empty.unwrap_or_default()));
        }
        _ => capitalised(&accepted),
    };
    match default {
        Some(default) => {
            let _ = write!(text, ", {default} if left empty.");
        }
        None if field.required => text.push('.'),
        None => text.push_str(". Optional."),
    }
    Some(text)
}

/// The boxes to tick.
fn boxes(field: &Field) -> String {
    let list = |choices: &[String]| {
        choices.iter().fold(String::new(), |list, choice| list + "- [ ] " + &escape(choice) + "\n")
    };
    match &field.kind {
        FieldKind::Choice { choices } | FieldKind::Choices { choices } => list(choices),
        FieldKind::Tier { tiers, custom } => list(&tier::names(tiers, *custom)),
        FieldKind::Acknowledgement => list(&[acknowledgement(field)]),
        _ => String::new(),
    }
}

/// What is agreed to by ticking.
fn acknowledgement(field: &Field) -> String {
    let text = if field.help.trim().is_empty() { &field.label } else { &field.help };
    one_line(text)
}

fn capitalised(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text that cannot end the comment it stands in.
fn comment(text: &str) -> String {
    one_line(text).replace("--", "\u{2013}").replace('>', "\u{203a}")
}

/// Text that Markdown leaves as it is.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for character in one_line(text).chars() {
        if matches!(
            character,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '#' | '~' | '|'
        ) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
