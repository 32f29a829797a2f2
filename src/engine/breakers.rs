//! What holds how much back, and since when: counted by each sweep, for metrics
//! and `status`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Engine, census::Known, clock_guard::Doubt};
use crate::{
    brake::{Deed, Waiting, Why},
    identity::Timestamp,
    lease::State,
    ports::{PortError, store::Store},
};

/// Where the store remembers them.
const MEMO: &str = "breakers";

/// What can hold something back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Breaker {
    /// An operator's freeze.
    Freeze,
    /// An embargo of the configuration.
    Embargo,
    /// `limits.creations_per_day`.
    CreationsPerDay,
    /// `limits.destroys_per_day`.
    DestroysPerDay,
    /// A clock that went back, or ahead in a way that nothing explains.
    Clock,
    /// Deadlines that an outage of ours, or of a forge, has moved.
    Outage,
}

impl Breaker {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Freeze,
        Self::Embargo,
        Self::CreationsPerDay,
        Self::DestroysPerDay,
        Self::Clock,
        Self::Outage,
    ];

    /// What this waits for.
    pub(super) fn of(waiting: &Waiting) -> Self {
        match (&waiting.why, waiting.deed) {
            (Why::Frozen { .. }, _) => Self::Freeze,
            (Why::Embargo { .. }, _) => Self::Embargo,
            (Why::DayLimit { .. }, Deed::Create) => Self::CreationsPerDay,
            (Why::DayLimit { .. }, _) => Self::DestroysPerDay,
            (Why::Clock, _) => Self::Clock,
        }
    }

    /// The word for metrics and `status`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Freeze => "freeze",
            Self::Embargo => "embargo",
            Self::CreationsPerDay => "creations-per-day",
            Self::DestroysPerDay => "destroys-per-day",
            Self::Clock => "clock",
            Self::Outage => "outage",
        }
    }
}

/// How much one of them holds back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// Since when, as far as sweeps saw it.
    pub since: Timestamp,
    /// How many leases wait for it.
    pub held: u64,
}

/// Those that hold something back.
pub type Breakers = BTreeMap<Breaker, Holding>;

/// As the last sweep found them.
///
/// # Errors
///
/// The store's.
pub async fn breakers(store: &dyn Store) -> Result<Breakers, PortError> {
    let memo = store.memo(MEMO).await?;
    Ok(memo.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

impl Engine {
    /// Counts what waits for which breaker.
    pub(super) async fn count_breakers(
        &self,
        leases: &[Known],
        (doubt, went_back): (Option<Doubt>, bool),
    ) -> Result<(), PortError> {
        let now = self.now();
        let in_doubt = doubt.is_some() || went_back;
        let mut held: BTreeMap<Breaker, u64> = BTreeMap::new();
        if in_doubt {
            held.insert(Breaker::Clock, 0);
        }
        for lease in leases {
            let limit = lease.deadline.as_ref();
            let ends = lease.state == State::Destroying || limit.is_some_and(|it| it.at <= now);
            let postponed = limit.and_then(|it| it.not_before).is_some_and(|at| at > now);
            let breakers = [
                lease.waits_for.filter(|breaker| !(in_doubt && *breaker == Breaker::Clock)),
                (in_doubt && ends).then_some(Breaker::Clock),
                postponed.then_some(Breaker::Outage),
            ];
            for breaker in breakers.into_iter().flatten() {
                *held.entry(breaker).or_default() += 1;
            }
        }
        let before = breakers(self.store()).await?;
        let holding = |(breaker, held)| {
            let since = before.get(&breaker).map_or(now, |known: &Holding| known.since.min(now));
            (breaker, Holding { since, held })
        };
        let after: Breakers = held.into_iter().map(holding).collect();
        if after == before {
            return Ok(());
        }
        let text = serde_json::to_string(&after).map_err(PortError::bug("write breakers"))?;
        self.store().set_memo(MEMO, &text).await
    }
}
