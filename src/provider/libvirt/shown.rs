//! Machines as the port shows them.

use virt::{connect::Connect, domain::Domain, sys};

use super::{
    failure::Failure,
    locate::{locate, unless_gone},
    power,
    session::Session,
    tag, volume, xml,
};
use crate::{
    identity::MachineName,
    machine::{Machine, MachineKey, Power, Shape},
    quantity::{Mebibytes, Vcpus},
};

/// How much of a machine is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Depth {
    /// Addresses and disk as well. The binding loses a little memory whenever
    /// it is asked for addresses, which is nothing for one machine and much
    /// for all of them forever.
    Whole,
    /// What libvirt has at hand.
    Surface,
}

/// The machine of this lease, and how it is.
pub(super) fn find(session: Session<'_>, key: &MachineKey) -> Result<Option<Machine>, Failure> {
    let Some(ours) = locate(session.connect, key)? else { return Ok(None) };
    unless_gone(whole(session, &ours.domain).map(Some))
}

/// Every machine on the host, by name.
pub(super) fn list(session: Session<'_>) -> Result<Vec<Machine>, Failure> {
    let mut machines = Vec::new();
    for domain in session.connect.list_all_domains(0)? {
        machines.extend(unless_gone(shown(session, &domain, Depth::Surface).map(Some))?);
    }
    machines.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(machines)
}

/// Everything about one machine.
pub(super) fn whole(session: Session<'_>, domain: &Domain) -> Result<Machine, Failure> {
    shown(session, domain, Depth::Whole)
}

fn shown(session: Session<'_>, domain: &Domain, depth: Depth) -> Result<Machine, Failure> {
    let info = domain.info()?;
    let power = power::of_state(info.state.known());
    let tag = tag::read(domain)?;
    let whole = depth == Depth::Whole;
    let disk = if whole { disk(session.connect, domain)? } else { None };
    Ok(Machine {
        name: MachineName(domain.name()?),
        uuid: domain.uuid()?,
        lease: tag.as_ref().map(|tag| tag.lease),
        power,
        addresses: if whole && power == Power::On {
            addresses(domain, session.settings().agent_addresses)
        } else {
            Vec::new()
        },
        host_keys: tag.and_then(|tag| tag.host_key).into_iter().collect(),
        shape: shape(info.nr_virt_cpu, info.max_mem, disk),
    })
}

/// `None` for what no form could have asked for.
fn shape(vcpus: u32, kibibytes: u64, disk: Option<u64>) -> Option<Shape> {
    Some(Shape {
        vcpus: Vcpus::new(u16::try_from(vcpus).ok()?)?,
        memory: Mebibytes::new(kibibytes >> 10)?,
        disk: disk.and_then(|bytes| Mebibytes::new(bytes >> 20)).unwrap_or(Mebibytes::MIN),
    })
}

/// The size of its root disk in bytes, where it can be told.
fn disk(connect: &Connect, domain: &Domain) -> Result<Option<u64>, Failure> {
    let description = domain.xml_desc(0)?;
    let Some(root) = xml::read::disks(&description).into_iter().next() else { return Ok(None) };
    if let Some(path) = &root.path
        && let Some(volume) = volume::at(connect, path)?
    {
        return Ok(Some(volume.info()?.capacity));
    }
    Ok(domain.block_info(&root.target, 0).ok().map(|info| info.capacity))
}

/// What libvirt's own DHCP server gave it; on a network it does not serve,
/// what the host's neighbours table knows; and what the guest says of itself
/// only where the operator wants to believe it.
fn addresses(domain: &Domain, believe_guest: bool) -> Vec<String> {
    let sources = [
        Some(sys::VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE),
        Some(sys::VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP),
        believe_guest.then_some(sys::VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT),
    ];
    let ask = |source| {
        let interfaces = domain.interface_addresses(source, 0).unwrap_or_default();
        let addresses = interfaces.into_iter().flat_map(|card| card.addrs);
        let addresses: Vec<String> = addresses.map(|address| address.addr).collect();
        addresses.into_iter().filter(|address| is_of_use(address)).collect::<Vec<_>>()
    };
    sources.into_iter().flatten().map(ask).find(|found| !found.is_empty()).unwrap_or_default()
}

/// Whether somebody else can reach it there.
fn is_of_use(address: &str) -> bool {
    use std::net::IpAddr;

    match address.parse() {
        Ok(IpAddr::V4(address)) => !address.is_loopback() && !address.is_link_local(),
        Ok(IpAddr::V6(address)) => !address.is_loopback() && !address.is_unicast_link_local(),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{is_of_use, shape};
    use crate::quantity::Mebibytes;

    #[test]
    fn addresses_that_lead_nowhere_are_left_out() {
        for (address, expected) in [
            ("192.0.2.7", true),
            ("2001:db8::7", true),
            ("127.0.0.1", false),
            ("169.254.1.1", false),
            ("::1", false),
            ("fe80::5054:ff:fe00:1", false),
            ("nonsense", false),
        ] {
            assert_eq!(is_of_use(address), expected, "{address}");
        }
    }

    #[test]
    fn a_disk_nobody_could_look_at_is_the_least_there_is() {
        let shown = shape(2, 1 << 20, None).unwrap();
        assert_eq!((shown.memory.get(), shown.disk), (1024, Mebibytes::MIN));
        assert_eq!(shape(0, 1 << 20, None), None, "a machine without processors");
    }
}
