//! `[[field]]`: one question of the form.

use std::fmt::Display;

use super::{
    default,
    reader::{At, Place, Table},
};
use crate::{
    cookbook::{Field, FieldKind, diagnostic::nearest, tier::Tier},
    identity::FieldName,
    quantity::{Mebibytes, Vcpus},
};

/// How types are spelt in cookbooks.
const TYPES: [&str; 18] = [
    "text",
    "choice",
    "many",
    "user",
    "users",
    "group",
    "hostname",
    "tier",
    "memory",
    "disk",
    "vcpus",
    "number",
    "duration",
    "date",
    "url",
    "boolean",
    "ssh-keys",
    "acknowledgement",
];

/// Names that mean the same in every cookbook, with the type each must have.
const MEANT: [(&str, &[&str]); 8] = [
    ("owner", &["user"]),
    ("fallback", &["users", "user"]),
    ("team", &["group"]),
    ("hostname", &["hostname"]),
    ("memory", &["memory"]),
    ("disk", &["disk"]),
    ("vcpus", &["vcpus"]),
    ("count", &["number"]),
];

/// Names that rules use for something else.
const RESERVED: [&str; 3] = ["author", "lifetime_days", "title"];

/// Types of which a form has one field at most: what the machine is made with.
const ONCE: [&str; 6] = ["hostname", "tier", "memory", "disk", "vcpus", "duration"];

/// A field, and where what must be unique about it stands.
pub(super) struct Placed {
    pub(super) field: Field,
    pub(super) name: Place,
    /// The headings it answers to, with their places.
    pub(super) headings: Vec<At<String>>,
    /// Its type, if there may be only one such field.
    pub(super) once: Option<&'static str>,
}

/// Reads one field. `None` when its name or type is unreadable; less than that
/// has been reported and stands as a default. `tiers` are those of the cookbook.
pub(super) fn read(table: &Table<'_>, tiers: &[Tier]) -> Option<Placed> {
    let name = table.required("name", "name = \"purpose\"");
    let label = table.line_of_text("label");
    let aliases = table.texts("aliases").map(|aliases| aliases.value).unwrap_or_default();
    for alias in aliases.iter().filter(|alias| alias.value.chars().any(char::is_control)) {
        table.file.report(&alias.span, "a heading must be a single line of text");
    }
    let spelt = table.required("type", "type = \"text\"");
    let required = table.boolean("required");
    let help = table.text("help");
    let placeholder = table.text("placeholder");
    for text in [&help, &placeholder].into_iter().flatten() {
        if text.value.contains("--") && (text.value.contains("-->") || text.value.contains("<!--"))
        {
            table.file.report(&text.span, "a text shown as a comment cannot hold `<!--` or `-->`");
        }
    }
    if let Some(name) = &name {
        check_name(table, name);
    }
    let Some(kind_name) = spelt.as_ref().and_then(|spelt| known_type(table, spelt)) else {
        // Which other keys would be right is not known without the type.
        return None;
    };
    let named = name.as_ref().map_or("", |name| name.value.as_str());
    let mut field = Field {
        name: FieldName::from(named),
        label: label.as_ref().map_or_else(|| in_words(named), |label| label.value.clone()),
        aliases: aliases.iter().map(|alias| alias.value.clone()).collect(),
        kind: kind(table, kind_name, tiers),
        required: required.as_ref().is_some_and(|required| required.value),
        default: None,
        help: help.map(|help| help.value).unwrap_or_default(),
        placeholder: placeholder.map(|placeholder| placeholder.value),
    };
    let (default, defaulted) = default::read(table, &field);
    table.finish();
    field.default = default;
    check_required(table, required.as_ref(), &field.kind, defaulted);
    field.required = match field.kind {
        FieldKind::Acknowledgement | FieldKind::Tier { .. } => !defaulted,
        FieldKind::Boolean | FieldKind::Lifetime => field.required,
        _ => required.map_or(!defaulted, |required| required.value),
    };

    let name = name?;
    check_meaning(table, &name, kind_name, spelt.as_ref());
    let heading = At {
        value: field.label.clone(),
        span: label.map_or_else(|| name.span.clone(), |label| label.span),
    };
    Some(Placed {
        field,
        name: name.span,
        headings: std::iter::once(heading).chain(aliases).collect(),
        once: ONCE.into_iter().find(|once| *once == kind_name),
    })
}

