//! Lengths of time before or after a moment.

use std::fmt;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{
    span::{self, TimeUnit},
    written::tidy,
};

/// A length of time before or after a moment, in whole minutes. May be zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Delay(u32);

const HOUR: u32 = 60;
const DAY: u32 = 24 * HOUR;

/// Why a text is not a delay.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseDelayError {
    /// Not a number with a unit of time.
    #[error("`{0}` is not a length of time: write for example `7d`, `24h` or `90m`")]
    NotASpan(String),
    /// Months and years differ in length.
    #[error("`{0}` is not exact: write it in days, for example `30d`")]
    NotExact(String),
    /// Longer than ten years.
    #[error("`{0}` is out of range: at most 3650 days")]
    OutOfRange(String),
}

impl Delay {
    /// Ten years.
    pub const MAX: Self = Self(3650 * DAY);

    /// That many minutes, up to [`Self::MAX`].
    #[must_use]
    pub const fn new(minutes: u32) -> Option<Self> {
        if minutes <= Self::MAX.0 { Some(Self(minutes)) } else { None }
    }

    /// The length in minutes.
    #[must_use]
    pub const fn minutes(self) -> u32 {
        self.0
    }

    /// As a span of the clock.
    #[must_use]
    pub fn span(self) -> TimeDelta {
        TimeDelta::minutes(i64::from(self.0))
    }

    /// Reads `7d`, `24h`, `90m`, `3 days` or `1d 12h`. `m` means minutes.
    pub fn parse(text: &str) -> Result<Self, ParseDelayError> {
        let written = tidy(text);
        let parts =
            span::parse(&written).map_err(|_| ParseDelayError::NotASpan(written.clone()))?;
        let mut minutes: u64 = 0;
        for (number, unit) in parts {
            let length = match unit {
                TimeUnit::Month | TimeUnit::Year => return Err(ParseDelayError::NotExact(written)),
                TimeUnit::Minute | TimeUnit::AmbiguousM => 1,
                TimeUnit::Hour => HOUR,
                TimeUnit::Day => DAY,
                TimeUnit::Week => 7 * DAY,
            };
            minutes = minutes.saturating_add(number.saturating_mul(u64::from(length)));
        }
        u32::try_from(minutes).ok().and_then(Self::new).ok_or(ParseDelayError::OutOfRange(written))
    }
}

impl Delay {
    /// For people: `3 days`, `36 hours`.
    #[must_use]
    pub fn in_words(self) -> String {
        let (amount, unit) = match self.0 {
            minutes if minutes % DAY == 0 => (minutes / DAY, "day"),
            minutes if minutes % HOUR == 0 => (minutes / HOUR, "hour"),
            minutes => (minutes, "minute"),
        };
        format!("{amount} {unit}{}", if amount == 1 { "" } else { "s" })
    }
}

impl fmt::Display for Delay {
    /// In days from two days on, so that a day's notice reads `24h`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            minutes if minutes > DAY && minutes % DAY == 0 => write!(f, "{}d", minutes / DAY),
            minutes if minutes > 0 && minutes % HOUR == 0 => write!(f, "{}h", minutes / HOUR),
            minutes => write!(f, "{minutes}m"),
        }
    }
}

impl From<Delay> for u32 {
    fn from(delay: Delay) -> Self {
        delay.0
    }
}

impl TryFrom<u32> for Delay {
    type Error = ParseDelayError;

    fn try_from(minutes: u32) -> Result<Self, Self::Error> {
        Self::new(minutes).ok_or_else(|| ParseDelayError::OutOfRange(format!("{minutes}m")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{DAY, Delay, ParseDelayError as Error};

    #[test]
    fn delays_are_read_and_printed_short() {
        for (text, minutes, printed) in [
            ("7d", 7 * DAY, "7d"),
            ("24h", DAY, "24h"),
            ("90m", 90, "90m"),
            ("3 days", 3 * DAY, "3d"),
            ("1d 12h", DAY + DAY / 2, "36h"),
            ("1 week", 7 * DAY, "7d"),
            ("0d", 0, "0m"),
        ] {
            assert_eq!(Delay::parse(text), Ok(Delay(minutes)), "{text}");
            assert_eq!(Delay(minutes).to_string(), printed);
        }
    }

    #[test]
    fn what_is_no_delay_is_refused() {
        assert_eq!(Delay::parse("soon"), Err(Error::NotASpan("soon".into())));
        assert_eq!(Delay::parse("7"), Err(Error::NotASpan("7".into())));
        assert_eq!(Delay::parse("1 month"), Err(Error::NotExact("1 month".into())));
        assert_eq!(Delay::parse("9999d"), Err(Error::OutOfRange("9999d".into())));
    }

    proptest! {
        #[test]
        fn parsing_what_is_printed_gives_the_same(minutes in 0..=Delay::MAX.0) {
            prop_assert_eq!(Delay::parse(&Delay(minutes).to_string()), Ok(Delay(minutes)));
        }
    }
}
