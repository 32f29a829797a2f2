//! The same form for GitHub, as an issue form in YAML.

use std::fmt::Write as _;

use super::{acknowledgement, hint, one_line};
use crate::{
    cookbook::{Cookbook, Field, FieldKind, tier},
    request::value::Value,
};

/// Text fields up to this many characters get one line.
const SHORT_TEXT: usize = 120;

/// The issue form for GitHub, as YAML. The issues it makes carry no marker, so
/// the cookbook's label has to tell them.
#[must_use]
pub fn github(cookbook: &Cookbook) -> String {
    let mut form = String::new();
    let _ = writeln!(form, "name: {}", quoted(&cookbook.title));
    let _ = writeln!(form, "description: {}", quoted(&cookbook.summary));
    if let Some(label) = &cookbook.label {
        let _ = writeln!(form, "labels: [{}]", quoted(label));
    }
    form.push_str("body:\n");
    for field in &cookbook.fields {
        element(&mut form, field, cookbook);
    }
    form
}

fn element(form: &mut String, field: &Field, cookbook: &Cookbook) {
    let _ = writeln!(form, "  - type: {}", kind(&field.kind));
    let _ = writeln!(form, "    id: {}", quoted(field.name.as_str()));
    form.push_str("    attributes:\n");
    let _ = writeln!(form, "      label: {}", quoted(&field.label));
    let hint = hint(field, cookbook);
    if !hint.is_empty() {
        let _ = writeln!(form, "      description: {}", quoted(&hint));
    }
    match &field.kind {
        FieldKind::Choice { choices } => options(form, choices, field.default.as_ref()),
        FieldKind::Tier { tiers, custom } => {
            options(form, &tier::names(tiers, *custom), field.default.as_ref());
        }
        FieldKind::Choices { choices } => {
            form.push_str("      multiple: true\n");
            options(form, choices, None);
        }
        FieldKind::Boolean => {
            let choices = ["yes".to_owned(), "no".to_owned()];
            options(form, &choices, field.default.as_ref());
        }
        FieldKind::Acknowledgement => {
            form.push_str("      options:\n");
            let _ = writeln!(form, "        - label: {}", quoted(&acknowledgement(field)));
            let _ = writeln!(form, "          required: {}", field.required);
            return;
        }
        _ => {
            if let Some(placeholder) = &field.placeholder {
                let _ = writeln!(form, "      placeholder: {}", quoted(placeholder));
            }
        }
    }
    let needed = field.required && field.default.is_none() && field.kind != FieldKind::Lifetime;
    let _ = writeln!(form, "    validations:\n      required: {needed}");
}

fn options(form: &mut String, choices: &[String], default: Option<&Value>) {
    form.push_str("      options:\n");
    for choice in choices {
        let _ = writeln!(form, "        - {}", quoted(choice));
    }
    let chosen = default.map(ToString::to_string);
    if let Some(index) = choices.iter().position(|choice| chosen.as_ref() == Some(choice)) {
        let _ = writeln!(form, "      default: {index}");
    }
}

const fn kind(kind: &FieldKind) -> &'static str {
    match kind {
        FieldKind::Choice { .. }
        | FieldKind::Choices { .. }
        | FieldKind::Tier { .. }
        | FieldKind::Boolean => "dropdown",
        FieldKind::Acknowledgement => "checkboxes",
        FieldKind::Text { max } if *max > SHORT_TEXT => "textarea",
        FieldKind::SshKeys => "textarea",
        _ => "input",
    }
}

/// A string in YAML's double quotes, which JSON's are too.
fn quoted(text: &str) -> String {
    serde_json::Value::String(one_line(text)).to_string()
}
