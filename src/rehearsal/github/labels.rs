//! `/repos/OWNER/NAME/labels`, and those of an issue

use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use super::error::ApiError;
use super::input::Input;
use super::pages;
use super::place::Place;
use crate::rehearsal::Shared;
use crate::rehearsal::api::json::Json;
use crate::rehearsal::dialect::Dialect;
use crate::rehearsal::editing::IssueUpdate;
use crate::rehearsal::issue::{Issue, IssueKey, Label};
use crate::rehearsal::state;

const LONGEST_NAME: usize = 50;

pub(super) async fn of_repository(
    State(shared): State<Shared>,
    uri: Uri,
    place: Place,
    input: Input,
) -> Response {
    let state = shared.lock();
    let labels = state.labels.iter().filter(|label| label.project == place.repository);
    let rows: Vec<Value> = labels.map(|label| state.github_label(label)).collect();
    pages::page(&rows, &state.base_url, &uri, &input)
}

pub(super) async fn create(
    State(shared): State<Shared>,
    place: Place,
    input: Input,
) -> Result<Response, ApiError> {
    let name = checked(&input.text("name")?.unwrap_or_default())?;
    let color = input.text("color")?.unwrap_or_else(|| Dialect::GitHub.label_color().to_owned());
    let six = color.len() == 6 && color.chars().all(|digit| digit.is_ascii_hexdigit());
    if !six && color != Dialect::GitHub.label_color() {
        return Err(invalid("color", "invalid"));
    }
    let description = input.text("description")?;
    let mut state = shared.lock();
    let act = place.caller.act(&mut state);
    if !state.may_tend_issues(act.user, place.repository) {
        return Err(ApiError::NotFound);
    }
    if state.label(place.repository, &name).is_some() {
        return Err(invalid("name", "already_exists"));
    }
    let id = state.fresh_id();
    let project = place.repository;
    let label = Label { id, project, name, color, description, created_at: act.at };
    let answer = state.github_label(&label);
    state.labels.push(label);
    let location = answer.get("url").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(answer)).into_response())
}

fn invalid(field: &'static str, code: &'static str) -> ApiError {
    ApiError::Invalid { resource: "Label", field, code, message: None }
}

fn checked(name: &str) -> Result<String, ApiError> {
    let name = name.trim();
    if name.is_empty() {
        return Err(ApiError::missing("Label", "name"));
    }
    if name.chars().count() > LONGEST_NAME {
        let message = format!("name is too long (maximum is {LONGEST_NAME} characters)");
        return Err(ApiError::custom("Label", "name", message));
    }
    Ok(name.to_owned())
}

pub(super) async fn of_issue(State(shared): State<Shared>, place: Place) -> Result<Json, ApiError> {
    let state = shared.lock();
    Ok(all(&state, place.issue_or_where(&state)?))
}

pub(super) async fn add(
    State(shared): State<Shared>,
    place: Place,
    input: Input,
) -> Result<Json, ApiError> {
    let names = input.names_or_body("labels")?;
    let add_labels = names.iter().map(|name| checked(name)).collect::<Result<_, _>>()?;
    change(&shared, &place, |_, _| Ok(IssueUpdate { add_labels, ..IssueUpdate::default() }))
}

pub(super) async fn remove(State(shared): State<Shared>, place: Place) -> Result<Json, ApiError> {
    change(&shared, &place, |_, issue| {
        let name = place.text("name");
        let is_it = |label: &&String| label.eq_ignore_ascii_case(name);
        let label = issue.labels.iter().find(is_it).ok_or(ApiError::NoSuchLabel)?;
        Ok(IssueUpdate { remove_labels: vec![label.clone()], ..IssueUpdate::default() })
    })
}

fn change(
    shared: &Shared,
    place: &Place,
    wanted: impl FnOnce(&state::State, &Issue) -> Result<IssueUpdate, ApiError>,
) -> Result<Json, ApiError> {
    let mut state = shared.lock();
    let issue = place.issue_or_where(&state)?;
    let key: IssueKey = issue.key;
    if !state.may_tend_issues(place.caller.user, key.project) {
        return Err(ApiError::Forbidden("Must have admin rights to Repository."));
    }
    let wanted = wanted(&state, issue)?;
    let act = place.caller.act(&mut state);
    state.update_issue(&act, key, wanted)?;
    Ok(all(&state, state.visible_issue(act.user, key)?))
}

fn all(state: &state::State, issue: &Issue) -> Json {
    let known = issue.labels.iter().filter_map(|name| state.label(issue.key.project, name));
    Json(known.map(|label| state.github_label(label)).collect())
}
