//! Connections: how many there may be, how long each may take, and which one
//! goes when there are too many.
//!
//! Whoever sends slowly, or nothing, must not keep others out. So a full house
//! turns nobody away: the guest that has let us wait for longest leaves, though
//! not within its first moments. An honest delivery arrives within those, however
//! many come at once.

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body};
use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
    task::JoinSet,
    time::Instant,
};

use super::{Limits, metrics::Metrics};

/// How long requests under way may take after the order to stop: a little longer
/// than any takes.
const PARTING: Duration = Duration::from_secs(10);

/// How many are asked to leave at once: each costs a moment, and those who press in
/// come by the hundred.
const ASKED_AT_ONCE: usize = 16;

/// How long to wait before asking for connections again when there is no file
/// descriptor left for one.
const NO_DESCRIPTOR: Duration = Duration::from_millis(100);

/// The longest head of a request, in bytes, and so the most that is read ahead.
/// Forges send two or three thousand.
const LONGEST_HEAD: usize = 64 * 1024;

/// The most headers of a request.
const MOST_HEADERS: usize = 64;

/// A connection's place in the house.
#[derive(Debug, Default)]
pub(super) struct Seat {
    /// Since when we wait for the other side; `None` while we do not.
    waits_since: Mutex<Option<Instant>>,
    /// Whether it was asked to leave, and has not answered yet.
    asked: AtomicBool,
    leave: Notify,
}

/// The places there are.
#[derive(Debug)]
pub(super) struct Seats {
    taken: Mutex<BTreeMap<u64, Arc<Seat>>>,
    next: AtomicU64,
    most: usize,
    undisturbed: Duration,
    left: Notify,
}

impl Seats {
    pub(super) fn new(most: usize, undisturbed: Duration) -> Self {
        Self {
            taken: Mutex::default(),
            next: AtomicU64::new(0),
            most: most.max(1),
            undisturbed,
            left: Notify::new(),
        }
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Seat>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self) -> usize {
        self.taken().len()
    }

    /// Takes a place, which somebody else may have to leave. While everybody is
    /// being served, or has only just come, this waits.
    async fn take(self: &Arc<Self>) -> Place {
        while self.count() >= self.most {
            let wait = self.ask_for_room();
            tokio::select! {
                () = self.left.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        let seat = Arc::new(Seat::default());
        seat.waits();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.taken().insert(number, Arc::clone(&seat));
        Place { seats: Arc::clone(self), seat, number }
    }

    /// Asks those to leave who have let us wait for longest, if that is for long
    /// enough. Returns how long to wait before asking again.
    fn ask_for_room(&self) -> Duration {
        let taken = self.taken();
        let unasked = taken.values().filter(|seat| !seat.asked.load(Ordering::Relaxed));
        let mut waiting: Vec<(Instant, &Arc<Seat>)> =
            unasked.filter_map(|seat| Some((seat.waits_since()?, seat))).collect();
        waiting.sort_unstable_by_key(|(since, _)| *since);
        for (since, seat) in waiting.into_iter().take(ASKED_AT_ONCE) {
            let left = self.undisturbed.saturating_sub(since.elapsed());
            if !left.is_zero() {
                return left;
            }
            seat.asked.store(true, Ordering::Relaxed);
            seat.leave.notify_one();
        }
        self.undisturbed
    }

    /// Whether whoever was asked to leave has to. What they sent meanwhile has just
    /// been read: it may be that we were slow, and not they.
    fn has_to_leave(&self, seat: &Seat) -> bool {
        let waits = seat.waits_since().is_some_and(|since| since.elapsed() >= self.undisturbed);
        if !waits {
            seat.asked.store(false, Ordering::Relaxed);
            // Somebody else has to.
            self.left.notify_one();
        }
        waits
    }
}

impl Seat {
    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.waits_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waits_since(&self) -> Option<Instant> {
        *self.since()
    }

    /// From now on the other side lets us wait.
    fn waits(&self) {
        *self.since() = Some(Instant::now());
    }

    /// From now on we are at work.
    fn works(&self) {
        *self.since() = None;
    }
}

/// A connection's hold on its seat, until it ends.
#[derive(Debug)]
struct Place {
    seats: Arc<Seats>,
    seat: Arc<Seat>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.seats.taken().remove(&self.number);
        self.seats.left.notify_one();
    }
}

/// What a request knows of the connection it came by.
#[derive(Clone, Debug)]
pub(super) struct Patience(Arc<Seat>);

impl Patience {
    /// From now on the sender lets us wait, until [`Patience::ends`].
    pub(super) fn begins(&self) {
        self.0.waits();
    }

