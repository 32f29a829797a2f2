//! What holds the machinery back, and why: an operator's freeze, an embargo in
//! the configuration, the limit of the day.
//!
//! Judging, answering, approving, warning and extending always go on. What is
//! held back waits, says so on its issue, and goes on by itself.

mod embargo;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

pub use self::embargo::Embargo;
use crate::identity::Timestamp;

/// What can be held back, by what it does to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// It is made.
    Create,
    /// It is switched, restarted, resized, installed anew or marked, because
    /// somebody said so.
    Change,
    /// It is stopped, because its time is up.
    Stop,
    /// Its disks are destroyed, or their backups.
    Destroy,
}

impl Deed {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Create, Self::Change, Self::Stop, Self::Destroy];

    /// The word for commands, the configuration and metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Stop => "stop",
            Self::Destroy => "destroy",
        }
    }

    /// The deed with that word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|deed| deed.word() == word)
    }

    /// What is not done, for people.
    #[must_use]
    pub fn done(self) -> &'static str {
        match self {
            Self::Create => "made",
            Self::Change => "changed",
            Self::Stop => "stopped",
            Self::Destroy => "destroyed",
        }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Why something waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// An operator froze it. The reason is theirs.
    Frozen {
        /// Foreign text.
        reason: String,
    },
    /// The configuration has an embargo. The reason is the operator's.
    Embargo {
        /// Foreign text.
        reason: String,
    },
    /// So many were done within 24 hours.
    DayLimit {
        /// How many.
        most: u64,
    },
    /// The clock moved in a way that nothing explains.
    Clock,
}

/// Something that is held back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// What.
    pub deed: Deed,
    /// Why.
    pub why: Why,
    /// When it can go on at the earliest; `None` when nobody knows.
    pub until: Option<Timestamp>,
}

/// A freeze, from the moment an operator said so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// Why, in the operator's words.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when; `None` until somebody thaws it.
    pub until: Option<Timestamp>,
}

impl Freeze {
    /// Whether it still holds anything back.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// The freezes, by what they hold back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Freezes(pub BTreeMap<Deed, Freeze>);

impl Freezes {
    /// What holds this back at that moment.
    #[must_use]
    pub fn hold(&self, deed: Deed, now: Timestamp) -> Option<Waiting> {
        let freeze = self.0.get(&deed).filter(|freeze| freeze.holds(now))?;
        let why = Why::Frozen { reason: freeze.reason.clone() };
        Some(Waiting { deed, why, until: freeze.until })
    }

    /// Those that hold at that moment.
    pub fn in_force(&self, now: Timestamp) -> impl Iterator<Item = (Deed, &Freeze)> {
        self.0.iter().map(|(deed, freeze)| (*deed, freeze)).filter(move |(_, f)| f.holds(now))
    }
}

/// Of two that hold the same back, the one that does so for longer.
#[must_use]
pub fn longer(one: Option<Waiting>, other: Option<Waiting>) -> Option<Waiting> {
    match (one, other) {
        (Some(one), Some(other)) => {
            let forever = |waiting: &Waiting| (waiting.until.is_none(), waiting.until);
            Some(if forever(&other) > forever(&one) { other } else { one })
        }
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u32) -> Timestamp {
        format!("2026-12-01T{hour:02}:00:00Z").parse().unwrap()
    }

    fn frozen(until: Option<u32>) -> Freezes {
        let until = until.map(at);
        let freeze = Freeze { reason: "storage is moved".into(), since: at(8), until };
        Freezes([(Deed::Destroy, freeze)].into())
    }

    #[test]
    fn a_freeze_holds_what_it_names_until_its_end() {
        assert_eq!(frozen(Some(12)).hold(Deed::Create, at(9)), None);
        assert_eq!(frozen(Some(12)).hold(Deed::Destroy, at(12)), None, "over");
        let waiting = frozen(Some(12)).hold(Deed::Destroy, at(11)).unwrap();
        assert_eq!(waiting.until, Some(at(12)));
        assert!(frozen(None).hold(Deed::Destroy, at(23)).is_some());
        assert_eq!(frozen(None).in_force(at(23)).count(), 1);
    }

    #[test]
    fn what_nobody_knows_the_end_of_holds_for_longest() {
        let one = frozen(Some(12)).hold(Deed::Destroy, at(9));
        let forever = frozen(None).hold(Deed::Destroy, at(9));
        assert_eq!(longer(one.clone(), forever.clone()), forever);
        assert_eq!(longer(forever.clone(), one.clone()), forever);
        assert_eq!(longer(None, one.clone()), one);
    }

    #[test]
    fn every_deed_is_found_by_its_word() {
        for deed in Deed::ALL {
            assert_eq!(Deed::of_word(deed.word()), Some(deed));
        }
        assert_eq!(Deed::of_word("burn"), None);
    }
}
