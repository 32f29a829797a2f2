//! Puts an [`App`] together from the configuration: the one place that names
//! every concrete adapter.

mod forges;
mod stored;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context as _, bail, ensure};
use chrono::TimeDelta;
use tokio::sync::Notify;

pub use self::{
    forges::{one_forge, one_setup},
    stored::{back_up_store, forget, restore_store},
};
use super::{
    App, policies,
    supervision::Panics,
    system::{SystemClock, SystemEntropy},
    watch::Watch,
};
use crate::{
    config::{self, Config, HookAction, ProviderKind, RapiCertificate, RapiUser},
    cookbook::Cookbooks,
    engine::{Engine, Group, Ports, Project, Settings, Surroundings},
    hooks::{self, Runner},
    identity::ProviderName,
    notice::render::Renderer,
    ports::{
        PortError,
        clock::{Clock, Entropy as _},
        finding::Finding,
        hooks::HookRunner,
        provider::Provider,
        store::Store,
    },
    store::sql::{self, Place, Server, SqlStore},
    web::WebState,
};

/// The service as configured, ready to run.
///
/// # Errors
///
/// Whatever keeps it from running, as a sentence with the way out.
pub async fn service(config: &Config) -> anyhow::Result<App> {
    config.ready_to_serve()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let engine = Arc::new(engine(config, &clock, open_store(config)).await?);
    for embargo in config.embargoes.iter().filter(|embargo| embargo.is_past(clock.now())) {
        tracing::warn!(place = embargo.place, "this embargo is past and can be removed");
    }
    let gap = config.schedule.sweep.longest_gap(clock.now(), 50);
    let panics = Arc::new(Panics::new(Arc::clone(&clock)));
    let watch = Arc::new(Watch {
        engine: Arc::clone(&engine),
        panics: Arc::clone(&panics),
        sweep_within: gap * 2,
    });
    Ok(App {
        web: WebState {
            hooks: forges::webhooks(config)?,
            intake: engine.clone(),
            wake: Arc::new(Notify::new()),
            clock,
            readiness: watch.clone(),
            readings: watch,
            panics: panics.clone(),
        },
        engine,
        panics,
        wind_down: config.server.stop,
        sweep: config.schedule.sweep.clone(),
        poll: config.schedule.poll.clone(),
    })
}

/// An engine for somebody who only asks it: the store is there already, and
/// nothing can be stored.
///
/// # Errors
///
/// Whatever keeps it from being asked, as a sentence with the way out.
pub async fn onlooker(config: &Config) -> anyhow::Result<Engine> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = async {
        ensure_store(config).await?;
        Ok(store_to_read(config).await?)
    };
    engine(config, &clock, store).await
}

/// The engine as configured. The store is opened once everything else is known
/// to be usable.
async fn engine(
    config: &Config,
    clock: &Arc<dyn Clock>,
    store: impl Future<Output = anyhow::Result<Arc<dyn Store>>>,
) -> anyhow::Result<Engine> {
    let cookbooks = policies::load(config).await?;
    let (forges, providers) = (forges::forges(config, clock)?, providers(config)?);
    let (hooks, settings) = (hook_runner(config)?, settings(config)?);
    let surroundings = Surroundings {
        settings: &settings,
        forges: &forges,
        providers: &providers,
        hooks: hooks.hooks(),
    };
    let objections = surroundings.objections(&cookbooks);
    if !objections.is_empty() {
        bail!("{}", objections.join("\n"));
    }
    let ports = Ports {
        hooks,
        store: store.await?,
        forges,
        providers,
        clock: Arc::clone(clock),
        entropy: Arc::new(SystemEntropy),
    };
    let renderer = Renderer::new(config.templates.folder.as_deref())?;
    Ok(Engine::new(ports, settings, config.calendar.clone(), renderer, cookbooks))
}

/// What keeps these cookbooks from being served with this configuration.
/// Nothing is asked of a forge or provider.
///
/// # Errors
///
/// When a forge, provider or hook cannot be used as it is in the configuration.
pub fn objections(config: &Config, cookbooks: &Cookbooks) -> anyhow::Result<Vec<String>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let hooks = hook_runner(config)?;
    let surroundings = Surroundings {
        settings: &settings(config)?,
        forges: &forges::forges(config, &clock)?,
        providers: &providers(config)?,
        hooks: hooks.hooks(),
    };
    Ok(surroundings.objections(cookbooks))
}

