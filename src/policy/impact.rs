//! What other cookbooks mean for what stands under the present ones.

use serde::Serialize;

use super::{Need, Verdict};
use crate::{
    cookbook::{Cookbook, MachineCommand, PowerCommand, Terms},
    quantity::Delay,
    request::Request,
    violation::Violation,
};

/// What becomes of a request or lease, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It cannot be told.
    Unknown,
    /// An open request whose cookbook is gone: it waits until that is back.
    RequestOrphaned,
    /// What was acceptable is refused.
    Refused,
    /// What was refused is refused for more.
    RefusedForMore,
    /// Approvals that count are void.
    LosesApprovals,
    /// Approval is needed that was not, or by more or other people.
    NeedsApproval,
    /// A machine whose cookbook is gone: it keeps its terms, and its owner loses
    /// what the cookbook left to owners.
    LeaseOrphaned,
    /// A machine that would not be granted any more. It stays.
    NotGranted,
    /// Its owner may do less with it.
    LosesCommands,
    /// Its terms are not those that the cookbook has then. It keeps them.
    KeepsTerms,
    /// Its owner may do more with it.
    GainsCommands,
    /// What was refused is acceptable.
    Acceptable,
    /// Fewer people have to approve.
    NeedsLess,
    /// Nobody has to approve any more.
    Automatic,
}

impl Effect {
    /// Whether somebody is hit by it.
    #[must_use]
    pub fn is_worse(self) -> bool {
        self != Self::Unknown && self < Self::KeepsTerms
    }

    /// For people.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Unknown => "cannot be told",
            Self::RequestOrphaned => "cookbook gone, waits",
            Self::Refused => "is refused",
            Self::RefusedForMore => "is refused for more",
            Self::LosesApprovals => "loses approvals",
            Self::NeedsApproval => "needs more approval",
            Self::LeaseOrphaned => "cookbook gone, keeps terms",
            Self::NotGranted => "would not be granted",
            Self::LosesCommands => "owner may do less",
            Self::KeepsTerms => "keeps other terms",
            Self::GainsCommands => "owner may do more",
            Self::Acceptable => "becomes acceptable",
            Self::NeedsLess => "needs less approval",
            Self::Automatic => "needs no approval",
        }
    }
}

/// An effect, and what there is to say about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// What becomes of it.
    pub effect: Effect,
    /// Why, a line each.
    pub because: Vec<String>,
}

impl Found {
    pub(crate) fn new(effect: Effect, because: Vec<String>) -> Self {
        Self { effect, because }
    }
}

/// What becomes of an open request that was judged by both; `None` if nothing.
#[must_use]
pub fn of_request(request: &Request, before: &Verdict, after: &Verdict) -> Option<Found> {
    match (before.is_fine(), after.is_fine()) {
        (true, false) => Some(Found::new(Effect::Refused, reasons(&after.violations))),
        (false, false) => {
            let known: Vec<_> = before.violations.iter().map(objection).collect();
            let more: Vec<Violation> = after
                .violations
                .iter()
                .filter(|violation| !known.contains(&objection(violation)))
                .cloned()
                .collect();
            (!more.is_empty()).then(|| Found::new(Effect::RefusedForMore, reasons(&more)))
        }
        (false, true) if after.needs == Need::Nothing => {
            Some(Found::new(Effect::Automatic, Vec::new()))
        }
        (false, true) => Some(Found::new(Effect::Acceptable, Vec::new())),
        (true, true) => {
            let worse = after.is_worse_than(before);
            let counted: Vec<String> =
                request.approvals.iter().map(|approval| approval.by.username.clone()).collect();
            if (worse || after.digest() != before.digest()) && !counted.is_empty() {
                let because =
                    format!("the approval of {} does not count any more", counted.join(", "));
                Some(Found::new(Effect::LosesApprovals, vec![because]))
            } else if worse {
                Some(Found::new(Effect::NeedsApproval, Vec::new()))
            } else if after.needs == Need::Nothing && before.needs != Need::Nothing {
                Some(Found::new(Effect::Automatic, Vec::new()))
            } else if before.is_worse_than(after) {
                Some(Found::new(Effect::NeedsLess, Vec::new()))
            } else {
                None
            }
        }
    }
}

/// What becomes of a lease whose request was judged by both as if it were asked
/// for today: only what the newer one has against it and the older one has not.
#[must_use]
pub fn of_grant(before: &[Violation], after: &[Violation]) -> Option<Found> {
    (before.is_empty() && !after.is_empty()).then(|| Found::new(Effect::NotGranted, reasons(after)))
}

/// What becomes of what owners may do with their machines: at once, since that
/// is the cookbook's and not the lease's.
#[must_use]
pub fn of_commands(before: &Cookbook, after: &Cookbook) -> Vec<Found> {
    let only_in = |these: &[MachineCommand], those: &[MachineCommand]| -> Vec<String> {
        these.iter().filter(|it| !those.contains(it)).map(|it| format!("`{}`", word(*it))).collect()
    };
    let lost = only_in(&before.commands, &after.commands);
    let gained = only_in(&after.commands, &before.commands);
    [(Effect::LosesCommands, lost), (Effect::GainsCommands, gained)]
        .into_iter()
        .filter(|(_, words)| !words.is_empty())
        .map(|(effect, words)| Found::new(effect, vec![words.join(", ")]))
        .collect()
}

/// What becomes of the terms of a lease: nothing. How they differ from those
/// that the cookbook would grant.
#[must_use]
pub fn of_terms(has: &Terms, grants: &Terms) -> Option<Found> {
    let delays =
        |delays: &[Delay]| delays.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let lines = [
        ("max", has.max.to_string(), grants.max.to_string()),
        ("total", has.total.to_string(), grants.total.to_string()),
        ("warn", delays(&has.warn), delays(&grants.warn)),
        ("min_notice", has.min_notice.to_string(), grants.min_notice.to_string()),
        ("grace", has.grace.to_string(), grants.grace.to_string()),
        ("backups", has.backups.to_string(), grants.backups.to_string()),
    ];
    let because: Vec<String> = lines
        .into_iter()
        .filter(|(_, has, grants)| has != grants)
        .map(|(key, has, grants)| format!("{key}: {has}, the cookbook then says {grants}"))
        .collect();
    (!because.is_empty()).then(|| Found::new(Effect::KeepsTerms, because))
}

/// Where it stands, and what it says.
fn reasons(violations: &[Violation]) -> Vec<String> {
    let reason = |violation: &Violation| match (&violation.rule, &violation.field) {
        (Some(rule), _) => {
            format!("{}:{} rule `{}`: {}", rule.file, rule.line, rule.id, violation.message)
        }
        (None, Some(field)) => format!("{field}: {}", violation.message),
        (None, None) => violation.message.clone(),
    };
    violations.iter().map(reason).collect()
}

/// What makes two violations the same.
fn objection(violation: &Violation) -> impl PartialEq + use<> {
    let rule = violation.rule.as_ref().map(|rule| rule.id.clone());
    (violation.code, violation.field.clone(), rule)
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
