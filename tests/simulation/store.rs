//! The store as replicas reach it: a commit may fail, or be stored although
//! its answer is lost.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use chrono::TimeDelta;
use futures::FutureExt as _;
use innkeeper::{
    brake::Freezes,
    engine::{HEARTBEAT, forge_moment},
    identity::{ForgeName, IssueRef, LeaseId, NoteId, RequestId, Timestamp, UserId},
    lease::Lease,
    ports::{
        PortError,
        queue::Unfinished,
        store::{
            AuditEntry, Change, ClaimedEffect, CommitError, Delivered, Delivery, EffectKind,
            Figures, Look, Show, Store, Used, Versioned,
        },
    },
    request::Request,
};

use crate::{
    forge::FORGE,
    gate::Gate,
    laws,
    memory_store::MemoryStore,
    sabotage::Sabotage,
    twin::{self, Twin},
    weather::Side,
    world::World,
};

/// How long ago a heartbeat seems to be where outages are not heard of.
const UNHEARD: TimeDelta = TimeDelta::minutes(5);

pub(crate) struct SimulatedStore {
    pub(crate) gate: Gate,
    pub(crate) rows: Arc<MemoryStore>,
    /// Another store that is told the same and has to answer the same.
    pub(crate) twin: Option<Arc<Twin>>,
}

/// What the memory answers: it never waits.
fn at_once<T>(answer: impl Future<Output = Result<T, PortError>>) -> Result<T, PortError> {
    answer.now_or_never().unwrap_or_else(|| Err(PortError::give_up("read memory", "it waited")))
}

/// Whether it was stored; `false` if it was overtaken.
fn stored(outcome: Result<(), CommitError>) -> Result<bool, PortError> {
    match outcome {
        Ok(()) => Ok(true),
        Err(CommitError::Conflict) => Ok(false),
        Err(CommitError::Port(error)) => Err(error),
    }
}

/// The memory's answer, which is the twin's as well.
macro_rules! both {
    ($this:ident, $world:ident, $name:ident($($argument:expr),*)) => {{
        let answer = at_once($this.rows.$name($($argument),*));
        if let Some(twin) = &$this.twin {
            let other = twin.wait_for(twin.store.$name($($argument),*));
            twin::same($world, stringify!($name), &answer, &other);
        }
        answer
    }};
    // About a task, which the twin knows by another number.
    ($this:ident, $world:ident, $effect:ident => $name:ident($($argument:expr),*)) => {{
        let answer = at_once($this.rows.$name($($argument),*));
        if let Some(twin) = &$this.twin {
            let known = twin.known($effect);
            let $effect = &known;
            let other = twin.wait_for(twin.store.$name($($argument),*));
            twin::same($world, stringify!($name), &answer, &other);
        }
        answer
    }};
}

