//! `/repos/OWNER/NAME`, `/orgs/ORG/repos` and `/installation/repositories`

use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::caller::Caller;
use super::error::ApiError;
use super::input::Input;
use super::pages;
use super::place::Place;
use crate::rehearsal::Shared;
use crate::rehearsal::api::json::Json;
use crate::rehearsal::state;

pub(super) async fn one(State(shared): State<Shared>, place: Place) -> Json {
    Json(shared.lock().repository(place.repository, place.caller.user))
}

pub(super) async fn of_organisation(
    State(shared): State<Shared>,
    Path(org): Path<String>,
    uri: Uri,
    caller: Caller,
    input: Input,
) -> Result<Response, ApiError> {
    let state = shared.lock();
    let org = &state.group(&org).ok_or(ApiError::NotFound)?.full_path;
    let rows = below(&state, org, caller.user);
    Ok(pages::page(&rows, &state.base_url, &uri, &input))
}

/// What an App's installation is for, on one page: all of its organisation.
pub(super) async fn of_installation(
    State(shared): State<Shared>,
    caller: Caller,
) -> Result<Response, ApiError> {
    let state = shared.lock();
    let Some(app) = state.world.app.as_ref().filter(|_| caller.by_app) else {
        let why = "You must authenticate with an installation access token in order to list \
                   repositories for an installation.";
        return Err(ApiError::Forbidden(why));
    };
    let rows = below(&state, &app.organisation, caller.user);
    let body = json!({
        "total_count": rows.len(),
        "repository_selection": "all",
        "repositories": rows,
    });
    Ok(Json(body).into_response())
}

/// Those of an organisation that this user may see.
fn below(state: &state::State, organisation: &str, user: u64) -> Vec<Value> {
    let owned = |path: &str| {
        path.split_once('/').is_some_and(|(owner, _)| owner.eq_ignore_ascii_case(organisation))
    };
    let projects = state.world.projects.iter().filter(|project| owned(&project.path));
    projects
        .filter(|project| state.may_read_project(user, project.id))
        .map(|project| state.repository(project.id, user))
        .collect()
}
