//! The clock. Machines end because of it, so one that went ahead in a way that
//! nothing explains ends none: until somebody says that it is right, or until it
//! has gone on evenly for a day. (A clock that went back is `outage.rs`'s.)
//!
//! Two things show it. While we run, it is held against a clock that nobody can
//! set. Over a time when nobody ran only the gap is known: what is longer than any
//! outage that passes unnoticed is doubted.
//!
//! In doubt nothing moves: no heartbeat, no deadline. A clock that is put right
//! again leaves no trace; one that is believed leaves an outage.

use std::{sync::PoisonError, time::Duration};

use chrono::TimeDelta;

use super::{Engine, outage::CLOCK_PROOF, outage::HEARTBEAT};
use crate::{
    brake::{Deed, Waiting, Why},
    identity::Timestamp,
    ports::{
        PortError,
        store::{AuditNote, Change, Store},
    },
};

/// Since when the clock is doubted.
const AHEAD: &str = "clock-ahead";

/// When somebody last said that the clock is right.
const CONFIRMED: &str = "clock-confirmed";

/// Going ahead by less than this, beside the other clock, is what happens when a
/// machine is paused for a while: an outage, which moves deadlines.
const JUMP: TimeDelta = TimeDelta::hours(1);

/// Nobody leaves a service alone for so long.
const LONGEST_OUTAGE: TimeDelta = TimeDelta::days(7);

/// The two clocks at one moment: ours, and the one that nobody can set.
pub(super) type Clocks = (Timestamp, Option<Duration>);

/// Why the clock cannot be relied on, as a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Since when, by the clock itself.
    pub since: Timestamp,
    /// Until when it has to go on evenly.
    pub until: Timestamp,
}

impl Doubt {
    /// What it holds back of this.
    pub(super) fn hold(self, deed: Deed) -> Option<Waiting> {
        let ends = matches!(deed, Deed::Stop | Deed::Destroy);
        ends.then_some(Waiting { deed, why: Why::Clock, until: Some(self.until) })
    }
}

impl Engine {
    /// Holds the clocks against each other, before anything else is done in a
    /// sweep, and tells whether ours is to be doubted.
    pub(super) async fn watch_clock(&self) -> Result<Option<Doubt>, PortError> {
        let seen = self.look_at_clocks();
        let now = seen.0;
        let jumped = self.has_jumped(seen);
        let last = self.store().moment(HEARTBEAT).await?;
        // Somebody else goes by another clock.
        let contradicted = {
            let mut heard = self.doubted_at.lock().unwrap_or_else(PoisonError::into_inner);
            let contradicted = heard.is_some() && *heard != last;
            *heard = last;
            contradicted
        };
        let in_doubt = self.clock_doubt().await?.is_some();
        let known = self.store().moment(AHEAD).await?;
        let known = known.filter(|since| *since <= now && last.is_some_and(|last| *since > last));
        if in_doubt && (jumped || contradicted || known.is_none()) {
            tracing::error!(%now, ?last, "the clock went ahead; nothing ends for a day, or until \
                `innkeeper thaw --clock`");
            self.store().set_moment(AHEAD, now).await?;
        }
        *self.clocks_seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        let doubt = self.clock_doubt().await?;
        if doubt.is_none() {
            *self.doubted_at.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        Ok(doubt)
    }

    /// Whether the clock is to be doubted at this moment.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn clock_doubt(&self) -> Result<Option<Doubt>, PortError> {
        let seen = self.look_at_clocks();
        doubt(self.store(), seen.0, self.has_jumped(seen)).await
    }

    fn look_at_clocks(&self) -> Clocks {
        (self.now(), self.ports.clock.running())
    }

    fn has_jumped(&self, (now, running): Clocks) -> bool {
        let seen = *self.clocks_seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some((then, Some(ran))), Some(running)) = (seen, running) else { return false };
        let passed = TimeDelta::from_std(running.saturating_sub(ran)).unwrap_or(TimeDelta::MAX);
        (now - then).checked_sub(&passed).is_some_and(|ahead| ahead > JUMP)
    }
}

/// Whether the clock that shows `now` is to be doubted, by what is stored.
///
/// # Errors
///
/// The store's.
pub async fn doubt(
    store: &dyn Store,
    now: Timestamp,
    jumped: bool,
) -> Result<Option<Doubt>, PortError> {
    let Some(last) = store.moment(HEARTBEAT).await? else { return Ok(None) };
    let known = store.moment(AHEAD).await?.filter(|since| *since > last && *since <= now);
    let since = match known {
        Some(since) if !jumped => since,
        _ if jumped || now - last > LONGEST_OUTAGE => now,
        _ => return Ok(None),
    };
    if is_confirmed(store, since, now).await? || now - since >= CLOCK_PROOF {
        return Ok(None);
    }
    Ok(Some(Doubt { since, until: since + CLOCK_PROOF }))
}

/// Believes the clock at a moment when somebody has looked at how things stand,
/// however long ago the last heartbeat is.
pub(super) async fn believe(store: &dyn Store, now: Timestamp) -> Result<(), PortError> {
    store.set_moment(AHEAD, now).await?;
    store.set_moment(CONFIRMED, now).await
}

/// Somebody says that the clock is right. What it showed before was then an
/// outage, and deadlines move.
///
/// # Errors
///
/// The store's.
pub async fn confirm_clock(store: &dyn Store, now: Timestamp) -> Result<(), PortError> {
    store.set_moment(CONFIRMED, now).await?;
    let note = AuditNote::by_operator("clock-confirmed");
    let change = Change { audit: vec![note], at: now, ..Change::default() };
    store.commit(&change).await.map_err(|error| error.or_retry("confirm the clock"))
}

/// Whether somebody has said so since that moment.
pub(super) async fn is_confirmed(
    store: &dyn Store,
    since: Timestamp,
    now: Timestamp,
) -> Result<bool, PortError> {
    let confirmed = store.moment(CONFIRMED).await?;
    Ok(confirmed.is_some_and(|at| since <= at && at <= now))
}
