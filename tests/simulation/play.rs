//! A history: what happens when, and who goes on next, from one seed.

mod begin;
mod operators;
mod processes;
mod stalled;
mod webhooks;

use std::{collections::BTreeMap, sync::Arc};

use chrono::TimeDelta;
use innkeeper::identity::{IssueRef, Timestamp};

use crate::{
    dice::Dice,
    laws,
    memory_store::{MemoryStore, Rows},
    people::People,
    policies::Policy,
    replica::{House, Kind, Replica, Task},
    sabotage::Sabotage,
    story::Who,
    twin::Twin,
    weather::Fault,
    world::Shared,
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
    /// A replica's clock goes a little wrong in another way.
    Drift(usize),
    Freeze,
    Thaw,
    Adopt,
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

/// The same on a store in a file besides.
pub(crate) fn play_on_both(seed: u64, telling: Telling) -> Played {
    let mut play = Play::new(seed, telling);
    play.house.twin = Some(Twin::sqlite());
    play.run();
    play.end(seed)
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

impl Play {
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
                .rows(Rows::next_work)
                .is_none_or(|at| at > now + self.jump + TimeDelta::minutes(1))
        {
            let nothing_due = self.rows.rows(Rows::next_work).is_none();
            if nothing_due {
                laws::quiet(&mut self.world.lock());
            }
        }
        let agenda = self.agenda.keys().next().map(|(at, _)| *at);
        let stalls =
            self.tasks.iter().map(|task| task.stalled.max(self.replicas[task.replica].stalled));
        let stalls = stalls.filter(|at| *at > now).min();
        let work = self.rows.rows(Rows::next_work);
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
                if self.is_somebody_homeless() && self.dice.below(4) == 0 {
                    self.rehomes();
                }
                let minutes = self.dice.range(20, 16 * 60);
                self.at(TimeDelta::minutes(minutes), Item::Somebody);
            }
            Item::Somebody => {}
            Item::Webhook(at, key) => self.delivers(&at, key),
            Item::Policy(number, policy) => {
                self.policy = policy;
                self.world.lock().note("policy", "", || format!("r{number} {policy:?}"));
                let replica = &mut self.replicas[number];
                replica.policy = policy;
                if let Some(engine) = &replica.engine {
                    engine.set_cookbooks(crate::policies::cookbooks(policy).clone());
                }
            }
            Item::Drift(number) => self.drifts(number),
            Item::Freeze => self.freezes(),
            Item::Thaw => self.thaws(),
            Item::Adopt => self.adopts(),
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
                let now = self.now();
                for replica in &mut self.replicas {
                    replica.stalled = replica.stalled.min(now);
                }
                for task in &mut self.tasks {
                    task.stalled = task.stalled.min(now);
                }
                // By then everybody has polled.
                self.at(TimeDelta::hours(4), Item::Tidy);
            }
            Item::Tidy => self.tidy(),
        }
    }

    fn tidy(&mut self) {
        let converged = laws::converged(&self.world.lock(), &self.rows);
        let now = self.now();
        // Also for clocks that were set back to come to it.
        let due = now + self.jump.max(TimeDelta::zero());
        let waits = self.rows.rows(Rows::next_work).is_some_and(|at| at <= due);
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
            converged => {
                let converged = converged.is_ok();
                if !self.world.lock().laws.frozen.is_empty() {
                    self.thaws();
                }
                if self.is_somebody_homeless() {
                    self.rehomes();
                }
                let issues = self.people.tidy(&mut self.world.lock());
                issues.iter().for_each(|at| self.webhook(at));
                // Whoever is busy at this moment may be so whenever it is asked in
                // such a rhythm.
                let again = if converged { TimeDelta::minutes(7) } else { TimeDelta::hours(11) };
                self.at(again, Item::Tidy);
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
        world.laws.stepped = Some(world.now);
        let at = world.now;
        world.laws.jumps.push((at, by));
        if by > TimeDelta::zero() {
            world.laws.jumped = Some(world.now);
        }
        world.note("clock jumps", "", || format!("{} minutes", by.num_minutes()));
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
