//! Refusals in GitLab's words.

use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::json::Json;
use crate::rehearsal::state::Refused;

#[derive(Debug)]
pub(in crate::rehearsal) enum ApiError {
    Unauthorized,
    Blocked,
    Refused(Refused),
    /// `title is missing`
    Parameter(String),
    /// The project has another path now.
    Moved {
        to: String,
    },
    MovedForWriting,
    TooManyNotes {
        limit: u32,
        observed: usize,
        retry_after: i64,
    },
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let message = |status: StatusCode, text: String| {
            (status, Json(json!({ "message": text }))).into_response()
        };
        match self {
            Self::Unauthorized => message(StatusCode::UNAUTHORIZED, "401 Unauthorized".to_owned()),
            Self::Blocked => message(
                StatusCode::FORBIDDEN,
                "403 Forbidden - Your account has been blocked.".to_owned(),
            ),
            Self::Refused(refused) => {
                let status = match refused {
                    Refused::NotFound(_) => StatusCode::NOT_FOUND,
                    Refused::Forbidden => StatusCode::FORBIDDEN,
                    Refused::Invalid(_) => StatusCode::BAD_REQUEST,
                };
                message(status, refused.to_string())
            }
            Self::Parameter(text) => {
                (StatusCode::BAD_REQUEST, Json(json!({ "error": text }))).into_response()
            }
            Self::Moved { to } => {
                let moved = format!("This resource has been moved permanently to {to}");
                let body = Json(json!({ "message": moved }));
                (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, to)], body).into_response()
            }
            Self::MovedForWriting => message(
                StatusCode::METHOD_NOT_ALLOWED,
                "Non GET methods are not allowed for moved projects".to_owned(),
            ),
            Self::TooManyNotes { limit, observed, retry_after } => {
                let headers = [
                    (header::RETRY_AFTER, retry_after.to_string()),
                    (HeaderName::from_static("ratelimit-limit"), limit.to_string()),
                    (HeaderName::from_static("ratelimit-observed"), observed.to_string()),
                    (HeaderName::from_static("ratelimit-remaining"), "0".to_owned()),
                    (HeaderName::from_static("ratelimit-name"), "notes_create".to_owned()),
                ];
                let text = "This endpoint has been requested too many times. Try again later.";
                let body = Json(json!({ "message": { "error": text } }));
                (StatusCode::TOO_MANY_REQUESTS, headers, body).into_response()
            }
        }
    }
}

/// An address the API does not have.
pub(super) async fn unknown() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "error": "404 Not Found" }))).into_response()
}
