//! Performing what was decided. An effect is checked against the present state
//! before it is performed, and its outcome is stored together with what
//! follows from it; a crash in between repeats an idempotent call.

use std::time::Duration;

use chrono::TimeDelta;

use super::{
    Engine, back_off,
    draft::{Draft, Of},
    hooks::{When, is_taken, know_machine},
    look::Desk,
};
use crate::{
    effect::Task,
    identity::{LeaseId, NoteId, RequestId, Timestamp},
    lease::{
        Lease, State,
        lifecycle::{self, Effect, Event, News, Topic},
    },
    machine::MachineOrder,
    notice::{Reply, markdown::Markdown, marker::Marker, news::LeaseNews},
    ports::{
        PortError, Verdict,
        forge::Audience,
        provider::Provider,
        store::{Actor, Change, ClaimedEffect, CommitError, EffectKind},
    },
    request::{WaitsOn, lifecycle as request_life},
};

/// How often a step on a provider fails before people are told that it does.
const QUIET_FAILURES: u32 = 3;

/// How long a comment that the forge refuses is tried again. Shorter would
/// lose warnings over a token that expired on a Friday.
const COMMENT_PATIENCE: TimeDelta = TimeDelta::days(7);

/// How long an issue that is not there is looked for before its comments are
/// left to a person. A token that lost its membership for an hour looks the
/// same, and would take every warning with it.
const MISSING_PATIENCE: TimeDelta = TimeDelta::days(1);

/// How long between two tries of something that will not pass by itself.
const REFUSED_AGAIN: TimeDelta = TimeDelta::minutes(15);

/// How long a machine that found no room waits before it is tried again.
const FULL_AGAIN: TimeDelta = TimeDelta::minutes(5);

/// How long a step waits when the day's limit is reached.
const LIMITED_AGAIN: TimeDelta = TimeDelta::minutes(30);

impl Engine {
    pub(super) async fn perform(&self, effect: &ClaimedEffect) -> Result<(), PortError> {
        let outcome = match &effect.task {
            Task::Reply(request, reply) => self.answer(effect, *request, reply).await,
            Task::Lease(lease, Effect::Tell(news)) => self.tell(effect, *lease, news).await,
            Task::Lease(lease, step) => self.act(effect, *lease, step).await,
        };
        match outcome {
            Ok(()) => Ok(()),
            // The lease moved meanwhile: the effect is performed again, which is
            // idempotent, or is found to be overtaken. If somebody else took it
            // over, this changes nothing.
            Err(CommitError::Conflict) => {
                self.store().postpone_effect(effect, self.now(), "the lease moved").await
            }
            Err(CommitError::Port(error)) => self.failed(effect, &error).await,
        }
    }

    // --- comments

    async fn answer(
        &self,
        effect: &ClaimedEffect,
        request: RequestId,
        reply: &Reply,
    ) -> Result<(), CommitError> {
        let Some(draft) = self.draft_of(request).await? else {
            return self.drop_effect(effect).await;
        };
        let forge = &draft.request.value.issue.forge;
        let bot = self.own_account(forge).await?.username;
        let body = self
            .renderer
            .reply(reply, &bot)
            .map_err(|cause| PortError::give_up("render a reply", cause))?;
        let marker = Marker::of_effect(&effect.key);
        self.post_once(effect, &draft, &body, &marker).await?;
        self.finish(effect, draft).await
    }

    async fn tell(
        &self,
        effect: &ClaimedEffect,
        lease: LeaseId,
        news: &News,
    ) -> Result<(), CommitError> {
        let Some((mut draft, lease)) = self.draft_of_lease(lease).await? else {
            return self.drop_effect(effect).await;
        };
        let Some(news) = current(news, &lease).filter(|news| !is_said(effect, news, &lease)) else {
            return self.drop_effect(effect).await;
        };
        let bot = self.own_account(&lease.issue.forge).await?.username;
        let named = self.named_now(&lease).await?;
        let cookbooks = self.cookbooks();
        let retire = cookbooks.get(&lease.cookbook).map_or(&[][..], |book| &book.retire);
        let context = LeaseNews::of(&named, &news, &bot, self.now(), &self.calendar)
            .with_checklist(&named, &news, retire);
        let body = self
            .renderer
            .news(&news.topic, &context)
            .map_err(|cause| PortError::give_up("render news", cause))?;
        // A comment of an earlier try that named another deadline is no proof
        // that people were told of this one, so the marker covers it.
        let named = news.announces.map_or(0, |(_, at)| at.timestamp_millis());
        let marker = Marker::of_effect(&format!("{}:{named}", effect.key));
        let note = self.post_once(effect, &draft, &body, &marker).await?;
        if let Some(event) = lifecycle::announcement(&lease, &news, note, draft.now()) {
            // Not standing any more by the time it is stored: a conflict says so.
            let _ = draft.lease_event(lease.id, &event);
            draft.audit(Actor::Clock, "announced", Of { lease: Some(lease.id), ..Of::default() });
        }
        self.finish(effect, draft).await
    }

