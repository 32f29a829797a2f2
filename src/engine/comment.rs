//! Comments: what was decided to be said is rendered at the moment of sending,
//! with the names people have then, and posted once.

use super::{
    Engine,
    draft::{Draft, Of},
    effects::FOR_FORGE,
    trouble::thing,
};
use crate::{
    effect::Task,
    identity::{LeaseId, NoteId, Person, RequestId, Timestamp, UserId},
    lease::{
        Lease, State,
        lifecycle::{self, Effect, News, Topic},
    },
    notice::{
        Links, Reply,
        markdown::Markdown,
        marker::Marker,
        news::{LeaseNews, Takeover},
        team::TeamNote,
    },
    ports::{
        PortError,
        forge::{Audience, Discussion},
        store::{Actor, ClaimedEffect, CommitError},
    },
    request::Request,
};

impl Engine {
    pub(super) async fn answer(
        &self,
        effect: &ClaimedEffect,
        request: RequestId,
        reply: &Reply,
    ) -> Result<(), CommitError> {
        let Some(draft) = self.draft_of(request).await? else {
            return self.drop_effect(effect).await;
        };
        let bot = self.own_account(&draft.request.value.issue.forge).await?.username;
        let body = self
            .renderer()
            .reply(reply, &bot, &self.links(&draft.request.value)?)
            .map_err(|cause| PortError::give_up("render a reply", cause))?;
        let marker = Marker::of_effect(&effect.key);
        self.post_once(effect, &draft, &body, &marker).await?;
        self.finish(effect, draft).await
    }

    /// Where the forge has no notes for the team, what it would have said is in
    /// the log, and nothing is posted.
    pub(super) async fn tell_team(
        &self,
        effect: &ClaimedEffect,
        request: RequestId,
        note: &TeamNote,
    ) -> Result<(), CommitError> {
        let Some(draft) = self.draft_of(request).await? else {
            return self.drop_effect(effect).await;
        };
        let forge = &draft.request.value.issue.forge;
        if !self.forge(forge)?.abilities().team_notes {
            tracing::error!(issue = %draft.request.value.issue, ?note, "for sysadmins");
            return self.drop_effect(effect).await;
        }
        let bot = self.own_account(forge).await?.username;
        let body = self
            .renderer()
            .team(note, &bot)
            .map_err(|cause| PortError::give_up("render a note for the team", cause))?;
        let marker = Marker::of_effect(&effect.key);
        self.post_once(effect, &draft, &body, &marker).await?;
        self.finish(effect, draft).await
    }

    pub(super) async fn tell(
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
        let Named { lease: named, reached } = self.named_now(&lease).await?;
        let cookbooks = self.cookbooks();
        let retire = cookbooks.get(&lease.cookbook).map_or(&[][..], |book| &book.retire);
        let calendar = self.calendar_of(&lease.cookbook);
        let mut context = LeaseNews::of(&named, &news, &bot, self.now(), &calendar)
            .with_checklist(&named, &news, retire);
        context.links = self.links(&draft.request.value)?;
        self.ask_others(&mut context, &named, &news, &reached);
        let body = self
            .renderer()
            .news(&news.topic, &context)
            .map_err(|cause| PortError::give_up("render news", cause))?;
        // A comment of an earlier try that named another deadline is no proof
        // that people were told of this one, so the marker covers it.
        let named = news.announces.map_or(0, |(_, at)| at.timestamp_millis());
        let marker = Marker::of_effect(&format!("{}:{named}", effect.key));
        let Posted { note, earlier } = self.post_once(effect, &draft, &body, &marker).await?;
        draft.time_passed();
        // People could read it since then. Never before the deadline was set,
        // whatever the forge's clock says.
        let set_at = lease.deadline.map_or(draft.now(), |deadline| deadline.set_at);
        let at = earlier.map_or(draft.now(), |at| at.max(set_at).min(draft.now()));
        if let Some(event) = lifecycle::announcement(&lease, &news, note, at) {
            // Not standing any more by the time it is stored: a conflict says so.
            let _ = draft.lease_event(lease.id, &event);
            draft.audit(Actor::Clock, "announced", Of { lease: Some(lease.id), ..Of::default() });
        }
        self.finish(effect, draft).await
    }

