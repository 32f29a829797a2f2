//! GitLab's webhooks: who may send them, and which issue they are about.
//!
//! A webhook is a hint and nothing more: what happened is read from the API.
//! So reading is lenient, and only the project and the issue number count.

mod hint;
mod secret;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use http::HeaderMap;

pub use self::{
    hint::{Claim, Hint, Unreadable, hint},
    secret::{BadSecret, WebhookSecret, verify},
};
use crate::{
    identity::{ProjectId, Timestamp},
    ports::intake::{About, Genuine, Hooks, Unauthenticated},
};

/// The webhooks of one GitLab: a secret for each project, and for each group
/// whose webhook tells of all its projects.
#[derive(Debug)]
pub struct GitLabHooks {
    secrets: BTreeMap<ProjectId, WebhookSecret>,
    groups: Vec<(String, WebhookSecret)>,
}

impl GitLabHooks {
    /// Each secret is valid for its project alone.
    #[must_use]
    pub fn new(secrets: BTreeMap<ProjectId, WebhookSecret>) -> Self {
        Self { secrets, groups: Vec::new() }
    }

    /// Each secret is valid for the projects under its group's path alone.
    #[must_use]
    pub fn with_groups(mut self, groups: Vec<(String, WebhookSecret)>) -> Self {
        self.groups = groups;
        self
    }

    /// The project whose secret the sender knew.
    ///
    /// One secret is checked also when the claimed project is unknown, and all
    /// of them when no project can be read: how long an answer takes must not
    /// tell which projects there are.
    fn sender(
        &self,
        claimed: Option<&Claim>,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<ProjectId, Unauthenticated> {
        let refused = Unauthenticated("it knows the secret of no project");
        if let Some(Claim { project, path }) = claimed {
            let known = self.secrets.get(project);
            let knows_own = known
                .or_else(|| self.secrets.values().next())
                .map_or(Err(refused), |secret| verify(headers, body, secret, now));
            let mut knows_group = false;
            for (group, secret) in &self.groups {
                let is_below = path.as_deref().is_some_and(|path| is_below(path, group));
                knows_group |= verify(headers, body, secret, now).is_ok() && is_below;
            }
            return match (known, knows_group) {
                (_, true) => Ok(*project),
                (Some(_), false) => knows_own.map(|()| *project),
                (None, false) => Err(refused),
            };
        }
        let mut sender = Err(refused);
        for (project, secret) in &self.secrets {
            if verify(headers, body, secret, now).is_ok() {
                sender = Ok(*project);
            }
        }
        sender
    }
}

/// Whether a project's path lies under a group's, without regard to case.
fn is_below(project: &str, group: &str) -> bool {
    let (project, group) = (project.to_lowercase(), group.to_lowercase());
    project.strip_prefix(&group).is_some_and(|rest| rest.starts_with('/'))
}

impl Hooks for GitLabHooks {
    fn check(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Genuine, Unauthenticated> {
        let hint = hint(headers, body);
        let claimed = hint.as_ref().ok().and_then(|hint| hint.claim.as_ref());
        let project = self.sender(claimed, headers, body, now)?;
        let about = match hint {
            Ok(hint) => hint.about,
            Err(unreadable) => About::Unreadable(unreadable.to_string()),
        };
        Ok(Genuine { project, event: hint::event(headers), key: hint::key(headers, body), about })
    }
}
