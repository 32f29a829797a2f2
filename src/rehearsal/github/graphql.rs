//! The one question that only GraphQL answers: who changed a description.
//!
//! This understands no GraphQL. It answers that question, whatever is asked.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::caller::Caller;
use super::entities::moment;
use super::error::ApiError;
use super::input::Input;
use crate::rehearsal::Shared;
use crate::rehearsal::api::json::Json;
use crate::rehearsal::issue::{Issue, IssueKey};

pub(super) async fn answer(
    State(shared): State<Shared>,
    caller: Caller,
    input: Input,
) -> Result<Response, ApiError> {
    let query = input.text("query")?.unwrap_or_default();
    if !query.contains("userContentEdits") {
        let why = json!({ "message": "The rehearsal knows no such field" });
        return Ok((StatusCode::OK, Json(json!({ "errors": [why] }))).into_response());
    }
    let variable = |name: &str| input.variable(name).and_then(Value::as_str).unwrap_or_default();
    let path = format!("{}/{}", variable("owner"), variable("name"));
    let number = input.variable("number").and_then(Value::as_u64).unwrap_or_default();
    let state = shared.lock();
    let project = state.project_at(&path).map(|project| project.id).unwrap_or_default();
    let key = IssueKey { project, iid: number };
    let answer = match state.visible_issue(caller.user, key) {
        Ok(issue) => json!({ "data": { "repository": { "issue": edits(issue) } } }),
        Err(_) => json!({
            "data": { "repository": null },
            "errors": [{
                "type": "NOT_FOUND",
                "path": ["repository"],
                "message": format!("Could not resolve to an Issue with the number of {number}."),
            }],
        }),
    };
    Ok(Json(answer).into_response())
}

/// Newest first. Once there was a change, what was there before counts as one
/// of its author's.
fn edits(issue: &Issue) -> Value {
    let editor = |id: u64| json!({ "editor": { "databaseId": id } });
    let mut nodes: Vec<Value> = issue.edits.iter().rev().map(|(_, by)| editor(*by)).collect();
    if !nodes.is_empty() {
        nodes.push(editor(issue.author));
    }
    json!({
        "lastEditedAt": issue.edited().map(|(at, _)| moment(at)),
        "userContentEdits": { "totalCount": nodes.len(), "nodes": nodes },
    })
}
