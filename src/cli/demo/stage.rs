//! What the demo runs on: the practice house over libvirt's test driver, and a
//! clock that moves when told.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use chrono::TimeDelta;
use tokio::{net::TcpListener, sync::Mutex};
use virt::connect::Connect;

use crate::{
    app::{
        practice::{self, Practice, Setup},
        system::{MovableClock, SystemEntropy},
    },
    cookbook::{self, Cookbooks},
    identity::{ProviderName, Timestamp},
    ports::{clock::Clock as _, hooks::NoHooks, provider::Provider},
    provider::libvirt::{Libvirt, Settings},
    rehearsal::Options,
};

/// libvirt's built-in test driver: one host with nothing on it but its sample
/// machine, shared by all connections of this process.
const URI: &str = "test:///default";

/// The machine that the test driver comes with.
const SAMPLE: &str = "test";

/// The test driver says it has 3 GiB, and its sample machine 8 GiB. What is
/// pretended needs none, so there is always room, in percent of the 3 GiB.
const PRETENDED_MEMORY: u32 = 100_000;

/// When every demo begins: a Monday morning, with a holiday season ahead.
const BEGIN: &str = "2026-11-30T08:00:00Z";

/// A stage with everything on it.
pub(super) struct Stage {
    practice: Practice,
    clock: Arc<MovableClock>,
    cookbooks: Cookbooks,
    /// Our own look at the host, apart from Innkeeper's.
    host: Connect,
    /// Time moves for one at a time.
    moving: Mutex<()>,
}

impl Stage {
    /// Sets everything up. With `ticking`, the clock also goes by itself, as a
    /// person playing with it expects.
    pub(super) async fn build(
        folder: &Path,
        listener: TcpListener,
        ticking: bool,
        options: Options,
    ) -> anyhow::Result<Self> {
        let begin: Timestamp = BEGIN.parse()?;
        let clock = Arc::new(MovableClock::starting(begin, ticking));
        let host = Connect::open(Some(URI)).context("libvirt's test driver does not open")?;
        let settings = Settings {
            stop_timeout: Duration::from_secs(10),
            default_network: Some("default".to_owned()),
            memory_percent: PRETENDED_MEMORY,
            ..Settings::new(ProviderName::from("libvirt"), URI)
        };
        let provider: Arc<dyn Provider> =
            Arc::new(Libvirt::new(settings, clock.clone(), Arc::new(SystemEntropy)));
        let cookbooks = cookbook::load::embedded();
        let practice = Practice::start(Setup {
            clock: clock.clone(),
            providers: vec![provider],
            hook_runner: Arc::new(NoHooks),
            cookbooks: cookbooks.clone(),
            store: folder.join("practice.db").into(),
            listener,
            options,
            adjust: |_| {},
        })
        .await?;
        Ok(Self { practice, clock, cookbooks, host, moving: Mutex::new(()) })
    }

    pub(super) fn practice(&self) -> &Practice {
        &self.practice
    }

    pub(super) fn forge_url(&self) -> &str {
        self.practice.rehearsal.base_url()
    }

    pub(super) fn cookbooks(&self) -> &Cookbooks {
        &self.cookbooks
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The machines on the host with whether they run, by libvirt's own listing.
    pub(super) fn machines(&self) -> anyhow::Result<Vec<(String, bool)>> {
        let mut machines = Vec::new();
        for domain in self.host.list_all_domains(0).context("libvirt does not list")? {
            let name = domain.name()?;
            if name != SAMPLE {
                machines.push((name, domain.is_active()?));
            }
        }
        Ok(machines)
    }

    /// Somebody with access to the host starts a machine there.
    pub(super) fn start_from_outside(&self, name: &str) -> anyhow::Result<()> {
        let domain = self.host.lookup_domain_by_name(name)?;
        domain.create().context("the machine does not start")?;
        Ok(())
    }

    pub(super) async fn settle(&self) -> anyhow::Result<()> {
        Ok(self.practice.settle().await?)
    }

    /// Lets time pass in steps from sweep to sweep.
    pub(super) async fn pass(&self, time: TimeDelta) -> anyhow::Result<()> {
        let _moving = self.moving.lock().await;
        let passed = practice::pass(|step| self.clock.advance(step), time, || self.practice.tick());
        Ok(passed.await?)
    }
}
