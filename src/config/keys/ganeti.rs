//! What may be written about a Ganeti cluster: `[provider.NAME.ganeti]`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::secret::Secret;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "they are Ganeti's, each of its own")]
pub(in crate::config) struct GanetiKeys {
    pub(in crate::config) url: Option<String>,
    pub(in crate::config) domain: Option<String>,
    pub(in crate::config) user: Option<String>,
    pub(in crate::config) password: Option<Secret>,
    pub(in crate::config) password_file: Option<PathBuf>,
    pub(in crate::config) reader: Option<String>,
    pub(in crate::config) reader_password: Option<Secret>,
    pub(in crate::config) reader_password_file: Option<PathBuf>,
    pub(in crate::config) ca_file: Option<PathBuf>,
    pub(in crate::config) fingerprint: Option<String>,
    pub(in crate::config) connections: usize,
    pub(in crate::config) disk_template: String,
    pub(in crate::config) os: Option<String>,
    pub(in crate::config) link: Option<String>,
    pub(in crate::config) mode: Option<String>,
    pub(in crate::config) iallocator: Option<String>,
    pub(in crate::config) hypervisor: Option<String>,
    pub(in crate::config) opportunistic_locking: bool,
    pub(in crate::config) name_check: bool,
    pub(in crate::config) ip_check: bool,
    pub(in crate::config) conflicts_check: bool,
    pub(in crate::config) wait_for_sync: bool,
    pub(in crate::config) ssh_keys_parameter: Option<String>,
    pub(in crate::config) hostname_parameter: Option<String>,
    pub(in crate::config) owner_parameter: Option<String>,
}

impl Default for GanetiKeys {
    fn default() -> Self {
        Self {
            url: None,
            domain: None,
            user: None,
            password: None,
            password_file: None,
            reader: None,
            reader_password: None,
            reader_password_file: None,
            ca_file: None,
            fingerprint: None,
            connections: 4,
            disk_template: "plain".to_owned(),
            os: None,
            link: None,
            mode: None,
            iallocator: None,
            hypervisor: None,
            opportunistic_locking: false,
            name_check: false,
            ip_check: false,
            conflicts_check: true,
            wait_for_sync: false,
            ssh_keys_parameter: None,
            hostname_parameter: None,
            owner_parameter: None,
        }
    }
}
