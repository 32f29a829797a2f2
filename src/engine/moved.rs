//! Issues that went elsewhere. The forge makes a new issue with everything
//! that was said copied, and closes the old one for good.
//!
//! If the new place is one we look after, the request follows with its leases,
//! in one transaction. There must never be a second request for the copy,
//! whichever of the two issues is looked at first:
//!
//! - An issue without a request asks first whether it is where a request of its
//!   author went ([`Engine::origin`]). Asked for are those that can have been
//!   copied to what it looks like: all of the author's if it bears comments of
//!   ours, else those whose description is the same, and those on which we may
//!   have said nothing yet. A comment of ours is remembered only once the issue
//!   was still there after it ([`Engine::show`]), so it was copied.
//! - Two looks at the same author's first requests never overlap: one holds the
//!   lock from reading the issue to storing its request. So either the old one's
//!   request is stored when the new one asks, or the old one is seen to be gone.
//!
//! A deadline that was announced where nobody reads it any more, because the
//! comment did not come along, is announced again there.
//!
//! If the new place is none of ours, everything stays with the old issue, and
//! follows if it goes on from there to one that is.

use std::collections::BTreeSet;

use super::{
    Engine,
    draft::{Draft, Of, Relocation},
    look::Desk,
};
use crate::{
    identity::{Digest, IssueRef, LeaseId, NoteId, Person, Timestamp, UserId},
    lease::lifecycle as lease_life,
    notice::Reply,
    ports::{
        PortError, Verdict,
        forge::{Discussion, Forge, Issue, Note},
        store::{Actor, CommitError, Look, Versioned},
    },
    request::{Request, lifecycle::Event},
};

/// How often an issue may have been moved without our looking.
const MOST_MOVES: usize = 5;

/// How often what the forge copies is waited for.
const COPYING: u32 = 4;

/// What became of an issue that is not there.
pub(super) enum Whereabouts {
    /// Its request went along: there is nothing more to do here.
    Followed,
    /// It went to where its request cannot follow; this is what remains.
    Remains(Box<Desk>),
    /// It was deleted, or is hidden from us.
    Gone,
}

impl Engine {
    /// What became of an issue with a request that is not there.
    pub(super) async fn whereabouts(
        &self,
        look: &Look,
        request: Versioned<Request>,
        own: &Person,
    ) -> Result<Whereabouts, CommitError> {
        let forge = self.forge(&look.issue.forge)?;
        let places = went(forge, &look.issue).await?;
        for to in places.iter().rev() {
            if self.can_follow(&request.value, to).await? {
                self.follow(look, request, to).await?;
                return Ok(Whereabouts::Followed);
            }
        }
        let discussion = match forge.discussion(&look.issue).await {
            Ok(discussion) => discussion,
            Err(error) if error.verdict == Verdict::Missing => return Ok(Whereabouts::Gone),
            Err(error) => return Err(error.into()),
        };
        let is_known = request.value.shown.moved_away;
        if places.is_empty() && !is_known && look.failures < COPYING {
            let why = "it is not there, but its comments are: it may be on its way elsewhere";
            return Err(PortError::retry(format!("read {}", look.issue), why).into());
        }
        let issue = remains(&request.value, self.now());
        Ok(Whereabouts::Remains(Box::new(Desk { issue, discussion, own: own.clone() })))
    }

    /// Whether a request may go on at this place.
    async fn can_follow(&self, request: &Request, to: &IssueRef) -> Result<bool, PortError> {
        let Some(project) = self.served(&to.forge, to.project) else { return Ok(false) };
        // What is in use stays in use; what is asked for must be on offer.
        let cookbooks = self.cookbooks();
        let is_offered = cookbooks.get(&request.cookbook).is_some_and(|book| project.offers(book));
        let fits = is_offered || !request.state.is_open();
        Ok(fits && self.store().request_on(to).await?.is_none())
    }

