//! Reactions: GitHub has eight, by names of its own.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use super::error::ApiError;
use super::input::Input;
use super::pages;
use super::place::Place;
use crate::rehearsal::Shared;
use crate::rehearsal::api::json::Json;
use crate::rehearsal::issue::{Award, IssueKey};
use crate::rehearsal::state;

/// GitHub's name for each reaction, and the emoji's usual one.
pub(super) const CONTENTS: [(&str, &str); 8] = [
    ("+1", "thumbsup"),
    ("-1", "thumbsdown"),
    ("laugh", "smile"),
    ("hooray", "tada"),
    ("confused", "confused"),
    ("heart", "heart"),
    ("rocket", "rocket"),
    ("eyes", "eyes"),
];

/// GitHub's name for an emoji, if it has it.
pub(in crate::rehearsal) fn reaction_to(name: &str) -> Option<&'static str> {
    CONTENTS.iter().find(|(_, usual)| *usual == name).map(|(content, _)| *content)
}

pub(super) async fn of_issue(
    State(shared): State<Shared>,
    uri: Uri,
    place: Place,
    input: Input,
) -> Result<Response, ApiError> {
    let state = shared.lock();
    list(&state, &place.issue(&state)?.awards, &uri, &input)
}

pub(super) async fn of_comment(
    State(shared): State<Shared>,
    uri: Uri,
    place: Place,
    input: Input,
) -> Result<Response, ApiError> {
    let state = shared.lock();
    list(&state, &place.comment(&state)?.1.awards, &uri, &input)
}

fn list(
    state: &state::State,
    awards: &[Award],
    uri: &Uri,
    input: &Input,
) -> Result<Response, ApiError> {
    let wanted = content(input)?;
    let rows: Vec<Value> = awards
        .iter()
        .filter(|award| wanted.is_none_or(|wanted| reaction_to(&award.name) == Some(wanted)))
        .map(|award| state.github_reaction(award))
        .collect();
    Ok(pages::page(&rows, &state.base_url, uri, input))
}

fn content(input: &Input) -> Result<Option<&'static str>, ApiError> {
    input.word("content", &CONTENTS.map(|(content, _)| content))
}

pub(super) async fn to_issue(
    State(shared): State<Shared>,
    place: Place,
    input: Input,
) -> Result<Response, ApiError> {
    let mut state = shared.lock();
    let key = place.issue(&state)?.key;
    react(&mut state, &place, &input, key, None)
}

pub(super) async fn to_comment(
    State(shared): State<Shared>,
    place: Place,
    input: Input,
) -> Result<Response, ApiError> {
    let mut state = shared.lock();
    let (issue, note) = place.comment(&state)?;
    let (key, note) = (issue.key, note.id);
    react(&mut state, &place, &input, key, Some(note))
}

fn react(
    state: &mut state::State,
    place: &Place,
    input: &Input,
    key: IssueKey,
    note: Option<u64>,
) -> Result<Response, ApiError> {
    let content = content(input)?.ok_or_else(|| ApiError::missing("Reaction", "content"))?;
    let usual = CONTENTS.iter().find(|(known, _)| *known == content);
    let name = usual.map_or(content, |(_, name)| *name);
    let user = place.caller.user;
    let awards = match note {
        None => &state.visible_issue(user, key)?.awards,
        Some(note) => &state.visible_note(user, key, note)?.awards,
    };
    // The same again changes nothing.
    if let Some(award) = awards.iter().find(|award| award.user == user && award.name == name) {
        return Ok(Json(state.github_reaction(award)).into_response());
    }
    let act = place.caller.act(state);
    let award = state.award(&act, key, note, name)?;
    Ok((StatusCode::CREATED, Json(state.github_reaction(&award))).into_response())
}
