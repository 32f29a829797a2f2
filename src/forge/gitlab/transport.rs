//! How requests reach GitLab. The `gitlab` crate knows the endpoints; this
//! knows time-outs, the token, redirects and how much of an answer to read.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use gitlab::api::{ApiError, AsyncClient, RestClient};
use http::{HeaderValue, Method, Response, StatusCode, header::LOCATION};
use serde::de::IgnoredAny;
use thiserror::Error;
use url::Url;

use crate::forge::http::{LARGEST_ANSWER, retry_after, within_origin};
pub use crate::forge::traffic::Traffic;

/// A moved project needs one; more than a few is a loop.
const MOST_REDIRECTS: usize = 5;

/// What went wrong between us and GitLab.
#[derive(Debug, Error)]
pub enum TransportError {
    /// The request could not be put together.
    #[error("the request is malformed")]
    Request(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No answer, or not all of it.
    #[error("there was no complete answer")]
    Exchange(#[source] reqwest::Error),
    /// An answer of more than 32 MiB, or a list of too many pages.
    #[error("the answer is too large to read")]
    TooLarge,
    /// A success that is not what GitLab documents: a proxy's page, or cut short.
    #[error("the answer cannot be read")]
    Unreadable(#[source] serde_json::Error),
    /// A redirect or next page we must not follow with our token.
    #[error("the answer ({status}) points to {target}, which is not followed")]
    Elsewhere {
        /// The status it came with.
        status: StatusCode,
        /// Where it points, without path and query.
        target: String,
    },
    /// GitLab said no.
    #[error("the answer was {status} {message}")]
    Refused {
        /// Its status.
        status: StatusCode,
        /// Its words, shortened. Foreign text, for logs only.
        message: String,
        /// How long it asked us to wait.
        retry_after: Option<Duration>,
    },
}

impl TransportError {
    /// For errors of the crate's builders, which name a field left unset.
    pub(super) fn request(error: impl std::error::Error + Send + Sync + 'static) -> ApiError<Self> {
        ApiError::client(Self::Request(Box::new(error)))
    }
}

fn count(traffic: &Traffic, outcome: &Result<Response<Bytes>, TransportError>) {
    let counter = match outcome {
        Ok(_) => &traffic.answered,
        Err(TransportError::Refused { status: StatusCode::TOO_MANY_REQUESTS, .. }) => {
            &traffic.limited
        }
        Err(TransportError::Refused { .. } | TransportError::Elsewhere { .. }) => &traffic.refused,
        Err(_) => &traffic.failed,
    };
    counter.fetch_add(1, Ordering::Relaxed);
}

/// A connection to one GitLab. Opens nothing before it is first used.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    http: reqwest::Client,
    base: Url,
    token: HeaderValue,
    traffic: Arc<Traffic>,
}

impl Transport {
    /// `token` must be marked sensitive, so that no `Debug` shows it.
    pub(super) fn new(http: reqwest::Client, base: Url, token: HeaderValue) -> Self {
        Self { http, base, token, traffic: Arc::default() }
    }

    pub(super) fn traffic(&self) -> Arc<Traffic> {
        Arc::clone(&self.traffic)
    }

    /// Sends a request and, for reads alone, follows redirects on the same
    /// origin: the token is meant for that origin only, and a repeated write
    /// would be turned into something else on the way.
    async fn exchange(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<Response<Bytes>, TransportError> {
        let (parts, body) = request.into_parts();
        let mut url = parsed(&parts.uri.to_string(), StatusCode::OK)?;
        for _ in 0..=MOST_REDIRECTS {
            let response = self
                .http
                .request(parts.method.clone(), url.clone())
                .headers(parts.headers.clone())
                .header("PRIVATE-TOKEN", self.token.clone())
                .body(body.clone())
                .send()
                .await
                .map_err(|error| TransportError::Exchange(error.without_url()))?;
            match redirect(&parts.method, &url, &response)? {
                Some(target) => url = target,
                None => return readable(&parts.method, read(response).await?),
            }
        }
        Err(TransportError::Elsewhere {
            status: StatusCode::LOOP_DETECTED,
            target: "itself, again and again".to_owned(),
        })
    }
}

impl RestClient for Transport {
    type Error = TransportError;

    /// `base` may have a path of its own: `https://example.org/gitlab/`.
    fn rest_endpoint(&self, endpoint: &str) -> Result<Url, ApiError<TransportError>> {
        let base = self.base.as_str().trim_end_matches('/');
        Ok(Url::parse(&format!("{base}/api/v4/{endpoint}"))?)
    }
}

#[async_trait]
impl AsyncClient for Transport {
    /// Every answer but a success is an error here, so that one place can
    /// judge them all: the crate's own wrappers lose the `Retry-After` header.
    async fn rest_async(
        &self,
        request: http::request::Builder,
        body: Vec<u8>,
    ) -> Result<Response<Bytes>, ApiError<TransportError>> {
        let request = request.body(body).map_err(TransportError::request)?;
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let started = Instant::now();
        let outcome = self.exchange(request).await;
        count(&self.traffic, &outcome);
        tracing::debug!(
            %method,
            path,
            outcome = %outcome.as_ref().map_or_else(ToString::to_string, |r| r.status().to_string()),
            duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "asked GitLab"
        );
        outcome.map_err(ApiError::client)
    }
}

fn parsed(url: &str, status: StatusCode) -> Result<Url, TransportError> {
    let mut url = Url::parse(url).map_err(|_| TransportError::Elsewhere {
        status,
        target: "no usable address".to_owned(),
    })?;
    if url.query() == Some("") {
        url.set_query(None);
    }
    Ok(url)
}

/// Where to go on from `from`, if at all.
fn redirect(
    method: &Method,
    from: &Url,
    response: &reqwest::Response,
) -> Result<Option<Url>, TransportError> {
    let status = response.status();
    if !status.is_redirection() || status == StatusCode::NOT_MODIFIED {
        return Ok(None);
    }
    let target = response
        .headers()
        .get(LOCATION)
        .and_then(|location| location.to_str().ok())
        .and_then(|location| from.join(location).ok());
    match target {
        Some(target) if method == Method::GET => same_origin(from, target, status).map(Some),
        Some(target) => Err(elsewhere(&target, status)),
        None => parsed("", status).map(Some),
    }
}

/// `target`, if our token may go there.
pub(super) fn same_origin(
    from: &Url,
    target: Url,
    status: StatusCode,
) -> Result<Url, TransportError> {
    within_origin(from, target).map_err(|target| TransportError::Elsewhere { status, target })
}

fn elsewhere(target: &Url, status: StatusCode) -> TransportError {
    TransportError::Elsewhere { status, target: target.origin().ascii_serialization() }
}

async fn read(mut response: reqwest::Response) -> Result<Response<Bytes>, TransportError> {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) =
        response.chunk().await.map_err(|error| TransportError::Exchange(error.without_url()))?
    {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(TransportError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    if !status.is_success() {
        return Err(TransportError::Refused {
            status,
            message: message(&body),
            retry_after: retry_after(&headers),
        });
    }
    let mut answer = Response::new(Bytes::from(body));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    Ok(answer)
}

/// A success a proxy made up says nothing about whether a change happened. What
/// is only read, its reader parses; files need not be JSON.
fn readable(method: &Method, answer: Response<Bytes>) -> Result<Response<Bytes>, TransportError> {
    if method != Method::GET && answer.status() != StatusCode::NO_CONTENT {
        serde_json::from_slice::<IgnoredAny>(answer.body()).map_err(TransportError::Unreadable)?;
    }
    Ok(answer)
}

/// GitLab's own words from `{"message": ...}` or `{"error": ...}`, on one line.
fn message(body: &[u8]) -> String {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) else {
        return "without a readable reason".to_owned();
    };
    let said = ["message", "error_description", "error"].iter().find_map(|key| value.get(key));
    let said = match said {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "without a reason".to_owned(),
    };
    said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}
