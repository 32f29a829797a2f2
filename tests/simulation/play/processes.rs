//! Processes: what they start, how their tasks go on, and how they end.

use std::task::{Context, Poll, Waker};

use chrono::TimeDelta;
use innkeeper::engine::Turn;

use super::{Item, Play};
use crate::{
    memory_store::Rows,
    replica::{Ended, Kind, Task},
    sabotage::Sabotage,
    story::Who,
    weather::{Fault, Spell},
    world::World,
};

impl Play {
    pub(super) fn boot(&mut self, number: usize) {
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
    pub(super) fn regular(&mut self, number: usize, kind: Kind) {
        let running = self.tasks.iter().any(|task| task.replica == number && task.kind == kind);
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
        let (sweep, poll) = self.every;
        match kind {
            Kind::Sweep => self.at(TimeDelta::minutes(sweep), Item::Sweep(number)),
            _ => self.at(TimeDelta::minutes(poll), Item::Poll(number)),
        }
    }

    pub(super) fn start(
        &mut self,
        replica: usize,
        kind: Kind,
        future: impl Future<Output = Ended> + Send + 'static,
    ) {
        self.next += 1;
        let stalled = self.begin;
        self.tasks.push(Task { id: self.next, replica, kind, future: Box::pin(future), stalled });
    }

    /// Workers take what is due.
    pub(super) fn start_turns(&mut self) {
        let Some(work) = self.rows.rows(Rows::next_work) else { return };
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
    pub(super) fn goes_on(&mut self, index: usize) {
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
            if world.is_broken(Sabotage::ClocksRunAhead) && self.polls > 5_000 {
                clock += TimeDelta::days(7);
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
    pub(super) fn crash(&mut self, number: usize, down: bool) {
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
}
