//! A look at an issue: read it, judge it, obey its commands, repair its view.
//!
//! The pass takes no argument but the issue. Whatever made somebody ask for
//! it (a webhook, a poll, an effect that finished), it reads what is there now
//! and does what is missing, so events may be lost, doubled or reordered.

use std::time::Duration;

use super::{Engine, back_off, draft::Draft, guide::is_being_followed, moved::Whereabouts};
use crate::{
    cookbook::{Cookbook, Cookbooks},
    identity::{Digest, IssueRef, Person, RequestId, Timestamp},
    notice::Reply,
    policy::Verdict,
    ports,
    ports::{
        PortError,
        forge::{Discussion, Issue, Note},
        store::{Actor, CommitError, Look, Versioned},
    },
    request::{Request, Shown, document, lifecycle::Event},
};

/// How often a look is begun anew because somebody else changed the same
/// request meanwhile, before it is postponed instead.
const RACES: usize = 4;

/// How often an issue that a webhook named may be missing before that is
/// believed: the forge sends webhooks before the issue can be read everywhere.
const EARLY_MISSES: u32 = 4;

/// After what time an issue may ask again whether it is its turn to be taken in.
/// Another one takes as long as reading it does, or, if its process died, until the
/// claim runs out: then it asks less often, and is still answered within seconds.
fn turn(look: &Look, now: Timestamp) -> Duration {
    let waited = (now - look.since).to_std().unwrap_or_default();
    // Idle workers look for work every second: those that were filed one after the
    // other do not all ask in the same.
    let apart = Duration::from_secs(look.issue.number.0 % 4);
    Duration::from_secs(1) + apart + (waited / 8).min(Duration::from_secs(6))
}

/// What a look finds.
enum Sight {
    /// The issue.
    Issue(Box<Desk>),
    /// What remains of an issue that went where its request cannot follow.
    Remains(Box<Desk>),
    /// Nothing, and there is nothing to be done about it here.
    Nothing,
}

/// An issue on the desk: everything that was read about it.
pub(super) struct Desk {
    pub(super) issue: Issue,
    pub(super) discussion: Discussion,
    /// The account we act as there.
    pub(super) own: Person,
}

impl Engine {
    pub(super) async fn take_look(&self, look: &Look) -> Result<(), PortError> {
        let thing = format!("look at {}", look.issue);
        match Box::pin(self.look_at(look)).await {
            Ok(()) => {
                self.log_end(&thing);
                self.store().finish_look(look).await
            }
            Err(PortError { verdict: ports::Verdict::Underway { after }, .. }) => {
                self.store().defer_look(look, self.now() + after).await
            }
            Err(error) => {
                self.log_failure(look.issue.forge.as_str(), &thing, &error);
                let due = self.now() + back_off(look.failures, error.verdict);
                self.store().postpone_look(look, due, &error.chain()).await
            }
        }
    }

    async fn look_at(&self, look: &Look) -> Result<(), PortError> {
        for _ in 0..RACES {
            // Read anew each time: what was posted before the race was lost is
            // on the issue now.
            let outcome = match self.read(look).await {
                Ok(Sight::Issue(desk)) => self.reconcile(look, *desk).await,
                Ok(Sight::Remains(desk)) => self.reconcile_remains(look, &desk).await,
                Ok(Sight::Nothing) => Ok(()),
                Err(error) => Err(error),
            };
            match outcome {
                Err(CommitError::Conflict) => {}
                Err(CommitError::Port(error)) => return Err(error),
                Ok(()) => match self.caught_up(&look.issue).await {
                    Err(CommitError::Conflict) => {}
                    Err(CommitError::Port(error)) => return Err(error),
                    Ok(()) => return Ok(()),
                },
            }
        }
        Err(PortError::retry(format!("settle {}", look.issue), CommitError::Conflict))
    }

