//! The composition root: the only place that names concrete adapters, and the
//! loops that drive the engine.

pub mod compose;
pub mod policies;
pub mod practice;
pub mod reload;
pub mod supervision;
pub mod system;
pub mod watch;

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    sync::{Notify, watch as channel},
    task::JoinSet,
    time::{sleep, timeout},
};

use self::supervision::Panics;
use crate::{
    engine::{Engine, Held},
    ports::PortError,
    schedule::Schedule,
    scheduler::{self, Job},
    web::{self, WebState},
};

/// How many looks and effects are worked on at once. More would not help: the
/// forge limits how many comments it takes a minute.
const WORKERS: usize = 4;

/// How often an idle worker looks whether something has fallen due: a retry
/// whose back-off ran out, or a claim of a process that died.
const IDLE: Duration = Duration::from_secs(1);

/// How long a worker rests when the store itself fails.
const STORE_AWAY: Duration = Duration::from_secs(5);

/// How long what was not finished in time has to be handed back.
const HAND_BACK: Duration = Duration::from_secs(5);

/// How often the store is told of a panic it does not know.
const REMEMBER: Duration = Duration::from_secs(1);

/// A service put together and ready to run.
pub struct App {
    /// The engine.
    pub engine: Arc<Engine>,
    /// The HTTP side.
    pub web: WebState,
    /// When to sweep.
    pub sweep: Schedule,
    /// When to poll.
    pub poll: Schedule,
    /// What panicked.
    pub panics: Arc<Panics>,
    /// How long work under way may take after the order to stop. What is not
    /// done by then is handed back.
    pub wind_down: Duration,
}

impl App {
    /// Runs until `shutdown` is done: HTTP, workers, scheduler. Starts with a
    /// sweep and a poll, since time passed while nobody ran.
    pub async fn run(self, listener: TcpListener, shutdown: impl Future<Output = ()> + Send) {
        let mut crew = Crew::new(&self.engine, &self.web.wake, &self.panics);
        crew.start_workers();
        let hands = crew.hands.clone();
        crew.tasks.spawn(async move {
            // In this order: an outage moves deadlines before anything else.
            Box::pin(sweep(hands.clone())).await;
            Box::pin(poll(hands)).await;
        });
        self.start_scheduler(&mut crew);
        crew.start_remembering();
        let stopping = crew.hands.stopping.clone();
        let served = self.panics.restarted("listener", || {
            let mut end = stopping.clone();
            let told = async move {
                let _ = end.wait_for(|stop| *stop).await;
            };
            web::serve(&listener, self.web.clone(), web::Limits::default(), told)
        });
        let ended = async {
            shutdown.await;
            tracing::info!("stopping: no new work is taken");
            crew.wind_down(self.wind_down).await;
        };
        tokio::join!(served, ended);
    }

    fn start_scheduler(&self, crew: &mut Crew) {
        let (sweep, poll) = (self.sweep.clone(), self.poll.clone());
        let (clock, panics) = (Arc::clone(&self.web.clock), Arc::clone(&self.panics));
        let hands = crew.hands.clone();
        crew.tasks.spawn(async move {
            let scheduled = || {
                let mut end = hands.stopping.clone();
                let jobs = vec![
                    (sweep.clone(), job("sweep", &hands, self::sweep)),
                    (poll.clone(), job("poll", &hands, self::poll)),
                ];
                scheduler::run(jobs, Arc::clone(&clock), async move {
                    let _ = end.wait_for(|stop| *stop).await;
                })
            };
            panics.restarted("scheduler", scheduled).await;
        });
    }
}

fn job<F: Future<Output = ()> + Send + 'static>(
    name: &'static str,
    hands: &Hands,
    work: fn(Hands) -> F,
) -> Job {
    let hands = hands.clone();
    Job { name, start: Box::new(move || tokio::spawn(work(hands.clone()))) }
}

async fn sweep(hands: Hands) {
    let Hands { engine, wake, .. } = &hands;
    let swept = Box::pin(hands.panics.caught("sweep", engine.sweep()));
    match hands.unless_cut(swept).await {
        Some(Some(Ok(report))) => tracing::debug!(?report, "swept"),
        Some(Some(Err(error))) => tracing::error!(error = %error.chain(), "the sweep failed"),
        Some(None) => {}
        None => told(engine.let_others_sweep().await, "the sweep was cut off"),
    }
    wake.notify_one();
}

