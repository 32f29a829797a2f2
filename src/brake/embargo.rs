//! Embargoes: what the configuration holds back at times that are known before.

use std::collections::BTreeSet;

use super::{Deed, Waiting, Why};
use crate::{
    calendar::Window,
    identity::{CookbookName, Timestamp},
};

/// A time in which something is held back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embargo {
    /// Why, in the operator's words.
    pub reason: String,
    /// When.
    pub window: Window,
    /// What.
    pub deeds: BTreeSet<Deed>,
    /// For machines of these cookbooks only; `None` for all.
    pub cookbooks: Option<Vec<CookbookName>>,
    /// Where it stands: `innkeeper.toml:34`.
    pub place: String,
}

impl Embargo {
    /// What it holds back at that moment.
    #[must_use]
    pub fn hold(&self, deed: Deed, cookbook: &CookbookName, now: Timestamp) -> Option<Waiting> {
        if !self.deeds.contains(&deed) || !self.is_for(cookbook) {
            return None;
        }
        let until = Some(self.window.around(now)?.end);
        Some(Waiting { deed, why: Why::Embargo { reason: self.reason.clone() }, until })
    }

    /// Whether deadlines of this cookbook's machines are chosen outside of it.
    #[must_use]
    pub fn moves_deadlines(&self, cookbook: &CookbookName) -> bool {
        let ends = [Deed::Stop, Deed::Destroy].iter().any(|deed| self.deeds.contains(deed));
        ends && self.is_for(cookbook)
    }

    /// Whether it is over for good.
    #[must_use]
    pub fn is_past(&self, now: Timestamp) -> bool {
        self.window.end().is_some_and(|end| end <= now)
    }

    /// Whether both hold the same back at some moment.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let both = match (&self.cookbooks, &other.cookbooks) {
            (Some(one), Some(two)) => one.iter().any(|name| two.contains(name)),
            _ => true,
        };
        both && !self.deeds.is_disjoint(&other.deeds) && self.window.overlaps(&other.window)
    }

    fn is_for(&self, cookbook: &CookbookName) -> bool {
        self.cookbooks.as_ref().is_none_or(|names| names.contains(cookbook))
    }
}
