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
    hint::{Hint, Unreadable, hint},
    secret::{BadSecret, WebhookSecret, verify},
};
use crate::{
    identity::{ProjectId, Timestamp},
    ports::intake::{About, Genuine, Hooks, Unauthenticated},
};

/// The webhooks of one GitLab: a secret for each project.
#[derive(Debug)]
pub struct GitLabHooks {
    secrets: BTreeMap<ProjectId, WebhookSecret>,
}

impl GitLabHooks {
    /// Each secret is valid for its project alone.
    #[must_use]
    pub fn new(secrets: BTreeMap<ProjectId, WebhookSecret>) -> Self {
        Self { secrets }
    }

    /// The project whose secret the sender knew.
    ///
    /// One secret is checked also when the claimed project is unknown, and all
    /// of them when no project can be read: how long an answer takes must not
    /// tell which projects there are.
    fn sender(
        &self,
        claimed: Option<ProjectId>,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<ProjectId, Unauthenticated> {
        let refused = Unauthenticated("it knows the secret of no project");
        if let Some(claimed) = claimed {
            let known = self.secrets.get(&claimed);
            let secret = known.or_else(|| self.secrets.values().next()).ok_or(refused)?;
            let result = verify(headers, body, secret, now);
            return if known.is_some() { result.map(|()| claimed) } else { Err(refused) };
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

impl Hooks for GitLabHooks {
    fn check(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Genuine, Unauthenticated> {
        let hint = hint(headers, body);
        let claimed = hint.as_ref().ok().and_then(|hint| hint.project);
        let project = self.sender(claimed, headers, body, now)?;
        let about = match hint {
            Ok(hint) => hint.about,
            Err(unreadable) => About::Unreadable(unreadable.to_string()),
        };
        Ok(Genuine { project, event: hint::event(headers), key: hint::key(headers, body), about })
    }
}
