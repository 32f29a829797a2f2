//! The provider: where machines are.

use async_trait::async_trait;

use super::{PortError, finding::Finding};
use crate::{
    cookbook::Placement,
    identity::{CookbookName, ProviderName},
    machine::{Capacity, Keep, Machine, MachineKey, MachineOrder},
};

/// A provider of machines, in the field's words.
///
/// All methods are idempotent: repeating one that succeeded, or whose answer
/// was lost, leaves the same machine and returns the same answer. A machine is
/// touched only when name, lease id in its metadata and (once known) UUID all
/// agree; otherwise the call is refused with `GiveUp`.
///
/// What takes longer than one call may, ends in
/// [`Underway`](super::Verdict::Underway): the same call made again goes on
/// with it, however many processes died in between.
#[async_trait]
pub trait Provider: Send + Sync {
    /// The name the operator gave it.
    fn name(&self) -> &ProviderName;

    /// Whether it can keep the disks of a machine that it destroys.
    fn keeps_disks(&self) -> bool;

    /// Makes the machine, switches it on, and waits until it can be used. If a
    /// machine of this lease is there already, completes it.
    ///
    /// # Errors
    ///
    /// `GiveUp` when the name belongs to a machine that is not this lease's,
    /// or what it should be made of is not there. `Full` when there is no room
    /// for it now; nothing of it is left then.
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

    /// Brings processors, memory and root disk to what the order says. A
    /// machine that runs is shut down for it if need be, and runs again
    /// afterwards. Disks only grow.
    ///
    /// # Errors
    ///
    /// `Missing` when it is not there; `Full` when there is no room; `GiveUp`
    /// when the disk would have to shrink.
    async fn resize(&self, order: &MachineOrder) -> Result<(), PortError>;

    /// Installs the system anew on an empty root disk, unless that was done
    /// for the order's [`rebuild`](MachineOrder::rebuild) count already. The
    /// machine keeps its name, addresses and further disks, and runs afterwards.
    ///
    /// # Errors
    ///
    /// `Missing` when it is not there.
    async fn rebuild(&self, order: &MachineOrder) -> Result<Machine, PortError>;

    /// Removes it, with its disks unless they are to be kept, and verifies
    /// that it is gone. A machine that is not there is fine.
    ///
    /// # Errors
    ///
    /// `GiveUp` when the disks are to be kept and this provider cannot.
    async fn destroy(&self, machine: &MachineKey, keep: Keep) -> Result<(), PortError>;

    /// Removes what was kept of it after its destruction. Nothing kept is fine.
    async fn drop_backups(&self, machine: &MachineKey) -> Result<(), PortError>;

    /// Writes the lease into the metadata of a machine that has none: from
    /// then on it is ours. Name and UUID (which must be known) have to agree;
    /// one that holds this very lease is fine.
    ///
    /// # Errors
    ///
    /// `Missing` when it is not there; `GiveUp` when it is another, or
    /// belongs to another lease.
    async fn adopt(&self, machine: &MachineKey) -> Result<(), PortError>;

    /// What it has left.
    async fn capacity(&self) -> Result<Capacity, PortError>;

    /// Looks whether everything is as it has to be: that it can be reached,
    /// what we may do there, what the cookbooks want of it. Never fails: what
    /// cannot be found out is a finding.
    async fn examine(&self, wanted: &[Wanted]) -> Vec<Finding>;
}

/// What a cookbook wants of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Which cookbook.
    pub cookbook: CookbookName,
    /// What it wants.
    pub placement: Placement,
}
