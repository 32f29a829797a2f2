//! The provider: where machines are.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::PortError;
use crate::{
    identity::{LeaseId, MachineName, ProviderName},
    quantity::{Mebibytes, Vcpus},
};

/// A provider of machines, in the field's words.
///
/// All methods are idempotent: repeating one that succeeded, or whose answer
/// was lost, leaves the same machine and returns the same answer. A machine is
/// touched only when name, lease id in its metadata and (once known) UUID all
/// agree; otherwise the call is refused with `GiveUp`.
#[async_trait]
pub trait Provider: Send + Sync {
    /// The name the operator gave it.
    fn name(&self) -> &ProviderName;

    /// Makes the machine and switches it on. If a machine of this lease is
    /// there already, completes it.
    ///
    /// # Errors
    ///
    /// `GiveUp` when the name belongs to a machine that is not this lease's.
    async fn create(&self, order: &MachineOrder) -> Result<Machine, PortError>;

    /// The machine of this lease, if there is one.
    ///
    /// # Errors
    ///
    /// `GiveUp` when a machine of that name is there but is not this lease's.
    async fn find(&self, machine: &MachineKey) -> Result<Option<Machine>, PortError>;

    /// Every machine on the provider, ours or not.
    async fn list(&self) -> Result<Vec<Machine>, PortError>;

    /// Switches it on.
    ///
    /// # Errors
    ///
    /// `Missing` when it is not there.
    async fn start(&self, machine: &MachineKey) -> Result<(), PortError>;

    /// Asks the guest to shut down and switches it off when it does not in
    /// time. A machine that is off, or not there, is fine.
    async fn stop(&self, machine: &MachineKey) -> Result<(), PortError>;

    /// Restarts it.
    ///
    /// # Errors
    ///
    /// `Missing` when it is not there.
    async fn reboot(&self, machine: &MachineKey) -> Result<(), PortError>;

    /// Removes it with its disks, and verifies that it is gone. A machine that
    /// is not there is fine.
    async fn destroy(&self, machine: &MachineKey) -> Result<(), PortError>;

    /// Removes what was kept of it after its destruction. Nothing kept is fine.
    async fn drop_backups(&self, machine: &MachineKey) -> Result<(), PortError>;
}

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

/// A machine to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineOrder {
    /// Which machine it will be. Its UUID is proposed, where the provider lets us.
    pub key: MachineKey,
    /// Virtual processors.
    pub vcpus: Vcpus,
    /// Memory.
    pub memory: Mebibytes,
    /// Size of the root disk.
    pub disk: Mebibytes,
    /// Base image or operating system, in the provider's words.
    pub image: Option<String>,
    /// Network, in the provider's words.
    pub network: Option<String>,
    /// Storage class, in the provider's words.
    pub storage: Option<String>,
    /// SSH public keys that may log in.
    pub ssh_keys: Vec<String>,
    /// Who it is for, shown in its description.
    pub owner: String,
}

/// A machine as the provider shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Its name.
    pub name: MachineName,
    /// The provider's own id for it.
    pub uuid: Uuid,
    /// The lease id found in its metadata; `None` if it is not ours.
    pub lease: Option<LeaseId>,
    /// Whether it runs.
    pub power: Power,
    /// Addresses the provider or its DHCP gave it, never what the guest claims.
    pub addresses: Vec<String>,
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
