//! `innkeeper serve`: the service.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context as _;
use clap::Args;
use tokio::{net::TcpListener, sync::oneshot};

use super::{
    output,
    runtime::{Ends, leave, log, reload_wanted, runtime},
};
use crate::{
    app::{compose, reload::Reloader},
    config::{self, Config, LogFormat},
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The configuration file; config.default.toml explains every key
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Only say whether the service would start
    #[arg(long)]
    check: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = Config::load(&arguments.config, &config::environment())?;
    log(&config.log.filter, config.log.format == LogFormat::Json)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = runtime()?;
    let status = runtime.block_on(serve(config, arguments));
    // A call to a provider that still blocks a thread must not keep us from ending:
    // what it was for was handed back.
    runtime.shutdown_background();
    leave(status?)
}

/// The status to end with.
async fn serve(config: Config, arguments: &Arguments) -> anyhow::Result<u8> {
    let mut wanted = reload_wanted()?;
    let app = compose::service(&config).await?;
    if arguments.check {
        output::line("The configuration, the cookbooks and the store are fine.");
        return Ok(0);
    }
    let listen = config.server.listen;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("could not listen on {listen}: see [server] listen"))?;
    let address = listener.local_addr()?;
    app.panics.tell();
    let mut ends = Ends::listen()?;
    let cookbooks = app.engine.cookbooks();
    tracing::info!(
        %address, policy = %cookbooks.version.short(), cookbooks = cookbooks.cookbooks.len(),
        "serving"
    );
    let (engine, wake) = (Arc::clone(&app.engine), Arc::clone(&app.web.wake));
    let (heard, woken) = (config.clone(), Arc::clone(&wake));
    let file = arguments.config.clone();
    let reloader = Reloader::new(engine, wake, file, config::environment(), config);
    reloader.started().await?;
    let (panics, ears) = (Arc::clone(&app.panics), Arc::clone(&app.panics));
    let reloading = tokio::spawn(async move {
        // One at a time: what was asked for meanwhile leads to one more.
        while wanted.recv().await.is_some() {
            panics.caught("reload", reloader.reload()).await;
        }
    });
    let hearing = tokio::spawn(async move {
        ears.caught("listener to replicas", compose::hear_replicas(&heard, &woken)).await;
    });
    let (asked, once) = oneshot::channel();
    let twice = async {
        ends.next().await;
        let _ = asked.send(());
        ends.next().await
    };
    let ended = tokio::select! {
        () = app.run(listener, async { drop(once.await) }) => {
            tracing::info!("stopped");
            0
        }
        // Whoever asks a second time does not want to wait. What is under way is
        // taken up when its claims run out.
        status = twice => {
            tracing::warn!("asked a second time: ending at once");
            status
        }
    };
    hearing.abort();
    reloading.abort();
    Ok(ended)
}
