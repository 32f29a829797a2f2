//! The host the tests run on. They want one of their own, with
//!
//! - a network `default` and a storage pool `default` (of files), both active;
//! - in that pool the image that `INNKEEPER_LIBVIRT_IMAGE` names, with
//!   cloud-init, an SSH server and the QEMU guest agent, for the tests of guests;
//! - `INNKEEPER_LIBVIRT_URI`, where it is; `INNKEEPER_LIBVIRT_RESTART`, a command
//!   that restarts its libvirtd; `INNKEEPER_LIBVIRT_CPU`, the model of processor
//!   to use where the host's own cannot be shown to guests, e.g. `kvm64`.
//!
//! Guests must be reachable from where the tests run:
//!
//! ```sh
//! INNKEEPER_LIBVIRT_URI=qemu:///system cargo test --test libvirt_real -- --ignored
//! ```

use std::{future::Future, process::Command, sync::Arc, time::Duration};

use innkeeper::{
    app::system::{SystemClock, SystemEntropy},
    cookbook::Placement,
    identity::{LeaseId, MachineName},
    machine::{Bandwidth, Firmware, MachineOrder},
    ports::{
        PortError, Verdict,
        provider::{Provider, Wanted},
    },
    provider::libvirt::{Cpu, Libvirt, Settings},
};
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;
use virt::{connect::Connect, domain::Domain, storage_pool::StoragePool, sys};

use super::contract::{Outside, order};

/// What the tests call their machines.
const STORIES: [&str; 25] = [
    "created",
    "again",
    "raced",
    "half-made",
    "power",
    "destroyed",
    "removed",
    "stranger",
    "other-uuid",
    "renamed",
    "many",
    "handed-on",
    "resized",
    "rebuilt",
    "adopted",
    "huge",
    "impossible",
    "restart",
    "outside",
    "snapshot",
    "uefi",
    "kept",
    "guest",
    "measured",
    "raw",
];

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

#[expect(clippy::disallowed_methods, reason = "the tests have no configuration")]
fn optional_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn variable(name: &str) -> String {
    optional_variable(name).unwrap_or_else(|| {
        panic!(
            "{name} is not set. These tests want a libvirt host of their own: \
             tests/libvirt_real/host.rs says what there has to be"
        )
    })
}

/// The host, while no other test uses it.
pub(crate) struct Host {
    uri: String,
    _alone: MutexGuard<'static, ()>,
}

impl Host {
    /// Cleans up what an earlier run left, and nothing else.
    pub(crate) async fn open() -> Self {
        let alone = ONE_AT_A_TIME.lock().await;
        let uri = variable("INNKEEPER_LIBVIRT_URI");
        virt::error::clear_error_callback();
        let host = Self { uri, _alone: alone };
        host.clean();
        host
    }

    /// A connection of the tests' own.
    pub(crate) fn connect(&self) -> Connect {
        Connect::open(Some(&self.uri)).unwrap()
    }

    pub(crate) fn domain(&self, order: &MachineOrder) -> Domain {
        self.connect().lookup_domain_by_name(order.key.name.as_str()).unwrap()
    }

    fn clean(&self) {
        for domain in self.connect().list_all_domains(0).unwrap() {
            let name = domain.name().unwrap();
            assert!(
                is_of_tests(&name),
                "{} has machine `{name}`, which is not the tests'",
                self.uri
            );
            if domain.is_active().unwrap() {
                domain.destroy().unwrap();
            }
            domain
                .undefine_flags(
                    sys::VIR_DOMAIN_UNDEFINE_NVRAM
                        | sys::VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
                        | sys::VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA,
                )
                .unwrap();
        }
        self.refresh();
        for volume in self.pool().list_all_volumes(0).unwrap() {
            let name = volume.name().unwrap();
            let lease = name.split('.').nth(1).is_some_and(|part| Uuid::try_parse(part).is_ok());
            if is_of_tests(&name) && lease {
                volume.delete(0).unwrap();
            }
        }
    }

