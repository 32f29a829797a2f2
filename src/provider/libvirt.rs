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
//! The root disk is based on an image, and cloud-init in it is told the rest
//! by a seed (`seed`); without an image it is blank, and nothing is installed.

mod adopt;
mod create;
mod examine;
mod failure;
#[cfg(fuzzing)]
pub mod fuzzing;
mod host;
mod host_key;
mod image;
mod locate;
mod network;
mod power;
mod profile;
mod ready;
mod rebuild;
mod removal;
mod resize;
mod room;
mod seed;
mod session;
mod settings;
mod shown;
mod tag;
mod turn;
mod volume;
mod xml;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::time::Instant;

use self::{
    failure::Failure,
    host::Host,
    ready::{Boot, Sign},
    session::{House, Session},
    turn::Turn,
};
pub use self::{profile::Cpu, ready::Ready, settings::Settings};
use crate::{
    identity::ProviderName,
    machine::{Capacity, Keep, Machine, MachineKey, MachineOrder},
    ports::{
        PortError,
        clock::{Clock, Entropy},
        finding::Finding,
        provider::{Provider, Wanted},
    },
};

/// How often a guest that was asked to shut down is looked at.
const STOP_POLL: Duration = Duration::from_millis(500);

/// How long one call waits for a guest to shut down. Longer, and its worker
/// does nothing else; shorter, and guests are asked over and over.
const STOP_TURN: Duration = Duration::from_secs(4);

/// When a machine that is starting, or stopping, is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// A libvirt host.
pub struct Libvirt {
    house: Arc<House>,
    host: Host,
}

impl Libvirt {
    /// Does not connect yet: that happens with the first call.
    #[must_use]
    pub fn new(settings: Settings, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        let host = Host::new(settings.uri.clone());
        Self { house: Arc::new(House { settings, clock, entropy }), host }
    }

    /// Whether the host that URI names lives in this process and ends with it.
    #[must_use]
    pub fn is_in_process(uri: &str) -> bool {
        is_in_process(uri)
    }

    fn settings(&self) -> &Settings {
        &self.house.settings
    }

    async fn run<T: Send + 'static>(
        &self,
        doing: String,
        work: impl FnOnce(Session<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, PortError> {
        let house = Arc::clone(&self.house);
        let limit = house.settings.call_timeout;
        self.host.run(doing, limit, move |connect| work(Session { connect, house: &house })).await
    }

    fn doing(&self, verb: &str, key: &MachineKey) -> String {
        format!("{verb} machine {} on {}", key.name, self.settings().name)
    }

    /// Does something to one machine.
    async fn touch<T: Send + 'static>(
        &self,
        verb: &str,
        key: &MachineKey,
        work: impl FnOnce(Session<'_>, &MachineKey) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, PortError> {
        let key = key.clone();
        self.run(self.doing(verb, &key), move |session| work(session, &key)).await
    }

    /// The same for what must not be done twice at once.
    async fn change<T: Send + 'static>(
        &self,
        verb: &str,
        key: &MachineKey,
        work: impl FnOnce(Session<'_>, &MachineKey) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, PortError> {
        self.touch(verb, key, |session, key| {
            let _until_done = Turn::take(key.lease)?;
            work(session, key)
        })
        .await
    }

    /// Waits, turn by turn, until a machine that was started can be used.
    async fn usable(&self, doing: String, boot: Boot) -> Result<Machine, PortError> {
        let ready = match boot.awaits {
            None => true,
            Some(Sign::Address) => false,
            Some(Sign::Ssh) => ready::ssh_answers(&boot.machine.addresses).await,
        };
        if ready {
            return Ok(boot.machine);
        }
        if boot.age < self.settings().boot_timeout {
            return Err(PortError::underway(doing, boot.progress(), LOOK_AGAIN));
        }
        let progress = boot.progress();
        tracing::warn!(machine = %boot.machine.name, %progress, "a machine is handed over unseen");
        Ok(boot.machine)
    }
}

#[async_trait]
impl Provider for Libvirt {
    fn name(&self) -> &ProviderName {
        &self.settings().name
    }

