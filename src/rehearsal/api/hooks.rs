//! `/projects/:id/hooks`

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::entities::moment;
use super::error::ApiError;
use super::json::Json;
use super::pagination;
use super::parameters::Parameters;
use super::place::Place;
use crate::rehearsal::Shared;
use crate::rehearsal::hooks::HookRecord;
use crate::rehearsal::state::{self, Refused};
use crate::rehearsal::subscription::{FLAGS, Subscription};
use crate::rehearsal::world::{Hook, Level};

/// The bytes in a signing token.
const KEY_BYTES: usize = 32;

pub(super) async fn list(
    State(shared): State<Shared>,
    uri: Uri,
    place: Place,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let state = shared.lock();
    authorize(&state, &place)?;
    let now = state.clock.now();
    let ours = state.hooks.hooks.iter().filter(|record| record.hook.project == place.project);
    let rows: Vec<Value> = ours.map(|record| record.json(state.hooks.alert(record, now))).collect();
    let address = format!("{}{}", state.base_url, uri.path());
    pagination::page(&rows, &address, uri.query().unwrap_or_default(), &parameters)
}

pub(super) async fn create(
    State(shared): State<Shared>,
    place: Place,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let mut state = shared.lock();
    authorize(&state, &place)?;
    let mut hook = Hook::new(place.project, &parameters.required("url")?);
    let mut subscription = Subscription::default();
    set(&mut hook, &mut subscription, &parameters)?;
    let id = state.hooks.add(hook);
    let now = state.clock.now();
    let record = state.hooks.record_mut(id).ok_or(Refused::NotFound("Hook"))?;
    record.subscription = subscription;
    let entity = shown(&state, id, now)?;
    Ok((StatusCode::CREATED, Json(entity)).into_response())
}

pub(super) async fn update(
    State(shared): State<Shared>,
    place: Place,
    parameters: Parameters,
) -> Result<Json, ApiError> {
    let mut state = shared.lock();
    authorize(&state, &place)?;
    let now = state.clock.now();
    let id = place.number("hook")?;
    let record = state
        .hooks
        .record_mut(id)
        .filter(|record| record.hook.project == place.project)
        .ok_or(Refused::NotFound("Hook"))?;
    let (mut hook, mut subscription) = (record.hook.clone(), record.subscription.clone());
    if let Some(url) = parameters.text("url")?
        && url != hook.url
    {
        // Whoever is told from now on does not learn the secret by that.
        hook.secret_token = None;
        hook.url = url;
    }
    set(&mut hook, &mut subscription, &parameters)?;
    (record.hook, record.subscription) = (hook, subscription);
    Ok(Json(shown(&state, id, now)?))
}

fn shown(state: &state::State, id: u64, now: DateTime<Utc>) -> Result<Value, Refused> {
    let record = state.hooks.hooks.iter().find(|record| record.id == id);
    let record = record.ok_or(Refused::NotFound("Hook"))?;
    Ok(record.json(state.hooks.alert(record, now)))
}

fn authorize(state: &state::State, place: &Place) -> Result<(), Refused> {
    let level = state.level(place.caller.user, place.project);
    if level >= Some(Level::Maintainer) { Ok(()) } else { Err(Refused::Forbidden) }
}

fn set(
    hook: &mut Hook,
    subscription: &mut Subscription,
    parameters: &Parameters,
) -> Result<(), ApiError> {
    if !hook.url.starts_with("http://") && !hook.url.starts_with("https://") {
        return Err(ApiError::Parameter("url is invalid".to_owned()));
    }
    for flag in FLAGS {
        if let Some(on) = parameters.flag(flag)? {
            subscription.flags.insert(flag, on);
        }
    }
    if let Some(on) = parameters.flag("enable_ssl_verification")? {
        subscription.verifies_certificates = on;
    }
    hook.confidential = subscription.wants("Confidential Issue Hook");
    let secret = |name| -> Result<Option<String>, ApiError> {
        Ok(parameters.text(name)?.filter(|text| !text.is_empty()))
    };
    if let Some(token) = secret("token")? {
        hook.secret_token = Some(token);
    }
    if let Some(token) = secret("signing_token")? {
        let key = token.strip_prefix("whsec_").and_then(|key| STANDARD.decode(key).ok());
        if key.is_none_or(|key| key.len() != KEY_BYTES) {
            return Err(Refused::Invalid("signing_token is invalid".to_owned()).into());
        }
        hook.signing_token = Some(token);
    }
    Ok(())
}

impl HookRecord {
    /// `ProjectHook`. Secrets are never in it.
    fn json(&self, (alert_status, until): (&str, Option<DateTime<Utc>>)) -> Value {
        let mut entity = json!({
            "id": self.id,
            "url": self.hook.url,
            "name": null,
            "description": null,
            "project_id": self.hook.project,
            "created_at": "2024-01-01T00:00:00.000Z",
            "repository_update_events": false,
            "enable_ssl_verification": self.subscription.verifies_certificates,
            "alert_status": alert_status,
            "disabled_until": until.map(moment),
            "url_variables": [],
            "push_events_branch_filter": null,
            "branch_filter_strategy": "wildcard",
            "custom_webhook_template": null,
            "custom_headers": [],
            "token_present": self.hook.secret_token.is_some(),
            "signing_token_present": self.hook.signing_token.is_some(),
        });
        for (flag, on) in &self.subscription.flags {
            entity[*flag] = json!(on);
        }
        entity
    }
}
