//! Machines on a Ganeti cluster, by its HTTP interface (RAPI).
//!
//! Instances are called `NAME.DOMAIN`. One is ours when its tag holds its
//! lease: `innkeeper:lease:UUID`, set in the same step as the instance is made.
//!
//! Everything that changes something is a job on the cluster, and jobs take
//! seconds to hours. A call waits as long as it may, then says that it is under
//! way; the next call finds the job again.
//!
//! ```text
//! Ganeti -> Turn (one call: make, change) -> queue (jobs) -> transport (HTTP)
//! ```

mod body;
mod change;
mod entities;
mod examine;
mod failure;
#[cfg(fuzzing)]
pub mod fuzzing;
mod job;
mod make;
mod pin;
mod queue;
mod room;
mod tags;
mod text;
mod transport;
mod turn;

use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::time::Instant;
use url::Url;

pub use self::transport::SetupError;
use self::{
    entities::{Instance, Node},
    failure::Failure,
    queue::Begun,
    transport::{Request, Transport},
    turn::Turn,
};
use crate::{
    identity::ProviderName,
    machine::{Capacity, Keep, Machine, MachineKey, MachineOrder},
    ports::{
        PortError,
        finding::Finding,
        provider::{Provider, Wanted},
    },
};

/// Which cluster, how to reach it, and what to use on it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name the operator gave it.
    pub name: ProviderName,
    /// Where RAPI is, e.g. `https://gnt.example.org:5080`.
    pub url: Url,
    /// What instances' names end in, e.g. `example.org`; without a dot in front.
    pub domain: String,
    /// A user of RAPI with the right `write`.
    pub writer: Credentials,
    /// Another with the right `read`, for all that only looks.
    pub reader: Option<Credentials>,
    /// Which certificate is trusted.
    pub trust: Trust,
    /// How long one call may take. What takes longer is under way.
    pub call_timeout: Duration,
    /// How long a guest may take to shut down before it is switched off.
    pub stop_timeout: Duration,
    /// How many connections are open at once. RAPI has 20 for everybody.
    pub connections: usize,
    /// How instances are made.
    pub defaults: Defaults,
}

/// A user of RAPI.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The name.
    pub user: String,
    /// The password.
    pub password: SecretString,
}

/// Which certificate is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// One of an authority that the system trusts.
    System,
    /// One of these authorities (PEM), and no other.
    Authorities(Vec<u8>),
    /// The one with this SHA-256 fingerprint, whatever else it says.
    Pinned([u8; 32]),
}

/// What cookbooks leave open, and how instances are made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are Ganeti's, each of its own")]
pub struct Defaults {
    /// How disks are stored, where a cookbook names no storage class.
    pub disk_template: String,
    /// What is installed, where a cookbook names no image.
    pub os: Option<String>,
    /// The network addresses are taken from, where a cookbook names none.
    pub network: Option<String>,
    /// The bridge of a network card, where there is no network either.
    pub link: Option<String>,
    /// Its mode, e.g. `bridged`.
    pub mode: Option<String>,
    /// What chooses the nodes; `None` for the cluster's own.
    pub iallocator: Option<String>,
    /// The hypervisor; `None` for the cluster's own.
    pub hypervisor: Option<String>,
    /// Whether an instance is put on what nodes are free at the moment: faster
    /// when several are made at once, less well spread. Needs `iallocator`.
    pub opportunistic_locking: bool,
    /// Whether names must resolve.
    pub name_check: bool,
    /// Whether their addresses must not answer yet. Needs `name_check`.
    pub ip_check: bool,
    /// Whether addresses are looked for in all the cluster's networks.
    pub conflicts_check: bool,
    /// Whether a mirrored disk is waited for until it is the same on both
    /// nodes, which takes hours for large ones. Otherwise it goes on behind.
    pub wait_for_sync: bool,
    /// The parameter of the operating system that gets the SSH keys.
    pub ssh_keys_parameter: Option<String>,
    /// The one that gets the short host name.
    pub hostname_parameter: Option<String>,
    /// The one that gets whom the machine is for.
    pub owner_parameter: Option<String>,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            disk_template: "plain".to_owned(),
            os: None,
            network: None,
            link: None,
            mode: None,
            iallocator: None,
            hypervisor: None,
            opportunistic_locking: false,
            name_check: false,
            ip_check: false,
            conflicts_check: true,
            wait_for_sync: false,
            ssh_keys_parameter: None,
            hostname_parameter: None,
            owner_parameter: None,
        }
    }
}

/// A Ganeti cluster.
#[derive(Debug)]
pub struct Ganeti {
    name: ProviderName,
    call_timeout: Duration,
    cluster: Cluster,
}

