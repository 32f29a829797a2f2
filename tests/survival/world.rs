//! The world of a run: a forge, a host, a database, and the program in the middle.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use innkeeper::{
    app::compose, config::Config, identity::Timestamp, ports::clock::Clock as _,
    ports::store::Store, rehearsal::Rehearsal,
};

use crate::{
    clock::FastClock,
    database::Database,
    host::Host,
    libvirtd::Libvirtd,
    people::{People, Shared},
    play::Plan,
    proxy::{Way, balance},
    say,
    service::Replica,
    strike::Blows,
    town,
};

/// Claims last as long as this in real time, in seconds: longer than any call
/// may take.
const CLAIM: u64 = 3;

/// Everything there is.
pub(crate) struct World {
    pub(crate) forge: Arc<Rehearsal>,
    pub(crate) people: Shared,
    pub(crate) host: Host,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) database: Database,
    pub(crate) blows: Blows,
    pub(crate) forge_way: Way,
    /// Each replica's own.
    pub(crate) host_ways: Vec<Way>,
    clock: FastClock,
    _libvirtd: Libvirtd,
    _folder: tempfile::TempDir,
}

impl World {
    /// `None` where the database is not installed.
    pub(crate) async fn build(plan: &Plan) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let clock = FastClock::start(plan.rate, folder.path());
        let libvirtd = Libvirtd::start().await;
        let host = Host::watch(&libvirtd.uri(), &clock);
        let database = Database::start(plan.kind, folder.path()).await?;
        let policies = folder.path().join("policies");
        fs::create_dir(&policies).unwrap();
        for (name, text) in town::COOKBOOKS.iter() {
            fs::write(policies.join(name), text).unwrap();
        }

        // The forge has to know where the program listens, and the program
        // where the forge does.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (forge_way, forge_port) = Way::to_port(listener.local_addr().unwrap().port()).await;
        let (mut replicas, mut host_ways) = (Vec::new(), Vec::new());
        for number in 1..=plan.replicas {
            let name = format!("replica-{number}");
            let socket = folder.path().join(format!("host-{number}"));
            host_ways.push(Way::to_socket(&socket, &libvirtd.socket()));
            let configuration = configuration(plan, &database, forge_port, &socket, &policies);
            replicas.push(Replica::new(&name, folder.path(), &clock, &configuration));
        }
        let front = balance(replicas.iter().map(|replica| replica.port).collect()).await;
        let forge = Arc::new(town::open(&clock, listener, front));
        let most = usize::try_from(plan.kills).unwrap() / 2 + 15;
        let people = Arc::new(Mutex::new(People::new(&forge, plan.seed, most)));
        Some(Self {
            forge,
            people,
            host,
            replicas,
            database,
            blows: Blows::default(),
            forge_way,
            host_ways,
            clock,
            _libvirtd: libvirtd,
            _folder: folder,
        })
    }

    /// What time it is here.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Its store, to be read.
    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        let config = Config::load(&self.replicas[0].configuration(), &[]).unwrap();
        compose::store_to_read(&config).await.unwrap()
    }
}

impl Drop for World {
    /// The story of a run that failed.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let kept = std::env::temp_dir().join(format!("innkeeper-survival-{}", std::process::id()));
        let _ = fs::create_dir_all(&kept);
        for replica in &self.replicas {
            let _ = fs::write(kept.join(format!("{}.log", replica.name)), replica.log());
        }
        let issues = self.forge.issues();
        let _ = fs::write(kept.join("issues"), format!("{issues:#?}"));
        let _ = fs::write(kept.join("machines"), format!("{:#?}", self.host.record()));
        for replica in &self.replicas {
            say(&format!("the end of the log of {}:\n{}", replica.name, replica.last_words()));
        }
        say(&format!("logs, issues and machines are in {}", kept.display()));
    }
}

fn configuration(
    plan: &Plan,
    database: &Database,
    forge: u16,
    host: &Path,
    policies: &Path,
) -> String {
    let claim = CLAIM * u64::from(plan.rate);
    format!(
        r#"
[server]
listen = "127.0.0.1:PORT"

{store}
[policies]
folder = "{policies}"

[calendar]
time_zone = "UTC"
hours = "00:00-24:00"
days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

[schedule]
sweep = "0 * * * *"
poll = "0 * * * *"
outage_after = "24h"

[people]
sysadmins = ["group:tpo/tpa"]

[limits]
destroys_per_day = 1000
creations_per_day = 1000
provider_timeout_seconds = 1
forge_timeout_seconds = 1
claim_seconds = {claim}

[log]
format = "text"
filter = "info"

[forge.gitlab]
kind = "gitlab"
url = "http://127.0.0.1:{forge}"
token = "{token}"
[[forge.gitlab.project]]
id = 7
webhook_token = "{secret}"

[provider.libvirt]
kind = "libvirt"
uri = "test+unix:///default?socket={host}"
network = "default"
stop_timeout_seconds = 1
memory_overcommit_percent = 1000000
"#,
        store = database.section(),
        policies = policies.display(),
        token = town::TOKEN,
        secret = town::SECRET,
        host = host.display(),
    )
}
