//! Memory and disk space.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::written::{split_number, tidy};

/// An amount of memory or disk space in MiB, which is what both libvirt and
/// Ganeti take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Mebibytes(u64);

/// The units people write. Decimal names (`GB`) are taken for the binary unit:
/// that is what people mean when they ask for a machine, and what is
/// understood is shown to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// `K`, `KB`, `KiB`.
    Kibibytes,
    /// `M`, `MB`, `MiB`.
    Mebibytes,
    /// `G`, `GB`, `GiB`.
    Gibibytes,
    /// `T`, `TB`, `TiB`.
    Tebibytes,
}

impl Unit {
    /// Reads a unit in any letter case, short or long.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match tidy(text).to_ascii_lowercase().trim_end_matches('.') {
            "k" | "kb" | "kib" | "kibibyte" | "kibibytes" | "kilobyte" | "kilobytes" => {
                Some(Self::Kibibytes)
            }
            "m" | "mb" | "mib" | "mebibyte" | "mebibytes" | "megabyte" | "megabytes" | "meg" => {
                Some(Self::Mebibytes)
            }
            "g" | "gb" | "gib" | "gibibyte" | "gibibytes" | "gigabyte" | "gigabytes" | "gig"
            | "gigs" => Some(Self::Gibibytes),
            "t" | "tb" | "tib" | "tebibyte" | "tebibytes" | "terabyte" | "terabytes" => {
                Some(Self::Tebibytes)
            }
            _ => None,
        }
    }

    const fn kibibytes(self) -> u128 {
        match self {
            Self::Kibibytes => 1,
            Self::Mebibytes => 1 << 10,
            Self::Gibibytes => 1 << 20,
            Self::Tebibytes => 1 << 30,
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kibibytes => "KiB",
            Self::Mebibytes => "MiB",
            Self::Gibibytes => "GiB",
            Self::Tebibytes => "TiB",
        })
    }
}

/// Why a text is not an amount of memory or disk space.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseSizeError {
    /// A bare number where the unit must be written.
    #[error("`{0}` has no unit: write for example `{0} GiB` or `{0} MiB`")]
    NoUnit(String),
    /// Something else behind the number.
    #[error("`{0}` is not a unit I know: use MiB, GiB or TiB, for example `4 GiB`")]
    UnknownUnit(String),
    /// No number in front.
    #[error("`{0}` is not an amount: write a number and a unit, for example `4 GiB`")]
    NotANumber(String),
    /// A separator that may group thousands or begin a fraction.
    #[error(
        "`{written}` can be read as {grouped} {unit} or as {fraction} {unit}: \
         write it without a separator, for example `{grouped} {unit}`"
    )]
    Ambiguous {
        /// The text.
        written: String,
        /// The number if the separator groups thousands.
        grouped: String,
        /// The number if the separator begins a fraction.
        fraction: String,
        /// The unit that was written or implied.
        unit: Unit,
    },
    /// It does not come out at whole mebibytes.
    #[error("`{0}` is not a whole number of MiB: round it, for example to `1.5 GiB` or `1536 MiB`")]
    NotWhole(String),
    /// Nothing, or more than any machine has.
    #[error("`{0}` is out of range: between 1 MiB and 1024 TiB can be asked for")]
    OutOfRange(String),
}

impl Mebibytes {
    /// 1 MiB.
    pub const MIN: Self = Self(1);
    /// 1024 TiB: beyond what one machine has, and far from overflow.
    pub const MAX: Self = Self(1 << 30);

    /// That many MiB, between [`Self::MIN`] and [`Self::MAX`].
    #[must_use]
    pub const fn new(mebibytes: u64) -> Option<Self> {
        if mebibytes >= Self::MIN.0 && mebibytes <= Self::MAX.0 {
            Some(Self(mebibytes))
        } else {
            None
        }
    }

    /// The amount in MiB.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Reads `4 GiB`, `4g`, `4096 MB`, `1.5 GiB` or `1,5 G`. The unit must be
    /// written.
    pub fn parse(text: &str) -> Result<Self, ParseSizeError> {
        Self::read(text, None)
    }

    /// Like [`Self::parse`], with the unit a bare number has.
    pub fn parse_with_default(text: &str, unit: Unit) -> Result<Self, ParseSizeError> {
        Self::read(text, Some(unit))
    }

    fn read(text: &str, default: Option<Unit>) -> Result<Self, ParseSizeError> {
        let written = tidy(text);
        let (number, rest) = split_number(&written);
        let (whole, fraction) =
            split_fraction(number).ok_or_else(|| ParseSizeError::NotANumber(written.clone()))?;
        let unit = match (rest, default) {
            ("", Some(unit)) => unit,
            ("", None) => return Err(ParseSizeError::NoUnit(written)),
            _ => Unit::parse(rest).ok_or_else(|| ParseSizeError::UnknownUnit(rest.to_owned()))?,
        };
        let comma = number.contains(',');
        let groups = fraction.len() == 3 && !whole.starts_with('0');
        if groups && (comma || unit == Unit::Mebibytes || unit == Unit::Kibibytes) {
            return Err(ParseSizeError::Ambiguous {
                grouped: format!("{whole}{fraction}"),
                fraction: format!("{whole}.{fraction}"),
                unit,
                written,
            });
        }
        let out_of_range = || ParseSizeError::OutOfRange(written.clone());
        let digits = format!("{whole}{fraction}").parse::<u128>().map_err(|_| out_of_range())?;
        let scale = u32::try_from(fraction.len())
            .ok()
            .and_then(|places| 10_u128.checked_pow(places))
            .and_then(|scale| scale.checked_mul(Unit::Mebibytes.kibibytes()))
            .ok_or_else(out_of_range)?;
        let kibibytes = digits.checked_mul(unit.kibibytes()).ok_or_else(out_of_range)?;
        if kibibytes % scale != 0 {
            return Err(ParseSizeError::NotWhole(written));
        }
        u64::try_from(kibibytes / scale).ok().and_then(Self::new).ok_or_else(out_of_range)
    }
}

