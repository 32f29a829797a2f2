//! Machines whose issue was deleted: nobody can be warned there, so nothing is
//! done with them by itself. An operator gives them another issue.
//!
//! The old one may only have been hidden from us, and come back: that it was
//! left for another is remembered, so that it never becomes a second request.

use std::collections::BTreeSet;

use super::{
    Engine, Project,
    draft::{Draft, Of, Relocation},
};
use crate::{
    effect::NewEffect,
    identity::{Digest, IssueRef, LeaseId, RequestId},
    lease::{Lease, State, lifecycle::Event},
    ports::{
        PortError, Verdict,
        forge::Issue,
        queue::Standing,
        store::{Actor, CommitError, Versioned},
    },
    request::Request,
};

/// A request whose issue is gone while it has machines.
#[derive(Clone, Debug)]
pub struct Homeless {
    /// Which.
    pub request: RequestId,
    /// The address that its issue had.
    pub page: String,
    /// Its leases that have not ended.
    pub leases: Vec<Lease>,
}

impl Engine {
    /// What has no issue any more.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn homeless(&self) -> Result<Vec<Homeless>, PortError> {
        let mut requests = BTreeSet::new();
        let mut show = |lease: Versioned<Lease>| requests.extend(lease.value.request);
        self.store().each_live_lease(&mut show).await?;
        let mut homeless = Vec::new();
        for id in requests {
            let Some(request) = self.store().request(id).await? else { continue };
            if request.value.shown.gone {
                let page = request.value.web_url.clone();
                let draft = Draft::of(self, request).await?;
                let leases = draft.leases.into_iter().map(|lease| lease.value);
                let leases = leases.filter(|lease| lease.state != State::Ended).collect();
                homeless.push(Homeless { request: id, page, leases });
            }
        }
        Ok(homeless)
    }

    /// Gives a request whose issue is gone another one, with its leases and all
    /// that is still to be said. What was given up for want of the old one is not
    /// said any more. Warnings that were given there do not count any more, and holds
    /// stay: somebody lifts them on the new issue. Returns the new one's address.
    ///
    /// # Errors
    ///
    /// When it cannot be there, with the way out; the forge's or the store's.
    pub async fn rehome(&self, request: RequestId, to: &IssueRef) -> Result<String, PortError> {
        let doing = format!("give {to} the machines of a request");
        self.must_not_only_listen(&doing).await?;
        let request = self.store().request(request).await?;
        let request = request.ok_or_else(|| PortError::give_up(&doing, "it is not there"))?;
        self.discover().await;
        let Some(project) = self.served(&to.forge, to.project) else {
            let why = "issues of that project are not looked at";
            return Err(PortError::give_up(doing, why)
                .advice("choose an issue of a project that is in the configuration"));
        };
        let forge = self.forge(&to.forge)?;
        let issue = forge.issue(to).await?;
        if let Some((why, advice)) = self.unfit(&request.value, &project, &issue).await? {
            return Err(PortError::give_up(doing, why).advice(advice));
        }
        let said = forge.discussion(to).await?;
        let mut draft = Draft::of(self, request).await?;
        let from = draft.request.value.issue.clone();
        draft.drops(self.buried_on(&from).await?);
        draft.remember(left_for(&from), to.to_string());
        draft.all_in_trouble(None);
        draft.relocate(Relocation { to: to.clone(), web_url: issue.web_url.clone() });
        {
            let request = draft.request_mut();
            // What is written there asks for nothing.
            request.description = Digest::of(&issue.description);
            request.seen_open = true;
            request.closed_by_us = false;
            request.closing_answered = false;
        }
        for note in said.notes {
            draft.saw(note.id);
        }
        draft.audit(Actor::Operator, &format!("rehomed:{from}"), Of::default());
        let leases: Vec<LeaseId> = draft.leases.iter().map(|lease| lease.value.id).collect();
        for lease in leases {
            // What has ended takes no event, and needs none.
            let _ = draft.lease_event(lease, &Event::Rehomed);
        }
        draft.look_again();
        draft.commit().await.map_err(|error| error.or_retry(doing))?;
        Ok(issue.web_url)
    }

    /// Why an issue cannot be a request's, and what to do about it.
    async fn unfit(
        &self,
        request: &Request,
        project: &Project,
        issue: &Issue,
    ) -> Result<Option<(String, &'static str)>, PortError> {
        let because = |why: &str, advice| Ok(Some((why.to_owned(), advice)));
        if self.is_there(&request.issue).await? {
            let why = format!("its issue is there: {}", request.web_url);
            return because(&why, "move that one if its machines should have another issue");
        }
        if project.forge != request.issue.forge {
            return because("it is on another forge, where other people are", "choose one there");
        }
        let cookbooks = self.cookbooks();
        if cookbooks.get(&request.cookbook).is_some_and(|cookbook| !project.offers(cookbook)) {
            let why = format!("cookbook `{}` is not offered there", request.cookbook);
            return because(&why, "choose an issue of a project where it is");
        }
        if self.has_to_be_hidden(request, &cookbooks)? && !issue.confidential {
            let why = format!("issues of cookbook `{}` are confidential", request.cookbook);
            return because(&why, "make that issue confidential first");
        }
        if self.store().request_on(&issue.reference).await?.is_some() {
            return because("that issue has a request of its own", "open a new issue for it");
        }
        if !issue.open {
            return because("that issue is closed", "reopen it, or choose another");
        }
        Ok(None)
    }

    async fn is_there(&self, issue: &IssueRef) -> Result<bool, PortError> {
        match self.forge(&issue.forge)?.issue(issue).await {
            Ok(_) => Ok(true),
            Err(error) if error.verdict == Verdict::Missing => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What could not be said on an issue and waits for a person.
    async fn buried_on(&self, issue: &IssueRef) -> Result<Vec<u64>, PortError> {
        let lanes = [NewEffect::issue_lane(issue), NewEffect::team_lane(issue)];
        let buried = self.store().unfinished(usize::MAX).await?.into_iter().filter(|task| {
            matches!(task.standing, Standing::Buried(_)) && lanes.contains(&task.lane)
        });
        Ok(buried.map(|task| task.id).collect())
    }

    /// Whether a request had this issue, and an operator gave it another.
    pub(super) async fn was_left(&self, issue: &IssueRef) -> Result<bool, CommitError> {
        Ok(self.store().memo(&left_for(issue)).await?.is_some())
    }
}

fn left_for(issue: &IssueRef) -> String {
    format!("left-for-another:{issue}")
}
