//! How requests reach GitHub: through octocrab over the client all forges
//! share. This knows time-outs, addresses and how much of an answer to read,
//! but follows nothing and repeats nothing.

use std::{
    sync::{Arc, OnceLock, atomic::Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode,
    header::{ACCEPT, AUTHORIZATION, IF_NONE_MATCH, LOCATION},
};
use octocrab::{
    AuthState, Octocrab, OctocrabBuilder, service::middleware::reqwest_connector::ReqwestConnector,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;
use url::{Url, form_urlencoded};

use super::limits;
use crate::{
    forge::{
        http::{LARGEST_ANSWER, retry_after, within_origin},
        traffic::Traffic,
    },
    identity::ProjectId,
    ports::clock::Clock,
};

/// What went wrong between us and GitHub.
#[derive(Debug, Error)]
pub enum TransportError {
    /// The request could not be put together.
    #[error("the request is malformed")]
    Request(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No answer, or not all of it.
    #[error("there was no complete answer")]
    Exchange {
        /// Whether not even a connection came about.
        connecting: bool,
        /// What happened underneath.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An answer of more than 32 MiB, or a list of too many pages.
    #[error("the answer is too large to read")]
    TooLarge,
    /// A success that is not what GitHub documents: a proxy's page, or cut short.
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
    /// It was transferred to another repository.
    #[error("it was moved to another repository")]
    Moved,
    /// The repository has another name since a moment ago; what is asked next
    /// uses that.
    #[error("the repository was renamed")]
    Renamed,
    /// Neither under its name nor by its number.
    #[error("there is no repository `{name}` with the number {wanted} that we can see")]
    Hidden {
        /// The last name we knew.
        name: String,
        /// The repository's number as configured.
        wanted: ProjectId,
    },
    /// Our GitHub App may not act there.
    #[error("the GitHub App is not installed for `{0}`")]
    NotInstalled(String),
    /// The installation we knew is gone, or its token was revoked; what is
    /// asked next begins anew.
    #[error("the installation's token is not accepted any more")]
    StaleToken,
    /// The App's key did not sign.
    #[error("the GitHub App's key cannot sign")]
    Key(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// GitHub said no.
    #[error("the answer was {status} {message}")]
    Refused {
        /// Its status.
        status: StatusCode,
        /// Its words, shortened. Foreign text, for logs only.
        message: String,
        /// How long it asked us to wait.
        retry_after: Option<Duration>,
        /// Whether we asked too much or too often.
        limited: bool,
    },
}

impl TransportError {
    /// A limit that was told within a success.
    pub(super) fn limited(message: &str) -> Self {
        Self::Refused {
            status: StatusCode::TOO_MANY_REQUESTS,
            message: message.to_owned(),
            retry_after: Some(limits::DEFAULT_PAUSE),
            limited: true,
        }
    }

    pub(super) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the answer was that there is no such thing.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self.status(), Some(StatusCode::NOT_FOUND | StatusCode::GONE))
    }
}

/// What to send.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) body: Option<Value>,
    /// The `ETag` of an answer we still have.
    pub(super) unless: Option<HeaderValue>,
}

impl Outgoing {
    pub(super) fn get(url: Url) -> Self {
        Self { method: Method::GET, url, body: None, unless: None }
    }

    pub(super) fn send(method: Method, url: Url, body: Option<Value>) -> Self {
        Self { method, url, body, unless: None }
    }
}

/// What came back.
#[derive(Debug)]
pub(super) enum Reply {
    /// A success, or that nothing changed (304).
    Answer(Answer),
    /// It is somewhere else. Only an address on the same origin is told.
    Redirect {
        /// The status.
        status: StatusCode,
        /// Where.
        target: Url,
    },
}

/// A success, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    /// What was asked, at last.
    pub(super) url: Url,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, TransportError> {
        serde_json::from_slice(&self.body).map_err(TransportError::Unreadable)
    }
}

/// A connection to one GitHub. Opens nothing before it is first used.
pub(super) struct Transport {
    http: reqwest::Client,
    /// Octocrab starts a task when it is made, which needs the runtime.
    octocrab: OnceLock<Octocrab>,
    base: Url,
    traffic: Arc<Traffic>,
    clock: Arc<dyn Clock>,
}

impl Transport {
    /// `base` is the API's address; it may have a path of its own.
    pub(super) fn new(http: reqwest::Client, base: Url, clock: Arc<dyn Clock>) -> Self {
        Self { http, octocrab: OnceLock::new(), base, traffic: Arc::default(), clock }
    }

    pub(super) fn traffic(&self) -> Arc<Traffic> {
        Arc::clone(&self.traffic)
    }

    /// The address of a resource. Segments are taken literally, whatever they
    /// hold.
    pub(super) fn url(&self, segments: &[&str]) -> Result<Url, TransportError> {
        let mut url = self.base.as_str().trim_end_matches('/').to_owned();
        for segment in segments {
            // The parser would take these for steps within the path.
            if ["", ".", ".."].contains(segment) {
                let problem = format!("`{segment}` cannot be part of an address");
                return Err(TransportError::Request(problem.into()));
            }
            let escaped: String = form_urlencoded::byte_serialize(segment.as_bytes()).collect();
            url.push('/');
            url.push_str(&escaped.replace('+', "%20"));
        }
        Url::parse(&url).map_err(|error| TransportError::Request(error.into()))
    }

    /// Where GraphQL is asked: beside the REST API on an Enterprise server
    /// (`/api/v3`, `/api/graphql`), below it on github.com.
    pub(super) fn graphql(&self) -> Url {
        let mut url = self.base.clone();
        let path = url.path().trim_end_matches('/');
        let path = format!("{}/graphql", path.strip_suffix("/v3").unwrap_or(path));
        url.set_path(&path);
        url
    }

    /// The part of a path on our origin that comes after the API's own.
    pub(super) fn below<'u>(&self, url: &'u Url) -> &'u str {
        let path = url.path();
        path.strip_prefix(self.base.path().trim_end_matches('/')).unwrap_or(path)
    }

    /// Asks once. `bearer` goes to the API's origin and nowhere else.
    pub(super) async fn exchange(
        &self,
        outgoing: &Outgoing,
        bearer: &HeaderValue,
    ) -> Result<Reply, TransportError> {
        same_origin(&self.base, outgoing.url.clone(), StatusCode::OK)?;
        let started = Instant::now();
        let outcome = self.ask(outgoing, bearer).await;
        count(&self.traffic, &outcome);
        tracing::debug!(
            method = %outgoing.method,
            path = outgoing.url.path(),
            outcome = %match &outcome {
                Ok(Reply::Answer(answer)) => answer.status.to_string(),
                Ok(Reply::Redirect { status, .. }) => status.to_string(),
                Err(error) => error.to_string(),
            },
            duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "asked GitHub"
        );
        outcome
    }

    async fn ask(
        &self,
        outgoing: &Outgoing,
        bearer: &HeaderValue,
    ) -> Result<Reply, TransportError> {
        let octocrab = self.octocrab();
        let mut builder = Request::builder()
            .method(outgoing.method.clone())
            .uri(outgoing.url.as_str())
            .header(AUTHORIZATION, bearer)
            .header(ACCEPT, "application/vnd.github+json");
        if let Some(etag) = &outgoing.unless {
            builder = builder.header(IF_NONE_MATCH, etag);
        }
        let request = octocrab
            .build_request(builder, outgoing.body.as_ref())
            .map_err(|error| TransportError::Request(error.into()))?;
        let response = octocrab.execute(request).await.map_err(exchange)?;
        read(&outgoing.url, response.map(reqwest::Body::wrap).into(), self.clock.as_ref()).await
    }

    /// Nothing but the client: none of octocrab's layers for retries, redirects,
    /// caches and headers is in between.
    fn octocrab(&self) -> Octocrab {
        let made = self.octocrab.get_or_init(|| {
            let client = ReqwestConnector::new(self.http.clone());
            let builder = OctocrabBuilder::new_empty().with_service(client);
            match builder.with_auth(AuthState::None).build() {
                Ok(octocrab) => octocrab,
                Err(impossible) => match impossible {},
            }
        });
        made.clone()
    }
}