/// What is never missing cannot be required, and the other way round.
fn check_required(
    table: &Table<'_>,
    required: Option<&At<bool>>,
    kind: &FieldKind,
    defaulted: bool,
) {
    let Some(required) = required else { return };
    let (message, help) = match kind {
        FieldKind::Acknowledgement if !required.value => {
            ("an acknowledgement must always be ticked", "use `type = \"boolean\"` for a choice")
        }
        FieldKind::Tier { .. } if !required.value => {
            ("a machine always has a size", "write a `default` instead")
        }
        FieldKind::Lifetime if required.value => {
            ("without an answer, `default` of `[lifetime]` is granted", "remove `required`")
        }
        _ if required.value && defaulted => {
            ("a field with a default is never missing", "remove `required` or `default`")
        }
        _ => return,
    };
    table.file.report_with(&required.span, message, help);
}

fn check_name(table: &Table<'_>, name: &At<String>) {
    let text = name.value.as_str();
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if !text.starts_with(|first: char| first.is_ascii_lowercase())
        || !text.bytes().all(plain)
        || text.len() > 40
    {
        let message = format!("`{text}` cannot be a field's name");
        let help = "use lower-case letters, digits and underscores; `label` is what people see";
        table.file.report_with(&name.span, message, help);
    } else if RESERVED.contains(&text) || CEL_WORDS.contains(&text) {
        let message = format!("`{text}` means something else in rules");
        table.file.report_with(&name.span, message, "choose another name; `label` can stay");
    }
}

/// Words that expressions cannot use as a name.
const CEL_WORDS: [&str; 21] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "var",
    "void",
    "while",
];

fn check_meaning(table: &Table<'_>, name: &At<String>, kind: &str, spelt: Option<&At<String>>) {
    let Some((_, wanted)) = MEANT.into_iter().find(|(meant, _)| *meant == name.value) else {
        return;
    };
    if !wanted.contains(&kind) {
        let wanted = wanted.join("` or `");
        let span = spelt.map_or(&name.span, |spelt| &spelt.span);
        let message = format!("a field called `{}` must be of type `{wanted}`", name.value);
        table.file.report_with(span, message, "its name has a meaning; rename it otherwise");
    }
}

fn known_type(table: &Table<'_>, spelt: &At<String>) -> Option<&'static str> {
    let known = TYPES.into_iter().find(|known| *known == spelt.value);
    if known.is_none() {
        let help = match nearest(&spelt.value, TYPES) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there is `{}`", TYPES.join("`, `")),
        };
        table.file.report_with(&spelt.span, format!("unknown type `{}`", spelt.value), help);
    }
    known
}

fn kind(table: &Table<'_>, name: &str, tiers: &[Tier]) -> FieldKind {
    let kind = match name {
        "choice" => FieldKind::Choice { choices: choices(table) },
        "many" => FieldKind::Choices { choices: choices(table) },
        "tier" => {
            let custom = table.boolean("custom").is_some_and(|custom| custom.value);
            FieldKind::Tier { tiers: tiers.to_vec(), custom }
        }
        "memory" => {
            let (min, max) = limits(
                table,
                Mebibytes::parse,
                (Mebibytes::MIN, Mebibytes::MAX),
                "max = \"8 GiB\"",
            );
            FieldKind::Memory { min, max }
        }
        "disk" => {
            let (min, max) = limits(
                table,
                Mebibytes::parse,
                (Mebibytes::MIN, Mebibytes::MAX),
                "max = \"50 GiB\"",
            );
            FieldKind::Disk { min, max }
        }
        "vcpus" => {
            let (min, max) = limits(table, Vcpus::parse, (Vcpus::MIN, Vcpus::MAX), "max = 4");
            FieldKind::Vcpus { min, max }
        }
        "number" => {
            let (min, max) = limits(table, whole_number, (0, u64::from(u32::MAX)), "max = 10");
            FieldKind::Number { min, max }
        }
        "text" => {
            let max = table.number("max").map_or(2000, |max| {
                if !(1..=20_000).contains(&max.value) {
                    table.file.report(&max.span, "`max` of a text is between 1 and 20000 letters");
                }
                usize::try_from(max.value).unwrap_or(usize::MAX)
            });
            FieldKind::Text { max }
        }
        "users" => users(table),
        "user" => FieldKind::User,
        "group" => FieldKind::Group,
        "hostname" => FieldKind::Hostname,
        "duration" => FieldKind::Lifetime,
        "date" => FieldKind::Date,
        "url" => FieldKind::Url,
        "boolean" => FieldKind::Boolean,
        "ssh-keys" => FieldKind::SshKeys,
        _ => FieldKind::Acknowledgement,
    };
    let limited = matches!(
        kind,
        FieldKind::Memory { .. }
            | FieldKind::Disk { .. }
            | FieldKind::Vcpus { .. }
            | FieldKind::Number { .. }
            | FieldKind::Users { .. }
    );
    let help = match kind {
        FieldKind::Lifetime => "the limits of a lifetime stand in `[lifetime]`",
        _ => "remove it, or write a `[[rule]]`",
    };
    if !limited {
        table.meaningless("min", &format!("`min` means nothing for type `{name}`"), help);
        if !matches!(kind, FieldKind::Text { .. }) {
            table.meaningless("max", &format!("`max` means nothing for type `{name}`"), help);
        }
    }
    if !matches!(kind, FieldKind::Tier { .. }) {
        let message = format!("`custom` means nothing for type `{name}`");
        table.meaningless("custom", &message, "it belongs to the field of type `tier`");
    }
    if !matches!(kind, FieldKind::Choice { .. } | FieldKind::Choices { .. }) {
        let message = format!("`choices` means nothing for type `{name}`");
        table.meaningless("choices", &message, "use `type = \"choice\"` or `type = \"many\"`");
    }
    kind
}

