//! `/projects/:id` and `/version`

use axum::extract::State;
use serde_json::json;

use super::Caller;
use super::json::Json;
use super::place::Place;
use crate::rehearsal::Shared;

pub(super) async fn one(State(shared): State<Shared>, place: Place) -> Json {
    Json(shared.lock().project_json(place.project, place.caller.user))
}

pub(super) async fn version(_caller: Caller) -> Json {
    Json(json!({
        "version": "19.2.1-ee",
        "revision": "rehearsal",
        "kas": { "enabled": false, "externalUrl": null, "version": null },
        "enterprise": true,
    }))
}
