//! The one place that says what an answer of GitHub means for the engine.

use std::time::Duration;

use http::StatusCode;

use super::transport::TransportError;
use crate::{
    identity::ForgeName,
    ports::{PortError, Verdict},
};

/// Asked again soon: what we knew was forgotten meanwhile.
const SOON: Verdict = Verdict::Retry { after: None };

/// What `error` means to somebody who was `doing` something on `forge`.
pub(super) fn port_error(
    forge: &ForgeName,
    doing: impl Into<String>,
    error: TransportError,
) -> PortError {
    let (verdict, advice) = judge(forge, &error);
    PortError { doing: doing.into(), verdict, advice, cause: Box::new(error) }
}

fn judge(forge: &ForgeName, error: &TransportError) -> (Verdict, Option<String>) {
    match error {
        TransportError::Exchange { connecting: true, .. } => (
            Verdict::Retry { after: None },
            Some(format!(
                "check the address of forge `{forge}`, and its CA file if its certificate is \
                 signed by an authority of your own"
            )),
        ),
        // A success we cannot read is a proxy's page, or an answer cut short.
        // What was asked for may have happened, so the engine must look again.
        TransportError::Exchange { .. } | TransportError::Unreadable(_) => {
            (Verdict::Retry { after: None }, None)
        }
        TransportError::Renamed | TransportError::StaleToken => (SOON, None),
        TransportError::Moved => (Verdict::Missing, None),
        TransportError::Request(_) | TransportError::TooLarge | TransportError::Key(_) => {
            (Verdict::GiveUp, None)
        }
        TransportError::Elsewhere { target, .. } => (
            Verdict::GiveUp,
            Some(format!(
                "the configured address of forge `{forge}` redirects to {target}: configure the \
                 address GitHub's API itself answers at"
            )),
        ),
        TransportError::Hidden { name, wanted } => (
            Verdict::GiveUp,
            Some(format!(
                "check that forge `{forge}` has the right number and name of `{name}` \
                 ({wanted}), and that its token or App has access to that repository"
            )),
        ),
        TransportError::NotInstalled(name) => (
            Verdict::GiveUp,
            Some(format!(
                "install the GitHub App of forge `{forge}` for `{name}`, with that repository \
                 among those it may use"
            )),
        ),
        TransportError::Refused { limited: true, retry_after, .. } => {
            (Verdict::Retry { after: *retry_after }, None)
        }
        TransportError::Refused { status, retry_after, message, .. } => {
            judge_status(forge, *status, *retry_after, message)
        }
    }
}

fn judge_status(
    forge: &ForgeName,
    status: StatusCode,
    retry_after: Option<Duration>,
    message: &str,
) -> (Verdict, Option<String>) {
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => (Verdict::Missing, None),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => {
            (Verdict::Retry { after: retry_after }, None)
        }
        _ if status.is_server_error() => (Verdict::Retry { after: retry_after }, None),
        StatusCode::UNAUTHORIZED => (
            Verdict::GiveUp,
            Some(format!(
                "the token (or the App's number and key) of forge `{forge}` is wrong, revoked or \
                 expired: put a new one into the configuration and restart"
            )),
        ),
        StatusCode::FORBIDDEN if message.contains("SAML") => (
            Verdict::GiveUp,
            Some(format!(
                "the organisation wants single sign-on: authorize the token of forge `{forge}` \
                 for it in GitHub's settings"
            )),
        ),
        StatusCode::FORBIDDEN => (
            Verdict::GiveUp,
            Some(format!(
                "forge `{forge}` needs permission to read and write issues there, and to read \
                 the organisation's members if its teams decide (a classic token: the scopes \
                 `repo` and `read:org`); an archived repository or a locked conversation refuses \
                 as well"
            )),
        ),
        _ => (Verdict::GiveUp, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(status: u16, retry_after: Option<u64>, limited: bool) -> PortError {
        let error = TransportError::Refused {
            status: StatusCode::from_u16(status).unwrap(),
            message: "said GitHub".to_owned(),
            retry_after: retry_after.map(Duration::from_secs),
            limited,
        };
        port_error(&ForgeName::from("github"), "read github:7#3", error)
    }

    #[test]
    fn every_status_has_one_meaning() {
        let retry =
            |seconds: Option<u64>| Verdict::Retry { after: seconds.map(Duration::from_secs) };
        let table = [
            (400, None, false, Verdict::GiveUp),
            (401, None, false, Verdict::GiveUp),
            (403, None, false, Verdict::GiveUp),
            (403, Some(60), true, retry(Some(60))),
            (404, None, false, Verdict::Missing),
            (408, None, false, retry(None)),
            (409, None, false, Verdict::GiveUp),
            (410, None, false, Verdict::Missing),
            (418, None, false, Verdict::GiveUp),
            (422, None, false, Verdict::GiveUp),
            (429, Some(7), true, retry(Some(7))),
            (500, None, false, retry(None)),
            (502, None, false, retry(None)),
            (503, Some(30), false, retry(Some(30))),
        ];
        for (status, retry_after, limited, expected) in table {
            assert_eq!(error_of(status, retry_after, limited).verdict, expected, "{status}");
        }
    }

    #[test]
    fn an_error_names_what_was_done_once_and_githubs_words_once() {
        let error = error_of(401, None, false);
        assert_eq!(
            error.chain(),
            "could not read github:7#3: the answer was 401 Unauthorized said GitHub"
        );
        assert!(error.advice.unwrap().contains("of forge `github` is wrong"));
    }
}
