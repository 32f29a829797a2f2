//! What a sweep has to know of every live lease: little, since there may be very
//! many of them. Whoever acts on one reads it anew.

use chrono::TimeDelta;

use super::{Engine, breakers::Breaker};
use crate::{
    identity::{ForgeName, LeaseId, ProviderName, RequestId, Timestamp},
    lease::{Lease, State, warning},
    machine::{MachineKey, Power},
    ports::PortError,
};

/// A live lease, as far as a sweep has to know it.
pub(super) struct Known {
    /// The machine it is about.
    pub(super) key: MachineKey,
    pub(super) request: Option<RequestId>,
    pub(super) forge: ForgeName,
    pub(super) provider: ProviderName,
    pub(super) state: State,
    pub(super) power: Power,
    pub(super) addresses: Vec<String>,
    pub(super) deadline: Option<Limit>,
    /// What it waits for.
    pub(super) waits_for: Option<Breaker>,
    /// Somebody protects it or put it on hold: it stays due.
    pub(super) is_kept: bool,
}

/// A deadline, as far as a sweep has to know it.
pub(super) struct Limit {
    /// The moment that is announced.
    pub(super) at: Timestamp,
    /// After an outage: not before this moment.
    pub(super) not_before: Option<Timestamp>,
    /// When its time has come, both considered.
    pub(super) due_at: Timestamp,
    /// Since when people rely on being heard about it.
    notice_begins: Timestamp,
    /// The least notice they were promised.
    min_notice: TimeDelta,
}

impl Limit {
    /// To when it has to move if nobody could be heard until now, and people
    /// relied on it.
    pub(super) fn postponed(&self, now: Timestamp) -> Option<Timestamp> {
        (self.notice_begins <= now).then(|| now + self.min_notice)
    }
}

impl Known {
    pub(super) fn id(&self) -> LeaseId {
        self.key.lease
    }

    pub(super) fn of(lease: Lease) -> Self {
        let limit = lease.deadline.map(|deadline| Limit {
            at: deadline.at,
            not_before: deadline.not_before,
            due_at: warning::time_of(&deadline),
            notice_begins: warning::notice_begins(&lease.terms, &deadline),
            min_notice: lease.terms.min_notice.span(),
        });
        Self {
            key: lease.order.key,
            request: lease.request,
            forge: lease.issue.forge,
            provider: lease.provider,
            state: lease.state,
            power: lease.power,
            addresses: lease.addresses,
            deadline: limit,
            waits_for: lease.waiting.as_ref().map(Breaker::of),
            is_kept: lease.protected || lease.hold.is_some(),
        }
    }
}

impl Engine {
    /// All live leases.
    pub(super) async fn census(&self) -> Result<Vec<Known>, PortError> {
        let mut known = Vec::new();
        self.store().each_live_lease(&mut |lease| known.push(Known::of(lease.value))).await?;
        Ok(known)
    }
}
