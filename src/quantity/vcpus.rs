//! Virtual processors.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::written::{number_word, split_number, tidy};

/// A number of virtual processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Vcpus(u16);

/// Why a text is not a number of virtual processors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseVcpusError {
    /// Not a whole number, or something else behind it.
    #[error("`{0}` is not a number of processors: write a whole number, for example `2`")]
    NotANumber(String),
    /// None, or more than any machine has.
    #[error("`{0}` is out of range: between 1 and 1024 vCPUs can be asked for")]
    OutOfRange(String),
}

impl Vcpus {
    /// One processor.
    pub const MIN: Self = Self(1);
    /// More than any machine has.
    pub const MAX: Self = Self(1024);

    /// That many, between [`Self::MIN`] and [`Self::MAX`].
    #[must_use]
    pub const fn new(count: u16) -> Option<Self> {
        if count >= Self::MIN.0 && count <= Self::MAX.0 { Some(Self(count)) } else { None }
    }

    /// The number of processors.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Reads `2`, `2 vCPUs`, `2 cores` or `two cores`.
    pub fn parse(text: &str) -> Result<Self, ParseVcpusError> {
        let written = tidy(text);
        let lower = written.to_lowercase();
        let (digits, rest) = split_number(&lower);
        let not_a_number = || ParseVcpusError::NotANumber(written.clone());
        let (number, unit) = if digits.is_empty() {
            let (word, unit) = rest.split_once(' ').unwrap_or((rest, ""));
            (u64::from(number_word(word).ok_or_else(not_a_number)?), unit)
        } else if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            (digits.parse().unwrap_or(u64::MAX), rest)
        } else {
            return Err(not_a_number());
        };
        let singular = unit.trim_start_matches("virtual ").trim_end_matches('s');
        if !matches!(
            singular,
            "" | "vcpu" | "cpu" | "core" | "vcore" | "cpu core" | "processor" | "x"
        ) {
            return Err(not_a_number());
        }
        u16::try_from(number)
            .ok()
            .and_then(Self::new)
            .ok_or_else(|| ParseVcpusError::OutOfRange(written.clone()))
    }
}

impl fmt::Display for Vcpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} vCPU{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

impl From<Vcpus> for u16 {
    fn from(count: Vcpus) -> Self {
        count.0
    }
}

impl TryFrom<u16> for Vcpus {
    type Error = ParseVcpusError;

    fn try_from(count: u16) -> Result<Self, Self::Error> {
        Self::new(count).ok_or_else(|| ParseVcpusError::OutOfRange(count.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{ParseVcpusError, Vcpus};

    #[test]
    fn what_people_write_is_understood() {
        for text in ["2", "2 vCPUs", "2vcpu", "2 cores", "2 virtual CPUs", "two cores", "\u{ff12}"]
        {
            assert_eq!(Vcpus::parse(text), Ok(Vcpus(2)), "{text}");
        }
    }

    #[test]
    fn what_is_no_count_is_refused() {
        for text in ["", "2.5", "1,000", "2 GiB", "-2", "some"] {
            assert_eq!(Vcpus::parse(text), Err(ParseVcpusError::NotANumber(text.to_owned())));
        }
        for text in ["0", "1025", "99999999999999999999999"] {
            assert_eq!(Vcpus::parse(text), Err(ParseVcpusError::OutOfRange(text.to_owned())));
        }
    }

    proptest! {
        #[test]
        fn parsing_what_is_printed_gives_the_same(count in 1..=Vcpus::MAX.0) {
            prop_assert_eq!(Vcpus::parse(&Vcpus(count).to_string()), Ok(Vcpus(count)));
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = Vcpus::parse(&text);
        }
    }
}
