//! How requests reach RAPI, Ganeti's HTTP interface.
//!
//! It is peculiar: no connection is used twice, `Content-Type` must be exactly
//! `application/json`, a body with a byte beyond ASCII is never answered, more
//! than 20 connections at once make everybody wait, and error messages are
//! HTML-escaped.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{
    HeaderValue, Method, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;
use tokio::{sync::Semaphore, time::Instant};
use url::Url;

use super::{Credentials, Trust, pin, text};

/// More than a list of some thousand instances.
const LARGEST_ANSWER: usize = 32 * 1024 * 1024;

/// RAPI answers 504 by itself after 30 s when the daemon behind it is away.
const LONGEST_REQUEST: Duration = Duration::from_secs(40);

/// Nobody waits longer than this for a TCP and TLS handshake.
const LONGEST_CONNECT: Duration = Duration::from_secs(10);

/// Why the connection's settings are unusable.
#[derive(Debug, Error)]
pub enum SetupError {
    /// The credentials do not fit into a header.
    #[error("the user name or password of RAPI holds characters that cannot be sent")]
    Credentials,
    /// The file of authorities holds no certificate.
    #[error("the authorities are not PEM: `-----BEGIN CERTIFICATE-----` and base64 is expected")]
    Authorities(#[source] reqwest::Error),
    /// The TLS library refused.
    #[error("TLS could not be set up")]
    Tls(#[source] rustls::Error),
    /// The HTTP library refused.
    #[error("the HTTP client could not be set up")]
    Client(#[source] reqwest::Error),
}

/// What went wrong between us and RAPI.
#[derive(Debug, Error)]
pub(super) enum TransportError {
    /// Nothing was sent.
    #[error("no connection")]
    NoConnection(#[source] reqwest::Error),
    /// No answer, or not all of it. What was asked for may have happened.
    #[error("there was no complete answer")]
    Exchange(#[source] reqwest::Error),
    /// As before.
    #[error("there was no answer in time")]
    TimedOut,
    /// All our connections were busy; nothing was sent.
    #[error("all connections to the cluster were busy")]
    Busy,
    #[error("the answer is too large to read")]
    TooLarge,
    #[error("the answer cannot be understood")]
    Unreadable(#[source] serde_json::Error),
    /// RAPI said no.
    #[error("the answer was {status}: {message}")]
    Refused { status: StatusCode, message: String },
    /// Never sent: RAPI would not answer.
    #[error("`{0}` holds characters beyond ASCII, which Ganeti does not take")]
    NotAscii(String),
}

impl TransportError {
    /// Whether what was asked for may have happened although there is no answer.
    pub(super) fn leaves_doubt(&self) -> bool {
        matches!(self, Self::Exchange(_) | Self::TimedOut | Self::TooLarge | Self::Unreadable(_))
    }

    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::NOT_FOUND, .. })
    }
}

/// As whom a request is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    Read,
    Write,
}

/// One request: `/2/` and what follows.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
    pub(super) right: Right,
}

impl Request {
    pub(super) fn get<const N: usize>(path: [&str; N]) -> Self {
        Self::new(Method::GET, Right::Read, path)
    }

    pub(super) fn put<const N: usize>(path: [&str; N]) -> Self {
        Self::new(Method::PUT, Right::Write, path)
    }

    pub(super) fn post<const N: usize>(path: [&str; N]) -> Self {
        Self::new(Method::POST, Right::Write, path)
    }

    pub(super) fn delete<const N: usize>(path: [&str; N]) -> Self {
        Self::new(Method::DELETE, Right::Write, path)
    }

    fn new<const N: usize>(method: Method, right: Right, path: [&str; N]) -> Self {
        let path = path.into_iter().map(str::to_owned).collect();
        Self { method, path, query: Vec::new(), body: None, right }
    }

    pub(super) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(super) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub(super) fn reading(mut self) -> Self {
        self.right = Right::Read;
        self
    }
}

/// The way to one cluster. Opens nothing before it is first used.
#[derive(Debug)]
pub(super) struct Transport {
    http: reqwest::Client,
    base: Url,
    writer: HeaderValue,
    reader: HeaderValue,
    connections: Semaphore,
}

impl Transport {
    pub(super) fn new(
        base: Url,
        writer: &Credentials,
        reader: Option<&Credentials>,
        trust: &Trust,
        connections: usize,
    ) -> Result<Self, SetupError> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("innkeeper/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(LONGEST_CONNECT)
            .timeout(LONGEST_REQUEST)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .pool_max_idle_per_host(0);
        let builder = match trust {
            Trust::System => builder,
            Trust::Authorities(pem) => builder.tls_certs_only(
                reqwest::Certificate::from_pem_bundle(pem).map_err(SetupError::Authorities)?,
            ),
            Trust::Pinned(fingerprint) => builder.tls_backend_preconfigured(
                pin::configuration(*fingerprint).map_err(SetupError::Tls)?,
            ),
        };
        Ok(Self {
            http: builder.build().map_err(SetupError::Client)?,
            base,
            writer: authorization(writer)?,
            reader: authorization(reader.unwrap_or(writer))?,
            connections: Semaphore::new(connections.max(1)),
        })
    }

