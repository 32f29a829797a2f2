//! What would pass where a rule does not hold: found by trying, never by
//! reading the rule.
//!
//! One field is changed at a time and all others are left as they are. What is
//! offered was evaluated: every deny rule that looks at the field holds, and
//! one step beyond an end of a range it does not.

use std::{collections::BTreeSet, fmt::Display};

use super::{
    Severity,
    expression::{Datum, Expression, Values},
    rules::waits_for,
    values,
};
use crate::{
    cookbook::{Cookbook, Field, FieldKind, Rule},
    quantity::{Lifetime, Mebibytes, Vcpus},
    violation::Violation,
};

/// How often conditions are tried for one rule, so that a policy of many rules
/// costs no more than a moment.
const TRIES: usize = 200;
/// The most choices that are listed.
const MOST_LISTED: usize = 6;
/// In MiB, as amounts are held.
const GIBIBYTE: u64 = 1024;
/// How often a number is doubled to find one that passes.
const DOUBLINGS: usize = 24;

/// For each field that alone would do: its heading and what would pass, e.g.
/// `Memory: 4 GiB or less`.
pub(super) fn remedies(
    cookbook: &Cookbook,
    rule: &Rule,
    values: &Values,
    earlier: &[Violation],
) -> Vec<String> {
    let mut tries = TRIES;
    let looked_at = cookbook
        .fields
        .iter()
        .filter(|field| values::mentions(cookbook, &rule.require, &field.name));
    let remedy = |field: &Field| {
        let deny = cookbook.rules.iter().filter(|other| {
            other.severity == Severity::Deny
                && other.id != rule.id
                && values::mentions(cookbook, &other.require, &field.name)
                && waits_for(cookbook, &other.require, earlier).is_none()
        });
        let conditions = std::iter::once(rule).chain(deny).map(|rule| &rule.require).collect();
        let name = match field.kind {
            FieldKind::Lifetime => "request.lifetime_days".to_owned(),
            _ => format!("request.{}", field.name),
        };
        let mut trial = Trial { conditions, values: values.clone(), name, tries: &mut tries };
        let accepted = trial.accepted(&field.kind, cookbook)?;
        Some(format!("{}: {accepted}", field.label))
    };
    looked_at.filter_map(remedy).collect()
}

/// One field under trial.
struct Trial<'a> {
    conditions: Vec<&'a Expression>,
    values: Values,
    name: String,
    tries: &'a mut usize,
}

