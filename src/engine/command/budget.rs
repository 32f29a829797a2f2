//! How far the owner's word alone can move a lease's end: `total`, `max` and
//! `extensions` of the terms it was granted under.

use super::Order;
use crate::{
    engine::{Engine, draft::Draft},
    identity::Timestamp,
    lease::{Lease, Step},
    notice::Reply,
};

/// By whose word an end is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Say {
    /// The owner's alone.
    Owner,
    /// That of an approver or sysadmin, which the owner's limits do not bind.
    Above,
}

impl Engine {
    /// The latest end that the owner's word alone can give a lease now, however
    /// often it has.
    pub(super) fn budget_end(&self, lease: &Lease) -> Option<Timestamp> {
        let total = self.calendar.expiry(lease.handed_over?, lease.terms.total);
        Some(total.min(self.end_of_one(lease)))
    }

    /// The end of the longest single extension.
    fn end_of_one(&self, lease: &Lease) -> Timestamp {
        self.calendar.expiry(self.present_end(lease), lease.terms.max)
    }

    /// Where an extension counts from: the end there is, or now if it passed.
    fn present_end(&self, lease: &Lease) -> Timestamp {
        let now = self.now();
        let end = lease.deadline.filter(|deadline| deadline.step == Step::Stop);
        end.map_or(now, |deadline| deadline.at.max(now))
    }

    /// By whose word this may be the end; answers when it is not the asker's
    /// to choose.
    pub(super) fn may_end(
        &self,
        draft: &mut Draft<'_>,
        order: &Order<'_>,
        lease: &Lease,
        until: Timestamp,
    ) -> Option<Say> {
        let owner = draft.is_owner(order, lease.id);
        // An approver does not go beyond the budget of a machine of their own,
        // as they do not approve a request of their own.
        let own = order.cookbook.is_some_and(|cookbook| cookbook.approval.own);
        let approves = order.rights.approver.is_some() && (own || !owner);
        if approves || order.rights.sysadmin.is_some() {
            return Some(Say::Above);
        }
        if !owner {
            draft.refuse(order, &["its owner and fallback owners", "approvers", "sysadmins"]);
            return None;
        }
        let used_up = lease.terms.extensions.filter(|most| lease.extensions.alone >= *most);
        let latest = self.budget_end(lease).filter(|_| used_up.is_none());
        if latest.is_some_and(|latest| until <= latest) {
            return Some(Say::Owner);
        }
        let now = self.now();
        // An end that was reached is no offer.
        let latest = latest.filter(|latest| *latest > self.present_end(lease));
        let one = latest.filter(|latest| *latest == self.end_of_one(lease));
        let reply = Reply::ExtendBeyondBudget {
            machine: lease.order.key.name.to_string(),
            latest: latest.map(|latest| self.calendar.describe(latest, now)),
            longest: one.map(|_| lease.terms.max.to_string()),
            extensions: used_up,
            approvers: order.cookbook.map(crate::engine::judge::approvers).unwrap_or_default(),
            example: format!("@{} {} 2w", order.desk.own.username, order.word),
        };
        draft.reply(&order.about(lease.id).key, reply);
        None
    }
}

impl Draft<'_> {
    /// The end of a lease was moved.
    pub(super) fn count_extension(&mut self, lease: &Lease, say: Say) {
        if let Some(lease) = self.lease_mut(lease.id) {
            let extensions = &mut lease.extensions;
            extensions.all = extensions.all.saturating_add(1);
            extensions.alone = extensions.alone.saturating_add(u32::from(say == Say::Owner));
        }
    }
}