fn count(traffic: &Traffic, outcome: &Result<Reply, TransportError>) {
    let counter = match outcome {
        Ok(_) => &traffic.answered,
        Err(TransportError::Refused { limited: true, .. }) => &traffic.limited,
        Err(TransportError::Refused { .. } | TransportError::Elsewhere { .. }) => &traffic.refused,
        Err(_) => &traffic.failed,
    };
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Octocrab wraps the client's error twice; ours says the rest.
fn exchange(error: octocrab::Error) -> TransportError {
    let error = match error {
        octocrab::Error::Service { source, .. } => match source.downcast::<octocrab::Error>() {
            Ok(inner) => *inner,
            Err(source) => return TransportError::Exchange { connecting: false, source },
        },
        other => other,
    };
    match error {
        octocrab::Error::Reqwest { source, .. } => broken(source),
        other => TransportError::Exchange { connecting: false, source: other.into() },
    }
}

fn broken(error: reqwest::Error) -> TransportError {
    TransportError::Exchange {
        connecting: error.is_connect(),
        source: Box::new(error.without_url()),
    }
}

async fn read(
    asked: &Url,
    mut response: reqwest::Response,
    clock: &dyn Clock,
) -> Result<Reply, TransportError> {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(TransportError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    if status.is_success() || status == StatusCode::NOT_MODIFIED {
        let (url, body) = (asked.clone(), Bytes::from(body));
        return Ok(Reply::Answer(Answer { url, status, headers, body }));
    }
    if status.is_redirection() {
        let target = header(&headers, &LOCATION).and_then(|target| asked.join(target).ok());
        let unusable =
            || TransportError::Elsewhere { status, target: "no usable address".to_owned() };
        let target = same_origin(asked, target.ok_or_else(unusable)?, status)?;
        return Ok(Reply::Redirect { status, target });
    }
    let message = message(&body);
    let limit = limits::limit(status, &headers, &message, clock.now());
    Err(TransportError::Refused {
        status,
        retry_after: limit.or_else(|| retry_after(&headers)),
        limited: limit.is_some(),
        message,
    })
}

/// `target`, if our token may go there.
pub(super) fn same_origin(
    from: &Url,
    target: Url,
    status: StatusCode,
) -> Result<Url, TransportError> {
    within_origin(from, target).map_err(|target| TransportError::Elsewhere { status, target })
}

pub(super) fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// GitHub's own words from `{"message": …, "errors": […]}`, on one line.
fn message(body: &[u8]) -> String {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return "without a readable reason".to_owned();
    };
    let mut said = value["message"].as_str().unwrap_or("without a reason").to_owned();
    let errors: Vec<String> =
        value["errors"].as_array().into_iter().flatten().map(detail).collect();
    if !errors.is_empty() {
        said = format!("{said} ({})", errors.join("; "));
    }
    said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

/// One of the `errors` of a 422: a text, or `{resource, field, code, message}`.
fn detail(error: &Value) -> String {
    let part = |key: &str| error[key].as_str().map(str::to_owned);
    let words = part("message").or_else(|| part("code"));
    match (error.as_str(), part("field"), words) {
        (Some(text), ..) => text.to_owned(),
        (None, Some(field), Some(words)) => format!("`{field}`: {words}"),
        (None, None, Some(words)) => words,
        (None, ..) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_errors_of_a_refusal_are_shown_on_one_line() {
        let table = [
            ("<html>", "without a readable reason"),
            ("{}", "without a reason"),
            (r#"{"message":"Not\nFound","status":"404"}"#, "Not Found"),
            (
                r#"{"message":"Validation Failed","errors":[
                    {"resource":"Issue","field":"title","code":"missing_field"},
                    {"resource":"Label","code":"custom","message":"too long"}, "plainly no", 7]}"#,
                "Validation Failed (`title`: missing_field; too long; plainly no; 7)",
            ),
        ];
        for (body, expected) in table {
            assert_eq!(message(body.as_bytes()), expected);
        }
        assert_eq!(
            message(format!(r#"{{"message":"{}"}}"#, "x".repeat(999)).as_bytes()).len(),
            300
        );
    }
}
