//! `/repos/OWNER/NAME/issues`

use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use chrono::SubsecRound as _;
use serde_json::Value;

use super::error::ApiError;
use super::input::Input;
use super::pages;
use super::place::Place;
use crate::rehearsal::Shared;
use crate::rehearsal::api::json::Json;
use crate::rehearsal::dialect::Dialect;
use crate::rehearsal::editing::IssueUpdate;
use crate::rehearsal::issue::{Issue, IssueState};

pub(super) async fn list(
    State(shared): State<Shared>,
    uri: Uri,
    place: Place,
    input: Input,
) -> Result<Response, ApiError> {
    let state = shared.lock();
    let wanted = match input.word("state", &["open", "closed", "all"])? {
        Some("all") => None,
        Some("closed") => Some(IssueState::Closed),
        _ => Some(IssueState::Opened),
    };
    let since = input.moment("since")?;
    let creator = input.query("creator").map(|name| state.user_named(name).map(|user| user.id));
    let labels: Vec<&str> =
        input.query("labels").map(|names| names.split(',').collect()).unwrap_or_default();
    let labelled = |issue: &Issue, name: &str| {
        issue.labels.iter().any(|label| label.eq_ignore_ascii_case(name))
    };
    let mut issues: Vec<&Issue> = state
        .issues
        .iter()
        .filter(|issue| {
            issue.key.project == place.repository
                && !state.is_transferred(issue)
                && state.may_read_issue(place.caller.user, issue)
                && wanted.is_none_or(|wanted| wanted == issue.state)
                && since.is_none_or(|since| issue.updated_at.trunc_subsecs(0) >= since)
                && creator.is_none_or(|creator| creator == Some(issue.author))
                && labels.iter().all(|name| labelled(issue, name))
        })
        .collect();
    // What happened within a second has no order but that of the numbers.
    match input.word("sort", &["created", "updated", "comments"])? {
        Some("updated") => {
            issues.sort_by_key(|issue| (issue.updated_at.trunc_subsecs(0), issue.key));
        }
        Some("comments") => issues.sort_by_key(|issue| (issue.notes.len(), issue.key)),
        _ => issues.sort_by_key(|issue| issue.key),
    }
    if input.word("direction", &["asc", "desc"])? != Some("asc") {
        issues.reverse();
    }
    let rows: Vec<Value> = issues.iter().map(|issue| state.github_issue(issue)).collect();
    Ok(pages::page(&rows, &state.base_url, &uri, &input))
}

pub(super) async fn one(State(shared): State<Shared>, place: Place) -> Result<Json, ApiError> {
    let state = shared.lock();
    Ok(Json(state.github_issue(place.issue_or_where(&state)?)))
}

pub(super) async fn create(
    State(shared): State<Shared>,
    place: Place,
    input: Input,
) -> Result<Response, ApiError> {
    let wanted = update_from(&input)?;
    if wanted.title.is_none() {
        return Err(ApiError::missing("Issue", "title"));
    }
    let mut state = shared.lock();
    let act = place.caller.act(&mut state);
    let key = state.create_issue(&act, place.repository, wanted)?;
    let issue = state.visible_issue(act.user, key)?;
    let location = [(header::LOCATION, state.issue_api_url(key))];
    Ok((StatusCode::CREATED, location, Json(state.github_issue(issue))).into_response())
}

pub(super) async fn update(
    State(shared): State<Shared>,
    place: Place,
    input: Input,
) -> Result<Json, ApiError> {
    let wanted = update_from(&input)?;
    let mut state = shared.lock();
    let key = place.issue_or_where(&state)?.key;
    let act = place.caller.act(&mut state);
    state.update_issue(&act, key, wanted)?;
    Ok(Json(state.github_issue(state.visible_issue(act.user, key)?)))
}

fn update_from(input: &Input) -> Result<IssueUpdate, ApiError> {
    let title = input.text("title")?;
    let description = input.text("body")?;
    if title.as_ref().is_some_and(|title| title.trim().is_empty()) {
        return Err(ApiError::missing("Issue", "title"));
    }
    for (text, field, longest) in [
        (&title, "title", Dialect::GitHub.longest_title()),
        (&description, "body", Dialect::GitHub.longest_text()),
    ] {
        if text.as_ref().is_some_and(|text| text.chars().count() > longest) {
            let message = format!("{field} is too long (maximum is {longest} characters)");
            return Err(ApiError::custom("Issue", field, message));
        }
    }
    let state = match input.word("state", &["open", "closed"])? {
        Some("open") => Some(IssueState::Opened),
        Some(_) => Some(IssueState::Closed),
        None => None,
    };
    let reasons = ["completed", "not_planned", "duplicate", "reopened"];
    Ok(IssueUpdate {
        title,
        description,
        state,
        state_reason: input.word("state_reason", &reasons)?.map(str::to_owned),
        labels: input.names("labels")?,
        ..IssueUpdate::default()
    })
}
