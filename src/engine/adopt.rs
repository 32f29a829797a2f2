//! Adopting: machines that were on a provider before anybody asked for them
//! here get an issue and a lease, so that somebody can say whose they are.
//!
//! Nothing on a provider is touched by it. The mark that makes a machine ours
//! is written only when a sysadmin has confirmed it on its issue.
//!
//! An issue cannot be filed in one transaction with its lease. So each bears a
//! hidden line with provider and UUID: one whose lease was not stored is found
//! by that line, and by us as its author, and used again.

pub mod report;

use chrono::TimeDelta;
use uuid::Uuid;

use super::{Engine, grant::order_of};
use crate::{
    cookbook::Cookbook,
    identity::{
        CookbookName, Digest, ForgeName, LeaseId, MachineName, Person, ProjectId, ProviderName,
    },
    lease::{Extensions, Lease, State},
    machine::{Keep, Machine, MachineKey},
    notice::{adoption, marker::Marker},
    ports::{
        PortError,
        forge::Issue,
        store::{Actor, AuditNote, Change, CommitError, Versioned},
    },
    request::{Request, Salt, WaitsOn, lifecycle::State as RequestState, value::Term},
};

/// The lock's name: two adoptions at once would file issues twice.
const LOCK: &str = "adopt";

/// How long the lock outlives a process that died.
const LOCK_FOR: TimeDelta = TimeDelta::minutes(2);

/// The longest name a host can have.
const LONGEST_NAME: usize = 253;

/// A machine on a provider, and what adopting it would come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The machine.
    pub machine: Machine,
    /// What it is to us.
    pub prospect: Prospect,
}

/// What a machine is to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prospect {
    /// It can be adopted.
    Adoptable {
        /// Its name is on the operator's list of machines never touched.
        protected_name: bool,
    },
    /// It has a lease.
    Ours {
        /// The issue's page.
        page: String,
    },
    /// It was adopted, and nobody has confirmed it yet.
    Unconfirmed {
        /// The issue's page.
        page: String,
    },
    /// It cannot be adopted.
    Impossible {
        /// Why, as a sentence with what to do about it.
        why: String,
    },
}

/// Where machines are adopted from, and where that is talked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where the machines are.
    pub provider: ProviderName,
    /// Where their issues are filed.
    pub forge: ForgeName,
    /// In which of its projects.
    pub project: ProjectId,
    /// Whose terms they get.
    pub cookbook: CookbookName,
}

/// Files issues for machines and stores their leases, one after the other.
/// Nobody else does so meanwhile; [`Adoption::end`] lets others.
pub struct Adoption<'a> {
    engine: &'a Engine,
    target: Target,
    cookbook: Cookbook,
    policy_version: Digest,
    own: Person,
    /// Our issues in the project; `None` when one may have been filed since
    /// they were read.
    filed: Option<Vec<Issue>>,
}

impl Engine {
    /// Every machine on a provider, and what it is to us.
    ///
    /// # Errors
    ///
    /// The provider's or the store's.
    pub async fn survey(&self, provider: &ProviderName) -> Result<Vec<Found>, PortError> {
        let machines = self.provider(provider)?.list().await?;
        let leases = self.leases_on(provider).await?;
        let mut found = Vec::with_capacity(machines.len());
        for machine in machines {
            let prospect = self.prospect(&machine, &leases).await?;
            found.push(Found { machine, prospect });
        }
        found.sort_by(|a, b| a.machine.name.cmp(&b.machine.name));
        Ok(found)
    }

