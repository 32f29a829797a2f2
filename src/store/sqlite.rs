//! `SQLite`: one file, for one Innkeeper.
//!
//! All writing goes through one connection, and a transaction that reads
//! before it writes begins as a writer. Otherwise two of them could both read,
//! and the second be refused without any waiting. Nothing but SQL happens
//! inside a transaction, so nobody waits long.
//!
//! `synchronous = FULL`: what was answered with success survives a power cut.

mod audit;
mod backup;
mod column;
mod effects;
mod examine;
mod failure;
mod figures;
pub mod forget;
mod inbox;
mod memory;
mod open;
mod state;

use std::collections::BTreeSet;

use async_trait::async_trait;
use sqlx::{SqliteConnection, SqlitePool, Transaction};

use self::{
    effects::Later,
    failure::{Doing, is_taken},
};
use crate::{
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

/// A store in an `SQLite` file. [`Sqlite::open`] makes one.
#[derive(Clone, Debug)]
pub struct Sqlite {
    /// One connection.
    writer: SqlitePool,
    /// A few, which cannot write.
    readers: SqlitePool,
}

impl Sqlite {
    /// Ends all connections. Without it nothing is lost, but the file's log is
    /// left beside it for the next start.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    async fn begin(&self) -> sqlx::Result<Transaction<'static, sqlx::Sqlite>> {
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }

    async fn try_deliver(&self, delivery: &Delivery) -> sqlx::Result<Delivered> {
        let mut transaction = self.begin().await?;
        let delivered = inbox::store(&mut *transaction, delivery).await?;
        if let (Delivered::New, Some(issue)) = (delivered, &delivery.issue) {
            let issues = std::slice::from_ref(issue);
            inbox::want(&mut transaction, issues, delivery.received_at).await?;
        }
        transaction.commit().await?;
        Ok(delivered)
    }

    async fn try_want_looks(&self, issues: &[IssueRef], now: Timestamp) -> sqlx::Result<()> {
        let mut transaction = self.begin().await?;
        inbox::want(&mut transaction, issues, now).await?;
        transaction.commit().await
    }

    async fn try_commit(&self, change: &Change) -> sqlx::Result<bool> {
        let mut transaction = self.begin().await?;
        let stored = match store_change(&mut transaction, change).await {
            Err(error) if is_taken(&error) => false,
            other => other?,
        };
        if stored {
            transaction.commit().await?;
        } else {
            transaction.rollback().await?;
        }
        Ok(stored)
    }

    async fn try_revive(&self, lanes: &[String], now: Timestamp) -> sqlx::Result<u64> {
        let mut transaction = self.begin().await?;
        let revived = effects::revive(&mut transaction, lanes, now).await?;
        transaction.commit().await?;
        Ok(revived)
    }

    async fn try_used(&self, kind: EffectKind, since: Timestamp) -> sqlx::Result<Used> {
        let mut transaction = self.readers.begin().await?;
        let used = effects::used(&mut transaction, kind, since).await?;
        transaction.rollback().await?;
        Ok(used)
    }

    async fn try_figures(&self, now: Timestamp) -> sqlx::Result<Figures> {
        let mut transaction = self.readers.begin().await?;
        let figures = figures::read(&mut transaction, now).await?;
        transaction.rollback().await?;
        Ok(figures)
    }
}

/// Stores everything in a change; `false` as soon as something of it was
/// overtaken, and then the transaction must not be committed.
async fn store_change(database: &mut SqliteConnection, change: &Change) -> sqlx::Result<bool> {
    let Change {
        request,
        leases,
        effects,
        lanes,
        finishes,
        seen,
        looks,
        freezes,
        memos,
        audit,
        usage_mark,
        at,
    } = change;
    if let Some(mark) = usage_mark
        && state::usage_mark(&mut *database).await? != *mark
    {
        return Ok(false);
    }
    if let Some(effect) = finishes
        && !effects::finish(&mut *database, effect, *at).await?
    {
        return Ok(false);
    }
    if let Some(request) = request
        && !state::save_request(&mut *database, request).await?
    {
        return Ok(false);
    }
    for lease in leases {
        if !state::save_lease(&mut *database, lease).await? {
            return Ok(false);
        }
    }
    for effect in effects {
        effects::order(&mut *database, effect, *at).await?;
    }
    for (from, to) in lanes {
        effects::change_lane(&mut *database, from, to).await?;
    }
    for (issue, note) in seen {
        state::see_note(&mut *database, issue, *note).await?;
    }
    for (deed, freeze) in freezes {
        memory::freeze(&mut *database, *deed, freeze.as_ref()).await?;
    }
    for (name, text) in memos {
        memory::set_memo(&mut *database, name, text).await?;
    }
    inbox::want(database, looks, *at).await?;
    audit::append(database, audit, *at).await?;
    Ok(true)
}

#[async_trait]
impl Store for Sqlite {
    async fn deliver(&self, delivery: &Delivery) -> Result<Delivered, PortError> {
        self.try_deliver(delivery).await.doing("store a delivery")
    }

    async fn forget_bodies(&self, before: Timestamp) -> Result<u64, PortError> {
        inbox::forget_bodies(&self.writer, before).await.doing("forget bodies of deliveries")
    }

    async fn want_looks(&self, issues: &[IssueRef], now: Timestamp) -> Result<(), PortError> {
        self.try_want_looks(issues, now).await.doing("note issues to look at")
    }

