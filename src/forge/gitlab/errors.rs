//! The one place that says what an answer of GitLab means for the engine.

use std::time::Duration;

use gitlab::api::ApiError;
use http::StatusCode;

use super::transport::TransportError;
use crate::{
    identity::ForgeName,
    ports::{PortError, Verdict},
};

/// GitLab's in-application limiter does not always say how long to wait.
const DEFAULT_PAUSE: Duration = Duration::from_mins(1);

/// What `error` means to somebody who was `doing` something on `forge`.
pub(super) fn port_error(
    forge: &ForgeName,
    doing: impl Into<String>,
    error: ApiError<TransportError>,
) -> PortError {
    let (verdict, advice) = judge(forge, &error);
    let cause: Box<dyn std::error::Error + Send + Sync> = match error {
        ApiError::Client { source } => Box::new(source),
        other => Box::new(other),
    };
    PortError { doing: doing.into(), verdict, advice, cause }
}

fn judge(forge: &ForgeName, error: &ApiError<TransportError>) -> (Verdict, Option<String>) {
    match error {
        ApiError::Client { source } => judge_transport(forge, source),
        // A success we cannot read: a proxy's page, or an answer cut short.
        // What was asked for may have happened, so the engine must look again.
        ApiError::Json { .. } | ApiError::GitlabService { .. } | ApiError::DataType { .. } => {
            (Verdict::Retry { after: None }, None)
        }
        _ => (Verdict::GiveUp, None),
    }
}

fn judge_transport(forge: &ForgeName, error: &TransportError) -> (Verdict, Option<String>) {
    match error {
        TransportError::Exchange(error) if error.is_connect() => (
            Verdict::Retry { after: None },
            Some(format!(
                "check the address of forge `{forge}`, and its CA file if its certificate is \
                 signed by an authority of your own"
            )),
        ),
        TransportError::Exchange(_) | TransportError::Unreadable(_) => {
            (Verdict::Retry { after: None }, None)
        }
        TransportError::Request(_) | TransportError::TooLarge => (Verdict::GiveUp, None),
        TransportError::Elsewhere { target, .. } => (
            Verdict::GiveUp,
            Some(format!(
                "the configured address of forge `{forge}` redirects to {target}: configure the \
                 address GitLab itself answers at"
            )),
        ),
        TransportError::Refused { status, retry_after, .. } => {
            judge_status(forge, *status, *retry_after)
        }
    }
}

fn judge_status(
    forge: &ForgeName,
    status: StatusCode,
    retry_after: Option<Duration>,
) -> (Verdict, Option<String>) {
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => (Verdict::Missing, None),
        StatusCode::TOO_MANY_REQUESTS => {
            (Verdict::Retry { after: Some(retry_after.unwrap_or(DEFAULT_PAUSE)) }, None)
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => {
            (Verdict::Retry { after: retry_after }, None)
        }
        _ if status.is_server_error() => (Verdict::Retry { after: retry_after }, None),
        StatusCode::UNAUTHORIZED => (
            Verdict::GiveUp,
            Some(format!(
                "the token of forge `{forge}` is wrong, revoked or expired: put a new one into \
                 the configuration and restart"
            )),
        ),
        StatusCode::FORBIDDEN => (
            Verdict::GiveUp,
            Some(format!(
                "the token of forge `{forge}` needs the `api` scope and at least the Reporter \
                 role in the project; an archived project or a locked discussion refuses as well"
            )),
        ),
        _ => (Verdict::GiveUp, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict_of(status: u16, retry_after: Option<u64>) -> Verdict {
        let error = ApiError::client(TransportError::Refused {
            status: StatusCode::from_u16(status).unwrap(),
            message: "said GitLab".to_owned(),
            retry_after: retry_after.map(Duration::from_secs),
        });
        port_error(&ForgeName::from("gitlab"), "read gitlab:7#3", error).verdict
    }

    #[test]
    fn every_status_has_one_meaning() {
        let retry =
            |seconds: Option<u64>| Verdict::Retry { after: seconds.map(Duration::from_secs) };
        let table = [
            (400, None, Verdict::GiveUp),
            (401, None, Verdict::GiveUp),
            (403, None, Verdict::GiveUp),
            (404, None, Verdict::Missing),
            (408, None, retry(None)),
            (409, None, Verdict::GiveUp),
            (410, None, Verdict::Missing),
            (418, None, Verdict::GiveUp),
            (422, None, Verdict::GiveUp),
            (429, Some(7), retry(Some(7))),
            (429, None, retry(Some(60))),
            (500, None, retry(None)),
            (502, None, retry(None)),
            (503, Some(30), retry(Some(30))),
        ];
        for (status, retry_after, expected) in table {
            assert_eq!(verdict_of(status, retry_after), expected, "{status}");
        }
    }

    #[test]
    fn an_error_names_what_was_done_once_and_gitlabs_words_once() {
        let error = ApiError::client(TransportError::Refused {
            status: StatusCode::UNAUTHORIZED,
            message: "invalid_token".to_owned(),
            retry_after: None,
        });
        let error = port_error(&ForgeName::from("gitlab"), "read gitlab:7#3", error);
        assert_eq!(
            error.chain(),
            "could not read gitlab:7#3: the answer was 401 Unauthorized invalid_token"
        );
        assert!(error.advice.unwrap().contains("token of forge `gitlab` is wrong"));
    }
}
