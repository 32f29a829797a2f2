//! The sections of a cookbook besides its fields and its lifetime.

use super::reader::{At, Table};
use crate::{
    cookbook::{IssueRules, MachineCommand, PowerCommand, Principal, Rule, diagnostic::nearest},
    identity::FieldName,
    policy::{Severity, expression::Schema},
};

/// `[[rule]]`. `fields` are the names of the form; `None` when they could not
/// be read.
pub(super) fn rule(
    table: &Table<'_>,
    fields: &[&str],
    schema: Option<&Schema>,
) -> (Option<At<String>>, Option<Rule>) {
    let id = table.required("id", "id = \"fallback-owner\"");
    if table.value("require").is_none() {
        table.missing("require", "require = \"request.vcpus <= 4\"");
    }
    let require = table.condition("require", schema);
    let severity = severity(table);
    let message = table.required("message", "message = \"What the requester is told.\"");
    let hint = table.text("hint");
    let field = table.text("field");
    table.finish();
    if let Some(id) = &id
        && !is_slug(&id.value)
    {
        let message = format!("`{}` cannot be a rule's id", id.value);
        table.file.report_with(&id.span, message, "use lower-case letters, digits and hyphens");
    }
    if let Some(field) = &field
        && schema.is_some()
        && !fields.contains(&field.value.as_str())
    {
        let help = match nearest(&field.value, fields.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there is `{}`", fields.join("`, `")),
        };
        table.file.report_with(&field.span, format!("no field is called `{}`", field.value), help);
    }
    let rule = id.clone().zip(require).zip(message).map(|((id, require), message)| Rule {
        id: id.value,
        require,
        severity,
        message: message.value,
        hint: hint.map(|hint| hint.value),
        field: field.map(|field| FieldName(field.value)),
        file: table.file.name(&table.span).to_owned(),
        line: table.file.line(&table.span),
    });
    (id, rule)
}

/// What follows when a rule does not hold. What cannot be read has been
/// reported, and is the worst meanwhile.
fn severity(table: &Table<'_>) -> Severity {
    let Some(written) = table.text("severity") else { return Severity::default() };
    let known = Severity::ALL.into_iter().find(|severity| severity.word() == written.value);
    known.unwrap_or_else(|| {
        let words = Severity::ALL.map(Severity::word);
        let help = match nearest(&written.value, words) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there is `{}`", words.join("`, `")),
        };
        let message = format!("no severity is called `{}`", written.value);
        table.file.report_with(&written.span, message, help);
        Severity::default()
    })
}

/// Lower-case letters, digits and hyphens, beginning with a letter or digit.
pub(super) fn is_slug(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.bytes().next().is_some_and(plain)
        && text.bytes().all(|byte| plain(byte) || byte == b'-')
        && text.len() <= 63
}

/// The longest label GitLab takes, in characters.
const LONGEST_LABEL: usize = 255;

/// `[issue]`: what becomes of the issue.
pub(super) fn issue(table: &Table<'_>) -> IssueRules {
    let confidential = table.boolean("confidential");
    let labels = table.read_all("labels", |text| match text {
        _ if text.contains(|c: char| c == ',' || c.is_control()) => {
            Err("a label is one line of text without commas".to_owned())
        }
        _ if text.chars().count() > LONGEST_LABEL => {
            Err(format!("a label has {LONGEST_LABEL} characters at most"))
        }
        _ => Ok(text.to_owned()),
    });
    table.finish();
    let mut rules = IssueRules {
        confidential: confidential.is_some_and(|confidential| confidential.value),
        labels: Vec::new(),
    };
    for label in labels.map(|labels| labels.value).unwrap_or_default() {
        if rules.labels.contains(&label.value) {
            table.file.report(&label.span, format!("`{}` is listed twice", label.value));
        } else {
            rules.labels.push(label.value);
        }
    }
    rules
}

/// `[eligible]`: who may ask. Left out, anyone who can file an issue may.
pub(super) fn eligible(table: &Table<'_>) -> Vec<Principal> {
    let by = principals(table, "by = [\"group:tpo\"]");
    table.finish();
    by.unwrap_or_default()
}

/// `by`, which must name somebody.
pub(super) fn principals(table: &Table<'_>, example: &str) -> Option<Vec<Principal>> {
    if table.value("by").is_none() {
        table.missing("by", example);
    }
    let by = table.read_all("by", |text| Principal::try_from(text.to_owned()))?;
    if by.value.is_empty() {
        table.file.report_with(
            &by.span,
            "`by` names nobody",
            format!("write for example `{example}`"),
        );
    }
    let mut principals = Vec::new();
    for principal in by.value {
        if principals.contains(&principal.value) {
            let message = format!("`{}` is listed twice", principal.value);
            table.file.report(&principal.span, message);
        } else {
            principals.push(principal.value);
        }
    }
    Some(principals)
}

/// `[commands]`: what owners may do themselves.
pub(super) fn commands(table: &Table<'_>) -> Vec<MachineCommand> {
    let allow = table.read_all("allow", |text| match text {
        "start" => Ok(MachineCommand::Power(PowerCommand::Start)),
        "stop" => Ok(MachineCommand::Power(PowerCommand::Stop)),
        "reboot" => Ok(MachineCommand::Power(PowerCommand::Reboot)),
        "rebuild" => Ok(MachineCommand::Rebuild),
        "resize" => Ok(MachineCommand::Resize),
        _ => Err(format!("`{text}` is none of `start`, `stop`, `reboot`, `rebuild` and `resize`")),
    });
    table.finish();
    let mut commands: Vec<MachineCommand> =
        allow.map(|allow| allow.value).unwrap_or_default().into_iter().map(|at| at.value).collect();
    commands.sort_unstable();
    commands.dedup();
    commands
}

/// The most items a checklist may have, and characters an item.
const LONGEST_LIST: usize = 30;
const LONGEST_ITEM: usize = 200;

/// `[checklist]`: what people do when a machine is gone.
pub(super) fn checklist(table: &Table<'_>) -> Vec<String> {
    if table.value("retire").is_none() {
        table.missing("retire", "retire = [\"Remove it from the inventory\"]");
    }
    let retire = table.read_all("retire", |text| match text {
        _ if text.contains(char::is_control) => {
            Err("an item must be a single line of text".to_owned())
        }
        _ if text.chars().count() > LONGEST_ITEM => {
            Err(format!("an item has {LONGEST_ITEM} characters at most"))
        }
        _ => Ok(text.to_owned()),
    });
    table.finish();
    let Some(retire) = retire else { return Vec::new() };
    if retire.value.is_empty() {
        table.file.report_with(&retire.span, "`retire` lists nothing", "leave [checklist] out");
    }
    if retire.value.len() > LONGEST_LIST {
        let message = format!("a checklist has {LONGEST_LIST} items at most");
        table.file.report(&retire.span, message);
    }
    let mut items: Vec<String> = Vec::new();
    for item in retire.value {
        if items.contains(&item.value) {
            table.file.report(&item.span, format!("`{}` is listed twice", item.value));
        } else {
            items.push(item.value);
        }
    }
    items
}
