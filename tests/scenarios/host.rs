//! A provider in memory, which fails when told. The provider contract is run
//! on it as well, so that it does not lie.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
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

/// A call that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Create,
    Start,
    Stop,
    Resize,
    Rebuild,
    Destroy,
    DropBackups,
    Adopt,
    List,
}

/// What a host says that will not do it, which is not for everybody.
const REFUSAL: &str = "the host refuses: node-7.internal, https://10.0.0.7:5080 @all\n/close";

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fails {
    /// Nothing happens; it may work later.
    Before,
    /// It happens, and the answer is lost.
    After,
    /// The machine is there but does not run, and the answer is lost.
    Halfway,
    /// It will not work later either.
    ForGood,
    /// It has begun and takes another turn.
    Slow,
    /// A mistake of ours in the adapter.
    Panics,
}

#[derive(Default)]
struct Inside {
    machines: BTreeMap<MachineName, Machine>,
    plan: Vec<(Call, Fails)>,
    /// Every call that changed something, in order.
    log: Vec<(Call, MachineName)>,
    next_uuid: u128,
    /// How often each machine's system was installed anew.
    builds: BTreeMap<MachineName, u32>,
    capacity: Capacity,
    /// What happens while the machines are listed the next time.
    while_listed: Option<Box<dyn FnOnce() + Send>>,
}

impl Inside {
    /// The machine with this key, if there is one. Name, lease and UUID must
    /// all agree.
    fn own(&self, key: &MachineKey, doing: &str) -> Result<Option<&Machine>, PortError> {
        let named = self.machines.get(&key.name);
        let found = named.or_else(|| self.machines.values().find(|m| m.lease == Some(key.lease)));
        let Some(machine) = found else { return Ok(None) };
        let ours = machine.name == key.name
            && machine.lease == Some(key.lease)
            && key.uuid.is_none_or(|uuid| uuid == machine.uuid);
        if ours {
            return Ok(Some(machine));
        }
        Err(PortError::give_up(doing, format!("{} is somebody else's machine", machine.name))
            .advice(format!("see whose machine `{}` is", machine.name)))
    }
}

/// A host with machines on it.
pub(crate) struct Host {
    name: ProviderName,
    inside: Mutex<Inside>,
}

impl Host {
    /// Something happens while the machines are listed the next time.
    pub(crate) fn while_listed(&self, happens: impl FnOnce() + Send + 'static) {
        self.lock().while_listed = Some(Box::new(happens));
    }

    pub(crate) fn new(name: &str) -> Self {
        let capacity = Capacity { memory: 1 << 30, largest_memory: 1 << 30, ..Capacity::default() };
        let inside = Inside { capacity, ..Inside::default() };
        Self { name: name.into(), inside: Mutex::new(inside) }
    }

    /// The next such call fails in this way; several are failed in order.
    pub(crate) fn fail(&self, call: Call, fails: Fails) {
        self.lock().plan.push((call, fails));
    }

    /// Whether a planned failure has not struck yet.
    pub(crate) fn has_plans(&self) -> bool {
        !self.lock().plan.is_empty()
    }

    pub(crate) fn machines(&self) -> Vec<Machine> {
        self.lock().machines.values().cloned().collect()
    }

    pub(crate) fn power_of(&self, name: &str) -> Option<Power> {
        self.lock().machines.get(&name.into()).map(|machine| machine.power)
    }

    /// Somebody switches a machine on or off at the host.
    pub(crate) fn switch(&self, name: &str, power: Power) {
        if let Some(machine) = self.lock().machines.get_mut(&name.into()) {
            machine.power = power;
        }
    }

    /// It has that much memory for machines, in MiB.
    pub(crate) fn has_memory(&self, mebibytes: u64) {
        self.lock().capacity.memory = mebibytes;
        self.lock().capacity.largest_memory = mebibytes;
    }

    /// Somebody removes a machine at the host.
    pub(crate) fn remove(&self, name: &str) {
        self.lock().machines.remove(&name.into());
    }

