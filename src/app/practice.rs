//! The whole house on one machine: a rehearsal GitLab or GitHub, libvirt's test driver,
//! a store in a folder that goes away, and the real engine between them. The
//! demo shows it; the scenario tests play on it.
//!
//! Nothing here is a shortcut: Innkeeper speaks HTTP with the rehearsal and
//! gets its webhooks over HTTP.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use anyhow::Context as _;
use chrono::{NaiveDate, TimeDelta};
use secrecy::SecretString;
use tokio::{
    net::TcpListener,
    sync::{Notify, oneshot},
};
use url::Url;

use super::{system::SystemEntropy, watch::Watch};
use crate::{
    app::supervision::Panics,
    calendar::Calendar,
    cookbook::{Cookbooks, Principal, issue_template},
    engine::{self, Engine, Labels, Ports, Settings},
    forge::{
        github::{
            Credentials, DEFAULT_TRUSTED_ROLES, GitHub, GitHubSettings, webhook::GitHubHooks,
        },
        gitlab::{
            DEFAULT_APPROVER_LEVELS, GitLab, GitLabSettings,
            webhook::{GitLabHooks, WebhookSecret},
        },
    },
    identity::{ForgeName, ProjectId, ProviderName},
    notice::render::Renderer,
    ports::{
        PortError, clock::Clock, forge::Forge, hooks::HookRunner, intake::Hooks,
        provider::Provider, store::Store,
    },
    rehearsal::{
        Dialect, Group, Hook, Level, Membership, Options, Project, Rehearsal, User, World,
    },
    store::sql::{Place, SqlStore},
    web::{self, WebState},
};

/// The project requests are filed in.
pub const PROJECT: u64 = 7;
/// The account Innkeeper acts as.
pub const BOT: u64 = 100;
/// Files requests.
pub const ALICE: u64 = 1;
/// Stands in for Alice.
pub const BOB: u64 = 2;
/// A sysadmin.
pub const CAROL: u64 = 3;
/// Another sysadmin.
pub const DAN: u64 = 4;
/// Has an account, but belongs to no group.
pub const MALLORY: u64 = 5;

/// What each account's token is called.
#[must_use]
pub fn token(user: u64) -> String {
    format!("practice-token-{user}")
}

/// What the forge is called in the settings.
#[must_use]
pub const fn forge_name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::GitLab => "gitlab",
        Dialect::GitHub => "github",
    }
}

/// The path of [`PROJECT`]: GitHub has no groups within groups.
#[must_use]
pub const fn project_path(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::GitLab => "tpo/tpa/team",
        Dialect::GitHub => "tpo/team",
    }
}

const WEBHOOK_SECRET: &str = "practice-webhook-secret";

/// How far the clock moves at once when time passes: as far as from one sweep
/// to the next.
pub const SWEEP: TimeDelta = TimeDelta::hours(1);

/// The most turns in which everything has to settle.
const TURNS: usize = 2_000;

/// What a practice starts with.
pub struct Setup {
    /// The time; moved by whoever made it.
    pub clock: Arc<dyn Clock>,
    /// The providers; the cookbooks' placements name them.
    pub providers: Vec<Arc<dyn Provider>>,
    /// The operator's hooks.
    pub hook_runner: Arc<dyn HookRunner>,
    /// The policies.
    pub cookbooks: Cookbooks,
    /// Where the store is.
    pub store: Place,
    /// Where people reach the rehearsal.
    pub listener: TcpListener,
    /// The rehearsal's options; their dialect says which forge it is.
    pub options: Options,
    /// Last changes to the engine's settings.
    pub adjust: fn(&mut Settings),
}

/// Everything running.
pub struct Practice {
    /// The rehearsal GitLab or GitHub.
    pub rehearsal: Rehearsal,
    /// The engine under test.
    pub engine: Arc<Engine>,
    /// Its store.
    pub store: Arc<dyn Store>,
    /// The HTTP side's state.
    pub web: WebState,
    /// What panicked.
    pub panics: Arc<Panics>,
    /// Where the HTTP side listens.
    pub web_address: std::net::SocketAddr,
    blueprint: Blueprint,
    stop: Option<oneshot::Sender<()>>,
}

/// What engines are made of, besides the store.
struct Blueprint {
    dialect: Dialect,
    forge_url: String,
    clock: Arc<dyn Clock>,
    providers: Vec<Arc<dyn Provider>>,
    hook_runner: Arc<dyn HookRunner>,
    cookbooks: Cookbooks,
    adjust: fn(&mut Settings),
}