impl Trial<'_> {
    /// Whether a value passes; `None` when enough was tried.
    fn passes(&mut self, value: Datum) -> Option<bool> {
        self.values.set(&self.name, value);
        for condition in &self.conditions {
            *self.tries = self.tries.checked_sub(1)?;
            if condition.holds(&self.values) != Ok(true) {
                return Some(false);
            }
        }
        Some(true)
    }

    fn accepted(&mut self, kind: &FieldKind, cookbook: &Cookbook) -> Option<String> {
        let amount = |mebibytes| Mebibytes::new(mebibytes).map(|amount| amount.to_string());
        match kind {
            FieldKind::Memory { min, max } | FieldKind::Disk { min, max } => {
                self.number((min.get(), max.get()), GIBIBYTE, amount)
            }
            FieldKind::Vcpus { min, max } => {
                let count = |count| Some(Vcpus::new(u16::try_from(count).ok()?)?.to_string());
                self.number((min.get().into(), max.get().into()), 1, count)
            }
            FieldKind::Number { min, max } => {
                self.number((*min, *max), 1, |number| Some(number.to_string()))
            }
            FieldKind::Lifetime => {
                let days = |days| Some(Lifetime::new(u32::try_from(days).ok()?)?.to_string());
                let (min, max) = (Lifetime::MIN, cookbook.lifetime.max);
                self.number((min.days().into(), max.days().into()), 1, days)
            }
            FieldKind::Choice { choices } => self.choice(choices),
            FieldKind::Boolean => {
                let Some(Datum::Truth(now)) = self.values.get(&self.name).cloned() else {
                    return None;
                };
                let other = if now { "no" } else { "yes" };
                self.passes(Datum::Truth(!now))?.then(|| other.to_owned())
            }
            _ => None,
        }
    }

    fn choice(&mut self, choices: &[String]) -> Option<String> {
        let mut passing = Vec::new();
        for choice in choices {
            if self.passes(Datum::Text(choice.clone()))? {
                passing.push(choice.as_str());
            }
        }
        if passing.len() > MOST_LISTED {
            passing.truncate(MOST_LISTED);
            return Some(format!("{}, ...", passing.join(", ")));
        }
        let (last, others) = passing.split_last()?;
        match others {
            [] => Some((*last).to_owned()),
            others => Some(format!("{} or {last}", others.join(", "))),
        }
    }

    /// The ranges next to the present number in which all that was tried
    /// passes, with their ends as `shown` writes them. People think in wholes
    /// of `unit`.
    fn number<T: Display>(
        &mut self,
        (min, max): (u64, u64),
        unit: u64,
        shown: impl Fn(u64) -> Option<T>,
    ) -> Option<String> {
        let Some(Datum::Number(present)) = self.values.get(&self.name).cloned() else {
            return None;
        };
        let mut tried = Vec::new();
        for number in self.candidates(min, max, present) {
            tried.push((number, number != present && self.passes(Datum::Number(number))?));
        }
        let (below, above): (Vec<_>, Vec<_>) =
            tried.into_iter().partition(|(number, _)| *number <= present);
        let mut ranges = Vec::new();
        if let Some(end) = below.iter().rposition(|(_, passes)| *passes) {
            let start = below.iter().take(end).rposition(|(_, passes)| !*passes);
            ranges.push(self.range(&below, start.map_or(0, |failing| failing + 1), end)?);
        }
        if let Some(start) = above.iter().position(|(_, passes)| *passes) {
            let end = above.iter().skip(start).position(|(_, passes)| !*passes);
            let end = end.map_or(above.len(), |failing| start + failing) - 1;
            // What fails before the first is the present number, if nothing else.
            let whole: Vec<(u64, bool)> = std::iter::once((present, false)).chain(above).collect();
            ranges.push(self.range(&whole, start + 1, end + 1)?);
        }
        let mut words = Vec::new();
        for (first, last) in ranges {
            let (low, high) = (shown(first)?, shown(last)?);
            // 20 GiB is easier to read than the 20479 MiB before it.
            let whole = |number: u64, beyond: u64| {
                let odd = !number.is_multiple_of(unit) && beyond.is_multiple_of(unit);
                odd.then(|| shown(beyond)).flatten()
            };
            words.push(match (first == min, last == max) {
                _ if first == last => low.to_string(),
                (true, _) => match whole(last, last.saturating_add(1)) {
                    Some(limit) => format!("less than {limit}"),
                    None => format!("{high} or less"),
                },
                (_, true) => match whole(first, first.saturating_sub(1)) {
                    Some(limit) => format!("more than {limit}"),
                    None => format!("at least {low}"),
                },
                _ => format!("{low} to {high}"),
            });
        }
        (!words.is_empty()).then(|| words.join(", or "))
    }

    /// The first and last passing number around the passing candidates from
    /// `start` to `end`: beyond each is a candidate that fails, or none.
    fn range(&mut self, tried: &[(u64, bool)], start: usize, end: usize) -> Option<(u64, u64)> {
        let at = |index: usize| tried.get(index).map(|(number, _)| *number);
        let first = match start.checked_sub(1).and_then(at) {
            Some(failing) => self.edge(at(start)?, failing)?,
            None => at(start)?,
        };
        let last = match at(end + 1) {
            Some(failing) => self.edge(at(end)?, failing)?,
            None => at(end)?,
        };
        Some((first, last))
    }

    /// The passing number next to which one fails, between two of these.
    fn edge(&mut self, mut passing: u64, mut failing: u64) -> Option<u64> {
        while passing.abs_diff(failing) > 1 {
            let middle = passing.midpoint(failing);
            if self.passes(Datum::Number(middle))? {
                passing = middle;
            } else {
                failing = middle;
            }
        }
        Some(passing)
    }

    /// Where it is worth looking: the limits, what the conditions speak of, and
    /// ever larger steps.
    fn candidates(&self, min: u64, max: u64, present: u64) -> BTreeSet<u64> {
        let mut candidates = BTreeSet::from([min, max, present]);
        for number in self.conditions.iter().flat_map(|condition| numbers(condition.source())) {
            candidates.extend([number.saturating_sub(1), number, number.saturating_add(1)]);
        }
        let doubled = std::iter::successors(Some(min.max(1)), |number| number.checked_mul(2));
        candidates.extend(doubled.take_while(|number| *number < max).take(DOUBLINGS));
        candidates.retain(|number| (min..=max).contains(number) || *number == present);
        candidates
    }
}

/// The whole numbers in the text of a condition. One too many does no harm.
fn numbers(source: &str) -> impl Iterator<Item = u64> {
    source.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok())
}

#[cfg(test)]
mod tests;
