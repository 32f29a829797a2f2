//! How long a machine lives.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    span::{self, SpanError, TimeUnit},
    written::tidy,
};

/// How long a machine lives, in whole calendar days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Lifetime(u32);

/// Why a text is not a lifetime.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseLifetimeError {
    /// A bare number.
    #[error("`{0}` has no unit: write for example `{0} days` or `{0} weeks`")]
    NoUnit(String),
    /// Not a number with a unit of time.
    #[error("`{0}` is not a length of time: write for example `14 days`, `2 weeks` or `3 months`")]
    NotASpan(String),
    /// `m`.
    #[error("the `m` in `{0}` can mean minutes or months: write the word out")]
    AmbiguousUnit(String),
    /// Hours or minutes.
    #[error("`{0}` is not in whole days: write for example `1 day` or `2 weeks`")]
    NotWholeDays(String),
    /// Nothing, or longer than ten years.
    #[error("`{0}` is out of range: a machine lives between 1 day and 3650 days")]
    OutOfRange(String),
}

impl Lifetime {
    /// One day.
    pub const MIN: Self = Self(1);
    /// Ten years: what lives longer needs no lease but an owner.
    pub const MAX: Self = Self(3650);

    /// That many days, between [`Self::MIN`] and [`Self::MAX`].
    #[must_use]
    pub const fn new(days: u32) -> Option<Self> {
        if days >= Self::MIN.0 && days <= Self::MAX.0 { Some(Self(days)) } else { None }
    }

    /// That many calendar days.
    #[must_use]
    pub const fn days(self) -> u32 {
        self.0
    }

    /// Reads `21d`, `10 days`, `2 weeks`, `1w 3d`, `3 months`, `1 year` or
    /// `two weeks`. A month counts 30 days and a year 365.
    pub fn parse(text: &str) -> Result<Self, ParseLifetimeError> {
        let written = tidy(text);
        let parts = span::parse(&written).map_err(|error| match error {
            SpanError::NoUnit(number) => ParseLifetimeError::NoUnit(number),
            SpanError::Empty | SpanError::NotANumber(_) | SpanError::UnknownUnit(_) => {
                ParseLifetimeError::NotASpan(written.clone())
            }
        })?;
        let mut days: u64 = 0;
        for (number, unit) in parts {
            let length = match unit {
                TimeUnit::AmbiguousM => return Err(ParseLifetimeError::AmbiguousUnit(written)),
                TimeUnit::Minute | TimeUnit::Hour => {
                    return Err(ParseLifetimeError::NotWholeDays(written));
                }
                TimeUnit::Day => 1,
                TimeUnit::Week => 7,
                TimeUnit::Month => 30,
                TimeUnit::Year => 365,
            };
            days = days.saturating_add(number.saturating_mul(length));
        }
        u32::try_from(days).ok().and_then(Self::new).ok_or(ParseLifetimeError::OutOfRange(written))
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} day{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

impl From<Lifetime> for u32 {
    fn from(lifetime: Lifetime) -> Self {
        lifetime.0
    }
}

impl TryFrom<u32> for Lifetime {
    type Error = ParseLifetimeError;

    fn try_from(days: u32) -> Result<Self, Self::Error> {
        Self::new(days).ok_or_else(|| ParseLifetimeError::OutOfRange(format!("{days} days")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Lifetime, ParseLifetimeError as Error};

    #[test]
    fn what_people_write_is_understood() {
        for (text, days) in [
            ("21d", 21),
            ("2 weeks", 14),
            ("2w", 14),
            ("10 days", 10),
            ("3 months", 90),
            ("1 year", 365),
            ("1w 3d", 10),
            ("1 week and 3 days", 10),
            ("two weeks", 14),
            ("a week", 7),
            ("A\u{a0}Week", 7),
        ] {
            assert_eq!(Lifetime::parse(text), Ok(Lifetime(days)), "{text}");
        }
    }

    #[test]
    fn what_is_no_lifetime_is_refused_for_a_reason() {
        for (text, error) in [
            ("14", Error::NoUnit("14".into())),
            ("", Error::NotASpan(String::new())),
            ("forever", Error::NotASpan("forever".into())),
            ("end of March", Error::NotASpan("end of March".into())),
            ("-3 days", Error::NotASpan("-3 days".into())),
            ("1.5 weeks", Error::NotASpan("1.5 weeks".into())),
            ("3m", Error::AmbiguousUnit("3m".into())),
            ("36 hours", Error::NotWholeDays("36 hours".into())),
            ("0 days", Error::OutOfRange("0 days".into())),
            ("11 years", Error::OutOfRange("11 years".into())),
        ] {
            assert_eq!(Lifetime::parse(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn parsing_what_is_printed_gives_the_same(days in 1..=Lifetime::MAX.0) {
            prop_assert_eq!(Lifetime::parse(&Lifetime(days).to_string()), Ok(Lifetime(days)));
        }

        #[test]
        fn no_text_panics(text in "\\PC*|[0-9]{1,25} ?[dwmyh]") {
            let _ = Lifetime::parse(&text);
        }
    }
}
