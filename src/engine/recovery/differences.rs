//! What is different in the world from what the restored store says. Looked at,
//! and nothing else.

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};
use serde::Serialize;

use super::{Engine, is_repeatable};
use crate::{
    identity::{ForgeName, IssueRef, LeaseId, MachineName, ProjectId, ProviderName, Timestamp},
    lease::{Lease, State, Step},
    machine::{Machine, Power},
    ports::{PortError, forge::Forge, restoration::Restoration},
    request::Request,
};

/// How far ahead is told what comes next.
const AHEAD: TimeDelta = TimeDelta::days(7);

/// A forge shows a change a little later than it stamps it.
const OVERLAP: TimeDelta = TimeDelta::minutes(2);

/// What differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Differences {
    /// Of when the store is.
    pub restoration: Restoration,
    /// Machines that are not as their leases say.
    pub machines: Vec<MachineFound>,
    /// Machines that bear our mark and have no lease here.
    pub strays: Vec<Stray>,
    /// Issues on which something happened since.
    pub issues: Vec<IssueFound>,
    /// What comes next once it goes on.
    pub next: Vec<Next>,
    /// What could not be looked at, and why.
    pub unreachable: Vec<String>,
}

/// A machine that is not as its lease says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MachineFound {
    /// Its name.
    pub machine: MachineName,
    /// Where it is, or should be.
    pub provider: ProviderName,
    /// Its lease.
    pub lease: LeaseId,
    /// Where that stands in the store.
    pub state: State,
    /// The issue's page.
    pub page: String,
    /// How it is.
    pub found: Found,
}

/// How a machine is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// It is not there.
    Missing,
    /// It runs, or does not, unlike before.
    Power {
        /// In the store.
        recorded: Power,
        /// Now.
        now: Power,
    },
    /// Another machine has its name: it does not bear this lease's mark, or it
    /// has another UUID.
    Another,
    /// It has another size.
    Resized,
}

/// A machine that bears our mark and has no lease here.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stray {
    /// Its name.
    pub machine: MachineName,
    /// Where it is.
    pub provider: ProviderName,
    /// The lease it names.
    pub lease: LeaseId,
    /// Whether that lease is here, and over.
    pub ended: bool,
    /// Whether it runs.
    pub power: Power,
}

/// An issue on which something happened since.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IssueFound {
    /// Its page.
    pub page: String,
    /// Whether its request is in the store.
    pub known: bool,
    /// How many comments we wrote that the store does not know of.
    pub our_comments: usize,
    /// What people ordered.
    pub commands: Vec<Said>,
    /// It was closed (`false`) or opened since.
    pub open: Option<bool>,
    /// The end that it shows, if it is another than the store's.
    pub due_date: Option<NaiveDate>,
}

/// A command that the store does not know of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Said {
    /// Who gave it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Its word.
    pub command: &'static str,
    /// Whether it is obeyed once things go on; else it has to be said again.
    pub is_obeyed: bool,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Next {
    /// The machine.
    pub machine: MachineName,
    /// The issue's page.
    pub page: String,
    /// What; `None` for a destruction that has begun.
    pub step: Option<Step>,
    /// When it was due by the store; `None` if it has begun.
    pub due: Option<Timestamp>,
    /// Not before this moment, if things go on now.
    pub earliest: Option<Timestamp>,
}

impl Differences {
    /// Whether the world is as the store says.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { machines, strays, issues, unreachable, .. } = self;
        machines.is_empty() && strays.is_empty() && issues.is_empty() && unreachable.is_empty()
    }
}

impl Engine {
    /// Compares the world with the store. Nothing is changed anywhere.
    ///
    /// # Errors
    ///
    /// The store's. What cannot be reached is among what is found.
    pub async fn differences(&self, restoration: Restoration) -> Result<Differences, PortError> {
        let mut leases = Vec::new();
        for lease in self.store().live_leases().await? {
            let page = self.page(&lease.value).await?;
            leases.push((lease.value, page));
        }
        let mut found = Differences {
            restoration,
            machines: Vec::new(),
            strays: Vec::new(),
            issues: Vec::new(),
            next: self.next(&leases),
            unreachable: Vec::new(),
        };
        let mut on: BTreeMap<ProviderName, Vec<(Lease, String)>> =
            self.ports.providers.keys().map(|name| (name.clone(), Vec::new())).collect();
        for (lease, page) in leases {
            on.entry(lease.provider.clone()).or_default().push((lease, page));
        }
        for (provider, leases) in &on {
            let listed = match self.provider(provider) {
                Ok(provider) => provider.list().await,
                Err(error) => Err(error),
            };
            match listed {
                Ok(machines) => self.compare_all(provider, leases, &machines, &mut found).await?,
                Err(error) => found.unreachable.push(format!("{provider}: {}", error.chain())),
            }
        }
        self.discover().await;
        for project in self.all_served().iter() {
            let (forge, id) = (&project.forge, project.id);
            match self.changed_issues(forge, id, &restoration).await {
                Ok(issues) => found.issues.extend(issues),
                Err(error) => found.unreachable.push(format!("{forge}:{id}: {}", error.chain())),
            }
        }
        Ok(found)
    }

