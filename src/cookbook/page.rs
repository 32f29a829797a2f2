//! What a cookbook says, for a page that people read before they ask.

use serde::Serialize;

use super::{AlsoApproval, Cookbook, Field, FieldKind, MachineCommand, PowerCommand, Rule};
use crate::{policy::Severity, request::value::limits};

/// The context of `templates/cookbook/page.hbs`. Texts are the cookbook's;
/// templates make them safe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page {
    /// The file name without `.toml`, and the template's.
    pub name: String,
    /// What people see.
    pub title: String,
    /// One sentence.
    pub summary: String,
    /// The label that makes any issue such a request.
    pub label: Option<String>,
    /// Whether its issues are hidden.
    pub confidential: bool,
    /// The form, in its order.
    pub questions: Vec<Question>,
    /// What has to hold besides.
    pub rules: Vec<RuleLine>,
    /// Who may ask; empty: anyone who can file an issue.
    pub eligible: Vec<String>,
    /// Who approves.
    pub approvers: Vec<String>,
    /// How many of them, if more than one.
    pub approvals: Option<usize>,
    /// Whether people may approve their own.
    pub own: bool,
    /// Who must approve as well.
    pub also: Vec<AlsoLine>,
    /// When nobody needs to, as the cookbook has it.
    pub unless: Option<String>,
    /// What people do, where no machine is made.
    pub guide: Option<GuidePage>,
    /// How long machines live; none where none is made.
    pub life: Option<Life>,
    /// The commands owners have besides extend, restore and release.
    pub commands: Vec<&'static str>,
    /// Where machines are made.
    pub providers: Vec<String>,
    /// What the form does not ask about them.
    pub machine: Vec<Detail>,
    /// What people do when a machine is gone.
    pub retire: Vec<String>,
}

/// One question of the form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Question {
    /// The heading.
    pub label: String,
    /// What may be answered, if that needs words.
    pub accepted: Option<String>,
    /// What an empty answer means.
    pub default: Option<String>,
    /// Whether it must be answered.
    pub required: bool,
    /// The cookbook's own explanation.
    pub help: String,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleLine {
    /// What people are told.
    pub message: String,
    /// What would be accepted.
    pub hint: Option<String>,
    /// Whether somebody has to look, instead of a refusal, when it does not hold.
    pub review: bool,
    /// Whether it is only said, instead of a refusal.
    pub warn: bool,
}

/// Others who must approve as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AlsoLine {
    /// Who.
    pub by: Vec<String>,
    /// How many of them, if more than one.
    pub count: Option<usize>,
    /// When, as the cookbook has it; none: always.
    pub when: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// What people do, where no machine is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GuidePage {
    /// Who does it.
    pub by: Vec<String>,
    /// One sentence above the steps; may be empty.
    pub summary: String,
    /// What is done, in order.
    pub steps: Vec<String>,
}

/// How long machines live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Life {
    /// Granted when the form does not say.
    pub default: String,
    /// The longest single grant.
    pub max: String,
    /// With all extensions the owner may give alone; none if that is no more.
    pub total: Option<String>,
    /// How often the owner may extend; none if there is no limit.
    pub extensions: Option<u32>,
    /// When people are warned, e.g. `7 days`.
    pub warn: Vec<String>,
    /// Between a delivered warning and its step.
    pub min_notice: String,
    /// How long a stopped machine keeps its disks.
    pub grace: String,
    /// How long backups outlive the disks; none if there are none.
    pub backups: Option<String>,
    /// Whether the disks themselves are the backup.
    pub keep_disks: bool,
}

/// Something about machines that the form does not ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Detail {
    /// What.
    pub what: &'static str,
    /// How it is.
    pub value: String,
}

