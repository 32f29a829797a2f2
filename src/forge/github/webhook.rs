//! GitHub's webhooks: who may send them, and which issue they are about.
//!
//! A webhook is a hint and nothing more: what happened is read from the API.
//! So reading is lenient, and only the repository and the issue number count.

mod hint;
mod signature;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt};

use http::HeaderMap;
use secrecy::SecretString;

pub use self::hint::{Hint, Unreadable, hint};
use self::signature::Signature;
use crate::{
    identity::{ProjectId, Timestamp},
    ports::intake::{About, Genuine, Hooks, Unauthenticated},
};

/// What a delivery of no repository (a ping to an App, an installation) is
/// kept under. No repository has this number.
pub const NO_REPOSITORY: ProjectId = ProjectId(0);

/// The webhooks of one GitHub: a secret for each repository, one for our App,
/// or both.
pub struct GitHubHooks {
    secrets: BTreeMap<ProjectId, SecretString>,
    app_secret: Option<SecretString>,
}

impl GitHubHooks {
    /// A repository's secret is valid for that repository alone, the App's for
    /// all. Empty ones are valid for none: anybody knows them.
    #[must_use]
    pub fn new(
        secrets: BTreeMap<ProjectId, SecretString>,
        app_secret: Option<SecretString>,
    ) -> Self {
        Self { secrets, app_secret }
    }

    /// The repository whose secret the sender knew.
    ///
    /// One secret is checked also when the claimed repository is unknown, the
    /// App's always, and all of them when no repository can be read: how long
    /// an answer takes must not tell which repositories there are.
    fn sender(
        &self,
        claimed: Option<ProjectId>,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<ProjectId, Unauthenticated> {
        let refused = Unauthenticated("it knows the secret of no repository");
        let signature = Signature::of(headers);
        let fits = |secret: &SecretString| signature.fits(secret, body);
        let by_app = self.app_secret.as_ref().is_some_and(fits);
        if let Some(claimed) = claimed {
            let known = self.secrets.get(&claimed);
            let fits = known.or_else(|| self.secrets.values().next()).is_some_and(fits);
            let by_repository = known.is_some() && fits;
            return if by_repository || by_app { Ok(claimed) } else { Err(refused) };
        }
        let mut sender = if by_app { Ok(NO_REPOSITORY) } else { Err(refused) };
        for (project, secret) in &self.secrets {
            if fits(secret) {
                sender = Ok(*project);
            }
        }
        sender
    }
}

impl fmt::Debug for GitHubHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitHubHooks")
            .field("repositories", &self.secrets.keys())
            .field("app", &self.app_secret.is_some())
            .finish()
    }
}

impl Hooks for GitHubHooks {
    fn check(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        _now: Timestamp,
    ) -> Result<Genuine, Unauthenticated> {
        let hint = hint(headers, body);
        let claimed = hint.as_ref().map_or_else(Unreadable::project, |hint| hint.project);
        let project = self.sender(claimed, headers, body)?;
        let about = match hint {
            Ok(hint) => hint.about,
            Err(unreadable) => About::Unreadable(unreadable.to_string()),
        };
        Ok(Genuine { project, event: hint::event(headers), key: hint::key(headers, body), about })
    }
}
