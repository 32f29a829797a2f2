//! The sweep: time has passed. Looks at every lease that is due; never two
//! sweeps at once, across replicas.

use chrono::TimeDelta;
use serde::Serialize;

use super::{Engine, census::Known};
use crate::{identity::Timestamp, ports::PortError};

/// The most leases one sweep ticks, besides those that stay due because people
/// hold them. The rest is most overdue in the next one.
const BATCH: usize = 1_000;

/// A sweep over many leases that are due tells each time it has done so many.
const TOLD_EACH: usize = 200;

/// The lock that a sweep holds.
pub(super) const LOCK_NAME: &str = "sweep";

/// How long the bodies of deliveries are kept: long enough to look into a
/// complaint, no longer than that, since they hold what people wrote.
const BODIES: TimeDelta = TimeDelta::days(30);

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SweepReport {
    /// Somebody else was sweeping.
    pub skipped: bool,
    /// Leases looked at because they were due.
    pub due: usize,
}

/// A sweep under way.
struct Turn {
    begun: Timestamp,
    /// When it last took the lock.
    locked: Timestamp,
}

impl Engine {
    /// Lets time pass for everything that is due.
    ///
    /// # Errors
    ///
    /// The store's. A lease that fails does not keep the others waiting.
    pub async fn sweep(&self) -> Result<SweepReport, PortError> {
        let now = self.now();
        if !self.lock_sweep(now).await? {
            return Ok(SweepReport { skipped: true, due: 0 });
        }
        let report = self.sweep_locked(Turn { begun: now, locked: now }).await;
        self.store().unlock(LOCK_NAME, &self.settings.holder).await?;
        report
    }

    /// Takes the lock, or prolongs it. A process that died in a sweep keeps the
    /// others from sweeping for as long as a claim holds.
    async fn lock_sweep(&self, now: Timestamp) -> Result<bool, PortError> {
        let until = now + self.settings.claim;
        self.store().lock(LOCK_NAME, &self.settings.holder, now, until).await
    }

    /// Whether this sweep still has the lock, and has not stood still: that was an
    /// outage, and the next one begins with it.
    async fn may_sweep_on(&self, turn: &mut Turn) -> Result<bool, PortError> {
        let now = self.now();
        if now - turn.begun > self.settings.outage_after {
            return Ok(false);
        }
        if now - turn.locked < self.settings.claim / 2 {
            return Ok(true);
        }
        turn.locked = now;
        self.lock_sweep(now).await
    }

    async fn sweep_locked(&self, mut turn: Turn) -> Result<SweepReport, PortError> {
        let leases = self.census().await?;
        if self.only_listens().await? {
            self.log_listening();
            self.observe(&leases).await?;
            self.store().forget_bodies(self.now() - BODIES).await?;
            return Ok(SweepReport::default());
        }
        self.log_end("the store was restored");
        let doubt = self.watch_clock().await?;
        if doubt.is_none() {
            // First of all: an outage moves deadlines before anything is due.
            self.heartbeat().await?;
        }
        let went_back = self.clock_moved_back().await?;
        self.count_breakers(&leases, (doubt, went_back)).await?;
        if doubt.is_some() || went_back {
            return Ok(SweepReport::default());
        }
        self.wait_for_forges(&leases).await?;
        self.inspect(&leases).await?;
        self.store().forget_bodies(self.now() - BODIES).await?;
        let freezes = self.store().freezes().await?;
        self.show_what_is_not_made(&freezes).await?;
        let due = self.store().due_leases(self.now(), most_due(&leases)).await?;
        // Of a machine on the operator's list nothing is announced either.
        for (done, lease) in due.iter().enumerate() {
            if !self.may_sweep_on(&mut turn).await? {
                tracing::warn!(done, due = due.len(), "a sweep ends early; the next one goes on");
                return Ok(SweepReport { skipped: false, due: done });
            }
            if done > 0 && done % TOLD_EACH == 0 {
                tracing::info!(done, due = due.len(), all = leases.len(), "sweeping");
            }
            if self.is_listed(&lease.value) || self.is_lease_behind(lease.value.request).await? {
                continue;
            }
            let event = self.tick(&freezes, &lease.value);
            if let Err(error) = self.lease_meets(lease.value.id, &event).await {
                tracing::error!(lease = %lease.value.id, error = %error.chain(), "a lease could not be swept");
            }
        }
        Ok(SweepReport { skipped: false, due: due.len() })
    }
}

/// How many leases to ask for. Those that are protected or on hold stay the
/// most overdue of all, and must not be all that is ever asked for.
fn most_due(leases: &[Known]) -> usize {
    BATCH + leases.iter().filter(|lease| lease.is_kept).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::{Lease, samples};

    #[test]
    fn leases_that_stay_due_take_nobody_s_place() {
        let lease = |hold: Option<&str>, protected| {
            let hold = hold.map(str::to_owned);
            Known::of(Lease { hold, protected, ..samples::lease() })
        };
        let leases = [lease(None, false), lease(Some("moved"), false), lease(None, true)];
        assert_eq!(most_due(&leases), BATCH + 2);
    }
}
