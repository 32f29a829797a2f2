//! Performing what was decided. An effect is checked against the present state
//! before it is performed, and its outcome is stored together with what
//! follows from it; a crash in between repeats an idempotent call.

use chrono::TimeDelta;

use super::{
    Engine,
    brakes::goes_on,
    draft::{Draft, Of},
    hooks::{When, is_taken, know_machine},
    trouble::{refusal, team_note, thing},
};
use crate::{
    effect::Task,
    identity::{LeaseId, RequestId, Timestamp},
    lease::{
        Lease, State,
        lifecycle::{Effect, Event},
    },
    machine::{Keep, MachineOrder},
    notice::Reply,
    ports::{
        PortError, Verdict,
        provider::Provider,
        store::{Actor, Change, ClaimedEffect, CommitError},
    },
    request::lifecycle as request_life,
};

/// How much of its claim a call may need at most, as a part of it: a provider
/// takes longer than a forge. Time-outs are sooner than that.
pub(super) const FOR_PROVIDER: i32 = 2;
/// The same for a forge.
pub(super) const FOR_FORGE: i32 = 4;

/// How long before a step that must not be taken is asked for again.
const FORBIDDEN_AGAIN: TimeDelta = TimeDelta::minutes(30);

impl Engine {
    pub(super) async fn perform(&self, effect: &ClaimedEffect) -> Result<(), PortError> {
        let outcome = match self.is_overtaken_by_restoring(effect).await {
            Ok(true) => Ok(()),
            Ok(false) => self.perform_now(effect).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => {
                self.log_end(&thing(effect));
                Ok(())
            }
            // The lease moved meanwhile: the effect is performed again, which is
            // idempotent, or is found to be overtaken. If somebody else took it
            // over, this changes nothing. What was to be stored has happened.
            Err(CommitError::Conflict) => {
                self.store().doubt_effect(effect, self.now(), "the lease moved").await
            }
            Err(CommitError::Port(error)) => self.failed(effect, &error).await,
        }
    }

    async fn perform_now(&self, effect: &ClaimedEffect) -> Result<(), CommitError> {
        match &effect.task {
            Task::Reply(request, reply) => self.answer(effect, *request, reply).await,
            Task::TeamNote(request, note) => self.tell_team(effect, *request, note).await,
            Task::Lease(lease, Effect::Tell(news)) => self.tell(effect, *lease, news).await,
            Task::Lease(lease, step) => self.act(effect, *lease, step).await,
        }
    }

    // --- machines

    async fn act(
        &self,
        effect: &ClaimedEffect,
        id: LeaseId,
        step: &Effect,
    ) -> Result<(), CommitError> {
        let Some((mut draft, lease)) = self.draft_of_lease(id).await? else {
            return self.drop_effect(effect).await;
        };
        if !step.fits(lease.state) {
            return self.overtaken(effect, draft, (&lease, step)).await;
        }
        let taken = is_taken(&lease, step);
        if !taken {
            if let Some(due) = self.working_hours(effect, &lease, step) {
                let why = "it waits for the next working hours";
                return Ok(self.store().hold_effect(effect, due, why).await?);
            }
            if let Some(why) = self.forbidden(&lease, step).await? {
                self.show_trouble(&mut draft, id, &why, false).await?;
                let due = self.now() + FORBIDDEN_AGAIN;
                return Ok(self.store().hold_effect(effect, due, &why).await?);
            }
            let waiting = match self.brake_on(step, &lease).await? {
                // A place in the day's limit is for what may go on.
                None => self.day_limit(effect, step).await?,
                held => held,
            };
            if let Some(waiting) = waiting {
                return self.let_wait(effect, &mut draft, id, waiting).await;
            }
        }
        if self.hook_ran(effect, &mut draft, id, step, When::Before).await? {
            return Ok(());
        }
        if matches!(step, Effect::RunHooks(_)) {
            return self.finish(effect, draft).await;
        }
        let provider = self.provider(&lease.provider)?;
        // Hooks take their time: the last moment at which a freeze is heard.
        if !taken && let Some(waiting) = self.brake_on(step, &lease).await? {
            return self.let_wait(effect, &mut draft, id, waiting).await;
        }
        self.has_time(&thing(effect), effect.until, FOR_PROVIDER)?;
        let event = match take_step(provider, &lease, step).await {
            Ok(event) => {
                draft.time_passed();
                know_machine(&mut draft, id, &event);
                if self.hook_ran(effect, &mut draft, id, step, When::After).await? {
                    return Ok(());
                }
                event
            }
            Err(error) => match self.refused(effect, provider, &lease, step, &error).await? {
                Some(event) => {
                    if is_refusal(&event) && error.verdict != Verdict::Full {
                        team_note(&mut draft, effect, &lease, &error);
                    }
                    event
                }
                None => return Err(error.into()),
            },
        };
        if lease.progress.is_some()
            && let Some(lease) = draft.lease_mut(id)
        {
            lease.progress = None;
        }
        goes_on(&mut draft, id);
        draft.lease_event(id, &event).map_err(PortError::bug("take a provider's answer"))?;
        let action = audit_word(&event);
        draft.audit(
            Actor::Outside,
            action,
            Of { lease: Some(id), digest: Some(lease.digest), ..Of::default() },
        );
        follow_request(&mut draft);
        self.finish(effect, draft).await
    }

