//! Reading `/projects/:id/hooks`

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde_json::{Value, json};

use super::entities::moment;
use super::error::ApiError;
use super::pagination;
use super::parameters::Parameters;
use super::place::Place;
use crate::rehearsal::Shared;
use crate::rehearsal::hooks::HookState;
use crate::rehearsal::state::Refused;
use crate::rehearsal::world::Level;

/// For maintainers only; no secret is ever shown.
pub(super) async fn list(
    State(shared): State<Shared>,
    uri: Uri,
    place: Place,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let state = shared.lock();
    if state.level(place.caller.user, place.project) < Some(Level::Maintainer) {
        return Err(Refused::Forbidden.into());
    }
    let hooks = state.hooks.of_project(place.project, state.clock.now());
    let rows: Vec<Value> = hooks.iter().map(hook_json).collect();
    let address = format!("{}{}", state.base_url, uri.path());
    pagination::page(&rows, &address, uri.query().unwrap_or_default(), &parameters)
}

pub(super) fn hook_json(state: &HookState) -> Value {
    let hook = &state.hook;
    let mut entity = json!({
        "id": state.id,
        "url": hook.url,
        "name": null,
        "description": null,
        "project_id": hook.project,
        "created_at": "2024-01-01T00:00:00.000Z",
        "issues_events": true,
        "confidential_issues_events": hook.confidential,
        "note_events": true,
        "confidential_note_events": hook.confidential,
        "emoji_events": true,
        "enable_ssl_verification": true,
        "push_events_branch_filter": null,
        "branch_filter_strategy": "wildcard",
        "custom_webhook_template": null,
        "custom_headers": [],
        "url_variables": [],
        "alert_status": state.alert_status,
        "disabled_until": state.disabled_until.map(moment),
    });
    for other in [
        "push_events",
        "tag_push_events",
        "merge_requests_events",
        "job_events",
        "pipeline_events",
        "wiki_page_events",
        "deployment_events",
        "feature_flag_events",
        "releases_events",
        "milestone_events",
        "resource_access_token_events",
        "vulnerability_events",
        "repository_update_events",
    ] {
        entity[other] = json!(false);
    }
    entity
}
