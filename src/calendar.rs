//! Working days, holidays and deadlines in a time zone.
//!
//! Lifetimes count calendar days where the people are, not multiples of 24
//! hours: a machine handed over on a Monday for two weeks ends on a Monday at
//! ten, whatever the clocks did in between.

use std::collections::BTreeSet;

use chrono::{
    DateTime, Datelike as _, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _,
    Timelike as _, Utc, Weekday,
};
use chrono_tz::{GapInfo, TZ_VARIANTS, Tz};
use thiserror::Error;

use crate::{
    identity::Timestamp,
    quantity::{Delay, Lifetime},
};

/// The hour at which deadlines fall, local time.
///
/// Earlier, and the machine is gone before its owner has read the morning's
/// mail; later, and too little of the working day is left to call a sysadmin
/// and have it restored.
const DEADLINE_HOUR: u32 = 10;

/// The local hours between which something may be stopped or destroyed, the
/// second excluded.
///
/// Open earlier or close later, and it happens while nobody is there to
/// notice a mistake; narrow it much further, and a sweep that runs seldom
/// may miss the window for days. [`DEADLINE_HOUR`] has to lie within it.
const ACTING_HOURS: std::ops::Range<u32> = 9..17;

/// What is later than this is treated as being here, so that no sum of dates
/// can overflow.
const LAST_DAY: NaiveDate = match NaiveDate::from_ymd_opt(9999, 12, 31) {
    Some(day) => day,
    None => NaiveDate::MAX,
};

/// What is earlier than this is treated as being here.
const FIRST_DAY: NaiveDate = match NaiveDate::from_ymd_opt(1, 1, 1) {
    Some(day) => day,
    None => NaiveDate::MIN,
};

/// A time zone with its working days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    zone: Tz,
    holidays: BTreeSet<NaiveDate>,
}

/// A time zone nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no time zone `{name}`; {}", self.hint())]
pub struct UnknownZone {
    /// What was given.
    pub name: String,
    /// What was probably meant.
    pub suggestion: Option<&'static str>,
}

impl UnknownZone {
    fn hint(&self) -> String {
        match self.suggestion {
            Some(zone) => format!("did you mean `{zone}`?"),
            None => "use a name from the IANA database, such as `Europe/Berlin` or `UTC`".into(),
        }
    }
}

/// The time zone of that name, e.g. `Europe/Berlin`.
///
/// # Errors
///
/// [`UnknownZone`], with the zone that was probably meant.
pub fn zone(name: &str) -> Result<Tz, UnknownZone> {
    name.trim()
        .parse()
        .map_err(|_| UnknownZone { name: name.to_owned(), suggestion: similar_zone(name.trim()) })
}

impl Calendar {
    /// The calendar of the zone of that name, with these days off besides
    /// Saturdays and Sundays.
    ///
    /// # Errors
    ///
    /// [`UnknownZone`].
    pub fn from_parts(
        zone_name: &str,
        holidays: impl IntoIterator<Item = NaiveDate>,
    ) -> Result<Self, UnknownZone> {
        Ok(Self { zone: zone(zone_name)?, holidays: holidays.into_iter().collect() })
    }

    /// The time zone.
    #[must_use]
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// When a machine handed over at that moment expires: that many calendar
    /// days later at 10:00 local time, or on the next working day after it.
    #[must_use]
    pub fn expiry(&self, handed_over: Timestamp, lifetime: Lifetime) -> Timestamp {
        let days = chrono::Days::new(lifetime.days().into());
        self.expiry_on(self.today(handed_over).checked_add_days(days).unwrap_or(LAST_DAY))
    }

    /// 10:00 local time on that day, or on the next working day after it.
    #[must_use]
    pub fn expiry_on(&self, date: NaiveDate) -> Timestamp {
        self.deadline_on(self.working_day_from(date.clamp(FIRST_DAY, LAST_DAY)))
    }

    /// The first working day's 10:00 that is not earlier than `delay` after
    /// `from`.
    #[must_use]
    pub fn after(&self, from: Timestamp, delay: Delay) -> Timestamp {
        let earliest = bounded(from)
            .checked_add_signed(delay.span())
            .map_or(LAST_DAY.and_time(NaiveTime::MIN).and_utc(), bounded);
        let day = self.today(earliest);
        let deadline = self.expiry_on(day);
        if deadline >= earliest {
            return deadline;
        }
        self.expiry_on(following(day))
    }

    /// Whether something may be stopped or destroyed at that moment: on a
    /// working day between 09:00 and 17:00 local time.
    #[must_use]
    pub fn may_act(&self, now: Timestamp) -> bool {
        let local = self.local(now);
        self.is_working_day(local.date()) && ACTING_HOURS.contains(&local.hour())
    }

    /// The first moment, from `now` on, at which [`Calendar::may_act`].
    #[must_use]
    pub fn next_acting_time(&self, now: Timestamp) -> Timestamp {
        if self.may_act(now) {
            return now;
        }
        let local = self.local(now);
        let first =
            if local.hour() < ACTING_HOURS.start { local.date() } else { following(local.date()) };
        self.moment(self.working_day_from(first).and_time(o_clock(ACTING_HOURS.start)))
    }

    /// The date it is in the zone.
    #[must_use]
    pub fn today(&self, now: Timestamp) -> NaiveDate {
        self.local(now).date()
    }

