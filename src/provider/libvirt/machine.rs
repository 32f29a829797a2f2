//! What is done to one machine, step by step, on a thread that may block.
//!
//! Nothing here trusts what an earlier step saw: whoever touches a machine
//! locates it anew, so that what happened meanwhile behind our back counts.

use uuid::Uuid;
use virt::{
    connect::Connect,
    domain::{Domain, DomainState},
    error::{Error, ErrorNumber},
    sys,
};

use super::{
    failure::{Disagreement, Failure, NotOurs},
    volume,
    xml::{self, Hypervisor, Tag},
};
use crate::{
    identity::MachineName,
    machine::{Machine, MachineKey, MachineOrder, Power},
};

/// What a cookbook leaves open.
#[derive(Clone, Debug, Default)]
pub(super) struct Defaults {
    pub(super) network: Option<String>,
    pub(super) pool: Option<String>,
}

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

/// The same, and how it is.
pub(super) fn find(connect: &Connect, key: &MachineKey) -> Result<Option<Machine>, Failure> {
    let Some(ours) = locate(connect, key)? else { return Ok(None) };
    unless_gone(shown(&ours.domain, Addresses::Ask).map(Some))
}

fn look_up(connect: &Connect, key: &MachineKey) -> Result<Option<Ours>, Failure> {
    let by_name = present(connect.lookup_domain_by_name(key.name.as_str()))?;
    let found = match by_name {
        Some(domain) => Some(domain),
        None => present(connect.lookup_domain_by_uuid(uuid_of(key)))?,
    };
    let Some(domain) = found else { return Ok(None) };
    let name = MachineName(domain.name()?);
    let uuid = domain.uuid()?;
    let disagreement = match tag(&domain)? {
        // Not merely because the name was not found: it may have come up since.
        _ if name != key.name => Disagreement::Name,
        None => Disagreement::NoLease,
        Some(tag) if tag.lease != key.lease => Disagreement::Lease(tag.lease),
        Some(_) if key.uuid.is_some_and(|known| known != uuid) => Disagreement::Uuid(uuid),
        Some(tag) => return Ok(Some(Ours { domain, tag })),
    };
    Err(NotOurs { wanted: key.clone(), name, disagreement }.into())
}

/// The machine of this lease, where it must be there.
pub(super) fn require(connect: &Connect, key: &MachineKey) -> Result<Ours, Failure> {
    locate(connect, key)?.ok_or(Failure::Absent)
}

/// Makes the machine, or completes what an earlier attempt left, and starts it.
pub(super) fn create(
    connect: &Connect,
    order: &MachineOrder,
    defaults: &Defaults,
) -> Result<Machine, Failure> {
    check_name(&order.key.name)?;
    let domain = match locate(connect, &order.key)? {
        Some(ours) => ours.domain,
        None => define(connect, order, defaults)?,
    };
    start(&domain)?;
    shown(&domain, Addresses::Ask)
}

fn define(connect: &Connect, order: &MachineOrder, defaults: &Defaults) -> Result<Domain, Failure> {
    let hypervisor = hypervisor(connect)?;
    let simulated = hypervisor.domain_type == "test";
    if let (Some(image), false) = (&order.image, simulated) {
        return Err(Failure::Unusable {
            problem: format!("image `{image}` cannot be put on a disk here"),
            advice: "take `image` out of the cookbook's placement for this provider".into(),
        });
    }
    let network = order.network.as_ref().or(defaults.network.as_ref());
    let disk = match order.storage.as_ref().or(defaults.pool.as_ref()) {
        Some(pool) => Some(volume::provide(connect, pool, &order.key, order.shape.disk)?),
        None => None,
    };
    let description = xml::domain(
        order,
        uuid_of(&order.key),
        &hypervisor,
        network.map(String::as_str),
        disk.as_ref(),
    )?;
    match connect.define_domain_xml(&description) {
        Ok(domain) => Ok(domain),
        // A stranger who took the name meanwhile is reported as such: libvirt only
        // says that the operation failed, which would be tried again for ever.
        Err(error) => locate(connect, &order.key)?.map(|ours| ours.domain).ok_or(error.into()),
    }
}

