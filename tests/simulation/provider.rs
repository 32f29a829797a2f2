//! Hosts with machines on them, some of which are not ours; and the port.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use async_trait::async_trait;
use innkeeper::{
    identity::{LeaseId, MachineName, ProviderName},
    machine::{Capacity, Keep, Machine, MachineKey, MachineOrder, Power},
    ports::{
        PortError,
        finding::Finding,
        provider::{Provider, Wanted},
    },
};
use uuid::Uuid;

use crate::{
    gate::Gate,
    laws::{self, Touch},
    sabotage::Sabotage,
    weather::{Fault, Side},
    world::World,
};

#[derive(Default)]
pub(crate) struct Host {
    pub(crate) machines: BTreeMap<MachineName, Machine>,
    /// Disks kept of machines that are gone.
    pub(crate) kept: BTreeSet<LeaseId>,
    builds: BTreeMap<MachineName, u32>,
    /// What has begun, and how many more calls it takes.
    underway: BTreeMap<(LeaseId, &'static str), u64>,
    next: u128,
}

impl Host {
    /// Puts somebody else's machine there.
    pub(crate) fn put(&mut self, name: &str, uuid: u128) -> Machine {
        let machine = Machine {
            name: name.into(),
            uuid: Uuid::from_u128(uuid),
            lease: None,
            power: Power::On,
            addresses: Vec::new(),
            host_keys: Vec::new(),
            shape: None,
        };
        self.machines.insert(name.into(), machine.clone());
        machine
    }

    /// The machine with this key: name, lease and UUID have to agree.
    fn own(&self, key: &MachineKey, any_uuid: bool) -> Result<Option<&Machine>, PortError> {
        let named = self.machines.get(&key.name);
        let found = named.or_else(|| self.machines.values().find(|m| m.lease == Some(key.lease)));
        let Some(machine) = found else { return Ok(None) };
        let ours = machine.name == key.name
            && machine.lease == Some(key.lease)
            && (any_uuid || key.uuid.is_none_or(|uuid| uuid == machine.uuid));
        if ours {
            Ok(Some(machine))
        } else {
            Err(PortError::give_up("touch it", "somebody else's"))
        }
    }

    /// Somebody puts another machine in the place of one: a copy, marks and all.
    pub(crate) fn replace(&mut self, name: &MachineName) {
        self.next += 1;
        if let Some(machine) = self.machines.get_mut(name) {
            machine.uuid = Uuid::from_u128(0xcc00 << 64 | self.next);
        }
    }

    fn make(&mut self, order: &MachineOrder, provider: &ProviderName) {
        self.next += 1;
        let uuid = Uuid::from_u128((provider.as_str().len() as u128) << 64 | self.next);
        let number = self.next;
        self.machines.insert(
            order.key.name.clone(),
            Machine {
                name: order.key.name.clone(),
                uuid,
                lease: Some(order.key.lease),
                power: Power::On,
                addresses: vec![format!("192.0.2.{number}")],
                host_keys: vec!["SHA256:abc (ED25519)".to_owned()],
                shape: Some(order.shape),
            },
        );
    }
}

/// The port.
pub(crate) struct SimulatedProvider {
    pub(crate) name: ProviderName,
    pub(crate) gate: Gate,
}

impl SimulatedProvider {
    async fn ask<T>(
        &self,
        name: &'static str,
        about: &str,
        deed: impl FnOnce(&mut World) -> Result<T, PortError>,
    ) -> Result<T, PortError> {
        self.gate.call(Side::Provider, name, || about.to_owned(), deed).await
    }

