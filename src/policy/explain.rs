//! What each rule of a cookbook says about a request, and what it saw: for
//! whoever writes the rules.

use serde::Serialize;

use super::{
    Facts, before_rules,
    expression::{Expression, Values},
    people, values, waits_for,
};
use crate::{cookbook::Cookbook, identity::FieldName, request::Reading};

/// One rule, held against a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// The rule's `id`; `unless` for the condition of automatic approval.
    pub rule: String,
    /// The line of its `[[rule]]`; none for `unless`.
    pub line: Option<usize>,
    /// Its condition, as the cookbook has it.
    pub condition: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Each name it looks at, with the value it saw.
    pub saw: Vec<(String, String)>,
}

/// What came of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Its condition is true.
    Holds,
    /// Its condition is not true.
    Refuses,
    /// It says nothing before this field has been corrected.
    WaitsFor(FieldName),
    /// It looks at what is free, which nobody knows: it is not held against
    /// the request, but people decide.
    RoomUnknown,
    /// It could not be evaluated, which counts as refused.
    Unusable(String),
}

/// All rules of the cookbook in their order, then `unless`.
#[must_use]
pub fn explain(cookbook: &Cookbook, reading: &Reading, facts: &Facts) -> Vec<Explained> {
    let cast = people::cast(reading, facts);
    let earlier = before_rules(cookbook, reading, facts, &cast);
    let values = values::of(cookbook, reading, &cast, facts);
    let rules = cookbook.rules.iter().map(|rule| {
        let outcome = match waits_for(cookbook, rule, &earlier) {
            Some(field) => Outcome::WaitsFor(field.clone()),
            None => outcome(&rule.require, &values, facts),
        };
        Explained {
            rule: rule.id.clone(),
            line: Some(rule.line),
            condition: rule.require.source().to_owned(),
            outcome,
            saw: saw(&rule.require, &values, facts),
        }
    });
    let unless = cookbook.approval.unless.iter().map(|unless| Explained {
        rule: "unless".to_owned(),
        line: None,
        condition: unless.source().to_owned(),
        outcome: outcome(unless, &values, facts),
        saw: saw(unless, &values, facts),
    });
    rules.chain(unless).collect()
}

fn outcome(condition: &Expression, values: &Values, facts: &Facts) -> Outcome {
    if facts.room.is_missing_for(condition) {
        return Outcome::RoomUnknown;
    }
    match condition.holds(values) {
        Ok(true) => Outcome::Holds,
        Ok(false) => Outcome::Refuses,
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
