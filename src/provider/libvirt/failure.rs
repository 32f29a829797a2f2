//! What can go wrong between us and a libvirt host, and the one place that
//! decides what the engine is told about it.

use std::{sync::Arc, time::Duration};

use thiserror::Error;
use uuid::Uuid;
use virt::error::ErrorNumber;

use crate::{
    identity::{LeaseId, MachineName},
    machine::{MachineKey, Shortage},
    ports::PortError,
};

/// When to look whether another call is through.
const SOON: Duration = Duration::from_millis(100);

/// A failed step.
#[derive(Clone, Debug, Error)]
pub(super) enum Failure {
    /// libvirt's own words.
    #[error(transparent)]
    Libvirt(#[from] virt::error::Error),
    /// There was no connection to be had.
    #[error("no connection")]
    NoConnection(#[source] virt::error::Error),
    /// The call took too long. It may still be running there.
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The call did not end in an answer at all.
    #[error("the call was interrupted")]
    Interrupted(#[source] Arc<tokio::task::JoinError>),
    /// The machine is somebody else's.
    #[error(transparent)]
    NotOurs(#[from] NotOurs),
    /// There is no such machine.
    #[error("there is no such machine")]
    Absent,
    /// It should be gone and is not.
    #[error("{0} is still there after it was removed")]
    StillThere(String),
    /// Somebody else in this process is changing it right now.
    #[error("another call works on it")]
    Busy,
    /// There is too little of something.
    #[error("{0}")]
    Full(Shortage),
    /// The host found out that there is too little of something.
    #[error("the host has no room for it")]
    OutOfRoom(#[source] virt::error::Error),
    /// What was asked for cannot be made here.
    #[error("{problem}")]
    Unusable {
        /// What is wrong.
        problem: String,
        /// What would be right.
        advice: String,
    },
    /// XML or the seed could not be put together.
    #[error("its description could not be written")]
    Writing(#[source] Arc<std::io::Error>),
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Writing(Arc::new(error))
    }
}

/// A machine that has the name or the UUID of a lease's, but is not it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("machine `{name}` is not lease {}'s: {disagreement}", .wanted.lease)]
pub(super) struct NotOurs {
    pub(super) wanted: MachineKey,
    pub(super) name: MachineName,
    pub(super) disagreement: Disagreement,
}

/// The first thing found that does not agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Disagreement {
    #[error("it has that lease's UUID under another name")]
    Name,
    #[error("its UUID is {0}")]
    Uuid(Uuid),
    #[error("its metadata holds no lease")]
    NoLease,
    #[error("its metadata holds lease {0}")]
    Lease(LeaseId),
}

impl Failure {
    /// Something that a person has to put right.
    pub(super) fn unusable(problem: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Unusable { problem: problem.into(), advice: advice.into() }
    }

    /// The same, told apart where the host ran out of memory or disk space:
    /// libvirt passes on what the system said, under numbers that mean anything.
    pub(super) fn out_of_room(self) -> Self {
        match self {
            Self::Libvirt(error) if is_out_of_room(error.message()) => Self::OutOfRoom(error),
            failure => failure,
        }
    }

    /// Whether the same call has no chance until somebody does something.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Libvirt(error) => matches!(Class::of(error), Class::Lasting(_)),
            Self::Full(_) | Self::OutOfRoom(_) | Self::Unusable { .. } => true,
            _ => false,
        }
    }

    /// What the engine is told.
    pub(super) fn into_port_error(self, doing: String) -> PortError {
        match &self {
            Self::Libvirt(error) => match Class::of(error) {
                Class::Missing => PortError::missing(doing, self),
                Class::Passing => PortError::retry(doing, self),
                Class::Lasting(advice) => PortError::give_up(doing, self).advice(advice),
            },
            Self::NoConnection(error) => match Class::of(error) {
                Class::Lasting(advice) => PortError::give_up(doing, self).advice(advice),
                Class::Missing | Class::Passing => PortError::retry(doing, self)
                    .advice("check that libvirtd runs there and that we may connect to its socket"),
            },
            Self::Absent => PortError::missing(doing, self),
            Self::Busy => PortError::underway(doing, self, SOON),
            Self::Full(_) | Self::OutOfRoom(_) => PortError::full(doing, self),
            Self::TimedOut(_) | Self::Interrupted(_) | Self::StillThere(_) => {
                PortError::retry(doing, self)
            }
            Self::NotOurs(_) => PortError::give_up(doing, self).advice(
                "it is left alone; remove or rename it on the host, or give the lease another name",
            ),
            Self::Unusable { advice, .. } => {
                let advice = advice.clone();
                PortError::give_up(doing, self).advice(advice)
            }
            Self::Writing(_) => PortError::give_up(doing, self),
        }
    }
}

fn is_out_of_room(message: &str) -> bool {
    const SIGNS: [&str; 4] = [
        "Cannot allocate memory",
        "No space left on device",
        "insufficient free space",
        "Not enough free space",
    ];
    SIGNS.iter().any(|sign| message.contains(sign))
}

/// What a libvirt error means for trying again.
enum Class {
    Missing,
    Passing,
    Lasting(&'static str),
}

impl Class {
    /// What is not known to last is taken to pass: libvirt reports full disks,
    /// busy locks and lost sockets alike as "internal error".
    fn of(error: &virt::error::Error) -> Self {
        use ErrorNumber as Number;

        let Some(number) = error.code().known() else { return Self::Passing };
        match number {
            Number::NoDomain => Self::Missing,
            Number::AuthFailed
            | Number::AuthCancelled
            | Number::AuthUnavailable
            | Number::AccessDenied
            | Number::OperationDenied => {
                Self::Lasting("check which user we connect as and what libvirt allows that user")
            }
            Number::NoNetwork => {
                Self::Lasting("define the network on the host, or name another in the cookbook")
            }
            Number::NoStoragePool => Self::Lasting(
                "define the storage pool on the host, or name another in the cookbook",
            ),
            Number::NoSupport
            | Number::OperationUnsupported
            | Number::ArgumentUnsupported
            | Number::ConfigUnsupported
            | Number::OsType => Self::Lasting("this host cannot do that; choose another provider"),
            Number::XmlError
            | Number::XmlDetail
            | Number::XmlInvalidSchema
            | Number::NoName
            | Number::NoOs
            | Number::NoSource
            | Number::NoTarget
            | Number::InvalidArg
            | Number::InvalidMac => Self::Lasting(
                "libvirt does not accept the description of this machine; compare the cookbook's \
                 placement with what the host offers",
            ),
            _ => Self::Passing,
        }
    }
}

#[cfg(test)]
mod tests {
    use virt::connect::Connect;

    use super::Failure;
    use crate::ports::Verdict;

    #[test]
    fn what_lasts_is_given_up_and_what_may_pass_is_tried_again() {
        virt::error::clear_error_callback();
        let connect = Connect::open(Some("test:///default")).unwrap();
        let retry = Verdict::Retry { after: None };
        let domain = connect.lookup_domain_by_name("test").unwrap();
        let cases = [
            (connect.lookup_domain_by_name("nobody").unwrap_err(), Verdict::Missing),
            (connect.lookup_network_by_name("nothing").unwrap_err(), Verdict::GiveUp),
            (connect.lookup_storage_pool_by_name("nothing").unwrap_err(), Verdict::GiveUp),
            (connect.define_domain_xml("<domain/>").unwrap_err(), Verdict::GiveUp),
            (connect.define_domain_xml("no XML").unwrap_err(), Verdict::GiveUp),
            (domain.create().unwrap_err(), retry),
        ];
        for (error, verdict) in cases {
            let told = Failure::from(error.clone()).into_port_error("try".into());
            assert_eq!(told.verdict, verdict, "{error}");
            assert_eq!(told.advice.is_some(), verdict == Verdict::GiveUp, "{error}");
        }
    }
}
