//! From an approved request to leases: names and hosts are chosen here, once,
//! and stored before the first call to a provider.

use std::collections::BTreeSet;

use super::{
    Engine,
    draft::{Draft, Of, person},
    look::Desk,
};
use crate::{
    brake::Deed,
    cookbook::Cookbook,
    identity::{LeaseId, MachineName, Person},
    lease::{Extensions, Lease, State, lifecycle::Effect},
    machine::{Keep, MachineKey, MachineOrder, Power, Shape},
    notice::{Reply, waits::waits},
    policy::{self, Verdict},
    ports::{
        PortError,
        store::{Actor, CommitError, Versioned},
    },
    request::{Approval, Request, WaitsOn, lifecycle::Event, spec::Spec, value::Term},
};

impl Engine {
    /// Grants the request: leases, and the order to make their machines.
    /// `last` is the approval that completed it; none when nobody had to approve.
    pub(super) async fn grant(
        &self,
        desk: &Desk,
        draft: &mut Draft<'_>,
        cookbook: &Cookbook,
        last: Option<(&Approval, Option<String>)>,
    ) -> Result<(), CommitError> {
        let request = draft.request.value.clone();
        let verdict = &request.verdict;
        let (Some(spec), Some(digest)) = (&verdict.spec, verdict.digest()) else { return Ok(()) };
        if let Some((approval, _)) = &last
            && let Some(why) = self.against_granting(desk, draft, cookbook).await?
        {
            draft.reply(&format!("overtaken:{}", approval.note), Reply::NotApprovable { why });
            draft.request_mut().approvals.clear();
            draft.request_mut().accepted = false;
            draft.look_again();
            return Ok(());
        }
        draft.only_if_usage_stands();
        if let Some(guide) = &cookbook.guide {
            let digest = Some(digest);
            return Self::guide(draft, guide, last, digest);
        }
        let owner = verdict.owner.clone();
        let ssh_keys = self.keys(desk, spec, &owner).await?;
        let mut taken = self.names_in_use(cookbook).await?;
        let mut machines = Vec::new();
        draft.request_event(Event::Approved).map_err(PortError::bug("grant a request"))?;
        for index in 0..spec.count() {
            let id = LeaseId(self.ports.entropy.uuid());
            let name = choose_name(&request.issue, cookbook, spec, index, id, &taken);
            taken.insert(name.to_string());
            machines.push(name.to_string());
            let granted = spec.term().unwrap_or(Term::For(cookbook.lifetime.default));
            let key = MachineKey { lease: id, name, uuid: None };
            let order = MachineOrder {
                ssh_keys: ssh_keys.clone(),
                owner: owner.username.clone(),
                message_of_the_day: self.message_of_the_day(&request, &owner, granted),
                ..order(key, cookbook, spec)
            };
            let providers = &cookbook.placement.providers;
            let provider = self.place(providers, &order, &draft.leases).await?;
            let lease = Lease {
                id,
                request: Some(request.id),
                issue: request.issue.clone(),
                cookbook: cookbook.name.clone(),
                digest,
                policy_version: request.policy_version,
                terms: cookbook.lifetime.clone(),
                owner: owner.clone(),
                fallback: verdict.fallback.clone(),
                provider,
                order,
                keep: if cookbook.placement.keep_disks { Keep::Disks } else { Keep::Nothing },
                state: State::Provisioning,
                waits_on: WaitsOn::Provider,
                waits_since: draft.now(),
                power: Power::Unknown,
                granted,
                handed_over: None,
                deadline: None,
                announcements: Vec::new(),
                ordered: Vec::new(),
                hold: None,
                protected: false,
                addresses: Vec::new(),
                host_keys: Vec::new(),
                progress: None,
                trouble: None,
                waiting: None,
                hooks: Vec::new(),
                team: spec.team().map(str::to_owned),
                extensions: Extensions::default(),
                resizing: Vec::new(),
                marking: false,
            };
            draft.add_lease(lease, Effect::Create);
        }
        let of = |authority| Of { digest: Some(digest), authority, lease: None };
        match last {
            Some((approval, authority)) => {
                let waiting = self.brake(Deed::Create, &cookbook.name).await?;
                let reply = Reply::Approved {
                    waits: waiting
                        .map(|waiting| waits(&waiting, &self.calendar_of(&cookbook.name))),
                    by: approval.by.username.clone(),
                    have: request.approvals.len(),
                    need: request.approvals.len(),
                    missing: Vec::new(),
                    machines,
                    acceptance_by: None,
                };
                draft.reply(&format!("granted:{}", approval.note), reply);
                draft.audit(person(&approval.by), "granted", of(authority));
            }
            None => draft.audit(Actor::Clock, "granted-automatically", of(None)),
        }
        Ok(())
    }