async fn poll(hands: Hands) {
    let Hands { engine, wake, .. } = &hands;
    let polled = Box::pin(hands.panics.caught("poll", engine.poll()));
    match hands.unless_cut(polled).await {
        Some(Some(Ok(found))) => tracing::debug!(found, "polled"),
        Some(Some(Err(error))) => tracing::error!(error = %error.chain(), "the poll failed"),
        // The next one begins where this one did.
        Some(None) | None => {}
    }
    wake.notify_one();
}

fn told(handed_back: Result<(), PortError>, what: &str) {
    match handed_back {
        Ok(()) => tracing::info!(what, "handed back"),
        Err(error) => tracing::warn!(what, error = %error.chain(), "could not be handed back"),
    }
}

/// What every task has at hand.
#[derive(Clone)]
struct Hands {
    engine: Arc<Engine>,
    wake: Arc<Notify>,
    panics: Arc<Panics>,
    stopping: channel::Receiver<bool>,
    /// Whatever is under way now has to be handed back.
    cut: channel::Receiver<bool>,
}

impl Hands {
    /// `None` if there was no time left for it.
    async fn unless_cut<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut cut = self.cut.clone();
        tokio::select! {
            done = work => Some(done),
            _ = cut.wait_for(|cut| *cut) => None,
        }
    }
}

/// All tasks of the service, and how they are told to end.
struct Crew {
    hands: Hands,
    stop: channel::Sender<bool>,
    cut: channel::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Crew {
    fn new(engine: &Arc<Engine>, wake: &Arc<Notify>, panics: &Arc<Panics>) -> Self {
        let (stop, stopping) = channel::channel(false);
        let (cut_all, cut) = channel::channel(false);
        let hands = Hands {
            engine: Arc::clone(engine),
            wake: Arc::clone(wake),
            panics: Arc::clone(panics),
            stopping,
            cut,
        };
        Self { hands, stop, cut: cut_all, tasks: JoinSet::new() }
    }

    fn start_workers(&mut self) {
        for _ in 0..WORKERS {
            let hands = self.hands.clone();
            self.tasks.spawn(async move {
                let panics = Arc::clone(&hands.panics);
                panics.restarted("worker", || work(hands.clone())).await;
            });
        }
    }

    /// `status` is another process: it sees only what is stored.
    fn start_remembering(&mut self) {
        let mut hands = self.hands.clone();
        self.tasks.spawn(async move {
            while !*hands.stopping.borrow() {
                hands.panics.remember(hands.engine.store()).await;
                tokio::select! {
                    () = sleep(REMEMBER) => {}
                    _ = hands.stopping.changed() => {}
                }
            }
        });
    }

    /// Lets them finish what they have begun, and hand back what they cannot.
    async fn wind_down(mut self, time: Duration) {
        let _ = self.stop.send(true);
        let mut done = async || while self.tasks.join_next().await.is_some() {};
        if timeout(time, done()).await.is_ok() {
            return;
        }
        tracing::warn!("some work was not finished in time and is handed back");
        let _ = self.cut.send(true);
        if timeout(HAND_BACK, done()).await.is_err() {
            tracing::warn!("some was not handed back; it is taken up when its claim runs out");
        }
    }
}

/// Workers that drive an engine.
pub struct Workers(Crew);

/// Starts workers. They wait for work, and are woken by `wake`.
#[must_use]
pub fn workers(engine: &Arc<Engine>, wake: &Arc<Notify>, panics: &Arc<Panics>) -> Workers {
    let mut crew = Crew::new(engine, wake, panics);
    crew.start_workers();
    Workers(crew)
}

impl Workers {
    /// Lets them finish what they have begun, within this time.
    pub async fn stop(self, within: Duration) {
        self.0.wind_down(within).await;
    }
}

/// A worker: does what is due while there is something, and waits to be woken.
async fn work(mut hands: Hands) {
    while !*hands.stopping.borrow() {
        let rest = match hands.engine.take_up().await {
            Ok(Some(held)) => match finished(&hands, &held).await {
                Ok(()) => {
                    hands.wake.notify_one();
                    continue;
                }
                Err(error) => store_away(&error),
            },
            Ok(None) => IDLE,
            Err(error) => store_away(&error),
        };
        tokio::select! {
            () = hands.wake.notified() => {}
            () = sleep(rest) => {}
            _ = hands.stopping.changed() => {}
        }
    }
}

/// Works on it until it is done, or there is no time left.
async fn finished(hands: &Hands, held: &Held) -> Result<(), PortError> {
    let work = hands.unless_cut(hands.engine.work_on(held)).await;
    if let Some(done) = work {
        return done;
    }
    told(hands.engine.hand_back(held).await, "work under way");
    Ok(())
}

fn store_away(error: &PortError) -> Duration {
    tracing::error!(error = %error.chain(), "the store failed; work waits");
    STORE_AWAY
}
