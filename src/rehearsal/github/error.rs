//! Refusals in GitHub's words.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::rehearsal::api::json::Json;
use crate::rehearsal::state::Refused;

const MANUAL: &str = "https://docs.github.com/rest";
const SECONDARY: &str = "You have exceeded a secondary rate limit. Please wait a few minutes \
                         before you try again. If you reach out to GitHub Support for help, \
                         please include the request ID.";

#[derive(Debug)]
pub(in crate::rehearsal) enum ApiError {
    RequiresAuthentication,
    BadCredentials,
    /// A JSON web token that says nothing, or too much.
    BadToken(&'static str),
    NotFound,
    /// Not on the issue, at least.
    NoSuchLabel,
    Forbidden(&'static str),
    /// The issue was deleted.
    Gone,
    /// It has another address now, and moved there for good.
    Moved {
        to: String,
    },
    /// The same for what is not only read.
    MovedForWriting {
        to: String,
    },
    /// Look there instead.
    Found {
        to: String,
    },
    /// `Problems parsing JSON`
    Unreadable,
    /// The request does not fit the description.
    Unfit(String),
    /// It fits, but makes no sense.
    Invalid {
        resource: &'static str,
        field: &'static str,
        code: &'static str,
        message: Option<String>,
    },
    /// Too much at once.
    SecondaryRateLimit {
        retry_after: i64,
    },
}

impl ApiError {
    pub(super) fn missing(resource: &'static str, field: &'static str) -> Self {
        Self::Invalid { resource, field, code: "missing_field", message: None }
    }

    pub(super) fn custom(resource: &'static str, field: &'static str, message: String) -> Self {
        Self::Invalid { resource, field, code: "custom", message: Some(message) }
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotFound(_) => Self::NotFound,
            Refused::Forbidden => Self::Forbidden("Must have admin rights to Repository."),
            Refused::Invalid(text) => Self::custom("Issue", "body", text),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::RequiresAuthentication => {
                answer(StatusCode::UNAUTHORIZED, "Requires authentication", &json!({}))
            }
            Self::BadCredentials => answer(StatusCode::UNAUTHORIZED, "Bad credentials", &json!({})),
            Self::BadToken(why) => answer(StatusCode::UNAUTHORIZED, why, &json!({})),
            Self::NotFound => answer(StatusCode::NOT_FOUND, "Not Found", &json!({})),
            Self::NoSuchLabel => answer(StatusCode::NOT_FOUND, "Label does not exist", &json!({})),
            Self::Forbidden(why) => answer(StatusCode::FORBIDDEN, why, &json!({})),
            Self::Gone => answer(StatusCode::GONE, "This issue was deleted", &json!({})),
            Self::Moved { to } => redirection(StatusCode::MOVED_PERMANENTLY, &to),
            Self::MovedForWriting { to } => redirection(StatusCode::TEMPORARY_REDIRECT, &to),
            Self::Found { to } => redirection(StatusCode::FOUND, &to),
            Self::Unreadable => {
                answer(StatusCode::BAD_REQUEST, "Problems parsing JSON", &json!({}))
            }
            Self::Unfit(why) => {
                let text = format!("Invalid request.\n\n{why}");
                answer(StatusCode::UNPROCESSABLE_ENTITY, &text, &json!({}))
            }
            Self::Invalid { resource, field, code, message } => {
                let mut error = json!({ "resource": resource, "field": field, "code": code });
                if let Some(message) = message {
                    error["message"] = json!(message);
                }
                let more = json!({ "errors": [error] });
                answer(StatusCode::UNPROCESSABLE_ENTITY, "Validation Failed", &more)
            }
            Self::SecondaryRateLimit { retry_after } => {
                let body = answer(StatusCode::FORBIDDEN, SECONDARY, &json!({}));
                ([(header::RETRY_AFTER, retry_after.to_string())], body).into_response()
            }
        }
    }
}

fn redirection(status: StatusCode, to: &str) -> Response {
    let text = match status {
        StatusCode::MOVED_PERMANENTLY => "Moved Permanently",
        StatusCode::TEMPORARY_REDIRECT => "Temporary Redirect",
        _ => "Found",
    };
    let body = answer(status, text, &json!({ "url": to }));
    ([(header::LOCATION, to.to_owned())], body).into_response()
}

/// The words of a secondary rate limit, as an answer's body.
pub(in crate::rehearsal) fn secondary_rate_limit() -> String {
    body(StatusCode::FORBIDDEN, SECONDARY, &json!({})).to_string()
}

fn body(status: StatusCode, message: &str, more: &Value) -> Value {
    let mut body = json!({ "message": message });
    if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
        body.extend(more.clone());
    }
    body["documentation_url"] = json!(MANUAL);
    body["status"] = json!(status.as_str());
    body
}

fn answer(status: StatusCode, message: &str, more: &Value) -> Response {
    (status, Json(body(status, message, more))).into_response()
}

/// An address the API does not have.
pub(super) async fn unknown() -> Response {
    ApiError::NotFound.into_response()
}
