//! Other terms for a lease that lives: what they move, nobody loses notice by.

use super::{Life, Topic};
use crate::{
    cookbook::Terms,
    identity::{Digest, Person},
    lease::{Deadline, Step},
    quantity::Delay,
};

impl Life<'_> {
    /// From now on these terms count, of that policy version. The notice that was
    /// promised does not get shorter.
    pub(super) fn renew_terms(&mut self, terms: &Terms, policy_version: Digest, by: &Person) {
        let terms = &renewed(&self.lease.terms, terms);
        let before = std::mem::replace(&mut self.lease.terms, terms.clone());
        self.lease.policy_version = policy_version;
        // While a machine is being stopped nothing is announced yet: what follows
        // is computed by these terms.
        let Some(deadline) = self.lease.deadline else { return };
        let moved = |old: Delay, new: Delay| self.calendar.after(deadline.at - old.span(), new);
        let at = match deadline.step {
            Step::Stop => {
                let from = self.lease.handed_over;
                let latest = from.map(|from| self.calendar.expiry(from, terms.total));
                latest.map_or(deadline.at, |latest| latest.min(deadline.at))
            }
            Step::Destroy => moved(before.grace, terms.grace),
            Step::DropBackups => moved(before.backups, terms.backups),
        };
        if at != deadline.at {
            let at = at.max(self.calendar.after(self.now, terms.min_notice));
            let not_before = deadline.not_before;
            self.lease.deadline =
                Some(Deadline { step: deadline.step, at, set_at: self.now, not_before });
        }
        self.tell_deadline(Topic::TermsRenewed { by: by.clone() });
    }
}

/// What a lease with these terms gets of those its cookbook has now.
#[must_use]
pub fn renewed(has: &Terms, grants: &Terms) -> Terms {
    Terms { min_notice: has.min_notice.max(grants.min_notice), ..grants.clone() }
}