/// `min` and `max`, the latter required: without it the form would take any
/// amount a machine can be imagined to have.
fn limits<T: Ord + Copy + Display, E: Display>(
    table: &Table<'_>,
    parse: impl Fn(&str) -> Result<T, E>,
    (least, most): (T, T),
    example: &str,
) -> (T, T) {
    if table.value("max").is_none() {
        table.missing("max", example);
    }
    let min = table.read("min", &parse);
    let max = table.read("max", &parse);
    if let (Some(min), Some(max)) = (&min, &max)
        && min.value > max.value
    {
        let message = format!("`min` is {}, more than `max`, {}", min.value, max.value);
        table.file.report_with(&min.span, message, "nothing could be asked for");
    }
    (min.map_or(least, |min| min.value), max.map_or(most, |max| max.value))
}

fn whole_number(text: &str) -> Result<u64, String> {
    text.parse::<u32>()
        .map(u64::from)
        .map_err(|_| format!("`{text}` is not a whole number between 0 and {}", u32::MAX))
}

fn users(table: &Table<'_>) -> FieldKind {
    let min = table.number("min");
    let max = table.number("max");
    let count = |at: &Option<At<u64>>, default| {
        at.as_ref().map_or(default, |at| usize::try_from(at.value).unwrap_or(usize::MAX))
    };
    let least = count(&min, 1);
    let most = count(&max, least.max(5));
    for (key, at) in [("min", &min), ("max", &max)] {
        if let Some(at) = at
            && !(1..=50).contains(&at.value)
        {
            let message = format!("`{key}` of a list of people is between 1 and 50");
            table.file.report_with(&at.span, message, "write `required = false` for none");
        }
    }
    if let Some(min) = &min
        && least > most
    {
        let message = format!("`min` is {least}, more than `max`, {most}");
        table.file.report_with(&min.span, message, "nothing could be asked for");
    }
    FieldKind::Users { min: least, max: most }
}

fn choices(table: &Table<'_>) -> Vec<String> {
    let example = "choices = [\"small\", \"large\"]";
    let Some(choices) = table.texts("choices") else {
        if table.value("choices").is_none() {
            table.missing("choices", example);
        }
        return Vec::new();
    };
    if choices.value.is_empty() {
        let message = "`choices` offers nothing";
        table.file.report_with(&choices.span, message, format!("write for example `{example}`"));
    }
    let mut seen: Vec<String> = Vec::new();
    for choice in &choices.value {
        if choice.value.chars().any(char::is_control) {
            table.file.report(&choice.span, "a choice must be a single line of text");
        }
        let folded = choice.value.to_lowercase();
        if seen.contains(&folded) {
            let message = format!("the choice `{}` is offered twice", choice.value);
            table.file.report(&choice.span, message);
        }
        seen.push(folded);
    }
    choices.value.into_iter().map(|choice| choice.value).collect()
}

/// `ssh_keys` as people read it: `Ssh keys`.
fn in_words(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
