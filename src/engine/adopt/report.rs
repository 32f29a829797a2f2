//! What an operator should look at: machines nobody knows, nobody answers for,
//! nobody has confirmed, or whose time is up.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Prospect;
use crate::{
    engine::{Engine, view},
    identity::{ForgeName, ProviderName, Timestamp, UserId},
    lease::{Lease, State, Step},
    ports::PortError,
};

/// Everything worth a look, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// On a provider, without a lease.
    pub unknown: Vec<Entry>,
    /// Adopted and not confirmed, longest first.
    pub unconfirmed: Vec<Entry>,
    /// Their time is up.
    pub expired: Vec<Entry>,
    /// Their owner's account is gone or blocked.
    pub ownerless: Vec<Entry>,
    /// Providers that could not be asked, and why.
    pub unreachable: BTreeMap<ProviderName, String>,
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Where it is.
    pub provider: ProviderName,
    /// Its name. The provider's text.
    pub machine: String,
    /// Why it is here, as a sentence.
    pub why: String,
    /// Since when, if that is known.
    pub since: Option<Timestamp>,
    /// Its issue's page.
    pub page: Option<String>,
}

impl Engine {
    /// Looks at these providers and at all leases on them. `began` is told what
    /// is looked at, for whoever waits.
    ///
    /// # Errors
    ///
    /// The store's or a forge's. A provider that cannot be asked is part of the
    /// report.
    pub async fn report(
        &self,
        providers: &[ProviderName],
        began: &(dyn Fn(&str) + Sync),
    ) -> Result<Report, PortError> {
        let mut report = Report::default();
        for provider in providers {
            began(&format!("listing the machines on {provider}"));
            match self.survey(provider).await {
                Ok(found) => {
                    report.unknown.extend(found.into_iter().filter_map(|found| {
                        let why = match found.prospect {
                            Prospect::Adoptable { .. } => "It has no lease.".to_owned(),
                            Prospect::Impossible { why } => why,
                            Prospect::Ours { .. } | Prospect::Unconfirmed { .. } => return None,
                        };
                        let machine = found.machine.name.to_string();
                        let provider = provider.clone();
                        Some(Entry { provider, machine, why, since: None, page: None })
                    }));
                }
                Err(error) => {
                    report.unreachable.insert(provider.clone(), error.chain());
                }
            }
        }
        let mut people = BTreeMap::new();
        for lease in self.store().live_leases().await?.into_iter().map(|lease| lease.value) {
            if providers.contains(&lease.provider) && lease.state.has_machine() {
                self.report_on(&lease, &mut people, &mut report, began).await?;
            }
        }
        report.unconfirmed.sort_by_key(|entry| entry.since);
        Ok(report)
    }

    async fn report_on(
        &self,
        lease: &Lease,
        people: &mut BTreeMap<(ForgeName, UserId), bool>,
        report: &mut Report,
        began: &(dyn Fn(&str) + Sync),
    ) -> Result<(), PortError> {
        let now = self.now();
        let page = Some(self.page(lease).await?);
        let entry = |why: String, since| Entry {
            provider: lease.provider.clone(),
            machine: lease.order.key.name.to_string(),
            why,
            since,
            page: page.clone(),
        };
        if lease.state == State::Adopted {
            let since = match lease.request {
                Some(id) => self.store().request(id).await?.map(|request| request.value.filed_at),
                None => None,
            };
            let days = since.map_or(0, |since| (now - since).num_days());
            let gone = lease.trouble.as_ref().map(|why| format!(" {why}")).unwrap_or_default();
            let why = format!("Not confirmed for {days} day(s).{gone}");
            report.unconfirmed.push(entry(why, since));
            return Ok(());
        }
        if let Some((why, since)) = self.is_over(lease) {
            report.expired.push(entry(why, Some(since)));
        }
        if !self.is_active(lease, lease.owner.id, people, began).await? {
            let mut stand_ins = Vec::new();
            for person in &lease.fallback {
                if self.is_active(lease, person.id, people, began).await? {
                    stand_ins.push(format!("`{}`", person.username));
                }
            }
            let instead = match stand_ins.as_slice() {
                [] => "and nobody stands in".to_owned(),
                names => format!("{} stands in", names.join(", ")),
            };
            let owner = &lease.owner.username;
            let why = format!("The account of `{owner}` is gone or blocked; {instead}.");
            report.ownerless.push(entry(why, None));
        }
        Ok(())
    }

    /// Why a machine's time is up, and since when that is so.
    fn is_over(&self, lease: &Lease) -> Option<(String, Timestamp)> {
        let deadline = lease.deadline?;
        if lease.state != State::Expired && deadline.at > self.now() {
            return None;
        }
        let state = view::state_in_words(lease);
        let next = match deadline.step {
            Step::Stop => "its end was",
            Step::Destroy | Step::DropBackups => "its disks go on",
        };
        let at = self.calendar_of(&lease.cookbook).absolute(deadline.at);
        let kept = match &lease.hold {
            _ if lease.protected => "; it is protected".to_owned(),
            Some(hold) => format!("; on hold: {hold}"),
            None => String::new(),
        };
        Some((format!("It is {state}; {next} {at}{kept}."), deadline.set_at))
    }

    /// Whether that is an active account on the lease's forge; each is asked once.
    async fn is_active(
        &self,
        lease: &Lease,
        id: UserId,
        known: &mut BTreeMap<(ForgeName, UserId), bool>,
        began: &(dyn Fn(&str) + Sync),
    ) -> Result<bool, PortError> {
        let account = (lease.issue.forge.clone(), id);
        if let Some(active) = known.get(&account) {
            return Ok(*active);
        }
        began(&format!("looking up the owner of {}", lease.order.key.name));
        let active = self.forge(&lease.issue.forge)?.person(id).await?.is_some();
        known.insert(account, active);
        Ok(active)
    }
}