    /// Reads the issue. One that is not there is looked for.
    async fn read(&self, look: &Look) -> Result<Sight, CommitError> {
        let forge = self.forge(&look.issue.forge)?;
        let own = self.own_account(&look.issue.forge).await?;
        let missing = match forge.issue(&look.issue).await {
            Ok(issue) => {
                let discussion = forge.discussion(&look.issue).await?;
                return Ok(Sight::Issue(Box::new(Desk { issue, discussion, own })));
            }
            Err(error) if error.verdict == ports::Verdict::Missing => error,
            Err(error) => return Err(error.into()),
        };
        let request = self.store().request_on(&look.issue).await?;
        if let Some(request) = &request {
            match self.whereabouts(look, request.clone(), &own).await? {
                Whereabouts::Followed => return Ok(Sight::Nothing),
                Whereabouts::Remains(desk) => return Ok(Sight::Remains(desk)),
                Whereabouts::Gone => {}
            }
        }
        if look.failures < EARLY_MISSES {
            let verdict = ports::Verdict::Retry { after: None };
            return Err(PortError { verdict, ..missing }.into());
        }
        match request {
            Some(request) => self.mourn(request).await?,
            None => {
                tracing::info!(issue = %look.issue, "the issue is gone, moved or hidden from us");
            }
        }
        Ok(Sight::Nothing)
    }

    async fn reconcile(&self, look: &Look, desk: Desk) -> Result<(), CommitError> {
        let cookbooks = self.cookbooks();
        let Some(mut draft) = self.draft_for(&desk, &cookbooks).await? else {
            return self.leave_unread(&desk, &cookbooks).await;
        };
        let desk = if draft.request.version == 0 {
            match Box::pin(self.take_in(look, &desk, &cookbooks)).await? {
                Some((taken, desk)) => {
                    draft = taken;
                    desk
                }
                None => return Ok(()),
            }
        } else {
            Self::is_back(&mut draft);
            self.forget_what_was_shown(&desk, &mut draft).await?;
            self.judge_anew(&desk, &mut draft, &cookbooks).await?;
            desk
        };
        self.read_notes(&desk, &mut draft, &cookbooks).await?;
        self.show(look, &desk, &mut draft, &cookbooks).await
    }

    /// What remains of an issue that was moved away is read, and its first
    /// comment kept up to date; its fields are left as they are.
    async fn reconcile_remains(&self, look: &Look, desk: &Desk) -> Result<(), CommitError> {
        let cookbooks = self.cookbooks();
        let Some(request) = self.store().request_on(desk.reference()).await? else {
            return Ok(());
        };
        let mut draft = Draft::of(self, request).await?;
        Self::is_back(&mut draft);
        self.notice_leaving(&mut draft);
        draft.commit().await?;
        self.read_notes(desk, &mut draft, &cookbooks).await?;
        let cookbook = cookbooks.get(&draft.request.value.cookbook);
        self.show_sticky(look, desk, &mut draft, cookbook).await?;
        draft.commit().await
    }

