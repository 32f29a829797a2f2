//! `/projects/:id/issues`

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use super::error::ApiError;
use super::json::Json;
use super::pagination;
use super::parameters::Parameters;
use super::place::Place;
use crate::rehearsal::Shared;
use crate::rehearsal::editing::IssueUpdate;
use crate::rehearsal::issue::{Issue, IssueState};

pub(super) async fn list(
    State(shared): State<Shared>,
    uri: Uri,
    place: Place,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let state = shared.lock();
    let wanted_state = match parameters.text("state")?.as_deref() {
        None | Some("all" | "") => None,
        Some("opened") => Some(IssueState::Opened),
        Some("closed") => Some(IssueState::Closed),
        Some(_) => return Err(ApiError::Parameter("state does not have a valid value".to_owned())),
    };
    let updated_after = parameters.moment("updated_after")?;
    let updated_before = parameters.moment("updated_before")?;
    let labels = parameters.list("labels")?.unwrap_or_default();
    let iids = parameters.list("iids")?;
    let author = parameters.number("author_id")?;
    let mut issues: Vec<&Issue> = state
        .issues
        .iter()
        .filter(|issue| {
            issue.key.project == place.project
                && state.may_read_issue(place.caller.user, issue)
                && wanted_state.is_none_or(|wanted| wanted == issue.state)
                && updated_after.is_none_or(|moment| issue.updated_at >= moment)
                && updated_before.is_none_or(|moment| issue.updated_at <= moment)
                && labels.iter().all(|label| issue.labels.contains(label))
                && author.is_none_or(|author| author == issue.author)
                && iids.as_ref().is_none_or(|iids| iids.contains(&issue.key.iid.to_string()))
        })
        .collect();
    match parameters.text("order_by")?.as_deref() {
        None | Some("created_at") => issues.sort_by_key(|issue| (issue.created_at, issue.id)),
        Some("updated_at") => issues.sort_by_key(|issue| (issue.updated_at, issue.id)),
        Some("due_date") => issues.sort_by_key(|issue| (issue.due_date, issue.id)),
        Some("title") => issues.sort_by_key(|issue| (issue.title.clone(), issue.id)),
        Some(_) => {
            return Err(ApiError::Parameter("order_by does not have a valid value".to_owned()));
        }
    }
    if sorts_down(&parameters)? {
        issues.reverse();
    }
    let details = parameters.flag("with_labels_details")?.unwrap_or(false);
    let rows: Vec<Value> = issues.iter().map(|issue| state.issue_json(issue, details)).collect();
    let address = format!("{}{}", state.base_url, uri.path());
    pagination::page(&rows, &address, uri.query().unwrap_or_default(), &parameters)
}

/// Lists come newest first unless asked otherwise.
pub(super) fn sorts_down(parameters: &Parameters) -> Result<bool, ApiError> {
    match parameters.text("sort")?.as_deref() {
        None | Some("desc") => Ok(true),
        Some("asc") => Ok(false),
        Some(_) => Err(ApiError::Parameter("sort does not have a valid value".to_owned())),
    }
}

pub(super) async fn one(State(shared): State<Shared>, place: Place) -> Result<Json, ApiError> {
    let state = shared.lock();
    let issue = state.visible_issue(place.caller.user, place.issue()?)?;
    Ok(Json(state.issue_json(issue, false)))
}

pub(super) async fn create(
    State(shared): State<Shared>,
    place: Place,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    parameters.required("title")?;
    let wanted = update_from(&parameters)?;
    let mut state = shared.lock();
    let act = place.caller.act(&mut state);
    let key = state.create_issue(&act, place.project, wanted)?;
    let issue = state.visible_issue(place.caller.user, key)?;
    Ok((StatusCode::CREATED, Json(state.issue_json(issue, false))).into_response())
}

pub(super) async fn update(
    State(shared): State<Shared>,
    place: Place,
    parameters: Parameters,
) -> Result<Json, ApiError> {
    let known = [
        "title",
        "description",
        "state_event",
        "labels",
        "add_labels",
        "remove_labels",
        "due_date",
        "assignee_ids",
        "assignee_id",
        "confidential",
        "discussion_locked",
        "milestone_id",
        "issue_type",
        "weight",
        "epic_id",
        "updated_at",
    ];
    let key = place.issue()?;
    if !parameters.any(&known) {
        let text =
            format!("{} are missing, at least one parameter must be provided", known.join(", "));
        return Err(ApiError::Parameter(text));
    }
    let wanted = update_from(&parameters)?;
    let mut state = shared.lock();
    let act = place.caller.act(&mut state);
    state.update_issue(&act, key, wanted)?;
    let issue = state.visible_issue(place.caller.user, key)?;
    Ok(Json(state.issue_json(issue, false)))
}

fn update_from(parameters: &Parameters) -> Result<IssueUpdate, ApiError> {
    let state = match parameters.text("state_event")?.as_deref() {
        None => None,
        Some("close") => Some(IssueState::Closed),
        Some("reopen") => Some(IssueState::Opened),
        Some(_) => {
            return Err(ApiError::Parameter("state_event does not have a valid value".to_owned()));
        }
    };
    let assignees = match parameters.list("assignee_ids")? {
        Some(ids) => Some(ids.iter().filter_map(|id| id.parse().ok()).collect()),
        None => parameters.number("assignee_id")?.map(|id| vec![id]),
    };
    Ok(IssueUpdate {
        title: parameters.text("title")?,
        description: parameters.text("description")?,
        state,
        labels: parameters.list("labels")?,
        add_labels: parameters.list("add_labels")?.unwrap_or_default(),
        remove_labels: parameters.list("remove_labels")?.unwrap_or_default(),
        due_date: parameters.due_date("due_date")?,
        assignees,
        confidential: parameters.flag("confidential")?,
        discussion_locked: parameters.flag("discussion_locked")?,
        ..IssueUpdate::default()
    })
}