    /// Everything has come.
    pub(super) fn ends(&self) {
        self.0.works();
    }
}

/// Accepts connections until `shutdown` is done, and serves each; then waits
/// until the requests under way are answered.
pub(super) async fn run(
    listener: &TcpListener,
    router: Router,
    limits: Limits,
    (seats, metrics): (Arc<Seats>, Arc<Metrics>),
    shutdown: impl Future<Output = ()>,
) {
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                not_accepted(&error, &seats).await;
                continue;
            }
        };
        let place = tokio::select! {
            () = &mut shutdown => break,
            place = seats.take() => place,
        };
        let (router, metrics, stopping) = (router.clone(), Arc::clone(&metrics), stopping.clone());
        connections.spawn(async move {
            serve(stream, router, limits, &place, &metrics, stopping).await;
        });
    }
    let _ = stop.send(true);
    let parted = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(PARTING, parted).await.is_err() {
        tracing::warn!("some connections did not end in time and are cut");
    }
}

/// A connection that was gone before it was accepted is nothing to us. Without
/// a descriptor for it, one of those that only wait has to go.
async fn not_accepted(error: &io::Error, seats: &Seats) {
    let gone = [
        io::ErrorKind::ConnectionRefused,
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::ConnectionReset,
    ];
    if gone.contains(&error.kind()) {
        return;
    }
    tracing::error!(%error, "connections cannot be accepted");
    seats.ask_for_room();
    tokio::time::sleep(NO_DESCRIPTOR).await;
}

async fn serve(
    stream: TcpStream,
    router: Router,
    limits: Limits,
    place: &Place,
    metrics: &Metrics,
    mut stopping: watch::Receiver<bool>,
) {
    let patience = Patience(Arc::clone(&place.seat));
    let service = service_fn(move |mut request: Request<Incoming>| {
        patience.ends();
        request.extensions_mut().insert(patience.clone());
        let answer = TowerToHyperService::new(router.clone()).call(request.map(Body::new));
        let patience = patience.clone();
        async move {
            let answer = answer.await;
            patience.begins();
            answer
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        // Between two requests it runs as well: nobody stays without asking.
        .header_read_timeout(limits.head)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LONGEST_HEAD);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let mut old = pin!(tokio::time::sleep(limits.connection));
    let mut parting = false;
    let ended = loop {
        tokio::select! {
            // What has come is read before anybody is judged by it.
            biased;
            ended = connection.as_mut() => break ended,
            () = place.seat.leave.notified() => {
                if place.seats.has_to_leave(&place.seat) {
                    metrics.cut("crowded");
                    return;
                }
            }
            () = &mut old => {
                if parting {
                    // It was asked to end, and its peer does not even read.
                    metrics.cut("old");
                    return;
                }
                parting = true;
                old.as_mut().reset(Instant::now() + PARTING);
                connection.as_mut().graceful_shutdown();
            }
            changed = stopping.changed(), if !parting => {
                parting = true;
                old.as_mut().reset(Instant::now() + PARTING);
                // Without a sender, all of us are about to be cut.
                if changed.is_ok() {
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    };
    match ended {
        Ok(()) => {}
        Err(error) if error.is_timeout() => metrics.cut("slow"),
        Err(error) if error.is_parse() => metrics.cut("unreadable"),
        Err(error) => tracing::debug!(%error, "a connection broke"),
    }
}
