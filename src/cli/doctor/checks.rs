//! What a doctor looks at. Each check ends with findings, whatever happens.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use futures::FutureExt as _;

use super::Check;
use crate::{
    app::{compose, policies::Remembered},
    config::Config,
    cookbook::{Cookbook, Cookbooks, Principal},
    engine::Orphaned,
    identity::{Digest, ForgeName, ProviderName},
    notice::render::Renderer,
    ports::{
        PortError,
        finding::{Finding, Grade},
        forge,
        provider::{Provider, Wanted},
    },
};

/// A look takes several calls, each with a time limit of its own.
const CALLS: usize = 5;

/// A project or group takes so many more.
const CALLS_A_PLACE: usize = 4;

/// How long the store may take; a long audit log is read whole.
const STORE: Duration = Duration::from_mins(2);

/// Everything there is to look at.
pub(super) fn all(
    config: &Arc<Config>,
    file: &Path,
    loaded: anyhow::Result<Cookbooks>,
) -> Vec<Check> {
    let (cookbooks, about_cookbooks) = cookbooks(config, loaded);
    let mut checks = vec![
        known("configuration", configuration(config, file)),
        known("cookbooks", about_cookbooks),
        known("templates", vec![templates(config)]),
    ];
    let stored = Arc::clone(config);
    let work = async move { compose::examine_store(&stored).await }.boxed();
    checks.push(Check { title: "store".to_owned(), limit: STORE, work });
    let stored = Arc::clone(config);
    let version = cookbooks.as_ref().map(|cookbooks| cookbooks.version);
    let work = async move { in_force(&stored, version).await }.boxed();
    checks.push(Check { title: "policies in force".to_owned(), limit: STORE, work });
    checks.extend(config.forges.keys().map(|name| forge(config, name, cookbooks.as_ref())));
    checks.extend(config.providers.keys().map(|name| provider(config, name, cookbooks.as_ref())));
    checks
}

/// What is known without waiting.
fn known(title: &str, findings: Vec<Finding>) -> Check {
    let work = async move { findings }.boxed();
    Check { title: title.to_owned(), limit: STORE, work }
}

fn configuration(config: &Config, file: &Path) -> Vec<Finding> {
    let mut findings = vec![Finding::good(format!("{} can be read.", file.display()))];
    let advice = "config.default.toml explains every key.";
    findings.extend(config.warnings.iter().map(|warning| Finding {
        grade: Grade::Doubtful,
        what: sentence(warning),
        advice: None,
    }));
    if let Err(error) = config.ready_to_serve() {
        findings.extend(error.diagnostics().iter().map(|found| {
            let help = found.suggestion.clone().unwrap_or_else(|| advice.to_owned());
            Finding::bad(sentence(&found.message), sentence(&help))
        }));
    }
    findings
}

fn cookbooks(
    config: &Config,
    loaded: anyhow::Result<Cookbooks>,
) -> (Option<Cookbooks>, Vec<Finding>) {
    let cookbooks = match loaded {
        Ok(cookbooks) => cookbooks,
        Err(error) => {
            let what = "The cookbooks cannot be used, and the service would not start.";
            return (None, vec![Finding::bad(what, format!("{error:#}"))]);
        }
    };
    let mut findings: Vec<Finding> =
        cookbooks.cookbooks.iter().filter_map(|cookbook| placement(config, cookbook)).collect();
    match compose::objections(config, &cookbooks) {
        Ok(objections) => findings.extend(objections.iter().map(|objection| {
            Finding::bad(sentence(objection), "The service does not start before that.")
        })),
        // Why is told in the section of what cannot be used.
        Err(_) => findings.push(Finding::doubtful(
            "Whether the cookbooks fit cannot be told before everything else can be used.",
            "Correct what is wrong with forges, providers and hooks first.",
        )),
    }
    for project in config.forges.values().flat_map(|forge| &forge.projects) {
        for name in project.cookbooks.iter().flatten() {
            if cookbooks.get(name).is_none() {
                findings.push(Finding::doubtful(
                    format!("Project {} offers cookbook `{name}`, which is not there.", project.id),
                    "Correct its name in the configuration, or add the cookbook.",
                ));
            }
        }
    }
    (Some(cookbooks), findings)
}

