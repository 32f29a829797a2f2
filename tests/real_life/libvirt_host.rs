//! The libvirt host from outside: as its administrator sees it, and as the
//! owner of a machine does.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use innkeeper::{
    app::system::{SystemClock, SystemEntropy},
    ports::provider::Provider,
    provider::libvirt::{Libvirt, Settings},
};
use tokio::sync::{Mutex, MutexGuard};

use crate::world::{attempt, run, told};

/// What is on it is compared before and after: one story at a time.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Somebody else's machine. It is there, paused, during every story.
const BYSTANDER: &str = "bystander";

pub(crate) struct Host {
    _alone: MutexGuard<'static, ()>,
    before: BTreeSet<String>,
}

impl Host {
    /// The host with somebody else's machine on it.
    pub(crate) async fn prepared() -> Self {
        let alone = ALONE.lock().await;
        if attempt(&mut virsh(&["dominfo", BYSTANDER])).is_err() {
            let disk = ["vol-create-as", "default", "bystander.qcow2", "1G", "--format", "qcow2"];
            run(&mut virsh(&disk));
            let file = tempfile::NamedTempFile::new().unwrap();
            let disk = run(&mut virsh(&["vol-path", "bystander.qcow2", "--pool", "default"]));
            std::fs::write(&file, bystander(disk.trim())).unwrap();
            run(virsh(&["define"]).arg(file.path()));
            run(&mut virsh(&["start", "--paused", BYSTANDER]));
        }
        Self { _alone: alone, before: everything() }
    }

    /// A provider as the service would make it.
    pub(crate) fn provider() -> Arc<dyn Provider> {
        let mut settings = Settings::new("libvirt".into(), told("INNKEEPER_LIBVIRT_URI"));
        settings.default_network = Some("default".to_owned());
        settings.default_pool = Some("default".to_owned());
        settings.stop_timeout = Duration::from_secs(45);
        Arc::new(Libvirt::new(settings, Arc::new(SystemClock), Arc::new(SystemEntropy)))
    }

    /// What a cookbook says about it.
    pub(crate) fn placement() -> String {
        let image = told("INNKEEPER_LIBVIRT_IMAGE");
        format!(
            "provider = \"libvirt\"\nimage = \"{image}\"\nnetwork = \"default\"\nlogin = \"alice\"\nfirmware = \"uefi\"\nkeep_disks = true\n"
        )
    }

    /// Whether a machine runs, in libvirt's words; `None` if it is not there.
    pub(crate) fn state_of(machine: &str) -> Option<String> {
        attempt(&mut virsh(&["domstate", machine])).ok().map(|state| state.trim().to_owned())
    }

    /// Somebody starts it by hand.
    pub(crate) fn start(machine: &str) {
        run(&mut virsh(&["start", machine]));
    }

    /// Where the settings of a machine's firmware are kept.
    pub(crate) fn nvram_of(machine: &str) -> PathBuf {
        let description = run(&mut virsh(&["dumpxml", machine]));
        let path = description.split("</nvram>").next().unwrap().rsplit('>').next().unwrap();
        // The daemon sees its own folder there.
        let own = path.strip_prefix("/var/lib/libvirt/").expect("it starts with UEFI");
        Path::new(&told("INNKEEPER_LIBVIRT_IN_NET")).with_file_name("lib").join(own)
    }

    /// Machines and volumes that were not there before: a machine by its name,
    /// a volume by what its name ends in.
    pub(crate) fn new_kinds(&self) -> Vec<String> {
        let new = everything();
        let new = new.difference(&self.before);
        new.filter_map(|name| name.rsplit('.').next()).map(str::to_owned).collect()
    }

    /// What was there before is there as it was, and nothing else.
    pub(crate) fn is_as_before(&self) {
        assert_eq!(everything(), self.before);
        assert_eq!(Self::state_of(BYSTANDER).as_deref(), Some("paused"));
    }
}

/// Machines and volumes, by name.
fn everything() -> BTreeSet<String> {
    let machines = run(&mut virsh(&["list", "--all", "--name"]));
    run(&mut virsh(&["pool-refresh", "default"]));
    let volumes = run(&mut virsh(&["vol-list", "default"]));
    let volumes = volumes.lines().filter_map(|line| line.split_whitespace().next());
    let words = machines.split_whitespace().chain(volumes);
    words.map(str::to_owned).collect()
}

fn virsh(arguments: &[&str]) -> Command {
    let mut command = Command::new("virsh");
    command.args(["--quiet", "--connect", &told("INNKEEPER_LIBVIRT_URI")]).args(arguments);
    command
}

fn bystander(disk: &str) -> String {
    format!(
        "<domain type='qemu'><name>{BYSTANDER}</name><memory unit='MiB'>64</memory>\
         <os><type arch='x86_64' machine='q35'>hvm</type></os><devices>\
         <disk type='file' device='disk'><driver name='qemu' type='qcow2'/>\
         <source file='{disk}'/><target dev='vda' bus='virtio'/></disk></devices></domain>"
    )
}

/// Logs in where the hand-over says, after comparing the host key with the
/// fingerprint it names, as people are asked to.
pub(crate) struct Login {
    address: String,
    account: String,
    key: PathBuf,
    known_hosts: PathBuf,
}

impl Login {
    /// From the comment of the hand-over, with that private key.
    pub(crate) fn of(comment: &str, key: PathBuf) -> Self {
        let line = comment.lines().find_map(|line| line.strip_prefix("ssh ")).unwrap();
        let (account, address) = line.split_once('@').unwrap();
        let announced = comment.split('`').find(|word| word.starts_with("SHA256:")).unwrap();

        let shown = run(&mut in_net(&["ssh-keyscan", "-t", "ed25519", address]));
        let known_hosts = key.with_file_name("known_hosts");
        std::fs::write(&known_hosts, &shown).unwrap();
        let mut command = Command::new("ssh-keygen");
        let fingerprints = run(command.arg("-lf").arg(&known_hosts));
        let fingerprints: Vec<_> = fingerprints.lines().collect();
        assert!(
            matches!(*fingerprints, [only] if only.contains(announced.split(' ').next().unwrap())),
            "{announced} was announced, the machine shows {fingerprints:?}"
        );
        Self { address: address.to_owned(), account: account.to_owned(), key, known_hosts }
    }

    /// Runs a command on the machine; what it printed.
    pub(crate) fn run(&self, command: &str) -> String {
        let known = format!("UserKnownHostsFile={}", self.known_hosts.display());
        let to = format!("{}@{}", self.account, self.address);
        let options = ["StrictHostKeyChecking=yes", "GlobalKnownHostsFile=/dev/null", &known];
        let mut ssh = in_net(&["ssh", "-F", "/dev/null", "-o", "BatchMode=yes"]);
        ssh.args(options.iter().flat_map(|option| ["-o", option])).arg("-i").arg(&self.key);
        run(ssh.args([&to, command]))
    }
}

/// A command in the network of the guests.
fn in_net(arguments: &[&str]) -> Command {
    let mut command = Command::new(told("INNKEEPER_LIBVIRT_IN_NET"));
    command.args(arguments);
    command
}
