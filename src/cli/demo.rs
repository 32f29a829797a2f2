//! `innkeeper demo`: try everything without a GitLab and without a hypervisor.

#[cfg(feature = "libvirt")]
mod person;
#[cfg(feature = "libvirt")]
mod stage;
#[cfg(feature = "libvirt")]
mod story;

use std::{net::SocketAddr, process::ExitCode};

use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Play the whole life of a machine in the terminal, and end
    #[arg(long)]
    story: bool,
    /// Where the rehearsal GitLab listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8471")]
    listen: SocketAddr,
}

#[cfg(not(feature = "libvirt"))]
pub(super) fn run(_: &Arguments) -> anyhow::Result<ExitCode> {
    anyhow::bail!("this program was built without libvirt, whose test driver the demo runs on")
}

#[cfg(feature = "libvirt")]
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    use super::runtime::{log, runtime};
    log("warn", false)?;
    if arguments.story {
        return runtime()?.block_on(play());
    }
    runtime()?.block_on(open(arguments.listen))
}

#[cfg(feature = "libvirt")]
async fn play() -> anyhow::Result<ExitCode> {
    use tokio::net::TcpListener;

    use super::output::{self, Paint};

    let folder = Folder::new()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let options = crate::rehearsal::Options::default();
    let stage = stage::Stage::build(&folder.0, listener, false, options).await?;
    match story::tell(&stage).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            output::line(format_args!("  {} {error:#}", Paint::new().red("not seen:")));
            Ok(ExitCode::FAILURE)
        }
    }
}

#[cfg(feature = "libvirt")]
async fn open(listen: SocketAddr) -> anyhow::Result<ExitCode> {
    use std::sync::{Arc, OnceLock, Weak};

    use anyhow::Context as _;
    use chrono::TimeDelta;
    use tokio::net::TcpListener;

    use super::output;

    let folder = Folder::new()?;
    let listener = TcpListener::bind(listen).await.with_context(|| {
        format!("could not listen on {listen}; choose another address with --listen")
    })?;
    let shared: Arc<OnceLock<Weak<stage::Stage>>> = Arc::new(OnceLock::new());
    let found = Arc::clone(&shared);
    let advance = move |time: TimeDelta| {
        let stage = found.get().and_then(Weak::upgrade);
        let pass = async move {
            if let Some(stage) = stage
                && let Err(error) = stage.pass(time).await
            {
                tracing::error!(%error, "the clock was moved, but not everything followed");
            }
        };
        Box::pin(pass) as std::pin::Pin<Box<dyn Future<Output = ()> + Send>>
    };
    let options = crate::rehearsal::Options {
        advance: Some(Arc::new(advance)),
        ..crate::rehearsal::Options::default()
    };
    let interrupted = super::runtime::interrupted()?;
    let stage = Arc::new(stage::Stage::build(&folder.0, listener, true, options).await?);
    let _ = shared.set(Arc::downgrade(&stage));
    let practice = stage.practice();
    let workers = crate::app::workers(&practice.engine, &practice.web.wake, &practice.panics);
    output::line(format_args!("A rehearsal GitLab is open at   {}", stage.forge_url()));
    output::line(format_args!("Innkeeper is listening at       http://{}", practice.web_address));
    output::line(
        "File an issue from a template as Alice, approve it as Carol, move the clock ahead.",
    );
    output::line("Everything is gone when you press Ctrl-C.");
    interrupted.await;
    workers.stop(std::time::Duration::from_secs(20)).await;
    Ok(ExitCode::SUCCESS)
}

/// A folder that goes away with the value.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Self> {
        use crate::{app::system::SystemEntropy, ports::clock::Entropy as _};
        let path = std::env::temp_dir().join(format!("innkeeper-demo-{}", SystemEntropy.uuid()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind in the temporary folder harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