/// Makes it run, whatever it does now.
pub(super) fn start(domain: &Domain) -> Result<(), Failure> {
    let done = match domain.info()?.state.known() {
        Some(DomainState::Running | DomainState::Blocked) => return Ok(()),
        Some(DomainState::Paused) => domain.resume(),
        Some(DomainState::PMSuspended) => domain.pm_wakeup(0),
        _ => {
            // A crashed guest may have been kept for somebody to look at.
            if domain.is_active()? {
                domain.destroy()?;
            }
            domain.create()
        }
    };
    match done {
        Err(_) if power(domain)? == Power::On => Ok(()),
        done => Ok(done?),
    }
}

/// Asks the guest to shut down. Whether it does is for [`is_running`] to tell.
pub(super) fn ask_to_stop(connect: &Connect, key: &MachineKey) -> Result<(), Failure> {
    if let Some(ours) = locate(connect, key)?
        && is_active(&ours.domain)?
        && let Err(error) = ours.domain.shutdown()
    {
        // A paused or crashed guest cannot be asked. It is switched off in the end.
        tracing::debug!(%error, machine = %key.name, "guest could not be asked to shut down");
    }
    Ok(())
}

/// Whether there is anything left to stop.
pub(super) fn is_running(connect: &Connect, key: &MachineKey) -> Result<bool, Failure> {
    match locate(connect, key)? {
        Some(ours) => is_active(&ours.domain),
        None => Ok(false),
    }
}

/// Pulls the plug.
pub(super) fn switch_off(connect: &Connect, key: &MachineKey) -> Result<(), Failure> {
    match locate(connect, key)? {
        Some(ours) => switch_off_domain(&ours.domain),
        None => Ok(()),
    }
}

fn switch_off_domain(domain: &Domain) -> Result<(), Failure> {
    if !is_active(domain)? {
        return Ok(());
    }
    match domain.destroy() {
        // It went off by itself in between.
        Err(_) if !is_active(domain)? => Ok(()),
        done => Ok(done?),
    }
}

fn is_active(domain: &Domain) -> Result<bool, Failure> {
    Ok(present(domain.is_active())?.unwrap_or(false))
}

/// Restarts it; a machine that is off is switched on.
pub(super) fn reboot(connect: &Connect, key: &MachineKey) -> Result<(), Failure> {
    let domain = require(connect, key)?.domain;
    match power(&domain)? {
        Power::On => Ok(domain.reboot(sys::VIR_DOMAIN_REBOOT_DEFAULT)?),
        Power::Off | Power::Unknown => start(&domain),
    }
}

/// Switches it off and removes its definition and its disk. Disks that others
/// attached to it stay.
pub(super) fn destroy(connect: &Connect, key: &MachineKey) -> Result<(), Failure> {
    let ours = locate(connect, key)?;
    if let Some(pool) = ours.as_ref().and_then(|ours| ours.tag.pool.as_deref()) {
        // Before anything is lost: in a stopped pool the disk would be overlooked.
        volume::require_active(connect, pool)?;
    }
    if let Some(ours) = &ours {
        switch_off_domain(&ours.domain)?;
        // A machine that somebody undefined while it ran is gone once it is off.
        present(ours.domain.undefine_flags(undefine_flags(connect)?))?;
    }
    volume::delete(connect, key)?;
    if locate(connect, key)?.is_some() {
        return Err(Failure::StillThere(format!("machine `{}`", key.name)));
    }
    Ok(())
}

/// Everything that would keep the definition from going. The test driver has
/// no NVRAM or checkpoints, and refuses to hear of them.
fn undefine_flags(connect: &Connect) -> Result<sys::virDomainUndefineFlagsValues, Failure> {
    let everywhere =
        sys::VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | sys::VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA;
    if is_test_driver(connect)? {
        return Ok(everywhere);
    }
    Ok(everywhere | sys::VIR_DOMAIN_UNDEFINE_NVRAM | sys::VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA)
}