    /// Asked right before a call that must not be made by two: whether enough is
    /// left for it of the claim on `thing`, which holds until `until`. A process
    /// that stood still in between, or was slow, must not act on what another
    /// has taken over.
    pub(super) fn has_time(
        &self,
        thing: &str,
        until: Timestamp,
        part: i32,
    ) -> Result<(), PortError> {
        if is_left(self.now(), until, self.settings.claim, part) {
            return Ok(());
        }
        Err(PortError::retry(thing, "too little of the claim on it is left"))
    }

    /// When a step that was to be taken in working hours, and could not, may
    /// be tried again; nothing if that is now. What somebody ordered outside
    /// of them, by a release, is done whenever it can be.
    fn working_hours(
        &self,
        effect: &ClaimedEffect,
        lease: &Lease,
        step: &Effect,
    ) -> Option<Timestamp> {
        let calendar = self.calendar_of(&lease.cookbook);
        let destructive = matches!(step, Effect::Stop | Effect::Destroy | Effect::DropBackups);
        let now = self.now();
        let waits = destructive && calendar.may_act(effect.ordered_at) && !calendar.may_act(now);
        waits.then(|| calendar.next_acting_time(now))
    }

    /// Why a step must not be taken before a person says so, if it must not.
    async fn forbidden(&self, lease: &Lease, step: &Effect) -> Result<Option<String>, PortError> {
        match step {
            Effect::Stop | Effect::Rebuild if self.is_protected(lease) => {
                Ok(Some("it is protected".to_owned()))
            }
            Effect::Destroy | Effect::DropBackups => {
                if self.is_protected(lease) {
                    return Ok(Some("it is protected".to_owned()));
                }
                if let Some(why) = &lease.hold {
                    return Ok(Some(why.clone()));
                }
                let clock = "the clock moved back; nothing is destroyed until it has caught up";
                Ok(self.clock_moved_back().await?.then(|| clock.to_owned()))
            }
            _ => Ok(None),
        }
    }

    /// By a sysadmin's command, or by the operator's list.
    pub(super) fn is_protected(&self, lease: &Lease) -> bool {
        lease.protected || self.is_listed(lease)
    }

    /// The operator's list wins over everything.
    pub(super) fn is_listed(&self, lease: &Lease) -> bool {
        let name = lease.order.key.name.as_str();
        self.in_force().protected_names.iter().any(|other| other == name)
    }

