//! A machine: what is ordered, what a provider shows of it, and whether there
//! is room for it. Data and pure questions only; who makes machines is in
//! [`crate::ports::provider`].

mod room;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::room::{Capacity, Shortage};
use crate::{
    identity::{LeaseId, MachineName},
    quantity::{Mebibytes, Vcpus},
};

/// Which machine is meant. All parts must agree before it is touched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineKey {
    /// The lease whose machine it is.
    pub lease: LeaseId,
    /// Its name on the provider.
    pub name: MachineName,
    /// The provider's own id for it, once it has told us.
    pub uuid: Option<Uuid>,
}

/// A machine to be made, or how one is to be from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineOrder {
    /// Which machine it will be. Its UUID is proposed, where the provider lets us.
    pub key: MachineKey,
    /// Its size.
    pub shape: Shape,
    /// Disks besides the root disk, in their order.
    pub more_disks: Vec<ExtraDisk>,
    /// Base image or operating system, in the provider's words.
    pub image: Option<String>,
    /// Network, in the provider's words.
    pub network: Option<String>,
    /// Storage class, in the provider's words.
    pub storage: Option<String>,
    /// How it starts.
    pub firmware: Firmware,
    /// What its network card may carry.
    pub bandwidth: Bandwidth,
    /// For the installer of the operating system, in its own words.
    pub parameters: BTreeMap<String, String>,
    /// The account the keys are for.
    pub login: String,
    /// SSH public keys that may log in.
    pub ssh_keys: Vec<String>,
    /// Who it is for, shown in its description.
    pub owner: String,
    /// What whoever logs in is told: for whom it is, until about when, and
    /// where it is talked about. Plain text, ours but for names.
    pub message_of_the_day: String,
    /// How often its system was asked to be installed anew: 0 for the first.
    /// An installation of this count or a later one is not repeated.
    pub rebuild: u32,
}

impl MachineOrder {
    /// An order with nothing but what every machine has.
    #[must_use]
    pub fn plain(key: MachineKey, shape: Shape, owner: impl Into<String>) -> Self {
        Self {
            key,
            shape,
            more_disks: Vec::new(),
            image: None,
            network: None,
            storage: None,
            firmware: Firmware::default(),
            bandwidth: Bandwidth::default(),
            parameters: BTreeMap::new(),
            login: "root".to_owned(),
            ssh_keys: Vec::new(),
            owner: owner.into(),
            message_of_the_day: String::new(),
            rebuild: 0,
        }
    }
}

/// How large a machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Virtual processors.
    pub vcpus: Vcpus,
    /// Memory.
    pub memory: Mebibytes,
    /// Size of the root disk.
    pub disk: Mebibytes,
}

/// A disk besides the root disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtraDisk {
    /// Its size.
    pub size: Mebibytes,
    /// Its storage class, if not that of the root disk.
    pub storage: Option<String>,
}

/// How a machine starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Firmware {
    /// The older way, which every image knows.
    #[default]
    Bios,
    /// The newer one.
    Uefi,
}

/// The most a network card may carry each way, in KiB a second; `None` for
/// whatever the network gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bandwidth {
    /// Towards the machine.
    pub inbound: Option<u32>,
    /// From the machine.
    pub outbound: Option<u32>,
}

/// A machine as the provider shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Its name, as leases have it: short, without the provider's domain.
    pub name: MachineName,
    /// The provider's own id for it.
    pub uuid: Uuid,
    /// The lease id found in its metadata; `None` if it is not ours.
    pub lease: Option<LeaseId>,
    /// Whether it runs.
    pub power: Power,
    /// Addresses the provider or its DHCP gave it, never what the guest claims.
    pub addresses: Vec<String>,
    /// The fingerprints of its SSH host keys as we gave them to it, e.g.
    /// `SHA256:... (ED25519)`. Empty where it makes its own.
    pub host_keys: Vec<String>,
    /// Its size, as far as the provider tells at no great cost. A list may
    /// leave the disk at the least there is.
    pub shape: Option<Shape>,
}

/// Whether a machine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Power {
    /// It runs.
    On,
    /// It does not.
    Off,
    /// Nobody could tell.
    Unknown,
}

/// What stays of a machine when it is destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// Nothing.
    Nothing,
    /// Its disks, until the backups are dropped.
    Disks,
}
