//! After the store was restored from a backup: what it holds is true of an
//! earlier day, and what happened since is known to the world alone.
//!
//! 1. Until an operator says so ([`go_on`]), the service only listens. What
//!    differs is shown by [`Differences`].
//! 2. Then every issue is looked at before anything decided earlier is done
//!    about it, and before its leases' time passes. That look reads what people
//!    said in the lost days: what can be done again without harm is, and of the
//!    rest they hear that it has to be said again.
//! 3. Whoever would be surprised by a deadline gets the full notice anew: the
//!    lost days are an outage.

mod differences;

use std::collections::BTreeSet;

use chrono::TimeDelta;

pub use self::differences::{Differences, Found, IssueFound, MachineFound, Next, Said, Stray};
use super::{Engine, clock_guard, draft::Draft, look::Desk};
use crate::{
    command::Command,
    effect::Task,
    identity::{IssueRef, RequestId, Timestamp},
    lease::{
        Lease,
        lifecycle::{Effect, Event},
    },
    notice::Reply,
    ports::{
        PortError,
        restoration::{MEMO, Restoration},
        store::{AuditNote, Change, ClaimedEffect, CommitError, Store, Versioned},
    },
    request::Request,
};

/// How long before something asks again whether its issue was looked at.
const ASK_AGAIN: TimeDelta = TimeDelta::minutes(1);

/// How long after going on an answer may still be one that was given before.
const ECHO: TimeDelta = TimeDelta::days(7);

/// What people are told of what nobody knows.
const UNKNOWN: &str =
    "my records were restored from a backup, and it may have been done before that already.";
const SAY_AGAIN: &str = "Look how things stand, and say it again if it is still wanted.";

/// Lets a service that only listens go on. `None` if it does not.
///
/// # Errors
///
/// The store's.
pub async fn go_on(store: &dyn Store, now: Timestamp) -> Result<Option<Restoration>, PortError> {
    let standing = Restoration::read(store).await?.filter(Restoration::stands);
    let Some(restoration) = standing else { return Ok(None) };
    let restoration = Restoration { gone_on_at: Some(now), ..restoration };
    let requests = store.open_requests().await?.into_iter().map(|request| request.value.issue);
    let mut issues: BTreeSet<IssueRef> = requests.collect();
    let mut show = |lease: Versioned<Lease>| {
        issues.insert(lease.value.issue);
    };
    store.each_live_lease(&mut show).await?;
    let note = AuditNote::by_operator("went-on-after-restoring");
    let change = Change {
        memos: vec![(MEMO.to_owned(), restoration.text())],
        looks: issues.into_iter().collect(),
        audit: vec![note],
        at: now,
        ..Change::default()
    };
    // The lost days are no mistake of the clock.
    clock_guard::believe(store, now).await?;
    store.commit(&change).await.map_err(|error| error.or_retry("go on"))?;
    Ok(Some(restoration))
}

