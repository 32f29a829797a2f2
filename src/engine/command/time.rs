//! `extend`, `restore`, `release`: moving a lease's end.

use super::{Order, question::Deed};
use crate::{
    calendar::Calendar,
    engine::{
        Engine,
        draft::{Draft, Of, person},
    },
    identity::{MachineName, Timestamp},
    lease::{Lease, State, lifecycle::Event},
    notice::Reply,
    request::value::Term,
};

impl Engine {
    pub(super) fn extend(
        &self,
        draft: &mut Draft<'_>,
        order: &Order<'_>,
        by: Term,
        machine: Option<&MachineName>,
    ) {
        let hint = Some("A stopped machine comes back with `restore`.");
        for lease in draft.meant(order, machine, &[State::Active], hint) {
            let Some(deadline) = lease.deadline else {
                draft.impossible(&order.about(lease.id), "it has no end.", None);
                continue;
            };
            // From now if the end has passed, e.g. during a hold.
            let calendar = self.calendar_of(&lease.cookbook);
            let until = end_of(&calendar, by, deadline.at.max(self.now()));
            if until <= deadline.at || until <= self.now() {
                let why = format!(
                    "`{}` is in use until `{}` already, and `{}` is not later.",
                    lease.order.key.name,
                    calendar.describe(deadline.at, self.now()),
                    calendar.absolute(until)
                );
                let hint = Some("An earlier end is chosen with `release`.");
                draft.impossible(&order.about(lease.id), why, hint);
                continue;
            }
            if let Some(say) = self.may_end(draft, order, &lease, until) {
                let event = Event::Extend { until, by: order.by().clone() };
                if Self::move_end(draft, order, &lease, &event, "extend") {
                    draft.count_extension(&lease, say);
                }
            }
        }
    }

    pub(super) fn restore(
        &self,
        draft: &mut Draft<'_>,
        order: &Order<'_>,
        by: Option<Term>,
        machine: Option<&MachineName>,
    ) {
        let hint = Some(
            "What was destroyed can only come back from a backup, if there is one: ask the sysadmins.",
        );
        for lease in draft.meant(order, machine, &[State::Expired], hint) {
            let now = self.now();
            let calendar = self.calendar_of(&lease.cookbook);
            let wanted = end_of(&calendar, by.unwrap_or(Term::For(lease.terms.default)), now);
            // Asked for nothing in particular, it gets what is left.
            let until = match (by, self.budget_end(&lease)) {
                (None, Some(latest)) if latest > now => wanted.min(latest),
                _ => wanted,
            };
            if until <= now {
                draft.impossible(order, "that day has passed.", None);
                continue;
            }
            if let Some(say) = self.may_end(draft, order, &lease, until) {
                let event = Event::Restore { until, by: order.by().clone() };
                if Self::move_end(draft, order, &lease, &event, "restore") {
                    draft.count_extension(&lease, say);
                }
            }
        }
    }

    /// The lease meets the event, if that can still follow; says so if not.
    pub(super) fn move_end(
        draft: &mut Draft<'_>,
        order: &Order<'_>,
        lease: &Lease,
        event: &Event,
        action: &str,
    ) -> bool {
        if draft.lease_event(lease.id, event).is_err() {
            let order = order.about(lease.id);
            draft.impossible(&order, "the machine has moved on meanwhile.", None);
            return false;
        }
        let authority = order.rights.authority();
        draft.audit(
            person(order.by()),
            action,
            Of { lease: Some(lease.id), authority, digest: Some(lease.digest) },
        );
        true
    }

    /// Ends a lease now. Needs a second command, since nothing brings it back.
    pub(super) fn release(draft: &mut Draft<'_>, order: &Order<'_>, machine: Option<&MachineName>) {
        let fit = [State::Provisioning, State::Active, State::Expired, State::Adopted];
        for lease in draft.meant(order, machine, &fit, None) {
            if lease.state == State::Adopted {
                Self::let_go(draft, order, &lease);
                continue;
            }
            if !Self::may_release(draft, order, &lease) {
                return;
            }
            let code = draft.ask(order, Deed::Release, &lease);
            let reply = Reply::ConfirmRelease {
                machine: lease.order.key.name.to_string(),
                code,
                backups: lease.terms.backups.in_words(),
            };
            draft.reply(&order.about(lease.id).key, reply);
        }
    }

    /// Ends the lease that the question was about; a machine that is named as
    /// well has to be that one.
    pub(super) fn confirm_release(
        draft: &mut Draft<'_>,
        order: &Order<'_>,
        machine: Option<&MachineName>,
        given: &str,
    ) {
        let Some(lease) = draft.asked(order, Deed::Release, machine, given) else { return };
        if !Self::may_release(draft, order, &lease) {
            return;
        }
        draft.settle(Deed::Release, lease.id);
        if lease.state == State::Provisioning {
            // Nobody waits for it any more. An illegal event says that others
            // of the request's machines are in use.
            let _ = draft.request_event(crate::request::lifecycle::Event::Settled);
        }
        let event = Event::Release { by: order.by().clone() };
        Self::move_end(draft, order, &lease, &event, "release");
    }

    fn may_release(draft: &mut Draft<'_>, order: &Order<'_>, lease: &Lease) -> bool {
        let may = order.rights.sysadmin.is_some() || draft.is_owner(order, lease.id);
        if !may {
            draft.refuse(order, &["its owner and fallback owners", "sysadmins"]);
            return false;
        }
        if let Some((why, hint)) = draft.protection(lease) {
            draft.impossible(&order.about(lease.id), why, Some(hint));
            return false;
        }
        if let Some(why) = &lease.hold
            && order.rights.sysadmin.is_none()
        {
            let hint = Some("A sysadmin can `unhold` or `release` it.");
            let why = format!("`{}` is on hold: {why}.", lease.order.key.name);
            draft.impossible(&order.about(lease.id), why, hint);
            return false;
        }
        true
    }
}

/// The end that somebody asks for.
pub(super) fn end_of(calendar: &Calendar, term: Term, from: Timestamp) -> Timestamp {
    match term {
        Term::For(lifetime) => calendar.expiry(from, lifetime),
        Term::Until(day) => calendar.expiry_on(day),
    }
}
