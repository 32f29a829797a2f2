//! Against a real cluster. It is emptied first: never point this at one that
//! anybody uses.
//!
//! ```sh
//! sudo tests/real/ganeti/start.sh /dev/shm/ganeti     # prints the variables
//! set -a; . /dev/shm/ganeti/rapi.env; set +a
//! cargo test --test ganeti -- --ignored
//! sudo tests/real/ganeti/stop.sh /dev/shm/ganeti
//! ```

use std::{path::PathBuf, process::Command, sync::Arc, time::Duration};

use innkeeper::{
    identity::{LeaseId, MachineName},
    machine::{Keep, MachineOrder, Power},
    ports::{Verdict, finding::Grade, provider::Provider},
    provider::ganeti::{Ganeti, Settings, Trust},
    quantity::Mebibytes,
};
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use super::contract::{Outside, contract, listed, order, power};

/// The cluster is one; some of these tests stop its queue.
static CLUSTER: Mutex<()> = Mutex::const_new(());

/// What `start.sh` printed.
pub(crate) struct Real {
    _alone: MutexGuard<'static, ()>,
}

#[expect(clippy::disallowed_methods, reason = "how a test is told where the cluster is")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn required(name: &str) -> String {
    variable(name).unwrap_or_else(|| {
        panic!(
            "{name} is not set: run tests/real/ganeti/start.sh DIR, then: set -a; . DIR/rapi.env"
        )
    })
}

impl Real {
    pub(crate) async fn empty() -> Self {
        let real = Self { _alone: CLUSTER.lock().await };
        Self::resume();
        for name in Real::gnt("gnt-instance list --no-headers -o name").split_whitespace() {
            Real::gnt(&format!("gnt-instance remove -f --shutdown-timeout=0 {name}"));
        }
        real
    }

    pub(crate) fn settings() -> Settings {
        let both = |prefix: &str| {
            let name = |suffix: &str| required(&format!("GANETI_RAPI_{prefix}{suffix}"));
            format!("{}:{}", name("USER"), name("PASSWORD"))
        };
        let trust = match variable("GANETI_RAPI_CA") {
            Some(file) => Trust::Authorities(std::fs::read(file).unwrap()),
            None => Self::pin(),
        };
        let url = required("GANETI_RAPI_URL").parse().unwrap();
        super::settings(url, &both(""), Some(&both("RO_")), trust)
    }

    fn pin() -> Trust {
        let written = required("GANETI_RAPI_FINGERPRINT").replace(':', "");
        let byte =
            |index: usize| u8::from_str_radix(&written[2 * index..2 * index + 2], 16).unwrap();
        Trust::Pinned(std::array::from_fn(byte))
    }

    fn provider(adjust: impl FnOnce(&mut Settings)) -> Ganeti {
        let mut settings = Self::settings();
        adjust(&mut settings);
        Ganeti::new(settings).unwrap()
    }

    fn hasty() -> Ganeti {
        Self::provider(|settings| settings.call_timeout = Duration::from_secs(9))
    }

    /// Runs a command on the master node; what it printed.
    pub(crate) fn gnt(command: &str) -> String {
        let output =
            Command::new(required("GANETI_CMD")).args(["bash", "-c", command]).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {printed}{error}");
        printed
    }

    /// Lets queued jobs begin again.
    fn resume() {
        for filter in Self::gnt("gnt-filter list --no-headers -o uuid").split_whitespace() {
            Self::gnt(&format!("gnt-filter delete {filter}"));
        }
    }

    fn restart_luxid() {
        Self::gnt(
            "/usr/lib/ganeti/daemon-util stop ganeti-luxid; \
             /usr/lib/ganeti/daemon-util start ganeti-luxid",
        );
    }

    /// What the installer of that machine was given.
    fn installer_saw(name: &str) -> String {
        let state = PathBuf::from(required("GANETI_CMD"));
        let log = state.parent().unwrap().join(format!("srv/os-log/{name}.gnt.test.env"));
        std::fs::read_to_string(log).unwrap()
    }
}

impl Outside for Real {
    fn replica(&self) -> Arc<dyn Provider> {
        Arc::new(Self::provider(|_| {}))
    }

    fn define(&self, name: &MachineName, _uuid: Uuid, lease: Option<LeaseId>) {
        let tag = lease.map_or_else(String::new, |lease| format!("--tags innkeeper:lease:{lease}"));
        Self::gnt(&format!(
            "gnt-instance add -t file -s 1G -o noop -B memory=512M,vcpus=1 --no-start --no-install \
             --no-name-check --no-ip-check {tag} {name}.gnt.test"
        ));
    }

    fn remove(&self, name: &MachineName) {
        Self::gnt(&format!("gnt-instance remove -f --shutdown-timeout=0 {name}.gnt.test"));
    }

    fn crowd(&self) -> (u8, u8) {
        (8, 3)
    }
}