/// What the running service judges by, beside what it would read now.
async fn in_force(config: &Config, readable: Option<Digest>) -> Vec<Finding> {
    // Why it cannot be read is told in the store's own section.
    let remembered = remembered(config).await.unwrap_or_default();
    let Some((Remembered { version, commit, since, read_at, problem, .. }, orphaned)) = remembered
    else {
        return vec![Finding::good("Nothing is known yet: the service has not run.")];
    };
    let since = since.format("%Y-%m-%d %H:%M UTC");
    let mut findings = Vec::new();
    if let Some(problem) = problem {
        let read_at = read_at.format("%Y-%m-%d %H:%M UTC");
        findings.push(Finding::bad(
            format!(
                "The reload at {read_at} failed; version {} is in force since {since}.",
                version.short()
            ),
            problem,
        ));
    } else if readable.is_some_and(|readable| readable != version) {
        findings.push(Finding::doubtful(
            format!(
                "Version {} is in force since {since}, and another one is there now.",
                version.short()
            ),
            "Reload the service, e.g. `systemctl reload innkeeper`, or restart it.",
        ));
    } else {
        let commit = commit.map(|commit| format!(" of commit {commit}")).unwrap_or_default();
        let what = format!("Version {}{commit} is in force since {since}.", version.short());
        findings.push(Finding::good(what));
    }
    findings.extend(orphaned.into_iter().map(|orphan| {
        Finding::doubtful(
            format!(
                "Cookbook `{}` is gone, with {} open requests and {} leases.",
                orphan.cookbook, orphan.requests, orphan.leases
            ),
            "Its requests wait until it is back; its machines keep their terms.",
        )
    }));
    findings
}

async fn remembered(config: &Config) -> anyhow::Result<Option<(Remembered, Vec<Orphaned>)>> {
    let store = compose::store_to_read(config).await?;
    let Some(remembered) = Remembered::read(store.as_ref()).await? else { return Ok(None) };
    let orphaned = remembered.orphaned(store.as_ref()).await?;
    Ok(Some((remembered, orphaned)))
}

/// Where its machines are made, if all of that is there.
fn placement(config: &Config, cookbook: &Cookbook) -> Option<Finding> {
    let providers = &cookbook.placement.providers;
    let places: Vec<&str> = providers.iter().map(ProviderName::as_str).collect();
    providers.iter().all(|name| config.providers.contains_key(name)).then(|| {
        Finding::good(format!("{} places machines on {}.", cookbook.name, places.join(", ")))
    })
}

fn templates(config: &Config) -> Finding {
    match Renderer::new(config.templates.folder.as_deref()) {
        Ok(_) => Finding::good("Every template renders."),
        Err(error) => Finding::bad(
            sentence(&format!("{:#}", anyhow::Error::from(error))),
            "Correct the file in [templates] folder, or remove it to use the built-in one.",
        ),
    }
}

/// A forge, by what it says of what the configuration and the cookbooks want.
fn forge(config: &Arc<Config>, name: &ForgeName, cookbooks: Option<&Cookbooks>) -> Check {
    let (config, name) = (Arc::clone(config), name.clone());
    let title = format!("forge {name}");
    let wanted = wanted(&config, &name, cookbooks);
    let calls = CALLS
        + CALLS_A_PLACE * wanted.projects.len()
        + CALLS_A_PLACE * wanted.groups.len()
        + wanted.deciders.len() * 2;
    let limit = config.limits.forge_timeout * u32::try_from(calls).unwrap_or(u32::MAX);
    let work = async move {
        match compose::one_forge(&config, &name) {
            Ok(forge) => forge.examine(&wanted).await,
            Err(error) => vec![unusable(&error)],
        }
    };
    Check { title, limit, work: work.boxed() }
}