    fn host<'a>(&self, world: &'a mut World) -> Result<&'a mut Host, PortError> {
        let gone = || PortError::give_up("find the host", "there is none");
        world.hosts.get_mut(&self.name).ok_or_else(gone)
    }

    /// A step on a machine that, as far as it is there, is this lease's.
    async fn act<T>(
        &self,
        call: &'static str,
        key: &MachineKey,
        deed: impl FnOnce(&Self, &mut World) -> Result<T, PortError>,
    ) -> Result<T, PortError> {
        self.ask(call, key.name.as_str(), |world| {
            if call == "stop" && world.is_broken(Sabotage::WrongMachine) {
                let stranger = self.host(world)?.machines.values_mut().find(|m| m.lease.is_none());
                if let Some(stranger) = stranger {
                    stranger.power = Power::Off;
                }
            }
            if world.strikes(Fault::Refused(Side::Provider)) {
                return Err(PortError::give_up(call, "the host refuses: /planted @planted"));
            }
            // Nothing is left of what found no room, so what is there has it.
            let is_there = self.host(world)?.machines.contains_key(&key.name);
            let needs_room = call == "resize" || call == "create" && !is_there;
            if needs_room && world.strikes(Fault::Full) {
                return Err(PortError::full(call, "0 MiB is free"));
            }
            let any_uuid = world.is_broken(Sabotage::UuidUnread);
            let found = self.host(world)?.own(key, any_uuid)?.map(|machine| machine.uuid);
            self.goes_on(call, key, world)?;
            if let Some(uuid) = found {
                laws::is_meant(world, key, uuid);
            }
            deed(self, world)
        })
        .await
    }

    /// Whether it is still under way.
    fn goes_on(
        &self,
        call: &'static str,
        key: &MachineKey,
        world: &mut World,
    ) -> Result<(), PortError> {
        let begun = (key.lease, call);
        let known = self.host(world)?.underway.get(&begun).copied();
        let left = match known {
            Some(left) => left,
            None if world.strikes(Fault::Underway) => world.dice.below(3) + 1,
            None => return Ok(()),
        };
        let after = Duration::from_secs(world.dice.below(90) + 1);
        let host = self.host(world)?;
        if left == 0 {
            host.underway.remove(&begun);
            return Ok(());
        }
        host.underway.insert(begun, left - 1);
        Err(PortError::underway(call, "job 12 is running", after))
    }

    fn switch(&self, world: &mut World, key: &MachineKey, power: Power) -> Result<(), PortError> {
        let host = self.host(world)?;
        let Some(machine) = host.machines.get_mut(&key.name) else {
            return match power {
                Power::Off => Ok(()),
                _ => Err(PortError::missing("switch it on", "there is no such machine")),
            };
        };
        let before = std::mem::replace(&mut machine.power, power);
        if before != power {
            let touch = if power == Power::Off { Touch::Stop } else { Touch::Start };
            laws::touched(world, &self.name, key, touch);
        }
        Ok(())
    }
}

#[async_trait]
impl Provider for SimulatedProvider {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn keeps_disks(&self) -> bool {
        true
    }

    async fn create(&self, order: &MachineOrder) -> Result<Machine, PortError> {
        self.act("create", &order.key, |this, world| {
            let again = world.is_broken(Sabotage::TwoMachines);
            let host = this.host(world)?;
            if again && host.machines.contains_key(&order.key.name) {
                let mut other = order.clone();
                other.key.name.0.push_str("-again");
                host.make(&other, &this.name);
                laws::touched(world, &this.name, &order.key, Touch::Create(order.shape));
            } else if !host.machines.contains_key(&order.key.name) {
                host.make(order, &this.name);
                laws::touched(world, &this.name, &order.key, Touch::Create(order.shape));
            }
            this.switch(world, &order.key, Power::On)?;
            let made = this.host(world)?.machines.get(&order.key.name).cloned();
            let made = made.ok_or_else(|| PortError::retry("make it", "it is gone"))?;
            laws::is_meant(world, &order.key, made.uuid);
            Ok(made)
        })
        .await
    }

    async fn find(&self, key: &MachineKey) -> Result<Option<Machine>, PortError> {
        self.ask("find", key.name.as_str(), |world| Ok(self.host(world)?.own(key, false)?.cloned()))
            .await
    }

    async fn list(&self) -> Result<Vec<Machine>, PortError> {
        self.ask("list", self.name.as_str(), |world| {
            Ok(self.host(world)?.machines.values().cloned().collect())
        })
        .await
    }

    async fn start(&self, key: &MachineKey) -> Result<(), PortError> {
        self.act("start", key, |this, world| this.switch(world, key, Power::On)).await
    }

