//! Amounts as people write them: memory, disk space, processors, lengths of
//! time. Parsed once at the border, bounded, and printed back normalised.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

/// An amount of memory or disk space in MiB, which is what both libvirt and
/// Ganeti take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mebibytes(u64);

/// A number of virtual processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Vcpus(u16);

/// How long a machine lives, in whole calendar days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lifetime(u32);

/// A length of time before or after a moment, in whole minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Delay(u32);

impl Lifetime {
    /// That many calendar days.
    #[must_use]
    pub const fn days(self) -> u32 {
        self.0
    }
}

impl Delay {
    /// As a span of the clock.
    #[must_use]
    pub fn span(self) -> TimeDelta {
        TimeDelta::minutes(i64::from(self.0))
    }
}
