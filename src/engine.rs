//! The loop: what came in is looked at, decided by the core, stored with its
//! effects, and the effects are performed until nothing is left to do.
//!
//! - [`look`](Engine::turn): an issue that wants a look is read from the forge,
//!   compared with what is stored, and its view repaired. Webhooks, polls and
//!   our own effects only ask for looks.
//! - effects: stored tasks are performed, and what came back is a new event.
//! - [`sweep`](Engine::sweep): time passes, providers are compared with leases.
//! - [`poll`](Engine::poll): finds what webhooks lost.
//!
//! Nothing here sleeps or spawns: `app.rs` drives it.

pub mod adopt;
mod brakes;
mod breakers;
mod by_hand;
mod census;
mod clock_guard;
mod command;
mod comment;
pub mod credential;
mod draft;
mod effects;
pub mod explain;
mod grant;
mod guide;
mod hidden;
mod hooks;
pub mod impact;
mod in_force;
mod inspect;
mod intake;
mod judge;
mod look;
mod moved;
mod outage;
mod places;
mod poll;
pub mod queue;
pub mod recovery;
pub mod rehome;
mod rights;
mod room;
mod sweep;
mod told;
mod trouble;
mod unread;
mod view;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use chrono::TimeDelta;

pub use self::{
    brakes::{DAY, freeze, thaw},
    breakers::{Breaker, Breakers, Holding, breakers},
    clock_guard::{Doubt, confirm_clock, doubt as clock_doubt},
    hidden::unkept_promises,
    in_force::{InForce, Orphaned, Surroundings, orphaned},
    inspect::Inspection,
    outage::{HEARTBEAT, forge_moment},
    sweep::SweepReport,
    view::Labels,
};
use crate::{
    brake::Embargo,
    calendar::Calendar,
    cookbook::{Cookbook, Cookbooks, Principal},
    identity::{CookbookName, ForgeName, IssueRef, Person, ProjectId, ProviderName, Timestamp},
    notice::render::Renderer,
    ports::{
        PortError, Verdict,
        clock::{Clock, Entropy},
        forge::Forge,
        hooks::HookRunner,
        provider::Provider,
        store::{ClaimedEffect, Look, Store},
    },
};

/// The outside, as the composition root has put it together.
pub struct Ports {
    /// Where state is.
    pub store: Arc<dyn Store>,
    /// The forges by name.
    pub forges: BTreeMap<ForgeName, Arc<dyn Forge>>,
    /// The providers by name.
    pub providers: BTreeMap<ProviderName, Arc<dyn Provider>>,
    /// The operator's hooks.
    pub hooks: Arc<dyn HookRunner>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Fresh ids.
    pub entropy: Arc<dyn Entropy>,
}

/// What the operator decided.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The projects whose issues are looked at.
    pub projects: Vec<Project>,
    /// The groups all of whose projects are.
    pub groups: Vec<Group>,
    /// Who may do everything.
    pub sysadmins: Vec<Principal>,
    /// Whether cookbooks may approve by themselves, to begin with: see [`InForce`].
    pub automatic_approval: bool,
    /// Host names nobody gets, and machines never touched, to begin with: see
    /// [`InForce`].
    pub protected_names: Vec<String>,
    /// The labels that show states.
    pub labels: Labels,
    /// Most machines destroyed per rolling 24 hours.
    pub destroys_per_day: u64,
    /// Most machines made per rolling 24 hours.
    pub creations_per_day: u64,
    /// What is held back at times that are known before.
    pub embargoes: Vec<Embargo>,
    /// A longer gap between heartbeats, or between successful calls to a
    /// forge, is an outage: deadlines move.
    pub outage_after: TimeDelta,
    /// How long a claim on a look or effect holds. Calls outside time out
    /// sooner, so that nobody acts on what another has taken over.
    pub claim: TimeDelta,
    /// Tells this process from other replicas.
    pub holder: String,
}

/// A project whose issues are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its forge.
    pub forge: ForgeName,
    /// Its numeric id.
    pub id: ProjectId,
    /// The group it is looked at for; `None` if it is named by itself.
    pub group: Option<String>,
    /// The only cookbooks offered there; `None` for all.
    pub cookbooks: Option<Vec<CookbookName>>,
}

/// A group whose projects' issues are looked at, all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its forge.
    pub forge: ForgeName,
    /// Its full path.
    pub path: String,
    /// The only cookbooks offered there; `None` for all.
    pub cookbooks: Option<Vec<CookbookName>>,
}

impl Project {
    /// Whether requests of this kind may be filed there.
    #[must_use]
    pub fn offers(&self, cookbook: &Cookbook) -> bool {
        self.cookbooks.as_ref().is_none_or(|offered| offered.contains(&cookbook.name))
    }
}