    /// What a refusal means for the lease, where it means something.
    async fn refused(
        &self,
        effect: &ClaimedEffect,
        provider: &dyn Provider,
        lease: &Lease,
        step: &Effect,
        error: &PortError,
    ) -> Result<Option<Event>, PortError> {
        match (error.verdict, step) {
            // Waiting for it would hold up whatever else is wanted of the machine.
            (Verdict::Full | Verdict::GiveUp, Effect::Resize(_)) => {
                Ok(Some(Event::ResizeRefused { reason: refusal(effect, error) }))
            }
            (Verdict::Full | Verdict::GiveUp, Effect::Rebuild) => {
                tracing::error!(lease = %lease.id, error = %error.chain(), "a machine cannot be installed anew");
                Ok(Some(Event::RebuildRefused { reason: refusal(effect, error) }))
            }
            (Verdict::Retry { .. } | Verdict::Underway { .. } | Verdict::Full, _) => Ok(None),
            (_, Effect::Create) => {
                tracing::error!(lease = %lease.id, error = %error.chain(), "a machine cannot be made");
                Ok(Some(Event::CreationFailed { reason: refusal(effect, error) }))
            }
            (
                Verdict::Missing,
                Effect::Start | Effect::Reboot | Effect::Resize(_) | Effect::Rebuild,
            ) => Ok(Some(Event::Vanished)),
            (_, Effect::Adopt(_)) => {
                tracing::error!(lease = %lease.id, error = %error.chain(), "a machine cannot be adopted");
                Ok(Some(Event::MarkRefused { reason: refusal(effect, error) }))
            }
            // The undo of a creation that was refused because the name is
            // somebody else's: the provider will not touch their machine, and
            // its listing shows that none is ours.
            (Verdict::GiveUp, Effect::Destroy) if lease.order.key.uuid.is_none() => {
                let listed = provider.list().await?;
                let ours = listed.iter().any(|machine| machine.lease == Some(lease.id));
                Ok((!ours).then_some(Event::Destroyed))
            }
            _ => Ok(None),
        }
    }

    // --- outcomes

    pub(super) async fn finish(
        &self,
        effect: &ClaimedEffect,
        mut draft: Draft<'_>,
    ) -> Result<(), CommitError> {
        draft.finishes(effect);
        draft.look_again();
        draft.commit().await
    }

    /// The lease has moved on before this step could be taken. Whoever ordered
    /// it was told that it is on its way, and hears that it is not.
    async fn overtaken(
        &self,
        effect: &ClaimedEffect,
        mut draft: Draft<'_>,
        (lease, step): (&Lease, &Effect),
    ) -> Result<(), CommitError> {
        let command = match step {
            Effect::Start => "start",
            Effect::SwitchOff => "stop",
            Effect::Reboot => "reboot",
            Effect::Resize(_) => "resize",
            Effect::Rebuild => "rebuild",
            _ => return self.drop_effect(effect).await,
        };
        let state = super::view::state_in_words(lease);
        let reply = Reply::NotPossible {
            command: command.to_owned(),
            why: format!("`{}` is {state} by now.", lease.order.key.name),
            hint: None,
        };
        draft.reply(&format!("overtaken:{}", effect.id), reply);
        self.finish(effect, draft).await
    }

    /// It was overtaken: done without being performed.
    pub(super) async fn drop_effect(&self, effect: &ClaimedEffect) -> Result<(), CommitError> {
        let change = Change { finishes: Some(effect.clone()), at: self.now(), ..Change::default() };
        self.store().commit(&change).await
    }

    pub(super) async fn draft_of(&self, id: RequestId) -> Result<Option<Draft<'_>>, PortError> {
        let Some(request) = self.store().request(id).await? else { return Ok(None) };
        Ok(Some(Draft::of(self, request).await?))
    }

    pub(super) async fn draft_of_lease(
        &self,
        id: LeaseId,
    ) -> Result<Option<(Draft<'_>, Lease)>, PortError> {
        let Some(lease) = self.store().lease(id).await? else { return Ok(None) };
        let Some(request) = lease.value.request else { return Ok(None) };
        let draft = self.draft_of(request).await?;
        Ok(draft.and_then(|draft| {
            let lease = draft.leases.iter().find(|lease| lease.value.id == id)?.value.clone();
            Some((draft, lease))
        }))
    }
}

/// Whether this part of a claim that holds until then is left. A clock that is
/// behind the moment of the claim was set back, and tells nothing.
fn is_left(now: Timestamp, until: Timestamp, claim: TimeDelta, part: i32) -> bool {
    until - claim <= now && now + claim / part <= until
}

