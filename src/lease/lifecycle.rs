//! What may follow what in the life of a lease, and what has to be done
//! about it.
//!
//! ```text
//!  Provisioning --created--> Active --deadline--> Expired --deadline--> Destroying
//!       |                      ^                  (stopped,  |              |  ^
//!       | failed               +----- restore ---- grace)    |    destroyed |  |
//!       |                                                    |              v  |
//!       +----------- undo ---------------- release ----------+--> ...   Destroyed --> Ended
//!
//!  Adopted (protected, no deadline) --confirmed, marked--> Active
//!       +-- release --> Ended (the machine stays as it is)
//! ```
//!
//! - An adopted machine is touched first when its confirmation writes our mark
//!   into it. Only when the provider has done that does the lease become active.
//! - A creation that failed goes through `Destroying` too: it may have left
//!   half a machine behind. So does a lease that is released.
//! - `Destroying` has one way out. A destruction that fails is tried again by
//!   the effects queue; it never turns the lease back.
//! - A step by deadline needs [`warning::clear_to_act`] and a working hour; a
//!   lease that is held or protected takes none.
//! - The destruction's deadline is set when the machine is seen to be stopped,
//!   so the grace period is never shorter than promised.
//!
//! [`step`] is pure and total. The effects it returns are intents: the engine
//! stores them in the same transaction as the new state and performs them
//! afterwards, so a crash between the two loses nothing and repeats at most an
//! idempotent call.

mod adopted;
mod effect;
mod event;
mod held_back;
mod renewed;

use thiserror::Error;
use uuid::Uuid;

pub use self::{
    effect::{Effect, News, Topic},
    event::{Confirmation, Event},
    renewed::renewed,
};
use super::{Announcement, Deadline, Lease, OrderedWarning, State, Step, warning};
use crate::{
    calendar::Calendar,
    cookbook::PowerCommand,
    hook,
    identity::{NoteId, Timestamp},
    machine::Power,
    quantity::Delay,
    request::{WaitsOn, value::Term},
};

/// An event that cannot follow the present state; dropped by whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a lease that is {} cannot take {event:?}", state.word())]
pub struct IllegalEvent {
    /// Where the lease stands.
    pub state: State,
    /// What was said to have happened.
    pub event: Event,
}

/// The machine was looked for in vain.
const GONE: &str = "the machine is not on its provider any more";

/// The lease after `event`, and what has to be done about it.
///
/// # Errors
///
/// [`IllegalEvent`] when the event cannot follow.
pub fn step(
    lease: &Lease,
    event: &Event,
    now: Timestamp,
    calendar: &Calendar,
) -> Result<(Lease, Vec<Effect>), IllegalEvent> {
    let mut after = Life { lease: lease.clone(), effects: Vec::new(), now, calendar };
    after.take(event).ok_or_else(|| IllegalEvent { state: lease.state, event: event.clone() })?;
    Ok((after.lease, after.effects))
}

/// A lease in the middle of a step.
struct Life<'a> {
    lease: Lease,
    effects: Vec<Effect>,
    now: Timestamp,
    calendar: &'a Calendar,
}

