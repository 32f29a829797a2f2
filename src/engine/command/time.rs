//! `extend`, `restore`, `release`: moving a lease's end.

use chrono::TimeDelta;

use super::Order;
use crate::{
    engine::{
        Engine,
        draft::{Draft, Of, person},
    },
    identity::{Digest, MachineName, Timestamp},
    lease::{Lease, State, lifecycle::Event},
    notice::Reply,
    request::{Question, value::Term},
};

/// How long a question whether to end a machine stays open.
const ANSWER_WITHIN: TimeDelta = TimeDelta::hours(24);

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
                draft.impossible(order, "it has no end.", None);
                continue;
            };
            let until = self.end_of(by, deadline.at);
            if until <= deadline.at {
                let why = format!(
                    "it is in use until `{}` already.",
                    self.calendar.describe(deadline.at, self.now())
                );
                draft.impossible(order, why, Some("An earlier end is chosen with `release`."));
                continue;
            }
            if self.within_budget(draft, order, &lease, until) {
                let event = Event::Extend { until, by: order.by().clone() };
                self.move_end(draft, order, &lease, &event, "extend");
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
            let wanted = self.end_of(by.unwrap_or(Term::For(lease.terms.default)), now);
            // Asked for nothing in particular, it gets what is left.
            let until = match (by, self.budget_end(&lease)) {
                (None, Some(latest)) if latest > now => wanted.min(latest),
                _ => wanted,
            };
            if self.within_budget(draft, order, &lease, until) {
                let event = Event::Restore { until, by: order.by().clone() };
                self.move_end(draft, order, &lease, &event, "restore");
            }
        }
    }

    fn end_of(&self, term: Term, from: Timestamp) -> Timestamp {
        match term {
            Term::For(lifetime) => self.calendar.expiry(from, lifetime),
            Term::Until(day) => self.calendar.expiry_on(day),
        }
    }

    /// Whether this end is the asker's to choose; answers when it is not.
    fn within_budget(
        &self,
        draft: &mut Draft<'_>,
        order: &Order<'_>,
        lease: &Lease,
        until: Timestamp,
    ) -> bool {
        if order.rights.decides() {
            return true;
        }
        if !draft.is_owner(order, lease.id) {
            draft.refuse(order, &["its owner and fallback owners", "approvers", "sysadmins"]);
            return false;
        }
        let latest = self.budget_end(lease);
        if latest.is_some_and(|latest| until <= latest) {
            return true;
        }
        let words = |at| self.calendar.describe(at, self.now());
        let reply = Reply::ExtendBeyondBudget {
            machine: lease.order.key.name.to_string(),
            latest: latest.map_or_else(|| "now".to_owned(), words),
            approvers: order.cookbook.map(crate::engine::judge::approvers).unwrap_or_default(),
            example: format!("@{} {} 2w", order.desk.own.username, order.word),
        };
        draft.reply(order.key, reply);
        false
    }

    fn move_end(
        &self,
        draft: &mut Draft<'_>,
        order: &Order<'_>,
        lease: &Lease,
        event: &Event,
        action: &str,
    ) {
        if draft.lease_event(lease.id, event).is_err() {
            draft.impossible(order, "the machine has moved on meanwhile.", None);
            return;
        }
        let authority = order.rights.authority();
        draft.audit(
            person(order.by()),
            action,
            Of { lease: Some(lease.id), authority, digest: Some(lease.digest) },
        );
    }

    /// Ends a lease now. Needs a second command, since nothing brings it back.
    pub(super) fn release(
        &self,
        draft: &mut Draft<'_>,
        order: &Order<'_>,
        machine: Option<&MachineName>,
        confirmation: Option<&str>,
    ) {
        if let Some(code) = confirmation {
            self.confirm_release(draft, order, code);
            return;
        }
        let fit = [State::Provisioning, State::Active, State::Expired];
        for lease in draft.meant(order, machine, &fit, None) {
            if !self.may_release(draft, order, &lease) {
                return;
            }
            let code = Digest::of(format!("{}:{}", lease.id, order.note.id)).short();
            let question =
                Question::Release { lease: lease.id, code: code.clone(), at: draft.now() };
            draft.request_mut().questions.push(question);
            let reply = Reply::ConfirmRelease {
                machine: lease.order.key.name.to_string(),
                code,
                backups: crate::notice::news::in_words(lease.terms.backups),
            };
            draft.reply(&format!("{}:{}", order.key, lease.id), reply);
        }
    }

    fn confirm_release(&self, draft: &mut Draft<'_>, order: &Order<'_>, given: &str) {
        let now = draft.now();
        let asked = draft.request.value.questions.iter().find_map(|question| match question {
            Question::Release { lease, code, at }
                if code.eq_ignore_ascii_case(given) && now - *at <= ANSWER_WITHIN =>
            {
                Some(*lease)
            }
            _ => None,
        });
        let lease = asked.and_then(|id| draft.leases.iter().find(|lease| lease.value.id == id));
        let Some(lease) = lease.map(|lease| lease.value.clone()) else {
            let hint = Some("Say `release` again to be asked again.");
            draft.impossible(order, "no open question has this code.", hint);
            return;
        };
        if !self.may_release(draft, order, &lease) {
            return;
        }
        draft.request_mut().questions.retain(
            |question| !matches!(question, Question::Release { lease: other, .. } if *other == lease.id),
        );
        let event = Event::Release { by: order.by().clone() };
        self.move_end(draft, order, &lease, &event, "release");
    }

    fn may_release(&self, draft: &mut Draft<'_>, order: &Order<'_>, lease: &Lease) -> bool {
        let may = order.rights.sysadmin.is_some() || draft.is_owner(order, lease.id);
        if !may {
            draft.refuse(order, &["its owner and fallback owners", "sysadmins"]);
            return false;
        }
        if lease.protected {
            let hint = Some("A sysadmin can `unprotect` it first.");
            draft.impossible(order, "it is protected.", hint);
            return false;
        }
        if let Some(why) = &lease.hold
            && order.rights.sysadmin.is_none()
        {
            let hint = Some("A sysadmin can `unhold` or `release` it.");
            draft.impossible(order, format!("it is on hold: {why}."), hint);
            return false;
        }
        true
    }
}