    async fn stop(&self, key: &MachineKey) -> Result<(), PortError> {
        self.act("stop", key, |this, world| this.switch(world, key, Power::Off)).await
    }

    async fn reboot(&self, key: &MachineKey) -> Result<(), PortError> {
        self.act("reboot", key, |this, world| this.switch(world, key, Power::On)).await
    }

    async fn resize(&self, order: &MachineOrder) -> Result<(), PortError> {
        self.act("resize", &order.key, |this, world| {
            match this.host(world)?.machines.get_mut(&order.key.name) {
                Some(machine) => machine.shape = Some(order.shape),
                None => return Err(PortError::missing("resize it", "there is no such machine")),
            }
            laws::touched(world, &this.name, &order.key, Touch::Change);
            this.switch(world, &order.key, Power::On)
        })
        .await
    }

    async fn rebuild(&self, order: &MachineOrder) -> Result<Machine, PortError> {
        self.act("rebuild", &order.key, |this, world| {
            let host = this.host(world)?;
            let missing = || PortError::missing("rebuild it", "there is no such machine");
            let machine = host.machines.get(&order.key.name).cloned().ok_or_else(missing)?;
            let built = host.builds.get(&order.key.name).copied().unwrap_or(0);
            if built < order.rebuild {
                host.builds.insert(order.key.name.clone(), order.rebuild);
                laws::touched(world, &this.name, &order.key, Touch::Change);
            }
            this.switch(world, &order.key, Power::On)?;
            Ok(Machine { power: Power::On, ..machine })
        })
        .await
    }

    async fn destroy(&self, key: &MachineKey, keep: Keep) -> Result<(), PortError> {
        self.act("destroy", key, |this, world| {
            let host = this.host(world)?;
            host.builds.remove(&key.name);
            if host.machines.remove(&key.name).is_some() {
                if keep == Keep::Disks {
                    host.kept.insert(key.lease);
                }
                laws::touched(world, &this.name, key, Touch::Destroy);
                if world.is_broken(Sabotage::MadeAgain) {
                    let lease = world.laws.leases.get(&key.lease).map(|l| l.value.order.clone());
                    if let Some(order) = lease {
                        this.host(world)?.make(&order, &this.name);
                        laws::touched(world, &this.name, key, Touch::Create(order.shape));
                    }
                }
            }
            Ok(())
        })
        .await
    }

    async fn drop_backups(&self, key: &MachineKey) -> Result<(), PortError> {
        self.act("drop_backups", key, |this, world| {
            if this.host(world)?.kept.remove(&key.lease) {
                laws::touched(world, &this.name, key, Touch::DropBackups);
            }
            Ok(())
        })
        .await
    }

    async fn adopt(&self, key: &MachineKey) -> Result<(), PortError> {
        self.ask("adopt", key.name.as_str(), |world| {
            if world.strikes(Fault::Refused(Side::Provider)) {
                return Err(PortError::give_up("adopt it", "the host refuses: /planted @planted"));
            }
            let found = self.host(world)?.machines.get_mut(&key.name);
            let found = found.filter(|machine| Some(machine.uuid) == key.uuid);
            let missing = || PortError::missing("adopt it", "there is no such machine");
            let machine = found.ok_or_else(missing)?;
            match machine.lease {
                Some(lease) if lease == key.lease => return Ok(()),
                Some(_) => return Err(PortError::give_up("adopt it", "somebody else's")),
                None => machine.lease = Some(key.lease),
            }
            let uuid = machine.uuid;
            laws::is_meant(world, key, uuid);
            laws::touched(world, &self.name, key, Touch::Adopt);
            Ok(())
        })
        .await
    }

    async fn capacity(&self) -> Result<Capacity, PortError> {
        self.ask("capacity", self.name.as_str(), |_| {
            let memory = 1 << 20;
            Ok(Capacity { memory, largest_memory: memory, ..Capacity::default() })
        })
        .await
    }

    async fn examine(&self, _wanted: &[Wanted]) -> Vec<Finding> {
        Vec::new()
    }
}
