//! Cron expressions wake the engine. Decides nothing: what is due, the engine
//! finds out.
//!
//! Moments are those of the wall clock, which may be moved, and which goes on
//! while a machine is suspended. So nothing sleeps until a moment that is far:
//! the clock is read again after a second at the latest.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use tokio::task::JoinHandle;

use crate::{identity::Timestamp, ports::clock::Clock, schedule::Schedule};

/// The longest sleep. Longer, and a machine that wakes up, or a clock that is
/// set, may be noticed that much too late; shorter saves nothing, since idle
/// workers wake as often.
const LOOK: Duration = Duration::from_secs(1);

/// Something that is started again and again.
pub struct Job {
    /// For the log.
    pub name: &'static str,
    /// Starts it. What it is about to do is its own business, failures included.
    pub start: Box<dyn Fn() -> JoinHandle<()> + Send>,
}

/// What to do about a schedule at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A run is due now.
    Run,
    /// The next run.
    At(Timestamp),
    /// There is none.
    Never,
}

/// What to do at `now`, when the last run (or, before the first, the start of
/// the process) was at `last_run`.
///
/// Moments that were missed since are made up for by a single run.
#[must_use]
pub fn next(schedule: &Schedule, last_run: Timestamp, now: Timestamp) -> Next {
    match schedule.next_after(last_run) {
        Some(due) if due <= now => Next::Run,
        Some(due) => Next::At(due),
        None => Next::Never,
    }
}

/// How long to sleep when the nearest run is at `due`: never into it, never
/// for long.
fn nap(due: Option<Timestamp>, now: Timestamp) -> Duration {
    let until = due.map_or(TimeDelta::MAX, |due| due - now);
    // A moment more, so as not to wake up a hair's breadth too early.
    until.to_std().unwrap_or_default().saturating_add(Duration::from_millis(1)).min(LOOK)
}

/// A schedule with its job, and how that went so far.
struct Line {
    schedule: Schedule,
    job: Job,
    last_run: Timestamp,
    running: Option<JoinHandle<()>>,
    skipped: u64,
}

impl Line {
    /// Starts the job if it is due and not running still. Either way the
    /// moment is used up.
    fn tick(&mut self, now: Timestamp) -> Option<Timestamp> {
        // A clock that went back shows moments a second time, and they are run
        // again: the engine knows what is done already, and waiting for the
        // clock to catch up might take years.
        self.last_run = self.last_run.min(now);
        let mut next_run = next(&self.schedule, self.last_run, now);
        if next_run == Next::Run {
            self.last_run = now;
            if self.running.as_ref().is_some_and(|running| !running.is_finished()) {
                self.skipped += 1;
                let (job, skipped) = (self.job.name, self.skipped);
                tracing::warn!(job, skipped, "still running when it was due again; skipped");
            } else {
                self.running = Some((self.job.start)());
            }
            next_run = next(&self.schedule, self.last_run, now);
        }
        match next_run {
            Next::At(due) => Some(due),
            Next::Run | Next::Never => None,
        }
    }
}