impl Page {
    /// The page of a cookbook.
    #[must_use]
    pub fn of(cookbook: &Cookbook) -> Self {
        let listed = |by: &[super::Principal]| by.iter().map(ToString::to_string).collect();
        let approval = &cookbook.approval;
        Self {
            name: cookbook.name.to_string(),
            title: cookbook.title.clone(),
            summary: cookbook.summary.clone(),
            label: cookbook.label.clone(),
            confidential: cookbook.issue.confidential,
            questions: cookbook.fields.iter().map(|field| question(field, cookbook)).collect(),
            rules: cookbook.rules.iter().map(rule).collect(),
            eligible: listed(&cookbook.eligible),
            approvers: listed(&approval.by),
            approvals: Some(approval.count).filter(|count| *count > 1),
            own: approval.own,
            also: approval.also.iter().map(also).collect(),
            unless: approval.unless.as_ref().map(|unless| unless.source().to_owned()),
            guide: cookbook.guide.as_ref().map(|guide| GuidePage {
                by: listed(&guide.by),
                summary: guide.summary.clone(),
                steps: guide.steps.clone(),
            }),
            life: cookbook.guide.is_none().then(|| life(cookbook)),
            commands: cookbook.commands.iter().map(|command| word(*command)).collect(),
            providers: cookbook.placement.providers.iter().map(ToString::to_string).collect(),
            machine: if cookbook.guide.is_none() { machine(cookbook) } else { Vec::new() },
            retire: cookbook.retire.clone(),
        }
    }
}

fn question(field: &Field, cookbook: &Cookbook) -> Question {
    let default = match (&field.default, &field.kind) {
        (Some(value), _) => Some(value.to_string()),
        (None, FieldKind::Lifetime) => Some(cookbook.lifetime.default.to_string()),
        (None, _) => None,
    };
    Question {
        label: field.label.clone(),
        accepted: limits::accepted(&field.kind, &cookbook.lifetime),
        default,
        required: field.required,
        help: field.help.clone(),
    }
}

fn rule(rule: &Rule) -> RuleLine {
    RuleLine {
        message: rule.message.clone(),
        hint: rule.hint.clone(),
        review: rule.severity == Severity::Review,
        warn: rule.severity == Severity::Warn,
    }
}

fn also(also: &AlsoApproval) -> AlsoLine {
    AlsoLine {
        by: also.by.iter().map(ToString::to_string).collect(),
        count: Some(also.count).filter(|count| *count > 1),
        when: also.when.as_ref().map(|when| when.source().to_owned()),
        reason: also.reason.clone(),
    }
}

fn life(cookbook: &Cookbook) -> Life {
    let terms = &cookbook.lifetime;
    Life {
        default: terms.default.to_string(),
        max: terms.max.to_string(),
        total: (terms.total > terms.max).then(|| terms.total.to_string()),
        extensions: terms.extensions,
        warn: terms.warn.iter().map(|lead| lead.in_words()).collect(),
        min_notice: terms.min_notice.in_words(),
        grace: terms.grace.in_words(),
        backups: (terms.backups.minutes() > 0).then(|| terms.backups.in_words()),
        keep_disks: cookbook.placement.keep_disks,
    }
}

fn machine(cookbook: &Cookbook) -> Vec<Detail> {
    let placement = &cookbook.placement;
    let asks = |kind: fn(&FieldKind) -> bool| cookbook.fields.iter().any(|field| kind(&field.kind));
    let mut details = Vec::new();
    let mut tell = |what, value: Option<String>| {
        details.extend(value.map(|value| Detail { what, value }));
    };
    if !asks(|kind| matches!(kind, FieldKind::Memory { .. })) {
        tell("Memory", Some(placement.shape.memory.to_string()));
    }
    if !asks(|kind| matches!(kind, FieldKind::Vcpus { .. })) {
        tell("Processors", Some(placement.shape.vcpus.to_string()));
    }
    if !asks(|kind| matches!(kind, FieldKind::Disk { .. })) {
        tell("Disk", Some(placement.shape.disk.to_string()));
    }
    for disk in &placement.more_disks {
        tell("Further disk", Some(disk.size.to_string()));
    }
    tell("Image", placement.image.clone());
    tell("Network", placement.network.clone());
    tell("Storage", placement.storage.clone());
    tell("Login", Some(placement.login.clone()));
    details
}

fn word(command: MachineCommand) -> &'static str {
    match command {
        MachineCommand::Power(PowerCommand::Start) => "start",
        MachineCommand::Power(PowerCommand::Stop) => "stop",
        MachineCommand::Power(PowerCommand::Reboot) => "reboot",
        MachineCommand::Rebuild => "rebuild",
        MachineCommand::Resize => "resize",
    }
}
