//! A history: what happens when, and who goes on next, from one seed.

use std::{
    collections::BTreeMap,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use chrono::{NaiveDate, TimeDelta};
use innkeeper::{
    calendar::Calendar,
    engine::Turn,
    identity::{IssueRef, Timestamp},
    ports::intake::{Intake as _, NewDelivery},
};

use crate::{
    dice::Dice,
    forge::{self, FORGE},
    hooks,
    laws::{self, Laws},
    memory_store::MemoryStore,
    people::People,
    policies::Policy,
    provider::Host,
    replica::{HOSTS, House, Kind, Replica, Task},
    sabotage::Sabotage,
    story::{Story, Who},
    weather::{Fault, Spell, Weather},
    world::{Shared, World},
};

/// More steps than any history takes that ends.
const MOST_STEPS: u64 = 800_000;

/// How long everything has to come to its end once faults have stopped.
const PATIENCE: TimeDelta = TimeDelta::days(60);

/// Something that happens at a moment.
enum Item {
    Sweep(usize),
    Poll(usize),
    Boot(usize),
    Files,
    Approvers,
    Somebody,
    Webhook(IssueRef, u64),
    Policy(usize, Policy),
    Jump,
    Unjump(TimeDelta),
    Calm,
    Tidy,
}

/// What came of a history.
pub(crate) struct Played {
    pub(crate) seed: u64,
    pub(crate) steps: u64,
    pub(crate) polls: u64,
    pub(crate) hash: u64,
    pub(crate) broken: Option<(&'static str, String)>,
    pub(crate) checks: BTreeMap<&'static str, u64>,
    pub(crate) faults: BTreeMap<Fault, u64>,
    pub(crate) others: BTreeMap<&'static str, u64>,
    pub(crate) machines: u64,
    pub(crate) days: i64,
    pub(crate) lines: Vec<String>,
    pub(crate) weather: String,
}

/// How much of a story is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    Nothing,
    LastSteps,
    Everything,
}

/// Plays a seed.
pub(crate) fn play(seed: u64, telling: Telling) -> Played {
    play_broken(seed, telling, None)
}

/// The same with something broken on purpose.
pub(crate) fn play_broken(seed: u64, telling: Telling, sabotage: Option<Sabotage>) -> Played {
    let mut play = Play::new(seed, telling);
    play.world.lock().sabotage = sabotage;
    play.run();
    play.end(seed)
}

struct Play {
    house: House,
    world: Shared,
    rows: Arc<MemoryStore>,
    replicas: Vec<Replica>,
    tasks: Vec<Task>,
    agenda: BTreeMap<(Timestamp, u64), Item>,
    next: u64,
    dice: Dice,
    people: People,
    begin: Timestamp,
    workers: usize,
    every: (i64, i64),
    /// How long a step takes at most, in milliseconds.
    pace: i64,
    polls: u64,
    calm_since: Option<Timestamp>,
    policy: Policy,
    /// All clocks are this wrong.
    jump: TimeDelta,
    over: bool,
    webhooks: u64,
}

fn calendar() -> Calendar {
    let holidays = [(2026, 12, 25), (2027, 1, 1)];
    let holidays = holidays.iter().filter_map(|(y, m, d)| NaiveDate::from_ymd_opt(*y, *m, *d));
    match Calendar::from_parts("Europe/Berlin", holidays) {
        Ok(calendar) => calendar,
        Err(error) => panic!("{error}"),
    }
}

impl Play {
    fn new(seed: u64, telling: Telling) -> Self {
        let mut dice = Dice::new(seed, 1);
        let minutes = 29_729_280 + dice.range(0, 24 * 24 * 60); // from 2026-07-11T00:00Z on
        let begin = Timestamp::from_timestamp(minutes * 60, 0).unwrap_or_default();
        let storm = TimeDelta::days(dice.range(5, 12));
        let weather = Weather::of(seed, &mut dice, begin, storm);
        let is_calm = seed.is_multiple_of(10);
        let automatic = dice.below(5) == 0;
        let creations_per_day = dice.below(5) + 1;
        let destroys_per_day = dice.below(3) + 1;
        let outage_after = TimeDelta::minutes(90);
        let hosts: BTreeMap<_, _> =
            HOSTS.iter().map(|name| ((*name).into(), Host::default())).collect();
        let mut laws = Laws::new(calendar());
        laws.automatic = automatic;
        laws.creations_per_day = creations_per_day;
        laws.destroys_per_day = destroys_per_day;
        laws.outage_after = outage_after;
        let world = Shared::new(World {
            now: begin,
            dice: Dice::new(seed, 2),
            weather,
            house: forge::House::new(),
            hosts,
            laws,
            story: Story::new(begin, telling != Telling::Nothing, telling == Telling::Everything),
            who: Who::World,
            skew: TimeDelta::zero(),
            faults: BTreeMap::new(),
            others: BTreeMap::new(),
            sabotage: None,
        });
        let rows = Arc::new(MemoryStore::default());
        let hooks = if dice.below(2) == 0 { hooks::some() } else { Vec::new() };
        let house = House {
            world: world.clone(),
            rows: Arc::clone(&rows),
            entropy: House::entropy(Dice::new(seed, 3)),
            hooks,
            calendar: calendar(),
            automatic,
            creations_per_day,
            destroys_per_day,
            outage_after,
        };
        let odd = if is_calm { 0 } else { dice.below(60) };
        let replicas = if is_calm { 1 } else { dice.range(1, 3) };
        let replicas = (0..replicas)
            .map(|_| Replica::new(TimeDelta::milliseconds(dice.range(-3_000, 3_000)), begin));
        let mut play = Self {
            house,
            world,
            rows,
            replicas: replicas.collect(),
            tasks: Vec::new(),
            agenda: BTreeMap::new(),
            next: 0,
            workers: usize::try_from(dice.range(1, 2)).unwrap_or(1),
            every: (dice.range(30, 60), dice.range(20, 50)),
            pace: *dice.pick(&[20, 60, 400, 1_500]).unwrap_or(&20),
            people: People { dice: Dice::new(seed, 4), odd },
            dice,
            begin,
            polls: 0,
            calm_since: None,
            policy: Policy::Usual,
            jump: TimeDelta::zero(),
            over: false,
            webhooks: 0,
        };
        play.plan(storm);
        play
    }

    fn plan(&mut self, storm: TimeDelta) {
        {
            let mut world = self.world.lock();
            for (index, host) in HOSTS.iter().enumerate() {
                let name = ["sandbox-2", "printer"].get(index).copied().unwrap_or("x");
                let Some(inside) = world.hosts.get_mut(&(*host).into()) else { continue };
                let stranger = inside.put(name, 0xff00 + index as u128);
                world.laws.strangers.push(((*host).into(), stranger));
            }
        }
        for number in 0..self.replicas.len() {
            self.at(TimeDelta::seconds(1), Item::Boot(number));
        }
        for _ in 0..self.dice.range(1, 4) {
            let minutes = self.dice.range(1, 3 * 24 * 60);
            self.at(TimeDelta::minutes(minutes), Item::Files);
        }
        self.at(TimeDelta::hours(2), Item::Approvers);
        self.at(TimeDelta::hours(5), Item::Somebody);
        if self.world.lock().weather.jumps {
            for _ in 0..self.dice.range(1, 3) {
                let minutes = self.dice.range(60, storm.num_minutes());
                self.at(TimeDelta::minutes(minutes), Item::Jump);
            }
        }
        if self.people.odd > 20 && self.dice.below(2) == 0 {
            for _ in 0..self.dice.range(1, 4) {
                let minutes = self.dice.range(60, storm.num_minutes());
                let policy = *self.dice.pick(&Policy::ALL).unwrap_or(&Policy::Usual);
                self.policy_at(minutes, policy);
            }
        }
        self.policy_at(storm.num_minutes() + 5, Policy::Usual);
        self.at(storm, Item::Calm);
    }

    /// Replicas do not hear of it at the same moment.
    fn policy_at(&mut self, minutes: i64, policy: Policy) {
        for number in 0..self.replicas.len() {
            let late = self.dice.range(0, 600);
            let delay = TimeDelta::minutes(minutes) + TimeDelta::seconds(late);
            self.at(delay, Item::Policy(number, policy));
        }
    }

    fn now(&self) -> Timestamp {
        self.world.lock().now
    }

    /// Something happens after that time.
    fn at(&mut self, delay: TimeDelta, item: Item) {
        self.next += 1;
        let at = self.now() + delay;
        self.agenda.insert((at, self.next), item);
    }

    fn run(&mut self) {
        while !self.over {
            self.happens();
            if self.over {
                return;
            }
            self.start_turns();
            let now = self.now();
            let ready: Vec<usize> = (0..self.tasks.len())
                .filter(|index| {
                    let task = &self.tasks[*index];
                    task.stalled <= now && self.replicas[task.replica].stalled <= now
                })
                .collect();
            match self.dice.pick(&ready) {
                Some(index) => self.goes_on(*index),
                None => self.wait(),
            }
            let world = self.world.lock();
            if world.laws.broken.is_some() {
                return;
            }
            if self.polls > MOST_STEPS {
                drop(world);
                self.world.lock().law("it ends", false, || "more steps than any".to_owned());
            }
        }
    }

    // --- time

    /// Everything whose time has come happens.
    fn happens(&mut self) {
        while let Some(entry) = self.agenda.first_entry() {
            if entry.key().0 > self.world.lock().now {
                return;
            }
            let item = entry.remove();
            self.happen(item);
        }
    }

    /// Nobody can go on: time does.
    fn wait(&mut self) {
        let now = self.now();
        if self.tasks.is_empty()
            && self
                .rows
                .rows(|rows| rows.next_work())
                .is_none_or(|at| at > now + self.jump + TimeDelta::minutes(1))
        {
            let nothing_due = self.rows.rows(|rows| rows.next_work()).is_none();
            if nothing_due {
                laws::quiet(&mut self.world.lock());
            }
        }
        let agenda = self.agenda.keys().next().map(|(at, _)| *at);
        let stalls =
            self.tasks.iter().map(|task| task.stalled.max(self.replicas[task.replica].stalled));
        let stalls = stalls.filter(|at| *at > now).min();
        let work = self.rows.rows(|rows| rows.next_work());
        let work = work.and_then(|at| {
            let living = self.replicas.iter().filter(|replica| replica.engine.is_some());
            living
                .map(|r| (at - r.skew - self.jump).max(r.idle).max(r.stalled))
                .filter(|at| *at > now)
                .min()
        });
        let next = [agenda, stalls, work].into_iter().flatten().min();
        self.world.lock().now =
            next.unwrap_or(now + TimeDelta::minutes(1)).max(now + TimeDelta::milliseconds(1));
    }

    fn happen(&mut self, item: Item) {
        self.world.lock().who = Who::World;
        match item {
            Item::Sweep(number) => self.regular(number, Kind::Sweep),
            Item::Poll(number) => self.regular(number, Kind::Poll),
            Item::Boot(number) => self.boot(number),
            Item::Files => {
                let at = self.people.files(&mut self.world.lock());
                self.webhook(&at);
            }
            Item::Approvers => {
                let approved = self.people.approve(&mut self.world.lock());
                approved.iter().for_each(|at| self.webhook(at));
                let minutes = self.dice.range(30, 6 * 60);
                if self.calm_since.is_none() {
                    self.at(TimeDelta::minutes(minutes), Item::Approvers);
                }
            }
            Item::Somebody if self.calm_since.is_none() => {
                let at = self.people.act(&mut self.world.lock());
                at.iter().for_each(|at| self.webhook(at));
                let minutes = self.dice.range(20, 16 * 60);
                self.at(TimeDelta::minutes(minutes), Item::Somebody);
            }
            Item::Somebody => {}
            Item::Webhook(at, key) => self.delivers(&at, key),
            Item::Policy(number, policy) => {
                self.policy = policy;
                self.world.lock().note("policy", "", || format!("r{number} {policy:?}"));
                let replica = &mut self.replicas[number];
                if std::mem::replace(&mut replica.policy, policy) == Policy::Gone {
                    let mut world = self.world.lock();
                    world.laws.offered = Some(world.now);
                }
                if let Some(engine) = &replica.engine {
                    engine.set_cookbooks(crate::policies::cookbooks(policy).clone());
                }
            }
            Item::Jump => self.jumps(),
            Item::Unjump(by) => {
                self.jump -= by;
                self.jumped(-by);
            }
            Item::Calm => {
                let mut world = self.world.lock();
                world.weather.calm = true;
                world.note("calm", "", String::new);
                self.calm_since = Some(world.now);
                drop(world);
                for replica in &mut self.replicas {
                    replica.stalled = replica.stalled.min(self.world.lock().now);
                }
                self.at(TimeDelta::hours(1), Item::Tidy);
            }
            Item::Tidy => self.tidy(),
        }
    }

    fn tidy(&mut self) {
        let converged = laws::converged(&self.world.lock(), &self.rows);
        let now = self.now();
        let waits = self.rows.rows(|rows| rows.next_work()).is_some_and(|at| at <= now + self.jump);
        match converged {
            Ok(()) if !waits && self.tasks.is_empty() => {
                laws::at_the_end(&mut self.world.lock(), &self.rows);
                self.over = true;
            }
            Err(why) if self.calm_since.is_some_and(|since| now - since > PATIENCE) => {
                self.world.lock().law("everything comes to its end", false, || why);
            }
            Ok(()) if self.calm_since.is_some_and(|since| now - since > PATIENCE) => {
                self.world
                    .lock()
                    .law("everything comes to its end", false, || "looks never end".to_owned());
            }
            _ => {
                let issues = self.people.tidy(&mut self.world.lock());
                issues.iter().for_each(|at| self.webhook(at));
                self.at(TimeDelta::hours(11), Item::Tidy);
            }
        }
    }

    // --- clocks

    fn jumps(&mut self) {
        let minutes = match self.dice.below(4) {
            0 => self.dice.range(-3 * 24 * 60, -10),
            1 => self.dice.range(-60, 60),
            _ => self.dice.range(100, 5 * 24 * 60),
        };
        let by = TimeDelta::minutes(minutes);
        self.jump += by;
        self.jumped(by);
        let back = self.dice.range(10, 30 * 60);
        self.at(TimeDelta::minutes(back), Item::Unjump(by));
    }

    fn jumped(&mut self, by: TimeDelta) {
        let mut world = self.world.lock();
        world.count("clock jumps");
        if by > TimeDelta::zero() {
            world.laws.jumped = Some(world.now);
        }
        world.note("clock jumps", "", || format!("{} minutes", by.num_minutes()));
    }

    // --- processes

    fn boot(&mut self, number: usize) {
        let now = self.now();
        if let Some(end) = self.world.lock().weather.end(Spell::AllDown, now) {
            let wait = end - now + TimeDelta::seconds(1);
            self.next += 1;
            self.agenda.insert((now + wait, self.next), Item::Boot(number));
            return;
        }
        if self.replicas[number].engine.is_some() {
            return;
        }
        let policy = self.replicas[number].policy;
        self.replicas[number].boot(&self.house, number, policy);
        self.world.lock().note("boot", "", || format!("r{number}"));
        self.regular(number, Kind::Sweep);
        self.regular(number, Kind::Poll);
    }

    /// The scheduler starts something, and plans it anew.
    fn regular(&mut self, number: usize, kind: Kind) {
        let running = self.tasks.iter().any(|task| task.replica == number && task.kind == kind);
        let generation = self.replicas[number].generation;
        let Some(engine) = self.replicas[number].engine.clone() else { return };
        if !running {
            match kind {
                Kind::Sweep => self.start(number, kind, async move {
                    engine.sweep().await.map(|_| false).map_err(drop)
                }),
                _ => self.start(number, kind, async move {
                    engine.poll().await.map(|_| false).map_err(drop)
                }),
            }
        }
        let _ = generation;
        let (sweep, poll) = self.every;
        match kind {
            Kind::Sweep => self.at(TimeDelta::minutes(sweep), Item::Sweep(number)),
            _ => self.at(TimeDelta::minutes(poll), Item::Poll(number)),
        }
    }

    fn start(
        &mut self,
        replica: usize,
        kind: Kind,
        future: impl Future<Output = crate::replica::Ended> + Send + 'static,
    ) {
        self.next += 1;
        let stalled = self.begin;
        self.tasks.push(Task { id: self.next, replica, kind, future: Box::pin(future), stalled });
    }

    /// Workers take what is due.
    fn start_turns(&mut self) {
        let Some(work) = self.rows.rows(|rows| rows.next_work()) else { return };
        let now = self.now();
        for number in 0..self.replicas.len() {
            let replica = &self.replicas[number];
            let Some(engine) = replica.engine.clone() else { continue };
            let busy = self
                .tasks
                .iter()
                .filter(|task| task.replica == number && task.kind == Kind::Turn)
                .count();
            let due = work <= now + replica.skew + self.jump;
            if due && replica.idle <= now && replica.stalled <= now && busy < self.workers {
                self.start(number, Kind::Turn, async move {
                    engine.turn().await.map(|turn| turn == Turn::Worked).map_err(drop)
                });
            }
        }
    }

    /// A task goes on until it next waits, unless something befalls it.
    fn goes_on(&mut self, index: usize) {
        self.polls += 1;
        let (number, id) = (self.tasks[index].replica, self.tasks[index].id);
        {
            let mut world = self.world.lock();
            let pace = match self.dice.below(200) {
                0 => self.dice.range(500, 8_000),
                _ => self.dice.range(1, self.pace),
            };
            world.now += TimeDelta::milliseconds(pace);
            world.who = Who::Replica { number, task: id };
            let down = world.weather.lasts(Spell::AllDown, world.now);
            // Where it hurts most: with something in its hands.
            let holds = world.laws.holds_claim(id);
            let strikes = |world: &mut World, fault| {
                world.strikes(fault) || holds && (0..4).any(|_| world.strikes(fault))
            };
            if down || strikes(&mut world, Fault::Crash) {
                drop(world);
                self.crash(number, down);
                return;
            }
            if strikes(&mut world, Fault::Stall) {
                // Now and then a machine is put to sleep as a whole.
                let most = if self.dice.below(4) == 0 { 40 * 3_600 } else { 1_200 };
                let until = world.now + TimeDelta::seconds(self.dice.range(30, most));
                let whole = self.dice.below(3) == 0;
                let what = if whole { "process" } else { "task" };
                world.note("stalls", "", || format!("{what} until {until}"));
                if whole {
                    self.replicas[number].stalled = until;
                } else {
                    self.tasks[index].stalled = until;
                }
                return;
            }
            world.skew = self.replicas[number].skew + self.jump;
            let mut clock = world.clock();
            if world.is_broken(Sabotage::ClocksRunAhead) && self.polls > 20_000 {
                clock += TimeDelta::hours(22);
            }
            self.replicas[number].clock.set(clock);
        }
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(ended) = self.tasks[index].future.as_mut().poll(&mut context) else {
            return;
        };
        let task = self.tasks.swap_remove(index);
        let rest = match ended {
            Ok(true) => return,
            Ok(false) if task.kind == Kind::Turn => self.dice.range(1, 20),
            Ok(false) => return,
            Err(()) => self.dice.range(2, 8),
        };
        let now = self.now();
        self.replicas[number].idle = now + TimeDelta::seconds(rest);
    }

    /// A process ends, with everything it was at.
    fn crash(&mut self, number: usize, down: bool) {
        self.tasks.retain(|task| task.replica != number);
        self.replicas[number].engine = None;
        self.agenda.retain(|_, item| match item {
            Item::Sweep(other) | Item::Poll(other) => *other != number,
            _ => true,
        });
        let seconds = match self.dice.below(10) {
            0 => self.dice.range(60, 6 * 3_600),
            _ => self.dice.range(1, 120),
        };
        self.world.lock().note("crash", if down { "all" } else { "" }, || format!("r{number}"));
        self.at(TimeDelta::seconds(seconds), Item::Boot(number));
    }

    // --- webhooks

    /// Something happened on an issue: the forge tells of it, mostly.
    fn webhook(&mut self, at: &IssueRef) {
        let mut world = self.world.lock();
        let [lost, doubled, late] =
            if world.weather.calm { [0; 3] } else { world.weather.webhooks };
        let off = world.weather.lasts(Spell::WebhooksOff, world.now);
        if off || self.dice.below(100) < lost {
            world.count("webhooks lost");
            return;
        }
        let twice = self.dice.below(100) < doubled;
        if twice {
            world.count("webhooks doubled");
        }
        let is_late = self.dice.below(100) < late;
        if is_late {
            world.count("webhooks late");
        }
        drop(world);
        self.webhooks += 1;
        let key = self.webhooks;
        for _ in 0..=u8::from(twice) {
            let seconds = if is_late { self.dice.range(60, 40_000) } else { self.dice.range(0, 5) };
            self.at(TimeDelta::seconds(seconds), Item::Webhook(at.clone(), key));
        }
    }

    fn delivers(&mut self, at: &IssueRef, key: u64) {
        let number = self.dice.index(self.replicas.len());
        let Some(engine) = self.replicas[number].engine.clone() else {
            self.world.lock().count("webhooks lost");
            return;
        };
        let delivery = NewDelivery {
            forge: FORGE.into(),
            project: at.project,
            issue: Some(at.number),
            key: key.to_string(),
            event: "Note Hook".to_owned(),
            body: Vec::new(),
            received_at: self.now() + self.replicas[number].skew + self.jump,
        };
        self.start(number, Kind::Webhook, async move {
            engine.accept(delivery).await.map(|_| false).map_err(drop)
        });
    }

    fn end(self, seed: u64) -> Played {
        let world = self.world.lock();
        Played {
            seed,
            steps: world.story.steps,
            polls: self.polls,
            hash: world.story.hash(),
            broken: world.laws.broken.clone(),
            checks: world.laws.checks.clone(),
            faults: world.faults.clone(),
            others: world.others.clone(),
            machines: world.laws.made.len() as u64,
            days: (world.now - self.begin).num_days(),
            lines: world.story.lines(),
            weather: world.weather.describe(),
        }
    }
}
