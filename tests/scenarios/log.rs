//! What the log is told while a story is played.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, OnceLock},
};

use tracing::{Dispatch, Level, instrument::WithSubscriber as _};
use tracing_subscriber::fmt::MakeWriter;

/// While there is but one subscriber, `tracing` asks the thread that first comes
/// by whether anybody listens, and keeps the answer: in a story beside ours,
/// nobody does.
static OTHER: OnceLock<Dispatch> = OnceLock::new();

/// Lets the story play, and returns what was logged up to this level, too.
pub(crate) async fn logged<T>(most: Level, story: impl Future<Output = T>) -> (T, Vec<String>) {
    OTHER.get_or_init(|| Dispatch::new(tracing_subscriber::fmt().with_writer(io::sink).finish()));
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_max_level(most)
        .without_time()
        .with_target(false)
        .with_ansi(false)
        .finish();
    let told = story.with_subscriber(subscriber).await;
    let bytes = log.0.lock().unwrap();
    let lines =
        String::from_utf8_lossy(&bytes).lines().map(|line| line.trim().to_owned()).collect();
    (told, lines)
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