impl Practice {
    /// Starts everything. The engine does nothing until it is driven.
    ///
    /// # Errors
    ///
    /// When something cannot be started; each error says what.
    pub async fn start(setup: Setup) -> anyhow::Result<Self> {
        let Setup { clock, providers, hook_runner, cookbooks, store, listener, options, adjust } =
            setup;
        let web_listener = TcpListener::bind("127.0.0.1:0").await.context("could not listen")?;
        let web_address = web_listener.local_addr()?;
        let dialect = options.dialect;
        let forge = forge_name(dialect);
        let hook = format!("http://{web_address}/webhooks/{forge}");
        let world = world(dialect, &cookbooks, &hook);
        let rehearsal = Rehearsal::start(listener, world, Arc::clone(&clock), options)?;

        let store = open_store(store).await?;
        let forge_url = rehearsal.base_url().to_owned();
        let blueprint = Blueprint {
            dialect,
            forge_url,
            clock: Arc::clone(&clock),
            providers,
            hook_runner,
            cookbooks,
            adjust,
        };
        let engine = blueprint.engine(&store, "practice")?;
        let panics = Arc::new(Panics::new(Arc::clone(&clock)));
        let watch = Arc::new(Watch {
            engine: Arc::clone(&engine),
            panics: Arc::clone(&panics),
            sweep_within: TimeDelta::hours(3),
        });
        let web = WebState {
            hooks: BTreeMap::from([(ForgeName::from(forge), webhooks(dialect)?)]),
            intake: engine.clone(),
            wake: Arc::new(Notify::new()),
            clock,
            readiness: watch.clone(),
            readings: watch,
            panics: panics.clone(),
        };
        let (stop, stopped) = oneshot::channel();
        let served = web.clone();
        tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            web::serve(&web_listener, served, web::Limits::default(), stopped).await;
        });
        Ok(Self { rehearsal, engine, store, web, panics, web_address, blueprint, stop: Some(stop) })
    }

    /// Another engine over the same store, forge and providers: a replica, or
    /// what comes after a crash.
    ///
    /// # Errors
    ///
    /// As [`Practice::start`].
    pub fn another_engine(&self, holder: &str) -> anyhow::Result<Arc<Engine>> {
        self.blueprint.engine(&self.store, holder)
    }

    /// Lets everything that is due happen: hooks are delivered, looks taken,
    /// effects performed, until nothing moves.
    ///
    /// # Errors
    ///
    /// The store's, or when it never settles.
    pub async fn settle(&self) -> Result<(), PortError> {
        loop {
            self.rehearsal.settle().await;
            if self.engine.settle(TURNS).await? == 0 {
                return Ok(());
            }
        }
    }

    /// What happens at one step of the clock: sweep, poll, and all that follows.
    ///
    /// # Errors
    ///
    /// As [`Practice::settle`].
    pub async fn tick(&self) -> Result<(), PortError> {
        self.engine.sweep().await?;
        self.engine.poll().await?;
        self.settle().await
    }

    /// Stops the HTTP side; the rehearsal ends with the value.
    pub fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

/// Moves a clock ahead in steps, doing at each what the scheduler would.
///
/// # Errors
///
/// What `tick` returns.
pub async fn pass<F>(
    advance: impl Fn(TimeDelta),
    time: TimeDelta,
    mut tick: impl FnMut() -> F,
) -> Result<(), PortError>
where
    F: Future<Output = Result<(), PortError>>,
{
    let mut left = time;
    while left > TimeDelta::zero() {
        let step = left.min(SWEEP);
        advance(step);
        tick().await?;
        left -= step;
    }
    Ok(())
}

async fn open_store(place: Place) -> anyhow::Result<Arc<dyn Store>> {
    let store = SqlStore::open(place).await?;
    Ok(Arc::new(store))
}

impl Blueprint {
    /// The real adapter, signed in as the bot.
    fn forge(&self, name: ForgeName) -> anyhow::Result<Arc<dyn Forge>> {
        let url = Url::parse(&self.forge_url).context("the rehearsal has no address")?;
        let token = SecretString::from(token(BOT));
        let timeout = Duration::from_secs(5);
        let clock = Arc::clone(&self.clock);
        Ok(match self.dialect {
            Dialect::GitLab => {
                let settings = GitLabSettings {
                    url,
                    token,
                    ca_pem: None,
                    approver_levels: DEFAULT_APPROVER_LEVELS.to_vec(),
                    timeout,
                };
                Arc::new(GitLab::new(name, settings, clock)?)
            }
            Dialect::GitHub => {
                let path = project_path(self.dialect).to_owned();
                let settings = GitHubSettings {
                    api: url.join("api/v3/")?,
                    credentials: Credentials::Token(token),
                    ca_pem: None,
                    repositories: BTreeMap::from([(ProjectId(PROJECT), path)]),
                    trusted_roles: DEFAULT_TRUSTED_ROLES.map(str::to_owned).to_vec(),
                    timeout,
                };
                Arc::new(GitHub::new(name, settings, clock)?)
            }
        })
    }

