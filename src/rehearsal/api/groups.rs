//! `/groups/:id/projects`

use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Response;
use serde_json::Value;

use super::Caller;
use super::error::ApiError;
use super::pagination;
use super::parameters::Parameters;
use crate::rehearsal::Shared;
use crate::rehearsal::state::{self, Refused};

/// Those the caller may see. Nothing here is archived, shared, or without issues.
pub(super) async fn projects(
    State(shared): State<Shared>,
    uri: Uri,
    Path(id): Path<String>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let state = shared.lock();
    let group = state.group(&id).ok_or(Refused::NotFound("Group"))?;
    let deep = parameters.flag("include_subgroups")?.unwrap_or(false);
    let mut ids: Vec<u64> = state
        .world
        .projects
        .iter()
        .filter(|project| is_below(&project.path, &group.full_path, deep))
        .map(|project| project.id)
        .filter(|id| state.may_read_project(caller.user, *id))
        .collect();
    ids.sort_unstable();
    let rows: Vec<Value> =
        ids.into_iter().map(|id| row(&state, id, caller.user, &parameters)).collect();
    let address = format!("{}{}", state.base_url, uri.path());
    pagination::page(&rows, &address, uri.query().unwrap_or_default(), &parameters)
}

fn is_below(project: &str, group: &str, deep: bool) -> bool {
    let inside = project.strip_prefix(group).and_then(|rest| rest.strip_prefix('/'));
    inside.is_some_and(|name| deep || !name.contains('/'))
}

/// `simple` leaves most of a project out.
fn row(state: &state::State, id: u64, caller: u64, parameters: &Parameters) -> Value {
    const SIMPLE: [&str; 9] = [
        "id",
        "description",
        "name",
        "name_with_namespace",
        "path",
        "path_with_namespace",
        "created_at",
        "default_branch",
        "web_url",
    ];
    let mut project = state.project_json(id, caller);
    if parameters.flag("simple").ok().flatten().unwrap_or(false)
        && let Some(fields) = project.as_object_mut()
    {
        fields.retain(|name, _| SIMPLE.contains(&name.as_str()));
    }
    project
}

#[cfg(test)]
mod tests {
    use super::is_below;

    #[test]
    fn a_group_holds_what_lies_below_its_path() {
        assert!(is_below("tpo/team", "tpo", false));
        assert!(is_below("tpo/tpa/team", "tpo", true));
        assert!(!is_below("tpo/tpa/team", "tpo", false));
        assert!(!is_below("tpo2/team", "tpo", true));
        assert!(!is_below("tpo", "tpo", true));
    }
}
