//! Trouble on demand, and a record of every request.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Shared;
use super::connection::Scissors;
use super::record::Asked;

/// No request or answer here is larger.
pub(super) const BODY_BYTES: usize = 32 << 20;

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// This answer comes instead of the real one; nothing happens.
    Answer {
        /// The HTTP status.
        status: u16,
        /// More headers, e.g. `Retry-After`.
        headers: Vec<(&'static str, String)>,
        /// The body.
        body: String,
    },
    /// A proxy's HTML error page instead of the real answer; nothing happens.
    HtmlErrorPage {
        /// The HTTP status.
        status: u16,
    },
    /// The real answer, later (in real time, not the world's).
    Delay(Duration),
    /// The connection is cut; nothing happens.
    ResetBefore,
    /// It happens, and then the connection is cut before any answer.
    ResetAfter,
    /// No answer comes, however long one waits; nothing happens.
    SilenceBefore,
    /// It happens, and no answer comes.
    SilenceAfter,
    /// It happens, and the answer has no body.
    EmptyBody,
    /// It happens, and the first half of the answer arrives as if whole.
    TruncatedJson,
}

impl Trouble {
    /// GitHub's answer to those who do too much at once.
    #[must_use]
    pub fn secondary_rate_limit(retry_after: Option<u32>) -> Self {
        let seconds = retry_after.map(|seconds| ("retry-after", seconds.to_string()));
        let body = super::github::secondary_rate_limit();
        Self::Answer { status: 403, headers: seconds.into_iter().collect(), body }
    }
}

/// Trouble for some requests.
#[derive(Clone, Debug)]
pub struct Fault {
    method: Option<Method>,
    path: String,
    skip: usize,
    times: usize,
    trouble: Trouble,
}

impl Fault {
    /// Trouble for the next request with this method whose path, as it is on
    /// the wire and without the query, matches the pattern; `*` stands for
    /// anything, slashes too.
    #[must_use]
    pub fn on(method: Method, path: &str, trouble: Trouble) -> Self {
        Self { method: Some(method), path: path.to_owned(), skip: 0, times: 1, trouble }
    }

    /// The same for every method.
    #[must_use]
    pub fn on_any(path: &str, trouble: Trouble) -> Self {
        Self { method: None, path: path.to_owned(), skip: 0, times: 1, trouble }
    }

    /// That many matching requests run into it.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// That many matching requests get through first.
    #[must_use]
    pub fn after(mut self, skip: usize) -> Self {
        self.skip = skip;
        self
    }

    fn matches(&self, method: &Method, path: &str) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted == method) && glob(&self.path, path)
    }
}

fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            rest.char_indices()
                .map(|(at, _)| at)
                .chain([rest.len()])
                .any(|at| rest.get(at..).is_some_and(|rest| glob(tail, rest)))
        }),
    }
}

/// A request that arrived at the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The HTTP method.
    pub method: Method,
    /// The path as it was on the wire, e.g. `/api/v4/projects/7/issues`.
    pub path: String,
    /// The query without `?`; may be empty.
    pub query: String,
    /// The body as text.
    pub body: String,
    /// The status it was answered with; `None` if the connection was cut.
    pub status: Option<u16>,
}

/// The planned faults and the record of requests.
#[derive(Default)]
pub(super) struct Faults(Mutex<Book>);

#[derive(Default)]
struct Book {
    planned: Vec<Fault>,
    received: Vec<Received>,
}

impl Faults {
    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn plan(&self, fault: Fault) {
        self.book().planned.push(fault);
    }

    pub(super) fn ahead(&self) -> usize {
        self.book().planned.iter().map(|fault| fault.times).sum()
    }

    pub(super) fn cancel(&self) {
        self.book().planned.clear();
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.book().received.clone()
    }

    pub(super) fn forget(&self) {
        self.book().received.clear();
    }

    fn strike(&self, method: &Method, path: &str) -> Option<Trouble> {
        let mut book = self.book();
        let mut struck = None;
        for fault in &mut book.planned {
            if !fault.matches(method, path) || fault.times == 0 {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
            } else if struck.is_none() {
                fault.times -= 1;
                struck = Some(fault.trouble.clone());
            }
        }
        book.planned.retain(|fault| fault.times > 0);
        struck
    }
}

/// Stands before the API.
pub(super) async fn stand_between(
    State(shared): State<Shared>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let mut received = Received {
        method: parts.method.clone(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        body: String::from_utf8_lossy(&bytes).into_owned(),
        status: None,
    };
    let trouble = shared.faults.strike(&received.method, &received.path);
    let recording = shared.recorder.as_deref().map(|to| (to, Asked::of(&parts, &bytes)));
    let request = Request::from_parts(parts, Body::from(bytes));
    let response = match trouble {
        None => {
            let response = next.run(request).await;
            Some(match recording {
                Some((recorder, asked)) => recorder.record(asked, response).await,
                None => response,
            })
        }
        Some(Trouble::Delay(delay)) => {
            tokio::time::sleep(delay).await;
            Some(next.run(request).await)
        }
        Some(Trouble::Answer { status, headers, body }) => Some(answer(status, headers, body)),
        Some(Trouble::HtmlErrorPage { status }) => {
            let page = format!(
                "<html>\n<head><title>{status}</title></head>\n<body>\n<center><h1>{status}</h1>\
                 </center>\n<hr><center>nginx</center>\n</body>\n</html>\n"
            );
            Some(answer(status, vec![("content-type", "text/html".to_owned())], page))
        }
        Some(Trouble::ResetBefore) => None,
        Some(Trouble::ResetAfter) => {
            next.run(request).await;
            None
        }
        Some(Trouble::TruncatedJson) => {
            Some(shortened(next.run(request).await, |length| length / 2).await)
        }
        Some(Trouble::EmptyBody) => Some(shortened(next.run(request).await, |_| 0).await),
        Some(trouble @ (Trouble::SilenceBefore | Trouble::SilenceAfter)) => {
            if matches!(trouble, Trouble::SilenceAfter) {
                next.run(request).await;
            }
            shared.faults.book().received.push(received);
            // Until the other side has hung up.
            return std::future::pending().await;
        }
    };
    received.status = response.as_ref().map(|response| response.status().as_u16());
    shared.faults.book().received.push(received);
    response.unwrap_or_else(|| {
        scissors.cut();
        StatusCode::OK.into_response()
    })
}

fn answer(status: u16, headers: Vec<(&'static str, String)>, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

async fn shortened(response: Response, to: fn(usize) -> usize) -> Response {
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let mut bytes = to_bytes(body, BODY_BYTES).await.unwrap_or_default();
    bytes.truncate(to(bytes.len()));
    Response::from_parts(parts, Body::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, path, matches) in [
            ("/api/v4/user", "/api/v4/user", true),
            ("/api/v4/user", "/api/v4/users", false),
            ("*/notes", "/api/v4/projects/1/issues/1/notes", true),
            ("*/notes", "/api/v4/projects/1/issues/1/notes/5", false),
            ("*/issues/*/notes*", "/api/v4/projects/1/issues/1/notes/5", true),
            ("*", "", true),
        ] {
            assert_eq!(glob(pattern, path), matches, "{pattern} {path}");
        }
    }
}