    /// An issue that has no request yet gets one, unless it turns out to be
    /// where another one went: then nothing is returned.
    ///
    /// Under a lock and read anew, because an issue that is just being moved is
    /// there twice: see [`super::moved`].
    async fn take_in<'a>(
        &'a self,
        look: &Look,
        desk: &Desk,
        cookbooks: &Cookbooks,
    ) -> Result<Option<(Draft<'a>, Desk)>, CommitError> {
        let name = format!("filing:{}:{}", look.issue.forge, desk.issue.author.id);
        // Looks at one issue exclude each other by their claims.
        let holder = look.issue.to_string();
        let now = self.now();
        if !self.store().lock(&name, &holder, now, now + self.settings.claim).await? {
            let why = "another new issue of the same account is being looked at";
            let after = turn(look, now);
            return Err(PortError::underway(format!("look at {}", look.issue), why, after).into());
        }
        let taken = self.take_in_alone(look, cookbooks).await;
        self.store().unlock(&name, &holder).await?;
        taken
    }

    async fn take_in_alone<'a>(
        &'a self,
        look: &Look,
        cookbooks: &Cookbooks,
    ) -> Result<Option<(Draft<'a>, Desk)>, CommitError> {
        // Gone meanwhile, or somebody was faster: the next look finds out.
        let Sight::Issue(desk) = self.read(look).await? else { return Ok(None) };
        let Some(mut draft) = self.draft_for(&desk, cookbooks).await? else { return Ok(None) };
        if draft.request.version > 0 || self.came_from_elsewhere(look, &desk).await? {
            return Err(CommitError::Conflict);
        }
        if self.was_left(desk.reference()).await? {
            return Ok(None);
        }
        // A copy of an issue of ours, made on purpose: what people said to that
        // one is not said to this.
        if desk.discussion.notes.iter().any(|note| note.author.id == desk.own.id) {
            for note in desk.discussion.notes.iter().filter(|note| note.author.id != desk.own.id) {
                draft.saw(note.id);
            }
        }
        self.judge_anew(&desk, &mut draft, cookbooks).await?;
        Ok(Some((draft, *desk)))
    }

    async fn judge_anew(
        &self,
        desk: &Desk,
        draft: &mut Draft<'_>,
        cookbooks: &Cookbooks,
    ) -> Result<(), CommitError> {
        self.hide(desk, draft, cookbooks).await?;
        let cookbook = cookbooks.get(&draft.request.value.cookbook);
        self.notice_closing(desk, draft, cookbook);
        if draft.request.value.state.is_open() {
            self.judge(desk, draft, cookbooks).await?;
        } else {
            notice_late_edit(desk, draft, cookbook);
        }
        draft.commit().await
    }

    /// Deals with all comments nobody has dealt with yet.
    async fn read_notes(
        &self,
        desk: &Desk,
        draft: &mut Draft<'_>,
        cookbooks: &Cookbooks,
    ) -> Result<(), CommitError> {
        let seen = self.store().seen_notes(desk.reference()).await?;
        for note in &desk.discussion.notes {
            if !seen.contains(&note.id) && note.author.id != desk.own.id {
                self.read_note(desk, draft, cookbooks, note).await?;
                draft.commit().await?;
            }
        }
        Ok(())
    }

    /// The issue's request with its leases; a new one if the issue uses a
    /// cookbook; `None` if it is none of our business.
    pub(super) async fn draft_for<'a>(
        &'a self,
        desk: &Desk,
        cookbooks: &Cookbooks,
    ) -> Result<Option<Draft<'a>>, PortError> {
        let issue = &desk.issue;
        if let Some(request) = self.store().request_on(&issue.reference).await? {
            return Ok(Some(Draft::of(self, request).await?));
        }
        if !issue.open || issue.author.id == desk.own.id {
            return Ok(None);
        }
        let Some(cookbook) = self.recognise(issue, cookbooks) else { return Ok(None) };
        let request = self.new_request(issue, cookbook, cookbooks.version);
        Ok(Some(Draft::new(self, Versioned::new(request), Vec::new())))
    }

    /// The cookbook an issue is to be read by, of those offered in its project:
    /// the template's marker says it, else a label.
    pub(super) fn recognise<'a>(
        &self,
        issue: &Issue,
        cookbooks: &'a Cookbooks,
    ) -> Option<&'a Cookbook> {
        let IssueRef { forge, project, .. } = &issue.reference;
        let project = self.served(forge, *project)?;
        let is_offered = |cookbook: &&Cookbook| project.offers(cookbook);
        let marked = document::marker(&issue.description).and_then(|name| cookbooks.get(&name));
        let labelled = || {
            cookbooks.cookbooks.iter().filter(is_offered).find(|cookbook| {
                cookbook.label.as_ref().is_some_and(|label| issue.labels.contains(label))
            })
        };
        marked.filter(is_offered).or_else(labelled)
    }

    /// The request of an issue, not judged yet.
    pub(super) fn new_request(
        &self,
        issue: &Issue,
        cookbook: &Cookbook,
        policy_version: Digest,
    ) -> Request {
        let now = self.now();
        let state = crate::request::lifecycle::State::Incomplete;
        Request {
            id: RequestId(self.ports.entropy.uuid()),
            issue: issue.reference.clone(),
            web_url: issue.web_url.clone(),
            cookbook: cookbook.name.clone(),
            author: issue.author.clone(),
            filed_at: now,
            state,
            waits_on: state.waits_on(),
            waits_since: now,
            // Not judged yet: `judge` fills in what follows.
            description: Digest::of(""),
            policy_version,
            reading: crate::request::Reading::default(),
            verdict: Verdict::unjudged(cookbook.name.clone(), policy_version, issue.author.clone()),
            approvals: Vec::new(),
            accepted: false,
            leases: Vec::new(),
            shortage: None,
            sticky: None,
            questions: Vec::new(),
            seen_open: true,
            closed_by_us: false,
            closing_answered: false,
            reopened_by_us: false,
            due_date_shown: None,
            shown: Shown::default(),
            salt: None,
            caught_up: None,
        }
    }

    /// Somebody closed or reopened the issue since we last looked.
    fn notice_closing(&self, desk: &Desk, draft: &mut Draft<'_>, cookbook: Option<&Cookbook>) {
        let open = desk.issue.open;
        if draft.request.value.seen_open == open {
            return;
        }
        draft.request_mut().seen_open = open;
        let event = if open { Event::Reopened } else { Event::Closed };
        if draft.request_event(event).is_ok() {
            // Another round: when it ends, the issue is closed again.
            draft.request_mut().closed_by_us = false;
            let action = if open { "reopened" } else { "withdrawn" };
            draft.audit(Actor::Outside, action, super::draft::Of::default());
            return;
        }
        if !open {
            Self::answer_closing(draft, cookbook, &desk.own.username);
        }
        let living: Vec<_> =
            draft.leases.iter().filter(|lease| lease.value.state.has_machine()).collect();
        if !open && !living.is_empty() && !draft.request.value.closing_answered {
            let machines = living.iter().map(|lease| self.machine_end(&lease.value)).collect();
            draft.reply("closed", Reply::Closed { machines });
            draft.request_mut().closing_answered = true;
        }
    }

    /// One comment nobody dealt with yet.
    async fn read_note(
        &self,
        desk: &Desk,
        draft: &mut Draft<'_>,
        cookbooks: &Cookbooks,
        note: &Note,
    ) -> Result<(), CommitError> {
        draft.saw(note.id);
        if note.by_bot {
            return Ok(());
        }
        let commands = crate::command::commands(&note.body, &desk.own.username);
        if note.edited && !commands.is_empty() {
            // Whoever edited it need not be who wrote it.
            let by = note.author.username.clone();
            draft.reply(&format!("note:{}", note.id), Reply::EditedNote { by });
            return Ok(());
        }
        for (index, command) in commands.into_iter().enumerate() {
            let key = format!("note:{}:{index}", note.id);
            if let Ok(command) = &command
                && self.is_of_lost_days(draft, note.created_at, &key, command).await?
            {
                continue;
            }
            // Each command sees what the one before it did, in the draft; all of
            // them are stored with the comment, so that none is obeyed twice.
            self.obey(desk, draft, cookbooks, note, &key, command).await?;
        }
        Ok(())
    }
}

/// The description was edited although it decides nothing any more.
fn notice_late_edit(desk: &Desk, draft: &mut Draft<'_>, cookbook: Option<&Cookbook>) {
    let description = Digest::of(&desk.issue.description);
    if draft.request.value.description != description {
        draft.request_mut().description = description;
        // What we wrote ourselves was never approved.
        if draft.request.value.is_adopted() {
            return;
        }
        if !draft.request.value.leases.is_empty() || is_being_followed(draft, cookbook) {
            // Once: ticking a box is an edit, too.
            draft.reply("edited-after-approval", Reply::EditedAfterApproval {});
        }
    }
}

/// The issue, for asking for a look at it.
impl Desk {
    pub(super) fn reference(&self) -> &IssueRef {
        &self.issue.reference
    }
}
