//! A run: the world is set up, then people, weather and whoever kills act at
//! the same time, then everything comes to rest and is counted.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use innkeeper::{
    app::compose, config::Config, identity::Timestamp, ports::clock::Clock as _,
    ports::store::Store, rehearsal::Rehearsal,
};

use crate::{
    clock::FastClock,
    count::{self, Counted},
    database::{Database, Kind},
    dice::Dice,
    host::Host,
    libvirtd::Libvirtd,
    people::{People, Shared},
    proxy::{Way, Weather, balance},
    service::Replica,
    town,
};

/// What is played.
pub(crate) struct Plan {
    pub(crate) kills: u64,
    pub(crate) seed: u64,
    /// How much faster than ours the time of day goes.
    pub(crate) rate: u32,
    pub(crate) kind: Kind,
    pub(crate) replicas: usize,
}

/// How long everything may take to come to rest, besides the days its lives last.
const REST: Duration = Duration::from_secs(90);
/// The most days a life takes: extended as far as it goes, stopped, destroyed,
/// its backups dropped, and some of them late.
const LIFE_DAYS: u64 = 9;
/// How soon it has to notice that it is not ready, or is again.
const READY: Duration = Duration::from_secs(20);
/// Claims last as long as this in real time: longer than any call may take.
const CLAIM: u64 = 3;

/// What was done to the program.
#[derive(Debug, Default)]
pub(crate) struct Blows {
    pub(crate) kills: u64,
    pub(crate) while_starting: u64,
    pub(crate) asked_to_end: u64,
    pub(crate) stopped_and_killed: u64,
    pub(crate) disk_filled: u64,
    pub(crate) forge_cut: Arc<AtomicU64>,
    pub(crate) provider_cut: Arc<AtomicU64>,
}

/// Everything there is.
pub(crate) struct Town {
    pub(crate) forge: Arc<Rehearsal>,
    pub(crate) people: Shared,
    pub(crate) host: Host,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) database: Database,
    pub(crate) blows: Blows,
    forge_way: Way,
    host_way: Way,
    clock: FastClock,
    _libvirtd: Libvirtd,
    _folder: tempfile::TempDir,
}

pub(crate) async fn play(plan: &Plan) {
    let began = Instant::now();
    let mut town = Town::build(plan).await;
    println!("seed {} kills {} store {:?}", plan.seed, plan.kills, plan.kind);
    let over = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn(live(Arc::clone(&town.people), plan.seed, Arc::clone(&over)));
    let cuts = [
        (town.forge_way.clone(), 2, Arc::clone(&town.blows.forge_cut)),
        (town.host_way.clone(), 3, Arc::clone(&town.blows.provider_cut)),
    ]
    .map(|(way, stream, count)| {
        tokio::spawn(rain(way, Dice::new(plan.seed, stream), count, Arc::clone(&over)))
    });
    town.strike(plan).await;
    over.store(true, Ordering::Relaxed);
    load.await.unwrap();
    for cut in cuts {
        cut.await.unwrap();
    }
    println!("struck after {:?}; it is {}", began.elapsed(), town.clock.now());
    town.rest(plan).await;
    println!("at rest after {:?}; it is {}", began.elapsed(), town.clock.now());
    let counted = count::count(&town).await;
    println!("{}\ncounted after {:?}", counted.table, began.elapsed());
    town.tell(plan, &counted);
}

/// People act until it is over.
async fn live(people: Shared, seed: u64, over: Arc<AtomicBool>) {
    let mut dice = Dice::new(seed, 4);
    while !over.load(Ordering::Relaxed) {
        people.lock().unwrap().act();
        tokio::time::sleep(Duration::from_millis(20 + dice.below(80))).await;
    }
}