/// An order whose installation takes that many seconds.
fn slow(story: &str, seconds: u32) -> MachineOrder {
    let mut order = MachineOrder { image: Some("slow".to_owned()), ..order(story, 0) };
    order.parameters.insert("delay".to_owned(), seconds.to_string());
    order
}

/// Repeats a call while it is under way.
async fn patiently(provider: &Ganeti, order: &MachineOrder) -> Result<Power, String> {
    for _ in 0..300 {
        match provider.create(order).await {
            Ok(made) => return Ok(made.power),
            Err(error) => match error.verdict {
                Verdict::Underway { after } => tokio::time::sleep(after).await,
                verdict => return Err(format!("{verdict:?}: {}", error.chain())),
            },
        }
    }
    Err("it never ends".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Ganeti cluster, see the top of tests/ganeti/real.rs"]
async fn the_contract_of_all_providers_is_kept() {
    let real = Real::empty().await;
    contract(real.replica(), &real).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Ganeti cluster, see the top of tests/ganeti/real.rs"]
async fn a_certificate_is_trusted_by_its_fingerprint_alone() {
    let _real = Real::empty().await;
    let pinned = Real::provider(|settings| settings.trust = Real::pin());
    assert_eq!(pinned.list().await.unwrap(), []);
    let other = Real::provider(|settings| settings.trust = Trust::Pinned([7; 32]));
    let error = other.list().await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Retry { after: None });
    assert!(error.advice.as_ref().unwrap().contains("new fingerprint"), "{error:?}");
    let of_the_system = Real::provider(|settings| settings.trust = Trust::System);
    let error = of_the_system.list().await.unwrap_err();
    assert!(error.advice.as_ref().unwrap().contains("rapi.pem"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Ganeti cluster, see the top of tests/ganeti/real.rs"]
async fn an_installer_gets_its_parameters_and_the_keys() {
    let _real = Real::empty().await;
    let provider = Real::provider(|settings| {
        settings.defaults.ssh_keys_parameter = Some("ssh_key".to_owned());
        settings.defaults.hostname_parameter = Some("hostname".to_owned());
        settings.defaults.owner_parameter = Some("root_password".to_owned());
    });
    let mut order = order("told", 0);
    order.ssh_keys = vec!["ssh-ed25519 AAAA Jürgen".to_owned(), "ssh-rsa BBBB".to_owned()];
    order.owner = "Jürgen".to_owned();
    order.parameters.insert("delay".to_owned(), "1".to_owned());
    provider.create(&order).await.unwrap();
    let saw = Real::installer_saw("told-0");
    for line in ["OSP_HOSTNAME=told-0", "OSP_DELAY=1", "OSP_SSH_KEY=ssh-ed25519 AAAA"] {
        assert!(saw.lines().any(|found| found == line), "{line} is not in {saw}");
    }
    assert!(saw.contains("OSP_ROOT_PASSWORD=base64:SsO8cmdlbg=="), "{saw}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Ganeti cluster, see the top of tests/ganeti/real.rs"]
async fn what_a_failed_installation_left_is_removed() {
    let _real = Real::empty().await;
    let provider = Real::provider(|_| {});
    let failing = MachineOrder { image: Some("failing".to_owned()), ..order("failing", 0) };
    let error = provider.create(&failing).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::GiveUp, "{}", error.chain());
    assert!(error.chain().contains("this OS always fails"), "{}", error.chain());
    assert_eq!(provider.list().await.unwrap(), []);
    let unknown = MachineOrder { image: Some("nope".to_owned()), ..failing };
    let error = provider.create(&unknown).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::GiveUp, "{}", error.chain());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Ganeti cluster, see the top of tests/ganeti/real.rs"]
async fn a_killed_creation_is_cleared_away_and_made_anew() {
    let _real = Real::empty().await;
    let order = slow("killed", 60);
    let hasty = Real::hasty();
    let mut jobs = String::new();
    // Until the installer is at work.
    for _ in 0..20 {
        let error = hasty.create(&order).await.unwrap_err();
        assert!(matches!(error.verdict, Verdict::Underway { .. }), "{}", error.chain());
        jobs = Real::gnt("pgrep -f 'jqueue/exec[.]py' || :");
        let is_installing = listed(&hasty, order.key.lease).await.len() == 1;
        if is_installing {
            break;
        }
    }
    let job = jobs.split_whitespace().next().unwrap();
    Real::gnt(&format!("kill -KILL {job}"));
    // The cluster notices after some five minutes.
    let error = patiently(&hasty, &order).await.unwrap_err();
    assert!(error.starts_with("Retry"), "{error}");
    assert_eq!(hasty.list().await.unwrap(), [], "{error}");
    let quick = slow("killed", 1);
    assert_eq!(patiently(&hasty, &quick).await, Ok(Power::On));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Ganeti cluster, see the top of tests/ganeti/real.rs"]
async fn a_restart_of_the_clusters_daemon_harms_nothing() {
    let _real = Real::empty().await;
    let order = slow("luxid", 8);
    let hasty = Real::hasty();
    let error = hasty.create(&order).await.unwrap_err();
    assert!(matches!(error.verdict, Verdict::Underway { .. }), "{}", error.chain());
    Real::restart_luxid();
    assert_eq!(patiently(&Real::hasty(), &order).await, Ok(Power::On));
    assert_eq!(
        Real::gnt("gnt-job list --no-headers -o summary").matches("CREATE(luxid-0").count(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Ganeti cluster, see the top of tests/ganeti/real.rs"]
async fn a_paused_queue_is_under_way_and_destroying_cancels_what_waits() {
    let _real = Real::empty().await;
    let (kept, dropped) = (order("paused", 0), order("paused", 1));
    Real::gnt("gnt-filter add --action=PAUSE");
    for order in [&kept, &dropped, &kept] {
        let error = Real::hasty().create(order).await.unwrap_err();
        assert!(matches!(error.verdict, Verdict::Underway { .. }), "{}", error.chain());
        assert!(error.chain().contains("is queued"), "{}", error.chain());
    }
    Real::hasty().destroy(&dropped.key, Keep::Nothing).await.unwrap();
    Real::resume();
    assert_eq!(patiently(&Real::hasty(), &kept).await, Ok(Power::On));
    assert_eq!(Real::hasty().list().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Ganeti cluster, see the top of tests/ganeti/real.rs"]
async fn a_full_cluster_says_so_and_has_room_again_later() {
    let _real = Real::empty().await;
    let provider = Real::provider(|_| {});
    let free = provider.capacity().await.unwrap();
    let (mut one, mut two) = (order("filling", 0), order("filling", 1));
    // The cluster keeps the memory of one node free as well.
    one.shape.memory = Mebibytes::new(free.largest_memory * 3 / 4).unwrap();
    two.shape.memory = one.shape.memory;
    provider.create(&one).await.unwrap();
    assert!(provider.capacity().await.unwrap().shortage(&two, &[]).is_some());
    let error = provider.create(&two).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Full, "{}", error.chain());
    provider.destroy(&one.key, Keep::Nothing).await.unwrap();
    provider.create(&two).await.unwrap();

    two.shape.memory = Mebibytes::new(free.largest_memory * 2).unwrap();
    let error = provider.resize(&two).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Full, "{}", error.chain());
    assert_eq!(power(&provider, &two.key).await, Some(Power::On));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Ganeti cluster, see the top of tests/ganeti/real.rs"]
async fn addresses_come_from_a_network_until_none_is_left() {
    let _real = Real::empty().await;
    Real::gnt("gnt-network remove -f net1 >/dev/null 2>&1 || :");
    // Two addresses, of which the gateway has one.
    Real::gnt("gnt-network add --network=10.20.0.0/30 --gateway=10.20.0.1 net1");
    Real::gnt("gnt-network connect -N mode=bridged,link=gntbr0 net1 default");
    let provider = Real::provider(|settings| settings.defaults.network = Some("net1".to_owned()));
    let (one, two) = (order("addressed", 0), order("addressed", 1));
    assert_eq!(provider.create(&one).await.unwrap().addresses, ["10.20.0.2"]);
    let error = provider.create(&two).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Full, "{}", error.chain());
    provider.destroy(&one.key, Keep::Nothing).await.unwrap();
    assert_eq!(provider.create(&two).await.unwrap().addresses, ["10.20.0.2"]);
    provider.destroy(&two.key, Keep::Nothing).await.unwrap();
    Real::gnt("gnt-network disconnect net1 default && gnt-network remove -f net1");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Ganeti cluster, see the top of tests/ganeti/real.rs"]
async fn an_instance_whose_name_merely_begins_like_ours_is_another() {
    let _real = Real::empty().await;
    Real::gnt(
        "gnt-instance add -t diskless -o noop -B memory=128M --no-start --no-install \
         --no-name-check --no-ip-check prod-0.gnt.test.example.org",
    );
    let provider = Real::provider(|_| {});
    let order = order("prod", 0);
    assert_eq!(provider.find(&order.key).await.unwrap(), None);
    provider.destroy(&order.key, Keep::Nothing).await.unwrap();
    assert_eq!(provider.list().await.unwrap()[0].name, "prod-0.gnt.test.example.org".into());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Ganeti cluster, see the top of tests/ganeti/real.rs"]
async fn an_examination_finds_a_cluster_fit_for_use() {
    let _real = Real::empty().await;
    let found = Real::provider(|_| {}).examine(&[]).await;
    let all_good = found.iter().all(|finding| finding.grade == Grade::Good);
    assert!(found.len() >= 4 && all_good, "{found:#?}");
    let reader = Real::provider(|settings| settings.writer = settings.reader.clone().unwrap());
    let found = reader.examine(&[]).await;
    assert!(found.iter().any(|it| it.what.contains("Could not make instances")), "{found:#?}");
}
