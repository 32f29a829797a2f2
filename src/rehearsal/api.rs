//! The HTTP API, version 4, as far as an issue bot uses it.

mod awards;
mod entities;
mod error;
mod groups;
mod hooks;
mod instance;
mod issues;
mod json;
mod labels;
mod members;
mod notes;
mod pagination;
mod parameters;
mod place;
mod projects;
mod repository;
mod users;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post, put};

use self::error::ApiError;
use super::state::{Act, State};
use super::world::Account;
use super::{Shared, faults};

pub(super) fn router(shared: &Shared) -> Router<Shared> {
    const ISSUE: &str = "/api/v4/projects/{id}/issues/{iid}";
    let at = |rest: &str| format!("{ISSUE}{rest}");
    Router::new()
        .route("/api/v4/metadata", get(instance::metadata))
        .route("/api/v4/version", get(projects::version))
        .route("/api/v4/personal_access_tokens/self", get(instance::own_token))
        .route("/api/v4/user", get(users::own))
        .route("/api/v4/users", get(users::search))
        .route("/api/v4/users/{user}", get(users::one))
        .route("/api/v4/users/{user}/keys", get(users::keys))
        .route("/api/v4/groups/{id}/projects", get(groups::projects))
        .route("/api/v4/groups/{id}/members/all", get(members::of_group))
        .route("/api/v4/groups/{id}/members/all/{user}", get(members::one_of_group))
        .route("/api/v4/projects/{id}", get(projects::one))
        .route("/api/v4/projects/{id}/members/all", get(members::of_project))
        .route("/api/v4/projects/{id}/members/all/{user}", get(members::one_of_project))
        .route("/api/v4/projects/{id}/labels", get(labels::list).post(labels::create))
        .merge(setting_up())
        .route("/api/v4/projects/{id}/issues", get(issues::list).post(issues::create))
        .route(ISSUE, get(issues::one).put(issues::update))
        .route(&at("/notes"), get(notes::list).post(notes::create))
        .route(&at("/notes/{note}"), get(notes::one).put(notes::update).delete(notes::delete))
        .route(&at("/award_emoji"), get(awards::of_issue).post(awards::to_issue))
        .route(&at("/award_emoji/{award}"), delete(awards::from_issue))
        .route(&at("/notes/{note}/award_emoji"), post(awards::to_note).get(awards::of_note))
        .route(&at("/notes/{note}/award_emoji/{award}"), delete(awards::from_note))
        .route("/api/{*rest}", get(error::unknown).fallback(error::unknown))
        .layer(from_fn_with_state(shared.clone(), faults::stand_between))
}

/// What making a project ready takes.
fn setting_up() -> Router<Shared> {
    const PROJECT: &str = "/api/v4/projects/{id}";
    let at = |rest: &str| format!("{PROJECT}{rest}");
    Router::new()
        .route(&at("/hooks"), get(hooks::list).post(hooks::create))
        .route(&at("/hooks/{hook}"), put(hooks::update))
        .route(&at("/repository/branches/{branch}"), get(repository::branch))
        .route(&at("/repository/files/{path}/raw"), get(repository::raw_file))
        .route(&at("/repository/commits"), post(repository::commit))
        .route(
            &at("/merge_requests"),
            get(repository::merge_requests).post(repository::request_merge),
        )
}

/// Who calls, and in the wake of which webhook.
pub(super) struct Caller {
    pub(super) user: u64,
    chain: Option<String>,
}

impl Caller {
    /// A change this caller makes now.
    fn act(&self, state: &mut State) -> Act {
        Act { user: self.user, at: state.tick(), chain: self.chain.clone() }
    }
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, ApiError> {
        let text = |name: &str| parts.headers.get(name)?.to_str().ok();
        let bearer = || text(header::AUTHORIZATION.as_str())?.strip_prefix("Bearer ");
        let token = text("private-token").or_else(bearer).unwrap_or_default();
        let state = shared.lock();
        let user = state.user_of_token(token).ok_or(ApiError::Unauthorized)?;
        if user.account == Account::Blocked {
            return Err(ApiError::Blocked);
        }
        let chain = text("x-gitlab-event-uuid").map(ToOwned::to_owned);
        Ok(Self { user: user.id, chain })
    }
}
