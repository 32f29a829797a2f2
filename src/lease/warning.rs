//! Which warnings a deadline needs, and whether they were delivered.
//!
//! Every deadline is announced when it is set, and again some time before it
//! is acted on. A step may be taken only when each of these was *delivered*
//! (the forge gave the comment an id), named this very deadline, and the notice
//! that the terms promise has passed since the last of them. A moved deadline
//! starts from nothing.

use chrono::TimeDelta;

use super::{Deadline, Lease, OrderedWarning, Step};
use crate::{cookbook::Terms, identity::Timestamp, quantity::Delay};

/// After this long without a delivery a person has to decide. Shorter would
/// wake people for a forge that is down over a weekend; longer leaves machines
/// running that nobody hears of.
pub const UNDELIVERABLE_AFTER: TimeDelta = TimeDelta::days(7);

/// Why a step may not be taken yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotYet {
    /// Its time has not come.
    Early {
        /// When it comes.
        until: Timestamp,
    },
    /// Nobody was told of this deadline since it was set.
    Unannounced,
    /// The warning due this long before it was not delivered.
    Unwarned {
        /// How long before.
        lead: Delay,
    },
    /// Everything was delivered, but people have not had the promised notice.
    ShortNotice {
        /// When they have had it.
        until: Timestamp,
    },
}

/// The warnings this deadline needs after its announcement, longest lead
/// first. One whose time lay before the deadline was even set is not needed:
/// the announcement itself is later than it.
#[must_use]
pub fn leads(terms: &Terms, deadline: &Deadline) -> Vec<Delay> {
    let wanted: &[Delay] = match deadline.step {
        Step::Stop => &terms.warn,
        Step::Destroy => std::slice::from_ref(&terms.min_notice),
        Step::DropBackups => &[],
    };
    let mut leads: Vec<Delay> =
        wanted.iter().copied().filter(|lead| deadline.at - lead.span() > deadline.set_at).collect();
    leads.sort_unstable_by(|a, b| b.cmp(a));
    leads.dedup();
    leads
}

/// Since when people rely on being heard about this deadline: from its first
/// warning on, and as long before it as notice was promised.
#[must_use]
pub fn notice_begins(terms: &Terms, deadline: &Deadline) -> Timestamp {
    let longest = leads(terms, deadline).first().map_or(TimeDelta::zero(), |lead| lead.span());
    deadline.at - longest.max(terms.min_notice.span())
}

/// The warnings whose time has come and that were not ordered yet, longest
/// lead first.
#[must_use]
pub fn due(lease: &Lease, deadline: &Deadline, now: Timestamp) -> Vec<Delay> {
    leads(&lease.terms, deadline)
        .into_iter()
        .filter(|lead| deadline.at - lead.span() <= now && !is_ordered(lease, deadline, *lead))
        .collect()
}

/// Whether `deadline` may be acted on at `now`.
///
/// # Errors
///
/// The first thing that is missing.
pub fn clear_to_act(lease: &Lease, deadline: &Deadline, now: Timestamp) -> Result<(), NotYet> {
    let time = time_of(deadline);
    if now < time {
        return Err(NotYet::Early { until: time });
    }
    let until = clear_since(lease, deadline)?;
    if now < until { Err(NotYet::ShortNotice { until }) } else { Ok(()) }
}

/// From when on `deadline` may be acted on: its time has come, and the notice
/// that was promised is over.
///
/// # Errors
///
/// What has not been said yet.
pub fn clear_since(lease: &Lease, deadline: &Deadline) -> Result<Timestamp, NotYet> {
    let noticed = last_delivery(lease, deadline)? + lease.terms.min_notice.span();
    Ok(noticed.max(time_of(deadline)))
}

/// When its step may be taken at the earliest: not before what an outage left.
#[must_use]
pub fn time_of(deadline: &Deadline) -> Timestamp {
    deadline.not_before.map_or(deadline.at, |not_before| deadline.at.max(not_before))
}

/// Whether `deadline` has come without everything that had to be said before
/// it. What is said from now on would name a moment that is past, so it needs
/// another deadline.
#[must_use]
pub fn is_missed(lease: &Lease, deadline: &Deadline, now: Timestamp) -> bool {
    now >= deadline.at && last_delivery(lease, deadline).is_err()
}

/// When the last of the announcement and the warnings was delivered.
fn last_delivery(lease: &Lease, deadline: &Deadline) -> Result<Timestamp, NotYet> {
    let mut last = delivered_since(lease, deadline, deadline.set_at).ok_or(NotYet::Unannounced)?;
    for lead in leads(&lease.terms, deadline) {
        let delivered = delivered_since(lease, deadline, deadline.at - lead.span())
            .ok_or(NotYet::Unwarned { lead })?;
        last = last.max(delivered);
    }
    Ok(last)
}

/// Whether a warning was ordered so long ago, and nothing delivered since,
/// that it must be taken for undeliverable. The deadline may have been missed
/// and moved meanwhile.
#[must_use]
pub fn is_undeliverable(lease: &Lease, deadline: &Deadline, now: Timestamp) -> bool {
    // A deadline without warnings has only its announcement.
    let unannounced = now - deadline.at.max(deadline.set_at) >= UNDELIVERABLE_AFTER
        && delivered_since(lease, deadline, deadline.set_at).is_none();
    unannounced
        || lease
            .ordered
            .iter()
            .any(|ordered| now - ordered.at >= UNDELIVERABLE_AFTER && !is_delivered(lease, ordered))
}

/// Whether anything about a deadline was delivered since this was ordered.
fn is_delivered(lease: &Lease, ordered: &OrderedWarning) -> bool {
    lease.announcements.iter().any(|said| said.delivered_at >= ordered.at)
}

/// Forgets warnings that were ordered and never delivered, so that they are
/// ordered again: a person decided to go on.
pub fn forget_undelivered(lease: &mut Lease) {
    let mut ordered = std::mem::take(&mut lease.ordered);
    ordered.retain(|ordered| is_delivered(lease, ordered));
    lease.ordered = ordered;
}

/// When the sweep has to look at this lease again: the next warning that is
/// not ordered, else the deadline itself.
#[must_use]
pub fn next_check(lease: &Lease) -> Option<Timestamp> {
    let deadline = lease.deadline.as_ref()?;
    leads(&lease.terms, deadline)
        .into_iter()
        .filter(|lead| !is_ordered(lease, deadline, *lead))
        .map(|lead| deadline.at - lead.span())
        .min()
        .or(Some(deadline.at))
}

fn is_ordered(lease: &Lease, deadline: &Deadline, lead: Delay) -> bool {
    lease.ordered.iter().any(|ordered| {
        (ordered.step, ordered.deadline, ordered.lead) == (deadline.step, deadline.at, lead)
            && ordered.at >= deadline.set_at
    })
}

/// When this deadline was first announced at or after `since`.
fn delivered_since(lease: &Lease, deadline: &Deadline, since: Timestamp) -> Option<Timestamp> {
    lease
        .announcements
        .iter()
        .filter(|said| (said.step, said.deadline) == (deadline.step, deadline.at))
        .map(|said| said.delivered_at)
        .filter(|delivered| *delivered >= since.max(deadline.set_at))
        .min()
}
