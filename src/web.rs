//! The HTTP side: webhooks in, health and metrics out.
//!
//! A handler verifies, stores, wakes the engine and answers. It never does the
//! work: forges wait ten seconds and do not repeat themselves.

pub mod health;
pub mod metrics;
#[cfg(test)]
mod tests;
mod webhooks;

use std::{
    collections::BTreeMap,
    future::{Future, IntoFuture as _},
    io,
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    middleware,
    routing::{get, post},
};
use tokio::{
    net::TcpListener,
    sync::{Notify, Semaphore, oneshot},
};
use tower_http::{
    catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer, timeout::TimeoutLayer,
};

use self::{
    health::Readiness,
    metrics::{Metrics, Readings},
};
use crate::{
    identity::ForgeName,
    ports::{
        clock::Clock,
        intake::{Hooks, Intake},
    },
};

/// What the HTTP side needs from the rest of the house.
#[derive(Clone)]
pub struct WebState {
    /// Whom to believe, for each configured forge.
    pub hooks: BTreeMap<ForgeName, Arc<dyn Hooks>>,
    /// Where deliveries are kept.
    pub intake: Arc<dyn Intake>,
    /// Told once for each stored delivery; the engine waits on it.
    pub wake: Arc<Notify>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Whether work can be done.
    pub readiness: Arc<dyn Readiness>,
    /// What others want to have measured.
    pub readings: Arc<dyn Readings>,
}

/// How much the HTTP side takes on.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest body, in bytes.
    pub body: usize,
    /// How long a request may take, waiting for its turn included.
    pub time: Duration,
    /// How many deliveries are held in memory at once; others wait.
    pub deliveries: usize,
}

impl Default for Limits {
    /// GitLab sends up to 25 MiB and waits for ten seconds.
    fn default() -> Self {
        Self { body: 25 * 1024 * 1024 + 64 * 1024, time: Duration::from_secs(9), deliveries: 16 }
    }
}

#[derive(Clone)]
struct Shared {
    state: WebState,
    metrics: Arc<Metrics>,
    turns: Arc<Semaphore>,
}

/// All routes. The counters are outermost, so that they see what the limits
/// refuse.
pub fn router(state: WebState, limits: Limits) -> Router {
    let metrics = Arc::new(Metrics::default());
    let turns = Arc::new(Semaphore::new(limits.deliveries));
    let shared = Shared { state, metrics: Arc::clone(&metrics), turns };
    let deliveries = Router::new()
        .route("/webhooks/{forge}", post(webhooks::receive))
        .layer(middleware::from_fn_with_state(shared.clone(), webhooks::take_turns))
        .layer((RequestBodyLimitLayer::new(limits.body), DefaultBodyLimit::disable()));
    Router::new()
        .merge(deliveries)
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::show))
        .with_state(shared)
        .layer((
            TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, limits.time),
            CatchPanicLayer::new(),
        ))
        .layer(middleware::from_fn_with_state(metrics, metrics::count))
}

/// How long requests under way may take after the order to stop: a little longer
/// than any takes. Half a request head has no time limit of its own, and must
/// not keep the service from ending.
const PARTING: Duration = Duration::from_secs(10);

/// Serves until `shutdown` is done, and then until the requests under way are.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stop, stopped) = oneshot::channel();
    let serving = axum::serve(listener, router).with_graceful_shutdown(async move {
        shutdown.await;
        let _ = stop.send(());
    });
    let overdue = async {
        // The sender goes away only with what is served.
        let _ = stopped.await;
        tokio::time::sleep(PARTING).await;
    };
    tokio::select! {
        served = serving.into_future() => served,
        () = overdue => {
            tracing::warn!("some connections did not end in time and are cut");
            Ok(())
        }
    }
}
