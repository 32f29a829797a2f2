//! A look at an issue: read it, judge it, obey its commands, repair its view.
//!
//! The pass takes no argument but the issue. Whatever made somebody ask for
//! it (a webhook, a poll, an effect that finished), it reads what is there now
//! and does what is missing, so events may be lost, doubled or reordered.

use super::{Engine, back_off, draft::Draft};
use crate::{
    cookbook::{Cookbook, Cookbooks},
    identity::{Digest, IssueRef, Person, RequestId},
    notice::Reply,
    policy::Verdict,
    ports,
    ports::{
        PortError,
        forge::{Discussion, Issue, Note},
        store::{Actor, CommitError, Look, Versioned},
    },
    request::{Request, document, lifecycle::Event},
};

/// How often a look is begun anew because somebody else changed the same
/// request meanwhile, before it is postponed instead.
const RACES: usize = 4;

/// How often an issue that a webhook named may be missing before that is
/// believed: the forge sends webhooks before the issue can be read everywhere.
const EARLY_MISSES: u32 = 4;

/// An issue on the desk: everything that was read about it.
pub(super) struct Desk {
    pub(super) issue: Issue,
    pub(super) discussion: Discussion,
    /// The account we act as there.
    pub(super) own: Person,
}

impl Engine {
    pub(super) async fn take_look(&self, look: &Look) -> Result<(), PortError> {
        match self.look_at(look).await {
            Ok(()) => self.store().finish_look(look).await,
            Err(error) => {
                tracing::warn!(
                    issue = %look.issue, failures = look.failures, error = %error.chain(),
                    "could not look at the issue; it is tried again"
                );
                let due = self.now() + back_off(look.failures, error.verdict);
                self.store().postpone_look(look, due, &error.chain()).await
            }
        }
    }

    async fn look_at(&self, look: &Look) -> Result<(), PortError> {
        for _ in 0..RACES {
            // Read anew each time: what was posted before the race was lost is
            // on the issue now.
            let Some(desk) = self.read(look).await? else { return Ok(()) };
            match self.reconcile(&desk).await {
                Err(CommitError::Conflict) => {}
                Err(CommitError::Port(error)) => return Err(error),
                Ok(()) => return Ok(()),
            }
        }
        Err(PortError::retry(format!("settle {}", look.issue), CommitError::Conflict))
    }

    /// Reads the issue; `None` if it is gone and nothing can be done about it.
    async fn read(&self, look: &Look) -> Result<Option<Desk>, PortError> {
        let forge = self.forge(&look.issue.forge)?;
        let own = self.own_account(&look.issue.forge).await?;
        let issue = match forge.issue(&look.issue).await {
            Ok(issue) => issue,
            Err(error) if error.verdict == ports::Verdict::Missing => {
                if look.failures < EARLY_MISSES {
                    return Err(PortError {
                        verdict: ports::Verdict::Retry { after: None },
                        ..error
                    });
                }
                tracing::warn!(issue = %look.issue, "the issue is gone, moved or hidden from us");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let discussion = forge.discussion(&look.issue).await?;
        Ok(Some(Desk { issue, discussion, own }))
    }

    async fn reconcile(&self, desk: &Desk) -> Result<(), CommitError> {
        let cookbooks = self.cookbooks();
        let Some(mut draft) = self.draft_for(desk, &cookbooks).await? else { return Ok(()) };
        self.notice_closing(desk, &mut draft);
        if draft.request.value.state.is_open() {
            self.judge(desk, &mut draft, &cookbooks).await?;
        } else {
            notice_late_edit(desk, &mut draft);
        }
        draft.commit().await?;

        let seen = self.store().seen_notes(&desk.issue.reference).await?;
        for note in &desk.discussion.notes {
            if !seen.contains(&note.id) && note.author.id != desk.own.id {
                self.read_note(desk, &mut draft, &cookbooks, note).await?;
                draft.commit().await?;
            }
        }
        self.show(desk, &mut draft, &cookbooks).await
    }

    /// The issue's request with its leases; a new one if the issue uses a
    /// cookbook; `None` if it is none of our business.
    async fn draft_for<'a>(
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
    fn recognise<'a>(&self, issue: &Issue, cookbooks: &'a Cookbooks) -> Option<&'a Cookbook> {
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
        }
    }

    /// Somebody closed or reopened the issue since we last looked.
    fn notice_closing(&self, desk: &Desk, draft: &mut Draft<'_>) {
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
            // Each command sees what the one before it did, in the draft; all of
            // them are stored with the comment, so that none is obeyed twice.
            self.obey(desk, draft, cookbooks, note, &key, command).await?;
        }
        Ok(())
    }
}

/// The description was edited although it decides nothing any more.
fn notice_late_edit(desk: &Desk, draft: &mut Draft<'_>) {
    let description = Digest::of(&desk.issue.description);
    if draft.request.value.description != description {
        draft.request_mut().description = description;
        // What we wrote ourselves was never approved.
        if draft.request.value.is_adopted() {
            return;
        }
        if !draft.request.value.leases.is_empty() {
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
