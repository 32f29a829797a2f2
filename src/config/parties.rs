//! The forges and providers, ready to be connected to, and the hooks, ready to
//! be run.

mod ganeti;

use std::{path::PathBuf, time::Duration};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

pub use self::ganeti::{Ganeti, RapiCertificate, RapiUser};
use crate::{
    hook,
    identity::{CookbookName, ProjectId},
};

/// A forge.
#[derive(Clone, Debug)]
pub struct Forge {
    /// Which software.
    pub kind: ForgeKind,
    /// Its address as its users type it; without credentials, query or fragment.
    pub url: Url,
    /// What the bot signs in with.
    pub credentials: Credentials,
    /// Certificates (PEM) to trust besides the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// GitLab: the access levels that make somebody one of a group or project.
    pub approver_levels: Vec<u64>,
    /// GitHub: the roles in a repository that do.
    pub approver_roles: Vec<String>,
    /// GitHub: the secret of the App's webhook, which tells of every repository
    /// it is installed in.
    pub app_webhook_secret: Option<SecretString>,
    /// The projects whose issues are looked at.
    pub projects: Vec<Project>,
    /// The groups all of whose projects are.
    pub groups: Vec<Group>,
    /// Whether a secret stands in the configuration file itself.
    pub(super) holds_written_secret: bool,
}

/// Which software a forge runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForgeKind {
    /// GitLab.
    GitLab,
    /// GitHub.
    GitHub,
}

/// What the bot signs in with.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// An access token.
    Token(SecretString),
    /// A GitHub App, installed where it is to work.
    App {
        /// Its id.
        id: u64,
        /// Its private key (PEM).
        private_key: SecretString,
    },
}

/// A project whose issues are looked at.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its numeric id.
    pub id: ProjectId,
    /// Its path: on GitLab for people who read the configuration, on GitHub
    /// (`OWNER/REPOSITORY`) what it is reached by.
    pub path: Option<String>,
    /// What its webhook must prove to know: a signing token (`whsec_…`) or a
    /// secret token. No other project has the same.
    pub webhook_secret: SecretString,
    /// The only cookbooks offered there; `None` for all.
    pub cookbooks: Option<Vec<CookbookName>>,
}

/// A group all of whose projects' issues are looked at, those of its subgroups
/// included.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its full path.
    pub path: String,
    /// What its webhook must prove to know; `None` if the projects are only
    /// polled, or their own webhooks tell of them.
    pub webhook_secret: Option<SecretString>,
    /// The only cookbooks offered there; `None` for all.
    pub cookbooks: Option<Vec<CookbookName>>,
}

/// A provider.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Which software, and what is special to it.
    pub kind: ProviderKind,
    /// Whether a secret stands in the configuration file itself.
    pub(super) holds_written_secret: bool,
}

/// Which software a provider runs.
#[derive(Clone, Debug)]
pub enum ProviderKind {
    /// A Ganeti cluster.
    Ganeti(Box<Ganeti>),
    /// A libvirt host.
    Libvirt(LibvirtProvider),
}

/// What is special to a libvirt host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibvirtProvider {
    /// Where it is, e.g. `qemu:///system`.
    pub uri: String,
    /// For cookbooks that name no network.
    pub network: Option<String>,
    /// For cookbooks that name no storage pool.
    pub pool: Option<String>,
    /// How long a guest may take to shut down before it is switched off.
    pub stop_timeout: Duration,
    /// How long a new machine is waited for.
    pub boot_timeout: Duration,
    /// When a new machine counts as usable.
    pub ready: ReadyWhen,
    /// Whether addresses that only the guest claims to have are shown.
    pub agent_addresses: bool,
    /// The processor guests see: `host-model`, `host-passthrough`, or a model's name.
    pub cpu: String,
    /// How much of the host's memory machines may have together, in percent.
    pub memory_percent: u32,
    /// The memory that the host keeps for itself, in MiB.
    pub reserved_memory: u64,
}

/// When a new machine counts as usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadyWhen {
    /// When it has an address, and its guest agent or its SSH server answers.
    AgentOrSsh,
    /// When it has an address.
    Address,
    /// At once.
    None,
}

/// A hook.
#[derive(Clone, Debug)]
pub struct Hook {
    /// When it is run, and for what.
    pub hook: hook::Hook,
    /// What is done.
    pub action: HookAction,
    /// How long it may take.
    pub timeout: Duration,
    /// Whether a secret stands in the configuration file itself.
    pub(super) holds_written_secret: bool,
}

/// What is done when a hook is run.
#[derive(Clone, Debug)]
pub enum HookAction {
    /// A program is run.
    Command {
        /// Where it is; absolute.
        program: PathBuf,
        /// Its arguments.
        arguments: Vec<String>,
    },
    /// An address is told.
    Post {
        /// The address; without credentials or fragment.
        url: Url,
        /// Sent as a bearer token.
        token: Option<SecretString>,
    },
}
