//! The operator's hooks around the steps on a machine. One is run a turn, and
//! its outcome stored, so that neither a crash nor a slow one repeats those
//! before it.
//!
//! What undoes something (before the stop, after the destruction) is run for
//! every machine that hooks were told of, handed over or not.

use chrono::TimeDelta;

use super::{
    Engine,
    draft::{Draft, Of},
    effects::FOR_PROVIDER,
    trouble::{reference, thing},
};
use crate::{
    hook::{self, Hook, Outcome, Point, Run},
    identity::{LeaseId, Timestamp},
    lease::{
        Lease, State,
        lifecycle::{Effect, Event},
    },
    notice::{Reply, team::TeamNote},
    ports::{
        PortError,
        hooks::Input,
        store::{Actor, ClaimedEffect, CommitError},
    },
    request::value::Term,
};

/// How long before a hook that failed is tried again: a minute more each time.
const AGAIN: TimeDelta = TimeDelta::minutes(1);

/// How often a lease is read anew because somebody else changed it meanwhile.
const RACES: usize = 8;

/// When a hook is run, seen from the step on the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Before,
    After,
}

/// The point in a machine's life that a step is at.
fn point(step: &Effect, when: When) -> Option<Point> {
    match (step, when) {
        (Effect::Create, When::After) => Some(Point::PostProvision),
        // What is released is destroyed without a stop of its own.
        (Effect::Stop | Effect::Destroy, When::Before) => Some(Point::PreStop),
        (Effect::Destroy, When::After) => Some(Point::PostDestroy),
        (Effect::DropBackups, When::Before) => Some(Point::DropBackups),
        (Effect::RunHooks(point), When::Before) => Some(*point),
        _ => None,
    }
}

/// Whether the provider has taken the step, and only hooks are left of it:
/// nothing that holds back the step holds back these.
pub(super) fn is_taken(lease: &Lease, step: &Effect) -> bool {
    let after = point(step, When::After);
    lease.hooks.iter().any(|run| Some(run.point) == after)
}

/// Puts what the provider has told of a machine into the draft, so that hooks
/// hear of it, and so that it is known that they did.
pub(super) fn know_machine(draft: &mut Draft<'_>, id: LeaseId, event: &Event) {
    if let Event::Created { uuid, addresses, .. } = event
        && let Some(lease) = draft.lease_mut(id)
    {
        lease.order.key.uuid = Some(*uuid);
        lease.addresses.clone_from(addresses);
        lease.progress = None;
        lease.trouble = None;
    }
}

impl Engine {
    /// Runs the next hook of this step, if there is one left. `true` when one
    /// was run: the step then waits for another turn.
    pub(super) async fn hook_ran(
        &self,
        effect: &ClaimedEffect,
        draft: &mut Draft<'_>,
        id: LeaseId,
        step: &Effect,
        when: When,
    ) -> Result<bool, CommitError> {
        let Some(point) = point(step, when) else { return Ok(false) };
        let Some(lease) = draft.leases.iter().map(|lease| &lease.value).find(|l| l.id == id) else {
            return Ok(false);
        };
        // No hook was told of a machine that never came to be, and its name
        // may be somebody else's.
        let is_known = lease.handed_over.is_some() || lease.order.key.uuid.is_some();
        if !is_known {
            return Ok(false);
        }
        let runner = &self.ports.hooks;
        let Some(hook) = hook::next(runner.hooks(), point, &lease.cookbook, &lease.hooks) else {
            leave_the_rest(draft, id, point);
            return Ok(false);
        };
        let input = self.input(effect, draft, lease, point, hook);
        // Before it is run: whatever happens then, it is known that a hook may
        // have been told of the machine.
        draft.commit().await?;
        self.has_time(&thing(effect), effect.until, FOR_PROVIDER)?;
        let answer = runner.run(hook, &input).await;
        let wait = self.note_run(effect, id, (hook, point), answer).await?;
        let progress = format!("hook {}", hook.name);
        self.store().pause_effect(effect, self.now() + wait, &progress).await?;
        Ok(true)
    }

