//! Where policies come from, and which are in force.

use std::collections::BTreeSet;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::{
    config::Config,
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
#[expect(clippy::unused_async, reason = "other sources are asked over the network")]
pub async fn load(config: &Config) -> anyhow::Result<Cookbooks> {
    Ok(load::folder(&config.policies.folder)?)
}

/// Which policies are in force, and how the last reload ended: what the service
/// leaves in the store for whoever looks at it from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The digest over the cookbooks in force.
    pub version: Digest,
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
        let chain = |error: PortError| anyhow::anyhow!(error.chain());
        let Some(text) = store.memo(MEMO).await.map_err(chain)? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).context("what was remembered of the policies")
    }

    pub(super) async fn write(&self, store: &dyn Store) -> anyhow::Result<()> {
        let text = serde_json::to_string(self)?;
        store.set_memo(MEMO, &text).await.map_err(|error| anyhow::anyhow!(error.chain()))
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