    async fn compare_all(
        &self,
        provider: &ProviderName,
        leases: &[(Lease, String)],
        machines: &[Machine],
        into: &mut Differences,
    ) -> Result<(), PortError> {
        for (lease, page) in leases {
            let key = &lease.order.key;
            let found = how(lease, machines).map(|found| MachineFound {
                machine: key.name.clone(),
                provider: provider.clone(),
                lease: lease.id,
                state: lease.state,
                page: page.clone(),
                found,
            });
            into.machines.extend(found);
        }
        for machine in machines {
            let Some(mark) = machine.lease else { continue };
            let lives =
                |(lease, _): &&(Lease, String)| lease.id == mark && lease.state.has_machine();
            if leases.iter().any(|lease| lives(&lease)) {
                continue;
            }
            into.strays.push(Stray {
                machine: machine.name.clone(),
                provider: provider.clone(),
                lease: mark,
                ended: self.store().lease(mark).await?.is_some(),
                power: machine.power,
            });
        }
        Ok(())
    }

    /// Issues that changed since the backup, as far as they are ours.
    async fn changed_issues(
        &self,
        forge: &ForgeName,
        project: ProjectId,
        restoration: &Restoration,
    ) -> Result<Vec<IssueFound>, PortError> {
        let port = self.forge(forge)?;
        let since = restoration.taken_at - OVERLAP;
        let mut found = Vec::new();
        for updated in port.issues_updated_since(project, since).await? {
            let issue = self.changed_issue(port, &updated.reference, restoration).await?;
            found.extend(issue);
        }
        Ok(found)
    }

    async fn changed_issue(
        &self,
        forge: &dyn Forge,
        reference: &IssueRef,
        restoration: &Restoration,
    ) -> Result<Option<IssueFound>, PortError> {
        let issue = forge.issue(reference).await?;
        let request = self.store().request_on(reference).await?.map(|request| request.value);
        if request.is_none() && self.recognise(&issue, &self.cookbooks()).is_none() {
            return Ok(None);
        }
        let own = self.own_account(&reference.forge).await?;
        let seen = self.store().seen_notes(reference).await?;
        let notes = forge.discussion(reference).await?.notes;
        let ours = notes
            .iter()
            .filter(|note| note.author.id == own.id && note.created_at > restoration.taken_at);
        let our_comments = ours.count();
        let mut commands = Vec::new();
        let others = notes.iter().filter(|note| {
            note.author.id != own.id && !note.by_bot && !note.edited && !seen.contains(&note.id)
        });
        for note in others {
            for command in crate::command::commands(&note.body, &own.username) {
                let Ok(command) = command else { continue };
                let lost = restoration.may_have_been_dealt_with(note.created_at);
                commands.push(Said {
                    by: note.author.username.clone(),
                    at: note.created_at,
                    command: command.word().entry().word,
                    is_obeyed: request.is_some() && (!lost || is_repeatable(&command)),
                });
            }
        }
        let known = request.is_some();
        let open =
            request.as_ref().filter(|request| request.seen_open != issue.open).map(|_| issue.open);
        let due_date = issue
            .due_date
            .filter(|day| request.as_ref().is_some_and(|request| shown(request) != Some(*day)));
        let found =
            IssueFound { page: issue.web_url, known, our_comments, commands, open, due_date };
        let nothing = found.known
            && found.our_comments == 0
            && found.commands.is_empty()
            && found.open.is_none()
            && found.due_date.is_none();
        Ok((!nothing).then_some(found))
    }

    /// What comes next within a week, soonest first.
    fn next(&self, leases: &[(Lease, String)]) -> Vec<Next> {
        let now = self.now();
        let next = |(lease, page): &(Lease, String)| {
            let machine = lease.order.key.name.clone();
            let page = page.clone();
            if lease.state == State::Destroying {
                return Some(Next { machine, page, step: None, due: None, earliest: None });
            }
            let deadline = lease.deadline?;
            if lease.protected || lease.hold.is_some() || deadline.at > now + AHEAD {
                return None;
            }
            let noticed = self.calendar_of(&lease.cookbook).after(now, lease.terms.min_notice);
            let earliest = Some(deadline.at.max(noticed));
            let (step, due) = (Some(deadline.step), Some(deadline.at));
            Some(Next { machine, page, step, due, earliest })
        };
        let mut all: Vec<Next> = leases.iter().filter_map(next).collect();
        all.sort_by_key(|next| next.earliest);
        all
    }
}

fn shown(request: &Request) -> Option<NaiveDate> {
    request.due_date_shown
}

/// How a lease's machine is, if not as the store says.
fn how(lease: &Lease, machines: &[Machine]) -> Option<Found> {
    if !lease.state.has_machine() {
        return None;
    }
    let key = &lease.order.key;
    let named = machines.iter().find(|machine| machine.name == key.name);
    let is_its = |machine: &&Machine| match lease.state {
        State::Adopted => Some(machine.uuid) == key.uuid,
        _ => machine.lease == Some(lease.id) && key.uuid.is_none_or(|uuid| uuid == machine.uuid),
    };
    let Some(machine) = named.filter(is_its) else {
        return match (named, lease.state) {
            (Some(_), _) => Some(Found::Another),
            // Not there yet, or not any more, is how it should be.
            (None, State::Provisioning | State::Destroying) => None,
            (None, _) => Some(Found::Missing),
        };
    };
    if machine.power != lease.power && lease.state != State::Provisioning {
        return Some(Found::Power { recorded: lease.power, now: machine.power });
    }
    // A list may leave out the disk.
    let shape = machine.shape?;
    let ordered = lease.order.shape;
    let same = shape.vcpus == ordered.vcpus && shape.memory == ordered.memory;
    (!same && lease.state == State::Active).then_some(Found::Resized)
}
