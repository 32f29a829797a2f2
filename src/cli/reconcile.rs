//! `innkeeper reconcile`: what differs in the world after the store was
//! restored, and the order to go on.

use std::{
    fmt::Write as _,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{bail, ensure};
use clap::Args;
use serde_json::json;

use super::{
    output::{self, printable},
    runtime::runtime,
};
use crate::{
    app::{compose, system::SystemClock},
    calendar::Calendar,
    config::{self, Config},
    engine::recovery::{self, Differences, Found, IssueFound, Next},
    lease::Step,
    machine::Power,
    ports::{clock::Clock as _, restoration::Restoration},
};

/// Said under every list: what nobody can find out.
const UNKNOWN: &str = "\
What cannot be known: what was ordered by comments that were deleted or edited since, what \
operators did at\nthe command line (freezes, adoptions), and what hooks did. Of machines \
without a lease nobody is warned, and\nnothing is ever done to them here.";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The configuration file of the service
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Let the service go on
    #[arg(long)]
    go_on: bool,
    /// Do not ask whether that is meant
    #[arg(long, requires = "go_on")]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = Config::load(&arguments.config, &config::environment())?;
    if arguments.go_on {
        return go_on(&config, arguments);
    }
    let found = runtime()?.block_on(async {
        let engine = compose::onlooker(&config).await?;
        let restoration = engine.restoration().await?;
        let Some(restoration) = restoration.filter(Restoration::stands) else { return Ok(None) };
        anyhow::Ok(Some(engine.differences(restoration).await?))
    })?;
    let Some(found) = found else {
        if arguments.json {
            output::line(json!(null));
        } else {
            output::line("The store was not restored, or things go on already: nothing to do.");
        }
        return Ok(ExitCode::SUCCESS);
    };
    if arguments.json {
        output::line(serde_json::to_string_pretty(&found)?);
    } else {
        print(&found, &config.calendar);
    }
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn go_on(config: &Config, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    ensure!(arguments.yes || confirmed()?, "nothing was changed: the service still only listens");
    let now = SystemClock.now();
    let gone_on = runtime()?.block_on(async {
        let store = compose::present_store(config).await?;
        anyhow::Ok(recovery::go_on(store.as_ref(), now).await?)
    })?;
    if arguments.json {
        output::line(json!(gone_on));
    } else if gone_on.is_some() {
        output::line(
            "Things go on. Every issue is looked at first; then people get the full notice of \
             whatever comes next.\nA service that runs notices within seconds.",
        );
    } else {
        output::line("The store was not restored, or things go on already: nothing to do.");
    }
    Ok(ExitCode::SUCCESS)
}

fn confirmed() -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("nobody can be asked here: look at `innkeeper reconcile`, then add --yes");
    }
    let mut out = io::stderr().lock();
    write!(out, "Have you looked at what differs, and should things go on? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

fn print(found: &Differences, calendar: &Calendar) {
    let Restoration { taken_at, restored_at, .. } = found.restoration;
    output::line(format_args!(
        "The store is as it was at {}; it was restored at {}.\nThe service takes in webhooks, and \
         does nothing else before `innkeeper reconcile --go-on`.",
        calendar.absolute(taken_at),
        calendar.absolute(restored_at)
    ));
    section("Could not be looked at", found.unreachable.iter().map(|line| printable(line)));
    section(
        "Machines that are not as their leases say",
        found.machines.iter().map(|machine| {
            let is = how(&machine.found);
            let (name, provider) = (&machine.machine, &machine.provider);
            let (state, page) = (machine.state.word(), printable(&machine.page));
            format!("{name} on {provider} ({state} here): {is}; {page}")
        }),
    );
    section(
        "Machines that bear our mark, but have no lease here (made since; they are left alone)",
        found.strays.iter().map(|stray| {
            let why = if stray.ended { "is over" } else { "is not known" };
            format!(
                "{} on {}, {}: its lease {} {why}. Remove its mark on the provider and `innkeeper \
                 adopt` it, or destroy it by hand.",
                stray.machine,
                stray.provider,
                power(stray.power),
                stray.lease
            )
        }),
    );
    section("Issues on which something happened since", found.issues.iter().map(issue));
    section(
        "What comes next once things go on",
        found.next.iter().map(|next| coming(next, calendar)),
    );
    if found.is_empty() {
        output::line("\nNothing differs.");
    }
    output::line(format_args!("\n{UNKNOWN}"));
}

fn section(title: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        output::line(format_args!("\n{title}:"));
    }
    for line in lines {
        output::line(format_args!("  {line}"));
    }
}

fn how(found: &Found) -> String {
    match found {
        Found::Missing => "it is not there".to_owned(),
        Found::Power { now, .. } => format!("it is {} now", power(*now)),
        Found::Another => "another machine has its name, without its mark or UUID".to_owned(),
        Found::Resized => "it has another size".to_owned(),
    }
}

fn power(power: Power) -> &'static str {
    match power {
        Power::On => "running",
        Power::Off => "switched off",
        Power::Unknown => "in an unknown state",
    }
}

fn issue(found: &IssueFound) -> String {
    // Writing to a string cannot fail.
    let mut line = printable(&found.page);
    if !found.known {
        line.push_str(": not known here, so it is judged anew and has to be approved anew");
    }
    if found.our_comments > 0 {
        let _ = write!(line, "; {} comments of ours are newer", found.our_comments);
    }
    if let Some(open) = found.open {
        line.push_str(if open { "; it was opened" } else { "; it was closed" });
    }
    if let Some(day) = found.due_date {
        let _ = write!(line, "; it shows {day} as the end");
    }
    for said in &found.commands {
        let what = if said.is_obeyed { "is obeyed then" } else { "has to be said again" };
        let by = printable(&said.by);
        let _ = write!(line, "\n    {by} at {}: `{}` {what}", said.at, said.command);
    }
    line
}

fn coming(next: &Next, calendar: &Calendar) -> String {
    let (name, page) = (&next.machine, printable(&next.page));
    let step = match next.step {
        None => return format!("{name} is being destroyed, and that goes on; {page}"),
        Some(Step::Stop) => "is stopped",
        Some(Step::Destroy) => "is destroyed",
        Some(Step::DropBackups) => "loses its backups",
    };
    let when = |at: Option<_>| at.map_or_else(String::new, |at| calendar.absolute(at));
    let (due, earliest) = (when(next.due), when(next.earliest));
    format!("{name} {step}: due {due}, not before {earliest}; {page}")
}
