//! `…/award_emoji` of issues and notes

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::error::ApiError;
use super::json::Json;
use super::parameters::Parameters;
use super::place::Place;
use crate::rehearsal::Shared;

pub(super) async fn of_issue(State(shared): State<Shared>, place: Place) -> Result<Json, ApiError> {
    let state = shared.lock();
    let issue = state.visible_issue(place.caller.user, place.issue()?)?;
    Ok(Json(issue.awards.iter().map(|award| state.award_json(award, issue.id, "Issue")).collect()))
}

pub(super) async fn of_note(State(shared): State<Shared>, place: Place) -> Result<Json, ApiError> {
    let state = shared.lock();
    let note = state.visible_note(place.caller.user, place.issue()?, place.number("note")?)?;
    Ok(Json(note.awards.iter().map(|award| state.award_json(award, note.id, "Note")).collect()))
}

pub(super) async fn to_issue(
    State(shared): State<Shared>,
    place: Place,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    add(&shared, &place, &parameters, None)
}

pub(super) async fn to_note(
    State(shared): State<Shared>,
    place: Place,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let note = place.number("note")?;
    add(&shared, &place, &parameters, Some(note))
}

fn add(
    shared: &Shared,
    place: &Place,
    parameters: &Parameters,
    note: Option<u64>,
) -> Result<Response, ApiError> {
    let name = parameters.required("name")?;
    let key = place.issue()?;
    let mut state = shared.lock();
    let act = place.caller.act(&mut state);
    let award = state.award(&act, key, note, &name)?;
    let (id, kind) = match note {
        Some(note) => (note, "Note"),
        None => (state.visible_issue(act.user, key)?.id, "Issue"),
    };
    Ok((StatusCode::CREATED, Json(state.award_json(&award, id, kind))).into_response())
}

pub(super) async fn from_issue(
    State(shared): State<Shared>,
    place: Place,
) -> Result<StatusCode, ApiError> {
    remove(&shared, &place, None)
}

pub(super) async fn from_note(
    State(shared): State<Shared>,
    place: Place,
) -> Result<StatusCode, ApiError> {
    let note = place.number("note")?;
    remove(&shared, &place, Some(note))
}

fn remove(shared: &Shared, place: &Place, note: Option<u64>) -> Result<StatusCode, ApiError> {
    let (key, award) = (place.issue()?, place.number("award")?);
    let mut state = shared.lock();
    let act = place.caller.act(&mut state);
    state.revoke_award(&act, key, note, award)?;
    Ok(StatusCode::NO_CONTENT)
}
