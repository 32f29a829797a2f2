//! One field of a cron expression.

use std::collections::BTreeSet;

/// The fields in their order, as error messages name them.
pub(super) const FIELDS: &str = "minute, hour, day of month, month and day of week";

/// What a kind of field accepts.
pub(super) struct Kind {
    name: &'static str,
    first: u32,
    last: u32,
    /// The names of its numbers, from `first` on.
    names: &'static [&'static str],
    accepted: &'static str,
}

pub(super) const MINUTE: Kind =
    Kind { name: "minute", first: 0, last: 59, names: &[], accepted: "0 to 59" };

pub(super) const HOUR: Kind =
    Kind { name: "hour", first: 0, last: 23, names: &[], accepted: "0 to 23" };

pub(super) const DAY_OF_MONTH: Kind =
    Kind { name: "day of month", first: 1, last: 31, names: &[], accepted: "1 to 31" };

pub(super) const MONTH: Kind = Kind {
    name: "month",
    first: 1,
    last: 12,
    names: &[
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
    ],
    accepted: "1 to 12 or Jan to Dec",
};

/// Sunday is 0 and may be written 7, so that `5-7` and `Fri-Sun` work.
pub(super) const DAY_OF_WEEK: Kind = Kind {
    name: "day of week",
    first: 0,
    last: 7,
    names: &["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"],
    accepted: "0 (Sunday) to 6, or Sun to Sat",
};

/// The numbers a field means.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) values: BTreeSet<u32>,
    /// `*` or `*/2`: cron then joins the two day fields with "and", not "or".
    pub(super) starts_with_star: bool,
}

impl Kind {
    /// Reads a list of numbers, names, ranges and steps.
    pub(super) fn read(&self, text: &str) -> Result<Field, String> {
        let mut values = BTreeSet::new();
        for item in text.split(',') {
            values.extend(self.item(item).map_err(|wrong| {
                format!("{} `{text}`: {wrong}; accepted are {}", self.name, self.accepted)
            })?);
        }
        if self.last == 7 && values.remove(&7) {
            values.insert(0);
        }
        Ok(Field { values, starts_with_star: text.starts_with('*') })
    }

    fn item(&self, item: &str) -> Result<impl Iterator<Item = u32> + use<>, String> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (item, None),
        };
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (self.number(first)?, self.end(last)?),
            None if range == "*" => (self.first, self.last),
            None if step.is_some() => {
                return Err(format!("a step needs a range, as in `{range}-{}/2`", self.last));
            }
            None => (self.number(range)?, self.number(range)?),
        };
        if first > last {
            return Err(format!("the range `{range}` runs backwards; give two ranges instead"));
        }
        let step = match step {
            None => 1,
            Some(step) => match step.parse::<u32>() {
                Ok(step) if step > 0 && step <= self.last => step,
                _ => return Err(format!("`{step}` is no step; use a number, as in `*/2`")),
            },
        };
        Ok((first..=last).step_by(usize::try_from(step).unwrap_or(1)))
    }

    /// The end of a range, where Sunday is the last day and not the first.
    fn end(&self, text: &str) -> Result<u32, String> {
        match self.number(text)? {
            0 if self.last == 7 && text != "0" => Ok(7),
            number => Ok(number),
        }
    }

    fn number(&self, text: &str) -> Result<u32, String> {
        let name = text.to_ascii_lowercase();
        let named = (self.first..)
            .zip(self.names)
            .find(|(_, full)| name == **full || full.get(..3) == Some(name.as_str()));
        if let Some((number, _)) = named {
            return Ok(number);
        }
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("`{text}` is no {}", self.name));
        }
        match text.parse() {
            Ok(number) if (self.first..=self.last).contains(&number) => Ok(number),
            _ => Err(format!("there is no {} {text}", self.name)),
        }
    }
}
