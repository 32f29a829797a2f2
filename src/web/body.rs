//! Receiving a body. What is small is received beside all others; what is large
//! takes one of a few turns, since it is held in memory until it is stored, and
//! anybody can send it. So whoever sends something large slowly keeps nobody
//! waiting who sends what forges usually send.

use axum::{
    body::Body,
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_ENCODING, CONTENT_LENGTH},
    },
};
use futures::StreamExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::Limits;

/// A body, and its turn if it needed one: to be kept as long as the body is.
pub(super) struct Received<'turns> {
    pub(super) bytes: Vec<u8>,
    _turn: Option<SemaphorePermit<'turns>>,
}

/// Receives a body whole.
///
/// # Errors
///
/// The answer to whoever sends too much, too slowly, or what cannot be read.
pub(super) async fn receive<'turns>(
    headers: &HeaderMap,
    body: Body,
    limits: &Limits,
    turns: &'turns Semaphore,
) -> Result<Received<'turns>, StatusCode> {
    // No forge compresses, and a small body must not become a large one here.
    let plain = |coding: &http::HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(CONTENT_ENCODING).iter().all(plain) {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let announced: usize = announced.and_then(|length| length.parse().ok()).unwrap_or(0);
    if announced > limits.body {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    tokio::time::timeout(limits.sending, whole(body, announced, limits, turns))
        .await
        .unwrap_or(Err(StatusCode::REQUEST_TIMEOUT))
}

async fn whole<'turns>(
    body: Body,
    announced: usize,
    limits: &Limits,
    turns: &'turns Semaphore,
) -> Result<Received<'turns>, StatusCode> {
    let mut parts = body.into_data_stream();
    let mut bytes = Vec::new();
    let mut turn = None;
    while let Some(part) = parts.next().await {
        let part = part.map_err(|_| StatusCode::BAD_REQUEST)?;
        let length = bytes.len() + part.len();
        if length > limits.body {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        if length > limits.small && turn.is_none() {
            let taken = turns.acquire().await;
            turn = Some(taken.map_err(|_closed| StatusCode::SERVICE_UNAVAILABLE)?);
            // From now on what was announced may be kept ready for it.
            bytes.reserve_exact(announced.saturating_sub(bytes.len()));
        }
        if length > bytes.capacity() {
            // Never more than may come: doubling by itself would.
            let wanted = (2 * length).min(limits.body);
            bytes.reserve_exact(wanted - bytes.len());
        }
        bytes.extend_from_slice(&part);
    }
    Ok(Received { bytes, _turn: turn })
}