    /// Somebody else's machine, or one with our mark.
    pub(crate) fn put(&self, name: &str, lease: Option<LeaseId>) -> Machine {
        let machine = {
            let mut inside = self.lock();
            inside.next_uuid += 1;
            Machine {
                name: name.into(),
                uuid: Uuid::from_u128(0xff00_0000 + inside.next_uuid),
                lease,
                power: Power::On,
                addresses: vec![],
                host_keys: vec![],
                shape: None,
            }
        };
        self.put_machine(machine.clone());
        machine
    }

    /// Puts a machine there as it is.
    pub(crate) fn put_machine(&self, machine: Machine) {
        self.lock().machines.insert(machine.name.clone(), machine);
    }

    /// How often such a call took effect on a machine.
    pub(crate) fn done(&self, call: Call, name: &str) -> usize {
        self.lock().log.iter().filter(|(done, on)| *done == call && on.as_str() == name).count()
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap()
    }

    fn planned(inside: &mut Inside, call: Call) -> Option<Fails> {
        let index = inside.plan.iter().position(|(planned, _)| *planned == call)?;
        Some(inside.plan.remove(index).1)
    }

    /// A call on a machine that, as far as it exists, is this lease's.
    fn act(
        &self,
        call: Call,
        key: &MachineKey,
        deed: impl FnOnce(&mut Inside) -> Result<(), PortError>,
    ) -> Result<(), PortError> {
        let mut inside = self.lock();
        let fails = Self::planned(&mut inside, call);
        let doing = format!("{call:?} {}", key.name).to_lowercase();
        match fails {
            Some(Fails::Before | Fails::Halfway) => {
                return Err(PortError::retry(doing, "the host does not answer"));
            }
            Some(Fails::Slow) => {
                let after = std::time::Duration::from_secs(2);
                return Err(PortError::underway(doing, "job 12 is running", after));
            }
            Some(Fails::ForGood) => return Err(PortError::give_up(doing, REFUSAL)),
            Some(Fails::Panics) => {
                drop(inside);
                panic!("as the story wants it");
            }
            _ => {}
        }
        inside.own(key, &doing)?;
        deed(&mut inside)?;
        inside.log.push((call, key.name.clone()));
        match fails {
            Some(Fails::After) => Err(PortError::retry(doing, "the answer was lost")),
            _ => Ok(()),
        }
    }

    fn set_power(&self, call: Call, key: &MachineKey, power: Power) -> Result<(), PortError> {
        self.act(call, key, |inside| match inside.machines.get_mut(&key.name) {
            Some(machine) => {
                machine.power = power;
                Ok(())
            }
            None if power == Power::Off => Ok(()),
            None => Err(PortError::missing("start it", "there is no such machine")),
        })
    }
}

#[async_trait]
impl Provider for Host {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn keeps_disks(&self) -> bool {
        true
    }

    async fn create(&self, order: &MachineOrder) -> Result<Machine, PortError> {
        let halfway = {
            let mut inside = self.lock();
            let index = inside.plan.iter().position(|plan| *plan == (Call::Create, Fails::Halfway));
            index.map(|index| inside.plan.remove(index)).is_some()
        };
        let power = if halfway { Power::Off } else { Power::On };
        self.act(Call::Create, &order.key, |inside| {
            let known = inside.machines.contains_key(&order.key.name);
            let used = inside.machines.values().filter_map(|m| m.shape).map(|s| s.memory.get());
            let left = inside.capacity.memory.saturating_sub(used.sum());
            if !known && order.shape.memory.get() > left {
                let why = format!("it needs {}, {left} MiB is free", order.shape.memory);
                return Err(PortError::full("create it", why));
            }
            inside.next_uuid += 1;
            let uuid = Uuid::from_u128(inside.next_uuid);
            let machine = inside.machines.entry(order.key.name.clone()).or_insert(Machine {
                name: order.key.name.clone(),
                uuid,
                lease: Some(order.key.lease),
                power,
                addresses: vec!["192.0.2.7".to_owned()],
                host_keys: vec!["SHA256:abc (ED25519)".to_owned()],
                shape: Some(order.shape),
            });
            machine.power = power;
            Ok(())
        })?;
        if halfway {
            return Err(PortError::retry("create it", "the answer was lost halfway"));
        }
        self.find(&order.key).await?.ok_or_else(|| PortError::retry("create it", "it is gone"))
    }

