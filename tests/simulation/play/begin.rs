//! How a history begins: what a seed means, and what is planned from the start.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{NaiveDate, TimeDelta};
use innkeeper::{calendar::Calendar, identity::Timestamp};

use super::{Item, Play, Telling, operators::SKEW};
use crate::{
    dice::Dice,
    forge, hooks,
    laws::Laws,
    memory_store::MemoryStore,
    people::People,
    policies::Policy,
    provider::Host,
    replica::{HOSTS, House, Replica},
    story::{Story, Who},
    weather::Weather,
    world::{Shared, World},
};

fn calendar() -> Calendar {
    let holidays = [(2026, 12, 25), (2027, 1, 1)];
    let holidays = holidays.iter().filter_map(|(y, m, d)| NaiveDate::from_ymd_opt(*y, *m, *d));
    match Calendar::from_parts("Europe/Berlin", holidays) {
        Ok(calendar) => calendar,
        Err(error) => panic!("{error}"),
    }
}

impl Play {
    pub(super) fn new(seed: u64, telling: Telling) -> Self {
        let mut dice = Dice::new(seed, 1);
        let minutes = 29_729_280 + dice.range(0, 24 * 24 * 60); // from 2026-07-11T00:00Z on
        let begin = Timestamp::from_timestamp(minutes * 60, 0).unwrap_or_default();
        let storm = TimeDelta::days(dice.range(5, 12));
        let weather = Weather::of(seed, &mut dice, begin, storm);
        let is_calm = seed.is_multiple_of(10);
        let automatic = dice.below(5) == 0;
        let creations_per_day = dice.below(5) + 1;
        let destroys_per_day = dice.below(3) + 1;
        let outage_after = TimeDelta::hours(4);
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
            asked: begin,
            faults: BTreeMap::new(),
            others: BTreeMap::new(),
            sabotage: None,
        });
        let rows = Arc::new(MemoryStore::default());
        let hooks = if dice.below(2) == 0 { hooks::some() } else { Vec::new() };
        let house = House {
            world: world.clone(),
            rows: Arc::clone(&rows),
            twin: None,
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
            .map(|_| Replica::new(TimeDelta::milliseconds(dice.range(-SKEW, SKEW)), begin));
        let mut play = Self {
            house,
            world,
            rows,
            replicas: replicas.collect(),
            tasks: Vec::new(),
            agenda: BTreeMap::new(),
            next: 0,
            workers: usize::try_from(dice.range(1, 2)).unwrap_or(1),
            every: (dice.range(50, 100), dice.range(50, 120)),
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
        if self.people.odd > 5 {
            for number in 0..self.replicas.len() {
                let hours = self.dice.range(6, 60);
                self.at(TimeDelta::hours(hours), Item::Drift(number));
            }
            let minutes = self.dice.range(60, storm.num_minutes());
            match self.dice.below(4) {
                0 => self.at(TimeDelta::minutes(minutes), Item::Freeze),
                1 => {
                    self.at(TimeDelta::minutes(minutes), Item::Adopt);
                    self.at(TimeDelta::minutes(minutes + 700), Item::Adopt);
                }
                _ => {}
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
}
