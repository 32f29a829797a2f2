//! From what is written to what is meant: everything that has to be right
//! beyond its type, told all at once.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use chrono::{Days, TimeDelta};
use chrono_tz::Tz;
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    Config, Schedules,
    document::Document,
    keys::{Keys, ScheduleKeys},
    secret::{self, Secret},
};
use crate::{
    calendar::Calendar, cookbook::diagnostic::Diagnostic, engine::Labels, identity::Timestamp,
    quantity::Delay, schedule::Schedule,
};

mod address;
mod calendar;
mod forge;
mod hook;
mod policies;
mod provider;
mod store;

/// The configuration the document describes.
pub(super) fn check(document: &Document<'_>, folder: &Path) -> Result<Config, Vec<Diagnostic>> {
    let mut keys: Keys = document.read().map_err(|mistake| vec![mistake])?;
    let mut checker = Checker {
        document,
        folder,
        found: Vec::new(),
        warnings: Vec::new(),
        webhook_secrets: BTreeMap::new(),
    };
    checker.resolve_paths(&mut keys);
    let calendar = checker.calendar(&keys.calendar);
    let zone = calendar.as_ref().map_or(Tz::UTC, Calendar::zone);
    let embargoes = checker.embargoes(&keys.embargo, zone);
    let schedule = checker.schedules(&keys.schedule, zone);
    checker.limits(&keys);
    checker.labels(&keys.labels);
    checker.log_filter(&keys.log.filter);
    let forges = checker.forges(&keys.forge);
    let policies = checker.policies(&mut keys);
    let store = checker.store(&mut keys.store);
    let providers = checker.providers(&keys.provider, &keys.limits);
    let hooks = checker.hooks(&keys.hook, &keys.limits);
    let store_holds_written_secret = keys.store.password.is_some();
    let effective = toml::to_string(&keys).unwrap_or_else(|error| format!("# {error}\n"));
    match (calendar, schedule, policies, store) {
        (Some(calendar), Some(schedule), Some(policies), Some(store))
            if checker.found.is_empty() =>
        {
            Ok(Config {
                server: keys.server,
                store,
                store_holds_written_secret,
                policies,
                templates: keys.templates,
                calendar,
                embargoes,
                schedule,
                limits: keys.limits,
                people: keys.people,
                labels: keys.labels,
                log: keys.log,
                forges,
                providers,
                hooks,
                warnings: checker.warnings,
                effective,
            })
        }
        _ => Err(checker.found),
    }
}

/// What is being checked, and what was found so far.
struct Checker<'a> {
    document: &'a Document<'a>,
    folder: &'a Path,
    found: Vec<Diagnostic>,
    warnings: Vec<String>,
    /// Whose each is, to find two with the same.
    webhook_secrets: BTreeMap<String, String>,
}