    /// The lease with its people's usernames of now: who has another by now
    /// would not hear of it, and somebody else may have the old one. An account
    /// that is gone keeps its name here, which somebody has to be called by.
    async fn named_now(&self, lease: &Lease) -> Result<Lease, PortError> {
        let forge = self.forge(&lease.issue.forge)?;
        let mut named = lease.clone();
        for person in std::iter::once(&mut named.owner).chain(&mut named.fallback) {
            if let Some(now) = forge.person(person.id).await? {
                *person = now;
            }
        }
        Ok(named)
    }

    /// Posts a comment unless an earlier try did, whose answer was lost.
    async fn post_once(
        &self,
        effect: &ClaimedEffect,
        draft: &Draft<'_>,
        body: &Markdown,
        marker: &Marker,
    ) -> Result<NoteId, PortError> {
        let issue = &draft.request.value.issue;
        let forge = self.forge(&issue.forge)?;
        self.keep_hidden(&draft.request.value).await?;
        if effect.attempts > 1 {
            let desk = Desk {
                discussion: forge.discussion(issue).await?,
                own: self.own_account(&issue.forge).await?,
                issue: forge.issue(issue).await?,
            };
            let posted = desk
                .discussion
                .notes
                .iter()
                .find(|note| note.author.id == desk.own.id && marker.is_in(&note.body));
            if let Some(note) = posted {
                self.delete_doubles(&desk, note.id, marker).await?;
                return Ok(note.id);
            }
        }
        forge.post_note(issue, &body.marked(marker), Audience::Everyone).await
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
            return self.drop_effect(effect).await;
        }
        if !is_taken(&lease, step) {
            if let Some(due) = self.working_hours(effect, step) {
                let why = "it waits for the next working hours";
                return Ok(self.store().postpone_effect(effect, due, why).await?);
            }
            if let Some(why) = self.held_back(effect, &lease, step).await? {
                self.show_trouble(&mut draft, id, &why, false).await?;
                let due = self.now() + LIMITED_AGAIN;
                return Ok(self.store().postpone_effect(effect, due, &why).await?);
            }
        }
        if self.hook_ran(effect, &mut draft, id, step, When::Before).await? {
            return Ok(());
        }
        if matches!(step, Effect::RunHooks(_)) {
            return self.finish(effect, draft).await;
        }
        let provider = self.provider(&lease.provider)?;
        let event = match take_step(provider, &lease, step).await {
            Ok(event) => {
                know_machine(&mut draft, id, &event);
                if self.hook_ran(effect, &mut draft, id, step, When::After).await? {
                    return Ok(());
                }
                event
            }
            Err(error) => match self.refused(provider, &lease, step, &error).await? {
                Some(event) => event,
                None => return Err(error.into()),
            },
        };
        if lease.progress.is_some()
            && let Some(lease) = draft.lease_mut(id)
        {
            lease.progress = None;
        }
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

    /// When a step that was to be taken in working hours, and could not, may
    /// be tried again; nothing if that is now. What somebody ordered outside
    /// of them, by a release, is done whenever it can be.
    fn working_hours(&self, effect: &ClaimedEffect, step: &Effect) -> Option<Timestamp> {
        let destructive = matches!(step, Effect::Stop | Effect::Destroy | Effect::DropBackups);
        let now = self.now();
        let waits =
            destructive && self.calendar.may_act(effect.ordered_at) && !self.calendar.may_act(now);
        waits.then(|| self.calendar.next_acting_time(now))
    }

