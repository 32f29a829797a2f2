//! Cron expressions as admins type them.
//!
//! The crate that searches for the next run speaks Quartz: seconds first,
//! Sunday is 1, both day fields must match. People type Unix: five fields,
//! Sunday is 0 (or 7), either day field is enough. So expressions are read
//! here, field by field, and handed on spelt out.
//!
//! The search itself runs on the wall clock, where every minute exists once,
//! and its answers are then looked up in the zone. A run in the hour that
//! spring skips happens as soon as the hour is over; one in the hour that
//! autumn repeats happens once, unless the schedule runs in every hour anyway.

use std::{collections::BTreeSet, fmt, ops::RangeInclusive};

use chrono::{DateTime, LocalResult, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use thiserror::Error;

use crate::{calendar::first_moment, identity::Timestamp};

mod field;

use field::{DAY_OF_MONTH, DAY_OF_WEEK, FIELDS, Field, HOUR, MINUTE, MONTH};

/// When something runs.
#[derive(Clone, Debug)]
pub struct Schedule {
    typed: String,
    zone: Tz,
    /// The earliest of these is the next run. Two, when both days of the month
    /// and days of the week are given: either is enough.
    alternatives: Vec<cron::Schedule>,
    /// Runs in every hour of the day, so also in both of a repeated hour.
    every_hour: bool,
}

/// An expression that is not a schedule, and why.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{expression}` is not a schedule: {problem}")]
pub struct InvalidSchedule {
    /// What was typed.
    pub expression: String,
    /// What is wrong with it and what would be accepted.
    pub problem: String,
}

impl Schedule {
    /// Reads `MINUTE HOUR DAY-OF-MONTH MONTH DAY-OF-WEEK` or a short form like
    /// `@daily`, to be understood as local time in `zone`.
    ///
    /// # Errors
    ///
    /// [`InvalidSchedule`], which names the field and what it accepts.
    pub fn parse(expression: &str, zone: Tz) -> Result<Self, InvalidSchedule> {
        let refuse =
            |problem: String| InvalidSchedule { expression: expression.to_owned(), problem };
        let fields = fields(expression.trim()).map_err(refuse)?;
        let alternatives = alternatives(&fields).map_err(refuse)?;
        let schedule = Self {
            typed: expression.trim().to_owned(),
            zone,
            alternatives,
            every_hour: fields.hour.values.len() == 24,
        };
        // A leap year, so that the 29th of February is found.
        match schedule.next_after(Utc.timestamp_nanos(946_684_800_000_000_000)) {
            Some(_) => Ok(schedule),
            None => Err(refuse("no month it names has such a day, so it would never run".into())),
        }
    }

    /// The first run later than `at`; none after the year 2100.
    #[must_use]
    pub fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        self.alternatives.iter().filter_map(|schedule| self.next_of(schedule, at)).min()
    }

    /// The longest time between two runs, looking at this many pairs of runs
    /// from `from` on. An estimate: a year of samples meets most rarities.
    ///
    /// [`TimeDelta::MAX`] when there are no two runs to look at.
    #[must_use]
    pub fn longest_gap(&self, from: Timestamp, samples: usize) -> TimeDelta {
        let runs = std::iter::successors(self.next_after(from), |run| self.next_after(*run));
        let gaps = runs
            .scan(None, |before: &mut Option<Timestamp>, run| Some((before.replace(run), run)))
            .filter_map(|(before, run)| before.map(|before| run - before));
        gaps.take(samples.max(1)).max().unwrap_or(TimeDelta::MAX)
    }

    fn next_of(&self, schedule: &cron::Schedule, at: Timestamp) -> Option<Timestamp> {
        let at = at.clamp(DateTime::UNIX_EPOCH, LAST);
        let local = at.with_timezone(&self.zone).naive_local();
        // In a repeated hour, its second half repeats runs that seem to be past.
        let start = match self.zone.from_local_datetime(&local) {
            LocalResult::Ambiguous(first, second) if self.every_hour => {
                local - second.signed_duration_since(first)
            }
            _ => local,
        };
        let mut again: Option<Timestamp> = None;
        for wall in schedule.after(&start.and_utc()) {
            let wall = wall.naive_utc();
            let run = first_moment(self.zone, wall);
            if run > at {
                return again.map_or(Some(run), |again| Some(again.min(run)));
            }
            if let (true, LocalResult::Ambiguous(_, second)) =
                (self.every_hour, self.zone.from_local_datetime(&wall))
                && second.to_utc() > at
            {
                again = Some(again.map_or(second.to_utc(), |again| again.min(second.to_utc())));
            }
        }
        again
    }
}

/// What was typed.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