impl Group {
    /// Whether requests of this kind may be filed in its projects.
    #[must_use]
    pub fn offers(&self, cookbook: &Cookbook) -> bool {
        self.cookbooks.as_ref().is_none_or(|offered| offered.contains(&cookbook.name))
    }
}

/// The engine. Cheap to share: all methods take `&self`.
pub struct Engine {
    ports: Ports,
    settings: Settings,
    calendar: Calendar,
    in_force: RwLock<Arc<InForce>>,
    accounts: Mutex<BTreeMap<ForgeName, Person>>,
    places: RwLock<Arc<Vec<Project>>>,
    inspection: Mutex<Inspection>,
    told: told::Told,
    not_made: Mutex<brakes::NotMade>,
    additions: unread::Additions,
    turns: AtomicUsize,
    clocks_seen: Mutex<Option<clock_guard::Clocks>>,
    /// The heartbeat while the clock is doubted: only others can move it then.
    doubted_at: Mutex<Option<Timestamp>>,
}

/// Something that is due, and ours until its claim runs out.
#[derive(Debug)]
pub enum Held {
    /// An issue that wants a look.
    Look(Look),
    /// A task.
    Effect(Box<ClaimedEffect>),
}

/// People are heard before anything is done for them. But looks that never end,
/// because many write, or because all open requests are looked at in each of many
/// starts, must not keep what was decided from being done: warnings, above all.
const EFFECT_FIRST: usize = 4;

/// Whether a turn found something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Something was done, or tried.
    Worked,
    /// Nothing is due.
    Idle,
}

impl Engine {
    /// An engine over these ports.
    #[must_use]
    pub fn new(
        ports: Ports,
        settings: Settings,
        calendar: Calendar,
        renderer: Renderer,
        cookbooks: Cookbooks,
    ) -> Self {
        let in_force = InForce {
            cookbooks: Arc::new(cookbooks),
            renderer: Arc::new(renderer),
            automatic_approval: settings.automatic_approval,
            protected_names: settings.protected_names.clone(),
        };
        Self {
            ports,
            places: RwLock::new(Arc::new(settings.projects.clone())),
            settings,
            calendar,
            in_force: RwLock::new(Arc::new(in_force)),
            accounts: Mutex::default(),
            inspection: Mutex::default(),
            told: told::Told::default(),
            not_made: Mutex::default(),
            additions: unread::Additions::default(),
            turns: AtomicUsize::new(0),
            clocks_seen: Mutex::default(),
            doubted_at: Mutex::default(),
        }
    }

    /// Does the next thing that is due: a look, else an effect; every
    /// `EFFECT_FIRST`th time the other way round.
    ///
    /// # Errors
    ///
    /// Only the store's: what fails outside is postponed or answered.
    pub async fn turn(&self) -> Result<Turn, PortError> {
        let Some(held) = self.take_up().await? else { return Ok(Turn::Idle) };
        self.work_on(&held).await?;
        Ok(Turn::Worked)
    }