    /// Why a step must not be taken now, if it must not.
    async fn held_back(
        &self,
        effect: &ClaimedEffect,
        lease: &Lease,
        step: &Effect,
    ) -> Result<Option<String>, PortError> {
        let day = self.now() - TimeDelta::hours(24);
        let limit = |kind, most: u64, what: &'static str| async move {
            let finished = self.store().finished_since(kind, day).await?;
            let done = finished + self.store().running_before(kind, effect).await?;
            let reached = done >= most;
            Ok::<_, PortError>(reached.then(|| {
                format!("{done} machines were {what} within 24 hours, which is the limit; a sysadmin may raise it, else it goes on by itself")
            }))
        };
        match step {
            Effect::Create => {
                limit(EffectKind::Create, self.settings.creations_per_day, "made").await
            }
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
                if self.clock_moved_back().await? {
                    return Ok(Some(
                        "the clock moved back; nothing is destroyed until it has caught up"
                            .to_owned(),
                    ));
                }
                if *step == Effect::DropBackups {
                    return Ok(None);
                }
                limit(EffectKind::Destroy, self.settings.destroys_per_day, "destroyed").await
            }
            _ => Ok(None),
        }
    }

    /// By a sysadmin's command, or by the operator's list, which wins over
    /// everything.
    fn is_protected(&self, lease: &Lease) -> bool {
        let name = lease.order.key.name.as_str();
        lease.protected || self.settings.protected_names.iter().any(|other| other == name)
    }

    /// What a refusal means for the lease, where it means something.
    async fn refused(
        &self,
        provider: &dyn Provider,
        lease: &Lease,
        step: &Effect,
        error: &PortError,
    ) -> Result<Option<Event>, PortError> {
        match (error.verdict, step) {
            // Waiting for it would hold up whatever else is wanted of the machine.
            (Verdict::Full | Verdict::GiveUp, Effect::Resize(_)) => {
                Ok(Some(Event::ResizeRefused { reason: refusal(error) }))
            }
            (Verdict::Full | Verdict::GiveUp, Effect::Rebuild) => {
                tracing::error!(lease = %lease.id, error = %error.chain(), "a machine cannot be installed anew");
                Ok(Some(Event::RebuildRefused { reason: refusal(error) }))
            }
            (Verdict::Retry { .. } | Verdict::Underway { .. } | Verdict::Full, _) => Ok(None),
            (_, Effect::Create) => {
                tracing::error!(lease = %lease.id, error = %error.chain(), "a machine cannot be made");
                Ok(Some(Event::CreationFailed { reason: refusal(error) }))
            }
            (
                Verdict::Missing,
                Effect::Start | Effect::Reboot | Effect::Resize(_) | Effect::Rebuild,
            ) => Ok(Some(Event::Vanished)),
            (_, Effect::Adopt(_)) => {
                tracing::error!(lease = %lease.id, error = %error.chain(), "a machine cannot be adopted");
                Ok(Some(Event::MarkRefused { reason: error.chain() }))
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

    async fn failed(&self, effect: &ClaimedEffect, error: &PortError) -> Result<(), PortError> {
        match error.verdict {
            Verdict::Underway { after } => return self.goes_on(effect, error, after).await,
            Verdict::Full => return self.waits_for_room(effect, error).await,
            Verdict::Retry { .. } | Verdict::Missing | Verdict::GiveUp => {}
        }
        let chain = error.chain();
        tracing::warn!(
            effect = effect.id, key = effect.key, attempts = effect.attempts, error = %chain,
            "an effect failed"
        );
        let now = self.now();
        let is_comment =
            !matches!(&effect.task, Task::Lease(_, step) if !matches!(step, Effect::Tell(_)));
        let hopeless = match error.verdict {
            Verdict::Missing => is_comment && now - effect.ordered_at >= MISSING_PATIENCE,
            Verdict::GiveUp => is_comment && now - effect.ordered_at >= COMMENT_PATIENCE,
            _ => false,
        };
        if hopeless {
            return self.store().bury_effect(effect, now, &chain).await;
        }
        let wait = match error.verdict {
            Verdict::Missing | Verdict::GiveUp => REFUSED_AGAIN,
            _ => back_off(effect.attempts, error.verdict),
        };
        if let Task::Lease(lease, step) = &effect.task {
            let given_up = !matches!(error.verdict, Verdict::Retry { .. });
            if !matches!(step, Effect::Tell(_)) && (given_up || effect.attempts >= QUIET_FAILURES) {
                self.tell_trouble(effect, *lease, error, given_up).await?;
            }
        }
        self.store().postpone_effect(effect, now + wait, &chain).await
    }

    /// A step that takes long has begun: how far it got is shown, and it goes
    /// on in a while.
    async fn goes_on(
        &self,
        effect: &ClaimedEffect,
        error: &PortError,
        after: Duration,
    ) -> Result<(), PortError> {
        let progress = error.cause.to_string();
        if let Task::Lease(id, _) = &effect.task
            && let Some((mut draft, lease)) = self.draft_of_lease(*id).await?
            && lease.progress.as_ref() != Some(&progress)
        {
            if let Some(lease) = draft.lease_mut(*id) {
                lease.progress = Some(progress.clone());
                lease.trouble = None;
            }
            draft.look_again();
            Self::shown(draft.commit().await)?;
        }
        let due = self.now() + TimeDelta::from_std(after).unwrap_or(FULL_AGAIN);
        self.store().pause_effect(effect, due, &progress).await
    }

    /// There is no room: the machine waits for it, visibly.
    async fn waits_for_room(
        &self,
        effect: &ClaimedEffect,
        error: &PortError,
    ) -> Result<(), PortError> {
        let why = format!("it waits for room: {}", error.cause);
        if let Task::Lease(id, _) = &effect.task
            && let Some((mut draft, _)) = self.draft_of_lease(*id).await?
        {
            Self::shown(self.show_trouble(&mut draft, *id, &why, false).await)?;
        }
        self.store().postpone_effect(effect, self.now() + FULL_AGAIN, &why).await
    }

    /// Somebody else changed the lease meanwhile: it is shown the next time.
    fn shown(outcome: Result<(), CommitError>) -> Result<(), PortError> {
        match outcome {
            Ok(()) | Err(CommitError::Conflict) => Ok(()),
            Err(CommitError::Port(error)) => Err(error),
        }
    }

    /// Shows on the issue that a step on a machine keeps failing.
    async fn tell_trouble(
        &self,
        effect: &ClaimedEffect,
        lease: LeaseId,
        error: &PortError,
        given_up: bool,
    ) -> Result<(), PortError> {
        let Some((mut draft, _)) = self.draft_of_lease(lease).await? else { return Ok(()) };
        // What may pass by itself is nobody's to understand; the log has it all.
        let why = if given_up {
            error.for_people()
        } else {
            error.advice.clone().unwrap_or_else(|| error.to_string())
        };
        if given_up {
            let reply = Reply::Trouble {
                doing: error.doing.clone(),
                reference: format!("effect-{}", effect.id),
            };
            draft.reply(&format!("trouble:{}", effect.id), reply);
        }
        Self::shown(self.show_trouble(&mut draft, lease, &why, given_up).await)
    }

    async fn show_trouble(
        &self,
        draft: &mut Draft<'_>,
        id: LeaseId,
        why: &str,
        person: bool,
    ) -> Result<(), CommitError> {
        let now = draft.now();
        let shown = draft
            .leases
            .iter()
            .any(|lease| lease.value.id == id && lease.value.trouble.as_deref() == Some(why));
        if shown {
            return Ok(());
        }
        if let Some(lease) = draft.lease_mut(id) {
            lease.trouble = Some(why.to_owned());
            if person && lease.waits_on != WaitsOn::Sysadmin {
                lease.waits_on = WaitsOn::Sysadmin;
                lease.waits_since = now;
            }
        }
        draft.look_again();
        draft.commit().await
    }

    async fn finish(
        &self,
        effect: &ClaimedEffect,
        mut draft: Draft<'_>,
    ) -> Result<(), CommitError> {
        draft.finishes(effect);
        draft.look_again();
        draft.commit().await
    }

    /// It was overtaken: done without being performed.
    async fn drop_effect(&self, effect: &ClaimedEffect) -> Result<(), CommitError> {
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

/// The news as they are still true, or `None` if they are not.
fn current(news: &News, lease: &Lease) -> Option<News> {
    let deadline = lease.deadline.map(|deadline| (deadline.step, deadline.at));
    if news.announces == deadline || news.announces.is_none() {
        return Some(news.clone());
    }
    if matches!(news.topic, Topic::Warning { .. }) {
        return None;
    }
    // The deadline moved before this could be said: say what holds now.
    let same_step = news.announces.map(|(step, _)| step) == deadline.map(|(step, _)| step);
    same_step.then(|| News { topic: news.topic.clone(), announces: deadline })
}

/// Whether another warning of the same deadline was delivered since this one
/// was ordered: several that waited for a forge to come back are one.
fn is_said(effect: &ClaimedEffect, news: &News, lease: &Lease) -> bool {
    matches!(news.topic, Topic::Warning { .. })
        && lease.announcements.iter().any(|said| {
            news.announces == Some((said.step, said.deadline))
                && said.delivered_at >= effect.ordered_at
        })
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
        Effect::Destroy => provider.destroy(key, lease.keep).await.map(|()| Event::Destroyed),
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

/// What a provider that will not do something says, for people.
fn refusal(error: &PortError) -> String {
    match error.verdict {
        Verdict::Full => format!("there is no room for it: {}", error.cause),
        _ => error.for_people(),
    }
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
