//! The forges: what speaks with them, and what listens to them.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context as _, bail};
use secrecy::SecretString;
use url::Url;

use crate::{
    app::system::SystemClock,
    config::{self, Config, Credentials, ForgeKind},
    forge::{
        github::{self, GitHub, GitHubSettings, webhook::GitHubHooks},
        gitlab::{
            GitLab, GitLabSettings,
            webhook::{GitLabHooks, WebhookSecret},
        },
    },
    identity::ForgeName,
    ports::{clock::Clock, forge::Forge, intake::Hooks, setup::Setup},
};

/// One forge as configured.
///
/// # Errors
///
/// When it is not in the configuration, or cannot be used as it is there.
pub fn one_forge(config: &Config, name: &ForgeName) -> anyhow::Result<Arc<dyn Forge>> {
    let configured = config.forges.get(name).context("it is not in the configuration")?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    forge(config, name, configured, &clock)
}

/// One forge as configured, for setting up a project there; with `token`, as
/// whoever that belongs to.
///
/// # Errors
///
/// When it is not in the configuration, or cannot be used as it is there.
pub fn one_setup(
    config: &Config,
    name: &ForgeName,
    token: Option<SecretString>,
) -> anyhow::Result<Arc<dyn Setup>> {
    let configured = config.forges.get(name).context("it is not in the configuration")?;
    let mut configured = configured.clone();
    if let Some(token) = token {
        configured.credentials = Credentials::Token(token);
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    match configured.kind {
        ForgeKind::GitLab => Ok(Arc::new(gitlab(config, name, &configured, &clock)?)),
        ForgeKind::GitHub => Ok(Arc::new(github(config, name, &configured, &clock)?)),
    }
}

/// All forges as configured.
pub(super) fn forges(
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<BTreeMap<ForgeName, Arc<dyn Forge>>> {
    let mut forges: BTreeMap<ForgeName, Arc<dyn Forge>> = BTreeMap::new();
    for (name, configured) in &config.forges {
        forges.insert(name.clone(), forge(config, name, configured, clock)?);
    }
    Ok(forges)
}

fn forge(
    config: &Config,
    name: &ForgeName,
    forge: &config::Forge,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Arc<dyn Forge>> {
    match forge.kind {
        ForgeKind::GitLab => Ok(Arc::new(gitlab(config, name, forge, clock)?)),
        ForgeKind::GitHub => Ok(Arc::new(github(config, name, forge, clock)?)),
    }
}

fn github(
    config: &Config,
    name: &ForgeName,
    forge: &config::Forge,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<GitHub> {
    let credentials = match forge.credentials.clone() {
        Credentials::Token(token) => github::Credentials::Token(token),
        Credentials::App { id, private_key } => {
            github::Credentials::App { id, key_pem: private_key }
        }
    };
    let names =
        forge.projects.iter().filter_map(|project| Some((project.id, project.path.clone()?)));
    let settings = GitHubSettings {
        api: github_api(&forge.url)?,
        credentials,
        ca_pem: forge.ca_pem.clone(),
        repositories: names.collect(),
        trusted_roles: forge.approver_roles.clone(),
        timeout: config.limits.forge_timeout,
    };
    GitHub::new(name.clone(), settings, Arc::clone(clock))
        .with_context(|| format!("[forge.{name}] cannot be used"))
}

/// Where the API is of a GitHub whose users type this address.
fn github_api(url: &Url) -> anyhow::Result<Url> {
    if url.host_str() == Some("github.com") {
        return Ok(Url::parse("https://api.github.com/")?);
    }
    Ok(Url::parse(&format!("{}/api/v3/", url.as_str().trim_end_matches('/')))?)
}

fn gitlab(
    config: &Config,
    name: &ForgeName,
    forge: &config::Forge,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<GitLab> {
    let Credentials::Token(token) = &forge.credentials else {
        bail!("[forge.{name}] is a GitLab and needs a token")
    };
    let settings = GitLabSettings {
        url: forge.url.clone(),
        token: token.clone(),
        ca_pem: forge.ca_pem.clone(),
        approver_levels: forge.approver_levels.clone(),
        timeout: config.limits.forge_timeout,
    };
    GitLab::new(name.clone(), settings, Arc::clone(clock))
        .with_context(|| format!("[forge.{name}] cannot be used"))
}

/// Whom to believe, for each forge.
pub(super) fn webhooks(config: &Config) -> anyhow::Result<BTreeMap<ForgeName, Arc<dyn Hooks>>> {
    let mut hooks: BTreeMap<ForgeName, Arc<dyn Hooks>> = BTreeMap::new();
    for (name, forge) in &config.forges {
        let of_forge = match forge.kind {
            ForgeKind::GitLab => gitlab_hooks(forge)?,
            ForgeKind::GitHub => github_hooks(forge),
        };
        hooks.insert(name.clone(), of_forge);
    }
    Ok(hooks)
}

fn github_hooks(forge: &config::Forge) -> Arc<dyn Hooks> {
    let secrets = forge.projects.iter().map(|project| (project.id, project.webhook_secret.clone()));
    Arc::new(GitHubHooks::new(secrets.collect(), forge.app_webhook_secret.clone()))
}

fn gitlab_hooks(forge: &config::Forge) -> anyhow::Result<Arc<dyn Hooks>> {
    let parse = |secret, whose: &dyn std::fmt::Display| {
        WebhookSecret::parse(secret)
            .with_context(|| format!("the webhook secret of {whose} is unusable"))
    };
    let mut projects = BTreeMap::new();
    for project in &forge.projects {
        projects.insert(project.id, parse(&project.webhook_secret, &project.id)?);
    }
    let mut groups = Vec::new();
    for group in &forge.groups {
        if let Some(secret) = &group.webhook_secret {
            groups.push((group.path.clone(), parse(secret, &group.path)?));
        }
    }
    Ok(Arc::new(GitLabHooks::new(projects).with_groups(groups)))
}

#[cfg(test)]
mod tests {
    use super::github_api;

    #[test]
    fn the_api_of_the_public_github_has_a_host_of_its_own() {
        let api = |url: &str| github_api(&url.parse().unwrap()).unwrap().to_string();
        assert_eq!(api("https://github.com"), "https://api.github.com/");
        assert_eq!(api("https://git.example.org/"), "https://git.example.org/api/v3/");
        assert_eq!(api("https://example.org/git"), "https://example.org/git/api/v3/");
    }
}
