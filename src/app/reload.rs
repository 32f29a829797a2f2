//! Reading the policies again while the service runs. What cannot be used
//! changes nothing: what was in force before stays, and everybody who looks can
//! see that it does.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, bail};
use tokio::sync::Notify;

use super::policies::{self, Remembered};
use crate::{
    config::Config,
    engine::{Engine, InForce},
    notice::render::Renderer,
};

/// The sections that are read again.
const READ_AGAIN: [&str; 2] = ["policies", "templates"];

/// Exchanges what is in force.
pub struct Reloader {
    engine: Arc<Engine>,
    /// Wakes the workers.
    wake: Arc<Notify>,
    file: PathBuf,
    environment: Vec<(String, String)>,
    /// The configuration the service was started with.
    started_with: Config,
}

impl Reloader {
    /// Reads the configuration in `file` again whenever it is told to.
    #[must_use]
    pub fn new(
        engine: Arc<Engine>,
        wake: Arc<Notify>,
        file: PathBuf,
        environment: Vec<(String, String)>,
        started_with: Config,
    ) -> Self {
        Self { engine, wake, file, environment, started_with }
    }

    /// Leaves word of what the service has started with. Requests that were
    /// judged by something else are looked at.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn started(&self) -> anyhow::Result<()> {
        let before = self.remembered().await;
        self.came_into_force(before.as_ref()).await
    }

    /// Reads cookbooks, templates and `[policies]` again, and puts them into
    /// force if all of it can be used. Says how it ended, in the log and for
    /// `status`. Returns whether it did.
    pub async fn reload(&self) -> bool {
        let before = self.remembered().await;
        let outcome = match self.read().await {
            Ok(in_force) => {
                self.engine.exchange(in_force);
                self.came_into_force(before.as_ref()).await
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(
                    error,
                    policy = %self.engine.cookbooks().version.short(),
                    "the policies were not reloaded: those before stay in force"
                );
                return self.failed(before, error).await;
            }
        };
        if let Err(error) = outcome {
            tracing::error!(
                error = format!("{error:#}"),
                "the new policies are in force, but not all of it is stored"
            );
        }
        true
    }

    /// Everything that is exchanged, if it can be used.
    async fn read(&self) -> anyhow::Result<InForce> {
        let config = Config::load(&self.file, &self.environment)?;
        config.ready_to_serve()?;
        let cookbooks = policies::load(&config).await?;
        let objections = self.engine.objections(&cookbooks);
        if !objections.is_empty() {
            bail!("{}", objections.join("\n"));
        }
        let renderer = Renderer::new(config.templates.folder.as_deref())
            .context("the templates cannot be used")?;
        let others = changed_sections(&self.started_with, &config);
        if !others.is_empty() {
            tracing::warn!(
                sections = others.join(", "),
                "these sections of the configuration were changed as well: they count from the next start"
            );
        }
        Ok(InForce {
            cookbooks: Arc::new(cookbooks),
            renderer: Arc::new(renderer),
            automatic_approval: config.policies.automatic_approval,
            protected_names: config.policies.protected_names,
        })
    }

    async fn came_into_force(&self, before: Option<&Remembered>) -> anyhow::Result<()> {
        let cookbooks = self.engine.cookbooks();
        let now = Remembered::in_force(&cookbooks, self.engine.now(), before);
        now.write(self.engine.store()).await?;
        let open = self.engine.look_at_open_requests().await?;
        self.wake.notify_one();
        tracing::info!(
            policy = %cookbooks.version.short(),
            cookbooks = cookbooks.cookbooks.len(),
            changed = before.is_none_or(|before| before.version != cookbooks.version),
            open_requests = open,
            "the policies are in force"
        );
        for orphan in now.orphaned(self.engine.store()).await? {
            tracing::warn!(
                cookbook = %orphan.cookbook, requests = orphan.requests, leases = orphan.leases,
                "this cookbook is gone: its open requests stay as they are, its machines keep their terms"
            );
        }
        Ok(())
    }

    async fn failed(&self, before: Option<Remembered>, problem: String) -> bool {
        let (cookbooks, now) = (self.engine.cookbooks(), self.engine.now());
        let known = Remembered::in_force(&cookbooks, now, before.as_ref());
        let failed = Remembered { read_at: now, problem: Some(problem), ..known };
        if let Err(error) = failed.write(self.engine.store()).await {
            tracing::error!(
                error = format!("{error:#}"),
                "this cannot be remembered for `innkeeper status`"
            );
        }
        false
    }

    /// What was remembered before. What cannot be read is written anew.
    async fn remembered(&self) -> Option<Remembered> {
        Remembered::read(self.engine.store()).await.ok().flatten()
    }
}

/// The sections that differ and are not read again.
fn changed_sections(before: &Config, after: &Config) -> Vec<String> {
    let sections = |config: &Config| config.redacted().parse::<toml::Table>().unwrap_or_default();
    let (before, after) = (sections(before), sections(after));
    let mut names: Vec<String> = before.keys().chain(after.keys()).cloned().collect();
    names.sort_unstable();
    names.dedup();
    names
        .retain(|name| !READ_AGAIN.contains(&name.as_str()) && before.get(name) != after.get(name));
    names
}
