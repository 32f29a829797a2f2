//! `/repos/OWNER/NAME` and `/orgs/ORG/repos`

use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Response;
use serde_json::Value;

use super::caller::Caller;
use super::error::ApiError;
use super::input::Input;
use super::pages;
use super::place::Place;
use crate::rehearsal::Shared;
use crate::rehearsal::api::json::Json;

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
    let org = state.group(&org).ok_or(ApiError::NotFound)?.full_path.clone();
    let within = |path: &str| {
        path.split_once('/').is_some_and(|(owner, _)| owner.eq_ignore_ascii_case(&org))
    };
    let rows: Vec<Value> = state
        .world
        .projects
        .iter()
        .filter(|project| within(&project.path))
        .filter(|project| state.may_read_project(caller.user, project.id))
        .map(|project| state.repository(project.id, caller.user))
        .collect();
    Ok(pages::page(&rows, &state.base_url, &uri, &input))
}
