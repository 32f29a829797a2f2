//! Issues whose cookbook is not here: nothing is stored of them, and nobody asks
//! for another look when the cookbook is there again. So it is remembered that
//! there was one, and the first poll with other cookbooks looks back.
//!
//! What is remembered is a mark, and which mark a poll has looked back for: no
//! clock is compared with another one.

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::TimeDelta;

use super::{Engine, look::Desk};
use crate::{
    cookbook::Cookbooks,
    identity::{ForgeName, IssueRef, ProjectId, Timestamp},
    ports::{PortError, store::CommitError},
    request::document,
};

/// How far back. Longer, and a cookbook that was away for months would answer
/// what nobody waits for any more.
const LOOK_BACK: TimeDelta = TimeDelta::days(30);

/// How often cookbooks were added in this process, its start included, and for
/// which time polls have looked back.
#[derive(Debug)]
pub(super) struct Additions {
    added: AtomicU64,
    looked_back: AtomicU64,
}

impl Default for Additions {
    fn default() -> Self {
        Self { added: AtomicU64::new(1), looked_back: AtomicU64::new(0) }
    }
}

impl Additions {
    /// There are cookbooks that were not there before.
    pub(super) fn add(&self) {
        self.added.fetch_add(1, Ordering::SeqCst);
    }

    /// Which time polls have not looked back for, if there is one.
    pub(super) fn pending(&self) -> Option<u64> {
        let added = self.added.load(Ordering::SeqCst);
        (self.looked_back.load(Ordering::SeqCst) < added).then_some(added)
    }

    /// A poll has looked back for that time, everywhere.
    pub(super) fn done(&self, added: u64) {
        self.looked_back.fetch_max(added, Ordering::SeqCst);
    }
}

impl Engine {
    /// An issue without a request that is none of our business, unless it names
    /// a cookbook that is not here: then it is looked at again when it is.
    ///
    /// # Errors
    ///
    /// A conflict when it has come while the issue was looked at.
    pub(super) async fn leave_unread(
        &self,
        desk: &Desk,
        cookbooks: &Cookbooks,
    ) -> Result<(), CommitError> {
        let issue = &desk.issue;
        if !issue.open || issue.author.id == desk.own.id {
            return Ok(());
        }
        let Some(named) = document::marker(&issue.description) else { return Ok(()) };
        let at = desk.reference();
        if cookbooks.get(&named).is_some() || self.served(&at.forge, at.project).is_none() {
            return Ok(());
        }
        let mark = self.ports.entropy.uuid().to_string();
        self.store().set_memo(&left(&at.forge, at.project), &mark).await?;
        match self.cookbooks().get(&named) {
            Some(_) => Err(CommitError::Conflict),
            None => Ok(()),
        }
    }

    /// Asks for looks at the issues of a project if some of them were left
    /// because their cookbook was not there.
    pub(super) async fn look_back(
        &self,
        forge: &ForgeName,
        project: ProjectId,
        now: Timestamp,
    ) -> Result<(), PortError> {
        let Some(mark) = self.store().memo(&left(forge, project)).await? else {
            return Ok(());
        };
        let seen = format!("looked-back:{forge}:{project}");
        if self.store().memo(&seen).await?.as_ref() == Some(&mark) {
            return Ok(());
        }
        let issues = self.forge(forge)?.issues_updated_since(project, now - LOOK_BACK).await?;
        let issues: Vec<IssueRef> = issues.into_iter().map(|issue| issue.reference).collect();
        self.store().want_looks(&issues, now).await?;
        self.store().set_memo(&seen, &mark).await
    }
}

fn left(forge: &ForgeName, project: ProjectId) -> String {
    format!("left-unread:{forge}:{project}")
}
