//! What is in use and asked for, counted for everybody a rule can ask about:
//! the owner, their team, the cookbook and its providers.
//!
//! Machines that are there count with what they have, or with the larger size
//! that was ordered for them. Open requests count with what they ask for, so
//! that splitting one request into several does not get round a threshold.

#[cfg(test)]
mod tests;

use crate::{
    cookbook::{Cookbook, Cookbooks},
    identity::{ForgeName, LeaseId, RequestId, UserId},
    lease::Lease,
    machine::{ExtraDisk, Shape},
    policy::{Holding, Usage},
    request::Request,
};

/// Whose usage is asked for, and what is being judged.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// Where owner and team are known.
    pub forge: &'a ForgeName,
    /// Who is to answer for the machine.
    pub owner: UserId,
    /// The team it is for.
    pub team: Option<&'a str>,
    /// The cookbook it is judged by.
    pub cookbook: &'a Cookbook,
    /// The request that is judged: what it asks for is not in its own way.
    pub request: RequestId,
    /// The machine that is judged as if it were asked for now, e.g. in another
    /// size: neither is what it has.
    pub lease: Option<LeaseId>,
}

/// Counts what is there, one by one: there may be very many.
#[derive(Debug)]
pub struct Count<'a> {
    asking: &'a Asking<'a>,
    cookbooks: &'a Cookbooks,
    usage: Usage,
}

impl<'a> Count<'a> {
    /// Nothing yet, as seen by whoever asks.
    #[must_use]
    pub fn new(asking: &'a Asking<'a>, cookbooks: &'a Cookbooks) -> Self {
        Self { asking, cookbooks, usage: Usage::default() }
    }

    /// What was counted.
    #[must_use]
    pub fn usage(self) -> Usage {
        self.usage
    }

    /// Adds a lease; one without a machine counts nothing.
    pub fn add_lease(&mut self, lease: &Lease) {
        if !lease.state.has_machine() {
            return;
        }
        let asking = self.asking;
        let here = lease.issue.forge == *asking.forge;
        let owns = here && lease.owner.id == asking.owner;
        if owns {
            self.usage.extensions =
                self.usage.extensions.saturating_add(lease.extensions.all.into());
        }
        if asking.lease == Some(lease.id) {
            return;
        }
        let concerned = [
            owns,
            here && asking.team.is_some() && lease.team.as_deref() == asking.team,
            lease.cookbook == asking.cookbook.name,
            asking.cookbook.placement.providers.contains(&lease.provider),
        ];
        let size = Size::of_lease(lease);
        self.concerned(concerned).for_each(|holding| {
            holding.leases = holding.leases.saturating_add(1);
            grow(holding, 1, size);
        });
    }

    /// Adds a request; one that is decided, or is judged, counts nothing.
    pub fn add_request(&mut self, request: &Request) {
        let (asking, cookbooks) = (self.asking, self.cookbooks);
        if request.id == asking.request || !request.state.is_open() {
            return;
        }
        let here = request.issue.forge == *asking.forge;
        let owns = here && request.verdict.owner.id == asking.owner;
        self.usage.open_issues = self.usage.open_issues.saturating_add(owns.into());
        let Some(spec) = &request.verdict.spec else { return };
        let Some(cookbook) = cookbooks.get(&request.cookbook) else { return };
        let concerned = [
            owns,
            here && asking.team.is_some() && spec.team() == asking.team,
            request.cookbook == asking.cookbook.name,
            {
                let providers = &asking.cookbook.placement.providers;
                cookbook.placement.providers.iter().any(|provider| providers.contains(provider))
            },
        ];
        let shape = spec.shape(cookbook.placement.shape);
        let size = match &cookbook.guide {
            None => Size::of(shape, &cookbook.placement.more_disks),
            // No machine comes of it.
            Some(_) => Size { vcpus: 0, memory: 0, disk: 0 },
        };
        self.concerned(concerned).for_each(|holding| {
            holding.pending = holding.pending.saturating_add(spec.count());
            grow(holding, spec.count(), size);
        });
    }

    /// Those of owner, team, cookbook and provider for which it is so.
    fn concerned(&mut self, concerned: [bool; 4]) -> impl Iterator<Item = &mut Holding> {
        let Usage { owner, team, cookbook, provider, .. } = &mut self.usage;
        let holdings = [owner, team, cookbook, provider];
        holdings.into_iter().zip(concerned).filter_map(|(holding, so)| so.then_some(holding))
    }
}

fn grow(holding: &mut Holding, count: u64, size: Size) {
    let grown = |sum: u64, each: u64| sum.saturating_add(each.saturating_mul(count));
    holding.vcpus = grown(holding.vcpus, size.vcpus);
    holding.memory = grown(holding.memory, size.memory);
    holding.disk = grown(holding.disk, size.disk);
}

/// How large a machine is with all its disks.
#[derive(Clone, Copy, Debug)]
struct Size {
    vcpus: u64,
    memory: u64,
    disk: u64,
}

impl Size {
    fn of(shape: Shape, more_disks: &[ExtraDisk]) -> Self {
        let more: u64 = more_disks.iter().map(|disk| disk.size.get()).sum();
        Self {
            vcpus: shape.vcpus.get().into(),
            memory: shape.memory.get(),
            disk: shape.disk.get().saturating_add(more),
        }
    }

    /// As large as it is, or is going to be: whichever is more.
    fn of_lease(lease: &Lease) -> Self {
        let order = &lease.order;
        let of = |shape: &Shape| Self::of(*shape, &order.more_disks);
        lease.resizing.iter().map(of).fold(of(&order.shape), |a, b| Self {
            vcpus: a.vcpus.max(b.vcpus),
            memory: a.memory.max(b.memory),
            disk: a.disk.max(b.disk),
        })
    }
}

/// What of a lease is counted, as one text: as long as it stays the same, no
/// rule sees a difference. Empty if nothing is.
#[must_use]
pub fn counted_lease(lease: &Lease) -> String {
    if !lease.state.has_machine() {
        return String::new();
    }
    let whose = (&lease.issue.forge, lease.owner.id, &lease.team);
    let what = (&lease.order.shape, &lease.resizing, &lease.order.more_disks);
    let counted = (whose, &lease.cookbook, &lease.provider, what, lease.extensions.all);
    serde_json::json!(counted).to_string()
}

/// The same of a request.
#[must_use]
pub fn counted_request(request: &Request) -> String {
    if !request.state.is_open() {
        return String::new();
    }
    let whose = (&request.issue.forge, request.verdict.owner.id);
    serde_json::json!((whose, &request.cookbook, request.verdict.digest())).to_string()
}
