//! What is done to the program: kills, above all.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use crate::{dice::Dice, play::Plan, world::World};

/// How soon it has to notice that it is not ready, or is again.
const READY: Duration = Duration::from_secs(20);

/// What was done to the program.
#[derive(Default)]
pub(crate) struct Blows {
    pub(crate) kills: u64,
    pub(crate) while_starting: u64,
    pub(crate) asked_to_end: u64,
    pub(crate) stopped_and_killed: u64,
    pub(crate) stopped_and_woken: u64,
    pub(crate) rolled: u64,
    pub(crate) disk_filled: u64,
    pub(crate) server_ended: u64,
    pub(crate) forge_cut: Arc<AtomicU64>,
    pub(crate) provider_cut: Arc<AtomicU64>,
}

impl World {
    /// Kills until there were enough.
    pub(crate) async fn strike(&mut self, plan: &Plan) {
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
                self.at_least_once(&mut dice).await;
            }
            let index = dice.index(self.replicas.len());
            let mut ballast = None;
            if dice.below(12) == 0 {
                ballast = self.database.fill();
                self.blows.disk_filled += u64::from(ballast.is_some());
            }
            let stumbled = dice.below(12) == 0 && self.stumble(&mut dice).await;
            self.replicas[index].is_excused |= ballast.is_some();
            let trouble = ballast.is_some() || stumbled;
            let starting = dice.below(5) == 0;
            if !starting && !trouble {
                self.serving(index).await;
            }
            tokio::time::sleep(Duration::from_millis(dice.below(1_500))).await;
            self.has_not_ended(index);
            match dice.below(12) {
                0 => self.asked_to_end(index).await,
                1 => {
                    self.still(index, dice.below(1_500)).await;
                    self.blows.stopped_and_killed += 1;
                    self.kill(index, starting);
                }
                2 => {
                    // Longer than its claims, some of the time.
                    self.still(index, dice.below(6_000)).await;
                    self.replicas[index].signal("CONT");
                    self.blows.stopped_and_woken += 1;
                    continue;
                }
                3 if self.replicas.len() > 1 => self.roll(&mut dice).await,
                _ => self.kill(index, starting),
            }
            drop(ballast);
            if !self.replicas[index].runs() {
                self.replicas[index].start();
            }
        }
    }

    async fn still(&mut self, index: usize, milliseconds: u64) {
        self.replicas[index].signal("STOP");
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }

    async fn asked_to_end(&mut self, index: usize) {
        let replica = &mut self.replicas[index];
        let status = replica.stop().await;
        // Before it serves nobody listens to the request.
        let listened = status.code().is_some();
        assert!(
            status.success() || !listened || replica.is_excused,
            "{status}\n{}",
            replica.last_words()
        );
        self.blows.asked_to_end += 1;
    }

    /// One after the other is ended, well or not, and is back before the next.
    async fn roll(&mut self, dice: &mut Dice) {
        for index in 0..self.replicas.len() {
            self.serving(index).await;
            if dice.below(2) == 0 {
                self.asked_to_end(index).await;
            } else {
                self.kill(index, false);
            }
            self.replicas[index].start();
            self.serving(index).await;
        }
        self.blows.rolled += 1;
    }

    /// What chance might leave out of a short run.
    async fn at_least_once(&mut self, dice: &mut Dice) {
        self.full_disk().await;
        if self.replicas.len() > 1 {
            self.roll(dice).await;
        }
        self.stumble(dice).await;
    }

    async fn stumble(&mut self, dice: &mut Dice) -> bool {
        let stumbled = self.database.stumble(dice).await;
        self.blows.server_ended += u64::from(stumbled);
        for replica in &mut self.replicas {
            replica.is_excused |= stumbled;
        }
        stumbled
    }

    /// There is no room for the store: it says so, and goes on when there is.
    async fn full_disk(&mut self) {
        self.serving(0).await;
        let known = self.replicas[0].log().len();
        let Some(ballast) = self.database.fill() else { return };
        self.blows.disk_filled += 1;
        // A busy machine may be unready for another reason before it is said why.
        let began = Instant::now();
        while !self.replicas[0].log()[known..].contains("disk is full") {
            assert!(began.elapsed() < READY, "nobody said why");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.readiness(503).await;
        drop(ballast);
        self.readiness(200).await;
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

    pub(crate) async fn serving(&mut self, index: usize) {
        let replica = &mut self.replicas[index];
        while !replica.serves().await {
            assert!(replica.is_excused, "it ended by itself\n{}", replica.last_words());
            replica.start();
        }
        replica.is_excused = false;
    }

    /// It never ends by itself, unless it starts while its store is away.
    fn has_not_ended(&mut self, index: usize) {
        let replica = &mut self.replicas[index];
        if !replica.runs() {
            assert!(replica.is_excused, "it ended by itself\n{}", replica.last_words());
            replica.start();
        }
    }
}
