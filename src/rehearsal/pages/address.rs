//! GitLab's addresses for people.

use crate::rehearsal::issue::IssueKey;
use crate::rehearsal::state::State;

/// What the path of a page or form points at.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// `/group/project`
    Project(u64),
    /// `/group/project/-/issues`
    Issues(u64),
    /// `/group/project/-/issues/new`
    NewIssue(u64),
    /// `/group/project/-/issues/7`
    Issue(IssueKey),
    /// `/group/project/-/issues/7/notes`: where a form of the issue page goes.
    Deed(IssueKey, String),
}

impl Address {
    pub(super) fn parse(state: &State, path: &str) -> Option<Self> {
        let path = path.trim_matches('/');
        let (project, rest) = path.split_once("/-/").unwrap_or((path, ""));
        let project = state.project_at(project)?.id;
        let rest: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
        let key = |iid: &str| Some(IssueKey { project, iid: iid.parse().ok()? });
        match rest.as_slice() {
            [] => Some(Self::Project(project)),
            ["issues"] => Some(Self::Issues(project)),
            ["issues", "new"] => Some(Self::NewIssue(project)),
            ["issues" | "work_items", iid] => key(iid).map(Self::Issue),
            ["issues", iid, deed] => Some(Self::Deed(key(iid)?, (*deed).to_owned())),
            _ => None,
        }
    }
}
