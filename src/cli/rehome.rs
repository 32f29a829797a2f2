//! `innkeeper rehome`: machines whose issue is gone, and another issue for them.
//! The service may run meanwhile.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Serialize;

use super::{issue::Meant, output, runtime::runtime};
use crate::{
    app::compose,
    config::{self, Config},
    engine::rehome::Homeless,
    lease::Lease,
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A machine by name, or as PROVIDER/NAME; without one, all are shown
    #[arg(value_name = "MACHINE", requires = "to")]
    machine: Option<String>,
    /// The configuration file of the service
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The issue it gets, with the other machines of its request: its address, or
    /// FORGE:PROJECT#NUMBER
    #[arg(long, value_name = "ISSUE", requires = "machine")]
    to: Option<String>,
    /// Print JSON
    #[arg(long, conflicts_with = "to")]
    json: bool,
}

/// A machine without an issue, for other programs.
#[derive(Serialize)]
struct Line<'a> {
    machine: &'a str,
    provider: &'a str,
    owner: &'a str,
    state: &'static str,
    hold: Option<&'a str>,
    /// The address that its issue had.
    issue: &'a str,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = Config::load(&arguments.config, &config::environment())?;
    let to = arguments.to.as_deref().map(read).transpose()?;
    runtime()?.block_on(async {
        compose::ensure_store(&config).await?;
        let engine = compose::service(&config).await?.engine;
        let homeless = match engine.homeless().await {
            Ok(homeless) => homeless,
            Err(error) => return Ok(output::failed(error)),
        };
        let Some((machine, to)) = arguments.machine.as_deref().zip(to) else {
            return show(&homeless, arguments.json);
        };
        let to = to.find(&config, &engine).await?;
        let request = chosen(&homeless, machine)?.request;
        match engine.rehome(request, &to).await {
            Ok(page) => {
                output::line(format_args!("Done: {page}"));
                output::line(
                    "A machine that is on hold stays so until `unhold` there; then everybody is warned anew.",
                );
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => Ok(output::failed(error)),
        }
    })
}

fn show(homeless: &[Homeless], json: bool) -> anyhow::Result<ExitCode> {
    let lines: Vec<Line<'_>> =
        homeless.iter().flat_map(|one| one.leases.iter().map(|lease| line(one, lease))).collect();
    if json {
        output::line(serde_json::to_string_pretty(&lines)?);
    } else if lines.is_empty() {
        output::line("Every machine has its issue.");
    }
    for line in lines.iter().filter(|_| !json) {
        let Line { machine, provider, owner, state, hold, issue } = line;
        let hold = hold.map(|why| format!(", on hold: {}", output::printable(why)));
        output::line(format_args!(
            "{}  {state}, of {}, was {}{}",
            output::Paint::new().bold(&format!("{provider}/{machine}")),
            output::printable(owner),
            output::printable(issue),
            hold.unwrap_or_default()
        ));
    }
    Ok(if lines.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn line<'a>(homeless: &'a Homeless, lease: &'a Lease) -> Line<'a> {
    Line {
        machine: lease.order.key.name.as_str(),
        provider: lease.provider.as_str(),
        owner: &lease.owner.username,
        state: lease.state.word(),
        hold: lease.hold.as_deref(),
        issue: &homeless.page,
    }
}

/// The request of this machine.
fn chosen<'a>(homeless: &'a [Homeless], machine: &str) -> anyhow::Result<&'a Homeless> {
    let is_meant = |lease: &Lease| {
        let name = lease.order.key.name.as_str();
        name == machine || format!("{}/{name}", lease.provider) == machine
    };
    let mut meant = homeless.iter().filter(|one| one.leases.iter().any(is_meant));
    match (meant.next(), meant.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => {
            bail!("there are several machines `{machine}`: name the provider too")
        }
        (None, _) => bail!("`{machine}` is not among the machines whose issue is gone"),
    }
}

fn read(text: &str) -> anyhow::Result<Meant<'_>> {
    Meant::read(text)
        .with_context(|| format!("`{text}` is no issue: write FORGE:PROJECT#NUMBER or its address"))
}
