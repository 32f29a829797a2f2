//! `/user`, `/users`, and who belongs where.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::caller::Caller;
use super::error::ApiError;
use super::place::Place;
use super::repository_entity::role;
use crate::rehearsal::Shared;
use crate::rehearsal::api::json::Json;
use crate::rehearsal::state;
use crate::rehearsal::world::{Account, Level, User};

/// Somebody who is not suspended: others are not there.
fn named<'a>(state: &'a state::State, username: &str) -> Result<&'a User, ApiError> {
    let user = state.user_named(username).filter(|user| user.account != Account::Blocked);
    user.ok_or(ApiError::NotFound)
}

pub(super) async fn own(State(shared): State<Shared>, caller: Caller) -> Result<Json, ApiError> {
    if caller.by_app {
        return Err(ApiError::Forbidden("Resource not accessible by integration"));
    }
    Ok(Json(shared.lock().public_user(caller.user)))
}

pub(super) async fn by_name(
    State(shared): State<Shared>,
    Path(username): Path<String>,
    _caller: Caller,
) -> Result<Json, ApiError> {
    let state = shared.lock();
    let id = named(&state, &username)?.id;
    Ok(Json(state.public_user(id)))
}

pub(super) async fn by_id(
    State(shared): State<Shared>,
    Path(id): Path<u64>,
    _caller: Caller,
) -> Result<Json, ApiError> {
    let state = shared.lock();
    let user = state.user(id).filter(|user| user.account != Account::Blocked);
    user.ok_or(ApiError::NotFound)?;
    Ok(Json(state.public_user(id)))
}

pub(super) async fn keys(
    State(shared): State<Shared>,
    Path(username): Path<String>,
    _caller: Caller,
) -> Result<Json, ApiError> {
    let state = shared.lock();
    let user = named(&state, &username)?;
    // GitHub shows a key without its comment.
    let bare = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let keys =
        user.ssh_keys.iter().zip(1..).map(
            |(key, number): (_, u64)| json!({ "id": user.id * 100 + number, "key": bare(key) }),
        );
    Ok(Json(keys.collect()))
}

pub(super) async fn member(
    State(shared): State<Shared>,
    Path((org, username)): Path<(String, String)>,
    caller: Caller,
) -> Result<StatusCode, ApiError> {
    let state = shared.lock();
    let group = state.group(&org).ok_or(ApiError::NotFound)?;
    if !caller.is_inside(&state, &group.full_path) {
        let to = format!("{}/api/v3/orgs/{org}/public_members/{username}", state.base_url);
        return Err(ApiError::Found { to });
    }
    let user = named(&state, &username)?.id;
    let is_member = state.group_memberships(&group.full_path).iter().any(|one| one.user == user);
    is_member.then_some(StatusCode::NO_CONTENT).ok_or(ApiError::NotFound)
}

/// Nobody here shows where they belong.
pub(super) async fn public_member(_caller: Caller) -> ApiError {
    ApiError::NotFound
}

pub(super) async fn membership(
    State(shared): State<Shared>,
    Path((org, team, username)): Path<(String, String, String)>,
    caller: Caller,
) -> Result<Json, ApiError> {
    let state = shared.lock();
    let path = format!("{org}/{team}");
    let group = state.group(&path).ok_or(ApiError::NotFound)?;
    if !caller.is_inside(&state, &org) {
        return Err(ApiError::NotFound);
    }
    let user = named(&state, &username)?.id;
    let members = state.group_memberships(&group.full_path);
    let member = members.iter().find(|member| member.user == user).ok_or(ApiError::NotFound)?;
    let role = if member.level >= Level::Maintainer { "maintainer" } else { "member" };
    let base = &state.base_url;
    Ok(Json(json!({
        "url": format!("{base}/api/v3/organizations/{org}/team/{}/memberships/{username}", group.id),
        "role": role,
        "state": "active",
    })))
}

/// Collaborators are so by themselves or by their organisation.
pub(super) async fn collaborator(
    State(shared): State<Shared>,
    place: Place,
) -> Result<StatusCode, ApiError> {
    let state = shared.lock();
    if state.level(place.caller.user, place.repository) < Some(Level::Developer) {
        let why = "Must have push access to view repository collaborators.";
        return Err(ApiError::Forbidden(why));
    }
    let user = named(&state, place.text("username"))?.id;
    let level = state.level(user, place.repository);
    let is_one = level >= Some(Level::Guest);
    is_one.then_some(StatusCode::NO_CONTENT).ok_or(ApiError::NotFound)
}

pub(super) async fn permission(
    State(shared): State<Shared>,
    place: Place,
) -> Result<Json, ApiError> {
    let state = shared.lock();
    if state.level(place.caller.user, place.repository) < Some(Level::Developer) {
        let why = "Must have push access to view collaborator permission.";
        return Err(ApiError::Forbidden(why));
    }
    let user = named(&state, place.text("username"))?.id;
    let level = state.level(user, place.repository);
    // Everybody reads what is public.
    let level = level.or((!state.is_private(place.repository)).then_some(Level::Guest));
    let (role_name, permission) = role(level);
    let mut shown: Value = state.github_user(user);
    shown["role_name"] = json!(role_name);
    Ok(Json(json!({ "permission": permission, "role_name": role_name, "user": shown })))
}
