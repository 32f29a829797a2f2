//! What may become of a machine that was found and is not confirmed yet.
//! Nothing here switches, stops or destroys anything.

use super::{Confirmation, Effect, Event, GONE, Life, Topic};
use crate::{
    lease::{State, Step},
    machine::{Power, Shape},
    request::WaitsOn,
};

impl Life<'_> {
    /// What can happen only to such a machine, or means something else for it.
    /// `None`: the event cannot follow.
    pub(super) fn take_unconfirmed(&mut self, event: &Event) -> Option<()> {
        match event {
            Event::Confirm(confirmation) => {
                self.lease.trouble = None;
                self.lease.marking = true;
                self.wait_on(WaitsOn::Provider);
                self.effects.push(Effect::Adopt(confirmation.clone()));
            }
            Event::Marked { confirmation, shape } => self.confirmed(confirmation, *shape),
            Event::MarkRefused { reason } => {
                self.lease.marking = false;
                self.lease.trouble = Some(reason.clone());
                self.wait_on(WaitsOn::Sysadmin);
                self.tell(Topic::NotConfirmed { reason: reason.clone() });
            }
            // Or a machine that nobody looks after would bear it.
            Event::Release { .. } if self.lease.marking => return None,
            Event::Release { .. } => self.let_go(),
            Event::Vanished => {
                // It takes no mark.
                self.lease.marking = false;
                if !self.is_known_to_be_gone() {
                    self.lease.trouble = Some(GONE.to_owned());
                    self.lease.power = Power::Unknown;
                    self.tell(Topic::Vanished);
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// The machine is ours from now on, and its life begins.
    fn confirmed(&mut self, confirmation: &Confirmation, shape: Option<Shape>) {
        self.lease.order.shape = shape.unwrap_or(self.lease.order.shape);
        self.lease.owner = confirmation.owner.clone();
        self.lease.fallback.clone_from(&confirmation.fallback);
        self.lease.order.owner.clone_from(&confirmation.owner.username);
        self.lease.protected = false;
        self.lease.marking = false;
        self.lease.trouble = None;
        self.lease.handed_over = Some(self.now);
        self.enter(State::Active, WaitsOn::Nobody);
        self.set_deadline(Step::Stop, confirmation.until);
        self.tell_deadline(Topic::Confirmed);
    }

    /// The record ends. The machine was never ours: nothing is done to it.
    fn let_go(&mut self) {
        self.lease.hold = None;
        self.lease.trouble = None;
        self.enter(State::Ended, WaitsOn::Nobody);
        self.tell(Topic::LetGo);
    }
}
