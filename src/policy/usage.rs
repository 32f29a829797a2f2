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
    request::Request,
};

/// What somebody holds and asks for. Memory and disk in MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Machines there now.
    pub leases: u64,
    /// Machines asked for by other requests under way.
    pub pending: u64,
    /// Processors of both.
    pub vcpus: u64,
    /// Memory of both.
    pub memory: u64,
    /// All disks of both.
    pub disk: u64,
}

impl Holding {
    fn holds(&mut self, size: Size) {
        self.leases = self.leases.saturating_add(1);
        self.grows(1, size);
    }

    fn awaits(&mut self, count: u64, size: Size) {
        self.pending = self.pending.saturating_add(count);
        self.grows(count, size);
    }

    fn grows(&mut self, count: u64, size: Size) {
        let grown = |sum: u64, each: u64| sum.saturating_add(each.saturating_mul(count));
        self.vcpus = grown(self.vcpus, size.vcpus);
        self.memory = grown(self.memory, size.memory);
        self.disk = grown(self.disk, size.disk);
    }
}

/// What is in use and asked for, besides what is being judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// By the owner.
    pub owner: Holding,
    /// By the team; nothing without a team.
    pub team: Holding,
    /// Of this cookbook.
    pub cookbook: Holding,
    /// On the cookbook's providers.
    pub provider: Holding,
    /// How often the owner's machines were extended.
    pub extensions: u64,
    /// Other open requests of the owner, of all cookbooks.
    pub open_issues: u64,
}

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

impl Usage {
    /// Counts what is there. Leases without a machine and requests that are
    /// decided count nothing.
    #[must_use]
    pub fn count<'a>(
        asking: &Asking<'_>,
        cookbooks: &Cookbooks,
        leases: impl IntoIterator<Item = &'a Lease>,
        requests: impl IntoIterator<Item = &'a Request>,
    ) -> Self {
        let mut usage = Self::default();
        for lease in leases.into_iter().filter(|lease| lease.state.has_machine()) {
            usage.add_lease(asking, lease);
        }
        for request in requests {
            if request.id != asking.request && request.state.is_open() {
                usage.add_request(asking, cookbooks, request);
            }
        }
        usage
    }

    fn add_lease(&mut self, asking: &Asking<'_>, lease: &Lease) {
        let here = lease.issue.forge == *asking.forge;
        let owns = here && lease.owner.id == asking.owner;
        if owns {
            self.extensions = self.extensions.saturating_add(lease.extensions.all.into());
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
        self.concerned(concerned).for_each(|holding| holding.holds(size));
    }

    fn add_request(&mut self, asking: &Asking<'_>, cookbooks: &Cookbooks, request: &Request) {
        let here = request.issue.forge == *asking.forge;
        let owns = here && request.verdict.owner.id == asking.owner;
        self.open_issues = self.open_issues.saturating_add(owns.into());
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
        let size = Size::of(shape, &cookbook.placement.more_disks);
        self.concerned(concerned).for_each(|holding| holding.awaits(spec.count(), size));
    }

    /// Those of owner, team, cookbook and provider for which it is so.
    fn concerned(&mut self, concerned: [bool; 4]) -> impl Iterator<Item = &mut Holding> {
        let holdings = [&mut self.owner, &mut self.team, &mut self.cookbook, &mut self.provider];
        holdings.into_iter().zip(concerned).filter_map(|(holding, so)| so.then_some(holding))
    }
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
