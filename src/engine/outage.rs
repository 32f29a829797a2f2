//! Outages: while we, or a forge, were away, nobody could be warned and nobody
//! could answer. Deadlines whose warnings fell into that time move; what was
//! missed is never caught up by destroying.

use chrono::TimeDelta;

use super::{Engine, census::Known, clock_guard::is_confirmed};
use crate::{
    identity::{ForgeName, Timestamp},
    lease::lifecycle::Event,
    ports::PortError,
};

/// The moment this process, or any replica, was last known to work.
pub const HEARTBEAT: &str = "heartbeat";

/// The moment a forge last answered a poll.
#[must_use]
pub fn forge_moment(forge: &ForgeName) -> String {
    format!("forge:{forge}")
}

/// When the clock was first seen to have moved back.
const CLOCK_BACK: &str = "clock-back";

/// How long a clock that moved back has to go on before it is believed.
pub(super) const CLOCK_PROOF: TimeDelta = TimeDelta::hours(24);

/// A clock that is behind the last heartbeat by more than this has moved back.
/// Replicas' clocks differ by less.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(2);

impl Engine {
    /// Notes that we work, and moves deadlines if we did not for long.
    pub(super) async fn heartbeat(&self) -> Result<(), PortError> {
        self.alive(HEARTBEAT).await
    }

    /// Notes that `what` works at this moment. If it did not for longer than
    /// an outage takes, every deadline whose warning window that gap touched
    /// moves far enough for the full notice.
    pub(super) async fn alive(&self, what: &str) -> Result<(), PortError> {
        let now = self.now();
        // What nobody knows the time of moves nothing.
        if self.clock_doubt().await?.is_some() {
            return Ok(());
        }
        let last = self.store().moment(what).await?;
        if let Some(last) = last {
            if now >= last {
                self.log_end("the clock moved back");
            }
            if now < last && !self.believe_earlier_clock(last).await? {
                return Ok(());
            }
            if now < last || now - last > self.settings.outage_after {
                tracing::warn!(what, since = %last, "there was an outage; deadlines it touched move");
                for lease in self.census().await? {
                    self.postpone(&lease, now).await?;
                }
            }
        }
        self.store().set_moment(what, now).await
    }

    /// While a forge is away nobody can be heard there, so nothing falls due.
    pub(super) async fn wait_for_forges(&self, leases: &[Known]) -> Result<(), PortError> {
        let now = self.now();
        for forge in self.ports.forges.keys() {
            let last = self.store().moment(&forge_moment(forge)).await?;
            if last.is_none_or(|last| now - last <= self.settings.outage_after) {
                continue;
            }
            for lease in leases {
                let due = lease.deadline.as_ref().is_some_and(|limit| limit.due_at <= now);
                if lease.forge == *forge && due {
                    self.postpone(lease, now).await?;
                }
            }
        }
        Ok(())
    }

    /// A clock that moved back stops all destruction until it has caught up, or
    /// until it has gone on for a day: then it was the later time that was wrong.
    async fn believe_earlier_clock(&self, last: Timestamp) -> Result<bool, PortError> {
        let now = self.now();
        if last - now <= CLOCK_TOLERANCE {
            return Ok(false);
        }
        if self.is_news("clock", "the clock moved back") {
            tracing::error!(%now, %last, "the clock moved back; nothing is destroyed for a day, or until it has caught up");
        }
        let since = self
            .store()
            .moment(CLOCK_BACK)
            .await?
            .filter(|since| *since <= now && now - *since < CLOCK_PROOF * 2);
        if let Some(since) = since {
            let proved = now - since >= CLOCK_PROOF;
            return Ok(proved || is_confirmed(self.store(), since, now).await?);
        }
        self.store().set_moment(CLOCK_BACK, now).await?;
        Ok(false)
    }

    async fn postpone(&self, lease: &Known, now: Timestamp) -> Result<(), PortError> {
        let postponed = lease.deadline.as_ref().and_then(|limit| limit.postponed(now));
        let Some(not_before) = postponed else { return Ok(()) };
        match self.lease_meets(lease.id(), &Event::Postpone { not_before }).await {
            Ok(()) => Ok(()),
            // Nothing happens to a lease that cannot be read.
            Err(error) => self.pass_over(lease.id(), error),
        }
    }

    /// Whether the clock is behind what it has shown before.
    pub(super) async fn clock_moved_back(&self) -> Result<bool, PortError> {
        let last = self.store().moment(HEARTBEAT).await?;
        Ok(last.is_some_and(|last| last - self.now() > CLOCK_TOLERANCE))
    }
}
