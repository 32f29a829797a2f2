//! What can go wrong between us and a cluster, and the one place that decides
//! what the engine is told about it.

use std::time::Duration;

use http::StatusCode;
use thiserror::Error;
use uuid::Uuid;

use super::{
    job::{JobError, JobId, Meaning},
    pin::OtherCertificate,
    transport::TransportError,
};
use crate::{
    identity::LeaseId,
    machine::MachineKey,
    ports::{PortError, Verdict},
};

/// When a job that is under way is looked at again.
const LATER: Duration = Duration::from_secs(2);

/// A failed step.
#[derive(Debug, Error)]
pub(super) enum Failure {
    /// No answer, or a refusal by HTTP.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// A job failed.
    #[error("job {id}")]
    Job {
        id: JobId,
        #[source]
        error: JobError,
    },
    /// No failure: it takes longer than one call may.
    #[error("job {id} is {stage} ({} s)", .lasts.as_secs())]
    Underway { id: JobId, stage: String, lasts: Duration },
    /// No failure: there was no time left to begin the next step.
    #[error("the next step is due")]
    OutOfTime,
    /// The machine is somebody else's.
    #[error(transparent)]
    NotOurs(#[from] NotOurs),
    /// There is no such machine.
    #[error("there is no such machine")]
    Absent,
    /// It should be gone and is not.
    #[error("instance `{0}` is still there after it was removed")]
    StillThere(String),
    /// It changes under our hands again and again.
    #[error("it changed again and again while it was looked at")]
    Unsettled,
    /// The number of a job that does not exist.
    #[error("there is no job {0}, although that number was given out")]
    NoSuchJob(JobId),
    /// What was asked for cannot be made here.
    #[error(transparent)]
    Unusable(#[from] Unusable),
}

/// What this provider cannot do, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{problem}")]
pub(super) struct Unusable {
    pub(super) problem: String,
    pub(super) advice: String,
}

impl Unusable {
    pub(super) fn new(problem: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { problem: problem.into(), advice: advice.into() }
    }
}

/// A machine that has the name or the tag of a lease's, but is not it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("instance `{name}` is not machine `{}` of lease {}: {disagreement}", .wanted.name, .wanted.lease)]
pub(super) struct NotOurs {
    pub(super) wanted: MachineKey,
    pub(super) name: String,
    pub(super) disagreement: Disagreement,
}

/// The first thing found that does not agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Disagreement {
    #[error("it has that lease's tag under another name")]
    Name,
    #[error("it has that UUID under another name")]
    Renamed,
    #[error("its UUID is {0}")]
    Uuid(Uuid),
    #[error("it has no tag with a lease")]
    NoLease,
    #[error("its tags do not name exactly one lease")]
    Unclear,
    #[error("its tag names lease {0}")]
    Lease(LeaseId),
}

impl Failure {
    /// What a failed job means; `None` for any other failure.
    pub(super) fn of_job(&self) -> Option<Meaning> {
        match self {
            Self::Job { error, .. } => Some(error.meaning()),
            _ => None,
        }
    }

    /// What the engine is told.
    pub(super) fn into_port_error(self, doing: String) -> PortError {
        let (verdict, advice) = self.judge();
        PortError { doing, verdict, advice, cause: Box::new(self) }
    }

