//! `/projects/:id/repository` and `/projects/:id/merge_requests`

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
use crate::rehearsal::repository::{Action, MAIN, MergeRequest};
use crate::rehearsal::state::{self, Refused};

pub(super) async fn branch(State(shared): State<Shared>, place: Place) -> Result<Json, ApiError> {
    let state = shared.lock();
    readable(&state, &place)?;
    let name = place.text("branch");
    state.files(place.project, &name).ok_or(Refused::NotFound("Branch"))?;
    Ok(Json(json!({
        "name": name,
        "merged": false,
        "protected": name == MAIN,
        "default": name == MAIN,
        "can_push": state.may_push(place.caller.user, place.project) && name != MAIN,
    })))
}

pub(super) async fn raw_file(
    State(shared): State<Shared>,
    place: Place,
    parameters: Parameters,
) -> Result<String, ApiError> {
    let state = shared.lock();
    readable(&state, &place)?;
    let branch = parameters.text("ref")?.unwrap_or_else(|| MAIN.to_owned());
    let mut files = state.files(place.project, &branch).ok_or(Refused::NotFound("Commit"))?;
    Ok(files.remove(&place.text("path")).ok_or(Refused::NotFound("File"))?)
}

pub(super) async fn commit(
    State(shared): State<Shared>,
    place: Place,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let branch = parameters.required("branch")?;
    let message = parameters.required("commit_message")?;
    let start = parameters.text("start_branch")?;
    let action = |value: &Value| {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Action { kind: text("action")?, path: text("file_path")?, text: text("content")? })
    };
    let actions: Option<Vec<Action>> = parameters.objects("actions").iter().map(action).collect();
    let actions = actions.ok_or_else(|| ApiError::Parameter("actions is invalid".to_owned()))?;
    let mut state = shared.lock();
    let act = place.caller.act(&mut state);
    state.commit(&act, place.project, (&branch, start.as_deref()), &actions)?;
    let id = format!("{:040x}", state.fresh_id());
    let title = message.lines().next().unwrap_or_default();
    let commit = json!({ "id": id, "short_id": &id[32..], "title": title, "message": message });
    Ok((StatusCode::CREATED, Json(commit)).into_response())
}

pub(super) async fn merge_requests(
    State(shared): State<Shared>,
    uri: Uri,
    place: Place,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let state = shared.lock();
    readable(&state, &place)?;
    let [wanted_state, source, target] = [
        parameters.text("state")?.filter(|state| state != "all"),
        parameters.text("source_branch")?,
        parameters.text("target_branch")?,
    ];
    let is = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|one| one == is);
    let rows: Vec<Value> = state
        .repositories
        .merge_requests
        .iter()
        .filter(|request| {
            request.project == place.project
                && is(&wanted_state, request.state)
                && is(&source, &request.source)
                && is(&target, &request.target)
        })
        .map(|request| state.merge_request_json(request))
        .collect();
    let address = format!("{}{}", state.base_url, uri.path());
    pagination::page(&rows, &address, uri.query().unwrap_or_default(), &parameters)
}

pub(super) async fn request_merge(
    State(shared): State<Shared>,
    place: Place,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let [source, target, title] = [
        parameters.required("source_branch")?,
        parameters.required("target_branch")?,
        parameters.required("title")?,
    ];
    let description = parameters.text("description")?.unwrap_or_default();
    let mut state = shared.lock();
    let author = place.caller.user;
    if !state.may_push(author, place.project) {
        return Err(Refused::Forbidden.into());
    }
    for branch in [&source, &target] {
        state.files(place.project, branch).ok_or(Refused::NotFound("Branch"))?;
    }
    let project = place.project;
    let requests = &state.repositories.merge_requests;
    let of_project = requests.iter().filter(|request| request.project == project);
    let mut open = of_project.clone().filter(|request| request.state == "opened");
    if let Some(other) = open.find(|request| request.source == source && request.target == target) {
        let text = "Another open merge request already exists for this source branch";
        let body = json!({ "message": [format!("{text}: !{}", other.iid)] });
        return Ok((StatusCode::CONFLICT, Json(body)).into_response());
    }
    let iid = of_project.count() as u64 + 1;
    let state_word = "opened";
    let request = MergeRequest {
        iid,
        project,
        author,
        source,
        target,
        title,
        description,
        state: state_word,
    };
    let answer = state.merge_request_json(&request);
    state.repositories.merge_requests.push(request);
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

fn readable(state: &state::State, place: &Place) -> Result<(), Refused> {
    let readable = state.may_read_code(place.caller.user, place.project);
    if readable { Ok(()) } else { Err(Refused::NotFound("Project")) }
}

impl state::State {
    fn merge_request_json(&self, request: &MergeRequest) -> Value {
        let path = self.project(request.project).map_or("", |project| project.path.as_str());
        json!({
            "id": request.project * 1000 + request.iid,
            "iid": request.iid,
            "project_id": request.project,
            "source_project_id": request.project,
            "target_project_id": request.project,
            "source_branch": request.source,
            "target_branch": request.target,
            "title": request.title,
            "description": request.description,
            "state": request.state,
            "author": self.user_json(request.author),
            "web_url": format!("{}/{path}/-/merge_requests/{}", self.base_url, request.iid),
        })
    }
}