    /// The lease with its people's usernames of now: who has another by now
    /// would not hear of it, and somebody else may have the old one. An account
    /// that is gone keeps its name here, which somebody has to be called by.
    async fn named_now(&self, lease: &Lease) -> Result<Named, PortError> {
        let forge = self.forge(&lease.issue.forge)?;
        let mut named = Named { lease: lease.clone(), reached: Vec::new() };
        let people = std::iter::once(&mut named.lease.owner).chain(&mut named.lease.fallback);
        for person in people {
            if let Some(now) = forge.person(person.id).await? {
                named.reached.push(now.clone());
                *person = now;
            }
        }
        Ok(named)
    }

    /// What would be said to an owner whose account is gone is said to those
    /// who stand in, and to the sysadmins if nobody of them is left either.
    fn ask_others(&self, context: &mut LeaseNews, named: &Lease, news: &News, reached: &[Person]) {
        // Nobody owns yet what nobody has confirmed.
        if named.state == State::Adopted || news.topic == Topic::Transferred {
            return;
        }
        if reached.iter().any(|person| person.id == named.owner.id) {
            return;
        }
        context.people = reached.iter().map(|person| person.username.clone()).collect();
        let sysadmins = self.settings.sysadmins.iter().map(ToString::to_string);
        context.takeover = Some(Takeover {
            gone: named.owner.username.clone(),
            sysadmins: sysadmins.filter(|_| reached.is_empty()).collect(),
        });
    }

    /// Where the readers of a comment go next.
    pub(super) fn links(&self, request: &Request) -> Result<Links, PortError> {
        let forge = self.forge(&request.issue.forge)?;
        let is_offered = self.cookbooks().get(&request.cookbook).is_some();
        let page = || forge.new_issue_page(&request.web_url, request.cookbook.as_str());
        Ok(Links {
            sticky_url: request.sticky.map(|note| forge.note_page(&request.web_url, note)),
            new_url: is_offered.then(page),
        })
    }

    /// Posts a comment unless an earlier try did, whose answer was lost.
    async fn post_once(
        &self,
        effect: &ClaimedEffect,
        draft: &Draft<'_>,
        body: &Markdown,
        marker: &Marker,
    ) -> Result<Posted, PortError> {
        let issue = &draft.request.value.issue;
        let forge = self.forge(&issue.forge)?;
        self.keep_hidden(&draft.request.value).await?;
        if effect.attempts > 1 || self.may_be_said(effect).await? {
            let discussion = forge.discussion(issue).await?;
            let own = self.own_account(&issue.forge).await?.id;
            let posted = ours(&discussion, own, marker).next();
            if let Some(note) = posted {
                self.delete_doubles(draft, &discussion, own, (note, marker)).await?;
                let posted = discussion.notes.iter().find(|posted| posted.id == note);
                return Ok(Posted { note, earlier: posted.map(|posted| posted.created_at) });
            }
        }
        self.has_time(&thing(effect), effect.until, FOR_FORGE)?;
        let note = forge.post_note(issue, &body.marked(marker), audience(&effect.task)).await?;
        Ok(Posted { note, earlier: None })
    }

    /// A note posted twice because an answer was lost: the one that is kept stays.
    pub(super) async fn delete_doubles(
        &self,
        draft: &Draft<'_>,
        discussion: &Discussion,
        own: UserId,
        (keep, marker): (NoteId, &Marker),
    ) -> Result<(), PortError> {
        let issue = &draft.request.value.issue;
        for note in ours(discussion, own, marker).filter(|note| *note != keep) {
            self.forge(&issue.forge)?.delete_note(issue, note).await?;
        }
        Ok(())
    }
}

/// A comment of ours.
struct Posted {
    note: NoteId,
    /// When, by the forge's own record, if an earlier try posted it.
    earlier: Option<Timestamp>,
}

/// A lease with its people's usernames of now, and whoever of them has an account.
struct Named {
    lease: Lease,
    reached: Vec<Person>,
}

/// Who may read what a task says.
fn audience(task: &Task) -> Audience {
    match task {
        Task::Reply(..) | Task::Lease(_, Effect::Tell(_)) => Audience::Everyone,
        // No other task says anything. Should one, few hear it rather than all.
        Task::TeamNote(..) | Task::Lease(..) => Audience::Team,
    }
}

/// Our comments under this marker.
fn ours<'a>(
    discussion: &'a Discussion,
    own: UserId,
    marker: &'a Marker,
) -> impl Iterator<Item = NoteId> + 'a {
    let notes = discussion.notes.iter();
    notes.filter(move |note| note.author.id == own && marker.is_in(&note.body)).map(|note| note.id)
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
