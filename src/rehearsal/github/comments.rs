//! `/repos/OWNER/NAME/issues/NUMBER/comments`

use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use chrono::{SubsecRound as _, TimeDelta};
use serde_json::Value;

use super::error::ApiError;
use super::input::Input;
use super::pages;
use super::place::Place;
use crate::rehearsal::Shared;
use crate::rehearsal::api::json::Json;
use crate::rehearsal::dialect::Dialect;
use crate::rehearsal::notes::Posted;
use crate::rehearsal::state;

/// A person who may see a comment, but neither wrote it nor may write there.
const NOT_YOURS: &str = "Must have admin rights to Repository.";

pub(super) async fn list(
    State(shared): State<Shared>,
    uri: Uri,
    place: Place,
    input: Input,
) -> Result<Response, ApiError> {
    let state = shared.lock();
    let issue = place.issue(&state)?;
    let since = input.moment("since")?;
    let rows: Vec<Value> = issue
        .notes
        .iter()
        .filter(|note| since.is_none_or(|since| note.updated_at.trunc_subsecs(0) >= since))
        .map(|note| state.github_comment(issue, note))
        .collect();
    Ok(pages::page(&rows, &state.base_url, &uri, &input))
}

pub(super) async fn one(State(shared): State<Shared>, place: Place) -> Result<Json, ApiError> {
    let state = shared.lock();
    let (issue, note) = place.comment(&state)?;
    Ok(Json(state.github_comment(issue, note)))
}

pub(super) async fn create(
    State(shared): State<Shared>,
    place: Place,
    input: Input,
) -> Result<Response, ApiError> {
    let body = body_of(&input)?;
    let mut state = shared.lock();
    if let Some(limit) = shared.options.notes_per_minute {
        check_rate(&mut state, place.caller.user, limit)?;
    }
    let key = place.issue(&state)?.key;
    let act = place.caller.act(&mut state);
    let Posted::Note(id) = state.create_note(&act, key, &body, false)? else {
        return Err(ApiError::NotFound);
    };
    let issue = state.visible_issue(act.user, key)?;
    let note = state.visible_note(act.user, key, id)?;
    let comment = state.github_comment(issue, note);
    let location = comment.get("url").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(comment)).into_response())
}

pub(super) async fn update(
    State(shared): State<Shared>,
    place: Place,
    input: Input,
) -> Result<Json, ApiError> {
    let body = body_of(&input)?;
    let mut state = shared.lock();
    let (issue, note) = place.comment(&state)?;
    if !state.may_change_note(place.caller.user, issue, note) {
        return Err(ApiError::Forbidden(NOT_YOURS));
    }
    let (key, id) = (issue.key, note.id);
    let act = place.caller.act(&mut state);
    state.update_note(&act, key, id, &body)?;
    let (issue, note) = place.comment(&state)?;
    Ok(Json(state.github_comment(issue, note)))
}

pub(super) async fn delete(
    State(shared): State<Shared>,
    place: Place,
) -> Result<StatusCode, ApiError> {
    let mut state = shared.lock();
    let (issue, note) = place.comment(&state)?;
    let (key, id) = (issue.key, note.id);
    let act = place.caller.act(&mut state);
    state.delete_note(&act, key, id)?;
    Ok(StatusCode::NO_CONTENT)
}

fn body_of(input: &Input) -> Result<String, ApiError> {
    let body = input.text("body")?.filter(|body| !body.trim().is_empty());
    let body = body.ok_or_else(|| ApiError::missing("IssueComment", "body"))?;
    let longest = Dialect::GitHub.longest_text();
    if body.chars().count() > longest {
        let message = format!("body is too long (maximum is {longest} characters)");
        return Err(ApiError::custom("IssueComment", "body", message));
    }
    Ok(body)
}

fn check_rate(state: &mut state::State, user: u64, limit: u32) -> Result<(), ApiError> {
    let now = state.clock.now();
    state.note_times.retain(|(_, at)| *at > now - TimeDelta::minutes(1));
    let written = state.note_times.iter().filter(|(by, _)| *by == user).count();
    if written >= usize::try_from(limit).unwrap_or(usize::MAX) {
        return Err(ApiError::SecondaryRateLimit { retry_after: 60 });
    }
    state.note_times.push((user, now));
    Ok(())
}
