//! What each rule of a cookbook says about a request, and what it saw: for
//! whoever writes the rules.

use serde::Serialize;

use super::{
    Facts, Severity, before_rules,
    expression::{Expression, Values},
    people,
    remedy::remedies,
    rules::waits_for,
    values,
};
use crate::{cookbook::Cookbook, identity::FieldName, request::Reading};

/// One rule, held against a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// The rule's `id`; `also` and `unless` for the conditions of approval.
    pub rule: String,
    /// The file it stands in: the cookbook's, or one of its parts.
    pub file: String,
    /// The line of its section there; none for `unless`.
    pub line: Option<usize>,
    /// What follows when it does not hold; none for `also` and `unless`.
    pub severity: Option<Severity>,
    /// Its condition, as the cookbook has it.
    pub condition: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Each name it looks at, with the value it saw.
    pub saw: Vec<(String, String)>,
    /// For each field that alone would do, what would make a deny or review
    /// rule hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub would_pass: Vec<String>,
}

/// What came of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Its condition is true.
    Holds,
    /// Its condition is not true, which refuses the request.
    Refuses,
    /// Its condition is not true, so somebody has to look at the request.
    Reviews,
    /// Its condition is not true, and people are told.
    Warns,
    /// Its condition is not true, and nothing follows: that of `also` or
    /// `unless`.
    No,
    /// It says nothing before this field has been corrected.
    WaitsFor(FieldName),
    /// It looks at what is free, which nobody knows: nothing follows from it,
    /// but people decide.
    RoomUnknown,
    /// It could not be evaluated, which counts as not true.
    Unusable(String),
}

/// All rules of the cookbook in their order, then `also` and `unless`.
#[must_use]
pub fn explain(cookbook: &Cookbook, reading: &Reading, facts: &Facts) -> Vec<Explained> {
    let cast = people::cast(reading, facts);
    let earlier = before_rules(cookbook, reading, facts, &cast);
    let values = values::of(cookbook, reading, &cast, facts);
    let rules = cookbook.rules.iter().map(|rule| {
        let outcome = match waits_for(cookbook, &rule.require, &earlier) {
            Some(field) => Outcome::WaitsFor(field.clone()),
            None => outcome(&rule.require, &values, facts, failing(rule.severity)),
        };
        let would_pass = match outcome {
            Outcome::Refuses | Outcome::Reviews => {
                remedies(cookbook, rule, &values, facts.room, &earlier)
            }
            _ => Vec::new(),
        };
        Explained {
            rule: rule.id.clone(),
            file: rule.file.clone(),
            line: Some(rule.line),
            severity: Some(rule.severity),
            condition: rule.require.source().to_owned(),
            outcome,
            saw: saw(&rule.require, &values, facts),
            would_pass,
        }
    });
    let also = cookbook.approval.also.iter().filter_map(|also| {
        let when = also.when.as_ref()?;
        Some(Explained {
            rule: "also".to_owned(),
            file: also.file.clone(),
            line: Some(also.line),
            severity: None,
            condition: when.source().to_owned(),
            outcome: match waits_for(cookbook, when, &earlier) {
                Some(field) => Outcome::WaitsFor(field.clone()),
                None => outcome(when, &values, facts, Outcome::No),
            },
            saw: saw(when, &values, facts),
            would_pass: Vec::new(),
        })
    });
    let unless = cookbook.approval.unless.iter().map(|unless| Explained {
        rule: "unless".to_owned(),
        file: format!("{}.toml", cookbook.name),
        line: None,
        severity: None,
        condition: unless.source().to_owned(),
        outcome: outcome(unless, &values, facts, Outcome::No),
        saw: saw(unless, &values, facts),
        would_pass: Vec::new(),
    });
    rules.chain(also).chain(unless).collect()
}

/// What a rule of this severity does when it does not hold.
fn failing(severity: Severity) -> Outcome {
    match severity {
        Severity::Deny => Outcome::Refuses,
        Severity::Review => Outcome::Reviews,
        Severity::Warn => Outcome::Warns,
    }
}

fn outcome(condition: &Expression, values: &Values, facts: &Facts, failing: Outcome) -> Outcome {
    if facts.room.is_missing_for(condition) {
        return Outcome::RoomUnknown;
    }
    match condition.holds(values) {
        Ok(true) => Outcome::Holds,
        Ok(false) => failing,
        Err(error) => Outcome::Unusable(error),
    }
}

fn saw(condition: &Expression, values: &Values, facts: &Facts) -> Vec<(String, String)> {
    let unknown = |name: &str| facts.room.names().contains(&(name, None));
    let value = |name: &str| {
        let shown = match values.get(name) {
            Some(_) if unknown(name) => "not known".to_owned(),
            Some(value) => value.to_string(),
            None => String::new(),
        };
        (name.to_owned(), shown)
    };
    condition.names().map(value).collect()
}
