//! What we write into a machine's metadata.
//!
//! The lease's element stands in the definition and survives everything. The
//! run's element is only on the running machine, so that it is gone with it:
//! times in it are about this run and no other, whichever process wrote them.

use chrono::{DateTime, Utc};
use virt::{domain::Domain, error::ErrorNumber, sys};

use super::{failure::Failure, xml};
use crate::identity::{LeaseId, Timestamp};

/// What the lease's element says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// Whose machine it is.
    pub(super) lease: LeaseId,
    /// The storage pools its disks are in, the root disk's first.
    pub(super) pools: Vec<String>,
    /// The rebuild count its system was installed for.
    pub(super) build: u32,
    /// The fingerprint of the SSH host key we gave it.
    pub(super) host_key: Option<String>,
    /// It was shut down to be resized and has to run again afterwards.
    pub(super) resume: bool,
}

impl Tag {
    /// Of a machine we know nothing of but whose it is.
    pub(super) fn bare(lease: LeaseId) -> Self {
        Self { lease, pools: Vec::new(), build: 0, host_key: None, resume: false }
    }
}

/// What the run's element says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    /// Since when it is known to run.
    pub(super) since: Option<Timestamp>,
    /// Since when it is asked to shut down.
    pub(super) asked: Option<Timestamp>,
}

impl Run {
    /// Times are written in milliseconds since 1970.
    pub(super) fn time(written: &str) -> Option<Timestamp> {
        DateTime::<Utc>::from_timestamp_millis(written.parse().ok()?)
    }
}

/// The lease's element; `None` where there is none, or something else.
pub(super) fn read(domain: &Domain) -> Result<Option<Tag>, Failure> {
    Ok(element(domain, xml::NAMESPACE)?.and_then(|element| xml::read::tag(&element)))
}

/// Writes the lease's element into the definition, and onto the machine if it runs.
pub(super) fn write(domain: &Domain, tag: &Tag) -> Result<(), Failure> {
    let mut scope = 0;
    if domain.is_persistent()? {
        scope |= sys::VIR_DOMAIN_AFFECT_CONFIG;
    }
    if domain.is_active()? {
        scope |= sys::VIR_DOMAIN_AFFECT_LIVE;
    }
    set(domain, &xml::tag(tag)?, "innkeeper", xml::NAMESPACE, scope)
}

/// The run's element.
pub(super) fn read_run(domain: &Domain) -> Result<Run, Failure> {
    let element = element(domain, xml::RUN_NAMESPACE)?;
    Ok(element.map(|element| xml::read::run(&element)).unwrap_or_default())
}

/// Writes the run's element onto the running machine.
pub(super) fn write_run(domain: &Domain, run: Run) -> Result<(), Failure> {
    let scope = sys::VIR_DOMAIN_AFFECT_LIVE;
    set(domain, &xml::run(run)?, "innkeeper-run", xml::RUN_NAMESPACE, scope)
}

fn element(domain: &Domain, namespace: &str) -> Result<Option<String>, Failure> {
    match domain.metadata(kind(), Some(namespace), 0) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.code().is(ErrorNumber::NoDomainMetadata) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn set(
    domain: &Domain,
    element: &str,
    prefix: &str,
    namespace: &str,
    scope: sys::virDomainModificationImpact,
) -> Result<(), Failure> {
    Ok(domain.set_metadata(kind(), Some(element), Some(prefix), Some(namespace), scope)?)
}

fn kind() -> i32 {
    i32::try_from(sys::VIR_DOMAIN_METADATA_ELEMENT).unwrap_or(i32::MAX)
}
