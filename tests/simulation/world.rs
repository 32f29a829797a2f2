//! Everything outside the engine, as it really is: what the forge and the
//! providers hold, the true time, and what was done when.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use chrono::TimeDelta;
use innkeeper::{
    identity::{ProviderName, Timestamp},
    ports::clock::{Clock, Entropy},
};
use uuid::Uuid;

use crate::{
    dice::Dice,
    forge::House,
    laws::Laws,
    provider::Host,
    sabotage::Sabotage,
    story::{Story, Who},
    weather::{Fault, Weather},
};

pub(crate) struct World {
    /// The true time.
    pub(crate) now: Timestamp,
    /// Faults at calls.
    pub(crate) dice: Dice,
    pub(crate) weather: Weather,
    pub(crate) house: House,
    pub(crate) hosts: BTreeMap<ProviderName, Host>,
    pub(crate) laws: Laws,
    pub(crate) story: Story,
    /// Who is at it.
    pub(crate) who: Who,
    /// How wrong the clock of whoever is at it goes.
    pub(crate) skew: TimeDelta,
    /// When they began the call that is answered, in true time.
    pub(crate) asked: Timestamp,
    /// Faults that struck, by kind.
    pub(crate) faults: BTreeMap<Fault, u64>,
    pub(crate) others: BTreeMap<&'static str, u64>,
    pub(crate) sabotage: Option<Sabotage>,
}

impl World {
    /// The time as the process knows it that is at it.
    pub(crate) fn clock(&self) -> Timestamp {
        self.now + self.skew
    }

    /// Whether this is broken on purpose.
    pub(crate) fn is_broken(&self, sabotage: Sabotage) -> bool {
        self.sabotage == Some(sabotage)
    }

    /// Whether something goes wrong now.
    pub(crate) fn strikes(&mut self, fault: Fault) -> bool {
        let struck = self.dice.chance(self.weather.rate(fault));
        if struck {
            *self.faults.entry(fault).or_default() += 1;
        }
        struck
    }

    /// Something went wrong that is not at a call.
    pub(crate) fn count(&mut self, what: &'static str) {
        *self.others.entry(what).or_default() += 1;
    }

    pub(crate) fn note(&mut self, what: &str, outcome: &str, detail: impl FnOnce() -> String) {
        self.story.note(self.now, self.who, what, outcome, detail);
    }
}

/// The world, shared by everybody in it.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(crate) fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A replica's clock.
pub(crate) struct SimulatedClock {
    now: AtomicI64,
}

impl SimulatedClock {
    pub(crate) fn new() -> Self {
        Self { now: AtomicI64::new(0) }
    }

    pub(crate) fn set(&self, now: Timestamp) {
        self.now.store(now.timestamp_millis(), Ordering::Relaxed);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let now = self.now.load(Ordering::Relaxed);
        Timestamp::from_timestamp_millis(now).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// Ids from the seed.
pub(crate) struct SimulatedEntropy(pub(crate) Mutex<Dice>);

impl Entropy for SimulatedEntropy {
    fn uuid(&self) -> Uuid {
        let mut dice = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wide = (u128::from(dice.next()) << 64) | u128::from(dice.next());
        uuid::Builder::from_random_bytes(wide.to_be_bytes()).into_uuid()
    }
}
