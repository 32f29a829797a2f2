//! `/user` and `/users`

use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Response;
use serde_json::{Value, json};

use super::Caller;
use super::error::ApiError;
use super::json::Json;
use super::pagination;
use super::parameters::Parameters;
use crate::rehearsal::Shared;
use crate::rehearsal::state::Refused;

pub(super) async fn own(State(shared): State<Shared>, caller: Caller) -> Json {
    Json(shared.lock().whole_user_json(caller.user, true))
}

pub(super) async fn search(
    State(shared): State<Shared>,
    uri: Uri,
    _caller: Caller,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let state = shared.lock();
    let username = parameters.text("username")?;
    let search = parameters.text("search")?.map(|text| text.to_lowercase());
    let rows: Vec<Value> = state
        .world
        .users
        .iter()
        .filter(|user| {
            username.as_ref().is_none_or(|name| user.username.eq_ignore_ascii_case(name))
                && search.as_ref().is_none_or(|text| {
                    user.username.to_lowercase().contains(text)
                        || user.name.to_lowercase().contains(text)
                })
        })
        .map(|user| state.user_json(user.id))
        .collect();
    let address = format!("{}{}", state.base_url, uri.path());
    pagination::page(&rows, &address, uri.query().unwrap_or_default(), &parameters)
}

pub(super) async fn one(
    State(shared): State<Shared>,
    Path(id): Path<u64>,
    _caller: Caller,
) -> Result<Json, ApiError> {
    let state = shared.lock();
    state.user(id).ok_or(Refused::NotFound("User"))?;
    Ok(Json(state.whole_user_json(id, false)))
}

pub(super) async fn keys(
    State(shared): State<Shared>,
    Path(id): Path<u64>,
    _caller: Caller,
) -> Result<Json, ApiError> {
    let state = shared.lock();
    let user = state.user(id).ok_or(Refused::NotFound("User"))?;
    let keys = user.ssh_keys.iter().zip(1..).map(|(key, number): (_, u64)| {
        json!({
            "id": user.id * 100 + number,
            "title": format!("{} {number}", user.username),
            "created_at": "2024-01-01T00:00:00.000Z",
            "expires_at": null,
            "key": key,
            "usage_type": "auth_and_signing",
        })
    });
    Ok(Json(keys.collect()))
}
