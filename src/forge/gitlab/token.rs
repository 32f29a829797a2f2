//! What our own token is good for, and until when.

use chrono::NaiveDate;
use gitlab::api::{ApiError, AsyncQuery as _};
use http::StatusCode;
use serde::Deserialize;

use super::{GitLab, endpoints::Read, transport::TransportError};
use crate::ports::PortError;

/// What GitLab tells of a token. Personal, project and group tokens are alike.
#[derive(Debug, Deserialize)]
pub(super) struct Token {
    #[serde(default)]
    pub(super) scopes: Vec<String>,
    /// A day in most versions, a moment in some; from its beginning (UTC) the
    /// token is worth nothing.
    expires_at: Option<String>,
}

impl Token {
    pub(super) fn ends(&self) -> Option<NaiveDate> {
        self.expires_at.as_deref()?.get(..10)?.parse().ok()
    }
}

/// `None` if GitLab does not tell: the token is of another kind (OAuth), its
/// scopes are too narrow, or this GitLab is too old to be asked.
pub(super) async fn own(gitlab: &GitLab) -> Result<Option<Token>, PortError> {
    let told = Read::at("personal_access_tokens/self").query_async(&gitlab.transport).await;
    match told {
        Ok(token) => Ok(Some(token)),
        Err(ApiError::Client {
            source:
                TransportError::Refused {
                    status:
                        StatusCode::BAD_REQUEST
                        | StatusCode::FORBIDDEN
                        | StatusCode::NOT_FOUND
                        | StatusCode::METHOD_NOT_ALLOWED,
                    ..
                },
        }) => Ok(None),
        Err(error) => Err(gitlab.failed(format!("ask {} about our token", gitlab.name))(error)),
    }
}