    /// Begins adopting.
    ///
    /// # Errors
    ///
    /// When somebody else does, the cookbook is not there, or the forge's or
    /// the store's.
    pub async fn begin_adoption(&self, target: Target) -> Result<Adoption<'_>, PortError> {
        let doing = format!("adopt machines of {}", target.provider);
        let cookbooks = self.cookbooks();
        let Some(cookbook) = cookbooks.get(&target.cookbook).cloned() else {
            let why = format!("there is no cookbook `{}`", target.cookbook);
            return Err(PortError::give_up(doing, why));
        };
        if cookbook.guide.is_some() {
            let why = format!("cookbook `{}` makes no machines", target.cookbook);
            return Err(PortError::give_up(doing, why));
        }
        if cookbook.issue.confidential {
            // An issue is filed for all to see, and could only be hidden after.
            let why = format!("the issues of cookbook `{}` are confidential", target.cookbook);
            return Err(PortError::give_up(doing, why)
                .advice("adopt under a cookbook whose issues are not"));
        }
        self.must_not_only_listen(&doing).await?;
        let own = self.own_account(&target.forge).await?;
        self.hold_adoption_lock(&doing).await?;
        let policy_version = cookbooks.version;
        Ok(Adoption { engine: self, target, cookbook, policy_version, own, filed: None })
    }

    async fn hold_adoption_lock(&self, doing: &str) -> Result<(), PortError> {
        let now = self.now();
        if self.store().lock(LOCK, &self.settings.holder, now, now + LOCK_FOR).await? {
            return Ok(());
        }
        Err(PortError::retry(doing, "somebody else is adopting machines, or was interrupted")
            .advice("try again in two minutes"))
    }

    /// Leases on a provider that have not ended.
    async fn leases_on(&self, provider: &ProviderName) -> Result<Vec<Lease>, PortError> {
        let mut here = |lease: &Lease| lease.provider == *provider;
        let leases = self.store().live_leases_where(&mut here).await?;
        Ok(leases.into_iter().map(|lease| lease.value).collect())
    }

    async fn prospect(&self, machine: &Machine, leases: &[Lease]) -> Result<Prospect, PortError> {
        let with_machine = || leases.iter().filter(|lease| lease.state.has_machine());
        let impossible = |why: String| Ok(Prospect::Impossible { why });
        if let Some(mark) = machine.lease {
            return match with_machine().find(|lease| lease.id == mark) {
                Some(lease) => Ok(Prospect::Ours { page: self.page(lease).await? }),
                None => impossible(format!(
                    "It carries the mark of lease {mark}, which has ended or is not known here: look whose it is, and remove the mark on the provider."
                )),
            };
        }
        if let Some(lease) = with_machine().find(|lease| lease.order.key.name == machine.name) {
            let page = self.page(lease).await?;
            let same = lease.order.key.uuid == Some(machine.uuid);
            if lease.state == State::Adopted && same {
                return Ok(Prospect::Unconfirmed { page });
            }
            return impossible(format!(
                "Another machine of this name has a lease, see {page}: end that first."
            ));
        }
        if !is_usable(&machine.name) {
            return impossible(
                "Its name holds what no host name has: rename it on the provider to letters, digits, `-`, `.` and `_`."
                    .to_owned(),
            );
        }
        Ok(Prospect::Adoptable { protected_name: self.has_protected_name(&machine.name) })
    }

    fn has_protected_name(&self, name: &MachineName) -> bool {
        self.in_force().protected_names.iter().any(|other| other == name.as_str())
    }

    /// Where people talk about a lease.
    pub(super) async fn page(&self, lease: &Lease) -> Result<String, PortError> {
        let request = match lease.request {
            Some(id) => self.store().request(id).await?,
            None => None,
        };
        Ok(request.map_or_else(|| lease.issue.to_string(), |request| request.value.web_url))
    }
}