    /// The request, its leases and all that is still to be said go where their
    /// issue went.
    async fn follow(
        &self,
        look: &Look,
        request: Versioned<Request>,
        to: &IssueRef,
    ) -> Result<(), CommitError> {
        let from = request.value.issue.clone();
        let forge = self.forge(&to.forge)?;
        let issue = forge.issue(to).await?;
        let there = forge.discussion(to).await?;
        let seen = self.store().seen_notes(&from).await?;
        let own = self.own_account(&to.forge).await?;
        let here = match forge.discussion(&from).await {
            Err(error) if error.verdict == Verdict::Missing => None,
            here => Some(here?),
        };
        let (copies, late) = match &here {
            None => (brought_along(&there, &seen), 0),
            Some(here) => copies(here, &there, &seen, own.id),
        };
        if late > 0 && look.failures < COPYING {
            // A command whose copy comes later would be obeyed twice.
            let why = format!("{late} comments were not copied yet");
            return Err(PortError::retry(format!("follow {from} to {to}"), why).into());
        }
        tracing::info!(%from, %to, "an issue was moved; its request follows");
        let mut draft = Draft::of(self, request).await?;
        draft.relocate(Relocation { to: to.clone(), web_url: issue.web_url });
        for note in copies {
            draft.saw(note);
        }
        draft.audit(Actor::Outside, &format!("moved:{to}"), Of::default());
        if let Some(here) = &here {
            for lease in unheard(&mut draft, here, &there) {
                // What has no deadline any more has none to tell of.
                let _ = draft.lease_event(lease, &lease_life::Event::Rehomed);
            }
        }
        let machines = self.machine_ends(&draft);
        draft.reply(&format!("moved:{to}"), Reply::Moved { machines });
        draft.look_again();
        draft.commit().await
    }

    /// The request whose issue this one was before it was moved here. If there
    /// is one, it has followed.
    pub(super) async fn came_from_elsewhere(
        &self,
        look: &Look,
        desk: &Desk,
    ) -> Result<bool, CommitError> {
        let Some(request) = self.origin(desk).await? else { return Ok(false) };
        self.follow(look, request, desk.reference()).await?;
        Ok(true)
    }

    async fn origin(&self, desk: &Desk) -> Result<Option<Versioned<Request>>, PortError> {
        let (issue, forge) = (&desk.issue, self.forge(&desk.reference().forge)?);
        let bears_ours = desk.discussion.notes.iter().any(|note| note.author.id == desk.own.id);
        let description = Digest::of(&issue.description);
        let requests = self.store().requests_by(&issue.reference.forge, issue.author.id).await?;
        for request in requests {
            let Request { issue: before, sticky, description: read, .. } = &request.value;
            let may_be = bears_ours || sticky.is_none() || *read == description;
            if may_be && went(forge, before).await?.contains(desk.reference()) {
                return Ok(Some(request));
            }
        }
        Ok(None)
    }

    /// An issue that we can no longer see: what it asked for lives on, and
    /// nobody can be told anything there.
    pub(super) async fn mourn(&self, request: Versioned<Request>) -> Result<(), CommitError> {
        let mut draft = Draft::of(self, request).await?;
        if draft.request.value.shown.gone {
            return Ok(());
        }
        let issue = draft.request.value.issue.clone();
        tracing::error!(
            %issue, page = draft.request.value.web_url,
            "the issue of a request is gone or hidden from us; its machines live on, and nothing is destroyed, since nobody can be warned; `innkeeper rehome` gives them another issue"
        );
        draft.request_mut().shown.gone = true;
        draft.audit(Actor::Outside, "issue-gone", Of::default());
        draft.all_in_trouble(Some(ISSUE_GONE));
        draft.commit().await
    }

    /// What could not be seen is there again.
    pub(super) fn is_back(draft: &mut Draft<'_>) {
        if draft.request.value.shown.gone {
            draft.request_mut().shown.gone = false;
            draft.audit(Actor::Outside, "issue-back", Of::default());
            draft.all_in_trouble(None);
        }
    }

    /// What remains of an issue that went where its request cannot follow:
    /// that is said once, and commands are read as before.
    pub(super) fn notice_leaving(&self, draft: &mut Draft<'_>) {
        let was_open = draft.request.value.state.is_open();
        if draft.request_event(Event::Closed).is_ok() {
            draft.request_mut().seen_open = false;
            draft.audit(Actor::Outside, "withdrawn", Of::default());
        }
        if draft.request.value.shown.moved_away {
            return;
        }
        draft.request_mut().shown.moved_away = true;
        let machines = self.machine_ends(draft);
        if was_open || !machines.is_empty() {
            let sysadmins = self.settings.sysadmins.iter().map(ToString::to_string).collect();
            draft.reply("moved-away", Reply::MovedAway { machines, sysadmins });
        }
    }
}

