//! What the operator says about a libvirt host.

use std::time::Duration;

use super::{Cpu, Ready};
use crate::identity::ProviderName;

/// Which host, and what to use on it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name the operator gave it.
    pub name: ProviderName,
    /// Where it is, e.g. `qemu:///system` or `qemu+ssh://root@kvm1/system`.
    pub uri: String,
    /// The network for cookbooks that name none: `NAME` or `bridge:NAME`.
    /// Without either, a machine gets no network card.
    pub default_network: Option<String>,
    /// The storage pool for cookbooks that name none. Without either, a
    /// machine gets no disk.
    pub default_pool: Option<String>,
    /// How long a guest may take to shut down before it is switched off. Too
    /// short, and guests lose what they were writing; too long, and one that
    /// ignores the request keeps its place for as long.
    pub stop_timeout: Duration,
    /// How long a new machine is waited for before it is handed over as it is.
    pub boot_timeout: Duration,
    /// How long one call may take, the wait for its turn included. Shorter, and
    /// a busy host looks broken; longer, and a hanging one holds up the machines
    /// of healthy ones.
    pub call_timeout: Duration,
    /// When a new machine counts as usable.
    pub ready: Ready,
    /// Whether addresses that only the guest itself claims to have are shown.
    pub agent_addresses: bool,
    /// The processor that guests see.
    pub cpu: Cpu,
    /// How much of the host's memory machines may have together, in percent.
    pub memory_percent: u32,
    /// The memory that the host keeps for itself, in MiB.
    pub reserved_memory: u64,
}

impl Settings {
    /// Everything at its default, but for what has none.
    #[must_use]
    pub fn new(name: ProviderName, uri: impl Into<String>) -> Self {
        Self {
            name,
            uri: uri.into(),
            default_network: None,
            default_pool: None,
            stop_timeout: Duration::from_secs(90),
            boot_timeout: Duration::from_mins(10),
            call_timeout: Duration::from_mins(1),
            ready: Ready::default(),
            agent_addresses: false,
            cpu: Cpu::default(),
            memory_percent: 100,
            reserved_memory: 1024,
        }
    }
}