macro_rules! pass_on {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Store for SimulatedStore {
            $(async fn $name(&self, $($argument: $kind),*) -> Result<$answer, PortError> {
                self.gate
                    .call(Side::Store, stringify!($name), String::new, |world| {
                        both!(self, world, $name($($argument),*))
                    })
                    .await
            })*

            async fn commit(&self, change: &Change) -> Result<(), CommitError> {
                let detail = || laws::describe(change);
                let outcome = self
                    .gate
                    .call(Side::Store, "commit", detail, |world| self.store(world, change))
                    .await?;
                if outcome { Ok(()) } else { Err(CommitError::Conflict) }
            }

            async fn claim_effect(
                &self,
                now: Timestamp,
                until: Timestamp,
            ) -> Result<Option<ClaimedEffect>, PortError> {
                self.gate
                    .call(Side::Store, "claim_effect", String::new, |world| {
                        let short = world.is_broken(Sabotage::NoFence);
                        let kept = if short { now + (until - now) / 10 } else { until };
                        let answer = at_once(self.rows.claim_effect(now, kept));
                        if let Some(twin) = &self.twin {
                            let other = twin.wait_for(twin.store.claim_effect(now, kept));
                            let ours = answer.as_ref().ok().and_then(Option::as_ref);
                            let other = other.map(|other| twin.claimed(ours, other));
                            twin::same(world, "claim_effect", &answer, &other);
                        }
                        let mut claimed = answer?;
                        if let Some(effect) = &mut claimed {
                            laws::claimed(world, effect);
                            if short {
                                effect.until = until;
                            }
                        }
                        if world.is_broken(Sabotage::NoClaims) {
                            let other = world.laws.shared.take();
                            world.laws.shared.clone_from(&claimed);
                            claimed = claimed.or(other);
                        }
                        Ok(claimed)
                    })
                    .await
            }

            async fn postpone_effect(
                &self,
                effect: &ClaimedEffect,
                due: Timestamp,
                error: &str,
            ) -> Result<(), PortError> {
                let detail = || format!("{} {error}", effect.key);
                self.gate
                    .call(Side::Store, "postpone_effect", detail, |world| {
                        if world.is_broken(Sabotage::GivenUp) {
                            laws::buried(world, effect);
                        }
                        both!(self, world, effect => postpone_effect(effect, due, error))
                    })
                    .await
            }

            async fn doubt_effect(
                &self,
                effect: &ClaimedEffect,
                due: Timestamp,
                error: &str,
            ) -> Result<(), PortError> {
                let detail = || format!("{} {error}", effect.key);
                self.gate
                    .call(Side::Store, "doubt_effect", detail, |world| {
                        if world.is_broken(Sabotage::GivenUp) {
                            laws::buried(world, effect);
                        }
                        both!(self, world, effect => doubt_effect(effect, due, error))
                    })
                    .await
            }

            async fn admit(
                &self,
                kind: EffectKind,
                effect: &ClaimedEffect,
                since: Timestamp,
                most: u64,
            ) -> Result<bool, PortError> {
                self.gate
                    .call(Side::Store, "admit", || effect.key.clone(), |world| {
                        let broken = world.is_broken(Sabotage::NoLimits);
                        let most = if broken { u64::MAX } else { most };
                        both!(self, world, effect => admit(kind, effect, since, most))
                    })
                    .await
            }

            async fn hold_effect(
                &self,
                effect: &ClaimedEffect,
                due: Timestamp,
                why: &str,
            ) -> Result<(), PortError> {
                self.gate
                    .call(Side::Store, "hold_effect", String::new, |world| {
                        both!(self, world, effect => hold_effect(effect, due, why))
                    })
                    .await
            }

            async fn pause_effect(
                &self,
                effect: &ClaimedEffect,
                due: Timestamp,
                progress: &str,
            ) -> Result<(), PortError> {
                self.gate
                    .call(Side::Store, "pause_effect", String::new, |world| {
                        both!(self, world, effect => pause_effect(effect, due, progress))
                    })
                    .await
            }

            async fn bury_effect(
                &self,
                effect: &ClaimedEffect,
                now: Timestamp,
                error: &str,
            ) -> Result<(), PortError> {
                self.gate
                    .call(Side::Store, "bury_effect", || effect.key.clone(), |world| {
                        laws::buried(world, effect);
                        both!(self, world, effect => bury_effect(effect, now, error))
                    })
                    .await
            }

            async fn set_moment(&self, name: &str, at: Timestamp) -> Result<(), PortError> {
                self.gate
                    .call(Side::Store, "set_moment", || name.to_owned(), |world| {
                        laws::noted(world, name, at);
                        both!(self, world, set_moment(name, at))
                    })
                    .await
            }

            async fn each_live_lease(&self, show: &mut Show<'_>) -> Result<(), PortError> {
                let leases = self
                    .gate
                    .call(Side::Store, "live_leases", String::new, |world| {
                        both!(self, world, live_leases())
                    })
                    .await?;
                leases.into_iter().for_each(show);
                Ok(())
            }

            async fn moment(&self, name: &str) -> Result<Option<Timestamp>, PortError> {
                self.gate
                    .call(Side::Store, "moment", String::new, |world| {
                        let heard = both!(self, world, moment(name))?;
                        let tells_outages = name == HEARTBEAT || name == forge_moment(&FORGE.into());
                        let unheard = tells_outages && world.is_broken(Sabotage::OutageUnheard);
                        // Not later than whoever asks reads their clock, or they would
                        // think that it went back.
                        let just_now = world.clock() - UNHEARD;
                        Ok(if unheard { heard.map(|_| just_now) } else { heard })
                    })
                    .await
            }

            async fn freezes(&self) -> Result<Freezes, PortError> {
                self.gate
                    .call(Side::Store, "freezes", String::new, |world| {
                        let heard = both!(self, world, freezes())?;
                        let unheard = world.is_broken(Sabotage::FreezeUnheard);
                        Ok(if unheard { Freezes::default() } else { heard })
                    })
                    .await
            }
        }
    };
}

impl SimulatedStore {
    /// `false`: overtaken.
    fn store(&self, world: &mut World, change: &Change) -> Result<bool, PortError> {
        let unlogged;
        let kept = if world.is_broken(Sabotage::NoLog) {
            unlogged = Change { audit: Vec::new(), ..change.clone() };
            &unlogged
        } else {
            change
        };
        let answer = at_once(async { stored(self.rows.commit(kept).await) });
        if let Some(twin) = &self.twin {
            let other =
                twin.wait_for(async { stored(twin.store.commit(&twin.change(kept)).await) });
            twin::same(world, "commit", &answer, &other);
        }
        if answer.as_ref().is_ok_and(|stored| *stored) {
            laws::committed(world, change, &self.rows);
        } else {
            world.note("commit", "conflict", String::new);
        }
        answer
    }
}

pass_on! {
    deliver(delivery: &Delivery) -> Delivered;
    forget_bodies(before: Timestamp) -> u64;
    want_looks(issues: &[IssueRef], now: Timestamp) -> ();
    claim_look(now: Timestamp, until: Timestamp) -> Option<Look>;
    finish_look(look: &Look) -> ();
    postpone_look(look: &Look, due: Timestamp, error: &str) -> ();
    defer_look(look: &Look, due: Timestamp) -> ();
    request_on(issue: &IssueRef) -> Option<Versioned<Request>>;
    request(id: RequestId) -> Option<Versioned<Request>>;
    requests_by(forge: &ForgeName, author: UserId) -> Vec<Versioned<Request>>;
    open_requests() -> Vec<Versioned<Request>>;
    lease(id: LeaseId) -> Option<Versioned<Lease>>;
    due_leases(now: Timestamp, limit: usize) -> Vec<Versioned<Lease>>;
    seen_notes(issue: &IssueRef) -> BTreeSet<NoteId>;
    usage_mark() -> u64;
    revive_effects(lanes: &[String], now: Timestamp) -> u64;
    used(kind: EffectKind, since: Timestamp) -> Used;
    memo(name: &str) -> Option<String>;
    set_memo(name: &str, text: &str) -> ();
    lock(name: &str, holder: &str, now: Timestamp, until: Timestamp) -> bool;
    unlock(name: &str, holder: &str) -> ();
    figures(now: Timestamp) -> Figures;
    unfinished(most: usize) -> Vec<Unfinished>;
    audit_log(from: u64, limit: usize) -> Vec<AuditEntry>;
}