/// A way breaks now and then, until it is over.
async fn rain(way: Way, mut dice: Dice, count: Arc<AtomicU64>, over: Arc<AtomicBool>) {
    while !over.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(300 + dice.below(3_000))).await;
        way.set(match dice.below(4) {
            0 => Weather::Cut,
            1 => Weather::Silent,
            2 => Weather::Slow(Duration::from_millis(20 + dice.below(700))),
            _ => Weather::Half,
        });
        count.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(100 + dice.below(1_800))).await;
        way.set(Weather::Clear);
    }
}

impl Town {
    async fn build(plan: &Plan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = FastClock::start(plan.rate, folder.path());
        let libvirtd = Libvirtd::start().await;
        let host = Host::watch(&libvirtd.uri(), &clock);
        let socket = folder.path().join("host");
        let host_way = Way::to_socket(&socket, &libvirtd.socket());
        let database = Database::start(plan.kind, folder.path());
        let policies = folder.path().join("policies");
        fs::create_dir(&policies).unwrap();
        for (name, text) in town::COOKBOOKS.iter() {
            fs::write(policies.join(name), text).unwrap();
        }

        // The forge has to know where the program listens, and the program
        // where the forge does.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let forge_port = listener.local_addr().unwrap().port();
        let (forge_way, forge_seen_at) = Way::to_port(forge_port).await;
        let configuration = configuration(plan, &database, forge_seen_at, &socket, &policies);
        let replicas: Vec<Replica> = (1..=plan.replicas)
            .map(|number| {
                let name = format!("replica-{number}");
                Replica::new(&name, folder.path(), &clock, &configuration)
            })
            .collect();
        let front = balance(replicas.iter().map(|replica| replica.port).collect()).await;
        let forge = Arc::new(town::open(&clock, listener, front));
        let most = usize::try_from(plan.kills).unwrap() / 2 + 15;
        let people = Shared::new(People::new(&forge, plan.seed, most).into());
        Self {
            forge,
            people,
            host,
            replicas,
            database,
            blows: Blows::default(),
            forge_way,
            host_way,
            clock,
            _libvirtd: libvirtd,
            _folder: folder,
        }
    }

    /// Kills until there were enough.
    async fn strike(&mut self, plan: &Plan) {
        let mut dice = Dice::new(plan.seed, 5);
        // The first of them hit the migrations.
        for _ in 0..3 {
            self.replicas[0].start();
            tokio::time::sleep(Duration::from_millis(dice.below(200))).await;
            self.kill(0, true);
        }
        for replica in &mut self.replicas {
            replica.start();
            assert!(replica.serves().await, "it does not start\n{}", replica.last_words());
        }
        let mut half_way = false;
        while self.blows.kills < plan.kills {
            if !half_way && self.blows.kills >= plan.kills / 2 {
                half_way = true;
                self.full_disk().await;
            }
            let index = dice.index(self.replicas.len());
            let mut ballast = None;
            if dice.below(12) == 0 {
                ballast = self.database.fill();
                self.blows.disk_filled += u64::from(ballast.is_some());
            }
            let starting = dice.below(5) == 0;
            if !starting && ballast.is_none() {
                self.serving(index).await;
            }
            tokio::time::sleep(Duration::from_millis(dice.below(1_500))).await;
            self.has_not_ended(index, ballast.is_some());
            match dice.below(10) {
                0 => {
                    let status = self.replicas[index].stop().await;
                    self.blows.asked_to_end += 1;
                    // Before it serves nobody listens to the request.
                    let served = self.replicas[index].last_words().contains("stopped");
                    assert!(
                        status.success() || !served,
                        "{status}\n{}",
                        self.replicas[index].last_words()
                    );
                }
                1 => {
                    self.replicas[index].signal("STOP");
                    let stalled = Duration::from_millis(dice.below(1_500));
                    tokio::time::sleep(stalled).await;
                    self.blows.stopped_and_killed += 1;
                    self.kill(index, starting);
                }
                _ => self.kill(index, starting),
            }
            drop(ballast);
            self.replicas[index].start();
        }
    }

