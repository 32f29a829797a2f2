//! A process: the real engine over simulated ports, which may die and come
//! back.

use std::{collections::BTreeMap, pin::Pin, sync::Arc, sync::Mutex};

use chrono::TimeDelta;
use innkeeper::{
    calendar::Calendar,
    cookbook::Principal,
    engine::{Engine, Labels, Ports, Project, Settings},
    hook::Hook,
    identity::{ProjectId, Timestamp},
    notice::render::Renderer,
    ports::{forge::Forge, provider::Provider},
};

use crate::{
    dice::Dice,
    forge::{FORGE, OTHER_PROJECT, PROJECT, SimulatedForge},
    gate::Gate,
    hooks::SimulatedHooks,
    memory_store::MemoryStore,
    policies::{Policy, cookbooks},
    provider::SimulatedProvider,
    store::SimulatedStore,
    twin::Twin,
    world::{Shared, SimulatedClock, SimulatedEntropy},
};

/// How long claims hold.
pub(crate) const CLAIM: TimeDelta = TimeDelta::minutes(2);

pub(crate) const HOSTS: [&str; 2] = ["kvm1", "kvm2"];

/// What all replicas of a history have in common.
pub(crate) struct House {
    pub(crate) world: Shared,
    pub(crate) rows: Arc<MemoryStore>,
    pub(crate) twin: Option<Arc<Twin>>,
    pub(crate) entropy: Arc<SimulatedEntropy>,
    pub(crate) hooks: Vec<Hook>,
    pub(crate) calendar: Calendar,
    pub(crate) automatic: bool,
    pub(crate) creations_per_day: u64,
    pub(crate) destroys_per_day: u64,
    pub(crate) outage_after: TimeDelta,
}

impl House {
    pub(crate) fn entropy(dice: Dice) -> Arc<SimulatedEntropy> {
        Arc::new(SimulatedEntropy(Mutex::new(dice)))
    }

    fn settings(&self, holder: String) -> Settings {
        let project =
            |id| Project { forge: FORGE.into(), id: ProjectId(id), group: None, cookbooks: None };
        Settings {
            projects: vec![project(PROJECT), project(OTHER_PROJECT)],
            groups: Vec::new(),
            sysadmins: vec![Principal::Group("tpo/tpa".to_owned())],
            automatic_approval: self.automatic,
            protected_names: vec!["web-1-old".to_owned()],
            labels: Labels::default(),
            destroys_per_day: self.destroys_per_day,
            creations_per_day: self.creations_per_day,
            outage_after: self.outage_after,
            claim: CLAIM,
            embargoes: Vec::new(),
            holder,
        }
    }

    fn engine(&self, clock: &Arc<SimulatedClock>, holder: String, policy: Policy) -> Engine {
        let gate = Gate { world: self.world.clone() };
        let provider = |name: &str| {
            let provider = SimulatedProvider { name: name.into(), gate: gate.clone() };
            (name.into(), Arc::new(provider) as Arc<dyn Provider>)
        };
        let forge: Arc<dyn Forge> = Arc::new(SimulatedForge(gate.clone()));
        let ports = Ports {
            store: Arc::new(SimulatedStore {
                gate: gate.clone(),
                rows: Arc::clone(&self.rows),
                twin: self.twin.clone(),
            }),
            forges: BTreeMap::from([(FORGE.into(), forge)]),
            providers: HOSTS.map(provider).into_iter().collect(),
            hooks: Arc::new(SimulatedHooks { gate, hooks: self.hooks.clone() }),
            clock: clock.clone(),
            entropy: self.entropy.clone(),
        };
        let settings = self.settings(holder);
        let cookbooks = cookbooks(policy).clone();
        Engine::new(ports, settings, self.calendar.clone(), renderer(), cookbooks)
    }
}

thread_local! {
    /// Reading all templates takes longer than a day of a history.
    static RENDERER: Renderer = Renderer::new(None).unwrap_or_else(|error| panic!("{error}"));
}

fn renderer() -> Renderer {
    RENDERER.with(Clone::clone)
}

/// What a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Turn,
    Sweep,
    Poll,
    Webhook,
    /// Somebody at the command line.
    Operator,
}

/// How a task ended: whether there may be more to do.
pub(crate) type Ended = Result<bool, ()>;

pub(crate) struct Task {
    pub(crate) id: u64,
    pub(crate) replica: usize,
    pub(crate) kind: Kind,
    pub(crate) future: Pin<Box<dyn Future<Output = Ended> + Send>>,
    /// It stands still until then.
    pub(crate) stalled: Timestamp,
}

pub(crate) struct Replica {
    pub(crate) engine: Option<Arc<Engine>>,
    pub(crate) clock: Arc<SimulatedClock>,
    /// How wrong its clock goes by itself.
    pub(crate) skew: TimeDelta,
    pub(crate) policy: Policy,
    generation: u64,
    pub(crate) stalled: Timestamp,
    /// No worker looks for work before.
    pub(crate) idle: Timestamp,
}

impl Replica {
    pub(crate) fn new(skew: TimeDelta, now: Timestamp) -> Self {
        Self {
            engine: None,
            clock: Arc::new(SimulatedClock::new()),
            skew,
            policy: Policy::Usual,
            generation: 0,
            stalled: now,
            idle: now,
        }
    }

    pub(crate) fn boot(&mut self, house: &House, number: usize, policy: Policy) {
        self.generation += 1;
        self.policy = policy;
        let holder = format!("r{number}-{}", self.generation);
        self.engine = Some(Arc::new(house.engine(&self.clock, holder, policy)));
    }
}