    /// Stores how a hook went; returns how long the step waits now.
    ///
    /// The lease is read anew, and again when somebody was faster: the hook
    /// was run whatever else has happened to the lease.
    async fn note_run(
        &self,
        effect: &ClaimedEffect,
        id: LeaseId,
        (hook, point): (&Hook, Point),
        answer: Result<String, PortError>,
    ) -> Result<TimeDelta, CommitError> {
        let (is_done, said) = match &answer {
            Ok(said) => (true, hook::first_line(said)),
            Err(error) => {
                let chain = error.chain();
                let why = chain.strip_prefix(&format!("{error}: ")).unwrap_or(&chain);
                (false, hook::first_line(why))
            }
        };
        for _ in 0..RACES {
            let Some((mut draft, lease)) = self.draft_of_lease(id).await? else { break };
            if point == Point::PreStop && lease.state == State::Active {
                // Restored meanwhile: it is run again before the next stop.
                break;
            }
            let before = lease.hooks.iter().find(|run| run.is_of(&hook.name, point));
            let tries = before.map_or(0, |run| run.tries).saturating_add(1);
            let outcome = match is_done {
                true => Outcome::Done,
                false if tries >= hook.tries => Outcome::LeftToPeople,
                false => Outcome::Failing,
            };
            if let Err(error) = &answer {
                tracing::warn!(
                    lease = %id, hook = hook.name, point = point.word(), tries, ?outcome,
                    error = %error.chain(), "a hook failed"
                );
            }
            let run = Run {
                hook: hook.name.clone(),
                title: hook.title.clone(),
                point,
                outcome,
                said: said.clone(),
                tries,
                at: draft.now(),
            };
            tell_outcome(&mut draft, effect, &lease, &run, answer.as_ref().err());
            if let Some(lease) = draft.lease_mut(id) {
                hook::record(&mut lease.hooks, run);
            }
            draft.look_again();
            match draft.commit().await {
                Ok(()) if outcome == Outcome::Failing => {
                    return Ok(AGAIN * i32::try_from(tries).unwrap_or(i32::MAX));
                }
                Ok(()) => return Ok(TimeDelta::zero()),
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(TimeDelta::zero())
    }

    fn input(
        &self,
        effect: &ClaimedEffect,
        draft: &Draft<'_>,
        lease: &Lease,
        point: Point,
        hook: &Hook,
    ) -> Input {
        let request = &draft.request.value;
        let (id, key, shape) = (lease.id, &lease.order.key, lease.order.shape);
        Input {
            version: 1,
            point,
            idempotency_key: format!("{id}:{}:{}:{}", point.word(), hook.name, effect.id),
            lease: id.to_string(),
            cookbook: lease.cookbook.to_string(),
            machine: key.name.to_string(),
            uuid: key.uuid.map(|uuid| uuid.to_string()),
            provider: lease.provider.to_string(),
            addresses: lease.addresses.clone(),
            vcpus: shape.vcpus.get(),
            memory_mebibytes: shape.memory.get(),
            disk_mebibytes: shape.disk.get(),
            owner: lease.owner.username.clone(),
            fallback: lease.fallback.iter().map(|person| person.username.clone()).collect(),
            issue_url: request.web_url.clone(),
            deadline: self.end(lease, draft.now()).map(|end| end.to_rfc3339()),
        }
    }

    /// The next deadline; before hand-over, the one it will set.
    fn end(&self, lease: &Lease, now: Timestamp) -> Option<Timestamp> {
        let calendar = self.calendar_of(&lease.cookbook);
        match (lease.deadline, lease.state, lease.granted) {
            (Some(deadline), ..) => Some(deadline.at),
            (None, State::Provisioning, Term::For(span)) => Some(calendar.expiry(now, span)),
            (None, State::Provisioning, Term::Until(day)) => Some(calendar.expiry_on(day)),
            _ => None,
        }
    }
}

/// What ended one way or the other goes into the audit log; what was given up
/// is said, since nobody is notified of a view that changes.
fn tell_outcome(
    draft: &mut Draft<'_>,
    effect: &ClaimedEffect,
    lease: &Lease,
    run: &Run,
    error: Option<&PortError>,
) {
    let word = match run.outcome {
        Outcome::Failing => return,
        Outcome::Done => "done",
        Outcome::LeftToPeople => "left-to-people",
    };
    let action = format!("hook:{}:{}:{word}", run.point.word(), run.hook);
    draft.audit(Actor::Outside, &action, Of { lease: Some(lease.id), ..Of::default() });
    if run.outcome == Outcome::LeftToPeople {
        let reply = Reply::HookLeft {
            machine: lease.order.key.name.to_string(),
            title: run.title.clone(),
            when: run.point.in_words().to_owned(),
            tries: run.tries,
            reference: reference(effect),
        };
        let key = format!("hook:{}:{}:{}", effect.id, run.point.word(), run.hook);
        draft.reply(&key, reply);
        let note = TeamNote::HookLeft {
            machine: lease.order.key.name.to_string(),
            hook: run.hook.clone(),
            when: run.point.in_words().to_owned(),
            tries: run.tries,
            chain: error.map_or_else(|| run.said.clone(), PortError::chain),
            advice: error.and_then(|error| error.advice.clone()),
            reference: reference(effect),
        };
        draft.tell_team(&key, note);
    }
}

/// Runs of hooks that the operator has taken away meanwhile: nobody tries them again.
fn leave_the_rest(draft: &mut Draft<'_>, id: LeaseId, point: Point) {
    let is_left = |run: &Run| run.point == point && run.outcome == Outcome::Failing;
    let lease = draft.leases.iter().find(|lease| lease.value.id == id);
    if !lease.is_some_and(|lease| lease.value.hooks.iter().any(is_left)) {
        return;
    }
    if let Some(lease) = draft.lease_mut(id) {
        for run in lease.hooks.iter_mut().filter(|run| is_left(run)) {
            run.outcome = Outcome::LeftToPeople;
        }
    }
}
