//! Whether a request may be granted, and who decides.
//!
//! [`judge`] holds what was read from an issue against its cookbook and the
//! [`Facts`] the forge and the store know, and says all of it at once: what is
//! wrong, or whose approval is needed.

mod advice;
pub mod cases;
pub mod explain;
pub mod expression;
mod facts;
pub mod impact;
mod need;
mod nudge;
mod people;
mod remedy;
mod rules;
mod usage;
mod values;
mod verdict;

#[cfg(test)]
mod tests;

pub use self::{
    advice::{Advice, Concern, Severity},
    facts::{Facts, Groups, People, Room},
    need::{Need, Part, assign},
    usage::{Holding, Usage},
    verdict::Verdict,
};

use std::collections::BTreeMap;

use self::{expression::Values, people::Cast};
use crate::{
    cookbook::{Cookbook, FieldKind},
    identity::{Digest, FieldName},
    request::{
        Reading,
        spec::Spec,
        value::{Value, limits},
    },
    violation::{Violation, ViolationCode},
};

/// Judges a request. `policy` is the version of the cookbooks the cookbook is
/// one of.
#[must_use]
pub fn judge(cookbook: &Cookbook, policy: Digest, reading: &Reading, facts: &Facts) -> Verdict {
    let cast = people::cast(reading, facts);
    let mut violations = before_rules(cookbook, reading, facts, &cast);
    let values = values::of(cookbook, reading, &cast, facts);
    let parts = need::parts(cookbook, &values, facts.room, &violations);
    let said = rules::ask(cookbook, reading, &values, facts.room, &violations);
    violations.extend(said.violations);
    let mut advice = said.advice;
    advice.extend(nudge::to_a_tier(cookbook, reading));
    for violation in &mut violations {
        explain(cookbook, violation);
    }
    let position = |name: Option<&FieldName>| {
        cookbook.fields.iter().position(|field| Some(&field.name) == name)
    };
    violations.sort_by_key(|found| (found.line, position(found.field.as_ref()), found.code));
    advice.sort_by_key(|found| (found.severity, found.line, position(found.field.as_ref())));
    let looked_at = advice.iter().any(|advice| advice.severity == Concern::Review);

    // Where no machine is made there is none to answer for.
    let makes_one = cookbook.guide.is_none();
    let acceptance_needed = (makes_one && !cast.owner_is_author).then(|| cast.owner.clone());
    let free = !makes_one && cookbook.approval.by.is_empty() && violations.is_empty() && !looked_at;
    // What depends on figures nobody has is for people to decide.
    let mut conditions = cookbook.rules.iter().map(|rule| &rule.require);
    let room_is_known = !conditions.any(|condition| facts.room.is_missing_for(condition));
    let automatic = facts.auto_approval
        && room_is_known
        && facts.author_eligible == Some(true)
        && !facts.description_edited_by_others
        && acceptance_needed.is_none()
        && violations.is_empty()
        && !looked_at
        && parts.len() == 1
        && cookbook.approval.unless.as_ref().is_some_and(|unless| {
            !facts.room.is_missing_for(unless) && unless.holds(&values) == Ok(true)
        });
    let needs = if (free && parts.len() == 1) || automatic {
        Need::Nothing
    } else {
        Need::Approval { parts }
    };
    let spec = spec(cookbook, reading, facts, &cast).filter(|_| violations.is_empty());
    Verdict {
        cookbook: cookbook.name.clone(),
        policy,
        violations,
        advice,
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
    violations.extend(not_a_member(reading, facts));
    violations.extend(name_in_use(cookbook, reading, facts));
    violations
}

/// Nobody is told what is wrong without being told what would be right.
fn explain(cookbook: &Cookbook, violation: &mut Violation) {
    if violation.hint.is_none() && violation.would_pass.is_empty() {
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

/// Groups the author does not belong to. Whether there is such a group is not
/// told: some are hidden.
fn not_a_member<'a>(
    reading: &'a Reading,
    facts: &'a Facts,
) -> impl Iterator<Item = Violation> + use<'a> {
    reading.fields.iter().filter_map(|(name, answer)| {
        let (Value::Group(group), Groups::Of(own)) = (&answer.value, &facts.groups) else {
            return None;
        };
        if own.contains(group) {
            return None;
        }
        let message = format!("`{group}` is not a group you belong to.");
        let hint = "Write the full path of a group you are a member of.";
        let violation = Violation::new(ViolationCode::NotAMember, message).hint(hint);
        Some(violation.of(name).at(answer.line))
    })
}

/// A host name that somebody else has, or nobody may have.
fn name_in_use(cookbook: &Cookbook, reading: &Reading, facts: &Facts) -> Option<Violation> {
    // Where no machine is made, the name is that of another one.
    let machine = cookbook.guide.is_none();
    let mut fields = cookbook.fields.iter().filter(|_| machine);
    let field = fields.find(|field| field.kind == FieldKind::Hostname)?;
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
