//! Panics. There should be none; one is a mistake of ours. It must not end the
//! service, nor go unseen: it is caught, told of once with a reference, counted,
//! and what panicked is started again, later each time.
//!
//! What the task had claimed stays claimed until the claim runs out, and is then
//! taken up again. So work that makes us panic each time does so seldom.

use std::{
    any::Any,
    backtrace::{Backtrace, BacktraceStatus},
    cell::RefCell,
    collections::BTreeMap,
    future::Future,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    panic::{AssertUnwindSafe, PanicHookInfo},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::FutureExt as _;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{
    identity::Timestamp,
    ports::{clock::Clock, store::Store},
    web,
};

/// The first wait before something that panicked is started again; each further
/// one is twice as long.
const FIRST_REST: Duration = Duration::from_secs(1);

/// The longest wait before something that panicked is started again.
const LONGEST_REST: Duration = Duration::from_mins(1);

/// Whoever ran for so long before it panicked is started again as if it never had.
const RECOVERED: Duration = Duration::from_mins(1);

/// So many in a row, and a task is no longer well.
const TOO_MANY: u32 = 3;

/// Where the store remembers the last one.
const MEMO: &str = "panic";

thread_local! {
    /// The reference under which the panic of this thread was told of, until
    /// whoever catches it asks.
    static TOLD: RefCell<Option<String>> = const { RefCell::new(None) };
}

tokio::task_local! {
    static TASK: &'static str;
}

/// Panics so far.
pub struct Panics {
    clock: Arc<dyn Clock>,
    seen: Mutex<Seen>,
    /// Those the hook has told of, whoever caught them.
    told: AtomicU64,
    first_rest: Duration,
}

#[derive(Default)]
struct Seen {
    /// Keyed by names in this program: bounded.
    caught: BTreeMap<&'static str, u64>,
    /// How many in a row, and when the last of them was.
    in_a_row: BTreeMap<&'static str, (u32, Instant)>,
    latest: Option<Panic>,
}

/// One panic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Panic {
    /// What panicked.
    pub task: String,
    /// What to look for in the log.
    pub reference: String,
    /// When.
    pub at: Timestamp,
}

impl Panic {
    /// The last one that any process on this store caught.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn latest(store: &dyn Store) -> Result<Option<Self>, crate::ports::PortError> {
        let memo = store.memo(MEMO).await?;
        Ok(memo.and_then(|text| serde_json::from_str(&text).ok()))
    }
}

impl Panics {
    /// None yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, seen: Mutex::default(), told: AtomicU64::new(0), first_rest: FIRST_REST }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there were, by what panicked. `other` is what nobody is in
    /// charge of, such as a thread of a provider.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = self.seen().caught.clone();
        let caught: u64 = counts.values().sum();
        let other = self.told.load(Ordering::Relaxed).saturating_sub(caught);
        counts.insert("other", other);
        counts
    }

    /// The last one that was caught.
    #[must_use]
    pub fn latest(&self) -> Option<Panic> {
        self.seen().latest.clone()
    }

    /// A task that panics again and again, if there is one.
    #[must_use]
    pub fn unwell(&self) -> Option<&'static str> {
        let seen = self.seen();
        let is_unwell = |(count, at): &(u32, Instant)| {
            *count >= TOO_MANY && at.elapsed() < LONGEST_REST + RECOVERED
        };
        seen.in_a_row.iter().find(|(_, row)| is_unwell(row)).map(|(task, _)| *task)
    }

    /// Tells the log of every panic, once, instead of printing it, from now on
    /// and in the whole process.
    pub fn tell(self: &Arc<Self>) {
        let panics = Arc::clone(self);
        std::panic::set_hook(Box::new(move |info| panics.hear(info)));
    }

    fn hear(&self, info: &PanicHookInfo<'_>) {
        self.told.fetch_add(1, Ordering::Relaxed);
        let reference = new_reference();
        let backtrace = Backtrace::capture();
        let backtrace =
            (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        log(&reference, info.payload(), &place, backtrace.as_deref());
        TOLD.set(Some(reference));
    }

    /// Counts what was caught on this thread. Returns its reference.
    fn count(&self, task: &'static str, payload: &(dyn Any + Send)) -> Panic {
        let reference = TOLD.take().unwrap_or_else(|| {
            let reference = new_reference();
            log(&reference, payload, "", None);
            reference
        });
        let panic = Panic { task: task.to_owned(), reference, at: self.clock.now() };
        let mut seen = self.seen();
        *seen.caught.entry(task).or_default() += 1;
        seen.latest = Some(panic.clone());
        panic
    }

    /// Runs something to its end. `None` if it panicked.
    pub async fn caught<T>(&self, task: &'static str, work: impl Future<Output = T>) -> Option<T> {
        let guarded = AssertUnwindSafe(work).catch_unwind();
        match TASK.scope(task, guarded).await {
            Ok(done) => Some(done),
            Err(payload) => {
                self.count(task, payload.as_ref());
                None
            }
        }
    }

    /// Runs something that is not meant to end before it is told to. Each time
    /// it panics it is started again, later each time.
    pub async fn restarted<F: Future<Output = ()>>(
        &self,
        task: &'static str,
        start: impl Fn() -> F,
    ) {
        let mut in_a_row = 0;
        loop {
            let began = Instant::now();
            if self.caught(task, start()).await.is_some() {
                return;
            }
            in_a_row = if began.elapsed() >= RECOVERED { 1 } else { in_a_row + 1 };
            self.seen().in_a_row.insert(task, (in_a_row, Instant::now()));
            let rest = rest(self.first_rest, in_a_row);
            tracing::warn!(task, seconds = rest.as_secs(), "it is started again after a while");
            tokio::time::sleep(rest).await;
        }
    }

    /// Remembers the last one for `status`, if the store does not know it yet.
    pub async fn remember(&self, store: &dyn Store) {
        let Some(latest) = self.latest() else { return };
        let Ok(text) = serde_json::to_string(&latest) else { return };
        if let Ok(known) = store.memo(MEMO).await
            && known.as_ref() != Some(&text)
            && let Err(error) = store.set_memo(MEMO, &text).await
        {
            tracing::warn!(error = %error.chain(), "that something panicked could not be stored");
        }
    }
}

impl web::Panicked for Panics {
    fn caught(&self, payload: &(dyn Any + Send)) {
        self.count("request", payload);
    }
}

fn rest(first: Duration, in_a_row: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(in_a_row.saturating_sub(1));
    first.saturating_mul(doubled).min(LONGEST_REST)
}

fn log(reference: &str, payload: &(dyn Any + Send), place: &str, backtrace: Option<&str>) {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let task = TASK.try_with(|task| *task).unwrap_or("other");
    // As Rust writes it: a text of somebody's must not begin a line of the log.
    let what = text.unwrap_or("it does not say why");
    tracing::error!(
        task,
        reference,
        place,
        ?what,
        backtrace,
        "something panicked: this is a mistake in Innkeeper; please report it with this line"
    );
}

/// Tells panics apart in a log; not a secret.
fn new_reference() -> String {
    format!("{:08x}", RandomState::new().build_hasher().finish() & 0xffff_ffff)
}

#[cfg(test)]
mod tests;
