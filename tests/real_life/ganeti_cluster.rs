//! The Ganeti cluster as its administrator sees it. Its hypervisor only
//! pretends: instances are made, installed and switched, but nothing boots.

use std::{process::Command, sync::Arc, time::Duration};

use innkeeper::{
    ports::provider::Provider,
    provider::ganeti::{Credentials, Defaults, Ganeti, Settings, Trust},
};
use tokio::sync::{Mutex, MutexGuard};

use crate::world::{run, told};

/// The cluster is one, and some stories fill it.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Where instances get their addresses from.
const NETWORK: &str = "guests";

/// The memory of a machine that leaves no room on a node, MiB.
const NEARLY_ALL: u32 = 64_000;

pub(crate) struct Cluster {
    _alone: MutexGuard<'static, ()>,
    before: String,
}

/// An instance, as `gnt-instance list` shows it.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) status: String,
    pub(crate) tags: String,
    pub(crate) address: String,
}

impl Cluster {
    /// The cluster with a network of addresses.
    pub(crate) async fn prepared() -> Self {
        let alone = ALONE.lock().await;
        let networks = gnt("gnt-network list --no-headers -o name");
        if !networks.split_whitespace().any(|name| name == NETWORK) {
            gnt(&format!("gnt-network add --network=198.18.7.0/24 --gateway=198.18.7.1 {NETWORK}"));
            gnt(&format!("gnt-network connect -N mode=bridged,link=gntbr0 {NETWORK}"));
        }
        Self::empty();
        Self { _alone: alone, before: names() }
    }

    /// A provider as the service would make it.
    pub(crate) fn provider() -> Arc<dyn Provider> {
        let user = |prefix: &str| Credentials {
            user: told(&format!("GANETI_RAPI_{prefix}USER")),
            password: told(&format!("GANETI_RAPI_{prefix}PASSWORD")).into(),
        };
        let settings = Settings {
            name: "gnt".into(),
            url: told("GANETI_RAPI_URL").parse().unwrap(),
            domain: "gnt.test".to_owned(),
            writer: user(""),
            reader: Some(user("RO_")),
            trust: Trust::Authorities(std::fs::read(told("GANETI_RAPI_CA")).unwrap()),
            // Short, so that jobs outlast it and are seen to run.
            call_timeout: Duration::from_secs(4),
            stop_timeout: Duration::from_secs(10),
            connections: 4,
            defaults: Defaults { disk_template: "file".to_owned(), ..Defaults::default() },
        };
        Arc::new(Ganeti::new(settings).unwrap())
    }

    /// What a cookbook says about it; installing takes that many seconds.
    pub(crate) fn placement(seconds: u32) -> String {
        format!(
            "provider = \"gnt\"\nimage = \"slow\"\nnetwork = \"{NETWORK}\"\nparameters = {{ delay = \"{seconds}\" }}\n"
        )
    }

    pub(crate) fn instance(name: &str) -> Option<Instance> {
        let fields = "name,status,nic.ips,tags";
        let listed = gnt(&format!("gnt-instance list --no-headers --separator=' ' -o {fields}"));
        let mut words = listed
            .lines()
            .map(|line| line.split(' ').map(str::to_owned))
            .find(|words| words.clone().next() == Some(format!("{name}.gnt.test")))?
            .skip(1);
        let mut next = || words.next().unwrap_or_default();
        Some(Instance { status: next(), address: next(), tags: next() })
    }

    /// Somebody else's machines take nearly all the memory there is.
    pub(crate) fn fill() {
        for node in nodes() {
            let name = format!("large-{node}");
            gnt(&format!(
                "gnt-instance add -t diskless -o noop -n {node} -B memory={NEARLY_ALL}M,vcpus=1 \
                 --no-name-check --no-ip-check {name}"
            ));
        }
    }

    /// Those are removed again.
    pub(crate) fn empty() {
        for name in names().split_whitespace().filter(|name| name.starts_with("large-")) {
            gnt(&format!("gnt-instance remove -f --shutdown-timeout=0 {name}"));
        }
    }

    /// The same instances are there as before, and no others.
    pub(crate) fn is_as_before(&self) {
        assert_eq!(names(), self.before);
    }
}

fn nodes() -> Vec<String> {
    let nodes = gnt("gnt-node list --no-headers -o name");
    nodes.split_whitespace().map(str::to_owned).collect()
}

fn names() -> String {
    gnt("gnt-instance list --no-headers -o name")
}

/// Runs a command on the master node; what it printed.
fn gnt(text: &str) -> String {
    run(Command::new(told("GANETI_CMD")).args(["bash", "-c", text]))
}
