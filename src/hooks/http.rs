//! Telling an address.

use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder, Response};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{
    Failure,
    heard::{Heard, Keep},
};
use crate::{hook::first_line, ports::hooks::Input};

/// A client that follows no redirect: the token is for nobody else.
pub(super) fn client() -> Result<Client, reqwest::Error> {
    Client::builder()
        .user_agent(concat!("innkeeper/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

pub(super) fn request(
    client: &Client,
    url: &Url,
    token: Option<&SecretString>,
    input: &Input,
    json: Vec<u8>,
) -> RequestBuilder {
    let request = client
        .post(url.clone())
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header("idempotency-key", &input.idempotency_key)
        .body(json);
    match token {
        Some(token) => request.bearer_auth(token.expose_secret()),
        None => request,
    }
}

/// Sends it, and returns the first line of the answer.
pub(super) async fn send(request: RequestBuilder, limit: Duration) -> Result<String, Failure> {
    let response = request.send().await.map_err(|error| {
        if error.is_timeout() {
            return Failure::Slow(limit);
        }
        // An address may hold what is nobody's business.
        Failure::Unreached(error.without_url())
    })?;
    let status = response.status();
    // What it answered is settled, whether or not we hear the rest of it.
    let first = answer(response).await.unwrap_or_default();
    if status.is_success() { Ok(first) } else { Err(Failure::Refused { status, first }) }
}

/// The first line of an answer in text, or the `message` of one in JSON.
async fn answer(mut response: Response) -> Result<String, reqwest::Error> {
    let content_type = response.headers().get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (is_json, is_text) =
        (content_type.starts_with("application/json"), content_type.starts_with("text/plain"));
    let mut heard = Heard::new(Keep::First);
    while !heard.is_full()
        && let Some(chunk) = response.chunk().await?
    {
        heard.take(&chunk);
    }
    if is_json {
        let value: Option<serde_json::Value> = serde_json::from_slice(heard.bytes()).ok();
        let message = value.as_ref().and_then(|value| value.get("message")?.as_str());
        return Ok(first_line(message.unwrap_or_default()));
    }
    Ok(if is_text { first_line(&heard.text()) } else { String::new() })
}
