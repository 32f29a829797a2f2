//! Whether a delivery knows the secret.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::TimeDelta;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use thiserror::Error;

use crate::{identity::Timestamp, ports::intake::Unauthenticated};

/// How far the sender's clock may be from ours: the usual tolerance of the
/// Standard Webhooks scheme. A repetition within it is found by its key.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// What GitLab puts before a signing token.
const SIGNING_PREFIX: &str = "whsec_";

/// What a project's webhook must prove to know.
pub enum WebhookSecret {
    /// A secret token, sent along in clear (`X-Gitlab-Token`).
    Token(SecretString),
    /// The key of a signing token (GitLab 19.0 and later); the secret itself
    /// never travels. A plain token is not accepted in its place.
    Signing(SecretSlice<u8>),
}

/// Why a configured secret cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadSecret {
    /// Anybody could send that.
    #[error("the webhook secret is empty")]
    Empty,
    /// It begins like a signing token but is not one.
    #[error("the webhook's signing token is not `whsec_` followed by base64")]
    NotBase64,
}

impl WebhookSecret {
    /// Takes a secret as GitLab shows it: `whsec_…` is a signing token,
    /// anything else a secret token.
    pub fn parse(secret: &SecretString) -> Result<Self, BadSecret> {
        let text = secret.expose_secret().trim();
        if text.is_empty() {
            return Err(BadSecret::Empty);
        }
        let Some(encoded) = text.strip_prefix(SIGNING_PREFIX) else {
            return Ok(Self::Token(SecretString::from(text)));
        };
        match BASE64_STANDARD.decode(encoded) {
            Ok(key) if !key.is_empty() => Ok(Self::Signing(SecretSlice::from(key))),
            _ => Err(BadSecret::NotBase64),
        }
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "WebhookSecret::Token",
            Self::Signing(_) => "WebhookSecret::Signing",
        })
    }
}

/// Whether the sender knows `secret`; `body` is what was received, byte for byte.
pub fn verify(
    headers: &HeaderMap,
    body: &[u8],
    secret: &WebhookSecret,
    now: Timestamp,
) -> Result<(), Unauthenticated> {
    match secret {
        WebhookSecret::Token(token) => verify_token(headers, token.expose_secret()),
        WebhookSecret::Signing(key) => verify_signature(headers, body, key.expose_secret(), now),
    }
}

/// Digests are compared, so that not even the token's length shows.
fn verify_token(headers: &HeaderMap, expected: &str) -> Result<(), Unauthenticated> {
    let given = headers.get("x-gitlab-token").ok_or(Unauthenticated("there is no token"))?;
    let equal = Sha256::digest(given.as_bytes()).ct_eq(&Sha256::digest(expected.as_bytes()));
    if equal.into() { Ok(()) } else { Err(Unauthenticated("the token is wrong")) }
}

/// Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`. The header lists
/// several signatures while a token is being replaced; one must match.
fn verify_signature(
    headers: &HeaderMap,
    body: &[u8],
    key: &[u8],
    now: Timestamp,
) -> Result<(), Unauthenticated> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let missing = Unauthenticated("there is no complete signature");
    let id = header("webhook-id").ok_or(missing)?;
    let timestamp = header("webhook-timestamp").ok_or(missing)?;
    let signatures = header("webhook-signature").ok_or(missing)?;

    let sent_at = timestamp
        .parse()
        .ok()
        .and_then(|seconds| Timestamp::from_timestamp(seconds, 0))
        .ok_or(Unauthenticated("the signature's time cannot be read"))?;
    if (now - sent_at).abs() > TOLERANCE {
        return Err(Unauthenticated("the signature is too old or from the future"));
    }

    let mut mac = Hmac::<Sha256>::new_from_slice(key)
        .map_err(|_| Unauthenticated("the signing key is unusable"))?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    let matches = signatures
        .split_ascii_whitespace()
        .filter_map(|entry| BASE64_STANDARD.decode(entry.strip_prefix("v1,")?).ok())
        .any(|signature| mac.clone().verify_slice(&signature).is_ok());
    if matches { Ok(()) } else { Err(Unauthenticated("the signature is wrong")) }
}
