//! `innkeeper adopt`: machines that were there before get an issue each, on
//! which a sysadmin says whose they are. Shows what it would do unless told to
//! do it. The service may run meanwhile.

mod show;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use tokio::task::JoinHandle;

use self::show::{Outcome, Row};
use super::{
    output::{self, Progress},
    runtime::{interrupted, runtime},
};
use crate::{
    app::compose,
    config::{self, Config},
    cookbook::diagnostic::nearest,
    engine::{
        Engine,
        adopt::{Adoption, Found, Prospect, Target},
    },
    identity::{CookbookName, ForgeName, ProjectId, ProviderName},
    ports::{PortError, Verdict},
};

/// How often a forge that asks for patience is given it.
const PATIENCE: usize = 5;

/// The longest a forge may ask to wait at once.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(super) struct Arguments {
    /// Machines by name; without any, all of them are shown
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// The configuration file of the service
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Where the machines are
    #[arg(long, value_name = "NAME", required_unless_present = "report")]
    provider: Option<String>,
    /// Where their issues are filed: the forge, and the project's id or path
    #[arg(long, value_name = "FORGE/PROJECT")]
    project: Option<String>,
    /// The cookbook whose terms they get
    #[arg(long, value_name = "NAME")]
    cookbook: Option<String>,
    /// Every machine that can be adopted
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Do it, instead of only showing what would be done
    #[arg(long, requires_all = ["project", "cookbook"])]
    apply: bool,
    /// Show what somebody should look at: machines unknown, not confirmed, expired, without owner
    #[arg(long, conflicts_with_all = ["apply", "all", "names", "project", "cookbook"])]
    report: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = Config::load(&arguments.config, &config::environment())?;
    ensure!(
        !arguments.apply || arguments.all || !arguments.names.is_empty(),
        "say which machines: by name, or `--all`"
    );
    let provider = arguments.provider.as_deref().map(|name| known_provider(&config, name));
    let provider = provider.transpose()?;
    let project = arguments.project.as_deref().map(|text| known_project(&config, text));
    let project = project.transpose()?;
    let runtime = runtime()?;
    let done = runtime.block_on(async {
        compose::ensure_store(&config).await?;
        let engine = compose::service(&config).await?.engine;
        let cookbook = arguments.cookbook.as_deref().map(|name| known_cookbook(&engine, name));
        let cookbook = cookbook.transpose()?;
        if let (false, Some(provider)) = (arguments.report, provider.clone()) {
            let target = project.zip(cookbook).map(|((forge, project), cookbook)| Target {
                provider: provider.clone(),
                forge,
                project,
                cookbook,
            });
            return adopt(arguments, &engine, &provider, target).await;
        }
        let providers =
            provider.map_or_else(|| config.providers.keys().cloned().collect(), |one| vec![one]);
        report(arguments, &engine, &providers).await
    });
    // A provider that hangs keeps its thread: nobody waits for it.
    runtime.shutdown_background();
    done
}