/// Every machine on the host, by name.
pub(super) fn list(connect: &Connect) -> Result<Vec<Machine>, Failure> {
    let mut machines = Vec::new();
    for domain in connect.list_all_domains(0)? {
        machines.extend(unless_gone(shown(&domain, Addresses::Skip).map(Some))?);
    }
    machines.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(machines)
}

/// Whether addresses are wanted. The binding loses a little memory whenever it
/// is asked, which is nothing for one machine and much for all of them forever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Addresses {
    Ask,
    Skip,
}

/// The machine as the port shows it.
fn shown(domain: &Domain, addresses: Addresses) -> Result<Machine, Failure> {
    let power = power(domain)?;
    let ask = addresses == Addresses::Ask && power == Power::On;
    Ok(Machine {
        name: MachineName(domain.name()?),
        uuid: domain.uuid()?,
        lease: tag(domain)?.map(|tag| tag.lease),
        power,
        addresses: if ask { leased_addresses(domain) } else { Vec::new() },
        host_keys: Vec::new(),
        shape: None,
    })
}

/// What libvirt's own DHCP server gave it; nothing on a network it does not serve.
fn leased_addresses(domain: &Domain) -> Vec<String> {
    let source = sys::VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE;
    let interfaces = domain.interface_addresses(source, 0).unwrap_or_default();
    interfaces.into_iter().flat_map(|card| card.addrs).map(|address| address.addr).collect()
}

/// From `info`, because `state` swallows errors in this version of the binding.
fn power(domain: &Domain) -> Result<Power, Failure> {
    Ok(match domain.info()?.state.known() {
        Some(DomainState::Shutoff | DomainState::Crashed) => Power::Off,
        Some(DomainState::NoState) | None => Power::Unknown,
        Some(_) => Power::On,
    })
}

fn tag(domain: &Domain) -> Result<Option<Tag>, Failure> {
    let element = i32::try_from(sys::VIR_DOMAIN_METADATA_ELEMENT).unwrap_or(i32::MAX);
    match domain.metadata(element, Some(xml::NAMESPACE), 0) {
        Ok(metadata) => Ok(xml::read::tag(&metadata)),
        Err(error) if error.code().is(ErrorNumber::NoDomainMetadata) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn hypervisor(connect: &Connect) -> Result<Hypervisor, Failure> {
    if is_test_driver(connect)? {
        return Ok(Hypervisor { domain_type: "test".into(), arch: None });
    }
    Ok(xml::read::hypervisor(&connect.capabilities()?))
}

fn is_test_driver(connect: &Connect) -> Result<bool, Failure> {
    Ok(connect.driver_type()?.eq_ignore_ascii_case("test"))
}

/// The provider's UUID once known, the lease's as our proposal until then.
fn uuid_of(key: &MachineKey) -> Uuid {
    key.uuid.unwrap_or(key.lease.0)
}

/// Names come from a checked form; this holds the promise where it matters,
/// since a name becomes a file name on the host.
fn check_name(name: &MachineName) -> Result<(), Failure> {
    let name = name.as_str();
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if (1..=63).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with('-') {
        return Ok(());
    }
    Err(Failure::Unusable {
        problem: format!("`{}` is no name for a machine", xml::plain(name)),
        advice: "use 1 to 63 lower-case letters, digits and hyphens".into(),
    })
}

/// `None` for what libvirt does not have (any more).
fn present<T>(result: Result<T, Error>) -> Result<Option<T>, Failure> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// `None` for a machine that went while we were looking at it.
fn unless_gone<T>(result: Result<Option<T>, Failure>) -> Result<Option<T>, Failure> {
    match result {
        Err(Failure::Libvirt(error)) if is_missing(&error) => Ok(None),
        result => result,
    }
}

fn is_missing(error: &Error) -> bool {
    error.code().is(ErrorNumber::NoDomain)
}
