//! What the log was told. A fault that lasts is met by every look, effect and
//! poll, at every try: it is told when it is first met, when another one takes
//! its place, and when it is over.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use chrono::TimeDelta;

use super::Engine;
use crate::{
    identity::Timestamp,
    ports::{PortError, Verdict},
};

/// A fault nobody has met for so long is over: what was tried in vain was
/// finished by another replica, or is not wanted any more. Longer than any
/// pause between two tries.
const FORGOTTEN: TimeDelta = TimeDelta::days(2);

/// The most faults that are remembered: the other side words them, and might
/// never do so twice. The one that was not met for longest gives way.
const MOST_FAULTS: usize = 500;

/// The most things that are remembered to fail for one reason. Of those beyond it
/// nobody hears when they are the last that do.
const MOST_THINGS: usize = 10_000;

/// The faults that last.
#[derive(Default)]
pub(super) struct Told(Mutex<BTreeMap<Fault, Met>>);

/// Several things that fail for one reason are one fault.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    /// The forge or provider.
    side: String,
    why: String,
}

struct Met {
    /// What is tried in vain.
    things: BTreeSet<String>,
    last: Timestamp,
}

impl Told {
    /// A thing fails. Whether that is news.
    fn fails(&self, side: &str, why: String, thing: &str, now: Timestamp) -> bool {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        faults.retain(|_, met| now - met.last < FORGOTTEN);
        let fault = Fault { side: side.to_owned(), why };
        let is_news = !faults.contains_key(&fault);
        if is_news && faults.len() >= MOST_FAULTS {
            let longest = faults.iter().min_by_key(|(_, met)| met.last).map(|(fault, _)| fault);
            if let Some(longest) = longest.cloned() {
                faults.remove(&longest);
            }
        }
        let met = faults.entry(fault).or_insert(Met { things: BTreeSet::new(), last: now });
        if met.things.len() < MOST_THINGS {
            met.things.insert(thing.to_owned());
        }
        met.last = now;
        is_news
    }

    /// A thing fails no longer. The faults that are over with it.
    fn ends(&self, thing: &str) -> Vec<Fault> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut over = Vec::new();
        faults.retain(|fault, met| {
            if met.things.remove(thing) && met.things.is_empty() {
                over.push(fault.clone());
                return false;
            }
            true
        });
        over
    }
}

impl Engine {
    /// Something failed that is tried again. `side` is the forge or provider
    /// that failed, `thing` tells what is tried from all else.
    pub(super) fn log_failure(&self, side: &str, thing: &str, error: &PortError) {
        let why = match error.verdict {
            // One fault for each thing that is not there.
            Verdict::Missing => error.chain(),
            Verdict::GiveUp => error.for_people(),
            // What passes by itself may word itself differently each time.
            _ => without_numbers(&error.for_people()),
        };
        let (error, advice) = (error.chain(), error.advice.as_deref());
        if !self.told.fails(side, why, thing, self.now()) {
            tracing::debug!(side, thing, error, "failed again");
        } else if advice.is_some() {
            tracing::error!(
                side,
                thing,
                error,
                advice,
                "failed, and is tried again; told once while it lasts"
            );
        } else {
            tracing::warn!(
                side,
                thing,
                error,
                "failed, and is tried again; told once while it lasts"
            );
        }
    }

    /// Whether something is found that was not told: the same, found at every
    /// sweep, is told once.
    pub(super) fn is_news(&self, side: &str, thing: &str) -> bool {
        self.told.fails(side, thing.to_owned(), thing, self.now())
    }

    /// What may have failed before has succeeded, or is not wanted any more.
    pub(super) fn log_end(&self, thing: &str) {
        for Fault { side, why } in self.told.ends(thing) {
            tracing::info!(side, thing, fault = why, "this fault is over");
        }
    }
}

fn without_numbers(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_news_once_however_many_things_meet_it_and_over_with_the_last_of_them() {
        let told = Told::default();
        let now: Timestamp = "2026-11-30T08:00:00Z".parse().unwrap();
        let fails = |side: &str, why: &str, thing: &str, hours| {
            told.fails(side, why.to_owned(), thing, now + TimeDelta::hours(hours))
        };
        let over = |thing: &str| told.ends(thing).len();
        assert!(fails("gitlab", "401", "look 1", 0));
        assert!(!fails("gitlab", "401", "look 1", 1));
        assert!(!fails("gitlab", "401", "poll", 1));
        assert!(fails("github", "401", "look 9", 1));
        // Now one, now the other: each was told.
        assert!(fails("gitlab", "502", "poll", 2));
        assert!(!fails("gitlab", "401", "poll", 3));
        assert_eq!(over("look 2"), 0);
        assert_eq!(over("look 1"), 0);
        assert_eq!(over("poll"), 2);
        assert!(fails("gitlab", "401", "poll", 4));
        // Another replica may have finished it.
        assert!(!fails("gitlab", "401", "poll", 51));
        assert!(fails("gitlab", "401", "poll", 99));
    }

    #[test]
    fn whoever_words_it_differently_each_time_fills_nothing() {
        let told = Told::default();
        let now: Timestamp = "2026-11-30T08:00:00Z".parse().unwrap();
        for number in 0..1_000 {
            let at = now + TimeDelta::seconds(number);
            assert!(told.fails("gitlab", format!("{number}"), "look 1", at));
            told.fails("github", "401".to_owned(), &format!("look {number}"), at);
        }
        assert_eq!(told.0.lock().unwrap().len(), MOST_FAULTS);
        assert!(!told.fails("gitlab", "999".to_owned(), "look 1", now), "the latest are known");
    }
}