impl Adoption<'_> {
    /// Adopts a machine, unless it is ours already or cannot be: what it is to
    /// us afterwards. Doing it again changes nothing.
    ///
    /// # Errors
    ///
    /// The forge's or the store's. What was begun is found by the next try.
    pub async fn adopt(&mut self, machine: &Machine) -> Result<Prospect, PortError> {
        let engine = self.engine;
        let doing = format!("adopt machine {} of {}", machine.name, self.target.provider);
        engine.hold_adoption_lock(&doing).await?;
        let leases = engine.leases_on(&self.target.provider).await?;
        let prospect = engine.prospect(machine, &leases).await?;
        let Prospect::Adoptable { protected_name } = prospect else { return Ok(prospect) };
        let issue = match self.filed_before(machine.uuid).await? {
            Some(issue) => issue,
            None => self.file(machine, protected_name).await?,
        };
        let page = issue.web_url.clone();
        self.store(machine, issue).await.map_err(|error| error.or_retry(doing))?;
        Ok(Prospect::Unconfirmed { page })
    }

    /// Lets others adopt.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn end(self) -> Result<(), PortError> {
        self.engine.store().unlock(LOCK, &self.engine.settings.holder).await
    }

    fn marker(&self, uuid: Uuid) -> Marker {
        Marker::Adopted(self.target.provider.clone(), uuid)
    }

    /// An issue that was filed for this machine and whose lease was never stored.
    async fn filed_before(&mut self, uuid: Uuid) -> Result<Option<Issue>, PortError> {
        let marker = self.marker(uuid);
        let filed = if let Some(filed) = self.filed.take() {
            filed
        } else {
            let forge = self.engine.forge(&self.target.forge)?;
            forge.issues_by(self.target.project, self.own.id).await?
        };
        let ours =
            |issue: &&Issue| issue.author.id == self.own.id && marker.is_in(&issue.description);
        let mut found = None;
        for issue in filed.iter().filter(ours) {
            // One that has a request is the record of an earlier adoption.
            if self.engine.store().request_on(&issue.reference).await?.is_none() {
                found = Some(issue.clone());
                break;
            }
        }
        self.filed = Some(filed);
        Ok(found)
    }

    async fn file(&mut self, machine: &Machine, protected_name: bool) -> Result<Issue, PortError> {
        let Target { provider, forge, project, cookbook } = &self.target;
        let sysadmins = &self.engine.settings.sysadmins;
        let adoption = adoption::Adoption {
            sysadmins: sysadmins.iter().map(ToString::to_string).collect(),
            protected_name,
            ..adoption::Adoption::of(machine, provider, cookbook, &self.own.username)
        };
        let text = self
            .engine
            .renderer()
            .adoption(&adoption)
            .map_err(|cause| PortError::give_up("render the issue of an adopted machine", cause))?
            .marked(&self.marker(machine.uuid));
        let filed = self.engine.forge(forge)?.file_issue(*project, &adoption.title(), &text).await;
        if filed.is_err() {
            // It may have been filed although the answer was lost.
            self.filed = None;
        }
        filed
    }

    async fn store(&self, machine: &Machine, issue: Issue) -> Result<(), CommitError> {
        let engine = self.engine;
        let (mut request, lease) = self.record(machine, &issue);
        let salt = Salt::new(engine.ports.entropy.uuid());
        request.salt = Some(salt);
        let note = AuditNote {
            actor: Actor::Outside,
            action: "adopted".to_owned(),
            authority: None,
            request: Some(request.id),
            lease: Some(lease.id),
            digest: Some(salt.seal(&lease.digest)),
            policy_version: Some(self.policy_version),
        };
        let change = Change {
            request: Some(Versioned::new(request)),
            leases: vec![Versioned::new(lease)],
            looks: vec![issue.reference],
            audit: vec![note],
            at: engine.now(),
            ..Change::default()
        };
        engine.store().commit(&change).await
    }

    /// What is stored of a machine that was found.
    fn record(&self, machine: &Machine, issue: &Issue) -> (Request, Lease) {
        let Self { engine, target, cookbook, policy_version, own, .. } = self;
        let now = engine.now();
        let id = LeaseId(engine.ports.entropy.uuid());
        let request = Request {
            state: RequestState::Fulfilled,
            waits_on: WaitsOn::Sysadmin,
            description: Digest::of(&issue.description),
            leases: vec![id],
            ..engine.new_request(issue, cookbook, *policy_version)
        };
        let key = MachineKey { lease: id, name: machine.name.clone(), uuid: Some(machine.uuid) };
        let shape = machine.shape.unwrap_or(cookbook.placement.shape);
        let lease = Lease {
            id,
            request: Some(request.id),
            issue: issue.reference.clone(),
            cookbook: cookbook.name.clone(),
            digest: Digest::of(format!("{}:{}", target.provider, machine.uuid)),
            policy_version: *policy_version,
            terms: cookbook.lifetime.clone(),
            owner: own.clone(),
            fallback: Vec::new(),
            provider: target.provider.clone(),
            order: order_of(key, cookbook, shape),
            keep: if cookbook.placement.keep_disks { Keep::Disks } else { Keep::Nothing },
            state: State::Adopted,
            waits_on: WaitsOn::Sysadmin,
            waits_since: now,
            power: machine.power,
            granted: Term::For(cookbook.lifetime.default),
            handed_over: None,
            deadline: None,
            announcements: Vec::new(),
            ordered: Vec::new(),
            hold: None,
            protected: true,
            addresses: machine.addresses.clone(),
            host_keys: machine.host_keys.clone(),
            progress: None,
            trouble: None,
            waiting: None,
            hooks: Vec::new(),
            team: None,
            extensions: Extensions::default(),
            resizing: Vec::new(),
            marking: false,
        };
        (request, lease)
    }
}

/// Whether a machine of this name can be spoken of in commands, hooks and URLs
/// without any of them taking it for something else.
fn is_usable(name: &MachineName) -> bool {
    let name = name.as_str();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    name.len() <= LONGEST_NAME
        && name.bytes().all(allowed)
        && edge(name.as_bytes().first())
        && edge(name.as_bytes().last())
}

#[cfg(test)]
mod tests {
    use super::is_usable;

    #[test]
    fn names_that_could_be_taken_for_something_else_are_not_usable() {
        for name in ["web-01", "Web_01.example.org", "7"] {
            assert!(is_usable(&name.into()), "{name}");
        }
        let long = "x".repeat(254);
        for name in ["", "-rf", "web.", ".hidden", "a b", "../etc", "$(rm)", "ä", "a\nb", &long] {
            assert!(!is_usable(&name.into()), "{name}");
        }
    }
}