    /// The date to show as due date for a deadline.
    #[must_use]
    pub fn due_date(&self, at: Timestamp) -> NaiveDate {
        self.today(at)
    }

    /// The moment with its zone, and how far away it is:
    /// `Tue 2027-01-05 10:00 CET (in 13 days)`.
    ///
    /// Nearer than a day the distance is rounded down, so that nobody is
    /// promised more time than there is; further away it counts midnights.
    #[must_use]
    pub fn describe(&self, at: Timestamp, now: Timestamp) -> String {
        format!("{} ({})", self.absolute(at), self.distance(at, now))
    }

    /// The moment with its zone: `Tue 2027-01-05 10:00 CET`. Does not change
    /// with time, so a text that holds it need not be written again.
    #[must_use]
    pub fn absolute(&self, at: Timestamp) -> String {
        bounded(at).with_timezone(&self.zone).format("%a %Y-%m-%d %H:%M %Z").to_string()
    }

    fn distance(&self, at: Timestamp, now: Timestamp) -> String {
        let minutes = (bounded(at) - bounded(now)).num_minutes();
        let days = (self.today(at) - self.today(now)).num_days();
        let (amount, unit) = match minutes.unsigned_abs() {
            0 => return "now".to_owned(),
            amount @ 1..60 => (amount, "minute"),
            // Late in the evening, `tomorrow` would hide that it is in an hour.
            amount if days == 0 || amount < 6 * 60 => (amount / 60, "hour"),
            _ if days == 1 => return "tomorrow".to_owned(),
            _ if days == -1 => return "yesterday".to_owned(),
            _ => (days.unsigned_abs(), "day"),
        };
        let plural = if amount == 1 { "" } else { "s" };
        if minutes > 0 {
            format!("in {amount} {unit}{plural}")
        } else {
            format!("{amount} {unit}{plural} ago")
        }
    }

    fn is_working_day(&self, date: NaiveDate) -> bool {
        !matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
            && !self.holidays.contains(&date)
            // A zone that moves over the date line leaves out a whole day.
            && self.zone.from_local_datetime(&date.and_time(o_clock(DEADLINE_HOUR)))
                != LocalResult::None
    }

    /// That day, or the next working day after it.
    fn working_day_from(&self, mut date: NaiveDate) -> NaiveDate {
        while !self.is_working_day(date) {
            let Some(next) = date.succ_opt() else { break };
            date = next;
        }
        date
    }

    fn deadline_on(&self, date: NaiveDate) -> Timestamp {
        self.moment(date.and_time(o_clock(DEADLINE_HOUR)))
    }

    /// The moment at which clocks in the zone first show this.
    #[must_use]
    pub fn moment(&self, local: NaiveDateTime) -> Timestamp {
        first_moment(self.zone, local)
    }

    fn local(&self, at: Timestamp) -> NaiveDateTime {
        bounded(at).with_timezone(&self.zone).naive_local()
    }
}

/// The moment at which clocks in the zone first show `local`; where they skip
/// it, the first moment after the gap.
pub(crate) fn first_moment(zone: Tz, local: NaiveDateTime) -> Timestamp {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(moment) | LocalResult::Ambiguous(moment, _) => moment.to_utc(),
        LocalResult::None => GapInfo::new(&local, &zone)
            .and_then(|gap| gap.end)
            .map_or_else(|| local.and_utc(), |moment| moment.to_utc()),
    }
}

const fn o_clock(hour: u32) -> NaiveTime {
    match NaiveTime::from_hms_opt(hour, 0, 0) {
        Some(time) => time,
        None => NaiveTime::MIN,
    }
}

fn following(date: NaiveDate) -> NaiveDate {
    date.succ_opt().unwrap_or(date)
}

fn bounded(at: Timestamp) -> DateTime<Utc> {
    at.clamp(
        FIRST_DAY.and_time(NaiveTime::MIN).and_utc(),
        LAST_DAY.and_time(NaiveTime::MIN).and_utc(),
    )
}

/// The zone that was probably meant: the same in another letter case, the one
/// with that city, or the one that needs the fewest corrections.
fn similar_zone(name: &str) -> Option<&'static str> {
    const MOST_CORRECTIONS: usize = 2;
    // Longer than any zone: not a slip of the pen, and not worth comparing.
    if name.is_empty() || name.len() > 40 {
        return None;
    }
    let wanted = name.to_lowercase().replace(' ', "_");
    let corrections = |zone: &Tz| {
        let zone = zone.name().to_lowercase();
        let city = zone.rsplit('/').next().unwrap_or_default();
        distance(&wanted, &zone).min(distance(&wanted, city))
    };
    TZ_VARIANTS
        .iter()
        .map(|zone| (corrections(zone), zone.name()))
        .filter(|(corrections, _)| *corrections <= MOST_CORRECTIONS)
        .min_by_key(|(corrections, _)| *corrections)
        .map(|(_, name)| name)
}

/// How many letters have to be put in, left out or replaced.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (index, from) in left.chars().enumerate() {
        let mut diagonal = index;
        let mut before = index + 1;
        for (above, to) in row.iter_mut().skip(1).zip(right.chars()) {
            let best = (diagonal + usize::from(from != to)).min(before + 1).min(*above + 1);
            diagonal = std::mem::replace(above, best);
            before = best;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