/// Shown as the trouble of a machine whose issue is gone.
pub(super) const ISSUE_GONE: &str =
    "its issue is gone or hidden from us: nobody can be warned, so nothing is done by itself";

/// Where an issue went, from place to place, as far as we can see it.
async fn went(forge: &dyn Forge, issue: &IssueRef) -> Result<Vec<IssueRef>, PortError> {
    let mut places: Vec<IssueRef> = Vec::new();
    while places.len() < MOST_MOVES {
        let to = match forge.moved_to(places.last().unwrap_or(issue)).await {
            // What we may not see of a place that is none of ours ends the trail.
            Err(error) if !places.is_empty() && error.verdict == Verdict::GiveUp => None,
            to => to?,
        };
        let Some(to) = to else { break };
        places.push(to);
    }
    Ok(places)
}

/// A closed issue of which nothing but the comments can be read.
fn remains(request: &Request, now: Timestamp) -> Issue {
    Issue {
        reference: request.issue.clone(),
        title: String::new(),
        description: String::new(),
        author: request.author.clone(),
        by_bot: false,
        open: false,
        labels: Vec::new(),
        due_date: None,
        confidential: request.shown.confidential,
        thumbs_up: 0,
        web_url: request.web_url.clone(),
        updated_at: now,
    }
}

/// The comments that were dealt with, where nothing is left of the old issue
/// to compare with. If none kept its id, all that are there count: rather is a
/// command not read than obeyed twice.
fn brought_along(there: &Discussion, seen: &BTreeSet<NoteId>) -> Vec<NoteId> {
    let all = || there.notes.iter().map(|note| note.id);
    let kept: Vec<NoteId> = all().filter(|id| seen.contains(id)).collect();
    if kept.is_empty() { all().collect() } else { kept }
}

/// The leases whose deadline was announced where it cannot be read any more: the
/// comment was posted on the old issue after it was moved, or was deleted before.
/// All other announcements are known by their copies from now on.
fn unheard(draft: &mut Draft<'_>, here: &Discussion, there: &Discussion) -> Vec<LeaseId> {
    let copy_of = |id: NoteId| {
        let note = here.notes.iter().find(|note| note.id == id)?;
        there.notes.iter().find(|copy| is_copy(copy, note)).map(|copy| copy.id)
    };
    let mut unheard = Vec::new();
    let ids: Vec<LeaseId> = draft.leases.iter().map(|lease| lease.value.id).collect();
    for id in ids {
        let Some(lease) = draft.lease_mut(id) else { continue };
        let Some(deadline) = lease.deadline else { continue };
        let current = lease.announcements.iter_mut().filter(|said| {
            (said.step, said.deadline) == (deadline.step, deadline.at)
                && said.delivered_at >= deadline.set_at
        });
        let mut all_there = true;
        for said in current {
            match copy_of(said.note) {
                Some(copy) => said.note = copy,
                None => all_there = false,
            }
        }
        if !all_there {
            unheard.push(id);
        }
    }
    unheard
}

/// A copy has another id; author and time are the same.
fn is_copy(copy: &Note, note: &Note) -> bool {
    (copy.author.id, copy.created_at) == (note.author.id, note.created_at)
}

/// The copies of comments that were dealt with, and how many of these have none.
fn copies(
    here: &Discussion,
    there: &Discussion,
    seen: &BTreeSet<NoteId>,
    own: UserId,
) -> (Vec<NoteId>, usize) {
    let dealt_with =
        || here.notes.iter().filter(|note| note.author.id != own && seen.contains(&note.id));
    let copies = there.notes.iter().filter(|copy| dealt_with().any(|note| is_copy(copy, note)));
    let late = dealt_with().filter(|note| !there.notes.iter().any(|copy| is_copy(copy, note)));
    (copies.map(|note| note.id).collect(), late.count())
}
