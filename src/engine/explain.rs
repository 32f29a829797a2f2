//! What policy says about an issue at this moment, for whoever asks why.
//! Nothing is posted, stored or decided.

use super::{Engine, look::Desk};
use crate::{
    identity::{ForgeName, IssueNumber, IssueRef},
    policy::{
        self, Part, Verdict,
        explain::{Explained, explain},
    },
    ports::{self, PortError},
    request::{Request, form, lifecycle::State},
};

/// What policy says about one issue, with the real facts.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Its page.
    pub web_url: String,
    /// Who filed it.
    pub author: String,
    /// Where its request stands; `None` before anybody has looked at it. Once it
    /// is approved, its own machines are among what is in use.
    pub state: Option<State>,
    /// Every condition of the cookbook, with what it saw. Empty where the
    /// issue may not even be read, which the verdict says.
    pub rules: Vec<Explained>,
    /// What would be said of it now.
    pub verdict: Verdict,
    /// Who has to approve, and how many already count.
    pub approval: Vec<(Part, usize)>,
}

impl Engine {
    /// What policy says about an issue. `None` if it is no request: no cookbook
    /// offered in its project reads it, or it was filed for a machine that was
    /// there before.
    ///
    /// # Errors
    ///
    /// When the forge or the store cannot be asked.
    pub async fn explain(&self, issue: &IssueRef) -> Result<Option<Explanation>, PortError> {
        if !self.settings.groups.is_empty() {
            self.discover().await;
        }
        let forge = self.forge(&issue.forge)?;
        let own = self.own_account(&issue.forge).await?;
        let desk = Desk {
            issue: forge.issue(issue).await?,
            discussion: forge.discussion(issue).await?,
            own,
        };
        let cookbooks = self.cookbooks();
        let Some(draft) = self.draft_for(&desk, &cookbooks).await? else { return Ok(None) };
        let Some(cookbook) = cookbooks.get(&draft.request.value.cookbook) else {
            return Ok(None);
        };
        if draft.request.value.is_adopted() {
            return Ok(None);
        }
        let (rules, verdict) = if let Some(obstacle) = self.obstacle(&desk, cookbook)? {
            let author = desk.issue.author.clone();
            let unread = Verdict::unjudged(cookbook.name.clone(), cookbooks.version, author);
            (Vec::new(), Verdict { violations: vec![obstacle], ..unread })
        } else {
            let today = self.calendar.today(self.now());
            let reading = form::read(&desk.issue.description, cookbook, today);
            let facts = self.facts(&desk, &draft, cookbook, &reading).await?;
            let verdict = policy::judge(cookbook, cookbooks.version, &reading, &facts);
            (explain(cookbook, &reading, &facts), verdict)
        };
        let approval = counted(&draft.request.value, &verdict);
        Ok(Some(Explanation {
            web_url: desk.issue.web_url.clone(),
            author: desk.issue.author.username.clone(),
            state: (draft.request.version > 0).then_some(draft.request.value.state),
            rules,
            verdict,
            approval,
        }))
    }

    /// The issue of this number in the project of this full path. `None` if no
    /// project that is looked at is called so.
    ///
    /// # Errors
    ///
    /// When the forge cannot be asked.
    pub async fn issue_in(
        &self,
        forge: &ForgeName,
        path: &str,
        number: IssueNumber,
    ) -> Result<Option<IssueRef>, PortError> {
        let port = self.forge(forge)?;
        let reference = |project| IssueRef { forge: forge.clone(), project, number };
        for group in self.settings.groups.iter().filter(|group| group.forge == *forge) {
            let listed = port.projects_of(&group.path).await?;
            if let Some(found) = listed.iter().find(|found| found.path.eq_ignore_ascii_case(path)) {
                return Ok(Some(reference(found.id)));
            }
        }
        // Projects are configured by their ids; the page of an issue says how
        // its project is called.
        for project in self.settings.projects.iter().filter(|project| project.forge == *forge) {
            match port.issue(&reference(project.id)).await {
                Ok(issue) if is_page_in(&issue.web_url, path) => {
                    return Ok(Some(issue.reference));
                }
                Ok(_) => {}
                Err(error) if error.verdict == ports::Verdict::Missing => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// Who has to approve what the verdict is about, and how many of the approvals
/// the request has count for it.
fn counted(request: &Request, verdict: &Verdict) -> Vec<(Part, usize)> {
    let mut request = Request { verdict: verdict.clone(), ..request.clone() };
    let digest = verdict.digest();
    request.approvals.retain(|approval| Some(approval.digest) == digest);
    request.approved().into_iter().map(|(part, have)| (part.clone(), have)).collect()
}

/// Whether the page of an issue is one of this project.
fn is_page_in(page: &str, path: &str) -> bool {
    let (page, path) = (page.to_lowercase(), path.to_lowercase());
    [format!("/{path}/-/"), format!("/{path}/issues/")].iter().any(|within| page.contains(within))
}