    async fn find(&self, key: &MachineKey) -> Result<Option<Machine>, PortError> {
        let doing = format!("find {}", key.name);
        Ok(self.lock().own(key, &doing)?.cloned())
    }

    async fn list(&self) -> Result<Vec<Machine>, PortError> {
        let mut inside = self.lock();
        if let Some(happens) = inside.while_listed.take() {
            happens();
        }
        match Self::planned(&mut inside, Call::List) {
            Some(Fails::Panics) => {
                drop(inside);
                panic!("as the story wants it");
            }
            Some(_) => Err(PortError::retry("list machines", "the host does not answer")),
            None => Ok(inside.machines.values().cloned().collect()),
        }
    }

    async fn start(&self, key: &MachineKey) -> Result<(), PortError> {
        self.set_power(Call::Start, key, Power::On)
    }

    async fn stop(&self, key: &MachineKey) -> Result<(), PortError> {
        self.set_power(Call::Stop, key, Power::Off)
    }

    async fn reboot(&self, key: &MachineKey) -> Result<(), PortError> {
        self.set_power(Call::Start, key, Power::On)
    }

    async fn resize(&self, order: &MachineOrder) -> Result<(), PortError> {
        self.act(Call::Resize, &order.key, |inside| {
            let others = inside.machines.values().filter(|machine| machine.name != order.key.name);
            let used: u64 = others.filter_map(|m| m.shape).map(|s| s.memory.get()).sum();
            let left = inside.capacity.memory.saturating_sub(used);
            if order.shape.memory.get() > left {
                let why = format!("it needs {}, {left} MiB is free", order.shape.memory);
                return Err(PortError::full("resize it", why));
            }
            match inside.machines.get_mut(&order.key.name) {
                Some(machine) => machine.shape = Some(order.shape),
                None => return Err(PortError::missing("resize it", "there is no such machine")),
            }
            Ok(())
        })
    }

    async fn rebuild(&self, order: &MachineOrder) -> Result<Machine, PortError> {
        let built = self.lock().builds.get(&order.key.name).copied().unwrap_or(0);
        if built < order.rebuild {
            self.act(Call::Rebuild, &order.key, |inside| {
                inside.builds.insert(order.key.name.clone(), order.rebuild);
                Ok(())
            })?;
        }
        self.find(&order.key)
            .await?
            .ok_or_else(|| PortError::missing("rebuild it", "there is no such machine"))
    }

    async fn adopt(&self, key: &MachineKey) -> Result<(), PortError> {
        let mut inside = self.lock();
        let fails = Self::planned(&mut inside, Call::Adopt);
        if fails == Some(Fails::Before) {
            return Err(PortError::retry("adopt it", "the host does not answer"));
        }
        let Some(machine) = inside.machines.get_mut(&key.name) else {
            return Err(PortError::missing("adopt it", "there is no such machine"));
        };
        let free = machine.lease.is_none_or(|lease| lease == key.lease);
        if !free || Some(machine.uuid) != key.uuid {
            return Err(PortError::give_up("adopt it", "it is another machine")
                .advice(format!("see whose machine `{}` is", key.name)));
        }
        machine.lease = Some(key.lease);
        inside.log.push((Call::Adopt, key.name.clone()));
        match fails {
            Some(_) => Err(PortError::retry("adopt it", "the answer was lost")),
            None => Ok(()),
        }
    }

    async fn capacity(&self) -> Result<Capacity, PortError> {
        let inside = self.lock();
        let mut left = inside.capacity.clone();
        let used: u64 =
            inside.machines.values().filter_map(|m| m.shape).map(|s| s.memory.get()).sum();
        left.memory = left.memory.saturating_sub(used);
        left.largest_memory = left.largest_memory.min(left.memory);
        Ok(left)
    }

    async fn examine(&self, _wanted: &[Wanted]) -> Vec<Finding> {
        vec![Finding::good("It is in memory.")]
    }

    async fn destroy(&self, key: &MachineKey, _keep: Keep) -> Result<(), PortError> {
        self.act(Call::Destroy, key, |inside| {
            inside.machines.remove(&key.name);
            Ok(())
        })
    }

    async fn drop_backups(&self, key: &MachineKey) -> Result<(), PortError> {
        self.act(Call::DropBackups, key, |_| Ok(()))
    }
}
