//! Many histories, and what came of them.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Instant,
};

use crate::play::{Played, Telling, play, play_on_both};

/// How many broken histories are told; the rest is only counted.
const TOLD: usize = 3;

#[derive(Default)]
pub(crate) struct Report {
    seeds: Range<u64>,
    histories: u64,
    steps: u64,
    polls: u64,
    days: i64,
    machines: u64,
    checks: BTreeMap<&'static str, u64>,
    faults: BTreeMap<String, u64>,
    broken: Vec<(u64, &'static str, String)>,
    seconds: f64,
}

impl Report {
    /// Plays these, several at a time, each on one thread; on `SQLite` as well if
    /// it is to be `both`.
    pub(crate) fn of(seeds: Range<u64>, threads: u64, both: bool) -> Self {
        let (end, next) = (seeds.end, AtomicU64::new(seeds.start));
        let begun = Instant::now();
        let work = || {
            let mut report = Self::default();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= end {
                    return report;
                }
                let played = if both {
                    play_on_both(seed, Telling::Nothing)
                } else {
                    play(seed, Telling::Nothing)
                };
                if let Some(broken) = &played.broken {
                    eprintln!("seed {seed} {broken:?}");
                }
                report.add(played);
            }
        };
        let mut whole = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
            let mut whole = Self::default();
            for report in workers.into_iter().flat_map(thread::ScopedJoinHandle::join) {
                whole.merge(report);
            }
            whole
        });
        whole.seeds = seeds;
        whole.seconds = begun.elapsed().as_secs_f64();
        whole.broken.sort();
        whole
    }

    fn add(&mut self, played: Played) {
        self.histories += 1;
        self.steps += played.steps;
        self.polls += played.polls;
        self.days += played.days;
        self.machines += played.machines;
        for (law, times) in played.checks {
            *self.checks.entry(law).or_default() += times;
        }
        for (fault, times) in played.faults {
            *self.faults.entry(format!("{fault:?}")).or_default() += times;
        }
        for (fault, times) in played.others {
            *self.faults.entry(fault.to_owned()).or_default() += times;
        }
        if let Some((law, why)) = played.broken {
            self.broken.push((played.seed, law, why));
        }
    }

    fn merge(&mut self, other: Self) {
        self.histories += other.histories;
        self.steps += other.steps;
        self.polls += other.polls;
        self.days += other.days;
        self.machines += other.machines;
        for (law, times) in other.checks {
            *self.checks.entry(law).or_default() += times;
        }
        for (fault, times) in other.faults {
            *self.faults.entry(fault).or_default() += times;
        }
        self.broken.extend(other.broken);
    }

    pub(crate) fn is_well(&self) -> bool {
        self.broken.is_empty()
    }

    pub(crate) fn print(&self, telling: Telling) {
        eprintln!(
            "seeds {:?}: {} histories, {} days, {} machines, {} steps of tasks, {} events",
            self.seeds, self.histories, self.days, self.machines, self.polls, self.steps
        );
        eprintln!("faults:");
        for (fault, times) in &self.faults {
            eprintln!("  {times:>10} {fault}");
        }
        eprintln!("laws looked at {} times:", self.checks.values().sum::<u64>());
        for (law, times) in &self.checks {
            eprintln!("  {times:>10} {law}");
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = self.histories as f64 / self.seconds.max(0.001);
        eprintln!("{:.1} s, {rate:.1} histories a second", self.seconds);
        for (seed, law, why) in &self.broken {
            eprintln!("BROKEN seed {seed}: {law}: {why}");
        }
        for (seed, ..) in self.broken.iter().take(TOLD) {
            tell(&play(*seed, telling));
        }
    }
}

/// The end of a history, for whoever has to find out why.
pub(crate) fn tell(played: &Played) {
    eprintln!("--- seed {}: {}", played.seed, played.weather);
    for line in &played.lines {
        eprintln!("{line}");
    }
}
