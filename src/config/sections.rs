//! The sections that are used as they are written.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use url::Url;

use crate::{cookbook::Principal, quantity::Delay, schedule::Schedule};

/// Where webhooks are received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    /// How long work under way may take after the order to stop.
    #[serde(rename = "stop_seconds", with = "seconds")]
    pub stop: Duration,
}

/// Where state is.
#[derive(Clone, Debug)]
pub enum Store {
    /// In an `SQLite` file.
    File(PathBuf),
    /// On a `PostgreSQL` server.
    Server {
        /// The database; without a password.
        url: Url,
        /// For the account in it.
        password: Option<SecretString>,
    },
}

/// Where the cookbooks are, and what holds for all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policies {
    /// Where they are read from.
    pub source: PolicySource,
    /// Whether cookbooks may approve by themselves.
    pub automatic_approval: bool,
    /// Host names nobody gets, and machines never touched.
    pub protected_names: Vec<String>,
}

/// Where cookbooks are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicySource {
    /// A folder.
    Folder(PathBuf),
    /// A folder in one revision of a repository.
    Git(GitPolicies),
}

/// A folder in one revision of a repository, which nobody but the operator can
/// exchange for another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitPolicies {
    /// A path or address that `git` can fetch from.
    pub repository: String,
    /// The folder in it; empty for its root.
    pub path: String,
    /// The revision.
    pub pin: GitPin,
    /// Where what was fetched is kept.
    pub cache: PathBuf,
}

/// What pins a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GitPin {
    /// It is this commit: its hash in full, in lower-case letters.
    Commit(String),
    /// It is what this signed tag names.
    Tag {
        /// Its name.
        name: String,
        /// Who may sign it: a file as `ssh-keygen` calls allowed signers.
        signers_file: PathBuf,
        /// The tag's own hash, for one that was moved on purpose.
        object: Option<String>,
    },
}

/// The operator's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Templates {
    /// Templates here replace the built-in ones of the same name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
}

/// When things are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedules {
    /// What is due is done.
    pub sweep: Schedule,
    /// Issues are asked for that no webhook told of.
    pub poll: Schedule,
    /// A longer silence is an outage, and moves deadlines.
    pub outage_after: Delay,
}

/// How much, and how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Most machines destroyed per rolling 24 hours.
    pub destroys_per_day: u64,
    /// Most machines made per rolling 24 hours.
    pub creations_per_day: u64,
    /// How long one replica has a piece of work for itself.
    #[serde(rename = "claim_seconds", with = "seconds")]
    pub claim: Duration,
    /// How long a provider may take to answer.
    #[serde(rename = "provider_timeout_seconds", with = "seconds")]
    pub provider_timeout: Duration,
    /// How long a forge may take to answer.
    #[serde(rename = "forge_timeout_seconds", with = "seconds")]
    pub forge_timeout: Duration,
}

/// Who may do everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct People {
    /// The sysadmins. At least one to run the service.
    pub sysadmins: Vec<Principal>,
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// How.
    pub format: LogFormat,
    /// Which messages, in `tracing`'s notation.
    pub filter: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

impl Default for Server {
    fn default() -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 8470));
        Self { listen, stop: Duration::from_secs(20) }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            destroys_per_day: 10,
            creations_per_day: 20,
            claim: Duration::from_mins(2),
            provider_timeout: Duration::from_mins(1),
            forge_timeout: Duration::from_secs(20),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        D::Error::custom(format!(
            "`{text}` is not an address with a port, such as `127.0.0.1:8470` or `[::1]:8470`"
        ))
    })
}

/// Whole seconds, as the keys that end in `_seconds` have them.
pub(super) mod seconds {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(in crate::config) fn serialize<S: Serializer>(
        span: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(span.as_secs())
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_secs)
    }
}
