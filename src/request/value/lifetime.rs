//! A machine's lifetime: how long, or until when.

use chrono::NaiveDate;

use super::{
    Value,
    date::{self, DateOrder, ParseDateError},
    problem::Problem,
    written::Written,
};
use crate::quantity::{Lifetime, ParseLifetimeError, written::tidy};

/// How long, or until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Term {
    /// So many days.
    For(Lifetime),
    /// Up to and including this day.
    Until(NaiveDate),
}

/// Why a text is neither a length of time nor a day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseTermError {
    /// Close to a length.
    #[error(transparent)]
    Length(ParseLifetimeError),
    /// Close to a day.
    #[error(transparent)]
    Date(ParseDateError),
    /// Neither.
    #[error(
        "`{0}` is neither a length of time nor a date: write for example `2 weeks` or `2027-01-15`"
    )]
    Neither(String),
}

impl Term {
    /// Reads `2 weeks`, `for 10 days`, `2027-01-15` or `until 15 January 2027`.
    pub fn parse(text: &str, order: Option<DateOrder>) -> Result<Self, ParseTermError> {
        let written = tidy(text);
        let lower = written.to_lowercase();
        let text = ["until ", "till ", "for ", "by ", "to "]
            .iter()
            .find_map(|prefix| lower.strip_prefix(prefix))
            .unwrap_or(&written);
        match Lifetime::parse(text) {
            Ok(length) => Ok(Self::For(length)),
            Err(ParseLifetimeError::NotASpan(_)) => match date::parse(text, order) {
                Ok(day) => Ok(Self::Until(day)),
                Err(ParseDateError::NotADate(_)) => Err(ParseTermError::Neither(written)),
                Err(error) => Err(ParseTermError::Date(error)),
            },
            Err(error) => Err(ParseTermError::Length(error)),
        }
    }
}

/// The value of a lifetime field. A bare number is in the label's unit.
pub(super) fn read(written: &Written) -> Result<Value, Problem> {
    let mut text = written.single()?;
    if let Some(unit) = &written.unit
        && text.bytes().all(|byte| byte.is_ascii_digit())
    {
        text = format!("{text} {unit}");
    }
    match Term::parse(&text, written.date_order) {
        Ok(Term::For(length)) => Ok(Value::Lifetime(length)),
        Ok(Term::Until(day)) => Ok(Value::Date(day)),
        Err(ParseTermError::Date(error)) => Err(date::refusal(error)),
        Err(error) => Err(Problem::unreadable(error)),
    }
}
