//! The HTTP side: webhooks in, health and metrics out.
//!
//! A handler verifies, stores, wakes the engine and answers. It never does the
//! work: forges wait ten seconds and do not repeat themselves.

mod body;
mod connections;
pub mod health;
pub mod metrics;
#[cfg(test)]
mod tests;
mod webhooks;

use std::{any::Any, collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Response, StatusCode},
    middleware,
    response::IntoResponse as _,
    routing::{get, post},
};
use tokio::{
    net::TcpListener,
    sync::{Notify, Semaphore},
};
use tower_http::{catch_panic::CatchPanicLayer, timeout::TimeoutLayer};

use self::{
    connections::Seats,
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
    /// Told of handlers that panicked.
    pub panics: Arc<dyn Panicked>,
}

/// Is told that something panicked and was caught.
pub trait Panicked: Send + Sync {
    /// Called on the thread that panicked, with what it panicked with.
    fn caught(&self, payload: &(dyn Any + Send));
}

/// How much the HTTP side takes on.
///
/// At most `connections` times what a head (64 KiB) and a small body take is
/// held in memory, and `large` times the largest body.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest body, in bytes.
    pub body: usize,
    /// A body up to here is received beside all others, in bytes.
    pub small: usize,
    /// How many larger ones are received at once; others wait.
    pub large: usize,
    /// How long the head of a request may take to come, and how long a
    /// connection may be without one.
    pub head: Duration,
    /// How long a body may take to come, waiting for its turn included.
    pub sending: Duration,
    /// How long a request may take in all.
    pub time: Duration,
    /// How many connections there are at once. Beyond that, whoever has let us
    /// wait for longest has to go.
    pub connections: usize,
    /// For how long nobody has to, and new ones wait instead.
    pub undisturbed: Duration,
    /// How old a connection may become.
    pub connection: Duration,
}

impl Default for Limits {
    /// GitLab sends up to 25 MiB and waits for ten seconds. What it usually
    /// sends is a few KiB.
    fn default() -> Self {
        Self {
            body: 25 * 1024 * 1024 + 64 * 1024,
            small: 128 * 1024,
            large: 8,
            head: Duration::from_secs(5),
            sending: Duration::from_secs(7),
            time: Duration::from_secs(9),
            connections: 512,
            undisturbed: Duration::from_secs(1),
            connection: Duration::from_mins(5),
        }
    }
}

#[derive(Clone)]
struct Shared {
    state: WebState,
    limits: Limits,
    metrics: Arc<Metrics>,
    turns: Arc<Semaphore>,
    seats: Arc<Seats>,
}

impl Shared {
    fn new(state: WebState, limits: Limits) -> Self {
        Self {
            state,
            limits,
            metrics: Arc::default(),
            turns: Arc::new(Semaphore::new(limits.large)),
            seats: Arc::new(Seats::new(limits.connections, limits.undisturbed)),
        }
    }
}

/// All routes. The counters are outermost, so that they see what the limits
/// refuse.
fn router(shared: Shared) -> Router {
    let metrics = Arc::clone(&shared.metrics);
    let panics = Arc::clone(&shared.state.panics);
    let time = shared.limits.time;
    let broken = move |payload: Box<dyn Any + Send>| -> Response<Body> {
        panics.caught(payload.as_ref());
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    };
    Router::new()
        .route("/webhooks/{forge}", post(webhooks::receive))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::show))
        .with_state(shared)
        .layer((
            TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, time),
            CatchPanicLayer::custom(broken),
        ))
        .layer(middleware::from_fn_with_state(metrics, metrics::count))
}

/// Serves until `shutdown` is done, and then until the requests under way are.
pub async fn serve(
    listener: &TcpListener,
    state: WebState,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    let shared = Shared::new(state, limits);
    let house = (Arc::clone(&shared.seats), Arc::clone(&shared.metrics));
    connections::run(listener, router(shared), limits, house, shutdown).await;
}