/// The store as configured.
///
/// # Errors
///
/// When it cannot be opened.
pub async fn open_store(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    let store = SqlStore::open(store_place(config)).await?;
    Ok(Arc::new(store))
}

/// The store as configured, which has to be there.
///
/// # Errors
///
/// When it is not, or cannot be opened.
pub async fn present_store(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    ensure_store(config).await?;
    open_store(config).await
}

/// Refuses when there is no store.
///
/// # Errors
///
/// When there is none, or a server cannot be asked.
pub async fn ensure_store(config: &Config) -> anyhow::Result<()> {
    let place = store_place(config);
    let is_there = SqlStore::is_at(&place).await?;
    ensure!(is_there, "there is no store at {place}; it is made when the service first starts");
    Ok(())
}

fn store_place(config: &Config) -> Place {
    match &config.store {
        config::Store::File(path) => Place::File(path.clone()),
        config::Store::Server { url, password } => {
            Place::Server(Server::new(url.clone(), password.clone()))
        }
    }
}

/// Wakes the workers when another replica has made work, where there can be one.
/// Goes on until it is dropped.
pub async fn hear_replicas(config: &Config, wake: &Notify) {
    if let Place::Server(server) = store_place(config) {
        match sql::listen(&server, || wake.notify_one()).await {}
    }
}

/// The store as configured, for somebody who only reads. It has to be there.
///
/// # Errors
///
/// When it cannot be opened.
pub async fn store_to_read(config: &Config) -> Result<Arc<dyn Store>, PortError> {
    Ok(Arc::new(SqlStore::open_to_read(store_place(config)).await?))
}

/// Whether the store as configured is sound. Nothing in it is changed.
pub async fn examine_store(config: &Config) -> Vec<Finding> {
    SqlStore::examine(store_place(config)).await
}

/// One provider as configured.
///
/// # Errors
///
/// When it is not in the configuration, or cannot be used as it is there.
pub fn one_provider(config: &Config, name: &ProviderName) -> anyhow::Result<Arc<dyn Provider>> {
    let configured = config.providers.get(name).context("it is not in the configuration")?;
    provider(name, &configured.kind, config.limits.provider_timeout)
}

fn settings(config: &Config) -> anyhow::Result<Settings> {
    let projects = config
        .forges
        .iter()
        .flat_map(|(name, forge)| forge.projects.iter().map(move |project| (name, project)))
        .map(|(name, project)| Project {
            forge: name.clone(),
            id: project.id,
            group: None,
            cookbooks: project.cookbooks.clone(),
        });
    let groups = config
        .forges
        .iter()
        .flat_map(|(name, forge)| forge.groups.iter().map(move |group| (name, group)))
        .map(|(name, group)| Group {
            forge: name.clone(),
            path: group.path.clone(),
            cookbooks: group.cookbooks.clone(),
        });
    Ok(Settings {
        projects: projects.collect(),
        groups: groups.collect(),
        sysadmins: config.people.sysadmins.clone(),
        automatic_approval: config.policies.automatic_approval,
        protected_names: config.policies.protected_names.clone(),
        labels: config.labels.clone(),
        destroys_per_day: config.limits.destroys_per_day,
        creations_per_day: config.limits.creations_per_day,
        embargoes: config.embargoes.clone(),
        outage_after: config.schedule.outage_after.span(),
        claim: TimeDelta::from_std(config.limits.claim).context("claim_seconds is too long")?,
        holder: SystemEntropy.uuid().to_string(),
    })
}

/// The operator's hooks.
fn hook_runner(config: &Config) -> anyhow::Result<Arc<dyn HookRunner>> {
    let mut settings = Vec::new();
    for hook in &config.hooks {
        let action = match hook.action.clone() {
            HookAction::Command { program, arguments } => {
                hooks::Action::Command { program, arguments }
            }
            HookAction::Post { url, token } => hooks::Action::Post { url, token },
        };
        settings.push(hooks::Settings { hook: hook.hook.clone(), action, timeout: hook.timeout });
    }
    Ok(Arc::new(Runner::new(settings).context("hooks cannot be run")?))
}

fn providers(config: &Config) -> anyhow::Result<BTreeMap<ProviderName, Arc<dyn Provider>>> {
    let mut providers: BTreeMap<ProviderName, Arc<dyn Provider>> = BTreeMap::new();
    for (name, provider) in &config.providers {
        let adapter = self::provider(name, &provider.kind, config.limits.provider_timeout)?;
        providers.insert(name.clone(), adapter);
    }
    Ok(providers)
}