    async fn claim_look(
        &self,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Look>, PortError> {
        inbox::claim(&self.writer, now, until).await.doing("take an issue to look at")
    }

    async fn finish_look(&self, look: &Look) -> Result<(), PortError> {
        inbox::finish(&self.writer, look).await.doing("note that an issue was looked at")
    }

    async fn postpone_look(
        &self,
        look: &Look,
        due: Timestamp,
        error: &str,
    ) -> Result<(), PortError> {
        inbox::postpone(&self.writer, look, due, error).await.doing("postpone looking at an issue")
    }

    async fn request_on(&self, issue: &IssueRef) -> Result<Option<Versioned<Request>>, PortError> {
        state::request_on(&self.readers, issue).await.doing("read the request of an issue")
    }

    async fn request(&self, id: RequestId) -> Result<Option<Versioned<Request>>, PortError> {
        state::request(&self.readers, id).await.doing("read a request")
    }

    async fn requests_by(
        &self,
        forge: &ForgeName,
        author: UserId,
    ) -> Result<Vec<Versioned<Request>>, PortError> {
        let requests = state::requests_by(&self.readers, forge, author).await;
        requests.doing("read the requests of an account")
    }

    async fn open_requests(&self) -> Result<Vec<Versioned<Request>>, PortError> {
        state::open_requests(&self.readers).await.doing("read the open requests")
    }

    async fn lease(&self, id: LeaseId) -> Result<Option<Versioned<Lease>>, PortError> {
        state::lease(&self.readers, id).await.doing("read a lease")
    }

    async fn live_leases(&self) -> Result<Vec<Versioned<Lease>>, PortError> {
        state::live_leases(&self.readers).await.doing("read the live leases")
    }

    async fn due_leases(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Versioned<Lease>>, PortError> {
        state::due_leases(&self.readers, now, limit).await.doing("read the leases that are due")
    }

    async fn seen_notes(&self, issue: &IssueRef) -> Result<BTreeSet<NoteId>, PortError> {
        state::seen_notes(&self.readers, issue).await.doing("read which comments were dealt with")
    }

    async fn commit(&self, change: &Change) -> Result<(), CommitError> {
        let stored = self.try_commit(change).await.doing("store a change")?;
        if stored { Ok(()) } else { Err(CommitError::Conflict) }
    }

    async fn usage_mark(&self) -> Result<u64, PortError> {
        state::usage_mark(&self.readers).await.doing("read the mark of usage")
    }

    async fn claim_effect(
        &self,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<ClaimedEffect>, PortError> {
        effects::claim(&self.writer, now, until).await.doing("take a task")
    }

    async fn postpone_effect(
        &self,
        effect: &ClaimedEffect,
        due: Timestamp,
        error: &str,
    ) -> Result<(), PortError> {
        let failed = (Later::Failed, error);
        effects::postpone(&self.writer, effect, due, failed).await.doing("postpone a task")
    }

    async fn hold_effect(
        &self,
        effect: &ClaimedEffect,
        due: Timestamp,
        why: &str,
    ) -> Result<(), PortError> {
        let waits = (Later::Waits, why);
        effects::postpone(&self.writer, effect, due, waits).await.doing("let a task wait")
    }

    async fn pause_effect(
        &self,
        effect: &ClaimedEffect,
        due: Timestamp,
        progress: &str,
    ) -> Result<(), PortError> {
        let begun = (Later::Begun, progress);
        effects::postpone(&self.writer, effect, due, begun).await.doing("pause a task")
    }

    async fn bury_effect(
        &self,
        effect: &ClaimedEffect,
        now: Timestamp,
        error: &str,
    ) -> Result<(), PortError> {
        effects::bury(&self.writer, effect, now, error).await.doing("leave a task to a person")
    }

    async fn revive_effects(&self, lanes: &[String], now: Timestamp) -> Result<u64, PortError> {
        self.try_revive(lanes, now).await.doing("revive tasks")
    }

    async fn admit(
        &self,
        kind: EffectKind,
        effect: &ClaimedEffect,
        since: Timestamp,
        most: u64,
    ) -> Result<bool, PortError> {
        let admitted = effects::admit(&self.writer, kind, effect, since, most).await;
        admitted.doing("let a task begin")
    }

    async fn used(&self, kind: EffectKind, since: Timestamp) -> Result<Used, PortError> {
        self.try_used(kind, since).await.doing("count what was done of a limit")
    }

    async fn freezes(&self) -> Result<Freezes, PortError> {
        memory::freezes(&self.readers).await.doing("read what is frozen")
    }

    async fn lock(
        &self,
        name: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, PortError> {
        memory::lock(&self.writer, name, holder, now, until).await.doing("take a lock")
    }

    async fn unlock(&self, name: &str, holder: &str) -> Result<(), PortError> {
        memory::unlock(&self.writer, name, holder).await.doing("give a lock back")
    }

    async fn moment(&self, name: &str) -> Result<Option<Timestamp>, PortError> {
        memory::moment(&self.readers, name).await.doing("recall a moment")
    }

    async fn set_moment(&self, name: &str, at: Timestamp) -> Result<(), PortError> {
        memory::set_moment(&self.writer, name, at).await.doing("remember a moment")
    }

    async fn memo(&self, name: &str) -> Result<Option<String>, PortError> {
        memory::memo(&self.readers, name).await.doing("recall a text")
    }

    async fn set_memo(&self, name: &str, text: &str) -> Result<(), PortError> {
        memory::set_memo(&self.writer, name, text).await.doing("remember a text")
    }

    async fn figures(&self, now: Timestamp) -> Result<Figures, PortError> {
        self.try_figures(now).await.doing("count what is stored")
    }

    async fn audit_log(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>, PortError> {
        audit::read(&self.readers, from, limit).await.doing("read the audit log")
    }
}
