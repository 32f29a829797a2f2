//! Whether a request may be granted, and who decides.
//!
//! [`judge`] holds what was read from an issue against its cookbook and the
//! [`Facts`] the forge and the store know, and says all of it at once: what is
//! wrong, or whose approval is needed.

pub mod cases;
pub mod explain;
pub mod expression;
mod facts;
mod people;
pub mod usage;
mod values;
mod verdict;

#[cfg(test)]
mod tests;

pub use self::{
    facts::{Facts, People, Room},
    usage::{Holding, Usage},
    verdict::{Need, Verdict},
};

use std::collections::BTreeMap;

use self::{expression::Values, people::Cast};
use crate::{
    cookbook::{Cookbook, FieldKind, Rule},
    identity::{Digest, FieldName},
    request::{
        Reading,
        spec::Spec,
        value::{Value, limits},
    },
    violation::{RulePlace, Violation, ViolationCode},
};

/// Judges a request. `policy` is the version of the cookbooks the cookbook is
/// one of.
#[must_use]
pub fn judge(cookbook: &Cookbook, policy: Digest, reading: &Reading, facts: &Facts) -> Verdict {
    let cast = people::cast(reading, facts);
    let mut violations = before_rules(cookbook, reading, facts, &cast);
    let values = values::of(cookbook, reading, &cast, facts);
    let rules = cookbook.rules.iter();
    let refused: Vec<Violation> = rules
        .filter(|rule| !facts.room.is_missing_for(&rule.require))
        .filter_map(|rule| refusal(cookbook, rule, reading, &values, &violations))
        .collect();
    violations.extend(refused);
    for violation in &mut violations {
        explain(cookbook, violation);
    }
    let position = |violation: &Violation| {
        let name = violation.field.as_ref();
        cookbook.fields.iter().position(|field| Some(&field.name) == name)
    };
    violations.sort_by_key(|violation| (violation.line, position(violation), violation.code));

    let acceptance_needed = (!cast.owner_is_author).then(|| cast.owner.clone());
    // What depends on figures nobody has is for people to decide.
    let mut conditions = cookbook.rules.iter().map(|rule| &rule.require);
    let room_is_known = !conditions.any(|condition| facts.room.is_missing_for(condition));
    let automatic = facts.auto_approval
        && room_is_known
        && facts.author_eligible == Some(true)
        && !facts.description_edited_by_others
        && acceptance_needed.is_none()
        && violations.is_empty()
        && cookbook.approval.unless.as_ref().is_some_and(|unless| {
            !facts.room.is_missing_for(unless) && unless.holds(&values) == Ok(true)
        });
    let needs = if automatic {
        Need::Nothing
    } else {
        Need::Approval {
            by: cookbook.approval.by.clone(),
            count: cookbook.approval.count,
            own: cookbook.approval.own,
        }
    };
    let spec = spec(cookbook, reading, facts, &cast).filter(|_| violations.is_empty());
    Verdict {
        cookbook: cookbook.name.clone(),
        policy,
        violations,
        spec,
        needs,
        owner: cast.owner,
        fallback: cast.fallback,
        acceptance_needed,
    }
}

/// What is wrong whatever the rules say.
fn before_rules(
    cookbook: &Cookbook,
    reading: &Reading,
    facts: &Facts,
    cast: &Cast,
) -> Vec<Violation> {
    let mut violations = reading.violations.clone();
    violations.extend(cast.unknown.iter().cloned());
    violations.extend(not_eligible(cookbook, facts));
    violations.extend(name_in_use(cookbook, reading, facts));
    violations
}

/// The field that has to be corrected before the rule can say anything.
fn waits_for<'a>(
    cookbook: &Cookbook,
    rule: &Rule,
    earlier: &'a [Violation],
) -> Option<&'a FieldName> {
    let unread = earlier.iter().filter_map(|violation| violation.field.as_ref());
    unread.into_iter().find(|field| values::mentions(cookbook, rule, field))
}

