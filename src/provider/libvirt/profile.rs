//! What a machine is made of, in libvirt's terms but before it is XML.

use std::fmt;

use uuid::Uuid;

use super::tag::Tag;
use crate::{
    identity::LeaseId,
    machine::{Bandwidth, Firmware, MachineOrder},
};

/// Every part of a machine that is about to be defined.
#[derive(Clone, Debug)]
pub(super) struct Profile<'a> {
    pub(super) order: &'a MachineOrder,
    pub(super) uuid: Uuid,
    pub(super) tag: &'a Tag,
    pub(super) hypervisor: &'a Hypervisor,
    pub(super) cpu: &'a Cpu,
    pub(super) firmware: Firmware,
    pub(super) disks: &'a [Disk],
    pub(super) card: Option<Card>,
}

/// What a host runs machines with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hypervisor {
    /// `kvm`, `qemu` or `test`.
    pub(super) domain_type: String,
    /// Its processors, where it matters.
    pub(super) arch: Option<String>,
}

impl Hypervisor {
    /// libvirt's test driver, which only pretends.
    pub(super) fn is_simulated(&self) -> bool {
        self.domain_type == "test"
    }

    /// Whether the guest runs on the real processor.
    pub(super) fn is_accelerated(&self) -> bool {
        self.domain_type == "kvm"
    }

    /// The board; libvirt's default is one from 1996.
    pub(super) fn board(&self) -> Option<&'static str> {
        (self.arch.as_deref() == Some("x86_64")).then_some("q35")
    }
}

/// The processor that guests see where the real one is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cpu {
    /// The closest model that other hosts may have as well.
    #[default]
    HostModel,
    /// The host's own, with everything it can.
    HostPassthrough,
    /// That model, on every host alike.
    Model(String),
}

/// A disk that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Disk {
    pub(super) slot: Slot,
    pub(super) path: String,
    /// Whether there is a block device at that path, and not a file.
    pub(super) is_block: bool,
    pub(super) format: Format,
}

/// Which of a machine's disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// It starts from this one.
    Root,
    /// One of those besides, counted from 1.
    More(u8),
    /// Read once, by the guest's first boot.
    Seed,
}

impl Slot {
    /// What the guest sees it as. The seed comes last, so that the others are
    /// the same whether there is one or not.
    pub(super) fn target(self) -> String {
        let letter = match self {
            Self::Root => 'a',
            Self::More(number) => char::from(b'a'.saturating_add(number.min(MOST_DISKS))),
            Self::Seed => 'z',
        };
        format!("vd{letter}")
    }
}

/// The most disks besides the root disk: `vdb` to `vdy`.
pub(super) const MOST_DISKS: u8 = 24;

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("root"),
            Self::More(number) => write!(f, "disk{number}"),
            Self::Seed => f.write_str("seed"),
        }
    }
}

/// How a disk is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// A file that grows.
    Qcow2,
    /// A file on a pool that cannot hold the former, or a block device.
    Raw,
}

impl Format {
    /// As libvirt names it, and as file name extension.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Qcow2 => "qcow2",
            Self::Raw => "raw",
        }
    }
}

/// A network card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Card {
    pub(super) network: Network,
    pub(super) bandwidth: Bandwidth,
}

/// Where a network card is plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Network {
    /// One that libvirt knows.
    Named(String),
    /// A bridge of the host that libvirt does not manage.
    Bridge(String),
}

impl Network {
    /// `NAME`, or `bridge:NAME`.
    pub(super) fn parse(written: &str) -> Self {
        match written.strip_prefix("bridge:") {
            Some(bridge) => Self::Bridge(bridge.to_owned()),
            None => Self::Named(written.to_owned()),
        }
    }
}

/// The network card's address: the same whenever the machine of this lease is
/// made again, so that what DHCP and firewalls know of it stays true.
pub(super) fn mac_address(lease: LeaseId) -> String {
    use sha2::{Digest as _, Sha256};

    let digest = Sha256::digest(lease.0.as_bytes());
    let own: Vec<String> = digest.iter().take(3).map(|byte| format!("{byte:02x}")).collect();
    format!("52:54:00:{}", own.join(":"))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{Network, Slot, mac_address};
    use crate::identity::LeaseId;

    #[test]
    fn a_network_card_keeps_its_address_and_shares_it_with_nobody() {
        let lease = LeaseId(Uuid::from_u128(1));
        assert_eq!(mac_address(lease), mac_address(lease));
        assert_ne!(mac_address(lease), mac_address(LeaseId(Uuid::from_u128(2))));
    }

    #[test]
    fn a_bridge_is_told_from_a_network() {
        assert_eq!(Network::parse("bridge:br0"), Network::Bridge("br0".to_owned()));
        assert_eq!(Network::parse("br0"), Network::Named("br0".to_owned()));
    }

    #[test]
    fn no_two_disks_share_a_place() {
        let slots = [Slot::Root, Slot::More(1), Slot::More(24), Slot::Seed];
        assert_eq!(slots.map(Slot::target), ["vda", "vdb", "vdy", "vdz"]);
    }
}