/// Starts jobs on their schedules until `shutdown` is done. Then what still
/// runs is waited for.
pub async fn run(
    schedules: Vec<(Schedule, Job)>,
    clock: Arc<dyn Clock>,
    shutdown: impl Future<Output = ()>,
) {
    let started = clock.now();
    let mut lines: Vec<Line> = schedules
        .into_iter()
        .map(|(schedule, job)| Line { schedule, job, last_run: started, running: None, skipped: 0 })
        .collect();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let now = clock.now();
        let due = lines.iter_mut().filter_map(|line| line.tick(now)).min();
        tokio::select! {
            () = &mut shutdown => break,
            () = tokio::time::sleep(nap(due, now)) => {}
        }
    }
    for running in lines.into_iter().filter_map(|line| line.running) {
        // A job that panicked has said so itself.
        _ = running.await;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Mutex,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    use chrono::TimeDelta;
    use chrono_tz::Tz;

    use super::{Arc, Clock, Job, LOOK, Line, Next, Schedule, Timestamp, nap, next, run};

    fn at(text: &str) -> Timestamp {
        format!("2026-12-01T{text}Z").parse().unwrap()
    }

    fn every_five_minutes() -> Schedule {
        Schedule::parse("*/5 * * * *", Tz::UTC).unwrap()
    }

    #[test]
    fn what_is_next() {
        for (case, last_run, now, expected) in [
            ("before the moment", "10:00:00", "10:04:59", Next::At(at("10:05:00"))),
            ("at the moment", "10:00:00", "10:05:00", Next::Run),
            ("after it", "10:00:00", "10:05:01", Next::Run),
            ("just done", "10:05:00", "10:05:00", Next::At(at("10:10:00"))),
            ("done a little late", "10:05:01", "10:05:02", Next::At(at("10:10:00"))),
            ("many were missed", "08:00:00", "10:07:00", Next::Run),
        ] {
            assert_eq!(next(&every_five_minutes(), at(last_run), at(now)), expected, "{case}");
        }
        let last = "2100-12-31T23:59:59Z".parse().unwrap();
        assert_eq!(next(&every_five_minutes(), last, last), Next::Never);
    }

    #[test]
    fn nobody_sleeps_into_a_moment_or_for_long() {
        let now = at("10:00:00");
        let hair = Duration::from_millis(1);
        let soon = now + TimeDelta::milliseconds(700);
        assert_eq!(nap(Some(soon), now), Duration::from_millis(700) + hair);
        assert_eq!(nap(Some(at("18:00:00")), now), LOOK);
        assert_eq!(nap(None, now), LOOK);
        assert_eq!(nap(Some(at("09:00:00")), now), hair);
    }

    /// A job that counts its starts and runs until it is let go.
    fn line(started: &Arc<AtomicUsize>, gate: &Arc<tokio::sync::Semaphore>) -> Line {
        let (started, gate) = (Arc::clone(started), Arc::clone(gate));
        let start = move || {
            started.fetch_add(1, Ordering::SeqCst);
            let gate = Arc::clone(&gate);
            tokio::spawn(async move { gate.acquire().await.unwrap().forget() })
        };
        Line {
            schedule: every_five_minutes(),
            job: Job { name: "test", start: Box::new(start) },
            last_run: at("10:00:00"),
            running: None,
            skipped: 0,
        }
    }

    #[tokio::test]
    async fn a_job_runs_once_a_moment_and_never_beside_itself() {
        let started = Arc::new(AtomicUsize::new(0));
        let gate = Arc::new(tokio::sync::Semaphore::new(0));
        let mut line = line(&started, &gate);
        let count = || started.load(Ordering::SeqCst);

        assert_eq!(line.tick(at("10:04:00")), Some(at("10:05:00")));
        assert_eq!(count(), 0);
        assert_eq!(line.tick(at("10:05:00")), Some(at("10:10:00")));
        assert_eq!(line.tick(at("10:05:00")), Some(at("10:10:00")), "asked twice");
        assert_eq!(count(), 1);

        line.tick(at("10:10:00"));
        assert_eq!((count(), line.skipped), (1, 1), "it still runs");

        gate.add_permits(1);
        line.running.take().unwrap().await.unwrap();
        assert_eq!(line.tick(at("10:10:30")), Some(at("10:15:00")), "what was skipped stays so");
        assert_eq!(count(), 1);
        // Three hours asleep: one run makes up for all.
        assert_eq!(line.tick(at("13:12:00")), Some(at("13:15:00")));
        assert_eq!((count(), line.skipped), (2, 1));
        gate.add_permits(1);
        line.running.take().unwrap().await.unwrap();
        // The clock is put right, six hours back.
        assert_eq!(line.tick(at("07:12:00")), Some(at("07:15:00")));
        line.tick(at("07:15:00"));
        assert_eq!((count(), line.skipped), (3, 1));
    }

    /// Each look at it is five minutes after the one before.
    struct Leaping(Mutex<Timestamp>);

    impl Clock for Leaping {
        fn now(&self) -> Timestamp {
            let mut now = self.0.lock().unwrap();
            *now += TimeDelta::minutes(5);
            *now
        }
    }

    #[tokio::test]
    async fn what_runs_at_shutdown_is_waited_for() {
        let clock = Arc::new(Leaping(Mutex::new(at("10:00:00"))));
        let done = Arc::new(AtomicUsize::new(0));
        let (finished, counted) = (Arc::clone(&done), Arc::clone(&done));
        let start = move || {
            let finished = Arc::clone(&finished);
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                finished.fetch_add(1, Ordering::SeqCst);
            })
        };
        let job = Job { name: "test", start: Box::new(start) };
        run(vec![(every_five_minutes(), job)], clock, std::future::ready(())).await;
        assert_eq!(counted.load(Ordering::SeqCst), 1);
    }
}