/// Typed the same and meant in the same zone.
impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.typed == other.typed && self.zone == other.zone
    }
}

impl Eq for Schedule {}

/// After this there are no runs: it is as far as the searching crate looks.
const LAST: Timestamp = match DateTime::from_timestamp(4_133_980_800, 0) {
    Some(moment) => moment,
    None => DateTime::UNIX_EPOCH,
};

struct Fields {
    minute: Field,
    hour: Field,
    day_of_month: Field,
    month: Field,
    day_of_week: Field,
}

fn fields(expression: &str) -> Result<Fields, String> {
    let expression = match expression.strip_prefix('@') {
        Some(name) => short_form(name)?,
        None => expression,
    };
    let words: Vec<&str> = expression.split_whitespace().collect();
    match *words {
        [minute, hour, day_of_month, month, day_of_week] => Ok(Fields {
            minute: MINUTE.read(minute)?,
            hour: HOUR.read(hour)?,
            day_of_month: DAY_OF_MONTH.read(day_of_month)?,
            month: MONTH.read(month)?,
            day_of_week: DAY_OF_WEEK.read(day_of_week)?,
        }),
        [second, minute, hour, day_of_month, month, day_of_week, ref year @ ..]
            if year.len() <= 1 =>
        {
            refuse_quartz(second, day_of_week, year)?;
            let unix = |word| if word == "?" { "*" } else { word };
            Ok(Fields {
                minute: MINUTE.read(minute)?,
                hour: HOUR.read(hour)?,
                day_of_month: DAY_OF_MONTH.read(unix(day_of_month))?,
                month: MONTH.read(month)?,
                day_of_week: DAY_OF_WEEK.read(unix(day_of_week))?,
            })
        }
        _ => Err(format!(
            "it has {} field{} instead of the five {FIELDS}, e.g. `30 9 * * 1-5` for 9:30 on \
             working days",
            words.len(),
            if words.len() == 1 { "" } else { "s" },
        )),
    }
}

/// Six and seven fields are Quartz, where day 1 is Sunday and not Monday. What
/// would run a day off is refused, and so is what nothing here can do.
fn refuse_quartz(second: &str, day_of_week: &str, year: &[&str]) -> Result<(), String> {
    if day_of_week.contains(|character: char| character.is_ascii_digit()) {
        return Err(format!(
            "with {} fields, day of week `{day_of_week}` counts from Sunday = 1, with five from \
             Sunday = 0; leave out the seconds, or write names such as `Mon-Fri`",
            6 + year.len(),
        ));
    }
    if second.parse() != Ok(0) {
        return Err(format!(
            "second `{second}`: runs start on whole minutes; write `0` or the five {FIELDS}"
        ));
    }
    match year {
        [] | ["*" | "?"] => Ok(()),
        _ => Err(format!("a schedule runs every year; write the five {FIELDS}")),
    }
}

fn short_form(name: &str) -> Result<&'static str, String> {
    match name.to_ascii_lowercase().as_str() {
        "hourly" => Ok("0 * * * *"),
        "daily" | "midnight" => Ok("0 0 * * *"),
        "weekly" => Ok("0 0 * * 0"),
        "monthly" => Ok("0 0 1 * *"),
        _ => Err("the short forms are `@hourly`, `@daily`, `@weekly` and `@monthly`".into()),
    }
}

fn alternatives(fields: &Fields) -> Result<Vec<cron::Schedule>, String> {
    let any = |numbers: RangeInclusive<u32>| numbers.collect::<BTreeSet<_>>();
    let (month_days, week_days) = (&fields.day_of_month, &fields.day_of_week);
    let days = if month_days.starts_with_star || week_days.starts_with_star {
        vec![(month_days.values.clone(), week_days.values.clone())]
    } else {
        vec![(month_days.values.clone(), any(0..=6)), (any(1..=31), week_days.values.clone())]
    };
    days.into_iter()
        .map(|(month_days, week_days)| {
            let numbers =
                |values: &BTreeSet<u32>| values.iter().map(u32::to_string).collect::<Vec<_>>();
            // Quartz: seconds first, and Sunday is 1.
            let week_days: BTreeSet<u32> = week_days.iter().map(|day| day + 1).collect();
            let expression = [
                numbers(&BTreeSet::from([0])),
                numbers(&fields.minute.values),
                numbers(&fields.hour.values),
                numbers(&month_days),
                numbers(&fields.month.values),
                numbers(&week_days),
            ]
            .map(|field| field.join(","))
            .join(" ");
            expression.parse().map_err(|error: cron::error::Error| error.to_string())
        })
        .collect()
}

#[cfg(test)]
mod tests;
