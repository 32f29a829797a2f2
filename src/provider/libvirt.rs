//! Machines on a libvirt host.
//!
//! A machine is ours when its metadata holds its lease:
//!
//! ```xml
//! <innkeeper:lease xmlns:innkeeper="https://innkeeper.invalid/xmlns/libvirt/1" id="..." pool="..."/>
//! ```
//!
//! The lease's id is proposed as the machine's UUID, so that repeating a call
//! whose answer was lost defines the same machine again and not a second one.
//! The disk is made blank; nothing is installed on it.

mod failure;
mod host;
mod machine;
mod volume;
mod xml;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::time::Instant;
use virt::connect::Connect;

use self::{failure::Failure, host::Host, machine::Defaults};
use crate::{
    identity::ProviderName,
    machine::{Capacity, Keep, Machine, MachineKey, MachineOrder},
    ports::{
        PortError,
        provider::{Finding, Provider, Wanted},
    },
};

/// How often a guest that was asked to shut down is looked at.
const STOP_POLL: Duration = Duration::from_secs(1);

/// Which host, and what to use on it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name the operator gave it.
    pub name: ProviderName,
    /// Where it is, e.g. `qemu:///system` or `qemu+ssh://root@kvm1/system`.
    pub uri: String,
    /// How long a guest may take to shut down before it is switched off. Too
    /// short, and guests lose what they were writing; too long, and one that
    /// ignores the request keeps its place for as long.
    pub stop_timeout: Duration,
    /// How long one call may take, the wait for its turn included. Shorter, and
    /// a busy host looks broken; longer, and a hanging one holds up the machines
    /// of healthy ones.
    pub call_timeout: Duration,
    /// The network for cookbooks that name none. Without either, a machine
    /// gets no network card.
    pub default_network: Option<String>,
    /// The storage pool for cookbooks that name none. Without either, a
    /// machine gets no disk.
    pub default_pool: Option<String>,
}

/// A libvirt host.
#[derive(Debug)]
pub struct Libvirt {
    name: ProviderName,
    stop_timeout: Duration,
    call_timeout: Duration,
    defaults: Arc<Defaults>,
    host: Host,
}

impl Libvirt {
    /// Does not connect yet: that happens with the first call.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            name: settings.name,
            stop_timeout: settings.stop_timeout,
            call_timeout: settings.call_timeout,
            defaults: Arc::new(Defaults {
                network: settings.default_network,
                pool: settings.default_pool,
            }),
            host: Host::new(settings.uri),
        }
    }

    /// Whether the host that URI names lives in this process and ends with it.
    #[must_use]
    pub fn is_in_process(uri: &str) -> bool {
        is_in_process(uri)
    }

    async fn run<T: Send + 'static>(
        &self,
        doing: String,
        work: impl FnOnce(&Connect) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, PortError> {
        self.host.run(doing, self.call_timeout, work).await
    }

    /// Does something to one machine.
    async fn touch<T: Send + 'static>(
        &self,
        verb: &str,
        key: &MachineKey,
        work: impl FnOnce(&Connect, &MachineKey) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, PortError> {
        let doing = format!("{verb} machine {} on {}", key.name, self.name);
        let key = key.clone();
        self.run(doing, move |connect| work(connect, &key)).await
    }
}

#[async_trait]
impl Provider for Libvirt {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    async fn create(&self, order: &MachineOrder) -> Result<Machine, PortError> {
        let doing = format!("create machine {} on {}", order.key.name, self.name);
        let (order, defaults) = (order.clone(), Arc::clone(&self.defaults));
        self.run(doing, move |connect| machine::create(connect, &order, &defaults)).await
    }

    async fn find(&self, machine: &MachineKey) -> Result<Option<Machine>, PortError> {
        self.touch("find", machine, machine::find).await
    }

    async fn list(&self) -> Result<Vec<Machine>, PortError> {
        self.run(format!("list the machines on {}", self.name), machine::list).await
    }

    async fn start(&self, machine: &MachineKey) -> Result<(), PortError> {
        self.touch("start", machine, |connect, key| {
            machine::start(&machine::require(connect, key)?.domain)
        })
        .await
    }

    async fn stop(&self, machine: &MachineKey) -> Result<(), PortError> {
        let since = Instant::now();
        self.touch("stop", machine, machine::ask_to_stop).await?;
        while self.touch("stop", machine, machine::is_running).await? {
            if since.elapsed() >= self.stop_timeout {
                return self.touch("switch off", machine, machine::switch_off).await;
            }
            tokio::time::sleep(STOP_POLL.min(self.stop_timeout)).await;
        }
        Ok(())
    }

    async fn reboot(&self, machine: &MachineKey) -> Result<(), PortError> {
        self.touch("reboot", machine, machine::reboot).await
    }

    async fn resize(&self, order: &MachineOrder) -> Result<(), PortError> {
        Err(PortError::give_up(format!("resize machine {}", order.key.name), "not offered"))
    }

    async fn rebuild(&self, order: &MachineOrder) -> Result<Machine, PortError> {
        Err(PortError::give_up(format!("rebuild machine {}", order.key.name), "not offered"))
    }

    async fn adopt(&self, machine: &MachineKey) -> Result<(), PortError> {
        Err(PortError::give_up(format!("adopt machine {}", machine.name), "not offered"))
    }

    async fn capacity(&self) -> Result<Capacity, PortError> {
        Err(PortError::give_up("measure the room", "not offered"))
    }

    async fn examine(&self, _wanted: &[Wanted]) -> Vec<Finding> {
        Vec::new()
    }

    async fn destroy(&self, machine: &MachineKey, _keep: Keep) -> Result<(), PortError> {
        self.touch("destroy", machine, machine::destroy).await
    }

    /// Nothing is kept: a libvirt host has no backups of its own.
    async fn drop_backups(&self, _machine: &MachineKey) -> Result<(), PortError> {
        Ok(())
    }
}

/// Only libvirt's test driver can be, and only without a transport or a host:
/// `test:///default`, but not `test+unix:///default`.
fn is_in_process(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    let host = rest.strip_prefix("//").map_or("", |rest| rest.split('/').next().unwrap_or(""));
    scheme.eq_ignore_ascii_case("test") && host.is_empty()
}

#[cfg(test)]
mod tests {
    use super::Libvirt;

    #[test]
    fn only_the_test_driver_without_transport_is_in_process() {
        for (uri, expected) in [
            ("test:///default", true),
            ("TEST:///srv/node.xml", true),
            ("test+unix:///default?socket=/run/libvirt-sock", false),
            ("test://kvm1/default", false),
            ("qemu:///system", false),
            ("qemu+ssh://root@kvm1/system", false),
            ("", false),
        ] {
            assert_eq!(Libvirt::is_in_process(uri), expected, "{uri}");
        }
    }
}