    fn keeps_disks(&self) -> bool {
        true
    }

    async fn create(&self, order: &MachineOrder) -> Result<Machine, PortError> {
        let wanted = order.clone();
        let work = move |session: Session<'_>, _: &MachineKey| create::create(session, &wanted);
        let boot = self.change("create", &order.key, work).await?;
        self.usable(self.doing("create", &order.key), boot).await
    }

    async fn find(&self, machine: &MachineKey) -> Result<Option<Machine>, PortError> {
        self.touch("find", machine, shown::find).await
    }

    async fn list(&self) -> Result<Vec<Machine>, PortError> {
        self.run(format!("list the machines on {}", self.settings().name), shown::list).await
    }

    async fn start(&self, machine: &MachineKey) -> Result<(), PortError> {
        self.touch("start", machine, power::start).await
    }

    async fn stop(&self, machine: &MachineKey) -> Result<(), PortError> {
        let since = Instant::now();
        let Some(before) = self.touch("stop", machine, power::ask_to_stop).await? else {
            return Ok(());
        };
        while self.touch("stop", machine, power::is_running).await? {
            let asked = before + since.elapsed();
            if asked >= self.settings().stop_timeout {
                return self.touch("switch off", machine, power::switch_off).await;
            }
            if since.elapsed() >= STOP_TURN {
                let progress = format!("its guest is shutting down ({} s)", asked.as_secs());
                return Err(PortError::underway(self.doing("stop", machine), progress, LOOK_AGAIN));
            }
            tokio::time::sleep(STOP_POLL.min(self.settings().stop_timeout)).await;
        }
        Ok(())
    }

    async fn reboot(&self, machine: &MachineKey) -> Result<(), PortError> {
        self.touch("reboot", machine, |session, key| power::reboot(session.connect, key)).await
    }

    async fn resize(&self, order: &MachineOrder) -> Result<(), PortError> {
        let key = &order.key;
        let wanted = order.clone();
        let must_stop =
            self.change("resize", key, move |session, _| resize::prepare(session, &wanted)).await?;
        if must_stop {
            self.stop(key).await?;
        }
        let wanted = order.clone();
        self.change("resize", key, move |session, _| resize::finish(session, &wanted)).await
    }

    async fn rebuild(&self, order: &MachineOrder) -> Result<Machine, PortError> {
        let wanted = order.clone();
        let work = move |session: Session<'_>, _: &MachineKey| rebuild::rebuild(session, &wanted);
        let boot = self.change("rebuild", &order.key, work).await?;
        self.usable(self.doing("rebuild", &order.key), boot).await
    }

    async fn adopt(&self, machine: &MachineKey) -> Result<(), PortError> {
        self.change("adopt", machine, adopt::adopt).await
    }

    async fn capacity(&self) -> Result<Capacity, PortError> {
        let doing = format!("measure the room on {}", self.settings().name);
        self.run(doing, room::measure_afresh).await
    }

    async fn examine(&self, wanted: &[Wanted]) -> Vec<Finding> {
        let doing = format!("look at {}", self.settings().name);
        let wanted = wanted.to_vec();
        let found = self.run(doing, move |session| Ok(examine::examine(session, &wanted))).await;
        found.unwrap_or_else(|error| vec![examine::unknown(&error)])
    }

    async fn destroy(&self, machine: &MachineKey, keep: Keep) -> Result<(), PortError> {
        self.change("destroy", machine, move |session, key| removal::destroy(session, key, keep))
            .await
    }

    async fn drop_backups(&self, machine: &MachineKey) -> Result<(), PortError> {
        self.change("drop the disks kept of", machine, removal::drop_backups).await
    }
}

impl fmt::Debug for Libvirt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Libvirt").field(self.settings()).finish()
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
