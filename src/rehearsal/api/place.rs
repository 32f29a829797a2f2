//! What a project URL points at.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Path};
use axum::http::Method;
use axum::http::request::Parts;

use super::Caller;
use super::error::ApiError;
use crate::rehearsal::Shared;
use crate::rehearsal::issue::IssueKey;
use crate::rehearsal::state::Refused;

/// A caller at a project they may see, and the numbers in the rest of the path.
pub(in crate::rehearsal) struct Place {
    pub(super) caller: Caller,
    pub(super) project: u64,
    segments: HashMap<String, String>,
}

impl Place {
    /// A number in the path, by its name in the route.
    pub(super) fn number(&self, name: &str) -> Result<u64, ApiError> {
        self.segments
            .get(name)
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| ApiError::Parameter(format!("{name} is invalid")))
    }

    /// A text in the path, by its name in the route.
    pub(super) fn text(&self, name: &str) -> String {
        self.segments.get(name).cloned().unwrap_or_default()
    }

    pub(super) fn issue(&self) -> Result<IssueKey, ApiError> {
        let iid = self.number("iid").map_err(|_| invalid_iid())?;
        Ok(IssueKey { project: self.project, iid })
    }
}

fn invalid_iid() -> ApiError {
    ApiError::Parameter("issue_iid is invalid".to_owned())
}

impl FromRequestParts<Shared> for Place {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, ApiError> {
        let missing = || ApiError::Refused(Refused::NotFound("Project"));
        let caller = Caller::from_request_parts(parts, shared).await?;
        let Path(segments) = Path::<HashMap<String, String>>::from_request_parts(parts, shared)
            .await
            .map_err(|_| missing())?;
        let named = segments.get("id").map(String::as_str).unwrap_or_default();
        let state = shared.lock();
        let known = match named.parse() {
            Ok(id) => state.project(id),
            Err(_) => state.project_at(named),
        };
        let moved = || state.old_paths.iter().find(|(path, _)| path.eq_ignore_ascii_case(named));
        let project = match (known, moved()) {
            (Some(project), _) => project.id,
            (None, Some((_, id))) if state.may_read_project(caller.user, *id) => {
                return Err(if parts.method == Method::GET {
                    let rest = parts.uri.path().splitn(6, '/').nth(5);
                    let rest = rest.map(|rest| format!("/{rest}")).unwrap_or_default();
                    let query = parts.uri.query().map(|query| format!("?{query}"));
                    let query = query.unwrap_or_default();
                    let to = format!("{}/api/v4/projects/{id}{rest}{query}", state.base_url);
                    ApiError::Moved { to }
                } else {
                    ApiError::MovedForWriting
                });
            }
            (None, _) => return Err(missing()),
        };
        if !state.may_read_project(caller.user, project) {
            return Err(missing());
        }
        drop(state);
        Ok(Self { caller, project, segments })
    }
}
