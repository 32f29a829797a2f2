//! The operator's hooks around the steps on a machine. One is run a turn, and
//! its outcome stored, so that neither a crash nor a slow one repeats those
//! before it.

use chrono::TimeDelta;

use super::{Engine, draft::Draft};
use crate::{
    hook::{self, Outcome, Point, Run},
    lease::{
        Lease,
        lifecycle::{Effect, Event},
    },
    ports::{
        hooks::Input,
        store::{ClaimedEffect, CommitError},
    },
};

/// How long before a hook that failed is tried again: a minute more each time.
const AGAIN: TimeDelta = TimeDelta::minutes(1);

/// The most that is kept of what a hook says.
const MOST_SAID: usize = 200;

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
        (Effect::Stop, When::Before) => Some(Point::PreStop),
        (Effect::Destroy, When::After) => Some(Point::PostDestroy),
        (Effect::DropBackups, When::Before) => Some(Point::DropBackups),
        _ => None,
    }
}

impl Engine {
    /// Runs the next hook of this step, if there is one left. `true` when one
    /// was run: the step then waits for another turn.
    pub(super) async fn hook_ran(
        &self,
        effect: &ClaimedEffect,
        draft: &mut Draft<'_>,
        lease: &Lease,
        step: &Effect,
        when: When,
    ) -> Result<bool, CommitError> {
        let Some(point) = point(step, when) else { return Ok(false) };
        // What was never handed over was never entered anywhere either.
        if point == Point::PostDestroy && lease.handed_over.is_none() {
            return Ok(false);
        }
        let runner = &self.ports.hooks;
        let next = hook::next(runner.hooks(), point, &lease.cookbook, &lease.hooks);
        let Some(hook) = next else { return Ok(false) };
        let input = input(draft, lease, point, &hook.name);
        let answer = runner.run(hook, &input).await;
        let now = draft.now();
        let known = |run: &Run| run.hook == hook.name && run.point == point;
        let tries = lease.hooks.iter().find(|run| known(run)).map_or(0, |run| run.tries) + 1;
        let (outcome, said) = match answer {
            Ok(said) => (Outcome::Done, said),
            Err(error) => {
                tracing::warn!(
                    lease = %lease.id, hook = hook.name, tries, error = %error.chain(),
                    "a hook failed"
                );
                let over = tries >= hook.tries;
                (
                    if over { Outcome::LeftToPeople } else { Outcome::Failing },
                    error.cause.to_string(),
                )
            }
        };
        let run = Run {
            hook: hook.name.clone(),
            title: hook.title.clone(),
            point,
            outcome,
            said: said.chars().take(MOST_SAID).collect(),
            tries,
            at: now,
        };
        if let Some(lease) = draft.lease_mut(lease.id) {
            lease.hooks.retain(|run| !known(run));
            lease.hooks.push(run);
        }
        draft.look_again();
        draft.commit().await?;
        let wait = match outcome {
            Outcome::Failing => AGAIN * i32::try_from(tries).unwrap_or(1),
            Outcome::Done | Outcome::LeftToPeople => TimeDelta::zero(),
        };
        let progress = format!("hook {}", hook.name);
        self.store().pause_effect(effect, self.now() + wait, &progress).await?;
        Ok(true)
    }
}

/// The lease with what the provider has just told of its machine, so that
/// hooks hear of it; stored with the outcome of the first of them.
pub(super) fn know_machine(draft: &mut Draft<'_>, lease: &Lease, event: &Event) -> Lease {
    let mut known = lease.clone();
    let Event::Created { uuid, addresses, .. } = event else { return known };
    known.order.key.uuid = Some(*uuid);
    known.addresses.clone_from(addresses);
    if let Some(stored) = draft.lease_mut(known.id) {
        stored.order.key.uuid = known.order.key.uuid;
        stored.addresses.clone_from(&known.addresses);
    }
    known
}

fn input(draft: &Draft<'_>, lease: &Lease, point: Point, hook: &str) -> Input {
    let request = &draft.request.value;
    Input {
        version: 1,
        point,
        idempotency_key: format!("{}:{}:{hook}", lease.id, point.word()),
        lease: lease.id.to_string(),
        cookbook: lease.cookbook.to_string(),
        machine: lease.order.key.name.to_string(),
        uuid: lease.order.key.uuid.map(|uuid| uuid.to_string()),
        provider: lease.provider.to_string(),
        addresses: lease.addresses.clone(),
        vcpus: lease.order.shape.vcpus.get(),
        memory_mebibytes: lease.order.shape.memory.get(),
        disk_mebibytes: lease.order.shape.disk.get(),
        owner: lease.owner.username.clone(),
        fallback: lease.fallback.iter().map(|person| person.username.clone()).collect(),
        issue_url: request.web_url.clone(),
        deadline: lease.deadline.map(|deadline| deadline.at.to_rfc3339()),
    }
}
