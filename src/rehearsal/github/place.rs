//! What an address points at.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Path};
use axum::http::Method;
use axum::http::request::Parts;

use super::caller::Caller;
use super::error::ApiError;
use crate::rehearsal::Shared;
use crate::rehearsal::issue::{Issue, IssueKey, Note};
use crate::rehearsal::state::State;

/// A caller at a repository they may see, and the rest of the path.
pub(in crate::rehearsal) struct Place {
    pub(super) caller: Caller,
    pub(super) repository: u64,
    segments: HashMap<String, String>,
}

impl Place {
    /// A part of the path, by its name in the route.
    pub(super) fn text(&self, name: &str) -> &str {
        self.segments.get(name).map(String::as_str).unwrap_or_default()
    }

    fn number(&self, name: &str) -> Result<u64, ApiError> {
        self.text(name).parse().map_err(|_| ApiError::NotFound)
    }

    /// The issue, if it is there and the caller may see it.
    pub(super) fn issue<'a>(&self, state: &'a State) -> Result<&'a Issue, ApiError> {
        let key = IssueKey { project: self.repository, iid: self.number("number")? };
        if state.deleted.contains(&key) {
            return Err(ApiError::Gone);
        }
        Ok(state.visible_issue(self.caller.user, key)?)
    }

    /// The same, or where it went: what concerns the issue itself and its
    /// labels leads there, its comments and reactions do not.
    pub(super) fn issue_or_where<'a>(&self, state: &'a State) -> Result<&'a Issue, ApiError> {
        let number = self.number("number")?;
        let key = IssueKey { project: self.repository, iid: number };
        let id = state.issue(key).and_then(|issue| issue.moved_to);
        let new = id.and_then(|id| state.issues.iter().find(|issue| issue.id == id));
        match new.filter(|new| state.may_read_issue(self.caller.user, new)) {
            Some(new) => {
                let IssueKey { project, iid } = new.key;
                let base = &state.base_url;
                let to = format!("{base}/api/v3/repositories/{project}/issues/{iid}");
                Err(ApiError::Moved { to })
            }
            None => self.issue(state),
        }
    }

    /// The comment, with its issue.
    pub(super) fn comment<'a>(&self, state: &'a State) -> Result<(&'a Issue, &'a Note), ApiError> {
        let id = self.number("comment")?;
        state
            .issues
            .iter()
            .filter(|issue| issue.key.project == self.repository)
            .filter(|issue| !state.is_transferred(issue))
            .find_map(|issue| Some((issue, issue.notes.iter().find(|note| note.id == id)?)))
            .filter(|(issue, _)| state.may_read_issue(self.caller.user, issue))
            .ok_or(ApiError::NotFound)
    }
}

impl FromRequestParts<Shared> for Place {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, shared).await?;
        let (segments, repository) = find(parts, shared, Some(&caller)).await?;
        Ok(Self { caller, repository, segments })
    }
}

/// The repository that an address names. Whoever may see it is sent on to it
/// when it has another name now.
pub(super) async fn find(
    parts: &mut Parts,
    shared: &Shared,
    caller: Option<&Caller>,
) -> Result<(HashMap<String, String>, u64), ApiError> {
    let Path(segments) = Path::<HashMap<String, String>>::from_request_parts(parts, shared)
        .await
        .map_err(|_| ApiError::NotFound)?;
    let state = shared.lock();
    let named = |name: &str| segments.get(name).map(String::as_str).unwrap_or_default();
    let path = format!("{}/{}", named("owner"), named("repo"));
    let by_number = named("id").parse().ok();
    let known = match by_number {
        Some(id) => state.project(id),
        None => state.project_at(&path),
    };
    let sees = |id: u64| caller.is_none_or(|caller| state.may_read_project(caller.user, id));
    if let Some(project) = known {
        let found = sees(project.id).then_some(project.id);
        return found.map(|id| (segments, id)).ok_or(ApiError::NotFound);
    }
    let old = state.old_paths.iter().find(|(old, _)| old.eq_ignore_ascii_case(&path));
    let Some((_, id)) = old.filter(|(_, id)| sees(*id)) else { return Err(ApiError::NotFound) };
    let rest = parts.uri.path().splitn(7, '/').nth(6);
    let rest = rest.map(|rest| format!("/{rest}")).unwrap_or_default();
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let to = format!("{}/api/v3/repositories/{id}{rest}{query}", state.base_url);
    Err(if parts.method == Method::GET {
        ApiError::Moved { to }
    } else {
        ApiError::MovedForWriting { to }
    })
}
