//! The configuration: the defaults, then the operator's file, then
//! `INNKEEPER__SECTION__KEY` from the environment. `config.default.toml`
//! documents every key.
//!
//! Read once at start. Unknown keys and impossible combinations are refused
//! with file, line and column, all that can be found at once. Secrets come from
//! files, or the environment, and never show in `Debug`, in errors or in
//! [`Config::redacted`].
//!
//! ```text
//! file, environment -> document (text with places) -> keys (what may be written)
//!                                                       -> check -> Config
//! ```

mod check;
mod document;
mod keys;
mod parties;
pub mod schema;
mod secret;
mod sections;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, fs, io, path::Path};

pub use self::{
    parties::{
        Credentials, Forge, ForgeKind, Ganeti, Group, Hook, HookAction, LibvirtProvider, Project,
        Provider, ProviderKind, RapiCertificate, RapiUser, ReadyWhen,
    },
    sections::{
        GitPin, GitPolicies, Limits, Log, LogFormat, People, Policies, PolicySource, Schedules,
        Server, Store, Templates,
    },
};
use crate::{
    brake::Embargo,
    calendar::Calendar,
    cookbook::diagnostic::Diagnostic,
    engine::Labels,
    identity::{ForgeName, ProviderName},
};

/// Every key, what it means, and its default: the example to start from.
pub const EXAMPLE: &str = include_str!("../config.default.toml");

/// Variables that begin like this override the file.
const PREFIX: &str = "INNKEEPER__";

/// What the operator decided. Paths are as they are to be opened.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where webhooks are received.
    pub server: Server,
    /// Where state is.
    pub store: Store,
    /// Where the cookbooks are, and what holds for all of them.
    pub policies: Policies,
    /// The operator's own words.
    pub templates: Templates,
    /// Working days and time zone.
    pub calendar: Calendar,
    /// What is held back at times that are known before.
    pub embargoes: Vec<Embargo>,
    /// When things are looked at.
    pub schedule: Schedules,
    /// How much, and how long.
    pub limits: Limits,
    /// Who may do everything.
    pub people: People,
    /// The labels that show states.
    pub labels: Labels,
    /// What is logged.
    pub log: Log,
    /// The forges, by the operator's names for them.
    pub forges: BTreeMap<ForgeName, Forge>,
    /// The providers, by the operator's names for them.
    pub providers: BTreeMap<ProviderName, Provider>,
    /// What the operator has done around the steps on machines, in order.
    pub hooks: Vec<Hook>,
    /// What is allowed but probably not meant, as sentences for the log.
    pub warnings: Vec<String>,
    store_holds_written_secret: bool,
    effective: String,
}

impl Config {
    /// Reads the file at `path` and lays `environment` over it. Relative paths
    /// in it are relative to its folder; secrets in files of their own are read.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, each with its place. When the file is not TOML
    /// or names an unknown key, only the first such mistake.
    pub fn load(path: &Path, environment: &[(String, String)]) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = read(path).map_err(|(message, help)| {
            ConfigError(vec![Diagnostic::about(&name, message).help(help)])
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut config = Self::parse(&name, &text, folder, environment)?;
        let written_in_it = config.forges.values().any(|forge| forge.holds_written_secret)
            || config.providers.values().any(|provider| provider.holds_written_secret)
            || config.store_holds_written_secret
            || config.hooks.iter().any(|hook| hook.holds_written_secret);
        if written_in_it && secret::everybody_may_read(path) {
            config.warnings.push(format!(
                "{name} holds secrets and every account on this machine may read it: `chmod o= {name}`"
            ));
        }
        Ok(config)
    }

    /// Reads a configuration from text. `name` is what errors call it, `folder`
    /// what relative paths are relative to.
    ///
    /// # Errors
    ///
    /// As [`Config::load`].
    pub fn parse(
        name: &str,
        text: &str,
        folder: &Path,
        environment: &[(String, String)],
    ) -> Result<Self, ConfigError> {
        document::Document::parse(name, text, environment)
            .and_then(|document| check::check(&document, folder))
            .map_err(|mut found| {
                found.sort();
                ConfigError(found)
            })
    }

    /// Whether there is enough here to run the service: somebody to turn to, a
    /// project to listen to, somewhere to make machines, and the templates.
    ///
    /// # Errors
    ///
    /// All that is missing, each with what to add.
    pub fn ready_to_serve(&self) -> Result<(), ConfigError> {
        let places = self.forges.values().map(|forge| forge.projects.len() + forge.groups.len());
        let missing = [
            (
                self.people.sysadmins.is_empty(),
                "nobody is a sysadmin, so nobody could help a lease that is stuck",
                "[people] sysadmins = [\"group:PATH\"]",
            ),
            (
                places.sum::<usize>() == 0,
                "no project is listened to",
                "[forge.NAME] and [[forge.NAME.project]]",
            ),
            (self.providers.is_empty(), "machines cannot be made anywhere", "[provider.NAME]"),
        ];
        let mut missing: Vec<_> = missing
            .into_iter()
            .filter(|(is_missing, ..)| *is_missing)
            .map(|(_, what, add)| {
                let help = format!("add `{add}`; config.default.toml shows how");
                Diagnostic::about("the configuration", what).help(help)
            })
            .collect();
        // Without this, the operator's words would be left out without a word.
        if let Some(folder) = self.templates.folder.as_ref().filter(|folder| !folder.is_dir()) {
            let what = format!("[templates] folder = \"{}\" is no folder", folder.display());
            missing.push(
                Diagnostic::about("the configuration", what).help(
                    "create it, or leave the key out to use the built-in templates".to_owned(),
                ),
            );
        }
        if missing.is_empty() { Ok(()) } else { Err(ConfigError(missing)) }
    }

    /// The configuration in force, every key with its value, as TOML. Secrets
    /// are masked.
    #[must_use]
    pub fn redacted(&self) -> &str {
        &self.effective
    }
}

/// The variables that [`Config::load`] takes. The only place that reads the
/// environment.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "everything else takes the environment as an argument"
)]
pub fn environment() -> Vec<(String, String)> {
    // Text that is not UTF-8 gets replacement characters, which are refused later.
    std::env::vars_os()
        .map(|(name, value)| {
            (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
        })
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect()
}

/// Everything that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(Vec<Diagnostic>);

impl ConfigError {
    /// The mistakes, in the order of their places.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.0
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            f.write_str(if index > 0 { "\n\n" } else { "" })?;
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// The text of the file; else what is wrong and what to do about it.
fn read(path: &Path) -> Result<String, (String, String)> {
    let bytes = fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => (
            "there is no such file".to_owned(),
            "name another with `--config`, or copy config.default.toml there to start from"
                .to_owned(),
        ),
        io::ErrorKind::IsADirectory => (
            "this is a folder; the configuration is one file".to_owned(),
            format!("did you mean `{}`?", path.join("innkeeper.toml").display()),
        ),
        io::ErrorKind::PermissionDenied => (
            "this account may not read the file".to_owned(),
            "give it to the account that runs innkeeper, e.g. `chgrp innkeeper FILE && chmod g+r FILE`"
                .to_owned(),
        ),
        _ => (format!("the file cannot be read: {error}"), "try again, or name another".to_owned()),
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = String::from_utf8_lossy(good).matches('\n').count() + 1;
        (
            format!("line {line} holds bytes that are not UTF-8"),
            "save the file as UTF-8, or check that it is the right one".to_owned(),
        )
    })
}
