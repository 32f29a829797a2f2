//! What may be written: every section and key, in the types TOML has.
//!
//! Whatever can be left out has its default here. What a forge or provider
//! must have is an `Option` nevertheless, so that all that is missing can be
//! told at once ([`super::check`]).

mod ganeti;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use toml::value::Datetime;

pub(super) use self::ganeti::GanetiKeys;
use super::{Limits, Log, People, ReadyWhen, Server, Templates, secret::Secret, sections::seconds};
use crate::{calendar::Hours, engine::Labels};

/// The whole configuration.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Keys {
    pub(super) server: Server,
    pub(super) store: StoreKeys,
    pub(super) policies: PolicyKeys,
    pub(super) templates: Templates,
    pub(super) calendar: CalendarKeys,
    pub(super) embargo: Vec<EmbargoKeys>,
    pub(super) schedule: ScheduleKeys,
    pub(super) limits: Limits,
    pub(super) people: People,
    pub(super) labels: Labels,
    pub(super) log: Log,
    pub(super) forge: BTreeMap<String, ForgeKeys>,
    pub(super) provider: BTreeMap<String, ProviderKeys>,
    pub(super) hook: Vec<HookKeys>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct StoreKeys {
    /// `None` only where `url` is given.
    pub(super) path: Option<PathBuf>,
    pub(super) url: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) password_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PolicyKeys {
    /// `None` only where `git` is given.
    pub(super) folder: Option<PathBuf>,
    pub(super) automatic_approval: bool,
    pub(super) protected_names: Vec<String>,
    pub(super) git: Option<GitKeys>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct GitKeys {
    pub(super) repository: Option<String>,
    pub(super) path: String,
    pub(super) commit: Option<String>,
    pub(super) tag: Option<String>,
    pub(super) signers_file: Option<PathBuf>,
    pub(super) tag_object: Option<String>,
    pub(super) cache: Option<PathBuf>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CalendarKeys {
    pub(super) time_zone: String,
    pub(super) hours: String,
    pub(super) days: Vec<String>,
    pub(super) holidays: Vec<Datetime>,
    pub(super) holidays_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct EmbargoKeys {
    pub(super) reason: Option<String>,
    pub(super) from: Option<Datetime>,
    pub(super) to: Option<Datetime>,
    pub(super) every: Option<String>,
    pub(super) what: Vec<String>,
    pub(super) cookbooks: Option<Vec<String>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ScheduleKeys {
    pub(super) sweep: String,
    pub(super) poll: String,
    pub(super) outage_after: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ForgeKeys {
    pub(super) kind: Option<String>,
    pub(super) url: Option<String>,
    pub(super) token: Option<Secret>,
    pub(super) token_file: Option<PathBuf>,
    pub(super) app: Option<AppKeys>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) approver_levels: Vec<u64>,
    pub(super) approver_roles: Vec<String>,
    pub(super) project: Vec<ProjectKeys>,
    pub(super) group: Vec<GroupKeys>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AppKeys {
    pub(super) id: Option<u64>,
    pub(super) private_key: Option<Secret>,
    pub(super) private_key_file: Option<PathBuf>,
    pub(super) webhook_token: Option<Secret>,
    pub(super) webhook_token_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ProjectKeys {
    pub(super) id: Option<u64>,
    pub(super) path: Option<String>,
    pub(super) webhook_token: Option<Secret>,
    pub(super) webhook_token_file: Option<PathBuf>,
    pub(super) signing_token: Option<Secret>,
    pub(super) signing_token_file: Option<PathBuf>,
    pub(super) cookbooks: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct GroupKeys {
    pub(super) path: Option<String>,
    pub(super) webhook_token: Option<Secret>,
    pub(super) webhook_token_file: Option<PathBuf>,
    pub(super) signing_token: Option<Secret>,
    pub(super) signing_token_file: Option<PathBuf>,
    pub(super) cookbooks: Option<Vec<String>>,
}

/// How a webhook proves where it comes from, as written for a project or group.
#[derive(Clone, Copy)]
pub(super) struct WebhookKeys<'a> {
    pub(super) token: Option<&'a Secret>,
    pub(super) token_file: Option<&'a PathBuf>,
    pub(super) signing: Option<&'a Secret>,
    pub(super) signing_file: Option<&'a PathBuf>,
}

impl ProjectKeys {
    pub(super) fn webhook(&self) -> WebhookKeys<'_> {
        WebhookKeys {
            token: self.webhook_token.as_ref(),
            token_file: self.webhook_token_file.as_ref(),
            signing: self.signing_token.as_ref(),
            signing_file: self.signing_token_file.as_ref(),
        }
    }
}

impl GroupKeys {
    pub(super) fn webhook(&self) -> WebhookKeys<'_> {
        WebhookKeys {
            token: self.webhook_token.as_ref(),
            token_file: self.webhook_token_file.as_ref(),
            signing: self.signing_token.as_ref(),
            signing_file: self.signing_token_file.as_ref(),
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ProviderKeys {
    pub(super) kind: Option<String>,
    pub(super) uri: Option<String>,
    pub(super) network: Option<String>,
    pub(super) pool: Option<String>,
    #[serde(rename = "stop_timeout_seconds", with = "seconds")]
    pub(super) stop_timeout: Duration,
    #[serde(rename = "boot_timeout_seconds", with = "seconds")]
    pub(super) boot_timeout: Duration,
    pub(super) ready: ReadyWhen,
    pub(super) agent_addresses: bool,
    pub(super) cpu: String,
    pub(super) memory_overcommit_percent: u32,
    pub(super) reserved_memory: String,
    pub(super) ganeti: Option<Box<GanetiKeys>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct HookKeys {
    pub(super) name: Option<String>,
    pub(super) title: Option<String>,
    pub(super) on: Vec<String>,
    pub(super) cookbooks: Option<Vec<String>>,
    pub(super) command: Option<Vec<String>>,
    pub(super) url: Option<String>,
    pub(super) token: Option<Secret>,
    pub(super) token_file: Option<PathBuf>,
    #[serde(rename = "timeout_seconds", with = "seconds")]
    pub(super) timeout: Duration,
    pub(super) tries: u32,
}

impl Default for CalendarKeys {
    fn default() -> Self {
        Self {
            time_zone: "UTC".to_owned(),
            hours: Hours::OFFICE.to_string(),
            days: ["Mon", "Tue", "Wed", "Thu", "Fri"].map(str::to_owned).to_vec(),
            holidays: Vec::new(),
            holidays_file: None,
        }
    }
}

impl Default for EmbargoKeys {
    fn default() -> Self {
        Self {
            reason: None,
            from: None,
            to: None,
            every: None,
            what: ["stop", "destroy"].map(str::to_owned).to_vec(),
            cookbooks: None,
        }
    }
}

impl Default for ScheduleKeys {
    fn default() -> Self {
        Self {
            sweep: "*/5 * * * *".to_owned(),
            poll: "*/5 * * * *".to_owned(),
            outage_after: "10m".to_owned(),
        }
    }
}

impl Default for ForgeKeys {
    fn default() -> Self {
        Self {
            kind: None,
            url: None,
            token: None,
            token_file: None,
            app: None,
            ca_file: None,
            approver_levels: vec![30, 40, 50],
            approver_roles: ["write", "maintain", "admin"].map(str::to_owned).to_vec(),
            project: Vec::new(),
            group: Vec::new(),
        }
    }
}

impl Default for ProviderKeys {
    fn default() -> Self {
        Self {
            kind: None,
            uri: None,
            network: None,
            pool: None,
            stop_timeout: Duration::from_secs(90),
            boot_timeout: Duration::from_mins(10),
            ready: ReadyWhen::AgentOrSsh,
            agent_addresses: false,
            cpu: "host-model".to_owned(),
            memory_overcommit_percent: 100,
            reserved_memory: "1 GiB".to_owned(),
            ganeti: None,
        }
    }
}

impl Default for PolicyKeys {
    fn default() -> Self {
        let protected = ["localhost", "gateway", "router", "dns", "mail", "wpad", "autoconfig"];
        Self {
            folder: Some("policies".into()),
            automatic_approval: false,
            protected_names: protected.map(str::to_owned).to_vec(),
            git: None,
        }
    }
}

impl Default for StoreKeys {
    fn default() -> Self {
        let path = Some("innkeeper.db".into());
        Self { path, url: None, password: None, password_file: None }
    }
}

impl Default for GitKeys {
    fn default() -> Self {
        Self {
            repository: None,
            path: "policies".to_owned(),
            commit: None,
            tag: None,
            signers_file: None,
            tag_object: None,
            cache: None,
        }
    }
}

impl Default for HookKeys {
    fn default() -> Self {
        Self {
            name: None,
            title: None,
            on: Vec::new(),
            cookbooks: None,
            command: None,
            url: None,
            token: None,
            token_file: None,
            timeout: Duration::from_secs(30),
            tries: 5,
        }
    }
}
