//! `/metadata` and `/personal_access_tokens/self`

use axum::extract::State;
use axum::http::{HeaderMap, header};
use serde_json::json;

use super::Caller;
use super::error::ApiError;
use super::json::Json;
use crate::rehearsal::Shared;

pub(super) async fn metadata(_caller: Caller) -> Json {
    Json(json!({
        "version": "19.2.1-ee",
        "revision": "rehearsal",
        "kas": {
            "enabled": false,
            "externalUrl": null,
            "externalK8sProxyUrl": null,
            "version": null,
        },
        "enterprise": true,
    }))
}

/// The token that the request came with: all of them may do everything.
pub(super) async fn own_token(
    State(shared): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Json, ApiError> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let bearer = || text(header::AUTHORIZATION.as_str())?.strip_prefix("Bearer ");
    let token = text("private-token").or_else(bearer).ok_or(ApiError::Unauthorized)?;
    let state = shared.lock();
    let number = state.world.tokens.iter().position(|(known, _)| known == token).unwrap_or(0);
    Ok(Json(json!({
        "id": number + 1,
        "name": "innkeeper",
        "revoked": false,
        "created_at": "2024-01-01T00:00:00.000Z",
        "description": null,
        "scopes": ["api"],
        "user_id": caller.user,
        "last_used_at": state.clock.now(),
        "active": true,
        "expires_at": state.world.token_ends.get(token),
        "last_used_ips": [],
    })))
}