fn provider(
    name: &ProviderName,
    kind: &ProviderKind,
    call_timeout: Duration,
) -> anyhow::Result<Arc<dyn Provider>> {
    match kind {
        ProviderKind::Ganeti(cluster) => ganeti(name, cluster, call_timeout),
        ProviderKind::Libvirt(host) => libvirt(name, host, call_timeout),
    }
}

fn ganeti(
    name: &ProviderName,
    cluster: &config::Ganeti,
    call_timeout: Duration,
) -> anyhow::Result<Arc<dyn Provider>> {
    use crate::provider::ganeti::{Credentials, Defaults, Ganeti, Settings, Trust};
    let credentials = |user: RapiUser| Credentials { user: user.name, password: user.password };
    let cluster = cluster.clone();
    let settings = Settings {
        name: name.clone(),
        url: cluster.url,
        domain: cluster.domain,
        writer: credentials(cluster.writer),
        reader: cluster.reader.map(credentials),
        trust: match cluster.certificate {
            RapiCertificate::OfSystem => Trust::System,
            RapiCertificate::OfAuthorities(pem) => Trust::Authorities(pem),
            RapiCertificate::Pinned(fingerprint) => Trust::Pinned(fingerprint),
        },
        call_timeout,
        stop_timeout: cluster.stop_timeout,
        connections: cluster.connections,
        defaults: Defaults {
            disk_template: cluster.disk_template,
            os: cluster.os,
            network: cluster.network,
            link: cluster.link,
            mode: cluster.mode,
            iallocator: cluster.iallocator,
            hypervisor: cluster.hypervisor,
            opportunistic_locking: cluster.opportunistic_locking,
            name_check: cluster.name_check,
            ip_check: cluster.ip_check,
            conflicts_check: cluster.conflicts_check,
            wait_for_sync: cluster.wait_for_sync,
            ssh_keys_parameter: cluster.ssh_keys_parameter,
            hostname_parameter: cluster.hostname_parameter,
            owner_parameter: cluster.owner_parameter,
        },
    };
    let ganeti =
        Ganeti::new(settings).with_context(|| format!("[provider.{name}] cannot be used"))?;
    Ok(Arc::new(ganeti))
}

#[cfg(feature = "libvirt")]
fn libvirt(
    name: &ProviderName,
    libvirt: &config::LibvirtProvider,
    call_timeout: Duration,
) -> anyhow::Result<Arc<dyn Provider>> {
    use crate::{
        config::ReadyWhen,
        provider::libvirt::{Cpu, Libvirt, Ready, Settings},
    };
    let uri = &libvirt.uri;
    if Libvirt::is_in_process(uri) {
        bail!(
            "[provider.{name}] uri = \"{uri}\" is libvirt's test driver inside this process: its machines are gone when it ends; use a libvirt daemon, or `innkeeper demo` to try things out"
        );
    }
    let settings = Settings {
        default_network: libvirt.network.clone(),
        default_pool: libvirt.pool.clone(),
        stop_timeout: libvirt.stop_timeout,
        boot_timeout: libvirt.boot_timeout,
        call_timeout,
        ready: match libvirt.ready {
            ReadyWhen::AgentOrSsh => Ready::AgentOrSsh,
            ReadyWhen::Address => Ready::Address,
            ReadyWhen::None => Ready::None,
        },
        agent_addresses: libvirt.agent_addresses,
        cpu: match libvirt.cpu.as_str() {
            "host-model" => Cpu::HostModel,
            "host-passthrough" => Cpu::HostPassthrough,
            model => Cpu::Model(model.to_owned()),
        },
        memory_percent: libvirt.memory_percent,
        reserved_memory: libvirt.reserved_memory,
        ..Settings::new(name.clone(), uri)
    };
    Ok(Arc::new(Libvirt::new(settings, Arc::new(SystemClock), Arc::new(SystemEntropy))))
}

#[cfg(not(feature = "libvirt"))]
fn libvirt(
    name: &ProviderName,
    _: &config::LibvirtProvider,
    _: Duration,
) -> anyhow::Result<Arc<dyn Provider>> {
    bail!("[provider.{name}]: this program was built without libvirt")
}