/// The digits before and after the decimal separator.
fn split_fraction(number: &str) -> Option<(&str, &str)> {
    let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, ""));
    let plain = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let dangling = number.ends_with(['.', ',']);
    (!whole.is_empty() && !dangling && plain(whole) && plain(fraction)).then_some((whole, fraction))
}

impl fmt::Display for Mebibytes {
    /// In the largest unit that needs at most two decimals: `1.5 GiB`, `512 MiB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, size) in [(Unit::Tebibytes, 1 << 20), (Unit::Gibibytes, 1 << 10)] {
            let hundredths = self.0 * 100;
            if self.0 < size || !hundredths.is_multiple_of(size) {
                continue;
            }
            let (whole, rest) = (hundredths / size / 100, hundredths / size % 100);
            return match (rest, rest % 10) {
                (0, _) => write!(f, "{whole} {unit}"),
                (_, 0) => write!(f, "{whole}.{} {unit}", rest / 10),
                _ => write!(f, "{whole}.{rest:02} {unit}"),
            };
        }
        write!(f, "{} {}", self.0, Unit::Mebibytes)
    }
}

impl From<Mebibytes> for u64 {
    fn from(amount: Mebibytes) -> Self {
        amount.0
    }
}

impl TryFrom<u64> for Mebibytes {
    type Error = ParseSizeError;

    fn try_from(mebibytes: u64) -> Result<Self, Self::Error> {
        Self::new(mebibytes).ok_or_else(|| ParseSizeError::OutOfRange(format!("{mebibytes} MiB")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Mebibytes, ParseSizeError, Unit};

    #[test]
    fn what_people_write_is_understood() {
        for (text, mebibytes) in [
            ("4", 4096),
            ("4g", 4096),
            ("4G", 4096),
            ("4 GiB", 4096),
            ("4\u{a0}GiB", 4096),
            ("\u{ff14} GiB", 4096),
            ("4096 MB", 4096),
            ("4096M", 4096),
            ("1,5 G", 1536),
            ("1.5 GiB", 1536),
            ("1.125 GiB", 1152),
            ("0,125 G", 128),
            ("2T", 2 << 20),
            ("4 gigabytes", 4096),
            ("1048576 KiB", 1024),
        ] {
            let read = Mebibytes::parse_with_default(text, Unit::Gibibytes);
            assert_eq!(read.map(Mebibytes::get), Ok(mebibytes), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_a_sentence() {
        for (text, message) in [
            ("4", "`4` has no unit: write for example `4 GiB` or `4 MiB`"),
            ("4 GHz", "`GHz` is not a unit I know: use MiB, GiB or TiB, for example `4 GiB`"),
            ("lots", "`lots` is not an amount: write a number and a unit, for example `4 GiB`"),
            (
                "1.2.3 G",
                "`1.2.3 G` is not an amount: write a number and a unit, for example `4 GiB`",
            ),
            (
                "4,096 MB",
                "`4,096 MB` can be read as 4096 MiB or as 4.096 MiB: write it without a separator, for example `4096 MiB`",
            ),
            (
                "1.3 MiB",
                "`1.3 MiB` is not a whole number of MiB: round it, for example to `1.5 GiB` or `1536 MiB`",
            ),
            ("0 GiB", "`0 GiB` is out of range: between 1 MiB and 1024 TiB can be asked for"),
            (
                "9999999 T",
                "`9999999 T` is out of range: between 1 MiB and 1024 TiB can be asked for",
            ),
        ] {
            assert_eq!(
                Mebibytes::parse(text).map_err(|error| error.to_string()),
                Err(message.to_owned())
            );
        }
        assert!(matches!(Mebibytes::parse("1,500 G"), Err(ParseSizeError::Ambiguous { .. })));
        assert!(matches!(Mebibytes::parse("4.096 MB"), Err(ParseSizeError::Ambiguous { .. })));
    }

    #[test]
    fn the_largest_unit_that_stays_readable_is_printed() {
        for (mebibytes, text) in [
            (512, "512 MiB"),
            (1024, "1 GiB"),
            (1280, "1.25 GiB"),
            (1536, "1.5 GiB"),
            (1537, "1537 MiB"),
            (1536 << 10, "1.5 TiB"),
        ] {
            assert_eq!(
                Mebibytes::new(mebibytes).map(|amount| amount.to_string()),
                Some(text.into())
            );
        }
    }

    #[test]
    fn an_amount_outside_the_bounds_is_not_deserialized() {
        assert!(serde_json::from_str::<Mebibytes>("0").is_err());
        assert_eq!(serde_json::from_str::<Mebibytes>("7").ok(), Mebibytes::new(7));
    }

    proptest! {
        #[test]
        fn parsing_what_is_printed_gives_the_same(mebibytes in 1..=Mebibytes::MAX.0) {
            let amount = Mebibytes(mebibytes);
            prop_assert_eq!(Mebibytes::parse(&amount.to_string()), Ok(amount));
        }

        #[test]
        fn no_text_panics(text in "\\PC*|[0-9.,]{0,60} ?[kmgtKMGTiIbB]{0,3}") {
            let _ = Mebibytes::parse_with_default(&text, Unit::Gibibytes);
        }
    }
}
