//! What lifetimes and delays share: a text as numbers with units of time.

use super::written::{number_word, split_number, tidy};

/// A unit of time as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeUnit {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
    /// `m`, which is minutes to some and months to others.
    AmbiguousM,
}

/// Why a text is not a list of numbers with units of time.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SpanError {
    Empty,
    NoUnit(String),
    NotANumber(String),
    UnknownUnit(String),
}

/// Reads `1w 3d`, `two weeks`, `1 week and 3 days` as pairs, in order.
pub(super) fn parse(text: &str) -> Result<Vec<(u64, TimeUnit)>, SpanError> {
    let tidied = tidy(text).to_lowercase().replace([',', '&'], " ");
    let mut words = tidied.split(' ').filter(|word| !matches!(*word, "" | "and"));
    let mut parts = Vec::new();
    while let Some(word) = words.next() {
        let (digits, mut unit) = split_number(word);
        let number = if digits.is_empty() {
            unit = "";
            number_word(word).map(u64::from)
        } else {
            digits.parse().ok()
        };
        let Some(number) = number else { return Err(SpanError::NotANumber(word.to_owned())) };
        if unit.is_empty() {
            unit = words.next().ok_or_else(|| SpanError::NoUnit(word.to_owned()))?;
        }
        parts.push((
            number,
            time_unit(unit).ok_or_else(|| SpanError::UnknownUnit(unit.to_owned()))?,
        ));
    }
    if parts.is_empty() { Err(SpanError::Empty) } else { Ok(parts) }
}

fn time_unit(word: &str) -> Option<TimeUnit> {
    match word.trim_end_matches('.') {
        "m" => Some(TimeUnit::AmbiguousM),
        "min" | "mins" | "minute" | "minutes" => Some(TimeUnit::Minute),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some(TimeUnit::Hour),
        "d" | "day" | "days" => Some(TimeUnit::Day),
        "w" | "wk" | "wks" | "week" | "weeks" => Some(TimeUnit::Week),
        "mo" | "month" | "months" => Some(TimeUnit::Month),
        "y" | "yr" | "yrs" | "year" | "years" => Some(TimeUnit::Year),
        _ => None,
    }
}
