//! Cases of a cookbook: requests with the verdict they must get, in
//! `NAME.test.toml` beside `NAME.toml`. A rule nobody tried is a rule nobody
//! knows.

mod document;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

pub use self::document::{read, request_body};
use super::{
    Concern, Facts, Groups, Holding, Need, People, Room, Severity, Usage, Verdict,
    explain::{Explained, Outcome, explain},
    judge,
};
use crate::{
    cookbook::{Cookbook, Cookbooks},
    identity::{CookbookName, Digest, Person, UserId},
    request::{form, value::Value},
    violation::ViolationCode,
};

/// One request, and what must come of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// What it shows, as a sentence.
    pub name: String,
    /// The line of its `[[case]]`, counted from 1.
    pub line: usize,
    /// The text.
    pub body: String,
    /// What is so in the world.
    pub world: World,
    /// What must come of it.
    pub expected: Expected,
}

/// What is so in the world of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// Who files it.
    pub author: String,
    /// Whether the author is one of `[eligible]`.
    pub eligible: bool,
    /// Names the form mentions that belong to nobody.
    pub unknown: BTreeSet<String>,
    /// The groups the author belongs to; `None`: to any that is named.
    pub groups: Option<BTreeSet<String>>,
    /// Host names in use.
    pub taken: BTreeSet<String>,
    /// Host names nobody gets.
    pub protected: BTreeSet<String>,
    /// What is in use and asked for.
    pub usage: Usage,
    /// What is free.
    pub room: Room,
    /// Whether somebody else has edited the description.
    pub edited_by_others: bool,
    /// Which day it is.
    pub today: NaiveDate,
}

/// What must come of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The verdict.
    pub verdict: Word,
    /// The codes of everything that is wrong, where that is asked for.
    pub codes: Option<Vec<ViolationCode>>,
    /// The rules that refuse it, where that is asked for.
    pub rules: Option<Vec<String>>,
    /// The rules that want somebody to look at it, where that is asked for.
    pub review: Option<Vec<String>>,
    /// The rules that only tell people, where that is asked for.
    pub warn: Option<Vec<String>>,
}

/// A verdict in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// Something is wrong with it.
    Refused,
    /// People decide.
    Approval,
    /// Nobody needs to approve it, where the operator allows that at all.
    Automatic,
}

/// A case that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// The cookbook.
    pub cookbook: CookbookName,
    /// What the case shows.
    pub name: String,
    /// Its line.
    pub line: usize,
    /// How what came differs from what was expected; empty if it does not.
    pub differences: Vec<Difference>,
    /// Everything that was said against the request.
    pub said: Vec<String>,
}

/// Something that did not come as expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What: `verdict`, `codes`, `rules`, `review` or `warn`.
    pub of: &'static str,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub found: String,
}

/// How far the cases of a cookbook try one of its rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// The cookbook.
    pub cookbook: CookbookName,
    /// The rule's `id`.
    pub rule: String,
    /// The file it stands in: the cookbook's, or one of its parts.
    pub file: String,
    /// The line of its `[[rule]]` there.
    pub line: Option<usize>,
    /// What follows when it does not hold; none for `also` and `unless`.
    pub severity: Option<Severity>,
    /// In how many cases it does not hold.
    pub triggered: usize,
    /// In how many cases it holds.
    pub passed: usize,
}

impl Tried {
    /// Whether everything came as expected.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.differences.is_empty()
    }
}

impl Coverage {
    /// Whether it was seen both ways.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.triggered > 0 && self.passed > 0
    }
}

/// Tries all cases of a cookbook.
#[must_use]
pub fn run(cookbook: &Cookbook, version: Digest, cases: &[Case]) -> (Vec<Tried>, Vec<Coverage>) {
    let mut coverage = uncovered(cookbook);
    let mut tried = Vec::new();
    for case in cases {
        let (verdict, explained) = hold(cookbook, version, case);
        for Explained { rule, file, line, outcome, .. } in explained {
            let met = coverage
                .iter_mut()
                .find(|met| met.line == line && met.file == file && met.rule == rule);
            let Some(met) = met else { continue };
            match outcome {
                Outcome::Holds => met.passed += 1,
                Outcome::Refuses | Outcome::Reviews | Outcome::Warns | Outcome::No => {
                    met.triggered += 1;
                }
                Outcome::WaitsFor(_) | Outcome::RoomUnknown | Outcome::Unusable(_) => {}
            }
        }
        tried.push(Tried {
            cookbook: cookbook.name.clone(),
            name: case.name.clone(),
            line: case.line,
            differences: differences(&case.expected, &verdict),
            said: said(&verdict),
        });
    }
    (tried, coverage)
}