fn wanted(config: &Config, name: &ForgeName, cookbooks: Option<&Cookbooks>) -> forge::Wanted {
    let configured = config.forges.get(name);
    let projects = configured.into_iter().flat_map(|forge| &forge.projects);
    let groups = configured.into_iter().flat_map(|forge| &forge.groups);
    let cookbooks: Vec<&Cookbook> =
        cookbooks.into_iter().flat_map(|cookbooks| &cookbooks.cookbooks).collect();
    let approvers = cookbooks.iter().flat_map(|cookbook| {
        let also = cookbook.approval.also.iter().flat_map(|also| &also.by);
        cookbook.approval.by.iter().chain(also)
    });
    let deciders: BTreeSet<&Principal> = config.people.sysadmins.iter().chain(approvers).collect();
    forge::Wanted {
        projects: projects.map(|project| project.id).collect(),
        groups: groups.map(|group| group.path.clone()).collect(),
        deciders: deciders.into_iter().cloned().collect(),
        confidential: cookbooks.iter().any(|cookbook| cookbook.issue.confidential),
    }
}

/// A provider, by what it says of itself and the cookbooks that name it.
pub(super) fn provider(
    config: &Arc<Config>,
    name: &ProviderName,
    cookbooks: Option<&Cookbooks>,
) -> Check {
    let wanted: Vec<Wanted> = cookbooks
        .iter()
        .flat_map(|cookbooks| &cookbooks.cookbooks)
        .filter(|cookbook| cookbook.placement.providers.contains(name))
        .map(|cookbook| Wanted {
            cookbook: cookbook.name.clone(),
            placement: cookbook.placement.clone(),
        })
        .collect();
    let title = format!("provider {name}");
    let limit = config.limits.provider_timeout * u32::try_from(CALLS).unwrap_or(u32::MAX);
    let (config, name) = (Arc::clone(config), name.clone());
    let work = async move {
        match compose::one_provider(&config, &name) {
            Ok(provider) => examine_provider(provider.as_ref(), &wanted).await,
            Err(error) => vec![unusable(&error)],
        }
    };
    Check { title, limit, work: work.boxed() }
}

async fn examine_provider(provider: &dyn Provider, wanted: &[Wanted]) -> Vec<Finding> {
    let mut findings = provider.examine(wanted).await;
    if findings.is_empty() {
        findings.push(match provider.list().await {
            Ok(machines) => {
                Finding::good(format!("It can be reached: {} machines.", machines.len()))
            }
            Err(error) => failed(&error, "Check its address and our rights there."),
        });
    }
    if wanted.is_empty() {
        findings.push(Finding::doubtful(
            "No cookbook places machines here.",
            "Name it in a cookbook's [placement], or remove it from the configuration.",
        ));
    }
    findings
}

fn failed(error: &PortError, advice: &str) -> Finding {
    let advice = error.advice.as_deref().unwrap_or(advice);
    Finding::bad(sentence(&error.chain()), sentence(advice))
}

fn unusable(error: &anyhow::Error) -> Finding {
    Finding::bad(sentence(&format!("{error:#}")), "Correct the configuration.")
}

/// Errors begin in lower case and end without a full stop; findings are sentences.
/// The name of a file stays as it is.
fn sentence(text: &str) -> String {
    let text = text.trim_end_matches('.');
    let begins_with_name =
        text.split_whitespace().next().is_some_and(|word| word.contains(['.', '/', '`']));
    if begins_with_name {
        return format!("{text}.");
    }
    let mut rest = text.chars();
    let first = rest.next().into_iter().flat_map(char::to_uppercase);
    first.chain(rest).chain(['.']).collect()
}