    fn engine(&self, store: &Arc<dyn Store>, holder: &str) -> anyhow::Result<Arc<Engine>> {
        let name = ForgeName::from(forge_name(self.dialect));
        let forge = self.forge(name.clone())?;
        let providers: BTreeMap<ProviderName, Arc<dyn Provider>> = self
            .providers
            .iter()
            .map(|provider| (provider.name().clone(), Arc::clone(provider)))
            .collect();
        let mut settings = Settings {
            projects: vec![engine::Project {
                forge: name.clone(),
                id: ProjectId(PROJECT),
                group: None,
                cookbooks: None,
            }],
            groups: Vec::new(),
            sysadmins: vec![Principal::Group("tpo/tpa".to_owned())],
            automatic_approval: false,
            protected_names: Vec::new(),
            labels: Labels::default(),
            destroys_per_day: 10,
            creations_per_day: 20,
            embargoes: Vec::new(),
            outage_after: TimeDelta::minutes(90),
            claim: TimeDelta::minutes(2),
            holder: holder.to_owned(),
        };
        (self.adjust)(&mut settings);
        let ports = Ports {
            store: Arc::clone(store),
            forges: BTreeMap::from([(name, forge)]),
            providers,
            hooks: Arc::clone(&self.hook_runner),
            clock: Arc::clone(&self.clock),
            entropy: Arc::new(SystemEntropy),
        };
        let calendar = Calendar::from_parts("Europe/Berlin", holidays())?;
        let renderer = Renderer::new(None)?;
        Ok(Arc::new(Engine::new(ports, settings, calendar, renderer, self.cookbooks.clone())))
    }
}

fn webhooks(dialect: Dialect) -> anyhow::Result<Arc<dyn Hooks>> {
    let (project, secret) = (ProjectId(PROJECT), SecretString::from(WEBHOOK_SECRET));
    Ok(match dialect {
        Dialect::GitLab => {
            let secret = WebhookSecret::parse(&secret)?;
            Arc::new(GitLabHooks::new(BTreeMap::from([(project, secret)])))
        }
        Dialect::GitHub => Arc::new(GitHubHooks::new(BTreeMap::from([(project, secret)]), None)),
    })
}

fn holidays() -> impl Iterator<Item = NaiveDate> {
    [(2026, 12, 25), (2027, 1, 1)]
        .into_iter()
        .filter_map(|(y, m, d)| NaiveDate::from_ymd_opt(y, m, d))
}

/// The people and places of the practice.
fn world(dialect: Dialect, cookbooks: &Cookbooks, hook: &str) -> World {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7iCjYQKJ7rYFxtqSG0Q7yTmG6gT2rLD2GJkbRm1ohx";
    // Members of `tpo` are members of `tpo/tpa` too, by inheritance: what tells
    // the sysadmins apart is their level.
    let staff = |id| Membership::new(id, Level::Reporter);
    let maintains = |id| Membership::new(id, Level::Maintainer);
    let mut project = Project::new(PROJECT, project_path(dialect))
        .member(Membership::new(BOT, Level::Developer))
        .member(Membership::new(MALLORY, Level::Guest));
    let mut tpo = [ALICE, BOB, CAROL, DAN]
        .into_iter()
        .fold(Group::new(20, "tpo"), |group, id| group.member(staff(id)));
    let tpa = [CAROL, DAN]
        .into_iter()
        .fold(Group::new(21, "tpo/tpa"), |group, id| group.member(maintains(id)));
    if dialect == Dialect::GitHub {
        // The team was given the repository, and who is in an organisation is
        // shown to its members.
        project = project.member(maintains(CAROL)).member(maintains(DAN));
        tpo = tpo.member(Membership::new(BOT, Level::Guest));
    }
    for cookbook in &cookbooks.cookbooks {
        let name = cookbook.name.as_str();
        project = match dialect {
            Dialect::GitLab => project.template(name, &issue_template::gitlab(cookbook)),
            Dialect::GitHub => project.template(name, &issue_template::github(cookbook)),
        };
        // An issue form sets only labels that are there.
        if let (Dialect::GitHub, Some(label)) = (dialect, &cookbook.label) {
            project = project.label(label);
        }
    }
    let bot = match dialect {
        Dialect::GitLab => User::bot(BOT, "innkeeper", "Innkeeper"),
        // An account like anybody's, for a machine.
        Dialect::GitHub => User::person(BOT, "innkeeper", "Innkeeper"),
    };
    let mut world = World::new()
        .user(User::person(ALICE, "alice", "Alice Archer").ssh_key(key))
        .user(User::person(BOB, "bob", "Bob Baker"))
        .user(User::person(CAROL, "carol", "Carol Carter"))
        .user(User::person(DAN, "dan", "Dan Draper"))
        .user(User::person(MALLORY, "mallory", "Mallory Moore"))
        .user(bot)
        .group(tpo)
        .group(tpa)
        .project(project)
        .hook(Hook::new(PROJECT, hook).secret_token(WEBHOOK_SECRET));
    for user in [ALICE, BOB, CAROL, DAN, MALLORY, BOT] {
        world = world.token(&token(user), user);
    }
    world
}