impl Life<'_> {
    /// `None`: the event cannot follow.
    fn take(&mut self, event: &Event) -> Option<()> {
        match (self.lease.state, event) {
            (State::Provisioning, Event::Created { uuid, addresses, host_keys }) => {
                self.hand_over(*uuid, addresses, host_keys);
            }
            (State::Provisioning, Event::CreationFailed { reason }) => {
                self.lease.trouble = Some(reason.clone());
                self.tell(Topic::CreationFailed { reason: reason.clone() });
                self.destroy();
            }
            (State::Active, Event::Tick) => {
                if self.may_step() {
                    self.enter(State::Expired, WaitsOn::Provider);
                    self.lease.deadline = None;
                    self.effects.push(Effect::Stop);
                }
            }
            (State::Expired, Event::Tick) => {
                if self.may_step() {
                    self.destroy();
                }
            }
            (State::Destroyed, Event::Tick) => {
                if self.may_step() {
                    self.effects.push(Effect::DropBackups);
                }
            }
            (State::Active | State::Expired | State::Destroyed, Event::HeldBack(waiting)) => {
                self.held_back(waiting);
            }
            (
                State::Adopted | State::Provisioning | State::Destroying | State::Ended,
                Event::Tick | Event::HeldBack(_),
            ) => {}
            (State::Active, Event::Extend { until, by }) => {
                self.set_deadline(Step::Stop, *until);
                self.tell_deadline(Topic::Extended { by: by.clone() });
            }
            (State::Expired, Event::Restore { until, .. }) => self.restore(*until),
            (State::Provisioning | State::Active | State::Expired, Event::Release { .. }) => {
                // Whoever may release it has decided about the hold as well.
                self.lease.hold = None;
                self.trouble_is_over();
                self.destroy();
            }
            (State::Active, event) if self.changed_in_use(event) => {}
            (State::Expired, Event::Stopped) => self.stopped(),
            (State::Destroying, Event::Destroyed) => self.destroyed(),
            (State::Destroyed, Event::BackupsDropped) => {
                self.lease.deadline = None;
                self.enter(State::Ended, WaitsOn::Nobody);
            }
            (state, Event::Seen { power, addresses }) if state.has_machine() => {
                self.seen(*power, addresses);
            }
            (State::Active | State::Expired, Event::Vanished) => self.vanished(),
            (state, Event::Hold { reason }) if state != State::Ended => {
                self.lease.hold = Some(reason.clone());
            }
            (state, Event::Unhold) if state != State::Ended => self.unhold(),
            // Protection that came too late can be taken back: nothing else would ever end.
            (state, Event::Protect(protected))
                if state.has_machine() || (state == State::Destroyed && !protected) =>
            {
                let was_protected = std::mem::replace(&mut self.lease.protected, *protected);
                if was_protected && !protected {
                    self.give_notice();
                }
            }
            (_, Event::RunHooksAgain) => self.run_hooks_again(),
            (_, Event::Announced(announcement)) => self.announced(*announcement)?,
            (_, Event::Postpone { not_before }) => {
                let deadline = self.lease.deadline.as_mut()?;
                deadline.not_before = deadline.not_before.max(Some(*not_before));
            }
            (State::Active | State::Expired | State::Destroyed, Event::GiveNotice) => {
                warning::forget_undelivered(&mut self.lease);
                // Those that are held are told when that ends.
                if !self.lease.protected && self.lease.hold.is_none() {
                    self.give_notice();
                }
            }
            (state, Event::Rehomed) if state != State::Ended => self.rehomed(),
            (State::Active | State::Expired | State::Adopted, Event::Transfer { to }) => {
                self.lease.owner = to.clone();
                self.lease.fallback.retain(|person| person.id != to.id);
                self.tell(Topic::Transferred);
            }
            (
                State::Active | State::Expired | State::Destroyed,
                Event::RenewTerms { terms, policy_version, by },
            ) => self.renew_terms(terms, *policy_version, by),
            (State::Adopted, event) => self.take_unconfirmed(event)?,
            _ => return None,
        }
        Some(())
    }

    /// What owners do with a machine while it is theirs, and what came of it.
    /// `false`: the event is about something else.
    fn changed_in_use(&mut self, event: &Event) -> bool {
        match event {
            Event::Switch { command, .. } => self.effects.push(match command {
                PowerCommand::Start => Effect::Start,
                PowerCommand::Stop => Effect::SwitchOff,
                PowerCommand::Reboot => Effect::Reboot,
            }),
            Event::Started => self.started(),
            Event::Rebooted => {
                self.lease.trouble = None;
                self.switched(Power::On);
                self.tell(Topic::Switched(PowerCommand::Reboot));
            }
            Event::Stopped => {
                self.switched(Power::Off);
                self.tell(Topic::Switched(PowerCommand::Stop));
            }
            Event::Resize { shape, .. } => {
                self.lease.resizing.push(*shape);
                self.effects.push(Effect::Resize(*shape));
            }
            Event::Resized { shape } => {
                self.resize_is_over();
                self.lease.order.shape = *shape;
                self.trouble_is_over();
                self.tell(Topic::Resized);
            }
            Event::ResizeRefused { reason } => {
                self.resize_is_over();
                self.trouble_is_over();
                self.tell(Topic::ResizeRefused { reason: reason.clone() });
            }
            Event::Rebuild { .. } => {
                self.lease.order.rebuild += 1;
                self.effects.push(Effect::Rebuild);
            }
            Event::RebuildRefused { reason } => {
                self.trouble_is_over();
                self.tell(Topic::RebuildRefused { reason: reason.clone() });
            }
            Event::Rebuilt { addresses, host_keys } => {
                self.lease.addresses.clone_from(addresses);
                self.lease.host_keys.clone_from(host_keys);
                self.lease.trouble = None;
                self.switched(Power::On);
                self.tell(Topic::Rebuilt);
            }
            _ => return false,
        }
        true
    }

    /// The first of the sizes ordered: they are given in their order.
    fn resize_is_over(&mut self) {
        if !self.lease.resizing.is_empty() {
            self.lease.resizing.remove(0);
        }
    }

    fn hand_over(&mut self, uuid: Uuid, addresses: &[String], host_keys: &[String]) {
        self.lease.order.key.uuid = Some(uuid);
        self.lease.addresses = addresses.to_vec();
        self.lease.host_keys = host_keys.to_vec();
        self.lease.power = Power::On;
        self.lease.handed_over = Some(self.now);
        self.lease.trouble = None;
        self.enter(State::Active, WaitsOn::Nobody);
        let until = match self.lease.granted {
            Term::For(lifetime) => self.calendar.expiry(self.now, lifetime),
            Term::Until(day) => self.calendar.expiry_on(day),
        };
        self.set_deadline(Step::Stop, until);
        self.tell_deadline(Topic::HandedOver);
    }

    /// Orders the warnings that are due, and says whether the deadline may be
    /// acted on in the next working hours.
    fn approach(&mut self) -> bool {
        let Some(deadline) = self.lease.deadline else { return false };
        if self.lease.protected || self.lease.hold.is_some() {
            return false;
        }
        if warning::is_undeliverable(&self.lease, &deadline, self.now) {
            self.lease.hold =
                Some("a warning could not be delivered for 7 days; a sysadmin decides".to_owned());
            self.wait_on(WaitsOn::Sysadmin);
            return false;
        }
        if warning::is_missed(&self.lease, &deadline, self.now) {
            self.renew(deadline.step);
            return false;
        }
        let due = warning::due(&self.lease, &deadline, self.now);
        for lead in &due {
            self.lease.ordered.push(OrderedWarning {
                step: deadline.step,
                deadline: deadline.at,
                lead: *lead,
                at: self.now,
            });
        }
        // Several at once means the earlier ones were missed: one comment says it all.
        if let Some(lead) = due.last() {
            self.tell_deadline(Topic::Warning { lead: *lead });
        }
        warning::clear_to_act(&self.lease, &deadline, self.now).is_ok()
    }

    fn restore(&mut self, until: Timestamp) {
        self.enter(State::Active, WaitsOn::Provider);
        // They are run again when it is stopped again.
        self.lease.hooks.retain(|run| run.point != hook::Point::PreStop);
        self.lease.power = Power::Unknown;
        self.set_deadline(Step::Stop, until);
        self.effects.push(Effect::Start);
    }

    /// A switch was done; whatever stood in its way is over.
    fn switched(&mut self, power: Power) {
        self.lease.power = power;
        self.trouble_is_over();
        self.wait_on(WaitsOn::Nobody);
    }

    fn started(&mut self) {
        self.lease.trouble = None;
        self.switched(Power::On);
        let announced = self.lease.deadline.is_some_and(|deadline| {
            self.lease.announcements.iter().any(|said| {
                (said.step, said.deadline) == (deadline.step, deadline.at)
                    && said.delivered_at >= deadline.set_at
            })
        });
        if announced {
            self.tell(Topic::Switched(PowerCommand::Start));
        } else {
            self.tell_deadline(Topic::Restored);
        }
    }

    fn stopped(&mut self) {
        self.lease.power = Power::Off;
        self.trouble_is_over();
        self.wait_on(WaitsOn::Requester);
        if self.lease.deadline.is_some() {
            self.tell_deadline(Topic::StoppedAgain);
        } else {
            let until = self.calendar.after(self.now, self.lease.terms.grace);
            self.set_deadline(Step::Destroy, until);
            self.tell_deadline(Topic::Stopped);
        }
    }

    fn destroy(&mut self) {
        self.lease.deadline = None;
        self.lease.progress = None;
        self.enter(State::Destroying, WaitsOn::Provider);
        self.effects.push(Effect::Destroy);
    }

    fn destroyed(&mut self) {
        self.lease.power = Power::Off;
        self.lease.trouble = None;
        if self.lease.handed_over.is_some() {
            self.enter(State::Destroyed, WaitsOn::Nobody);
            let until = self.calendar.after(self.now, self.lease.terms.backups);
            self.set_deadline(Step::DropBackups, until);
            self.tell_deadline(Topic::Destroyed);
        } else {
            // Undone before anybody had it: there is nothing to keep.
            self.enter(State::Ended, WaitsOn::Nobody);
            self.tell(Topic::Undone);
        }
    }

    fn seen(&mut self, power: Power, addresses: &[String]) {
        if self.is_known_to_be_gone() {
            self.lease.trouble = None;
        }
        let started_from_outside = self.lease.state == State::Expired
            && self.lease.deadline.is_some()
            && self.lease.power == Power::Off
            && power == Power::On;
        if started_from_outside {
            self.effects.push(Effect::Stop);
        }
        if self.lease.state != State::Destroying {
            self.lease.power = power;
        }
        if !addresses.is_empty() {
            self.lease.addresses = addresses.to_vec();
        }
    }

    /// Somebody removed it behind our back. Nothing is made or destroyed by
    /// guesswork: a person decides.
    fn vanished(&mut self) {
        // Said once: `unhold` after that means to go on without it.
        if self.lease.hold.is_none() && !self.is_known_to_be_gone() {
            self.lease.hold = Some(GONE.to_owned());
            self.lease.trouble = Some(GONE.to_owned());
            self.lease.power = Power::Unknown;
            self.wait_on(WaitsOn::Sysadmin);
            self.tell(Topic::Vanished);
        }
    }

    fn is_known_to_be_gone(&self) -> bool {
        self.lease.trouble.as_deref() == Some(GONE)
    }

    /// A step succeeded. That a machine is gone stays true until it is seen.
    fn trouble_is_over(&mut self) {
        if !self.is_known_to_be_gone() {
            self.lease.trouble = None;
        }
    }

    fn unhold(&mut self) {
        if self.lease.hold.take().is_some() {
            self.wait_on(WaitsOn::Nobody);
            warning::forget_undelivered(&mut self.lease);
            self.give_notice();
        }
    }

    /// A step that fell due while nothing happened by itself must not be taken
    /// the moment things happen again: people get the full notice once more.
    fn give_notice(&mut self) {
        let Some(deadline) = self.lease.deadline else { return };
        if deadline.at < self.calendar.after(self.now, self.lease.terms.min_notice) {
            self.renew(deadline.step);
        }
    }

    /// What cannot be read any more does not count any more.
    fn rehomed(&mut self) {
        // Whatever moment they bear: a clock that was ahead may have been set back.
        self.lease.announcements.clear();
        self.lease.ordered.clear();
        if let Some(deadline) = self.lease.deadline {
            let notice = self.calendar.after(self.now, self.lease.terms.min_notice);
            self.set_deadline(deadline.step, deadline.at.max(notice));
        }
        // What is kept is told when that ends.
        if self.lease.deadline.is_none() || self.lease.protected || self.lease.hold.is_some() {
            self.tell(Topic::Rehomed);
        } else {
            self.tell_deadline(Topic::Rehomed);
        }
    }

    /// The deadline cannot be kept: another one that leaves the full notice.
    fn renew(&mut self, step: Step) {
        let at = self.calendar.after(self.now, self.lease.terms.min_notice);
        self.set_deadline(step, at);
        let minutes = u32::try_from((at - self.now).num_minutes()).unwrap_or(u32::MAX);
        let lead = Delay::new(minutes).unwrap_or(Delay::MAX);
        self.lease.ordered.push(OrderedWarning { step, deadline: at, lead, at: self.now });
        self.tell_deadline(Topic::Warning { lead });
    }

    fn announced(&mut self, announcement: Announcement) -> Option<()> {
        let deadline = self.lease.deadline?;
        let current = (deadline.step, deadline.at) == (announcement.step, announcement.deadline);
        if !current {
            return None;
        }
        if !self.lease.announcements.contains(&announcement) {
            self.lease.announcements.push(announcement);
        }
        Some(())
    }

    fn run_hooks_again(&mut self) {
        for point in hook::Point::ALL {
            let effect = Effect::RunHooks(point);
            if !effect.fits(self.lease.state) {
                continue;
            }
            let left = self
                .lease
                .hooks
                .iter_mut()
                .filter(|run| run.point == point && run.outcome == hook::Outcome::LeftToPeople);
            let mut any = false;
            for run in left {
                run.outcome = hook::Outcome::Failing;
                run.tries = 0;
                any = true;
            }
            if any {
                self.effects.push(effect);
            }
        }
    }

    fn enter(&mut self, state: State, waits_on: WaitsOn) {
        self.lease.state = state;
        self.lease.waiting = None;
        // What was ordered for the machine in use does not fit any more.
        self.lease.resizing.clear();
        // Nobody would try these again.
        for run in &mut self.lease.hooks {
            if run.outcome == hook::Outcome::Failing && !Effect::RunHooks(run.point).fits(state) {
                run.outcome = hook::Outcome::LeftToPeople;
            }
        }
        self.lease.waits_on = waits_on;
        self.lease.waits_since = self.now;
    }

    fn wait_on(&mut self, waits_on: WaitsOn) {
        if self.lease.waits_on != waits_on {
            self.lease.waits_on = waits_on;
            self.lease.waits_since = self.now;
        }
    }

    fn set_deadline(&mut self, step: Step, at: Timestamp) {
        self.lease.waiting = None;
        self.lease.deadline = Some(Deadline { step, at, set_at: self.now, not_before: None });
    }

    fn tell(&mut self, topic: Topic) {
        self.effects.push(Effect::Tell(News { topic, announces: None }));
    }

    fn tell_deadline(&mut self, topic: Topic) {
        let announces = self.lease.deadline.map(|deadline| (deadline.step, deadline.at));
        self.effects.push(Effect::Tell(News { topic, announces }));
    }
}

/// The announcement that a delivered comment makes of a lease's present
/// deadline, if that is what it named.
#[must_use]
pub fn announcement(lease: &Lease, news: &News, note: NoteId, at: Timestamp) -> Option<Event> {
    let deadline = lease.deadline?;
    let (step, named) = news.announces?;
    (step == deadline.step && named == deadline.at).then_some(Event::Announced(Announcement {
        step,
        deadline: named,
        note,
        delivered_at: at,
    }))
}

#[cfg(test)]
mod tests;