    pub(crate) fn pool(&self) -> StoragePool {
        self.connect().lookup_storage_pool_by_name("default").unwrap()
    }

    /// Has the pool look at its folder.
    pub(crate) fn refresh(&self) {
        self.pool().refresh(0).unwrap();
    }

    /// The volumes of a lease.
    pub(crate) fn volumes(&self, order: &MachineOrder) -> Vec<String> {
        let lease = order.key.lease.to_string();
        let names = self.pool().list_volumes().unwrap();
        names.into_iter().filter(|name| name.contains(&lease)).collect()
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            default_network: Some("default".to_owned()),
            default_pool: Some("default".to_owned()),
            // Blank machines ignore requests to shut down.
            stop_timeout: Duration::from_millis(200),
            // And use next to nothing of their memory.
            memory_percent: 1000,
            cpu: optional_variable("INNKEEPER_LIBVIRT_CPU").map_or_else(Cpu::default, Cpu::Model),
            ..Settings::new("kvm1".into(), &self.uri)
        }
    }

    pub(crate) fn provider(&self) -> Libvirt {
        provider(self.settings())
    }
}

pub(crate) fn provider(settings: Settings) -> Libvirt {
    Libvirt::new(settings, Arc::new(SystemClock), Arc::new(SystemEntropy))
}

fn is_of_tests(name: &str) -> bool {
    STORIES.iter().any(|story| name.strip_prefix(story).is_some_and(|rest| rest.starts_with('-')))
}

impl Outside for Host {
    fn replica(&self) -> Arc<dyn Provider> {
        Arc::new(self.provider())
    }

    fn define(&self, name: &MachineName, uuid: Uuid, lease: Option<LeaseId>) {
        let metadata = lease.map_or_else(String::new, |lease| {
            format!(
                "<metadata><x:lease xmlns:x='https://innkeeper.invalid/xmlns/libvirt/1' \
                 id='{lease}'/></metadata>"
            )
        });
        let xml = format!(
            "<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid>{metadata}\
             <memory unit='MiB'>64</memory><os><type arch='x86_64' machine='q35'>hvm</type></os>\
             <features><acpi/></features></domain>"
        );
        self.connect().define_domain_xml(&xml).unwrap();
    }

    fn remove(&self, name: &MachineName) {
        let domain = self.connect().lookup_domain_by_name(name.as_str()).unwrap();
        if domain.is_active().unwrap() {
            domain.destroy().unwrap();
        }
        domain.undefine().unwrap();
    }
}

/// A cookbook that wants everything.
pub(crate) fn wanted() -> Wanted {
    let shape = order("created", 0).shape;
    Wanted {
        cookbook: "sandbox".into(),
        placement: Placement {
            providers: vec!["kvm1".into()],
            image: None,
            network: None,
            storage: None,
            shape,
            more_disks: Vec::new(),
            firmware: Firmware::Uefi,
            bandwidth: Bandwidth::default(),
            parameters: std::collections::BTreeMap::new(),
            login: "root".to_owned(),
            keep_disks: false,
        },
    }
}

/// The image that guests are made from.
pub(crate) fn image() -> String {
    variable("INNKEEPER_LIBVIRT_IMAGE")
}

pub(crate) fn restart_libvirtd() {
    let command = variable("INNKEEPER_LIBVIRT_RESTART");
    assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
}

/// Repeats a call that may pass, for so long.
pub(crate) async fn patiently<T, F: Future<Output = Result<T, PortError>>>(
    limit: Duration,
    call: impl Fn() -> F,
) -> Result<T, PortError> {
    let since = tokio::time::Instant::now();
    loop {
        match call().await {
            Err(error)
                if matches!(error.verdict, Verdict::Retry { .. } | Verdict::Underway { .. })
                    && since.elapsed() < limit =>
            {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            done => return done,
        }
    }
}