    fn judge(&self) -> (Verdict, Option<String>) {
        let retry = Verdict::Retry { after: None };
        let (verdict, advice) = match self {
            Self::Transport(error) => judge_transport(error),
            Self::Job { error, .. } => match error.meaning() {
                Meaning::Taken => (retry, None),
                Meaning::Absent => (
                    Verdict::GiveUp,
                    Some("something that is named there is not on the cluster (any more)"),
                ),
                Meaning::Full => (Verdict::Full, None),
                Meaning::Passing(advice) => (retry, advice),
                Meaning::Lasting(advice) => (Verdict::GiveUp, Some(advice)),
            },
            Self::Underway { .. } => (Verdict::Underway { after: LATER }, None),
            Self::OutOfTime => (Verdict::Underway { after: Duration::ZERO }, None),
            Self::NotOurs(_) => (
                Verdict::GiveUp,
                Some(
                    "it is left alone; remove or rename it on the cluster, or give the lease \
                     another name",
                ),
            ),
            Self::Absent => (Verdict::Missing, None),
            Self::StillThere(_) | Self::Unsettled | Self::NoSuchJob(_) => (retry, None),
            Self::Unusable(unusable) => (Verdict::GiveUp, Some(&*unusable.advice)),
        };
        (verdict, advice.map(str::to_owned))
    }
}

fn judge_transport(error: &TransportError) -> (Verdict, Option<&'static str>) {
    let retry = Verdict::Retry { after: None };
    match error {
        TransportError::NoConnection(error) if holds::<OtherCertificate>(error) => (
            retry,
            Some(
                "if RAPI's certificate was renewed, configure its new fingerprint; if it was not, \
                 somebody stands between us and the cluster",
            ),
        ),
        TransportError::NoConnection(error) if holds::<rustls::Error>(error) => (
            retry,
            Some(
                "TLS failed: check the authorities configured for this provider. For the \
                 certificate that Ganeti makes itself, configure its fingerprint: openssl x509 \
                 -in /var/lib/ganeti/rapi.pem -noout -sha256 -fingerprint",
            ),
        ),
        TransportError::NoConnection(_) => (
            retry,
            Some("check the address, and that ganeti-rapi runs on the cluster's master node"),
        ),
        TransportError::Exchange(_) | TransportError::TimedOut | TransportError::Busy => {
            (retry, None)
        }
        TransportError::Unreadable(_) => {
            (retry, Some("check that the address is that of RAPI, port 5080"))
        }
        TransportError::TooLarge => (Verdict::GiveUp, None),
        TransportError::NotAscii(_) => (
            Verdict::GiveUp,
            Some("write it with ASCII characters alone, in the cookbook or the configuration"),
        ),
        TransportError::Refused { status, message } => judge_status(*status, message),
    }
}

fn judge_status(status: StatusCode, message: &str) -> (Verdict, Option<&'static str>) {
    let retry = Verdict::Retry { after: None };
    match status {
        StatusCode::UNAUTHORIZED => (
            Verdict::GiveUp,
            Some(
                "user name or password of RAPI are wrong: compare them with \
                 /var/lib/ganeti/rapi/users on the master node",
            ),
        ),
        StatusCode::FORBIDDEN => (
            Verdict::GiveUp,
            Some("give that user the right `write` in /var/lib/ganeti/rapi/users"),
        ),
        StatusCode::NOT_FOUND => (Verdict::Missing, None),
        StatusCode::GATEWAY_TIMEOUT => {
            (retry, Some("check that ganeti-luxid runs on the cluster's master node"))
        }
        _ if message.contains("drained") => {
            (retry, Some("the job queue is drained: `gnt-cluster queue undrain` opens it again"))
        }
        StatusCode::INTERNAL_SERVER_ERROR => (
            retry,
            Some(
                "see /var/log/ganeti/rapi-daemon.log on the master node. A job with characters \
                 beyond ASCII keeps the list of jobs from being read until it is archived with \
                 `gnt-job archive`",
            ),
        ),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => (retry, None),
        _ if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => (retry, None),
        _ => (Verdict::GiveUp, Some("check that the address is that of RAPI of Ganeti 3")),
    }
}

/// Whether one of the causes is a `T`.
fn holds<T: std::error::Error + 'static>(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        // An I/O error passes over what it wraps when it is asked for its cause.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
        if error.is::<T>() || wrapped.is_some_and(<dyn std::error::Error + Send + Sync>::is::<T>) {
            return true;
        }
        cause = match (wrapped, error.downcast_ref::<rustls::Error>()) {
            (Some(wrapped), _) => Some(wrapped),
            (
                _,
                Some(rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other))),
            ) => Some(other.0.as_ref()),
            _ => error.source(),
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_one_meaning() {
        let retry = Verdict::Retry { after: None };
        for (status, message, expected) in [
            (400, "Invalid body parameters", Verdict::GiveUp),
            (401, "Unauthorized", Verdict::GiveUp),
            (403, "Forbidden", Verdict::GiveUp),
            (404, "Not Found", Verdict::Missing),
            (408, "", retry),
            (415, "Unsupported Media Type", Verdict::GiveUp),
            (429, "", retry),
            (500, "Internal Server Error", retry),
            (500, "Job queue is drained, refusing job", retry),
            (501, "Method PUT is unsupported", Verdict::GiveUp),
            (502, "", retry),
            (503, "", retry),
            (504, "Gateway Timeout", retry),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let failure =
                Failure::from(TransportError::Refused { status, message: message.to_owned() });
            let told = failure.into_port_error("try".into());
            assert_eq!(told.verdict, expected, "{status} {message}");
            assert_eq!(
                told.advice.is_some(),
                expected == Verdict::GiveUp || status == 500 || status == 504,
                "{status}: {:?}",
                told.advice
            );
        }
    }

    #[test]
    fn an_error_says_everything_once() {
        let error = JobError::Broke { message: "OS create script failed".into() };
        let told = Failure::Job { id: 12, error }.into_port_error("create machine web-1".into());
        assert_eq!(told.chain(), "could not create machine web-1: job 12: OS create script failed");
        let underway =
            Failure::Underway { id: 12, stage: "running".into(), lasts: Duration::from_secs(45) };
        let told = underway.into_port_error("create machine web-1".into());
        assert_eq!(told.verdict, Verdict::Underway { after: Duration::from_secs(2) });
        assert_eq!(told.cause.to_string(), "job 12 is running (45 s)");
    }
}
