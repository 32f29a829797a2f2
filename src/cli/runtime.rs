//! What every long-running subcommand needs: threads, signals, a log.

use std::{future::Future, io::IsTerminal as _, num::NonZero};

use anyhow::Context as _;
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
};
use tracing_subscriber::EnvFilter;

/// The fewest threads. Reading very many leases keeps one of them busy for a
/// while, and nobody who asks for health may wait for that.
const FEWEST_THREADS: usize = 4;

/// Threads for everything asynchronous.
pub(super) fn runtime() -> anyhow::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    Builder::new_multi_thread()
        .worker_threads(cores.max(FEWEST_THREADS))
        .enable_all()
        .build()
        .context("could not start the worker threads")
}

/// Ends the process here and now, whatever its threads are doing. Leaving `main`
/// would run exit handlers first: those of the libraries below libvirt free what a
/// thread that is just calling it still uses, and the process ends with SIGSEGV.
pub(super) fn leave(status: u8) -> ! {
    signal_hook::low_level::exit(status.into())
}

/// Whoever asks the process to end: Ctrl-C or `systemctl stop`.
pub(super) struct Ends {
    terminate: Signal,
    interrupt: Signal,
}

impl Ends {
    /// Heard from this call on, whenever they are first waited for.
    pub(super) fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("could not listen for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next, and returns the status of a process that it ends.
    pub(super) async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.terminate.recv() => 143,
            _ = self.interrupt.recv() => 130,
        }
    }
}

/// Done when somebody asks the process to end. Heard from this call on, whenever
/// the answer is first waited for.
pub(super) fn interrupted() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut ends = Ends::listen()?;
    Ok(async move {
        ends.next().await;
    })
}

/// Somebody asks the process to read its policies again: `systemctl reload`.
/// Heard from this call on; without it, the signal would end the process.
pub(super) fn reload_wanted() -> anyhow::Result<Signal> {
    signal(SignalKind::hangup()).context("could not listen for signals")
}

/// Starts the log, on standard error. Coloured only on a terminal: journals and
/// files keep what they are given.
pub(super) fn log(filter: &str, json: bool) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)
        .with_context(|| format!("`{filter}` is not a log filter; write for example `info`"))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    if json {
        log.json().init();
    } else {
        log.init();
    }
    Ok(())
}