    /// What the rules have against it at this moment, where they look at what
    /// is in use: that may have changed since it was judged.
    async fn against_granting(
        &self,
        desk: &Desk,
        draft: &mut Draft<'_>,
        cookbook: &Cookbook,
    ) -> Result<Option<String>, CommitError> {
        if !cookbook.looks_at("usage.") {
            return Ok(None);
        }
        let mark = self.usage_mark(cookbook).await?;
        if draft.is_usage_as_read(mark) {
            return Ok(None);
        }
        draft.usage_read(mark);
        let request = &draft.request.value;
        let facts = self.facts(desk, draft, cookbook, &request.reading).await?;
        let now = policy::judge(cookbook, request.policy_version, &request.reading, &facts);
        if !now.is_worse_than(&request.verdict) {
            return Ok(None);
        }
        let why = used_up(cookbook, &now);
        Ok(Some(why.unwrap_or_else(|| "something it depends on has changed meanwhile.".to_owned())))
    }

    /// The keys that may log in: those of the form if the cookbook asks for
    /// them, else those of the owner's account.
    async fn keys(
        &self,
        desk: &Desk,
        spec: &Spec,
        owner: &Person,
    ) -> Result<Vec<String>, PortError> {
        let given = spec.ssh_keys();
        if !given.is_empty() {
            return Ok(given.into_iter().map(str::to_owned).collect());
        }
        self.forge(&desk.reference().forge)?.ssh_keys(owner.id).await
    }

    /// What whoever logs in is told. The day is that of the grant: extensions
    /// are on the issue.
    fn message_of_the_day(&self, request: &Request, owner: &Person, granted: Term) -> String {
        let calendar = self.calendar_of(&request.cookbook);
        let until = match granted {
            Term::For(lifetime) => calendar.expiry(self.now(), lifetime),
            Term::Until(day) => calendar.expiry_on(day),
        };
        format!(
            "This machine is for {} until {}, unless that was changed on\n{}",
            owner.username,
            calendar.due_date(until),
            request.web_url,
        )
    }

    async fn names_in_use(&self, cookbook: &Cookbook) -> Result<BTreeSet<String>, PortError> {
        let mut names: BTreeSet<String> = self.inspection().names_on(&cookbook.placement.providers);
        names.extend(self.in_force().protected_names.iter().cloned());
        let mut show = |lease: Versioned<Lease>| {
            names.insert(lease.value.order.key.name.to_string());
        };
        self.store().each_live_lease(&mut show).await?;
        Ok(names)
    }
}

/// That what is in use has changed so that it cannot be granted any more, if
/// nothing else is in the way.
pub(super) fn used_up(cookbook: &Cookbook, verdict: &Verdict) -> Option<String> {
    let mut messages = Vec::new();
    for violation in &verdict.violations {
        let place = violation.rule.as_ref()?;
        let rule = cookbook.rules.iter().find(|rule| rule.id == place.id)?;
        if !rule.require.mentions_any_of("usage.") {
            return None;
        }
        messages.push(violation.message.as_str());
    }
    let messages = messages.join(" ");
    (!messages.is_empty()).then(|| format!("its quota was used up meanwhile. {messages}"))
}

/// A machine as the form asks for it, and as the cookbook has it otherwise.
pub(super) fn order(key: MachineKey, cookbook: &Cookbook, spec: &Spec) -> MachineOrder {
    order_of(key, cookbook, spec.shape(cookbook.placement.shape))
}

/// A machine of this size, and as the cookbook has it otherwise.
pub(super) fn order_of(key: MachineKey, cookbook: &Cookbook, shape: Shape) -> MachineOrder {
    let placement = cookbook.placement.clone();
    MachineOrder {
        key,
        shape,
        more_disks: placement.more_disks,
        image: placement.image,
        network: placement.network,
        storage: placement.storage,
        firmware: placement.firmware,
        bandwidth: placement.bandwidth,
        parameters: placement.parameters,
        login: placement.login,
        ssh_keys: Vec::new(),
        owner: String::new(),
        message_of_the_day: String::new(),
        rebuild: 0,
    }
}

/// The host name asked for, or one made of cookbook and issue number; several
/// machines are numbered. A name in use gets the beginning of the lease's id.
fn choose_name(
    issue: &crate::identity::IssueRef,
    cookbook: &Cookbook,
    spec: &Spec,
    index: u64,
    id: LeaseId,
    taken: &BTreeSet<String>,
) -> MachineName {
    let base = spec
        .hostname()
        .map_or_else(|| format!("{}-{}", cookbook.name, issue.number), str::to_owned);
    let name = if spec.count() > 1 { format!("{base}-{}", index + 1) } else { base };
    if taken.contains(&name) {
        let unique: String = id.to_string().chars().take(4).collect();
        return MachineName(format!("{name}-{unique}"));
    }
    MachineName(name)
}
