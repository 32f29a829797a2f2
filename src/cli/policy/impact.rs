//! `innkeeper policy impact`: what a change of cookbooks would do, before it is
//! used.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde::Serialize;

use super::super::{
    output::{self, Paint, Progress, printable},
    runtime::runtime,
};
use crate::{
    app::{compose, policies},
    config::{self, Config, GitPin, GitPolicies, PolicySource},
    cookbook::{Cookbooks, load},
    engine::impact::{Impact, Touched},
    policy::impact::Effect,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The cookbooks as they are: a folder, or `git:COMMIT` of the configured repository
    #[arg(value_name = "OLD")]
    old: String,
    /// The cookbooks as they would be
    #[arg(value_name = "NEW")]
    new: String,
    /// The configuration file of the service
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Ask no forge: judge what was understood of issues when they were last looked at
    #[arg(long)]
    offline: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    old: String,
    new: String,
    /// Whether form changes were not seen, and nobody was looked up.
    offline: bool,
    /// How many are hit.
    worse: usize,
    /// Of how many it cannot be told.
    unknown: usize,
    #[serde(flatten)]
    impact: &'a Impact,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = Config::load(&arguments.config, &config::environment())?;
    let runtime = runtime()?;
    let progress = Progress::new();
    progress.show("reading the issues");
    let done = runtime.block_on(async {
        let old = cookbooks(&config, &arguments.old).await?;
        let new = cookbooks(&config, &arguments.new).await?;
        let engine = compose::onlooker(&config).await?;
        let objections = engine.objections(&new);
        if !objections.is_empty() {
            bail!("NEW cannot be used with this configuration:\n{}", objections.join("\n"));
        }
        let impact = engine.impact(&old, &new, arguments.offline).await?;
        Ok((old, new, impact))
    });
    // A provider that hangs keeps its thread: nobody waits for it.
    runtime.shutdown_background();
    progress.clear();
    let (old, new, impact) = done?;
    let count = |is: fn(Effect) -> bool| {
        impact.touched.iter().filter(|touched| is(touched.found.effect)).count()
    };
    let (worse, unknown) = (count(Effect::is_worse), count(|effect| effect == Effect::Unknown));
    if arguments.json {
        let report = Report {
            old: old.version.to_string(),
            new: new.version.to_string(),
            offline: arguments.offline,
            worse,
            unknown,
            impact: &impact,
        };
        output::line(serde_json::to_string_pretty(&report)?);
    } else {
        print(&impact, (worse, unknown), arguments.offline);
    }
    Ok(match (worse, unknown) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    })
}

/// A folder, or `git:COMMIT`.
async fn cookbooks(config: &Config, name: &str) -> anyhow::Result<Cookbooks> {
    let Some(commit) = name.strip_prefix("git:") else {
        return Ok(load::folder(Path::new(name))?);
    };
    let PolicySource::Git(policies) = &config.policies.source else {
        bail!("`{name}` is a commit, and there is no [policies.git] in the configuration");
    };
    let is_hash = [40, 64].contains(&commit.len()) && commit.chars().all(|c| c.is_ascii_hexdigit());
    ensure!(is_hash, "`{commit}` is no hash in full: write 40 or 64 hexadecimal digits");
    let pinned = GitPolicies { pin: GitPin::Commit(commit.to_lowercase()), ..policies.clone() };
    policies::from_git(&pinned).await.with_context(|| format!("`{name}` cannot be used"))
}

fn print(impact: &Impact, (worse, unknown): (usize, usize), offline: bool) {
    let paint = Paint::new();
    for Touched { found, cookbook, issue, who, machine } in &impact.touched {
        let word = format!("{:<27}", found.effect.in_words());
        let word = match found.effect {
            Effect::Unknown => paint.yellow(&word),
            effect if effect.is_worse() => paint.red(&word),
            Effect::KeepsTerms => paint.dim(&word),
            _ => paint.green(&word),
        };
        let machine = machine.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        let who = printable(who);
        output::line(format_args!("{word} {cookbook}{machine}, {who}: {}", printable(issue)));
        for line in &found.because {
            output::line(format_args!("    {}", printable(line)));
        }
    }
    if !impact.touched.is_empty() {
        output::line("");
    }
    let looked = format!("{} open requests, {} leases looked at", impact.requests, impact.leases);
    let hit = match (worse, unknown) {
        (0, 0) => paint.green("nothing gets worse"),
        (0, unknown) => paint.yellow(&format!("cannot be told of {unknown}")),
        (worse, 0) => paint.red(&format!("worse for {worse}")),
        (worse, unknown) => paint.red(&format!("worse for {worse}, cannot be told of {unknown}")),
    };
    output::line(format_args!("{looked}: {hit}."));
    output::line(paint.dim(
        "Machines keep the terms they were granted; `renew-terms` on their issue changes that. What [commands] leaves to owners changes at once.",
    ));
    if offline {
        output::line(paint.dim(
            "No forge was asked: changes of forms are not seen, and memberships were not looked up.",
        ));
    }
}
