//! What the rules of a cookbook say about a request.

use super::{
    advice::{Advice, Severity},
    expression::{Expression, Values},
    facts::Room,
    remedy::remedies,
    values,
};
use crate::{
    cookbook::{Cookbook, Rule},
    identity::FieldName,
    request::Reading,
    violation::{RulePlace, Violation, ViolationCode},
};

/// What all rules together say.
#[derive(Default)]
pub(super) struct Said {
    pub(super) violations: Vec<Violation>,
    pub(super) advice: Vec<Advice>,
}

/// Asks every rule. `earlier` is what is wrong whatever the rules say.
pub(super) fn ask(
    cookbook: &Cookbook,
    reading: &Reading,
    values: &Values,
    room: Room,
    earlier: &[Violation],
) -> Said {
    let mut said = Said::default();
    for rule in &cookbook.rules {
        // A rule about something that could not be read says nothing: its turn
        // comes when that has been corrected.
        if waits_for(cookbook, &rule.require, earlier).is_some() {
            continue;
        }
        // Nor does one about what nobody knows: it is not held against anybody.
        if room.is_missing_for(&rule.require) {
            continue;
        }
        let unusable = match rule.require.holds(values) {
            Ok(true) => continue,
            Ok(false) => None,
            Err(error) => Some(error),
        };
        let would_pass = match (&unusable, rule.severity) {
            (None, Severity::Deny | Severity::Review) => remedies(cookbook, rule, values, earlier),
            _ => Vec::new(),
        };
        let line = rule.field.as_ref().and_then(|field| reading.fields.get(field)?.line);
        match rule.severity {
            Severity::Deny => {
                let refusal = refusal(rule, unusable, would_pass).at(line);
                said.violations.push(match &rule.field {
                    Some(field) => refusal.of(field),
                    None => refusal,
                });
            }
            Severity::Review | Severity::Warn => {
                let advice = Advice { would_pass, ..advice(rule, unusable).at(line) };
                said.advice.push(match &rule.field {
                    Some(field) => advice.of(field),
                    None => advice,
                });
            }
        }
    }
    said
}

/// The field that has to be corrected before a condition can say anything.
pub(super) fn waits_for<'a>(
    cookbook: &Cookbook,
    condition: &Expression,
    earlier: &'a [Violation],
) -> Option<&'a FieldName> {
    let mut unread = earlier.iter().filter_map(|violation| violation.field.as_ref());
    unread.find(|field| values::mentions(cookbook, condition, field))
}

fn refusal(rule: &Rule, unusable: Option<String>, would_pass: Vec<String>) -> Violation {
    let place = place(rule);
    let violation = match unusable {
        None => {
            let generic = || {
                format!("Change the request so that it fits rule `{}`, or ask about it.", rule.id)
            };
            let hint = rule.hint.clone().or_else(|| would_pass.is_empty().then(generic));
            let violation = Violation::new(ViolationCode::RuleRefused, rule.message.clone());
            Violation { hint, would_pass, ..violation }
        }
        Some(error) => {
            let message = format!(
                "Rule `{}` could not be applied, which counts as refused: {error}.",
                rule.id
            );
            Violation::new(ViolationCode::RuleUnusable, message).hint(to_operators(&place))
        }
    };
    violation.by(place)
}

fn advice(rule: &Rule, unusable: Option<String>) -> Advice {
    let place = place(rule);
    let new = match rule.severity {
        Severity::Warn => Advice::warn,
        Severity::Deny | Severity::Review => Advice::review,
    };
    let advice = match unusable {
        None => Advice { hint: rule.hint.clone(), ..new(rule.message.clone()) },
        Some(error) => {
            let message = format!("Rule `{}` could not be applied: {error}.", rule.id);
            new(message).hint(to_operators(&place))
        }
    };
    advice.by(place)
}

fn to_operators(place: &RulePlace) -> String {
    format!("Ask the operators to correct it: {}:{}.", place.file, place.line)
}

fn place(rule: &Rule) -> RulePlace {
    RulePlace { id: rule.id.clone(), file: rule.file.clone(), line: rule.line }
}