    /// Claims the next thing that is due, if anything is.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn take_up(&self) -> Result<Option<Held>, PortError> {
        if self.only_listens().await? {
            return Ok(None);
        }
        let number = self.turns.fetch_add(1, Ordering::Relaxed);
        if number % EFFECT_FIRST == EFFECT_FIRST - 1
            && let Some(effect) = self.take_effect().await?
        {
            return Ok(Some(effect));
        }
        let now = self.now();
        match self.store().claim_look(now, now + self.settings.claim).await? {
            Some(look) => Ok(Some(Held::Look(look))),
            None => self.take_effect().await,
        }
    }

    async fn take_effect(&self) -> Result<Option<Held>, PortError> {
        let now = self.now();
        let effect = self.store().claim_effect(now, now + self.settings.claim).await?;
        Ok(effect.map(|effect| Held::Effect(Box::new(effect))))
    }

    /// Does what was claimed.
    ///
    /// # Errors
    ///
    /// As [`Engine::turn`].
    pub async fn work_on(&self, held: &Held) -> Result<(), PortError> {
        match held {
            Held::Look(look) => self.take_look(look).await,
            Held::Effect(effect) => Box::pin(self.perform(effect)).await,
        }
    }

    /// Gives back what was claimed and not finished, so that nobody has to wait
    /// until the claim runs out. Whatever call it was in the middle of is as one
    /// whose answer was lost, and so it waits as long as after the first of those.
    ///
    /// # Errors
    ///
    /// The store's; then it is taken up when the claim runs out.
    pub async fn hand_back(&self, held: &Held) -> Result<(), PortError> {
        let due = self.now() + back_off(0, Verdict::Retry { after: None });
        let why = "the service was stopped while it was at work on it";
        match held {
            Held::Look(look) => self.store().postpone_look(look, due, why).await,
            Held::Effect(effect) => self.store().hold_effect(effect, due, why).await,
        }
    }

    /// Lets others sweep, if a sweep of ours was cut off.
    ///
    /// # Errors
    ///
    /// The store's; then they may when the lock runs out.
    pub async fn let_others_sweep(&self) -> Result<(), PortError> {
        self.store().unlock(sweep::LOCK_NAME, &self.settings.holder).await
    }

    /// Takes turns until nothing is due. Returns how many it took.
    ///
    /// # Errors
    ///
    /// The store's; or when it did not settle within `most` turns.
    pub async fn settle(&self, most: usize) -> Result<usize, PortError> {
        for turns in 0..most {
            if self.turn().await? == Turn::Idle {
                return Ok(turns);
            }
        }
        Err(PortError::give_up("settle", format!("still busy after {most} turns")))
    }

    /// What the last sweep found on the providers.
    #[must_use]
    pub fn inspection(&self) -> Inspection {
        self.inspection.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The store, for status and health.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        self.ports.store.as_ref()
    }

    /// The configuration's calendar: where there is no cookbook.
    #[must_use]
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// The calendar of a cookbook's machines as it is now: what the cookbook
    /// says, the configuration's for the rest, and no deadline in an embargo.
    #[must_use]
    pub fn calendar_of(&self, cookbook: &CookbookName) -> Calendar {
        let cookbooks = self.cookbooks();
        let calendar = match cookbooks.get(cookbook) {
            Some(cookbook) => cookbook.calendar.over(&self.calendar),
            None => self.calendar.clone(),
        };
        let embargoes = self.settings.embargoes.iter();
        let closed = embargoes.filter(|embargo| embargo.moves_deadlines(cookbook));
        calendar.closed_in(closed.map(|embargo| embargo.window.clone()))
    }

    /// The forges' names.
    pub fn forges(&self) -> impl Iterator<Item = &ForgeName> {
        self.ports.forges.keys()
    }

    /// The moment it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    fn forge(&self, name: &ForgeName) -> Result<&dyn Forge, PortError> {
        self.ports.forges.get(name).map(AsRef::as_ref).ok_or_else(|| {
            PortError::give_up(format!("reach forge {name}"), "it is not in the configuration")
                .advice(format!("put [forge.{name}] back into the configuration"))
        })
    }

    fn provider(&self, name: &ProviderName) -> Result<&dyn Provider, PortError> {
        self.ports.providers.get(name).map(AsRef::as_ref).ok_or_else(|| {
            PortError::retry(format!("reach provider {name}"), "it is not in the configuration")
                .advice(format!("put [provider.{name}] back into the configuration"))
        })
    }

    /// The account we act as on a forge: asked once, since the token decides it.
    async fn own_account(&self, name: &ForgeName) -> Result<Person, PortError> {
        let known = self.accounts.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(account) = known {
            return Ok(account);
        }
        let account = self.forge(name)?.own_account().await?;
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.insert(name.clone(), account.clone());
        Ok(account)
    }

    /// Asks for looks at issues: what a command line or a test does.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn want_looks(&self, issues: &[IssueRef]) -> Result<(), PortError> {
        self.store().want_looks(issues, self.now()).await
    }
}

/// The longest wait the other side may ask for. Beyond it, a broken answer would
/// silence us for ever, or ask for a moment no calendar has.
const LONGEST_WAIT: TimeDelta = TimeDelta::days(1);

/// When something that failed `failures` times is tried again: doubling from
/// one second, at most ten minutes apart, later if the other side said so.
/// Shorter steps would hammer a forge that is down; longer ones would leave
/// people waiting after it is back.
fn back_off(failures: u32, verdict: Verdict) -> TimeDelta {
    let seconds = 1_i64.checked_shl(failures.min(10)).unwrap_or(600).min(600);
    let asked = match verdict {
        Verdict::Retry { after: Some(after) } | Verdict::Underway { after } => {
            TimeDelta::from_std(after).unwrap_or(TimeDelta::zero())
        }
        _ => TimeDelta::zero(),
    };
    TimeDelta::seconds(seconds).max(asked).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::TimeDelta;

    use super::back_off;
    use crate::ports::Verdict;

    #[test]
    fn back_off_grows_is_bounded_and_obeys_the_other_side() {
        let retry = Verdict::Retry { after: None };
        assert_eq!(back_off(0, retry), TimeDelta::seconds(1));
        assert_eq!(back_off(3, retry), TimeDelta::seconds(8));
        assert_eq!(back_off(4_000, retry), TimeDelta::seconds(600));
        let asked = Verdict::Retry { after: Some(Duration::from_hours(1)) };
        assert_eq!(back_off(0, asked), TimeDelta::seconds(3600));
        let absurd = Verdict::Retry { after: Some(Duration::from_secs(1 << 50)) };
        assert_eq!(back_off(0, absurd), TimeDelta::days(1));
    }
}
