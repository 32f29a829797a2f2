//! The system's clock and randomness, and a clock that is moved by hand.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::{TimeDelta, Utc};
use rustix::time::{ClockId, clock_gettime};
use uuid::Uuid;

use crate::{
    identity::Timestamp,
    ports::clock::{Clock, Entropy},
};

/// The time of the machine we run on.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where the time comes from")]
    fn now(&self) -> Timestamp {
        Utc::now()
    }

    /// Goes on while the host is suspended, which is an outage and no clock that
    /// was set; [`Instant`] would stand still.
    fn running(&self) -> Option<Duration> {
        clock_gettime(ClockId::Boottime).try_into().ok()
    }
}

/// The randomness of the machine we run on.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::disallowed_methods,
        clippy::expect_used,
        reason = "this is where randomness comes from; without it nothing can go on"
    )]
    fn uuid(&self) -> Uuid {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the system gives randomness");
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

/// A clock that is moved by hand, for demo and tests.
#[derive(Debug)]
pub struct MovableClock {
    moment: Mutex<Timestamp>,
    /// When it began, had it not been set since.
    began: Mutex<Timestamp>,
    /// When it was started, if it goes by itself as well.
    ticking: Option<Instant>,
}

impl MovableClock {
    /// Begins at this moment; stands still unless it is `ticking`.
    #[must_use]
    pub fn starting(moment: Timestamp, ticking: bool) -> Self {
        let (began, ticking) = (Mutex::new(moment), ticking.then(Instant::now));
        Self { moment: Mutex::new(moment), began, ticking }
    }

    /// Sets it forward or back, while no time passes.
    pub fn set(&self, by: TimeDelta) {
        self.advance(by);
        *self.began.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    /// Lets time pass. Below zero, it is moved back instead.
    pub fn advance(&self, by: TimeDelta) {
        *self.moment.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

impl Clock for MovableClock {
    fn now(&self) -> Timestamp {
        let ticked = self.ticking.map_or(Duration::ZERO, |since| since.elapsed());
        *self.moment.lock().unwrap_or_else(PoisonError::into_inner) + ticked
    }

    fn running(&self) -> Option<Duration> {
        let began = *self.began.lock().unwrap_or_else(PoisonError::into_inner);
        (self.now() - began).to_std().ok()
    }
}
