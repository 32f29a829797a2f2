//! Comparing providers with leases: what was switched or removed behind our
//! back, and machines of ours that no lease knows.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::PoisonError,
};

use serde::Serialize;

use super::{Engine, census::Known};
use crate::{
    identity::{LeaseId, MachineName, ProviderName, Timestamp},
    lease::{State, lifecycle::Event},
    machine::{Capacity, Machine},
    ports::{PortError, Verdict, provider::Provider, store::CommitError},
};

/// What the last sweep found on the providers.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Inspection {
    /// When.
    pub at: Option<Timestamp>,
    /// By provider.
    pub providers: BTreeMap<ProviderName, Inspected>,
}

/// What the last sweep found on one provider.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Inspected {
    /// Why it could not be inspected.
    pub error: Option<String>,
    /// All its machines.
    pub machines: Vec<MachineName>,
    /// What it has left, when it last said.
    #[serde(skip)]
    pub capacity: Option<Capacity>,
    /// Machines that carry our mark but belong to no living lease. Reported,
    /// never touched: the store may be older than they are.
    pub strays: Vec<MachineName>,
}

/// How often a lease is read anew because somebody else changed it meanwhile.
const RACES: usize = 4;

impl Inspection {
    /// The names of all machines on these providers.
    pub(super) fn names_on(&self, providers: &[ProviderName]) -> BTreeSet<String> {
        let found = providers.iter().filter_map(|provider| self.providers.get(provider));
        found.flat_map(|found| &found.machines).map(ToString::to_string).collect()
    }
}

impl Engine {
    /// Looks at every provider, and notes what is not as the leases say. One that
    /// is away does not keep the others waiting for long.
    pub(super) async fn inspect(&self, leases: &[Known]) -> Result<(), PortError> {
        self.inspect_all(leases, true).await
    }

    /// Looks at every provider, and changes no lease.
    pub(super) async fn observe(&self, leases: &[Known]) -> Result<(), PortError> {
        self.inspect_all(leases, false).await
    }

    async fn inspect_all(&self, leases: &[Known], compare: bool) -> Result<(), PortError> {
        let with_machine = leases.iter().filter(|lease| lease.state.has_machine());
        let living: HashSet<LeaseId> = with_machine.map(Known::id).collect();
        let all = self.ports.providers.values().map(|provider| async {
            self.inspect_one(provider.as_ref(), leases, &living, compare).await
        });
        let found = futures::future::try_join_all(all).await?;
        let inspection =
            Inspection { at: Some(self.now()), providers: found.into_iter().collect() };
        *self.inspection.lock().unwrap_or_else(PoisonError::into_inner) = inspection;
        Ok(())
    }

    async fn inspect_one(
        &self,
        provider: &dyn Provider,
        leases: &[Known],
        living: &HashSet<LeaseId>,
        compare: bool,
    ) -> Result<(ProviderName, Inspected), PortError> {
        let name = provider.name().clone();
        let thing = format!("inspect {name}");
        let machines = match provider.list().await {
            Ok(machines) => {
                self.log_end(&thing);
                machines
            }
            Err(error) => {
                self.log_failure(name.as_str(), &thing, &error);
                let known = self.inspection().providers.remove(&name).unwrap_or_default();
                return Ok((name, Inspected { error: Some(error.chain()), ..known }));
            }
        };
        let there = There::of(&machines);
        let here = leases.iter().filter(|lease| lease.provider == name);
        for lease in here.filter(|_| compare) {
            if let Err(error) = self.compare(provider, lease, &there).await {
                self.pass_over(lease.id(), error)?;
            }
        }
        let strays: Vec<MachineName> = machines
            .iter()
            .filter(|machine| machine.lease.is_some_and(|id| !living.contains(&id)))
            .map(|machine| machine.name.clone())
            .collect();
        for stray in &strays {
            if !self.is_news(name.as_str(), stray.as_str()) {
                continue;
            }
            tracing::error!(provider = %name, machine = %stray, "a machine carries our mark but has no living lease");
        }
        let machines = machines.into_iter().map(|machine| machine.name).collect();
        // Only a hint: the provider itself refuses what does not fit. So what it
        // said last is better than nothing.
        let before = || self.inspection().providers.remove(&name)?.capacity;
        let capacity = provider.capacity().await.ok().or_else(before);
        Ok((name, Inspected { error: None, machines, capacity, strays }))
    }