/// What every call shares.
#[derive(Debug)]
struct Cluster {
    transport: Transport,
    begun: Begun,
    domain: String,
    stop_timeout: Duration,
    defaults: Defaults,
}

impl Ganeti {
    /// Does not connect yet: that happens with the first call.
    ///
    /// # Errors
    ///
    /// When the credentials or authorities cannot be used.
    pub fn new(settings: Settings) -> Result<Self, SetupError> {
        let Settings { name, url, domain, writer, reader, trust, .. } = settings;
        let transport =
            Transport::new(url, &writer, reader.as_ref(), &trust, settings.connections)?;
        Ok(Self {
            name,
            call_timeout: settings.call_timeout,
            cluster: Cluster {
                transport,
                begun: Begun::default(),
                domain: domain.to_ascii_lowercase(),
                stop_timeout: settings.stop_timeout,
                defaults: settings.defaults,
            },
        })
    }

    /// One call about that machine.
    fn turn<'a>(&'a self, machine: &'a MachineKey) -> Turn<'a> {
        Turn::new(&self.cluster, machine, self.call_timeout)
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.call_timeout
    }

    /// Says of a failure what was being done.
    fn told<T>(
        &self,
        verb: &str,
        machine: &MachineKey,
        outcome: Result<T, Failure>,
    ) -> Result<T, PortError> {
        outcome.map_err(|failure| {
            failure.into_port_error(format!("{verb} machine {} on {}", machine.name, self.name))
        })
    }
}

#[async_trait]
impl Provider for Ganeti {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    /// Ganeti removes disks with their instance.
    fn keeps_disks(&self) -> bool {
        false
    }

    async fn create(&self, order: &MachineOrder) -> Result<Machine, PortError> {
        self.told("create", &order.key, self.turn(&order.key).create(order).await)
    }

    async fn find(&self, machine: &MachineKey) -> Result<Option<Machine>, PortError> {
        let turn = self.turn(machine);
        let found = turn.locate().await.map(|ours| ours.map(|ours| ours.shown(&turn)));
        self.told("find", machine, found)
    }

    async fn list(&self) -> Result<Vec<Machine>, PortError> {
        let all = Request::get(["2", "instances"]).query("bulk", "1");
        let all: Vec<Instance> =
            self.cluster.transport.ask(&all, self.deadline()).await.map_err(|error| {
                Failure::from(error).into_port_error(format!("list the machines on {}", self.name))
            })?;
        Ok(all.iter().map(|instance| instance.shown(&self.cluster.domain)).collect())
    }

    async fn start(&self, machine: &MachineKey) -> Result<(), PortError> {
        self.told("start", machine, self.turn(machine).start().await)
    }

    async fn stop(&self, machine: &MachineKey) -> Result<(), PortError> {
        self.told("stop", machine, self.turn(machine).stop().await)
    }

    async fn reboot(&self, machine: &MachineKey) -> Result<(), PortError> {
        self.told("reboot", machine, self.turn(machine).reboot().await)
    }

    async fn resize(&self, order: &MachineOrder) -> Result<(), PortError> {
        self.told("resize", &order.key, self.turn(&order.key).resize(order).await)
    }

    async fn rebuild(&self, order: &MachineOrder) -> Result<Machine, PortError> {
        self.told("rebuild", &order.key, self.turn(&order.key).rebuild(order).await)
    }

    async fn destroy(&self, machine: &MachineKey, keep: Keep) -> Result<(), PortError> {
        self.told("destroy", machine, self.turn(machine).destroy(keep).await)
    }

    /// Nothing is kept: Ganeti removes disks with their instance.
    async fn drop_backups(&self, _machine: &MachineKey) -> Result<(), PortError> {
        Ok(())
    }

    async fn adopt(&self, machine: &MachineKey) -> Result<(), PortError> {
        self.told("adopt", machine, self.turn(machine).adopt().await)
    }

    async fn capacity(&self) -> Result<Capacity, PortError> {
        let measure = async {
            let transport = &self.cluster.transport;
            let nodes = Request::get(["2", "nodes"]).query("bulk", "1");
            let nodes: Vec<Node> = transport.ask(&nodes, self.deadline()).await?;
            let info: entities::Cluster =
                transport.ask(&Request::get(["2", "info"]), self.deadline()).await?;
            let template = &self.cluster.defaults.disk_template;
            Ok(room::capacity(&nodes, &info.enabled_disk_templates, template))
        };
        measure.await.map_err(|failure: Failure| {
            failure.into_port_error(format!("measure the room on {}", self.name))
        })
    }

    async fn examine(&self, wanted: &[Wanted]) -> Vec<Finding> {
        examine::examine(&self.cluster, wanted, self.deadline()).await
    }
}