/// Everything that could be covered, before anything is: `unless`, then the
/// rules in their order, then every `also` that says when.
fn uncovered(cookbook: &Cookbook) -> Vec<Coverage> {
    let never = |rule: &str, (file, line): (&str, _), severity| Coverage {
        cookbook: cookbook.name.clone(),
        rule: rule.to_owned(),
        file: file.to_owned(),
        line,
        severity,
        triggered: 0,
        passed: 0,
    };
    let own = format!("{}.toml", cookbook.name);
    let unless = cookbook.approval.unless.iter().map(|_| never("unless", (&own, None), None));
    let rules = cookbook
        .rules
        .iter()
        .map(|rule| never(&rule.id, (&rule.file, Some(rule.line)), Some(rule.severity)));
    let also = cookbook.approval.also.iter().filter(|also| also.when.is_some());
    let also = also.map(|also| never("also", (&also.file, Some(also.line)), None));
    unless.chain(rules).chain(also).collect()
}

/// Everything a verdict says to people.
fn said(verdict: &Verdict) -> Vec<String> {
    let refusals = verdict.violations.iter().map(|violation| violation.message.clone());
    let advice = verdict.advice.iter().map(|advice| advice.message.clone());
    refusals.chain(advice).collect()
}

/// The verdict on a case, and what each rule said.
fn hold(cookbook: &Cookbook, version: Digest, case: &Case) -> (Verdict, Vec<Explained>) {
    let world = &case.world;
    let reading = form::read(&case.body, cookbook, world.today);
    let author = Person { id: UserId(1), username: world.author.clone() };
    let mut people = BTreeMap::new();
    for answer in reading.fields.values() {
        let Value::Users(names) = &answer.value else { continue };
        for name in names {
            let id = UserId(people.len() as u64 + 2);
            let exists = !world.unknown.iter().any(|unknown| unknown.eq_ignore_ascii_case(name));
            let person = exists.then(|| Person { id, username: name.clone() });
            people.entry(name.to_lowercase()).or_insert(person);
        }
    }
    let groups = world.groups.clone().map_or(Groups::Unchecked, Groups::Of);
    let facts = Facts {
        author,
        author_eligible: Some(world.eligible),
        people: People::Known(people),
        groups,
        usage: world.usage,
        room: world.room,
        taken_names: world.taken.clone(),
        protected_names: world.protected.clone(),
        auto_approval: true,
        description_edited_by_others: world.edited_by_others,
        today: world.today,
    };
    (judge(cookbook, version, &reading, &facts), explain(cookbook, &reading, &facts))
}

fn differences(expected: &Expected, verdict: &Verdict) -> Vec<Difference> {
    let word = match (verdict.is_fine(), &verdict.needs) {
        (false, _) => Word::Refused,
        (true, Need::Approval { .. }) => Word::Approval,
        (true, Need::Nothing) => Word::Automatic,
    };
    let mut differences = Vec::new();
    let mut differ = |of, expected: String, found: String| {
        if expected != found {
            differences.push(Difference { of, expected, found });
        }
    };
    differ("verdict", spelt(&expected.verdict), spelt(&word));
    if let Some(codes) = &expected.codes {
        let found = verdict.violations.iter().map(|violation| spelt(&violation.code));
        differ("codes", listed(codes.iter().map(spelt)), listed(found));
    }
    if let Some(rules) = &expected.rules {
        let found = verdict.violations.iter().filter_map(|violation| violation.rule.as_ref());
        differ("rules", listed(rules.iter().cloned()), listed(found.map(|rule| rule.id.clone())));
    }
    for (of, expected, concern) in
        [("review", &expected.review, Concern::Review), ("warn", &expected.warn, Concern::Warn)]
    {
        let Some(expected) = expected else { continue };
        let found = verdict.advice.iter().filter(|advice| advice.severity == concern);
        let found = found.filter_map(|advice| advice.rule.as_ref()).map(|rule| rule.id.clone());
        differ(of, listed(expected.iter().cloned()), listed(found));
    }
    differences
}

/// As it is written in a case.
fn spelt(word: &impl Serialize) -> String {
    let value = serde_json::to_value(word).ok();
    value.as_ref().and_then(serde_json::Value::as_str).unwrap_or("?").to_owned()
}

/// In alphabetical order, each as often as it is there.
fn listed(words: impl Iterator<Item = String>) -> String {
    let mut words: Vec<String> = words.collect();
    words.sort_unstable();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// The cookbook that a file of cases is about: `sandbox.test.toml` is about
/// `sandbox`.
#[must_use]
pub fn cookbook_of<'a>(file: &str, cookbooks: &'a Cookbooks) -> Option<&'a Cookbook> {
    let name = file.strip_suffix(".test.toml")?;
    cookbooks.get(&CookbookName::from(name))
}