/// Nobody is told what is wrong without being told what would be right.
fn explain(cookbook: &Cookbook, violation: &mut Violation) {
    if violation.hint.is_none() {
        let field = violation.field.as_ref().and_then(|name| cookbook.field(name.as_str()));
        let accepted = field.and_then(|field| limits::accepted(&field.kind, &cookbook.lifetime));
        violation.hint = Some(match accepted {
            Some(accepted) => format!("Accepted: {accepted}."),
            None => "Correct it in the description of the issue.".to_owned(),
        });
    }
}

/// What is asked for, normalised. `None` while people were not looked up: it
/// holds their numeric ids.
fn spec(cookbook: &Cookbook, reading: &Reading, facts: &Facts, cast: &Cast) -> Option<Spec> {
    if matches!(facts.people, People::Unchecked) {
        return None;
    }
    let answers = reading.fields.iter();
    let fields: BTreeMap<FieldName, Value> =
        answers.map(|(name, answer)| (name.clone(), answer.value.clone())).collect();
    // Everybody in it is in `ids`, or there is a violation already.
    Spec::new(cookbook, facts.author.id, &fields, &cast.ids).ok()
}

fn not_eligible(cookbook: &Cookbook, facts: &Facts) -> Option<Violation> {
    if facts.author_eligible != Some(false) {
        return None;
    }
    let who: Vec<String> = cookbook.eligible.iter().map(ToString::to_string).collect();
    let message =
        format!("{} is not for you to ask: it is for {}.", cookbook.title, who.join(", "));
    Some(
        Violation::new(ViolationCode::NotEligible, message)
            .hint("Ask somebody who belongs there to file it, naming you as the owner."),
    )
}

/// A host name that somebody else has, or nobody may have.
fn name_in_use(cookbook: &Cookbook, reading: &Reading, facts: &Facts) -> Option<Violation> {
    let field = cookbook.fields.iter().find(|field| field.kind == FieldKind::Hostname)?;
    let answer = reading.fields.get(&field.name)?;
    let Value::Hostname(name) = &answer.value else { return None };
    let (code, message) = if facts.protected_names.contains(name) {
        (ViolationCode::NameReserved, format!("The name `{name}` is reserved."))
    } else if facts.taken_names.contains(name) {
        let message = format!("The name `{name}` is in use, in its grace period or asked for.");
        (ViolationCode::NameTaken, message)
    } else {
        return None;
    };
    let hint = if field.required {
        "Choose another name."
    } else {
        "Choose another name, or leave the field empty to be given one."
    };
    Some(Violation::new(code, message).of(&field.name).at(answer.line).hint(hint))
}

/// What a rule has against the request. A rule about something that could not
/// be read says nothing: its turn comes when that has been corrected.
fn refusal(
    cookbook: &Cookbook,
    rule: &Rule,
    reading: &Reading,
    values: &Values,
    earlier: &[Violation],
) -> Option<Violation> {
    if waits_for(cookbook, rule, earlier).is_some() {
        return None;
    }
    let place =
        RulePlace { id: rule.id.clone(), file: format!("{}.toml", cookbook.name), line: rule.line };
    let violation = match rule.require.holds(values) {
        Ok(true) => return None,
        Ok(false) => {
            let hint = rule.hint.clone().unwrap_or_else(|| {
                format!("Change the request so that it fits rule `{}`, or ask about it.", rule.id)
            });
            Violation::new(ViolationCode::RuleRefused, rule.message.clone()).hint(hint)
        }
        Err(error) => {
            let message = format!(
                "Rule `{}` could not be applied, which counts as refused: {error}.",
                rule.id
            );
            let hint = format!("Ask the operators to correct it: {}:{}.", place.file, place.line);
            Violation::new(ViolationCode::RuleUnusable, message).hint(hint)
        }
    };
    let violation = violation.by(place);
    Some(match &rule.field {
        Some(field) => {
            let line = reading.fields.get(field).and_then(|answer| answer.line);
            violation.of(field).at(line)
        }
        None => violation,
    })
}
