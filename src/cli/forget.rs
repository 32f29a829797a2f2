//! `innkeeper forget`: erases what the store has of somebody.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::json;

use super::{
    output::{self, printable},
    runtime::runtime,
};
use crate::{
    app::{compose, system::SystemClock},
    config::{self, Config},
    identity::ForgeName,
    personal::Needed,
    ports::clock::Clock as _,
    store::sql::forget::{Erased, Forgotten},
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The configuration file of the service
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Whose forge the account is on, by its name in the configuration; not needed
    /// if there is only one
    #[arg(long, value_name = "NAME")]
    forge: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The account: its number, or a username it had
    user: String,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = Config::load(&arguments.config, &config::environment())?;
    let forge = forge(&config, arguments.forge.as_deref())?;
    let now = SystemClock.now();
    let forgotten = runtime()?.block_on(compose::forget(&config, &forge, &arguments.user, now))?;
    let refused = matches!(forgotten, Forgotten::Needed(_) | Forgotten::Ambiguous(_));
    if arguments.json {
        output::line(json!(forgotten));
    } else {
        print(&forgotten, &forge, &arguments.user);
    }
    Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn forge(config: &Config, named: Option<&str>) -> anyhow::Result<ForgeName> {
    if let Some(named) = named {
        // One that is not in the configuration any more may have left people behind.
        return Ok(ForgeName::from(named));
    }
    let mut forges = config.forges.keys();
    let forge = forges.next().context("the configuration has no forge: name one with --forge")?;
    ensure!(
        forges.next().is_none(),
        "the configuration has several forges: say on which the account is, with --forge"
    );
    Ok(forge.clone())
}

fn print(forgotten: &Forgotten, forge: &ForgeName, user: &str) {
    let user = printable(user);
    match forgotten {
        Forgotten::Unknown => output::line(format_args!(
            "Nobody called {user} on {forge} is in the store. Whoever was forgotten before is known by number alone."
        )),
        Forgotten::Ambiguous(ids) => {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            output::line(format_args!(
                "Several accounts have had this name: give the number of one of them: {}.",
                ids.join(", ")
            ));
        }
        Forgotten::Needed(needed) => {
            output::line(format_args!("{user} cannot be forgotten yet; nothing was changed:"));
            for needed in needed {
                output::line(format_args!("  {}", still_needed(needed)));
            }
            output::line(
                "Hand machines over (`transfer`, `confirm`) or end them (`release`), wait until \
                 their backups are dropped,\nand close what is open; then do this again.",
            );
        }
        Forgotten::Done { who, erased } => print_erased(*erased, &format!("{forge}:{who}")),
    }
}

fn still_needed(needed: &Needed) -> String {
    match needed {
        Needed::Lease { machine, state, issue, .. } => {
            format!("{machine} is {}: {issue}", state.word())
        }
        Needed::Request { page } => format!("a request is open: {}", printable(page)),
    }
}

fn print_erased(erased: Erased, who: &str) {
    let Erased { requests, leases, comments, bodies, left } = erased;
    output::line(format_args!(
        "Erased what the store had of account {who}: from {requests} requests (names, answers, \
         digests),\n{leases} leases (names, keys, addresses), {comments} comments and {bodies} \
         bodies of webhooks."
    ));
    if left > 0 {
        output::line(format_args!(
            "{left} things that name them are still in use (comments to be posted, machines that \
             others have now): do this again later."
        ));
    }
    output::line(
        "What stays: their account's number; the audit log, whose entries hold numbers and \
         digests that nobody can match any more\n(but for those of versions that did not seal \
         them); names of machines; the issues and comments on the forge. Backups and\nexported \
         logs keep what they have until you delete them.",
    );
}
