//! `/projects/:id/issues/:iid/notes`

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::error::ApiError;
use super::issues::sorts_down;
use super::json::Json;
use super::pagination;
use super::parameters::Parameters;
use super::place::Place;
use crate::rehearsal::Shared;
use crate::rehearsal::issue::Note;
use crate::rehearsal::notes::Posted;
use crate::rehearsal::state;

pub(super) async fn list(
    State(shared): State<Shared>,
    uri: Uri,
    place: Place,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let state = shared.lock();
    let user = place.caller.user;
    let issue = state.visible_issue(user, place.issue()?)?;
    let system = match parameters.text("activity_filter")?.as_deref() {
        None | Some("all_notes") => None,
        Some("only_comments") => Some(false),
        Some("only_activity") => Some(true),
        Some(_) => {
            return Err(ApiError::Parameter(
                "activity_filter does not have a valid value".to_owned(),
            ));
        }
    };
    let mut notes: Vec<&Note> = issue
        .notes
        .iter()
        .filter(|note| {
            state.may_read_note(user, issue, note)
                && system.is_none_or(|system| note.system == system)
        })
        .collect();
    match parameters.text("order_by")?.as_deref() {
        None | Some("created_at") => notes.sort_by_key(|note| (note.created_at, note.id)),
        Some("updated_at") => notes.sort_by_key(|note| (note.updated_at, note.id)),
        Some(_) => {
            return Err(ApiError::Parameter("order_by does not have a valid value".to_owned()));
        }
    }
    if sorts_down(&parameters)? {
        notes.reverse();
    }
    let rows: Vec<Value> = notes.iter().map(|note| state.note_json(issue, note)).collect();
    let address = format!("{}{}", state.base_url, uri.path());
    pagination::page(&rows, &address, uri.query().unwrap_or_default(), &parameters)
}

pub(super) async fn one(State(shared): State<Shared>, place: Place) -> Result<Json, ApiError> {
    let state = shared.lock();
    note_json(&state, &place, place.number("note")?).map(Json)
}

fn note_json(state: &state::State, place: &Place, id: u64) -> Result<Value, ApiError> {
    let issue = state.visible_issue(place.caller.user, place.issue()?)?;
    let note = state.visible_note(place.caller.user, issue.key, id)?;
    Ok(state.note_json(issue, note))
}

pub(super) async fn create(
    State(shared): State<Shared>,
    place: Place,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let body = parameters.required("body")?;
    let internal = match parameters.flag("internal")? {
        Some(internal) => internal,
        None => parameters.flag("confidential")?.unwrap_or(false),
    };
    let key = place.issue()?;
    let mut state = shared.lock();
    if let Some(limit) = shared.options.notes_per_minute {
        check_rate(&mut state, place.caller.user, limit)?;
    }
    let act = place.caller.act(&mut state);
    match state.create_note(&act, key, &body, internal)? {
        Posted::Note(id) => {
            let note = note_json(&state, &place, id)?;
            Ok((StatusCode::CREATED, Json(note)).into_response())
        }
        Posted::Commands { changes, summary } => {
            let answer = json!({ "commands_changes": changes, "summary": summary });
            Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
        }
    }
}

fn check_rate(state: &mut state::State, user: u64, limit: u32) -> Result<(), ApiError> {
    let now = state.clock.now();
    state.note_times.retain(|(_, at)| *at > now - TimeDelta::minutes(1));
    let of_user = || state.note_times.iter().filter(|(by, _)| *by == user);
    let observed = of_user().count() + 1;
    if let Some((_, oldest)) = of_user().next()
        && observed > usize::try_from(limit).unwrap_or(usize::MAX)
    {
        let retry_after = (*oldest + TimeDelta::minutes(1) - now).num_seconds().max(1);
        return Err(ApiError::TooManyNotes { limit, observed, retry_after });
    }
    state.note_times.push((user, now));
    Ok(())
}

pub(super) async fn update(
    State(shared): State<Shared>,
    place: Place,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let body = parameters.required("body")?;
    let (key, id) = (place.issue()?, place.number("note")?);
    let mut state = shared.lock();
    let act = place.caller.act(&mut state);
    if state.update_note(&act, key, id, &body)? {
        Ok(Json(note_json(&state, &place, id)?).into_response())
    } else {
        Ok(Json(json!({ "commands_changes": {}, "summary": [] })).into_response())
    }
}

pub(super) async fn delete(
    State(shared): State<Shared>,
    place: Place,
) -> Result<StatusCode, ApiError> {
    let (key, id) = (place.issue()?, place.number("note")?);
    let mut state = shared.lock();
    let act = place.caller.act(&mut state);
    state.delete_note(&act, key, id)?;
    Ok(StatusCode::NO_CONTENT)
}
