//! `/projects/:id/members/all` and `/groups/:id/members/all`

use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Response;
use serde_json::Value;

use super::Caller;
use super::error::ApiError;
use super::json::Json;
use super::pagination;
use super::parameters::Parameters;
use super::place::Place;
use crate::rehearsal::Shared;
use crate::rehearsal::state::{self, Refused};
use crate::rehearsal::world::Membership;

pub(super) async fn of_project(
    State(shared): State<Shared>,
    uri: Uri,
    place: Place,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let state = shared.lock();
    list(&state, &state.project_memberships(place.project), &uri, &parameters)
}

pub(super) async fn one_of_project(
    State(shared): State<Shared>,
    place: Place,
) -> Result<Json, ApiError> {
    let state = shared.lock();
    one(&state, &state.project_memberships(place.project), place.number("user")?)
}

pub(super) async fn of_group(
    State(shared): State<Shared>,
    uri: Uri,
    Path(id): Path<String>,
    _caller: Caller,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let state = shared.lock();
    list(&state, &group(&state, &id)?, &uri, &parameters)
}

pub(super) async fn one_of_group(
    State(shared): State<Shared>,
    Path((id, user)): Path<(String, u64)>,
    _caller: Caller,
) -> Result<Json, ApiError> {
    let state = shared.lock();
    one(&state, &group(&state, &id)?, user)
}

/// Groups here are visible to everybody who is signed in.
fn group(state: &state::State, id: &str) -> Result<Vec<Membership>, ApiError> {
    let group = state.group(id).ok_or(Refused::NotFound("Group"))?;
    Ok(state.group_memberships(&group.full_path))
}

fn list(
    state: &state::State,
    members: &[Membership],
    uri: &Uri,
    parameters: &Parameters,
) -> Result<Response, ApiError> {
    let ids = parameters.list("user_ids")?;
    let rows: Vec<Value> = members
        .iter()
        .filter(|member| ids.as_ref().is_none_or(|ids| ids.contains(&member.user.to_string())))
        .map(|member| state.member_json(member))
        .collect();
    let address = format!("{}{}", state.base_url, uri.path());
    pagination::page(&rows, &address, uri.query().unwrap_or_default(), parameters)
}

fn one(state: &state::State, members: &[Membership], user: u64) -> Result<Json, ApiError> {
    let found = members.iter().find(|member| member.user == user);
    Ok(Json(state.member_json(found.ok_or(Refused::NotFound("Member"))?)))
}
