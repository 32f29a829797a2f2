//! Which machine is the lease's.
//!
//! Nothing trusts what an earlier step saw: whoever touches a machine locates
//! it anew, so that what happened meanwhile behind our back counts.

use uuid::Uuid;
use virt::{
    connect::Connect,
    domain::Domain,
    error::{Error, ErrorNumber},
};

use super::{
    failure::{Disagreement, Failure, NotOurs},
    tag::{self, Tag},
    xml,
};
use crate::{identity::MachineName, machine::MachineKey};

/// A machine that has been proved to be the lease's.
pub(super) struct Ours {
    pub(super) domain: Domain,
    pub(super) tag: Tag,
}

/// The machine of this lease, after its name, its lease and its UUID (once
/// known) were all found to agree. `None` when neither the name nor the UUID
/// is taken.
pub(super) fn locate(connect: &Connect, key: &MachineKey) -> Result<Option<Ours>, Failure> {
    unless_gone(look_up(connect, key))
}

/// The machine of this lease, where it must be there.
pub(super) fn require(connect: &Connect, key: &MachineKey) -> Result<Ours, Failure> {
    locate(connect, key)?.ok_or(Failure::Absent)
}

fn look_up(connect: &Connect, key: &MachineKey) -> Result<Option<Ours>, Failure> {
    let Some(found) = whoever(connect, key)? else { return Ok(None) };
    let disagreement = match found.tag {
        // Not merely because the name was not found: it may have come up since.
        _ if found.name != key.name => Disagreement::Name,
        None => Disagreement::NoLease,
        Some(tag) if tag.lease != key.lease => Disagreement::Lease(tag.lease),
        Some(_) if key.uuid.is_some_and(|known| known != found.uuid) => {
            Disagreement::Uuid(found.uuid)
        }
        Some(tag) => return Ok(Some(Ours { domain: found.domain, tag })),
    };
    Err(NotOurs { wanted: key.clone(), name: found.name, disagreement }.into())
}

/// The machine of a person who gives it to this lease: name and UUID agree,
/// and it has no lease yet, or this very one.
pub(super) fn locate_to_adopt(connect: &Connect, key: &MachineKey) -> Result<Found, Failure> {
    let found = unless_gone(whoever(connect, key))?.ok_or(Failure::Absent)?;
    let disagreement = match &found.tag {
        _ if found.name != key.name => Disagreement::Name,
        _ if key.uuid != Some(found.uuid) => Disagreement::Uuid(found.uuid),
        Some(tag) if tag.lease != key.lease => Disagreement::Lease(tag.lease),
        _ => return Ok(found),
    };
    Err(NotOurs { wanted: key.clone(), name: found.name, disagreement }.into())
}

/// A machine, and whatever it says it is.
pub(super) struct Found {
    pub(super) domain: Domain,
    pub(super) tag: Option<Tag>,
    name: MachineName,
    uuid: Uuid,
}

fn whoever(connect: &Connect, key: &MachineKey) -> Result<Option<Found>, Failure> {
    let by_name = present(connect.lookup_domain_by_name(key.name.as_str()))?;
    let found = match by_name {
        Some(domain) => Some(domain),
        None => present(connect.lookup_domain_by_uuid(uuid_of(key)))?,
    };
    let Some(domain) = found else { return Ok(None) };
    Ok(Some(Found {
        name: MachineName(domain.name()?),
        uuid: domain.uuid()?,
        tag: tag::read(&domain)?,
        domain,
    }))
}

/// The provider's UUID once known, the lease's as our proposal until then.
pub(super) fn uuid_of(key: &MachineKey) -> Uuid {
    key.uuid.unwrap_or(key.lease.0)
}

/// Names come from a checked form; this holds the promise where it matters,
/// since a name becomes a file name on the host.
pub(super) fn check_name(name: &MachineName) -> Result<(), Failure> {
    let name = name.as_str();
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if (1..=63).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with('-') {
        return Ok(());
    }
    Err(Failure::unusable(
        format!("`{}` is no name for a machine", xml::plain(name)),
        "use 1 to 63 lower-case letters, digits and hyphens",
    ))
}

/// `None` for a machine that libvirt does not have (any more).
pub(super) fn present<T>(result: Result<T, Error>) -> Result<Option<T>, Failure> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// `None` for a machine that went while we were looking at it.
pub(super) fn unless_gone<T>(result: Result<Option<T>, Failure>) -> Result<Option<T>, Failure> {
    match result {
        Err(Failure::Libvirt(error)) if is_missing(&error) => Ok(None),
        result => result,
    }
}

fn is_missing(error: &Error) -> bool {
    error.code().is(ErrorNumber::NoDomain)
}
