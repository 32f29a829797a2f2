//! Calendar days as people write them.

use chrono::NaiveDate;

use super::{Value, problem::Problem, written::Written};
use crate::{quantity::written::tidy, violation::ViolationCode};

/// Which comes first in `03/04/2027`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    /// 3 April.
    DayFirst,
    /// 4 March.
    MonthFirst,
}

/// Why a text is not a calendar day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseDateError {
    /// Not in any form that is known.
    #[error("`{0}` is not a date: write it as year-month-day, for example `2027-01-15`")]
    NotADate(String),
    /// Two readings.
    #[error(
        "`{written}` can be read as {} or as {}: write it as year-month-day",
        .day_first.format("%-d %B %Y"),
        .month_first.format("%-d %B %Y")
    )]
    Ambiguous {
        /// The text.
        written: String,
        /// With the day first.
        day_first: NaiveDate,
        /// With the month first.
        month_first: NaiveDate,
    },
    /// It fits only the order that was not asked for.
    #[error("`{written}` does not fit the order of day and month that is asked for")]
    OtherOrder {
        /// The text.
        written: String,
        /// With the other order.
        meant: NaiveDate,
    },
    /// A day no month has.
    #[error("`{0}` does not exist in the calendar")]
    NoSuchDay(String),
    /// Day and month only.
    #[error("`{0}` has no year: write it as year-month-day, for example `2027-01-15`")]
    NoYear(String),
    /// Two digits, five digits, or another age.
    #[error(
        "the year in `{0}` cannot be right: write it with four digits, for example `2027-01-15`"
    )]
    Year(String),
}

/// The value of a date field.
pub(super) fn read(written: &Written) -> Result<Value, Problem> {
    parse(&written.single()?, written.date_order).map(Value::Date).map_err(refusal)
}

/// The violation for a date that could not be read.
pub(super) fn refusal(error: ParseDateError) -> Problem {
    match &error {
        ParseDateError::Ambiguous { day_first, month_first, .. } => {
            let hint = format!("Write `{day_first}` or `{month_first}`.");
            Problem::new(ViolationCode::AmbiguousDate, error).hint(hint)
        }
        ParseDateError::OtherOrder { meant, .. } => {
            let hint = format!("If you mean {}, write `{meant}`.", meant.format("%-d %B %Y"));
            Problem::unreadable(error).hint(hint)
        }
        _ => Problem::unreadable(error),
    }
}

/// Reads `2027-01-15`, `15 January 2027`, `Jan 15, 2027`, `15.01.2027` or
/// `15/01/2027`. Of `03/04/2027` the order must be known.
pub fn parse(text: &str, order: Option<DateOrder>) -> Result<NaiveDate, ParseDateError> {
    let written = tidy(text);
    let lower = written.to_lowercase().replace(',', " ");
    let words: Vec<&str> = lower.split(' ').filter(|word| !is_filler(word)).collect();
    match words.as_slice() {
        [one] if one.contains(char::is_alphabetic) => {
            named(&one.split('-').collect::<Vec<_>>(), &written)
        }
        [one] => numeric(one, order, &written),
        words => named(words, &written),
    }
}

fn is_filler(word: &str) -> bool {
    const WEEKDAYS: [&str; 7] =
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let word = word.trim_end_matches('.');
    matches!(word, "" | "of" | "the" | "tues" | "thur" | "thurs")
        || WEEKDAYS.iter().any(|day| *day == word || day.get(..3) == Some(word))
}

fn month_number(word: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let word = word.trim_end_matches('.');
    (1..).zip(MONTHS).find_map(|(number, month)| {
        let matches =
            month == word || month.get(..3) == Some(word) || (number == 9 && word == "sept");
        matches.then_some(number)
    })
}

/// `15 january 2027` or `january 15 2027`.
fn named(words: &[&str], written: &str) -> Result<NaiveDate, ParseDateError> {
    let not_a_date = || ParseDateError::NotADate(written.to_owned());
    let (day, month, year) = match words {
        [first, second, year] => match (month_number(first), month_number(second)) {
            (None, Some(month)) => (first, month, year),
            (Some(month), None) => (second, month, year),
            _ => return Err(not_a_date()),
        },
        [first, second] => {
            let month = month_number(first).or_else(|| month_number(second));
            let has_day = ordinal(first).or_else(|| ordinal(second)).is_some_and(|day| day <= 31);
            return Err(match month {
                Some(_) if has_day => ParseDateError::NoYear(written.to_owned()),
                _ => not_a_date(),
            });
        }
        _ => return Err(not_a_date()),
    };
    let day = ordinal(day).ok_or_else(not_a_date)?;
    if !is_digits(year) {
        return Err(not_a_date());
    }
    day_of(year, month, day, written)
}

/// `15`, `15.`, `15th`.
fn ordinal(word: &str) -> Option<u32> {
    let digits = word.trim_end_matches('.');
    let digits = ["st", "nd", "rd", "th"]
        .iter()
        .find_map(|ending| digits.strip_suffix(ending))
        .unwrap_or(digits);
    if is_digits(digits) { digits.parse().ok() } else { None }
}

