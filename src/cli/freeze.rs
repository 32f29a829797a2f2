//! `innkeeper freeze` and `innkeeper thaw`: an operator holds the machinery
//! back, and lets it go on. Works whether the service runs or not.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::{bail, ensure};
use chrono::NaiveDateTime;
use clap::{Args, ValueEnum};

use super::{output, runtime::runtime};
use crate::{
    app::{compose, system::SystemClock},
    brake::{Deed, Freeze},
    calendar::Calendar,
    config::{self, Config},
    engine,
    identity::Timestamp,
    ports::{clock::Clock as _, store::Store},
    quantity::Delay,
};

/// The longest reason, in characters: it stands on issues.
const LONGEST_REASON: usize = 200;

#[derive(Debug, Args)]
pub(super) struct FreezeArguments {
    /// The configuration file of the service
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Why, for everybody who waits: it stands on their issues
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Until when, e.g. `2026-12-01T08:00` in the calendar's time zone, or for how
    /// long, e.g. `4h`; without it, until `innkeeper thaw`
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Freeze only this; may be repeated
    #[arg(long, value_name = "WHAT")]
    only: Vec<What>,
}

#[derive(Debug, Args)]
pub(super) struct ThawArguments {
    /// The configuration file of the service
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Thaw only this; may be repeated
    #[arg(long, value_name = "WHAT")]
    only: Vec<What>,
    /// Thaw nothing, but say that the clock is right, after it moved in a way that
    /// nothing explains
    #[arg(long, conflicts_with = "only")]
    clock: bool,
}

/// What can be frozen by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Making machines
    Create,
    /// What people order for machines in use: switching, resizing, installing anew
    Change,
    /// Stopping machines whose time is up
    Stop,
    /// Destroying machines, and dropping their backups
    Destroy,
}

pub(super) fn freeze(arguments: &FreezeArguments) -> anyhow::Result<ExitCode> {
    let config = Config::load(&arguments.config, &config::environment())?;
    let now = SystemClock.now();
    let reason = reason(&arguments.reason)?;
    let until = arguments.until.as_deref();
    let until = until.map(|text| moment(text, now, &config.calendar)).transpose()?;
    let freeze = Freeze { reason, since: now, until };
    let deeds = deeds(&arguments.only);
    runtime()?.block_on(async {
        let store = store(&config).await?;
        anyhow::Ok(engine::freeze(store.as_ref(), &deeds, &freeze, now).await?)
    })?;
    let until = freeze
        .until
        .map_or_else(|| "`innkeeper thaw`".to_owned(), |until| config.calendar.absolute(until));
    output::line(format_args!("Frozen until {until}: {}.", words(&deeds)));
    output::line(
        "Requests are still judged, answered and approved, warnings go on, and leases can be \
         extended.\nWhat a provider has been told already is not taken back: look there whether \
         something is still under way.",
    );
    Ok(ExitCode::SUCCESS)
}

pub(super) fn thaw(arguments: &ThawArguments) -> anyhow::Result<ExitCode> {
    let config = Config::load(&arguments.config, &config::environment())?;
    let now = SystemClock.now();
    if arguments.clock {
        runtime()?.block_on(async {
            let store = store(&config).await?;
            anyhow::Ok(engine::confirm_clock(store.as_ref(), now).await?)
        })?;
        let now = config.calendar.absolute(now);
        output::line(format_args!("The clock shows {now} and is taken to be right."));
        return Ok(ExitCode::SUCCESS);
    }
    let deeds = deeds(&arguments.only);
    let thawed = runtime()?.block_on(async {
        let store = store(&config).await?;
        anyhow::Ok(engine::thaw(store.as_ref(), &deeds, now).await?)
    })?;
    if thawed.is_empty() {
        output::line("Nothing was frozen.");
        return Ok(ExitCode::SUCCESS);
    }
    for (deed, freeze) in thawed {
        let since = config.calendar.absolute(freeze.since);
        let reason = output::printable(&freeze.reason);
        output::line(format_args!("Thawed: {deed}, frozen since {since} ({reason})."));
    }
    Ok(ExitCode::SUCCESS)
}

async fn store(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    compose::present_store(config).await
}

fn deeds(only: &[What]) -> Vec<Deed> {
    let deed = |what: &What| match what {
        What::Create => Deed::Create,
        What::Change => Deed::Change,
        What::Stop => Deed::Stop,
        What::Destroy => Deed::Destroy,
    };
    let mut deeds: Vec<Deed> = only.iter().map(deed).collect();
    deeds.sort_unstable();
    deeds.dedup();
    if deeds.is_empty() { Deed::ALL.to_vec() } else { deeds }
}

fn words(deeds: &[Deed]) -> String {
    deeds.iter().map(|deed| deed.word()).collect::<Vec<_>>().join(", ")
}

fn reason(text: &str) -> anyhow::Result<String> {
    // It is put into a sentence.
    let reason = text.trim().trim_end_matches(['.', '!']).trim_end();
    ensure!(
        !reason.is_empty(),
        "--reason is empty; say why, for everybody who waits: `--reason \"storage is being moved\"`"
    );
    ensure!(!reason.contains(char::is_control), "--reason has to be a single line of text");
    let length = reason.chars().count();
    ensure!(
        length <= LONGEST_REASON,
        "--reason has {length} characters; it stands on issues, so {LONGEST_REASON} is the most"
    );
    Ok(reason.to_owned())
}

fn moment(text: &str, now: Timestamp, calendar: &Calendar) -> anyhow::Result<Timestamp> {
    let text = text.trim();
    let local = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let until = match (local, Delay::parse(text)) {
        (Some(local), _) => calendar.moment(local),
        (None, Ok(delay)) => now + delay.span(),
        (None, Err(_)) => bail!(
            "--until: `{text}` is neither a moment such as `2026-12-01T08:00` (in {}) nor a \
             length of time such as `4h`",
            calendar.zone()
        ),
    };
    ensure!(until > now, "--until: {} is past", calendar.absolute(until));
    Ok(until)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(text: &str) -> Result<String, String> {
        let calendar = Calendar::from_parts("Europe/Berlin", []).unwrap();
        let now = "2026-11-30T09:00:00Z".parse().unwrap();
        moment(text, now, &calendar).map(|at| at.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_end_is_a_moment_where_the_people_are_or_a_length_of_time() {
        assert_eq!(until("2026-12-01T08:00").unwrap(), "2026-12-01 07:00:00 UTC");
        assert_eq!(until(" 2026-12-01 08:00 ").unwrap(), "2026-12-01 07:00:00 UTC");
        assert_eq!(until("4h").unwrap(), "2026-11-30 13:00:00 UTC");
        for (text, says) in [
            ("2026-11-30T08:00", "is past"),
            ("0h", "is past"),
            ("tomorrow", "is neither a moment"),
            ("2026-12-01", "is neither a moment"),
        ] {
            let error = until(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn a_reason_is_one_line_that_fits_into_a_sentence() {
        assert_eq!(reason(" storage is being moved. ").unwrap(), "storage is being moved");
        for bad in ["", " . ", "two\nlines", &"x".repeat(201)] {
            assert!(reason(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn without_a_choice_everything_is_frozen() {
        assert_eq!(deeds(&[]), Deed::ALL);
        assert_eq!(
            deeds(&[What::Destroy, What::Create, What::Destroy]),
            [Deed::Create, Deed::Destroy]
        );
    }
}