impl Checker<'_> {
    fn wrong(&mut self, path: &[&str], message: impl Into<String>, help: impl Into<String>) {
        self.found.push(self.document.mistake(path, message).help(help.into()));
    }

    /// Keeps the value, or notes why there is none.
    fn keep<T, E: std::fmt::Display>(&mut self, path: &[&str], result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.found.push(self.document.mistake(path, error.to_string()))).ok()
    }

    pub(super) fn resolve(&self, path: &mut PathBuf) {
        *path = self.folder.join(&*path);
    }

    fn resolve_paths(&mut self, keys: &mut Keys) {
        for (path, value) in [
            (["store", "path"], keys.store.path.as_mut()),
            (["store", "password_file"], keys.store.password_file.as_mut()),
            (["policies", "folder"], keys.policies.folder.as_mut()),
            (["templates", "folder"], keys.templates.folder.as_mut()),
            (["calendar", "holidays_file"], keys.calendar.holidays_file.as_mut()),
        ] {
            let Some(value) = value else { continue };
            if value.as_os_str().is_empty() {
                self.wrong(&path, "this path is empty", "name one, or leave the key out");
            }
            self.resolve(value);
        }
        for ganeti in keys.provider.values_mut().filter_map(|provider| provider.ganeti.as_mut()) {
            let files =
                [&mut ganeti.password_file, &mut ganeti.reader_password_file, &mut ganeti.ca_file];
            for file in files.into_iter().flatten() {
                self.resolve(file);
            }
        }
        for forge in keys.forge.values_mut() {
            let of_projects = forge.project.iter_mut().flat_map(|project| {
                [&mut project.webhook_token_file, &mut project.signing_token_file]
            });
            let of_groups = forge
                .group
                .iter_mut()
                .flat_map(|group| [&mut group.webhook_token_file, &mut group.signing_token_file]);
            let of_app = forge
                .app
                .iter_mut()
                .flat_map(|app| [&mut app.private_key_file, &mut app.webhook_token_file]);
            let own = [&mut forge.token_file, &mut forge.ca_file];
            let files = own.into_iter().chain(of_projects).chain(of_groups).chain(of_app);
            for file in files.flatten() {
                self.resolve(file);
            }
        }
        for file in keys.hook.iter_mut().filter_map(|hook| hook.token_file.as_mut()) {
            self.resolve(file);
        }
    }

    fn schedules(&mut self, keys: &ScheduleKeys, zone: Tz) -> Option<Schedules> {
        let delay = |checker: &mut Self, key, text: &str| {
            let delay = checker.keep(&["schedule", key], Delay::parse(text))?;
            if delay.minutes() > 0 {
                return Some(delay);
            }
            checker.wrong(&["schedule", key], "this must be longer than nothing", "e.g. `10m`");
            None
        };
        let outage_after = delay(self, "outage_after", &keys.outage_after);
        let schedule = |checker: &mut Self, key, text: &str| {
            let schedule = checker.keep(&["schedule", key], Schedule::parse(text, zone))?;
            let (gap, outage_after) = (longest_gap(&schedule), outage_after?);
            if gap >= outage_after.span() {
                checker.wrong(
                    &["schedule", key],
                    format!(
                        "up to {} pass between two runs, which `outage_after` = {outage_after} \
                         takes for an outage: every deadline would move each time",
                        in_words(gap),
                    ),
                    "run it more often, e.g. `*/5 * * * *`, or raise `outage_after`",
                );
            }
            Some(schedule)
        };
        let sweep = schedule(self, "sweep", &keys.sweep);
        let poll = schedule(self, "poll", &keys.poll);
        Some(Schedules { sweep: sweep?, poll: poll?, outage_after: outage_after? })
    }

    fn limits(&mut self, keys: &Keys) {
        let limits = &keys.limits;
        for (key, timeout) in [
            ("provider_timeout_seconds", limits.provider_timeout),
            ("forge_timeout_seconds", limits.forge_timeout),
        ] {
            if timeout.is_zero() {
                self.wrong(&["limits", key], "no call can be answered in no time", "e.g. 20");
            } else if timeout >= limits.claim {
                self.wrong(
                    &["limits", key],
                    format!(
                        "a call may take {} s, but the claim on its work ends after \
                         `claim_seconds` = {}: another replica would do it a second time",
                        timeout.as_secs(),
                        limits.claim.as_secs(),
                    ),
                    "lower it, or raise `claim_seconds`",
                );
            }
        }
    }

    fn labels(&mut self, labels: &Labels) {
        let Labels {
            incomplete,
            awaiting,
            making,
            adopted,
            active,
            expired,
            ended,
            rejected,
            withdrawn,
        } = labels;
        let mut spellings: BTreeMap<String, &str> = BTreeMap::new();
        for (key, label) in [
            ("incomplete", incomplete),
            ("awaiting", awaiting),
            ("making", making),
            ("adopted", adopted),
            ("active", active),
            ("expired", expired),
            ("ended", ended),
            ("rejected", rejected),
            ("withdrawn", withdrawn),
        ] {
            let known = spellings.entry(label.to_lowercase()).or_insert(label);
            if *known != label.as_str() {
                // To some forges they are one label, to others two.
                self.wrong(
                    &["labels", key],
                    format!("`{label}` differs from `{known}` in capital letters only"),
                    "states may share a label: write it alike",
                );
            }
            let is_blank = label.trim().is_empty() && !label.is_empty();
            if is_blank || label.contains(|c: char| c == ',' || c.is_control()) {
                self.wrong(
                    &["labels", key],
                    format!("`{label}` cannot be a label"),
                    "a label is one line of text without commas; an empty one shows nothing",
                );
            }
        }
    }

    fn log_filter(&mut self, filter: &str) {
        // A lone word is read as a module to log and everything else as not to be
        // logged: a misspelt level would end the log.
        let words = filter.split(',').map(str::trim).filter(|word| !word.is_empty());
        let is_level = |word: &str| word.parse::<tracing_subscriber::filter::LevelFilter>().is_ok();
        for word in words.filter(|word| !word.contains(['=', '[']) && !is_level(word)) {
            self.wrong(
                &["log", "filter"],
                format!("`{word}` is not a level: off, error, warn, info, debug or trace"),
                format!("for a module add its level, e.g. `{word}=debug`"),
            );
        }
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(filter) {
            self.wrong(
                &["log", "filter"],
                format!("`{filter}` is not a filter: {error}"),
                "e.g. `info` or `info,innkeeper=debug`",
            );
        }
    }

    /// The secret that is written at `key`, or stands in the file `KEY_file`
    /// names. `None`, and nothing noted, when neither is there.
    fn secret(
        &mut self,
        table: &[&str],
        key: &str,
        written: Option<&Secret>,
        file: Option<&PathBuf>,
    ) -> Option<SecretString> {
        self.secret_of(table, key, (written, file), secret::one_line)
    }

    /// The same, of several lines: a private key.
    fn secret_text(
        &mut self,
        table: &[&str],
        key: &str,
        written: Option<&Secret>,
        file: Option<&PathBuf>,
    ) -> Option<SecretString> {
        self.secret_of(table, key, (written, file), secret::text)
    }

    fn secret_of(
        &mut self,
        table: &[&str],
        key: &str,
        (written, file): (Option<&Secret>, Option<&PathBuf>),
        usable: secret::Usable,
    ) -> Option<SecretString> {
        let file_key = format!("{key}_file");
        let place = |key| [table, &[key]].concat();
        match (written, file) {
            (None, None) => None,
            (Some(_), Some(_)) => {
                self.wrong(
                    &place(&file_key),
                    format!("`{key}` and `{file_key}` are both given"),
                    "keep one of them",
                );
                None
            }
            (Some(Secret(written)), None) => {
                let secret = usable(written.expose_secret());
                self.keep(&place(key), secret.map_err(|problem| format!("this secret {problem}")))
            }
            (None, Some(file)) => {
                if secret::everybody_may_read(file) {
                    let file = file.display();
                    self.warnings.push(format!(
                        "{file} is a secret and every account on this machine may read it: \
                         `chmod o= {file}`"
                    ));
                }
                self.keep(&place(&file_key), secret::read(file, usable))
            }
        }
    }

    /// A name the operator gave, which becomes part of addresses.
    fn name(&mut self, section: &str, name: &str) {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(fits) {
            self.wrong(
                &[section, name],
                format!("`{name}` cannot be the name of a {section}"),
                "use lower-case letters, digits, `-` and `_`",
            );
        }
    }

    /// The kind of a forge or provider, which decides what else is expected.
    fn kind(&mut self, section: &str, name: &str, kind: Option<&String>, known: &[&str]) {
        let either = |written: &dyn Fn(&&str) -> String| {
            known.iter().map(written).collect::<Vec<_>>().join(" or ")
        };
        match kind {
            Some(kind) if known.contains(&kind.as_str()) => {}
            Some(kind) => self.wrong(
                &[section, name, "kind"],
                format!("`{kind}` is not a kind of {section}"),
                format!("what there is: {}", either(&|kind| format!("`{kind}`"))),
            ),
            None => self.wrong(
                &[section, name],
                format!("[{section}.{name}] lacks `kind`"),
                format!("add {}", either(&|kind| format!("`kind = \"{kind}\"`"))),
            ),
        }
    }
}

/// The longest time between two runs: exactly within a week, and to the day
/// within a year.
fn longest_gap(schedule: &Schedule) -> TimeDelta {
    /// Every five minutes for a week, and a few.
    const RUNS: usize = 2100;
    // Any year will do: what matters repeats.
    let start = Timestamp::UNIX_EPOCH;
    let over_the_year = (0..366).map(|day| {
        let from = start + Days::new(day);
        schedule.next_after(from).map_or(TimeDelta::MAX, |run| run - from)
    });
    over_the_year.max().unwrap_or_default().max(schedule.longest_gap(start, RUNS))
}

fn in_words(gap: TimeDelta) -> String {
    match gap.num_minutes() {
        minutes if minutes >= 2 * 24 * 60 => format!("{} days", minutes / (24 * 60)),
        minutes if minutes >= 2 * 60 => format!("{} hours", minutes / 60),
        minutes => format!("{minutes} minutes"),
    }
}