    /// Whether passwords travel unencrypted.
    pub(super) fn is_plain(&self) -> bool {
        self.base.scheme() != "https"
    }

    /// Sends it and reads the answer, until `deadline` at the latest.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        request: &Request,
        deadline: Instant,
    ) -> Result<T, TransportError> {
        let url = self.url(request);
        let body = request.body.as_ref().map(ascii).transpose()?;
        let Ok(permit) = tokio::time::timeout_at(deadline, self.connections.acquire()).await else {
            return Err(TransportError::Busy);
        };
        let started = Instant::now();
        let answer = tokio::time::timeout_at(deadline, self.exchange(request, url, body)).await;
        drop(permit);
        let answer = answer.unwrap_or(Err(TransportError::TimedOut));
        tracing::debug!(
            method = %request.method,
            path = %request.path.join("/"),
            outcome = %answer.as_ref().map_or_else(ToString::to_string, |_| "answered".to_owned()),
            duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "asked RAPI"
        );
        serde_json::from_slice(&answer?).map_err(TransportError::Unreadable)
    }

    fn url(&self, request: &Request) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(&request.path);
        }
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        url
    }

    async fn exchange(
        &self,
        request: &Request,
        url: Url,
        body: Option<Vec<u8>>,
    ) -> Result<Vec<u8>, TransportError> {
        let authorization = match request.right {
            Right::Read => &self.reader,
            Right::Write => &self.writer,
        };
        let mut builder =
            self.http.request(request.method.clone(), url).header(AUTHORIZATION, authorization);
        if let Some(body) = body {
            let json = HeaderValue::from_static("application/json");
            builder = builder.header(CONTENT_TYPE, json).body(body);
        }
        let mut response = builder.send().await.map_err(failed)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(TransportError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok(body);
        }
        Err(TransportError::Refused { status, message: message(&body) })
    }
}

fn authorization(credentials: &Credentials) -> Result<HeaderValue, SetupError> {
    let Credentials { user, password } = credentials;
    let both = format!("{user}:{}", password.expose_secret());
    let header = format!("Basic {}", BASE64_STANDARD.encode(both));
    let mut header = HeaderValue::from_str(&header).map_err(|_| SetupError::Credentials)?;
    header.set_sensitive(true);
    Ok(header)
}

fn failed(error: reqwest::Error) -> TransportError {
    let error = error.without_url();
    if error.is_connect() {
        TransportError::NoConnection(error)
    } else if error.is_timeout() {
        TransportError::TimedOut
    } else {
        TransportError::Exchange(error)
    }
}

/// The body as it is sent. An escaped character beyond ASCII would be taken,
/// and then nobody could read the list of jobs any more until it is archived.
fn ascii(body: &Value) -> Result<Vec<u8>, TransportError> {
    let text = body.to_string();
    if text.is_ascii() {
        return Ok(text.into_bytes());
    }
    let quoted = text.split('"').find(|part| !part.is_ascii()).unwrap_or_default();
    Err(TransportError::NotAscii(text::clean(quoted)))
}

/// RAPI's words from `{"message": ...}`, or those of a proxy before it.
fn message(body: &[u8]) -> String {
    let value = serde_json::from_slice::<Value>(body).unwrap_or_default();
    match value.get("message").and_then(Value::as_str) {
        Some(message) => text::clean(&text::unescape(message)),
        None => "without a readable reason".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Request, TransportError, ascii, message};

    #[test]
    fn nothing_beyond_ascii_leaves_the_house() {
        assert_eq!(ascii(&json!({"a": "line\nline"})).unwrap(), br#"{"a":"line\nline"}"#);
        let error = ascii(&json!({"a": {"b": "Jürgen"}})).unwrap_err();
        assert!(matches!(&error, TransportError::NotAscii(text) if text == "Jürgen"), "{error}");
    }

    #[test]
    fn a_refusal_is_shown_as_it_was_meant() {
        let body = br#"{"code": 400, "message": "doesn&#x27;t support\n&#x27;wibble&#x27;"}"#;
        assert_eq!(message(body), "doesn't support 'wibble'");
        assert_eq!(message(b"<html>Bad gateway"), "without a readable reason");
    }

    #[test]
    fn a_request_shows_no_credentials() {
        let shown = format!("{:?}", Request::get(["2", "info"]));
        assert!(!shown.to_lowercase().contains("auth"), "{shown}");
    }
}