impl Engine {
    /// The last restoration of the store.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn restoration(&self) -> Result<Option<Restoration>, PortError> {
        Restoration::read(self.store()).await
    }

    /// Whether the store was restored and nobody has said yet to go on.
    pub(super) async fn only_listens(&self) -> Result<bool, PortError> {
        Ok(self.restoration().await?.is_some_and(|restoration| restoration.stands()))
    }

    /// Refuses what an operator wants done as long as it only listens.
    pub(super) async fn must_not_only_listen(&self, doing: &str) -> Result<(), PortError> {
        if self.only_listens().await? {
            let why = "the store was restored from a backup, and nothing is done yet";
            return Err(PortError::give_up(doing, why)
                .advice("let things go on first, with `innkeeper reconcile --go-on`"));
        }
        Ok(())
    }

    /// Says once that nothing is done, and why.
    pub(super) fn log_listening(&self) {
        if self.is_news("store", "the store was restored") {
            tracing::warn!(
                "the store was restored from a backup: webhooks are taken in, and nothing else is done; look at `innkeeper reconcile`, then let it go on with `innkeeper reconcile --go-on`"
            );
        }
    }

    /// Since when things go on, if the store was ever restored.
    async fn gone_on(&self) -> Result<Option<Timestamp>, PortError> {
        Ok(self.restoration().await?.and_then(|restoration| restoration.gone_on_at))
    }

    /// Whether this request's issue was not looked at since things go on.
    pub(super) async fn is_behind(&self, request: &Request) -> Result<bool, PortError> {
        Ok(self.gone_on().await?.is_some_and(|since| is_behind(request, since)))
    }

    /// Whether the issue of this lease was not looked at since things go on.
    pub(super) async fn is_lease_behind(
        &self,
        request: Option<RequestId>,
    ) -> Result<bool, PortError> {
        let (Some(since), Some(id)) = (self.gone_on().await?, request) else {
            return Ok(false);
        };
        let request = self.store().request(id).await?;
        Ok(request.is_some_and(|request| is_behind(&request.value, since)))
    }

    /// What the issue shows may be newer than what is remembered of it: whatever
    /// differs is none of anybody's doing by hand.
    pub(super) async fn forget_what_was_shown(
        &self,
        desk: &Desk,
        draft: &mut Draft<'_>,
    ) -> Result<(), PortError> {
        let request = &draft.request.value;
        // Somebody who closes a request that is open withdraws it, whenever.
        let closed = !request.state.is_open() && request.seen_open != desk.issue.open;
        let remembers = request.due_date_shown.is_some() || !request.shown.labels.is_empty();
        if (closed || remembers) && self.is_behind(request).await? {
            let request = draft.request_mut();
            request.due_date_shown = None;
            request.shown.labels.clear();
            if closed {
                request.seen_open = desk.issue.open;
            }
        }
        Ok(())
    }

    /// The issue was looked at: what people said in the lost days is known, and
    /// they get the full notice of whatever comes next.
    pub(super) async fn caught_up(&self, issue: &IssueRef) -> Result<(), CommitError> {
        let Some(since) = self.gone_on().await? else { return Ok(()) };
        let Some(request) = self.store().request_on(issue).await? else { return Ok(()) };
        if !is_behind(&request.value, since) {
            return Ok(());
        }
        let mut draft = Draft::of(self, request).await?;
        draft.request_mut().caught_up = Some(since);
        let leases: Vec<_> = draft.leases.iter().map(|lease| lease.value.id).collect();
        for lease in leases {
            // One that has no deadline has nothing to be told of.
            let _ = draft.lease_event(lease, &Event::GiveNotice);
        }
        draft.look_again();
        draft.commit().await
    }

    /// Whether this command was given when somebody else had the store, and is
    /// not to be obeyed by whoever cannot know whether they did. Its author is
    /// told.
    pub(super) async fn is_of_lost_days(
        &self,
        draft: &mut Draft<'_>,
        said: Timestamp,
        key: &str,
        command: &Command,
    ) -> Result<bool, PortError> {
        if is_repeatable(command) {
            return Ok(false);
        }
        let restoration = self.restoration().await?;
        if !restoration.is_some_and(|restoration| restoration.may_have_been_dealt_with(said)) {
            return Ok(false);
        }
        draft.reply(&format!("restored:{key}"), say_again(command.word().entry().word));
        Ok(true)
    }

    /// Whether something decided before the store was restored has to wait until
    /// its issue was looked at, or is not to be done at all; then that is seen to.
    pub(super) async fn is_overtaken_by_restoring(
        &self,
        effect: &ClaimedEffect,
    ) -> Result<bool, CommitError> {
        let since = self.gone_on().await?;
        let Some(since) = since.filter(|since| effect.ordered_at <= *since) else {
            return Ok(false);
        };
        let (draft, step) = match &effect.task {
            Task::Reply(request, _) | Task::TeamNote(request, _) => {
                (self.draft_of(*request).await?, None)
            }
            Task::Lease(lease, step) => {
                let draft = self.draft_of_lease(*lease).await?;
                (draft.map(|(draft, _)| draft), Some((*lease, step)))
            }
        };
        let Some(mut draft) = draft else { return Ok(false) };
        if is_behind(&draft.request.value, since) {
            let why = "the store was restored, and its issue has to be looked at first";
            self.store().hold_effect(effect, self.now() + ASK_AGAIN, why).await?;
            return Ok(true);
        }
        let command = match step {
            Some((_, Effect::Reboot)) => "reboot",
            Some((_, Effect::SwitchOff)) => "stop",
            Some((lease, Effect::Resize(_))) => {
                let event = Event::ResizeRefused { reason: UNKNOWN.to_owned() };
                if draft.lease_event(lease, &event).is_err() {
                    return Ok(false);
                }
                self.finish(effect, draft).await?;
                return Ok(true);
            }
            _ => return Ok(false),
        };
        draft.reply(&format!("restored:{}", effect.id), say_again(command));
        self.finish(effect, draft).await?;
        Ok(true)
    }

    /// Whether the comment that this effect posts may be there already although
    /// it was never tried: somebody else had the store.
    pub(super) async fn may_be_said(&self, effect: &ClaimedEffect) -> Result<bool, PortError> {
        let Some(since) = self.gone_on().await? else { return Ok(false) };
        // News of a lease name what is so now, and have to be told again.
        let is_answer = matches!(effect.task, Task::Reply(..) | Task::TeamNote(..));
        Ok(effect.ordered_at <= since || is_answer && self.now() - since < ECHO)
    }
}

/// Requests that came later know everything.
fn is_behind(request: &Request, since: Timestamp) -> bool {
    request.filed_at <= since && request.caught_up.is_none_or(|at| at < since)
}

/// Whether obeying it twice leaves everything as obeying it once.
fn is_repeatable(command: &Command) -> bool {
    match command {
        Command::Status
        | Command::Help
        | Command::Reject { .. }
        | Command::Extend { .. }
        | Command::Restore { .. }
        | Command::Transfer { .. }
        | Command::Accept { .. }
        | Command::Done
        | Command::Hold { .. }
        | Command::Unhold
        | Command::Protect { .. }
        | Command::Unprotect { .. }
        | Command::RenewTerms { .. }
        | Command::Confirm { .. } => true,
        // Another machine would be made, or one switched, emptied or given
        // another size once more. The codes that confirm are lost as well.
        Command::Approve { .. }
        | Command::Release { .. }
        | Command::Power { .. }
        | Command::Resize { .. }
        | Command::Rebuild { .. }
        | Command::Retry => false,
    }
}

fn say_again(command: &str) -> Reply {
    Reply::NotPossible {
        command: command.to_owned(),
        why: UNKNOWN.to_owned(),
        hint: Some(SAY_AGAIN.to_owned()),
    }
}
