//! Where policies come from, and which are in force.

mod git;

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};

use crate::{
    config::{Config, GitPolicies, PolicySource},
    cookbook::{Cookbooks, load},
    engine::{Orphaned, orphaned},
    identity::{CookbookName, Digest, Timestamp},
    ports::{PortError, store::Store},
};

/// The name under which the store remembers [`Remembered`].
const MEMO: &str = "policies";

/// The cookbooks that the configuration names.
///
/// # Errors
///
/// Everything that is wrong with them; or that they cannot be read.
pub async fn load(config: &Config) -> anyhow::Result<Cookbooks> {
    match &config.policies.source {
        PolicySource::Folder(folder) => Ok(load::folder(folder)?),
        PolicySource::Git(policies) => from_git(policies).await,
    }
}

/// The cookbooks in a pinned revision.
///
/// # Errors
///
/// Everything that is wrong with them; or that they cannot be fetched, or are not
/// what was pinned.
pub async fn from_git(policies: &GitPolicies) -> anyhow::Result<Cookbooks> {
    let git::Checkout { commit, files } = git::read(policies).await?;
    let short = commit.get(..12).unwrap_or_default();
    let mut sources = Vec::new();
    for (path, content) in files.into_iter().filter(|(path, _)| load::is_read(path)) {
        let text = String::from_utf8(content)
            .map_err(|_| anyhow::anyhow!("{short}:{}/{path} is not UTF-8", policies.path))?;
        sources.push((path, text));
    }
    ensure!(
        sources.iter().any(|(path, _)| load::is_cookbook(path)),
        "the folder `{}` in commit {commit} holds no cookbook (`NAME.toml`)",
        policies.path
    );
    let cookbooks = load::files(&sources)
        .map_err(|error| error.inside(&format!("{short}:{}", policies.path)))?;
    Ok(Cookbooks { commit: Some(commit), ..cookbooks })
}

/// Which policies are in force, and how the last reload ended: what the service
/// leaves in the store for whoever looks at it from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The digest over the cookbooks in force.
    pub version: Digest,
    /// The commit they were read from, if it was one.
    #[serde(default)]
    pub commit: Option<String>,
    /// Their names.
    pub cookbooks: BTreeSet<CookbookName>,
    /// Since when they are in force.
    pub since: Timestamp,
    /// When they were last read again, at start or later.
    pub read_at: Timestamp,
    /// Why what was read then did not come into force.
    pub problem: Option<String>,
}

impl Remembered {
    /// These came into force now. Since when, if they were in force before.
    pub(super) fn in_force(cookbooks: &Cookbooks, now: Timestamp, before: Option<&Self>) -> Self {
        let same = before.filter(|before| before.version == cookbooks.version);
        Self {
            version: cookbooks.version,
            commit: cookbooks.commit.clone(),
            cookbooks: cookbooks.cookbooks.iter().map(|book| book.name.clone()).collect(),
            since: same.map_or(now, |before| before.since),
            read_at: now,
            problem: None,
        }
    }

    /// What the service left in the store; `None` if it never ran.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn read(store: &dyn Store) -> anyhow::Result<Option<Self>> {
        let Some(text) = store.memo(MEMO).await? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).context("what was remembered of the policies")
    }

    pub(super) async fn write(&self, store: &dyn Store) -> anyhow::Result<()> {
        let text = serde_json::to_string(self)?;
        Ok(store.set_memo(MEMO, &text).await?)
    }

    /// Open requests and live leases of cookbooks that are not in force.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn orphaned(&self, store: &dyn Store) -> Result<Vec<Orphaned>, PortError> {
        orphaned(store, &self.cookbooks).await
    }
}
