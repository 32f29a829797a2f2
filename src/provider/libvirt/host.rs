//! The connection to a libvirt host.
//!
//! Every libvirt call blocks, some for as long as a guest takes to react. So
//! they run on threads of their own, few at a time, and nobody waits longer
//! for one than its time-out. A call that timed out cannot be interrupted: it
//! keeps its place among the few until it ends, so that a stuck host can never
//! occupy more threads than that.

use std::{
    sync::{
        Arc, Mutex, Once, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::Semaphore;
use virt::connect::Connect;

use super::failure::Failure;
use crate::ports::PortError;

/// How many calls run at the same time. Fewer, and one slow host call holds up
/// the next lease; more brings nothing, libvirt works through them one by one.
const PARALLEL_CALLS: usize = 4;

/// How often a host that is silent is asked whether it is still there, and how
/// many questions it may leave open. Together: how long calls on a connection
/// that hangs keep their places.
const KEEP_ALIVE: (i32, u32) = (5, 6);

/// A host, connected to when it is first needed and again when it was lost.
#[derive(Debug)]
pub(super) struct Host {
    permits: Arc<Semaphore>,
    line: Arc<Line>,
}

#[derive(Debug)]
struct Line {
    uri: String,
    connect: Mutex<Option<Connect>>,
    /// A call on it timed out: the daemon may hang while its socket is open.
    suspect: AtomicBool,
}

impl Host {
    /// Does not connect yet, so that the service starts while a host is away.
    pub(super) fn new(uri: String) -> Self {
        static QUIET: Once = Once::new();
        // Else libvirt prints every error, also expected ones, to stderr.
        QUIET.call_once(virt::error::clear_error_callback);
        Self {
            permits: Arc::new(Semaphore::new(PARALLEL_CALLS)),
            line: Arc::new(Line {
                uri,
                connect: Mutex::new(None),
                suspect: AtomicBool::new(false),
            }),
        }
    }

    /// Runs `work` with a connection. `doing` says what for, as in [`PortError`].
    pub(super) async fn run<T: Send + 'static>(
        &self,
        doing: String,
        limit: Duration,
        work: impl FnOnce(&Connect) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, PortError> {
        let call = async {
            let permit = Arc::clone(&self.permits).acquire_owned().await;
            let line = Arc::clone(&self.line);
            let thread = tokio::task::spawn_blocking(move || {
                let _until_it_ends = permit;
                work(&line.connection()?)
            });
            thread.await.map_err(|error| Failure::Interrupted(Arc::new(error)))?
        };
        tokio::time::timeout(limit, call)
            .await
            .unwrap_or_else(|_| {
                self.line.suspect.store(true, Ordering::Relaxed);
                Err(Failure::TimedOut(limit))
            })
            .map_err(|failure| failure.into_port_error(doing))
    }
}

impl Line {
    fn connection(&self) -> Result<Connect, Failure> {
        let mut connect = self.connect.lock().unwrap_or_else(PoisonError::into_inner);
        // Letting go of an in-process host would take its machines along.
        let suspect =
            self.suspect.swap(false, Ordering::Relaxed) && !super::is_in_process(&self.uri);
        let usable = connect.take().filter(|open| !suspect && open.is_alive().unwrap_or(false));
        let open = match usable {
            Some(open) => open,
            None => self.open()?,
        };
        Ok(connect.insert(open).clone())
    }

    fn open(&self) -> Result<Connect, Failure> {
        if super::is_in_process(&self.uri) {
            return Connect::open(Some(&self.uri)).map_err(Failure::NoConnection);
        }
        listen();
        let connect = Connect::open(Some(&self.uri)).map_err(Failure::NoConnection)?;
        let (seconds, questions) = KEEP_ALIVE;
        if let Err(error) = connect.set_keep_alive(seconds, questions) {
            tracing::debug!(%error, uri = self.uri, "the connection cannot be kept alive");
        }
        Ok(connect)
    }
}

/// Runs libvirt's event loop, on a thread of its own for as long as the
/// process lives: without it a connection is not found out to be dead.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if let Err(error) = virt::event::event_register_default_impl() {
            tracing::warn!(%error, "libvirt's events cannot be listened to");
            return;
        }
        let events = std::thread::Builder::new().name("libvirt-events".to_owned());
        let spawned = events.spawn(|| while virt::event::event_run_default_impl().is_ok() {});
        if let Err(error) = spawned {
            tracing::warn!(%error, "libvirt's events cannot be listened to");
        }
    });
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::{Host, PARALLEL_CALLS};
    use crate::ports::Verdict;

    const LONG: Duration = Duration::from_mins(5);
    const SHORT: Duration = Duration::from_millis(20);

    fn retry(after: Option<Duration>) -> Verdict {
        Verdict::Retry { after }
    }

    #[tokio::test]
    async fn a_stuck_call_is_given_up_but_keeps_its_place_until_it_ends() {
        let host = Host::new("test:///default".into());
        let mut release = Vec::new();
        for _ in 0..PARALLEL_CALLS {
            let (sender, stuck) = mpsc::channel::<()>();
            release.push(sender);
            let error = host
                .run("try".into(), SHORT, move |_| Ok(stuck.recv().is_err()))
                .await
                .unwrap_err();
            assert_eq!(error.verdict, retry(None));
        }
        let error = host.run("try".into(), SHORT, |_| Ok(())).await.unwrap_err();
        assert_eq!(error.chain(), "could not try: no answer within 0 s");

        drop(release);
        assert_eq!(host.run("try".into(), LONG, |_| Ok(7)).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_call_that_panics_is_worth_another_try() {
        let host = Host::new("test:///default".into());
        let error =
            host.run::<()>("try".into(), LONG, |_| panic!("the binding does")).await.unwrap_err();
        assert_eq!(error.verdict, retry(None));
        assert!(host.run("try".into(), LONG, |_| Ok(())).await.is_ok());
    }

    #[tokio::test]
    async fn a_host_that_is_away_is_worth_another_try() {
        let host = Host::new("test+unix:///default?socket=/nowhere/libvirt-sock".into());
        let error = host.run("try".into(), LONG, |_| Ok(())).await.unwrap_err();
        assert_eq!(error.verdict, retry(None));
        assert!(error.advice.unwrap().contains("libvirtd"));
    }

    #[tokio::test]
    async fn an_unusable_address_of_a_host_is_not() {
        let host = Host::new("qemu+pigeon:///system".into());
        let error = host.run("try".into(), LONG, |_| Ok(())).await.unwrap_err();
        assert_eq!(error.verdict, Verdict::GiveUp, "{}", error.chain());
    }
}