async fn take_step(
    provider: &dyn Provider,
    lease: &Lease,
    step: &Effect,
) -> Result<Event, PortError> {
    let key = &lease.order.key;
    match step {
        Effect::Create => {
            let machine = provider.create(&lease.order).await?;
            Ok(Event::Created {
                uuid: machine.uuid,
                addresses: machine.addresses,
                host_keys: machine.host_keys,
            })
        }
        Effect::Start => provider.start(key).await.map(|()| Event::Started),
        Effect::Stop | Effect::SwitchOff => provider.stop(key).await.map(|()| Event::Stopped),
        Effect::Reboot => provider.reboot(key).await.map(|()| Event::Rebooted),
        Effect::Resize(shape) => {
            let order = MachineOrder { shape: *shape, ..lease.order.clone() };
            provider.resize(&order).await.map(|()| Event::Resized { shape: *shape })
        }
        Effect::Rebuild => {
            let machine = provider.rebuild(&lease.order).await?;
            Ok(Event::Rebuilt { addresses: machine.addresses, host_keys: machine.host_keys })
        }
        Effect::Destroy => provider.destroy(key, kept(lease)).await.map(|()| Event::Destroyed),
        Effect::DropBackups => provider.drop_backups(key).await.map(|()| Event::BackupsDropped),
        Effect::Adopt(confirmation) => {
            provider.adopt(key).await?;
            let found = provider.find(key).await?;
            Ok(Event::Marked {
                confirmation: confirmation.clone(),
                shape: found.and_then(|machine| machine.shape),
            })
        }
        Effect::Tell(_) | Effect::RunHooks(_) => {
            Err(PortError::give_up("take a step", "it is none of the provider's"))
        }
    }
}

/// What stays of a machine that is destroyed. Of one that nobody ever had
/// nothing does: its lease ends at once, and nobody would drop its backups.
fn kept(lease: &Lease) -> Keep {
    match lease.handed_over {
        Some(_) => lease.keep,
        None => Keep::Nothing,
    }
}

/// What a lease's event means for its request: once nothing is left to be made
/// or undone, it is settled, or back to whoever approves if nothing came of it.
fn follow_request(draft: &mut Draft<'_>) {
    let leases = || draft.leases.iter().map(|lease| &lease.value);
    let handed_over = |lease: &Lease| lease.handed_over.is_some();
    let event = if leases().any(|lease| !handed_over(lease) && lease.state != State::Ended) {
        return;
    } else if leases().any(handed_over) {
        request_life::Event::Settled
    } else {
        request_life::Event::Undone
    };
    if draft.request_event(event).is_ok() && event == request_life::Event::Undone {
        // Whoever approves after a failure says so anew.
        draft.request_mut().approvals.clear();
    }
}

/// Whether the provider will not do what was wanted.
fn is_refusal(event: &Event) -> bool {
    matches!(
        event,
        Event::CreationFailed { .. }
            | Event::ResizeRefused { .. }
            | Event::RebuildRefused { .. }
            | Event::MarkRefused { .. }
    )
}

fn audit_word(event: &Event) -> &'static str {
    match event {
        Event::Created { .. } => "created",
        Event::CreationFailed { .. } => "creation-failed",
        Event::Stopped => "stopped",
        Event::Started => "started",
        Event::Rebooted => "rebooted",
        Event::Resized { .. } => "resized",
        Event::ResizeRefused { .. } => "resize-refused",
        Event::Rebuilt { .. } => "rebuilt",
        Event::RebuildRefused { .. } => "rebuild-refused",
        Event::Destroyed => "destroyed",
        Event::BackupsDropped => "backups-dropped",
        Event::Vanished => "vanished",
        Event::Marked { .. } => "marked",
        Event::MarkRefused { .. } => "mark-refused",
        _ => "changed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::samples;

    #[test]
    fn whoever_slept_while_the_clock_was_set_back_has_no_time_left() {
        let claim = TimeDelta::minutes(2);
        let begun: Timestamp = "2026-12-01T08:00:00Z".parse().unwrap();
        for (seconds, left) in [(0, true), (60, true), (61, false), (90, false), (-1, false)] {
            let now = begun + TimeDelta::seconds(seconds);
            assert_eq!(is_left(now, begun + claim, claim, FOR_PROVIDER), left, "{seconds}");
        }
    }

    #[test]
    fn nothing_is_kept_of_a_machine_that_was_never_handed_over() {
        let undone = Lease { keep: Keep::Disks, ..samples::lease() };
        assert_eq!((undone.handed_over, kept(&undone)), (None, Keep::Nothing));
        let had = Lease { handed_over: Some(undone.waits_since), ..undone };
        assert_eq!(kept(&had), Keep::Disks);
    }
}
