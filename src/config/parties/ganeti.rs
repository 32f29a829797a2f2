//! A Ganeti cluster, ready to be connected to.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

/// A Ganeti cluster.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are Ganeti's, each of its own")]
pub struct Ganeti {
    /// Where RAPI is; without credentials, query or fragment.
    pub url: Url,
    /// What instances' names end in, without a dot in front.
    pub domain: String,
    /// A user of RAPI with the right `write`.
    pub writer: RapiUser,
    /// Another with the right `read`, for all that only looks.
    pub reader: Option<RapiUser>,
    /// Which certificate is trusted.
    pub certificate: RapiCertificate,
    /// How many connections are open at once; 1 to 20.
    pub connections: usize,
    /// How long a guest may take to shut down before it is switched off.
    pub stop_timeout: Duration,
    /// For cookbooks that name no storage class.
    pub disk_template: String,
    /// For cookbooks that name no image.
    pub os: Option<String>,
    /// For cookbooks that name no network.
    pub network: Option<String>,
    /// The bridge of network cards where there is no network.
    pub link: Option<String>,
    /// Their mode.
    pub mode: Option<String>,
    /// What chooses nodes, if not the cluster's own.
    pub iallocator: Option<String>,
    /// The hypervisor, if not the cluster's own.
    pub hypervisor: Option<String>,
    /// Whether nodes are chosen among those that are free at the moment.
    pub opportunistic_locking: bool,
    /// Whether names must resolve.
    pub name_check: bool,
    /// Whether their addresses must not answer yet.
    pub ip_check: bool,
    /// Whether addresses are looked for in all the cluster's networks.
    pub conflicts_check: bool,
    /// Whether mirrored disks are waited for.
    pub wait_for_sync: bool,
    /// The parameter of the operating system that gets the SSH keys.
    pub ssh_keys_parameter: Option<String>,
    /// The one that gets the host name.
    pub hostname_parameter: Option<String>,
    /// The one that gets whom the machine is for.
    pub owner_parameter: Option<String>,
}

/// A user of RAPI.
#[derive(Clone, Debug)]
pub struct RapiUser {
    /// The name.
    pub name: String,
    /// The password.
    pub password: SecretString,
}

/// Which certificate is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RapiCertificate {
    /// One of an authority that the system trusts.
    OfSystem,
    /// One of these authorities (PEM), and no other.
    OfAuthorities(Vec<u8>),
    /// The one with this SHA-256 fingerprint.
    Pinned([u8; 32]),
}
