//! The forges and providers, ready to be connected to, and the hooks, ready to
//! be run.

use std::{path::PathBuf, time::Duration};

use secrecy::SecretString;
use url::Url;

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
    /// The bot's access token.
    pub token: SecretString,
    /// Certificates (PEM) to trust besides the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// The access levels that make somebody one of a group or project.
    pub approver_levels: Vec<u64>,
    /// The projects whose issues are looked at.
    pub projects: Vec<Project>,
    /// Whether a secret stands in the configuration file itself.
    pub(super) holds_written_secret: bool,
}

/// Which software a forge runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForgeKind {
    /// GitLab.
    GitLab,
}

/// A project whose issues are looked at.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its numeric id.
    pub id: ProjectId,
    /// Its path, for people who read the configuration.
    pub path: Option<String>,
    /// What its webhook must prove to know: a signing token (`whsec_…`) or a
    /// secret token. No other project has the same.
    pub webhook_secret: SecretString,
    /// The only cookbooks offered there; `None` for all.
    pub cookbooks: Option<Vec<CookbookName>>,
}

/// A provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Which software, and what is special to it.
    pub kind: ProviderKind,
}

/// Which software a provider runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    /// A libvirt host.
    Libvirt {
        /// Where it is, e.g. `qemu:///system`.
        uri: String,
        /// For cookbooks that name no network.
        network: Option<String>,
        /// For cookbooks that name no storage pool.
        pool: Option<String>,
        /// How long a guest may take to shut down before it is switched off.
        stop_timeout: Duration,
    },
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
