//! A run: the world is set up, then people, weather and whoever kills act at
//! the same time, then everything comes to rest and is counted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use innkeeper::{identity::Timestamp, ports::store::Store, request::lifecycle::State};

use crate::{
    count::{self, Counted},
    database::Kind,
    dice::Dice,
    people::Shared,
    proxy::{Way, Weather},
    say,
    world::World,
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
const REST: Duration = Duration::from_mins(4);
/// The most days a life takes: extended as far as it goes, stopped, destroyed,
/// its backups dropped, and some of them late.
const LIFE_DAYS: u64 = 9;

pub(crate) async fn play(plan: &Plan) {
    let began = Instant::now();
    let Some(mut world) = World::build(plan).await else { return };
    let Plan { kills, seed, kind, replicas, .. } = plan;
    say(&format!("seed {seed}: {kills} kills, {kind:?}, {replicas} at a time"));
    let over = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn(live(Arc::clone(&world.people), *seed, Arc::clone(&over)));
    let mut rains = vec![(world.forge_way.clone(), Arc::clone(&world.blows.forge_cut))];
    for way in &world.host_ways {
        rains.push((way.clone(), Arc::clone(&world.blows.provider_cut)));
    }
    let rains: Vec<_> = (10..)
        .zip(rains)
        .map(|(stream, (way, count))| {
            tokio::spawn(rain(way, Dice::new(*seed, stream), count, Arc::clone(&over)))
        })
        .collect();
    world.strike(plan).await;
    over.store(true, Ordering::Relaxed);
    load.await.unwrap();
    for rain in rains {
        rain.await.unwrap();
    }
    say(&format!("struck after {:.0?}; it is {}", began.elapsed(), world.now()));
    world.rest(plan).await;
    say(&format!("at rest after {:.0?}; it is {}", began.elapsed(), world.now()));
    let counted = count::count(&world).await;
    say(&format!("{}counted after {:.0?}", counted.table, began.elapsed()));
    tell(plan, &counted);
}

/// People act until it is over.
async fn live(people: Shared, seed: u64, over: Arc<AtomicBool>) {
    let mut dice = Dice::new(seed, 4);
    while !over.load(Ordering::Relaxed) {
        people.lock().unwrap().act();
        tokio::time::sleep(Duration::from_millis(40 + dice.below(240))).await;
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

impl World {
    /// The weather is good, everybody runs, and people do what is waited for,
    /// until nothing is left to do.
    async fn rest(&mut self, plan: &Plan) {
        for index in 0..self.replicas.len() {
            self.serving(index).await;
        }
        let day = Duration::from_hours(24) / plan.rate;
        let patience = REST + day * u32::try_from(LIFE_DAYS).unwrap();
        let store = self.store().await;
        let began = Instant::now();
        let mut quiet = 0;
        let mut rounds = 0;
        while quiet < 3 {
            // People look now and then; what they did has to show first.
            if rounds % 5 == 0 {
                self.people.lock().unwrap().finish();
            }
            rounds += 1;
            tokio::time::sleep(Duration::from_millis(400)).await;
            let left = left(&*store, self.now()).await;
            quiet = if left.is_empty() { quiet + 1 } else { 0 };
            if began.elapsed() > patience {
                let words = self.replicas[0].last_words();
                panic!("seed {}: it does not come to rest: {left:#?}\n{words}", plan.seed);
            }
        }
        self.forge.settle().await;
    }
}

/// Fails if there is anything to tell.
fn tell(plan: &Plan, counted: &Counted) {
    let wrong = counted.wrong.join("\n");
    assert!(wrong.is_empty(), "seed {}: {} are wrong\n{wrong}", plan.seed, counted.wrong.len());
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
        if request.state != State::Incomplete {
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
