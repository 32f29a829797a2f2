//! What every long-running subcommand needs: threads, signals, a log.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
};
use tracing_subscriber::EnvFilter;

/// Threads for everything asynchronous.
pub(super) fn runtime() -> anyhow::Result<Runtime> {
    Runtime::new().context("could not start the worker threads")
}

/// Done when somebody asks the process to end: Ctrl-C or `systemctl stop`.
pub(super) async fn interrupted() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
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
