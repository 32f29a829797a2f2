//! `innkeeper queue`: what was decided and is not done yet, and what an operator
//! does about it. Works whether the service runs or not.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{output, runtime::runtime};
use crate::{
    app::{compose, system::SystemClock},
    calendar::Calendar,
    config::{self, Config},
    effect::Task,
    engine::queue,
    identity::Timestamp,
    ports::{
        clock::Clock as _,
        queue::{Standing, Unfinished},
        store::{CommitError, Store},
    },
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what is not done: what waits for a person first, then what is due next
    #[command(
        after_help = "Examples:\n  innkeeper queue list --config innkeeper.toml\n  innkeeper queue list --config innkeeper.toml --json | jq -r '.[] | select(.state == \"buried\").error'\n\nExit codes: 0 nothing waits for a person, 1 something does, 2 no store"
    )]
    List(List),
    /// Try these at once, and whatever takes its turn with them
    #[command(
        after_help = "Example:\n  innkeeper queue retry --config innkeeper.toml 12\n\nThe same as `@innkeeper retry` on the issue. Steps on machines and most comments are tried again without it, only later.\n\nExit codes: 0 done, 1 there is no such task, 2 unusable arguments or no store"
    )]
    Retry(Chosen),
    /// Never do these: comments that nobody can be told any more
    #[command(
        after_help = "Example:\n  innkeeper queue drop --config innkeeper.toml 12\n\nOnly what is buried can be dropped, which steps on machines never are. A warning that is dropped was not given: nothing that it announces is done.\n\nExit codes: 0 done, 1 one of them is not buried, and none was dropped; 2 unusable arguments or no store"
    )]
    Drop(Chosen),
}

#[derive(Debug, Args)]
struct List {
    /// The configuration file of the service
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Show at most so many
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    most: usize,
}

#[derive(Debug, Args)]
struct Chosen {
    /// The configuration file of the service
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// As `queue list` shows them; `effect-12` in a comment is 12
    #[arg(value_name = "NUMBER", required = true)]
    tasks: Vec<u64>,
}

/// A task, for other programs.
#[derive(Serialize)]
struct Line<'a> {
    id: u64,
    state: &'static str,
    /// Of what is buried since when; of what is pending, when it is due; of what
    /// is running, until when it has time.
    at: Timestamp,
    what: &'static str,
    lane: &'a str,
    key: &'a str,
    tries: u32,
    ordered_at: Timestamp,
    error: Option<&'a str>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let file = match &arguments.command {
        Command::List(list) => &list.config,
        Command::Retry(chosen) | Command::Drop(chosen) => &chosen.config,
    };
    let config = Config::load(file, &config::environment())?;
    runtime()?.block_on(async {
        let store = compose::present_store(&config).await?;
        let store = store.as_ref();
        match &arguments.command {
            Command::List(list) => show(store, list, &config.calendar).await,
            Command::Retry(chosen) => retry(store, &chosen.tasks).await,
            Command::Drop(chosen) => drop(store, &chosen.tasks).await,
        }
    })
}

async fn show(store: &dyn Store, list: &List, calendar: &Calendar) -> anyhow::Result<ExitCode> {
    let tasks = store.unfinished(list.most).await?;
    let buried = tasks.iter().any(|task| matches!(task.standing, Standing::Buried(_)));
    if list.json {
        let lines: Vec<Line<'_>> = tasks.iter().map(line).collect();
        output::line(serde_json::to_string_pretty(&lines)?);
    } else {
        print(&tasks, calendar);
        let figures = store.figures(SystemClock.now()).await?;
        let all = figures.effects_pending + figures.effects_buried;
        let more = all.saturating_sub(tasks.len() as u64);
        if more > 0 {
            output::line(format_args!("and {more} more: `--most {all}` shows all"));
        }
    }
    Ok(if buried { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn retry(store: &dyn Store, ids: &[u64]) -> anyhow::Result<ExitCode> {
    let Some(tasks) = find(store, ids).await? else { return Ok(ExitCode::FAILURE) };
    let count = queue::retry(store, &tasks, SystemClock.now()).await?;
    output::line(format_args!("Due now: {count}, with what takes its turn with them."));
    Ok(ExitCode::SUCCESS)
}

async fn drop(store: &dyn Store, ids: &[u64]) -> anyhow::Result<ExitCode> {
    let Some(tasks) = find(store, ids).await? else { return Ok(ExitCode::FAILURE) };
    let lively = tasks.iter().find(|task| !matches!(task.standing, Standing::Buried(_)));
    if let Some(task) = lively {
        let word = task.standing.word();
        let line = format!(
            "{} is {word}, not buried: it is tried until it is done. Nothing was dropped.",
            task.id
        );
        output::line(output::Paint::new().red(&line));
        return Ok(ExitCode::FAILURE);
    }
    match queue::drop(store, &tasks, SystemClock.now()).await {
        Ok(()) => {
            output::line(format_args!("Dropped: {}.", tasks.len()));
            Ok(ExitCode::SUCCESS)
        }
        Err(CommitError::Conflict) => {
            output::line("Somebody was faster, and nothing was dropped: see `queue list`.");
            Ok(ExitCode::FAILURE)
        }
        Err(CommitError::Port(error)) => Err(error.into()),
    }
}

/// The tasks with these numbers; `None`, and it is said, when one is missing.
async fn find(store: &dyn Store, ids: &[u64]) -> anyhow::Result<Option<Vec<Unfinished>>> {
    let mut tasks = store.unfinished(usize::MAX).await?;
    let is_there = |id: &&u64| tasks.iter().any(|task| task.id == **id);
    if let Some(missing) = ids.iter().find(|id| !is_there(id)) {
        let line = format!("{missing} is done, or there never was such a task.");
        output::line(output::Paint::new().red(&line));
        return Ok(None);
    }
    tasks.retain(|task| ids.contains(&task.id));
    Ok(Some(tasks))
}

fn print(tasks: &[Unfinished], calendar: &Calendar) {
    let paint = output::Paint::new();
    if tasks.is_empty() {
        output::line("Everything is done.");
    }
    for task in tasks {
        let Line { id, state, what, tries, .. } = line(task);
        let standing = match task.standing {
            Standing::Buried(at) => paint.red(&format!("{state} since {}", calendar.absolute(at))),
            Standing::Pending(at) => format!("{state}, due {}", calendar.absolute(at)),
            Standing::Running(at) => format!("{state} until {}", calendar.absolute(at)),
        };
        let id = paint.bold(&id.to_string());
        let lane = output::printable(&task.lane);
        output::line(format_args!("{id}  {standing}: {what}, {lane}, tries: {tries}"));
        if let Some(error) = &task.error {
            output::line(format_args!("    {}", output::printable(error)));
        }
    }
}

fn line(task: &Unfinished) -> Line<'_> {
    let (Standing::Buried(at) | Standing::Pending(at) | Standing::Running(at)) = task.standing;
    Line {
        id: task.id,
        state: task.standing.word(),
        at,
        what: task.task.as_ref().map_or("unreadable", Task::word),
        lane: &task.lane,
        key: &task.key,
        tries: task.tries,
        ordered_at: task.ordered_at,
        error: task.error.as_deref(),
    }
}
