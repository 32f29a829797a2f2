//! The poll: finds what webhooks lost. A forge disables a hook that failed a
//! few times and tells nobody, so the poll alone must be enough.

use std::cmp::Reverse;

use chrono::TimeDelta;

use super::{Engine, Project};
use crate::{
    identity::{ForgeName, IssueRef, ProjectId, Timestamp},
    ports::PortError,
    request::lifecycle::State,
};

/// Polls overlap by this much: a change may become visible a little after the
/// time it bears. A look that finds nothing new is cheap.
const OVERLAP: TimeDelta = TimeDelta::minutes(2);

/// How far back the very first poll goes.
const FIRST: TimeDelta = TimeDelta::days(1);

/// How many requests of a project each poll looks at for such changes, those that wait
/// shortest. More would use up what a forge allows; webhooks tell of all of them.
const MOST_UNSEEN: usize = 20;

impl Engine {
    /// Asks every project for issues that changed since the last poll. A forge
    /// that is away is asked again by the next poll, from where it left off.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn poll(&self) -> Result<usize, PortError> {
        // Where it left off stays known: the first poll finds what was missed.
        if self.only_listens().await? {
            return Ok(0);
        }
        let mut found = 0;
        let mut answered = std::collections::BTreeSet::new();
        self.discover().await;
        let pending = self.additions.pending();
        let mut all_looked_back = true;
        for Project { forge, id: project, .. } in self.all_served().iter() {
            let thing = format!("poll {forge}:{project}");
            match self.poll_project(forge, *project, pending.is_some()).await {
                Ok(issues) => {
                    self.log_end(&thing);
                    found += issues;
                    answered.insert(forge.clone());
                }
                Err(error) => {
                    all_looked_back = false;
                    self.log_failure(forge.as_str(), &thing, &error);
                }
            }
        }
        if let Some(pending) = pending.filter(|_| all_looked_back) {
            self.additions.done(pending);
        }
        for forge in answered {
            self.alive(&super::outage::forge_moment(&forge)).await?;
        }
        self.watch_credentials().await?;
        Ok(found)
    }

    async fn poll_project(
        &self,
        forge: &ForgeName,
        project: ProjectId,
        looks_back: bool,
    ) -> Result<usize, PortError> {
        let name = format!("poll:{forge}:{project}");
        let began = self.now();
        let polled = self.store().moment(&name).await?;
        let first = || polled.map_or(began - FIRST, |polled| polled - OVERLAP);
        let newest_known = format!("{name}:newest");
        let mark = self.store().moment(&newest_known).await?.unwrap_or_else(first);
        let issues = self.forge(forge)?.issues_updated_since(project, mark).await?;
        let mut wanted: Vec<IssueRef> = issues
            .iter()
            .filter(|issue| issue.updated_at > mark)
            .map(|issue| issue.reference.clone())
            .collect();
        wanted.extend(self.changed_unseen(forge, project).await?);
        if looks_back {
            self.look_back(forge, project, began).await?;
        }
        self.store().want_looks(&wanted, began).await?;
        let newest = issues.iter().map(|issue| issue.updated_at).max();
        self.store().set_moment(&newest_known, next_mark(mark, newest, began)).await?;
        self.store().set_moment(&name, began).await?;
        Ok(wanted.len())
    }

    /// Requests about which something may have changed that forges do not count
    /// as a change: approvers may have shown by emoji that they agree, or what a
    /// rule looks at (a quota, what is free) may be another by now.
    async fn changed_unseen(
        &self,
        forge: &ForgeName,
        project: ProjectId,
    ) -> Result<Vec<IssueRef>, PortError> {
        let open = self.store().open_requests().await?.into_iter().map(|request| request.value);
        let mut waiting: Vec<_> = open
            .filter(|request| match request.state {
                State::AwaitingApproval => true,
                State::Incomplete => {
                    request.verdict.violations.iter().any(|violation| violation.rule.is_some())
                }
                _ => false,
            })
            .filter(|request| request.issue.forge == *forge && request.issue.project == project)
            .collect();
        waiting.sort_by_key(|request| Reverse(request.waits_since));
        Ok(waiting.into_iter().take(MOST_UNSEEN).map(|request| request.issue).collect())
    }
}

/// The time stamp after which the next poll wants issues, all of it by the
/// forge's own clock: `newest` is the last stamp this poll saw.
fn next_mark(mark: Timestamp, newest: Option<Timestamp>, began: Timestamp) -> Timestamp {
    // Nothing was ever seen: who knows what time it is there.
    let Some(newest) = newest else { return mark };
    // What bears this stamp or an earlier one may become visible late. It is
    // looked for once more, and not for ever.
    let seen_again = newest == mark || newest == mark + OVERLAP;
    let next = if seen_again { newest } else { newest - OVERLAP };
    // A forge ahead of us may be set right, and then stamps changes with times
    // it has used before.
    next.min(began - OVERLAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stays_behind_until_its_stamp_was_seen_twice_and_never_passes_our_own_time() {
        let at = |minute: i64| {
            let day: Timestamp = "2026-11-30T08:00:00Z".parse().unwrap();
            day + TimeDelta::minutes(minute)
        };
        // (mark, newest stamp, our time) -> next mark
        for (mark, newest, began, next) in [
            (0, None, 60, 0),
            (0, Some(50), 60, 48),
            (48, Some(50), 65, 50),
            (50, Some(50), 70, 50),
            (50, Some(70), 75, 68),
            // Changed just now, or by a clock that is ahead.
            (50, Some(75), 75, 73),
            (50, Some(135), 75, 73),
        ] {
            let newest_at = newest.map(at);
            assert_eq!(next_mark(at(mark), newest_at, at(began)), at(next), "{mark} {newest:?}");
        }
    }
}
