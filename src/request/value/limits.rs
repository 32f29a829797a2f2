//! What a field accepts: checked, and said in words.

use std::fmt::Display;

use chrono::{Days, NaiveDate};

use super::Value;
use crate::{
    cookbook::{
        FieldKind, Terms,
        tier::{CUSTOM, Tier},
    },
    violation::{Violation, ViolationCode},
};

/// The violation of a field's limits, if there is one.
pub(crate) fn check(
    kind: &FieldKind,
    value: &Value,
    terms: &Terms,
    today: NaiveDate,
) -> Option<Violation> {
    let found = match (kind, value) {
        (FieldKind::Memory { min, max }, Value::Memory(amount))
        | (FieldKind::Disk { min, max }, Value::Disk(amount)) => within(amount, min, max),
        (FieldKind::Vcpus { min, max }, Value::Vcpus(count)) => within(count, min, max),
        (FieldKind::Number { min, max }, Value::Number(number)) => within(number, min, max),
        (FieldKind::Lifetime, Value::Lifetime(length)) if *length > terms.max => Some((
            ViolationCode::AboveMaximum,
            format!("{length} is longer than the {} that can be granted at once.", terms.max),
        )),
        (FieldKind::Lifetime, Value::Date(day)) => last_day(*day, terms, today),
        (FieldKind::Date, Value::Date(day)) if *day < today => {
            Some((ViolationCode::BelowMinimum, format!("{day} is in the past; today is {today}.")))
        }
        (FieldKind::Text { max }, Value::Text(text)) if text.chars().count() > *max => Some((
            ViolationCode::AboveMaximum,
            format!("The text has {} characters; at most {max} are allowed.", text.chars().count()),
        )),
        (FieldKind::Users { min, max }, Value::Users(names)) => {
            if names.len() < *min {
                Some((
                    ViolationCode::BelowMinimum,
                    format!("{} named; at least {min} are needed.", people(names.len())),
                ))
            } else if names.len() > *max {
                Some((
                    ViolationCode::AboveMaximum,
                    format!("{} named; at most {max} are allowed.", people(names.len())),
                ))
            } else {
                None
            }
        }
        _ => None,
    };
    let (code, message) = found?;
    let violation = Violation::new(code, message);
    Some(match accepted(kind, terms) {
        Some(accepted) => violation.hint(format!("Accepted: {accepted}.")),
        None => violation,
    })
}

fn within<T: PartialOrd + Display>(value: &T, min: &T, max: &T) -> Option<(ViolationCode, String)> {
    if value < min {
        Some((ViolationCode::BelowMinimum, format!("{value} is less than the minimum of {min}.")))
    } else if value > max {
        Some((ViolationCode::AboveMaximum, format!("{value} is more than the maximum of {max}.")))
    } else {
        None
    }
}

/// A machine lives at least until tomorrow, at most as long as one grant.
fn last_day(day: NaiveDate, terms: &Terms, today: NaiveDate) -> Option<(ViolationCode, String)> {
    let latest = today.checked_add_days(Days::new(u64::from(terms.max.days())))?;
    if day < today {
        Some((ViolationCode::BelowMinimum, format!("{day} is in the past; today is {today}.")))
    } else if day == today {
        Some((
            ViolationCode::BelowMinimum,
            format!("{day} is today; a machine lives for at least one day."),
        ))
    } else if day > latest {
        Some((
            ViolationCode::AboveMaximum,
            format!("{day} is later than {latest}, which is {} from today.", terms.max),
        ))
    } else {
        None
    }
}

fn people(count: usize) -> String {
    if count == 1 { "1 person is".to_owned() } else { format!("{count} people are") }
}

/// What a field accepts, as the end of a sentence: `1 GiB to 8 GiB`. `None`
/// for boxes, which explain themselves.
pub(crate) fn accepted(kind: &FieldKind, terms: &Terms) -> Option<String> {
    Some(match kind {
        FieldKind::Text { max } => format!("text of up to {max} characters"),
        FieldKind::Choice { choices } => format!("one of {}", choices.join(", ")),
        FieldKind::Tier { tiers, custom } => offered(tiers, *custom),
        FieldKind::Choices { choices } => format!("any of {}", choices.join(", ")),
        FieldKind::User => "one username, for example @alice".to_owned(),
        FieldKind::Users { min, max } if min >= max => {
            format!("{max} username{}, for example @alice", if *max == 1 { "" } else { "s" })
        }
        FieldKind::Users { min: 0, max } => {
            format!("up to {max} usernames, for example @alice, @bob")
        }
        FieldKind::Users { min, max } => {
            format!("{min} to {max} usernames, for example @alice, @bob")
        }
        FieldKind::Group => {
            "a group you belong to, by its full path, for example tpo/web".to_owned()
        }
        FieldKind::Hostname => "a short host name of letters, digits and hyphens".to_owned(),
        FieldKind::Memory { min, max } | FieldKind::Disk { min, max } => range(min, max),
        FieldKind::Vcpus { min, max } => range(min, max),
        FieldKind::Number { min, max } => range(min, max),
        FieldKind::Lifetime => format!("up to {}, or a date (year-month-day)", terms.max),
        FieldKind::Date => "a date (year-month-day), for example 2027-01-15".to_owned(),
        FieldKind::Url => "a web address starting with https:// or http://".to_owned(),
        FieldKind::Boolean => "yes or no".to_owned(),
        FieldKind::SshKeys => "SSH public keys, one a line".to_owned(),
        FieldKind::Acknowledgement => return None,
    })
}

/// Each tier with what it has and what it is good for.
fn offered(tiers: &[Tier], custom: bool) -> String {
    let one = |tier: &Tier| match tier.summary.trim_end_matches('.') {
        "" => tier.to_string(),
        summary => format!("{tier}: {summary}"),
    };
    let mut offered: Vec<String> = tiers.iter().map(one).collect();
    if custom {
        offered.push(format!("{CUSTOM}: say how much"));
    }
    format!("one of {}", offered.join("; "))
}

fn range<T: PartialEq + Display>(min: &T, max: &T) -> String {
    if min == max { min.to_string() } else { format!("{min} to {max}") }
}