async fn report(
    arguments: &Arguments,
    engine: &Engine,
    providers: &[ProviderName],
) -> anyhow::Result<ExitCode> {
    let progress = Progress::new();
    let report = engine.report(providers, &|what| progress.show(what)).await;
    progress.clear();
    let report = match report {
        Ok(report) => report,
        Err(error) => return Ok(output::failed(error)),
    };
    if arguments.json {
        output::line(serde_json::to_string_pretty(&report)?);
    } else {
        show::report(&report);
    }
    Ok(if report.unreachable.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn adopt(
    arguments: &Arguments,
    engine: &Arc<Engine>,
    provider: &ProviderName,
    target: Option<Target>,
) -> anyhow::Result<ExitCode> {
    let progress = Progress::new();
    progress.show(&format!("listing the machines on {provider}"));
    let found = engine.survey(provider).await;
    progress.clear();
    let found = match found {
        Ok(found) => chosen(found, provider, &arguments.names)?,
        Err(error) => return Ok(output::failed(error)),
    };
    let stop = tokio::spawn(interrupted()?);
    let rows = match target.filter(|_| arguments.apply) {
        Some(target) => match apply(engine, target, found, &progress, &stop).await {
            Ok(rows) => rows,
            Err(error) => return Ok(output::failed(error)),
        },
        None => found.into_iter().map(Row::planned).collect(),
    };
    stop.abort();
    if arguments.json {
        output::line(show::json(provider, arguments.apply, &rows)?);
    } else {
        show::table(&rows, arguments.apply);
    }
    let named = !arguments.names.is_empty();
    let well = rows.iter().all(|row| match row.outcome {
        Outcome::Failed { .. } | Outcome::Left => false,
        Outcome::Is(Prospect::Impossible { .. }) => !named,
        Outcome::Is(_) | Outcome::Done { .. } => true,
    });
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Adopts one machine after the other. Asked to end, it finishes the one it is
/// at: an issue in the making would be looked for in vain.
async fn apply(
    engine: &Arc<Engine>,
    target: Target,
    found: Vec<Found>,
    progress: &Progress,
    stop: &JoinHandle<()>,
) -> Result<Vec<Row>, PortError> {
    let mut adoption = engine.begin_adoption(target).await?;
    let count = found.len();
    let mut rows = Vec::with_capacity(count);
    for (index, found) in found.into_iter().enumerate() {
        if stop.is_finished() {
            rows.push(Row { machine: found.machine, outcome: Outcome::Left });
            continue;
        }
        progress.show(&format!("{} of {count}: {}", index + 1, found.machine.name));
        let outcome = match &found.prospect {
            Prospect::Adoptable { .. } => match patiently(&mut adoption, &found, progress).await {
                Ok(Prospect::Unconfirmed { page }) => Outcome::Done { page },
                Ok(other) => Outcome::Is(other),
                Err(error) => Outcome::failed(&error),
            },
            _ => Outcome::Is(found.prospect),
        };
        rows.push(Row { machine: found.machine, outcome });
    }
    progress.clear();
    // What was done is shown whatever becomes of the lock, which ends by itself.
    let _ = adoption.end().await;
    Ok(rows)
}

/// Forges limit how many issues are filed in a minute, and say when to go on.
async fn patiently(
    adoption: &mut Adoption<'_>,
    found: &Found,
    progress: &Progress,
) -> Result<Prospect, PortError> {
    for _ in 0..PATIENCE {
        match adoption.adopt(&found.machine).await {
            Err(PortError { verdict: Verdict::Retry { after: Some(after) }, .. })
                if after <= LONGEST_WAIT =>
            {
                progress.show(&format!("the forge asks to wait for {} s", after.as_secs()));
                tokio::time::sleep(after).await;
            }
            outcome => return outcome,
        }
    }
    adoption.adopt(&found.machine).await
}

/// The machines that were named, or all.
fn chosen(
    found: Vec<Found>,
    provider: &ProviderName,
    names: &[String],
) -> anyhow::Result<Vec<Found>> {
    for name in names {
        if found.iter().all(|found| found.machine.name.as_str() != name) {
            let known = found.iter().map(|found| found.machine.name.as_str());
            let meant = nearest(name, known).map(|meant| format!("; did you mean `{meant}`?"));
            bail!("there is no machine `{name}` on {provider}{}", meant.unwrap_or_default());
        }
    }
    let is_meant = |found: &Found| {
        names.is_empty() || names.iter().any(|name| name == found.machine.name.as_str())
    };
    Ok(found.into_iter().filter(is_meant).collect())
}

fn known_provider(config: &Config, name: &str) -> anyhow::Result<ProviderName> {
    let known: Vec<&str> = config.providers.keys().map(ProviderName::as_str).collect();
    if known.contains(&name) {
        return Ok(ProviderName::from(name));
    }
    match nearest(name, known.iter().copied()) {
        Some(meant) => bail!("there is no provider `{name}`; did you mean `{meant}`?"),
        None => bail!("there is no provider `{name}`; there is: {}", known.join(", ")),
    }
}

fn known_cookbook(engine: &Engine, name: &str) -> anyhow::Result<CookbookName> {
    let cookbooks = engine.cookbooks();
    let known: Vec<&str> = cookbooks.cookbooks.iter().map(|one| one.name.as_str()).collect();
    if known.contains(&name) {
        return Ok(CookbookName::from(name));
    }
    match nearest(name, known.iter().copied()) {
        Some(meant) => bail!("there is no cookbook `{name}`; did you mean `{meant}`?"),
        None => bail!("there is no cookbook `{name}`; there is: {}", known.join(", ")),
    }
}

/// Only projects that are listened to: elsewhere nobody would read a
/// confirmation.
fn known_project(config: &Config, text: &str) -> anyhow::Result<(ForgeName, ProjectId)> {
    let (forge, project) = text
        .split_once('/')
        .with_context(|| format!("`{text}` is not FORGE/PROJECT, for example `gitlab/7`"))?;
    let forge = ForgeName::from(forge);
    let projects = config.forges.get(&forge).map_or(&[][..], |forge| &forge.projects);
    let is_meant = |one: &&config::Project| {
        one.id.to_string() == project || one.path.as_deref() == Some(project)
    };
    if let Some(found) = projects.iter().find(is_meant) {
        return Ok((forge, found.id));
    }
    let known: Vec<String> = config
        .forges
        .iter()
        .flat_map(|(name, forge)| forge.projects.iter().map(move |one| (name, one)))
        .map(|(name, one)| match &one.path {
            Some(path) => format!("{name}/{} ({path})", one.id),
            None => format!("{name}/{}", one.id),
        })
        .collect();
    bail!("project `{text}` is not in the configuration; there is: {}", known.join(", "))
}
