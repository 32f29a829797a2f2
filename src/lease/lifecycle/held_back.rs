//! What is held back from outside of the lease: by a freeze, an embargo, or
//! the limit of the day.

use chrono::TimeDelta;

use super::{Effect, Life};
use crate::{
    brake::{Deed, Waiting},
    lease::{Deadline, Step, warning},
};

/// How much later than announced a step may be taken. Later, it is announced
/// anew: whoever was told of a day that passed without anything happening does
/// not expect it any more. Shorter than a day, and a freeze of one night would
/// move every deadline in it.
const SHORTEST_PATIENCE: TimeDelta = TimeDelta::hours(24);

impl Life<'_> {
    /// Time has passed while the next step is held back: people are warned of
    /// it as ever, and once everything else would let it happen, it waits.
    pub(super) fn held_back(&mut self, waiting: &Waiting) {
        let waits = self.approach();
        self.lease.waiting = waits.then(|| waiting.clone());
    }

    /// Whether the deadline may be acted on, after the warnings that are due
    /// were ordered. A step that waited too long gets another deadline.
    pub(super) fn may_step(&mut self) -> bool {
        let ripe = self.approach();
        self.lease.waiting = None;
        let Some(deadline) = self.lease.deadline.filter(|_| ripe) else { return false };
        if self.is_stale(&deadline) {
            self.renew(deadline.step);
            return false;
        }
        self.calendar.may_act(self.now)
    }

    /// Whether the step could have been taken long ago, and something held it
    /// back that nobody had announced.
    fn is_stale(&self, deadline: &Deadline) -> bool {
        let patience = self.lease.terms.min_notice.span().max(SHORTEST_PATIENCE);
        warning::clear_since(&self.lease, deadline)
            .is_ok_and(|since| self.now - self.calendar.next_acting_time(since) > patience)
    }
}

impl Effect {
    /// What it does to the machine, if it is something that can be held back.
    #[must_use]
    pub fn deed(&self) -> Option<Deed> {
        Some(match self {
            Self::Create => Deed::Create,
            Self::Start
            | Self::SwitchOff
            | Self::Reboot
            | Self::Resize(_)
            | Self::Rebuild
            | Self::Adopt(_) => Deed::Change,
            Self::Stop => Deed::Stop,
            Self::Destroy | Self::DropBackups => Deed::Destroy,
            Self::RunHooks(_) | Self::Tell(_) => return None,
        })
    }
}

impl Step {
    /// What it does to the machine.
    #[must_use]
    pub fn deed(self) -> Deed {
        match self {
            Self::Stop => Deed::Stop,
            Self::Destroy | Self::DropBackups => Deed::Destroy,
        }
    }
}
