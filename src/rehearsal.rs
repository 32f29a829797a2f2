//! A small GitLab to practise on, which can be a small GitHub instead.
//!
//! It holds users, groups, projects, issues and notes in memory, and behaves
//! towards a bot as GitLab does: real permissions, real quick actions, real
//! webhooks over HTTP. In the other [`Dialect`] it does so as GitHub does. The demo shows its pages to a person; scenario tests
//! act through [`Rehearsal`] as a person at the keyboard would, and plan
//! [`Fault`]s.
//!
//! ```text
//! pages ----+
//! api ------+--> state: access -> editing, notes -> people (who hears of it)
//! controls -+                                    -> payload -> hooks (who is told over HTTP)
//! ```
//!
//! All its times come from the injected clock. It knows nothing of the rest of
//! this crate.

mod access;
mod api;
mod commands;
mod connection;
mod controls;
mod dialect;
mod editing;
mod faults;
mod github;
mod hooks;
mod issue;
mod markdown;
mod notes;
mod pages;
mod payload;
mod people;
pub mod quick_actions;
mod record;
pub mod references;
mod repository;
mod state;
mod subscription;
#[cfg(test)]
mod tests;
mod world;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use chrono::TimeDelta;
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use self::dialect::Dialect;
pub use self::faults::{Fault, Received, Trouble};
pub use self::hooks::{Answer, Delivery};
pub use self::issue::{IssueKey, IssueSnapshot, IssueState, NoteSnapshot};
pub use self::people::{Notification, Reason};
pub use self::repository::MergeRequest;
pub use self::state::Refused;
pub use self::world::{
    Account, App, Group, Hook, Level, Membership, Project, Tier, User, Visibility, World,
};

use self::connection::{CuttableListener, Scissors};
use self::faults::Faults;
use self::hooks::HookQueue;
use self::record::Recorder;
use self::state::State;
use crate::ports::clock::Clock;

/// How long [`Rehearsal::shutdown`] waits for requests under way.
const PARTING: Duration = Duration::from_secs(2);

/// Moves the world's clock and lets everything that follows happen.
pub type Advance = Arc<dyn Fn(TimeDelta) -> BoxFuture<'static, ()> + Send + Sync>;

/// How the instance behaves, apart from what is in it.
#[derive(Clone)]
pub struct Options {
    /// Which forge it is like.
    pub dialect: Dialect,
    /// Where browsers and bots reach it, without a slash at the end, when that
    /// is not the listener's own address.
    pub external_url: Option<String>,
    /// Notes a user may create by API in a minute; more are answered 429, or
    /// with GitHub's secondary rate limit.
    pub notes_per_minute: Option<u32>,
    /// How long a webhook's receiver may take.
    pub hook_time_out: Duration,
    /// Whether a hook that keeps failing is left alone for a while; GitHub's
    /// never are.
    pub disable_failing_hooks: bool,
    /// What the pages' "move the clock ahead a day" does; without it, there is
    /// no such button.
    pub advance: Option<Advance>,
    /// A file every exchange at the API is appended to, as a line of JSON
    /// without tokens. Planned faults are left out.
    pub record: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dialect: Dialect::default(),
            external_url: None,
            notes_per_minute: None,
            hook_time_out: Duration::from_secs(10),
            disable_failing_hooks: true,
            advance: None,
            record: None,
        }
    }
}

/// What every request handler works with.
#[derive(Clone)]
struct Shared {
    state: Arc<Mutex<State>>,
    faults: Arc<Faults>,
    options: Arc<Options>,
    recorder: Option<Arc<Recorder>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        hooks::lock(&self.state)
    }
}

/// A running instance. Dropping it ends it at once.
pub struct Rehearsal {
    shared: Shared,
    base_url: String,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
    deliverer: JoinHandle<()>,
}

impl Rehearsal {
    /// Serves the world on this listener until dropped or shut down.
    ///
    /// # Errors
    ///
    /// When the listener does not know its own address, or the record cannot
    /// be written.
    pub fn start(
        listener: TcpListener,
        world: World,
        clock: Arc<dyn Clock>,
        options: Options,
    ) -> io::Result<Self> {
        let own = format!("http://{}", listener.local_addr()?);
        let base_url = options.external_url.clone().unwrap_or(own);
        let seed = format!("{base_url} {}", clock.now());
        let dialect = options.dialect;
        let disable_failing = options.disable_failing_hooks && !dialect.is_github();
        let (queue, numbers) = HookQueue::new(world.hooks.clone(), disable_failing, seed);
        let state = State::new(world, dialect, base_url.clone(), clock, queue);
        let state = Arc::new(Mutex::new(state));
        let deliverer =
            tokio::spawn(hooks::deliver(Arc::clone(&state), numbers, options.hook_time_out));
        let recorder = options.record.as_deref().map(Recorder::open).transpose()?.map(Arc::new);
        let shared = Shared { state, faults: Arc::default(), options: Arc::new(options), recorder };
        let api = match dialect {
            Dialect::GitLab => api::router(&shared),
            Dialect::GitHub => github::router(&shared),
        };
        let router = api.merge(pages::router(&shared)).with_state(shared.clone());
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(async move {
            let service = router.into_make_service_with_connect_info::<Scissors>();
            let serving = axum::serve(CuttableListener(listener), service).with_graceful_shutdown(
                async move {
                    // Stopped by a message or by the sender's end alike.
                    let _ = stopped.await;
                },
            );
            if let Err(error) = serving.await {
                tracing::error!(%error, "the rehearsal stopped serving");
            }
        });
        Ok(Self { shared, base_url, stop: Some(stop), server, deliverer })
    }

    /// Where it is reached, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Finishes the requests under way, two seconds long, and stops.
    pub async fn shutdown(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let _ = tokio::time::timeout(PARTING, &mut self.server).await;
    }
}

impl Drop for Rehearsal {
    fn drop(&mut self) {
        self.server.abort();
        self.deliverer.abort();
    }
}
