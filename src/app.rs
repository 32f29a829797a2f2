//! The composition root: the only place that names concrete adapters, and the
//! loops that drive the engine.

pub mod compose;
pub mod policies;
pub mod practice;
pub mod reload;
pub mod system;
pub mod watch;

use std::{future::Future, io, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    sync::{Notify, watch as channel},
    task::JoinSet,
};

use crate::{
    engine::{Engine, Turn},
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

/// How long work under way may take after the order to stop. What is not done
/// by then is taken up from the store at the next start.
const WIND_DOWN: Duration = Duration::from_secs(20);

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
}

impl App {
    /// Runs until `shutdown` is done: HTTP, workers, scheduler. Starts with a
    /// sweep and a poll, since time passed while nobody ran.
    ///
    /// # Errors
    ///
    /// When the listener fails.
    pub async fn run(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let mut workers = workers(&self.engine, &self.web.wake);
        let (engine, wake) = (Arc::clone(&self.engine), Arc::clone(&self.web.wake));
        workers.tasks.spawn(async move {
            // In this order: an outage moves deadlines before anything else.
            sweep(Arc::clone(&engine), Arc::clone(&wake)).await;
            poll(engine, wake).await;
        });
        let mut end = workers.stopping.clone();
        let scheduled = scheduler::run(self.jobs(), Arc::clone(&self.web.clock), async move {
            let _ = end.wait_for(|stop| *stop).await;
        });
        workers.tasks.spawn(scheduled);
        let router = web::router(self.web.clone(), web::Limits::default());
        let served = web::serve(listener, router, shutdown).await;
        tracing::info!("stopping: no new work is taken");
        workers.stop().await;
        served
    }

    fn jobs(&self) -> Vec<(Schedule, Job)> {
        let (engine, wake) = (Arc::clone(&self.engine), Arc::clone(&self.web.wake));
        let sweep = Job {
            name: "sweep",
            start: Box::new(move || tokio::spawn(sweep(Arc::clone(&engine), Arc::clone(&wake)))),
        };
        let (engine, wake) = (Arc::clone(&self.engine), Arc::clone(&self.web.wake));
        let poll = Job {
            name: "poll",
            start: Box::new(move || tokio::spawn(poll(Arc::clone(&engine), Arc::clone(&wake)))),
        };
        vec![(self.sweep.clone(), sweep), (self.poll.clone(), poll)]
    }
}

async fn sweep(engine: Arc<Engine>, wake: Arc<Notify>) {
    match engine.sweep().await {
        Ok(report) => tracing::debug!(?report, "swept"),
        Err(error) => tracing::error!(error = %error.chain(), "the sweep failed"),
    }
    wake.notify_one();
}

async fn poll(engine: Arc<Engine>, wake: Arc<Notify>) {
    match engine.poll().await {
        Ok(found) => tracing::debug!(found, "polled"),
        Err(error) => tracing::error!(error = %error.chain(), "the poll failed"),
    }
    wake.notify_one();
}

/// Workers that drive an engine.
pub struct Workers {
    stop: channel::Sender<bool>,
    stopping: channel::Receiver<bool>,
    tasks: JoinSet<()>,
}

/// Starts workers. They wait for work, and are woken by `wake`.
#[must_use]
pub fn workers(engine: &Arc<Engine>, wake: &Arc<Notify>) -> Workers {
    let (stop, stopping) = channel::channel(false);
    let mut tasks = JoinSet::new();
    for _ in 0..WORKERS {
        tasks.spawn(work(Arc::clone(engine), Arc::clone(wake), stopping.clone()));
    }
    Workers { stop, stopping, tasks }
}

impl Workers {
    /// Lets them finish what they have begun.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        let done = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(WIND_DOWN, done).await.is_err() {
            tracing::warn!("some work was not finished in time; it is taken up at the next start");
        }
    }
}

/// A worker: takes turns while there is work, and waits to be woken.
async fn work(engine: Arc<Engine>, wake: Arc<Notify>, mut stopped: channel::Receiver<bool>) {
    while !*stopped.borrow() {
        let rest = match engine.turn().await {
            Ok(Turn::Worked) => {
                wake.notify_one();
                continue;
            }
            Ok(Turn::Idle) => IDLE,
            Err(error) => {
                tracing::error!(error = %error.chain(), "the store failed; work waits");
                STORE_AWAY
            }
        };
        tokio::select! {
            () = wake.notified() => {}
            () = tokio::time::sleep(rest) => {}
            _ = stopped.changed() => {}
        }
    }
}
