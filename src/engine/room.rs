//! Whether there is room, and where: placement by free memory, and what is
//! said before somebody approves what would have to wait.

use uuid::Uuid;

use super::{Engine, grant::order, inspect::Inspection};
use crate::{
    cookbook::Cookbook,
    identity::{LeaseId, ProviderName},
    lease::{Lease, State},
    machine::{Capacity, MachineKey, MachineOrder},
    policy::Room,
    ports::{PortError, store::Versioned},
    request::spec::Spec,
};

impl Engine {
    /// The provider with most memory left of those that have room; among
    /// those without, or that do not answer, the first that does. `siblings`
    /// were placed a moment ago and are not stored yet.
    pub(super) async fn place(
        &self,
        providers: &[ProviderName],
        order: &MachineOrder,
        siblings: &[Versioned<Lease>],
    ) -> Result<ProviderName, PortError> {
        if let [only] = providers {
            return Ok(only.clone());
        }
        let mut best: Option<(bool, u64, &ProviderName)> = None;
        for name in providers {
            let Ok(provider) = self.provider(name) else { continue };
            let capacity = match provider.capacity().await {
                Ok(capacity) => capacity,
                Err(error) => {
                    tracing::warn!(provider = %name, error = %error.chain(), "passed over when placing a machine");
                    continue;
                }
            };
            let waiting = self.waiting_on(name).await?;
            let here = siblings.iter().map(|lease| &lease.value).filter(|l| l.provider == *name);
            let ahead: Vec<&MachineOrder> = here.map(|l| &l.order).chain(&waiting).collect();
            let promised: u64 = ahead.iter().map(|order| order.shape.memory.get()).sum();
            let fits = capacity.shortage(order, &ahead).is_none();
            let left = capacity.memory.saturating_sub(promised);
            if best.is_none_or(|(best_fits, most, _)| (fits, left) > (best_fits, most)) {
                best = Some((fits, left, name));
            }
        }
        match (best, providers.first()) {
            (Some((_, _, name)), _) | (None, Some(name)) => Ok(name.clone()),
            (None, None) => Err(PortError::give_up("place a machine", "no provider is named")),
        }
    }

    /// Machines that were promised there and are not made yet.
    async fn waiting_on(&self, provider: &ProviderName) -> Result<Vec<MachineOrder>, PortError> {
        let mut waits =
            |lease: &Lease| lease.provider == *provider && lease.state == State::Provisioning;
        let leases = self.store().live_leases_where(&mut waits).await?;
        Ok(leases.into_iter().map(|lease| lease.value.order).collect())
    }

    /// What is free, for the rules of a cookbook: on its provider with most
    /// memory left, as things stood at the last sweep.
    pub(super) async fn room(&self, cookbook: &Cookbook) -> Result<Room, PortError> {
        if !cookbook.looks_at("capacity.") {
            return Ok(Room::default());
        }
        let inspection = self.inspection();
        let mut most = Room::default();
        for name in &cookbook.placement.providers {
            let Some(capacity) = known(&inspection, name) else { continue };
            let waiting = self.waiting_on(name).await?;
            let ahead: Vec<&MachineOrder> = waiting.iter().collect();
            let (memory, disk) = capacity.left(cookbook.placement.storage.as_deref(), &ahead);
            if most.memory.is_none_or(|most| memory > most) {
                most = Room { memory: Some(memory), disk };
            }
        }
        Ok(most)
    }

    /// What there is too little of for a request as things stood at the last
    /// sweep, if no provider of the cookbook has room. A hint: what is made
    /// later is decided by the provider then.
    pub(super) async fn shortage(
        &self,
        cookbook: &Cookbook,
        spec: &Spec,
    ) -> Result<Option<String>, PortError> {
        let inspection = self.inspection();
        let mut shortage = None;
        for name in &cookbook.placement.providers {
            let Some(capacity) = known(&inspection, name) else { return Ok(None) };
            let waiting = self.waiting_on(name).await?;
            let key = MachineKey { lease: LeaseId(Uuid::nil()), name: "?".into(), uuid: None };
            let one = order(key, cookbook, spec);
            let count = usize::try_from(spec.count()).unwrap_or(usize::MAX).min(100);
            let siblings = std::iter::repeat_n(&one, count.saturating_sub(1));
            let ahead: Vec<&MachineOrder> = waiting.iter().chain(siblings).collect();
            match capacity.shortage(&one, &ahead) {
                None => return Ok(None),
                Some(found) => shortage = Some(found.to_string()),
            }
        }
        Ok(shortage)
    }
}

fn known<'a>(inspection: &'a Inspection, name: &ProviderName) -> Option<&'a Capacity> {
    inspection.providers.get(name)?.capacity.as_ref()
}
