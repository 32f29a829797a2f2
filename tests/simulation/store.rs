//! The store as replicas reach it: a commit may fail, or be stored although
//! its answer is lost.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use futures::FutureExt as _;
use innkeeper::{
    brake::Freezes,
    identity::{ForgeName, IssueRef, LeaseId, NoteId, RequestId, Timestamp, UserId},
    lease::Lease,
    ports::{
        PortError,
        store::{
            AuditEntry, Change, ClaimedEffect, CommitError, Delivered, Delivery, EffectKind,
            Figures, Look, Store, Used, Versioned,
        },
    },
    request::Request,
};

use crate::{gate::Gate, laws, memory_store::MemoryStore, sabotage::Sabotage, weather::Side};

pub(crate) struct SimulatedStore {
    pub(crate) gate: Gate,
    pub(crate) rows: Arc<MemoryStore>,
}

/// What the memory answers: it never waits.
fn at_once<T>(answer: impl Future<Output = Result<T, PortError>>) -> Result<T, PortError> {
    answer.now_or_never().unwrap_or_else(|| Err(PortError::give_up("read memory", "it waited")))
}

macro_rules! pass_on {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Store for SimulatedStore {
            $(async fn $name(&self, $($argument: $kind),*) -> Result<$answer, PortError> {
                self.gate
                    .call(Side::Store, stringify!($name), String::new, |_| {
                        at_once(self.rows.$name($($argument),*))
                    })
                    .await
            })*

            async fn commit(&self, change: &Change) -> Result<(), CommitError> {
                let detail = || laws::describe(change);
                self.gate
                    .call(Side::Store, "commit", detail, |world| {
                        let mut kept = change.clone();
                        if world.is_broken(Sabotage::NoLog) {
                            kept.audit.clear();
                        }
                        let stored = self.rows.commit(&kept).now_or_never();
                        match stored {
                            Some(Ok(())) => {
                                laws::committed(world, change, &self.rows);
                                Ok(Ok(()))
                            }
                            Some(Err(CommitError::Port(error))) => Err(error),
                            _ => {
                                world.note("commit", "conflict", String::new);
                                Ok(Err(CommitError::Conflict))
                            }
                        }
                    })
                    .await
                    .map_err(CommitError::Port)?
            }

            async fn claim_effect(
                &self,
                now: Timestamp,
                until: Timestamp,
            ) -> Result<Option<ClaimedEffect>, PortError> {
                self.gate
                    .call(Side::Store, "claim_effect", String::new, |world| {
                        let claimed = at_once(self.rows.claim_effect(now, until))?;
                        if let Some(effect) = &claimed {
                            laws::claimed(world, effect);
                            if world.is_broken(Sabotage::NoClaims) {
                                at_once(self.rows.hold_effect(effect, now, "free for all"))?;
                            }
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
                self.gate
                    .call(Side::Store, "postpone_effect", || format!("{} {error}", effect.key), |world| {
                        if world.is_broken(Sabotage::GivenUp) {
                            laws::buried(world, effect);
                        }
                        at_once(self.rows.postpone_effect(effect, due, error))
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
                        let most = if world.is_broken(Sabotage::NoLimits) { u64::MAX } else { most };
                        at_once(self.rows.admit(kind, effect, since, most))
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
                        at_once(self.rows.bury_effect(effect, now, error))
                    })
                    .await
            }

            async fn set_moment(&self, name: &str, at: Timestamp) -> Result<(), PortError> {
                self.gate
                    .call(Side::Store, "set_moment", || name.to_owned(), |world| {
                        laws::noted(world, name);
                        at_once(self.rows.set_moment(name, at))
                    })
                    .await
            }
        }
    };
}

pass_on! {
    deliver(delivery: &Delivery) -> Delivered;
    forget_bodies(before: Timestamp) -> u64;
    want_looks(issues: &[IssueRef], now: Timestamp) -> ();
    claim_look(now: Timestamp, until: Timestamp) -> Option<Look>;
    finish_look(look: &Look) -> ();
    postpone_look(look: &Look, due: Timestamp, error: &str) -> ();
    request_on(issue: &IssueRef) -> Option<Versioned<Request>>;
    request(id: RequestId) -> Option<Versioned<Request>>;
    requests_by(forge: &ForgeName, author: UserId) -> Vec<Versioned<Request>>;
    open_requests() -> Vec<Versioned<Request>>;
    lease(id: LeaseId) -> Option<Versioned<Lease>>;
    live_leases() -> Vec<Versioned<Lease>>;
    due_leases(now: Timestamp, limit: usize) -> Vec<Versioned<Lease>>;
    seen_notes(issue: &IssueRef) -> BTreeSet<NoteId>;
    usage_mark() -> u64;
    hold_effect(effect: &ClaimedEffect, due: Timestamp, why: &str) -> ();
    pause_effect(effect: &ClaimedEffect, due: Timestamp, progress: &str) -> ();
    revive_effects(lanes: &[String], now: Timestamp) -> u64;
    used(kind: EffectKind, since: Timestamp) -> Used;
    freezes() -> Freezes;
    memo(name: &str) -> Option<String>;
    set_memo(name: &str, text: &str) -> ();
    lock(name: &str, holder: &str, now: Timestamp, until: Timestamp) -> bool;
    unlock(name: &str, holder: &str) -> ();
    moment(name: &str) -> Option<Timestamp>;
    figures(now: Timestamp) -> Figures;
    audit_log(from: u64, limit: usize) -> Vec<AuditEntry>;
}