    /// What cannot be read of one lease does not keep the others waiting.
    ///
    /// # Errors
    ///
    /// Whatever else failed: the next sweep finds it again.
    pub(super) fn pass_over(&self, lease: LeaseId, error: PortError) -> Result<(), PortError> {
        if error.verdict != Verdict::GiveUp {
            return Err(error);
        }
        self.log_failure("store", &format!("lease {lease}"), &error);
        Ok(())
    }

    async fn compare(
        &self,
        provider: &dyn Provider,
        lease: &Known,
        there: &There<'_>,
    ) -> Result<(), PortError> {
        let event = match there.machine_of(lease) {
            Some(machine) => {
                let same_addresses =
                    machine.addresses.is_empty() || machine.addresses == lease.addresses;
                if machine.power == lease.power && same_addresses {
                    return Ok(());
                }
                Event::Seen { power: machine.power, addresses: machine.addresses.clone() }
            }
            // Another machine has its name, so it cannot have been overlooked.
            None if lease.state == State::Adopted
                && there.by_name.contains_key(&lease.key.name) =>
            {
                Event::Vanished
            }
            None if matches!(lease.state, State::Active | State::Expired | State::Adopted) => {
                // A listing taken while the machine was being moved may miss it.
                match provider.find(&lease.key).await {
                    Ok(None) => Event::Vanished,
                    _ => return Ok(()),
                }
            }
            None => return Ok(()),
        };
        // Somebody may have said what explains it, and was not heard yet.
        if self.is_lease_behind(lease.request).await? {
            return Ok(());
        }
        self.lease_meets(lease.id(), &event).await
    }

    /// A lease meets an event outside of any look. Read anew when somebody
    /// else was faster: what an outage postpones is said once and not again.
    ///
    /// # Errors
    ///
    /// The store's; or when somebody else is faster every time.
    pub(super) async fn lease_meets(&self, id: LeaseId, event: &Event) -> Result<(), PortError> {
        for _ in 0..RACES {
            let begun = self.now();
            let Some((mut draft, _)) = self.draft_of_lease(id).await? else { return Ok(()) };
            if draft.lease_event(id, event).is_err() || draft.is_empty() {
                return Ok(());
            }
            draft.look_again();
            // What was decided before a sleep is not done after it.
            if self.now() - begun > self.settings.claim {
                let why = "the process stood still meanwhile";
                return Err(PortError::retry(format!("tell lease {id} what happened"), why));
            }
            match draft.commit().await {
                Ok(()) => return Ok(()),
                Err(CommitError::Conflict) => {}
                Err(CommitError::Port(error)) => return Err(error),
            }
        }
        Err(PortError::retry(format!("tell lease {id} what happened"), CommitError::Conflict))
    }
}

/// The machines of a provider, to be found among very many.
struct There<'a> {
    by_lease: HashMap<LeaseId, &'a Machine>,
    by_name: HashMap<&'a MachineName, &'a Machine>,
}

impl<'a> There<'a> {
    fn of(machines: &'a [Machine]) -> Self {
        // Of a machine and its copies, which bear the same mark, the first is looked at.
        let marked = machines.iter().rev().filter_map(|machine| Some((machine.lease?, machine)));
        Self {
            by_lease: marked.collect(),
            by_name: machines.iter().map(|machine| (&machine.name, machine)).collect(),
        }
    }

    /// The lease's machine: by our mark, or, as long as an adopted one bears none,
    /// by name and UUID.
    fn machine_of(&self, lease: &Known) -> Option<&'a Machine> {
        match lease.state {
            State::Adopted => {
                let named = self.by_name.get(&lease.key.name).copied();
                named.filter(|machine| Some(machine.uuid) == lease.key.uuid)
            }
            _ => self.by_lease.get(&lease.id()).copied(),
        }
    }
}