    /// There is no room for the store: it says so, and goes on when there is.
    async fn full_disk(&mut self) {
        self.serving(0).await;
        let Some(ballast) = self.database.fill() else { return };
        self.blows.disk_filled += 1;
        self.readiness(503).await;
        drop(ballast);
        self.readiness(200).await;
        let log = self.replicas[0].log();
        assert!(log.contains("disk is full"), "nobody said why");
    }

    async fn readiness(&mut self, wanted: u16) {
        let began = Instant::now();
        loop {
            let answer = self.replicas[0].get("/readyz").await;
            if answer.as_ref().is_some_and(|(status, _)| *status == wanted) {
                return;
            }
            let words = self.replicas[0].last_words();
            assert!(began.elapsed() < READY, "not {wanted} but {answer:?}\n{words}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn kill(&mut self, index: usize, starting: bool) {
        self.replicas[index].kill();
        self.blows.kills += 1;
        self.blows.while_starting += u64::from(starting);
    }

    async fn serving(&mut self, index: usize) {
        let replica = &mut self.replicas[index];
        assert!(replica.serves().await, "it ended by itself\n{}", replica.last_words());
    }

    /// It never ends by itself, unless it starts without room for its store.
    fn has_not_ended(&mut self, index: usize, may: bool) {
        let replica = &mut self.replicas[index];
        assert!(replica.runs() || may, "it ended by itself\n{}", replica.last_words());
        if !replica.runs() {
            replica.start();
        }
    }

    /// The weather is good, everybody runs, and people do what is waited for,
    /// until nothing is left to do.
    async fn rest(&mut self, plan: &Plan) {
        self.forge_way.set(Weather::Clear);
        self.host_way.set(Weather::Clear);
        for index in 0..self.replicas.len() {
            self.serving(index).await;
        }
        let day = Duration::from_secs(24 * 60 * 60) / plan.rate;
        let patience = REST + day * u32::try_from(LIFE_DAYS).unwrap();
        let store = self.store().await;
        let began = Instant::now();
        let mut quiet = 0;
        while quiet < 3 {
            self.people.lock().unwrap().finish();
            tokio::time::sleep(Duration::from_millis(400)).await;
            let left = left(&*store, self.clock.now()).await;
            quiet = if left.is_empty() { quiet + 1 } else { 0 };
            if began.elapsed() > patience {
                let words = self.replicas[0].last_words();
                panic!("seed {}: it does not come to rest: {left:#?}\n{words}", plan.seed);
            }
        }
        self.forge.settle().await;
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

    /// Fails if there is anything to tell.
    fn tell(&self, plan: &Plan, counted: &Counted) {
        let wrong = counted.wrong.join("\n");
        assert!(wrong.is_empty(), "seed {}: {} are wrong\n{wrong}", plan.seed, counted.wrong.len());
    }
}

impl Drop for Town {
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
        eprintln!("logs, issues and machines are in {}", kept.display());
        eprintln!("{}", self.replicas[0].last_words());
    }
}

/// What keeps a run from being over.
async fn left(store: &dyn Store, now: Timestamp) -> Vec<String> {
    let mut left = Vec::new();
    let figures = store.figures(now).await.unwrap();
    if figures.looks_waiting + figures.effects_pending > 0 {
        left.push(format!("{} looks, {} effects", figures.looks_waiting, figures.effects_pending));
    }
    for request in store.open_requests().await.unwrap() {
        let request = request.value;
        if request.state != innkeeper::request::lifecycle::State::Incomplete {
            left.push(format!("{} is {}", request.issue, request.state));
        }
    }
    for lease in store.live_leases().await.unwrap() {
        let lease = lease.value;
        left.push(format!(
            "{} is {:?}: deadline {:?}, hold {:?}, trouble {:?}",
            lease.order.key.name, lease.state, lease.deadline, lease.hold, lease.trouble
        ));
    }
    left
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
