//! `/projects/:id/labels`

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::error::ApiError;
use super::json::Json;
use super::pagination;
use super::parameters::Parameters;
use super::place::Place;
use crate::rehearsal::Shared;
use crate::rehearsal::issue::Label;
use crate::rehearsal::state::Refused;

pub(super) async fn list(
    State(shared): State<Shared>,
    uri: Uri,
    place: Place,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let state = shared.lock();
    let search = parameters.text("search")?.unwrap_or_default().to_lowercase();
    let mut labels: Vec<&Label> = state
        .labels
        .iter()
        .filter(|label| {
            label.project == place.project && label.name.to_lowercase().contains(&search)
        })
        .collect();
    labels.sort_by_key(|label| label.name.clone());
    let rows: Vec<Value> = labels.iter().map(|label| state.label_json(label)).collect();
    let address = format!("{}{}", state.base_url, uri.path());
    pagination::page(&rows, &address, uri.query().unwrap_or_default(), &parameters)
}

pub(super) async fn create(
    State(shared): State<Shared>,
    place: Place,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let name = parameters.required("name")?.trim().to_owned();
    let color = parameters.required("color")?;
    let description = parameters.text("description")?;
    let mut state = shared.lock();
    let act = place.caller.act(&mut state);
    if !state.may_tend_issues(act.user, place.project) {
        return Err(Refused::Forbidden.into());
    }
    if name.is_empty() || name.contains(',') {
        return Err(Refused::Invalid("title is invalid".to_owned()).into());
    }
    if state.label(place.project, &name).is_some() {
        let body = Json(json!({ "message": "Label already exists" }));
        return Ok((StatusCode::CONFLICT, body).into_response());
    }
    let id = state.fresh_id();
    let label = Label { id, project: place.project, name, color, description, created_at: act.at };
    let answer = state.label_json(&label);
    state.labels.push(label);
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}
