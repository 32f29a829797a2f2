//! The poll: finds what webhooks lost. A forge disables a hook that failed a
//! few times and tells nobody, so the poll alone must be enough.

use chrono::TimeDelta;

use super::{Engine, Project};
use crate::{
    identity::{ForgeName, IssueRef, ProjectId, Timestamp},
    ports::PortError,
};

/// Polls overlap by this much: a change may become visible a little after the
/// time it bears, and clocks differ. A look that finds nothing new is cheap.
const OVERLAP: TimeDelta = TimeDelta::minutes(2);

/// How far back the very first poll goes.
const FIRST: TimeDelta = TimeDelta::days(1);

impl Engine {
    /// Asks every project for issues that changed since the last poll. A forge
    /// that is away is asked again by the next poll, from where it left off.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn poll(&self) -> Result<usize, PortError> {
        let leases = self.store().live_leases().await?;
        let mut found = 0;
        let mut answered = std::collections::BTreeSet::new();
        self.discover().await;
        for Project { forge, id: project, .. } in self.all_served().iter() {
            let thing = format!("poll {forge}:{project}");
            match self.poll_project(forge, *project).await {
                Ok(issues) => {
                    self.log_end(&thing);
                    found += issues;
                    answered.insert(forge.clone());
                }
                Err(error) => self.log_failure(forge.as_str(), &thing, &error),
            }
        }
        for forge in answered {
            self.alive(&super::outage::forge_moment(&forge), &leases).await?;
        }
        self.watch_credentials().await?;
        Ok(found)
    }

    async fn poll_project(
        &self,
        forge: &ForgeName,
        project: ProjectId,
    ) -> Result<usize, PortError> {
        let name = format!("poll:{forge}:{project}");
        let began = self.now();
        let since = self.store().moment(&name).await?.unwrap_or(began - FIRST);
        let seen: Option<Timestamp> = self.store().moment(&format!("{name}:newest")).await?;
        // By the forge's own clock where we know it: one that is behind ours
        // gives its changes times that we have asked about already.
        let from = (since - OVERLAP).min(seen.unwrap_or(since));
        let issues = self.forge(forge)?.issues_updated_since(project, from).await?;
        // What the last poll reported with the same time stamp was looked at then.
        let wanted: Vec<IssueRef> = issues
            .iter()
            .filter(|issue| seen.is_none_or(|seen| issue.updated_at > seen))
            .map(|issue| issue.reference.clone())
            .collect();
        self.store().want_looks(&wanted, began).await?;
        if let Some(newest) = issues.iter().map(|issue| issue.updated_at).max() {
            // An issue that changes while it bears this very time stamp is
            // found because the mark stays a moment behind.
            let mark = newest.min(began - OVERLAP);
            self.store().set_moment(&format!("{name}:newest"), mark).await?;
        }
        self.store().set_moment(&name, began).await?;
        Ok(wanted.len())
    }
}
