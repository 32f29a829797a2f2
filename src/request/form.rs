//! An issue body read by a cookbook.
//!
//! Headings are matched to fields by label, alias or name, in any order and at
//! any depth. Where no heading matches, `Label: value` lines, list items, task
//! items and two-column tables are read instead, so that a team's older
//! template works too. Everything that is wrong is said at once.

mod blank;
#[cfg(test)]
mod fixtures;
mod label;
mod occurrences;
mod pairs;
#[cfg(test)]
mod tests;
mod tier;

use std::collections::BTreeMap;

use chrono::NaiveDate;

use self::occurrences::Occurrence;
use super::{Answer, Reading, document, value};
use crate::{
    cookbook::{Cookbook, Field, FieldKind},
    request::value::{Value, limits},
    violation::{Violation, ViolationCode},
};

/// Reads an issue body.
///
/// `today` is the day in the cookbook's time zone; dates are held against it.
#[must_use]
pub fn read(markdown: &str, cookbook: &Cookbook, today: NaiveDate) -> Reading {
    let mut reading = Reading { fields: BTreeMap::new(), violations: Vec::new() };
    let document = match document::parse(markdown) {
        Ok(document) => document,
        Err(violation) => {
            reading.violations.push(*violation);
            return reading;
        }
    };
    let mut found = occurrences::find(&document, &cookbook.fields);
    for (index, field) in cookbook.fields.iter().enumerate() {
        let occurrences = found.remove(&index).unwrap_or_default();
        match answer(field, occurrences, cookbook, today) {
            Ok(Some(answer)) => {
                reading.fields.insert(field.name.clone(), answer);
            }
            Ok(None) => {}
            Err(violations) => reading
                .violations
                .extend(violations.into_iter().map(|violation| violation.of(&field.name))),
        }
    }
    tier::settle(cookbook, &mut reading);
    reading
}

fn answer(
    field: &Field,
    occurrences: Vec<Occurrence>,
    cookbook: &Cookbook,
    today: NaiveDate,
) -> Result<Option<Answer>, Vec<Violation>> {
    let heading = occurrences.first().map(|occurrence| occurrence.line);
    let mut filled = occurrences.into_iter().filter(|occurrence| !occurrence.is_empty(field));
    let Some(occurrence) = filled.next() else {
        return nothing_written(field, heading, cookbook);
    };
    if let Some(second) = filled.next() {
        return Err(vec![
            Violation::new(
                ViolationCode::RepeatedField,
                format!(
                    "`{}` is given twice, in lines {} and {}.",
                    field.label, occurrence.line, second.line
                ),
            )
            .at(second.line)
            .hint("Keep one of them and remove the other."),
        ]);
    }
    let written = &occurrence.written;
    let line = written.pieces.first().map_or(occurrence.line, |piece| piece.line);
    value::read(field, written, &cookbook.lifetime, today)
        .map(|value| Some(Answer { value, line: Some(line), written: Some(written.prose()) }))
        .map_err(|violations| {
            let place = |violation: Violation| {
                let line = violation.line.unwrap_or(line);
                violation.at(line)
            };
            violations.into_iter().map(place).collect()
        })
}

/// The default, or what is missing. A lifetime always has a default: the
/// cookbook's.
fn nothing_written(
    field: &Field,
    heading: Option<usize>,
    cookbook: &Cookbook,
) -> Result<Option<Answer>, Vec<Violation>> {
    let granted = match field.kind {
        FieldKind::Lifetime => Some(Value::Lifetime(cookbook.lifetime.default)),
        _ => None,
    };
    if let Some(value) = field.default.clone().or(granted) {
        return Ok(Some(Answer { value, line: None, written: None }));
    }
    if !field.required {
        return Ok(None);
    }
    let label = &field.label;
    if field.kind == FieldKind::Acknowledgement {
        let message = format!("The box of `{label}` is not ticked.");
        let violation = Violation::new(ViolationCode::NotAcknowledged, message).at(heading);
        return Err(vec![violation.hint("Tick the box once you agree: `- [x]`.")]);
    }
    let message = match heading {
        Some(_) => format!("`{label}` is not filled in."),
        None => format!("`{label}` is missing: add a heading `### {label}` and write below it."),
    };
    let violation = Violation::new(ViolationCode::MissingField, message).at(heading);
    Err(vec![match limits::accepted(&field.kind, &cookbook.lifetime) {
        Some(accepted) => violation.hint(format!("Accepted: {accepted}.")),
        None => violation,
    }])
}
