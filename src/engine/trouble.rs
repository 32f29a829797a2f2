//! What fails: tried again, told to people if it goes on, left to them if it
//! is hopeless.
//!
//! Everybody who sees the issue is told that something fails, in our own
//! words. What the other side said may name hosts and addresses: it goes to the
//! team, where the forge has comments for it, and into the log.

use std::time::Duration;

use chrono::TimeDelta;

use super::{Engine, back_off, draft::Draft};
use crate::{
    effect::Task,
    identity::LeaseId,
    lease::{Lease, lifecycle::Effect},
    notice::{Reply, team::TeamNote},
    ports::{
        PortError, Verdict,
        store::{ClaimedEffect, CommitError},
    },
    request::WaitsOn,
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

impl Engine {
    pub(super) async fn failed(
        &self,
        effect: &ClaimedEffect,
        error: &PortError,
    ) -> Result<(), PortError> {
        match error.verdict {
            Verdict::Underway { after } => return self.goes_on(effect, error, after).await,
            Verdict::Full => return self.waits_for_room(effect, error).await,
            Verdict::Retry { .. } | Verdict::Missing | Verdict::GiveUp => {}
        }
        let chain = error.chain();
        self.log_failure(&self.side(&effect.task).await?, &thing(effect), error);
        let now = self.now();
        let is_comment =
            !matches!(&effect.task, Task::Lease(_, step) if !matches!(step, Effect::Tell(_)));
        let hopeless = match error.verdict {
            Verdict::Missing => is_comment && now - effect.ordered_at >= MISSING_PATIENCE,
            Verdict::GiveUp => is_comment && now - effect.ordered_at >= COMMENT_PATIENCE,
            _ => false,
        };
        if hopeless {
            self.log_end(&thing(effect));
            tracing::error!(
                effect = effect.id, key = effect.key, error = %chain,
                "given up: a comment was not posted"
            );
            return self.store().bury_effect(effect, now, &chain).await;
        }
        let wait = match error.verdict {
            Verdict::Missing | Verdict::GiveUp => REFUSED_AGAIN,
            _ => back_off(effect.tries, error.verdict),
        };
        if let Task::Lease(lease, step) = &effect.task {
            let given_up = !matches!(error.verdict, Verdict::Retry { .. });
            if !matches!(step, Effect::Tell(_)) && (given_up || effect.tries >= QUIET_FAILURES) {
                self.tell_trouble(effect, *lease, error, given_up).await?;
            }
        }
        // It may have been done, and the answer lost: now, or when it began.
        if effect.begun || matches!(error.verdict, Verdict::Retry { .. }) {
            self.store().doubt_effect(effect, now + wait, &chain).await
        } else {
            self.store().postpone_effect(effect, now + wait, &chain).await
        }
    }

    /// The forge or provider a task is for.
    async fn side(&self, task: &Task) -> Result<String, PortError> {
        let side = match task {
            Task::Reply(request, _) | Task::TeamNote(request, _) => {
                let request = self.store().request(*request).await?;
                request.map(|request| request.value.issue.forge.to_string())
            }
            Task::Lease(lease, step) => self.store().lease(*lease).await?.map(|lease| match step {
                Effect::Tell(_) => lease.value.issue.forge.to_string(),
                _ => lease.value.provider.to_string(),
            }),
        };
        Ok(side.unwrap_or_default())
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
                lease.waiting = None;
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
        let Some((mut draft, failing)) = self.draft_of_lease(lease).await? else {
            return Ok(());
        };
        let Task::Lease(_, step) = &effect.task else {
            return Ok(());
        };
        let (doing, reference) = (step_in_words(step), reference(effect));
        let why = if given_up {
            let what = format!("{doing} `{}`", failing.order.key.name);
            let reply = Reply::Trouble { doing: what, reference: reference.clone() };
            draft.reply(&format!("trouble:{}", effect.id), reply);
            team_note(&mut draft, effect, &failing, error);
            format!("we cannot {doing} it; a sysadmin has to look, see `{reference}`")
        } else {
            format!("we could not {doing} it so far; it is tried again")
        };
        Self::shown(self.show_trouble(&mut draft, lease, &why, given_up).await)
    }

    pub(super) async fn show_trouble(
        &self,
        draft: &mut Draft<'_>,
        id: LeaseId,
        why: &str,
        person: bool,
    ) -> Result<(), CommitError> {
        let now = draft.now();
        let shown = |lease: &Lease| {
            lease.id == id && lease.trouble.as_deref() == Some(why) && lease.waiting.is_none()
        };
        if draft.leases.iter().any(|lease| shown(&lease.value)) {
            return Ok(());
        }
        if let Some(lease) = draft.lease_mut(id) {
            lease.trouble = Some(why.to_owned());
            lease.waiting = None;
            if person && lease.waits_on != WaitsOn::Sysadmin {
                lease.waits_on = WaitsOn::Sysadmin;
                lease.waits_since = now;
            }
        }
        draft.look_again();
        draft.commit().await
    }
}

/// What tells an effect's failures from all others.
pub(super) fn thing(effect: &ClaimedEffect) -> String {
    format!("effect {} ({})", effect.id, effect.key)
}

/// What a sysadmin finds in the store and the log.
pub(super) fn reference(effect: &ClaimedEffect) -> String {
    format!("effect-{}", effect.id)
}

/// Tells the team, once per effect, all that is known of what failed.
pub(super) fn team_note(
    draft: &mut Draft<'_>,
    effect: &ClaimedEffect,
    lease: &Lease,
    error: &PortError,
) {
    let note = TeamNote::Failure {
        machine: lease.order.key.name.to_string(),
        provider: lease.provider.to_string(),
        chain: error.chain(),
        advice: error.advice.clone(),
        reference: reference(effect),
    };
    draft.tell_team(&format!("trouble:{}", effect.id), note);
}

/// What a provider that will not do something says, for everybody.
pub(super) fn refusal(effect: &ClaimedEffect, error: &PortError) -> String {
    match error.verdict {
        Verdict::Full => format!("there is no room for it: {}", error.cause),
        _ => format!("the provider refuses it, see `{}`", reference(effect)),
    }
}

/// A step, as what we could not do.
fn step_in_words(step: &Effect) -> &'static str {
    match step {
        Effect::Create => "make",
        Effect::Start => "switch on",
        Effect::Stop => "stop",
        Effect::SwitchOff => "switch off",
        Effect::Reboot => "restart",
        Effect::Resize(_) => "resize",
        Effect::Rebuild => "install anew",
        Effect::Destroy => "destroy",
        Effect::DropBackups => "drop the backups of",
        Effect::RunHooks(_) => "run the hooks of",
        Effect::Adopt(_) => "mark",
        Effect::Tell(_) => "tell of",
    }
}
