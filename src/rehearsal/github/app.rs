//! `/app`: how a GitHub App signs in.

use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::caller::AppCaller;
use super::entities::moment;
use super::error::ApiError;
use super::place;
use crate::rehearsal::Shared;
use crate::rehearsal::api::json::Json;
use crate::rehearsal::state;
use crate::rehearsal::world::App;

const VALID: TimeDelta = TimeDelta::hours(1);
const SINCE: &str = "2024-01-01T00:00:00Z";

impl state::State {
    fn app_json(&self, app: &App) -> Value {
        json!({
            "id": app.id,
            "slug": app.slug,
            "node_id": format!("A_{}", app.id),
            "client_id": format!("Iv1.{:016x}", app.id),
            "owner": self.organisation(&app.organisation),
            "name": app.slug,
            "description": "",
            "external_url": "https://innkeeper.invalid",
            "html_url": format!("{}/apps/{}", self.base_url, app.slug),
            "created_at": SINCE,
            "updated_at": SINCE,
            "permissions": permissions(),
            "events": ["issue_comment", "issues"],
        })
    }

    fn installation_json(&self, app: &App) -> Value {
        let owner = app.organisation.as_str();
        let account = self.organisation(owner);
        let api = format!("{}/api/v3", self.base_url);
        let id = app.installation;
        json!({
            "id": id,
            "app_id": app.id,
            "app_slug": app.slug,
            "client_id": format!("Iv1.{:016x}", app.id),
            "target_id": account.get("id"),
            "target_type": "Organization",
            "account": account,
            "repository_selection": "all",
            "access_tokens_url": format!("{api}/app/installations/{id}/access_tokens"),
            "repositories_url": format!("{api}/installation/repositories"),
            "html_url": format!("{}/organizations/{owner}/settings/installations/{id}", self.base_url),
            "permissions": permissions(),
            "events": ["issue_comment", "issues"],
            "created_at": SINCE,
            "updated_at": SINCE,
            "single_file_name": null,
            "has_multiple_single_files": false,
            "single_file_paths": [],
            "suspended_by": null,
            "suspended_at": null,
        })
    }

    /// The App in whose name this user writes.
    pub(super) fn app_of(&self, user: u64) -> Value {
        let app = self.world.app.as_ref().filter(|app| app.user == user);
        app.map_or(Value::Null, |app| self.app_json(app))
    }
}

fn permissions() -> Value {
    json!({ "issues": "write", "members": "read", "metadata": "read" })
}

pub(super) async fn own(State(shared): State<Shared>, AppCaller(app): AppCaller) -> Json {
    let state = shared.lock();
    Json(state.app_json(&app))
}

/// The installation that a repository belongs to.
pub(super) async fn installation(
    State(shared): State<Shared>,
    request: Request,
) -> Result<Json, ApiError> {
    let (mut parts, _) = request.into_parts();
    let AppCaller(app) = AppCaller::from_request_parts(&mut parts, &shared).await?;
    let (_, repository) = place::find(&mut parts, &shared, None).await?;
    let state = shared.lock();
    let path = state.project(repository).map(|project| project.path.as_str()).unwrap_or_default();
    let owner = path.split('/').next().unwrap_or_default();
    if owner != app.organisation {
        return Err(ApiError::NotFound);
    }
    Ok(Json(state.installation_json(&app)))
}

/// Every installation: there is one.
pub(super) async fn installations(State(shared): State<Shared>, AppCaller(app): AppCaller) -> Json {
    let state = shared.lock();
    Json(json!([state.installation_json(&app)]))
}

/// Signs an installation in for an hour.
pub(super) async fn token(
    State(shared): State<Shared>,
    Path(id): Path<u64>,
    AppCaller(app): AppCaller,
) -> Result<Response, ApiError> {
    let mut state = shared.lock();
    if id != app.installation {
        return Err(ApiError::NotFound);
    }
    let end = state.clock.now() + VALID;
    let token = format!("ghs_practice{}", state.fresh_id());
    state.installation_tokens.push((token.clone(), app.user, end));
    let answer = json!({
        "token": token,
        "expires_at": moment(end),
        "permissions": permissions(),
        "repository_selection": "all",
    });
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}