fn is_digits(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// Three numbers with a separator.
fn numeric(
    word: &str,
    order: Option<DateOrder>,
    written: &str,
) -> Result<NaiveDate, ParseDateError> {
    let not_a_date = || ParseDateError::NotADate(written.to_owned());
    let separator =
        word.chars().find(|character| !character.is_ascii_digit()).ok_or_else(not_a_date)?;
    if !matches!(separator, '-' | '/' | '.') {
        return Err(not_a_date());
    }
    let parts: Vec<&str> = word.split(separator).collect();
    let [first, second, third] = parts.as_slice() else { return Err(not_a_date()) };
    if !parts.iter().all(|part| is_digits(part)) {
        return Err(not_a_date());
    }
    let number = |part: &str| part.parse::<u32>().unwrap_or(u32::MAX);
    if first.len() >= 4 {
        return day_of(first, number(second), number(third), written);
    }
    let (one, two, year) = (number(first), number(second), third);
    let day_first = || day_of(year, two, one, written);
    let month_first = || day_of(year, one, two, written);
    // Nobody writes points with the month first.
    let other_order = |result: Result<NaiveDate, ParseDateError>, error| {
        let written = written.to_owned();
        result.map_or(Err(error), |meant| Err(ParseDateError::OtherOrder { written, meant }))
    };
    match if separator == '.' { Some(DateOrder::DayFirst) } else { order } {
        Some(DateOrder::DayFirst) => day_first().or_else(|error| other_order(month_first(), error)),
        Some(DateOrder::MonthFirst) => {
            month_first().or_else(|error| other_order(day_first(), error))
        }
        None => match (day_first(), month_first()) {
            (Ok(day_first), Ok(month_first)) if day_first != month_first => {
                Err(ParseDateError::Ambiguous {
                    written: written.to_owned(),
                    day_first,
                    month_first,
                })
            }
            (Ok(day), _) | (Err(_), Ok(day)) => Ok(day),
            (Err(error), Err(_)) => Err(error),
        },
    }
}

fn day_of(year: &str, month: u32, day: u32, written: &str) -> Result<NaiveDate, ParseDateError> {
    let year = match year.parse::<i32>() {
        Ok(number) if year.len() == 4 && (1970..=2199).contains(&number) => number,
        _ => return Err(ParseDateError::Year(written.to_owned())),
    };
    NaiveDate::from_ymd_opt(year, month, day)
        .ok_or_else(|| ParseDateError::NoSuchDay(written.to_owned()))
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use proptest::prelude::*;

    use super::{DateOrder, ParseDateError as Error, parse};

    #[test]
    fn the_usual_forms_are_read() {
        for text in [
            "2027-01-15",
            "2027/1/15",
            "15 January 2027",
            "15. January 2027",
            "Jan 15, 2027",
            "January 15th, 2027",
            "the 15th of January 2027",
            "Friday, 15 Jan. 2027",
            "15-Jan-2027",
            "15/01/2027",
            "01/15/2027",
            "15.01.2027",
            "\u{ff12}\u{ff10}\u{ff12}\u{ff17}-01-15",
        ] {
            assert_eq!(
                parse(text, None),
                Ok(NaiveDate::from_ymd_opt(2027, 1, 15).unwrap()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_has_two_readings_is_refused_with_both() {
        let error = parse("03/04/2027", None).unwrap_err();
        insta::assert_snapshot!(error, @"`03/04/2027` can be read as 3 April 2027 or as 4 March 2027: write it as year-month-day");
        assert!(matches!(parse("03-04-2027", None), Err(Error::Ambiguous { .. })));
        let april = NaiveDate::from_ymd_opt(2027, 4, 3);
        assert_eq!(parse("03/04/2027", Some(DateOrder::DayFirst)).ok(), april);
        assert_eq!(parse("04/03/2027", Some(DateOrder::MonthFirst)).ok(), april);
        assert_eq!(parse("04/04/2027", None).ok(), NaiveDate::from_ymd_opt(2027, 4, 4));
    }

    #[test]
    fn the_order_that_was_not_asked_for_is_refused_with_what_was_meant() {
        let other = |text: &str| Error::OtherOrder {
            written: text.to_owned(),
            meant: NaiveDate::from_ymd_opt(2027, 12, 31).unwrap(),
        };
        let read = |text, order| parse(text, Some(order)).unwrap_err();
        assert_eq!(read("31/12/2027", DateOrder::MonthFirst), other("31/12/2027"));
        assert_eq!(read("12/31/2027", DateOrder::DayFirst), other("12/31/2027"));
        assert_eq!(parse("12.31.2027", None), Err(other("12.31.2027")));
        assert_eq!(
            read("31/02/2027", DateOrder::MonthFirst),
            Error::NoSuchDay("31/02/2027".into())
        );
    }

    #[test]
    fn what_is_no_day_is_refused_for_a_reason() {
        for (text, error) in [
            ("31 February 2027", Error::NoSuchDay("31 February 2027".into())),
            ("2027-02-31", Error::NoSuchDay("2027-02-31".into())),
            ("20205-01-15", Error::Year("20205-01-15".into())),
            ("15 January 20205", Error::Year("15 January 20205".into())),
            ("15/01/27", Error::Year("15/01/27".into())),
            ("1066-10-14", Error::Year("1066-10-14".into())),
            ("15 January", Error::NoYear("15 January".into())),
            ("end of March", Error::NotADate("end of March".into())),
            ("soon", Error::NotADate("soon".into())),
            ("", Error::NotADate(String::new())),
        ] {
            assert_eq!(parse(text, None), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*|[0-9]{0,6}[-/. ][0-9a-z]{0,6}[-/. ][0-9]{0,6}") {
            let _ = parse(&text, None);
        }
    }
}
