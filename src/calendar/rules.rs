//! What can be said about a calendar, in a configuration or a cookbook.

use std::{collections::BTreeSet, fmt, sync::Arc};

use chrono::{NaiveDate, NaiveTime, Weekday};
use chrono_tz::Tz;

use super::Calendar;

/// The local hours between which something may be stopped or destroyed, in
/// minutes of the day; the second is excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    opens: u32,
    closes: u32,
}

impl Hours {
    /// From nine to five.
    pub const OFFICE: Self = Self { opens: 9 * 60, closes: 17 * 60 };

    /// The shortest: a sweep that runs seldom would miss what is shorter for
    /// days.
    const SHORTEST: u32 = 60;

    /// Reads `09:00-17:00`.
    ///
    /// # Errors
    ///
    /// What is wrong, and what would be accepted.
    pub fn parse(text: &str) -> Result<Self, String> {
        let unreadable = || format!("`{text}` is no span of hours, such as `09:00-17:00`");
        let (opens, closes) = text.split_once('-').ok_or_else(unreadable)?;
        let opens = minute_of_day(opens).ok_or_else(unreadable)?;
        let closes = minute_of_day(closes).ok_or_else(unreadable)?;
        if closes < opens + Self::SHORTEST {
            return Err(format!("`{text}` is shorter than an hour, or ends before it begins"));
        }
        Ok(Self { opens, closes })
    }

    /// Whether that minute of the day is one of them.
    pub(super) fn contain(self, minute: u32) -> bool {
        (self.opens..self.closes).contains(&minute)
    }

    /// When they begin.
    pub(super) fn open_at(self) -> NaiveTime {
        time(self.opens)
    }

    /// This minute of the day, if it is one of them; else when they begin.
    pub(super) fn at_or_open(self, minute: u32) -> NaiveTime {
        if self.contain(minute) { time(minute) } else { self.open_at() }
    }

    /// Whether they are not over at that minute of the day.
    pub(super) fn begin_after(self, minute: u32) -> bool {
        minute < self.opens
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { opens, closes } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", opens / 60, opens % 60, closes / 60, closes % 60)
    }
}

fn time(minute: u32) -> NaiveTime {
    NaiveTime::from_hms_opt(minute / 60, minute % 60, 0).unwrap_or(NaiveTime::MIN)
}

fn minute_of_day(text: &str) -> Option<u32> {
    let (hour, minute) = text.trim().split_once(':')?;
    let plain = |part: &str| part.len() <= 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(hour) || minute.len() != 2 || !plain(minute) {
        return None;
    }
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    let day = hour * 60 + minute;
    (minute < 60 && day <= 24 * 60).then_some(day)
}

/// The days of the week on which people work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(u8);

impl Days {
    /// Monday to Friday.
    pub const WEEK: Self = Self(0b001_1111);

    /// These days; `None` if there is none.
    #[must_use]
    pub fn of(days: impl IntoIterator<Item = Weekday>) -> Option<Self> {
        let days = days.into_iter().fold(0, |days, day| days | 1 << day.num_days_from_monday());
        (days > 0).then_some(Self(days))
    }

    /// Reads `Mon` or `Monday`, whatever the case.
    ///
    /// # Errors
    ///
    /// What would be accepted.
    pub fn parse_one(text: &str) -> Result<Weekday, String> {
        text.trim().parse().map_err(|_| {
            format!("`{text}` is no day of the week: write Mon, Tue, Wed, Thu, Fri, Sat or Sun")
        })
    }

    pub(super) fn contain(self, day: Weekday) -> bool {
        self.0 & (1 << day.num_days_from_monday()) != 0
    }
}

/// What a cookbook says about the calendar; what it leaves out is the
/// configuration's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CalendarRules {
    /// Where the people are.
    pub zone: Option<Tz>,
    /// When they work.
    pub hours: Option<Hours>,
    /// On which days they work.
    pub days: Option<Days>,
    /// The days off besides.
    pub holidays: Option<BTreeSet<NaiveDate>>,
}

impl CalendarRules {
    /// The calendar that follows.
    #[must_use]
    pub fn over(&self, usual: &Calendar) -> Calendar {
        let mut calendar = usual.clone();
        if let Some(zone) = self.zone {
            calendar.zone = zone;
        }
        if let Some(hours) = self.hours {
            calendar.hours = hours;
        }
        if let Some(days) = self.days {
            calendar.days = days;
        }
        if let Some(holidays) = &self.holidays {
            calendar.holidays = Arc::new(holidays.clone());
        }
        calendar
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_and_shown_alike() {
        for text in ["09:00-17:00", "00:00-24:00", "22:30-23:30"] {
            assert_eq!(Hours::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Hours::parse(" 9:00 - 17:00 ").unwrap(), Hours::OFFICE);
        for text in
            ["", "9-17", "09:00", "17:00-09:00", "09:00-09:30", "09:60-17:00", "09:00-25:00"]
        {
            assert!(Hours::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn days_are_named() {
        let days = ["Mon", "sunday"].map(|day| Days::parse_one(day).unwrap());
        let days = Days::of(days).unwrap();
        assert!(days.contain(Weekday::Sun) && !days.contain(Weekday::Tue));
        assert!(Days::parse_one("Mo").is_err());
        assert_eq!(Days::of([]), None);
    }
}
