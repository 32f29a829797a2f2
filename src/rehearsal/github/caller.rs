//! Who calls: a person or machine user with a token, or an App.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::error::ApiError;
use crate::rehearsal::Shared;
use crate::rehearsal::state::{Act, State};
use crate::rehearsal::world::{Account, App};

/// An App's own token is valid for so many seconds at most; a minute more for
/// clocks that differ.
const LONGEST_SIGN_IN: i64 = 11 * 60;

/// Somebody with an account.
pub(in crate::rehearsal) struct Caller {
    pub(super) user: u64,
    /// An App's installation, which is nobody's member.
    pub(super) by_app: bool,
}

impl Caller {
    /// A change this caller makes now.
    pub(super) fn act(&self, state: &mut State) -> Act {
        Act { user: self.user, at: state.tick(), chain: None }
    }

    /// Whether the caller sees who belongs to an organisation.
    pub(super) fn is_inside(&self, state: &State, organisation: &str) -> bool {
        let member = || state.group_memberships(organisation).iter().any(|m| m.user == self.user);
        self.by_app || member()
    }
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, ApiError> {
        let token = credential(parts)?;
        let state = shared.lock();
        let now = state.clock.now();
        let installation = state.installation_tokens.iter().find(|(known, _, _)| known == token);
        if let Some((_, user, end)) = installation {
            let valid = *end > now;
            return valid
                .then_some(Self { user: *user, by_app: true })
                .ok_or(ApiError::BadCredentials);
        }
        let user = state.user_of_token(token).ok_or(ApiError::BadCredentials)?;
        if user.account == Account::Blocked {
            return Err(ApiError::Forbidden("Sorry. Your account was suspended."));
        }
        Ok(Self { user: user.id, by_app: false })
    }
}

/// An App that says who it is.
pub(in crate::rehearsal) struct AppCaller(pub(super) App);

impl FromRequestParts<Shared> for AppCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, ApiError> {
        let claims = claims(credential(parts)?)?;
        let state = shared.lock();
        let app = state.world.app.as_ref().ok_or(ApiError::NotFound)?;
        let issuer = claims.get("iss").map(|iss| iss.to_string().trim_matches('"').to_owned());
        if issuer != Some(app.id.to_string()) {
            return Err(ApiError::NotFound);
        }
        let now = state.clock.now().timestamp();
        let moment = |name: &str| claims.get(name).and_then(Value::as_i64);
        let (Some(begin), Some(end)) = (moment("iat"), moment("exp")) else {
            return Err(ApiError::BadToken("Missing 'expiration time' claim ('exp') in assertion"));
        };
        if begin > now || end <= now {
            let why = "'Expiration time' claim ('exp') must be a numeric value representing the \
                       future time at which the assertion expires";
            return Err(ApiError::BadToken(why));
        }
        if end - begin > LONGEST_SIGN_IN {
            let why = "'Expiration time' claim ('exp') is too far in the future";
            return Err(ApiError::BadToken(why));
        }
        Ok(Self(app.clone()))
    }
}

fn credential(parts: &Parts) -> Result<&str, ApiError> {
    let text = parts.headers.get(header::AUTHORIZATION).and_then(|text| text.to_str().ok());
    let (scheme, token) =
        text.and_then(|text| text.split_once(' ')).ok_or(ApiError::RequiresAuthentication)?;
    let known = ["bearer", "token"].contains(&scheme.to_ascii_lowercase().as_str());
    known.then_some(token).ok_or(ApiError::BadCredentials)
}

/// What a JSON web token says. Its form is checked, not its signature: the
/// instance does not know the App's public key.
fn claims(token: &str) -> Result<Value, ApiError> {
    let unreadable = || ApiError::BadToken("A JSON web token could not be decoded");
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else { return Err(unreadable()) };
    let read = |part: &str| -> Option<Value> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
    };
    let header = read(header).ok_or_else(unreadable)?;
    let signed = URL_SAFE_NO_PAD.decode(signature).is_ok_and(|bytes| bytes.len() >= 256);
    if header.get("alg").and_then(Value::as_str) != Some("RS256") || !signed {
        return Err(unreadable());
    }
    read(claims).ok_or_else(unreadable)
}
