//! A store in SQL: in an `SQLite` file, for one Innkeeper, or on a `PostgreSQL`
//! server, for as many replicas as one likes. Both get the same statements;
//! where they differ is in `dialect`.
//!
//! One transaction writes at a time, over all replicas, and begins as a writer:
//! what it reads cannot change before it is done. So whatever is true of the
//! store on one database is true on the other. Nothing but SQL happens inside
//! a transaction, so nobody waits long.
//!
//! What was answered with success survives a power cut: `synchronous = FULL`,
//! `synchronous_commit = on`.

mod audit;
mod backup;
mod column;
mod dialect;
mod effects;
mod examine;
mod failure;
mod figures;
pub mod forget;
mod inbox;
mod listen;
mod memory;
mod open;
mod place;
mod postgres;
mod queue;
mod sqlite;
mod state;

use std::{collections::BTreeSet, fmt, future::Future};

use async_trait::async_trait;
use sqlx::{Any, AnyConnection, AnyPool, Transaction};

use self::{
    dialect::Dialect,
    effects::Later,
    failure::{Doing, is_taken},
};
pub use self::{
    listen::listen,
    place::{Place, Server},
};
use crate::{
    brake::Freezes,
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
    store::set_aside::SetAside,
};

/// A store in SQL. [`SqlStore::open`] makes one.
#[derive(Clone)]
pub struct SqlStore {
    dialect: Dialect,
    /// One connection to a file; a few to a server.
    writer: AnyPool,
    /// A few, which cannot write.
    readers: AnyPool,
    /// Leases that could not be read.
    aside: SetAside,
}

impl fmt::Debug for SqlStore {
    /// Connections know passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStore").field("dialect", &self.dialect).finish_non_exhaustive()
    }
}

impl SqlStore {
    /// Ends all connections. Without it nothing is lost, but a file's log is
    /// left beside it for the next start.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Asks the database for something that takes a while at most.
    async fn ask<T>(
        &self,
        doing: &str,
        work: impl Future<Output = sqlx::Result<T>>,
    ) -> Result<T, PortError> {
        self.dialect.in_time(work).await.doing(doing)
    }

    /// Changes something, in a transaction of its own.
    async fn write<T>(
        &self,
        doing: &str,
        work: impl AsyncFnOnce(&mut AnyConnection) -> sqlx::Result<T>,
    ) -> Result<T, PortError> {
        self.ask(doing, async {
            let mut transaction = self.begin().await?;
            let done = work(&mut transaction).await?;
            transaction.commit().await?;
            Ok(done)
        })
        .await
    }

    async fn begin(&self) -> sqlx::Result<Transaction<'static, Any>> {
        self.dialect.begin(&self.writer).await
    }

    async fn try_deliver(&self, delivery: &Delivery) -> sqlx::Result<Delivered> {
        let mut transaction = self.begin().await?;
        let delivered = inbox::store(&mut *transaction, delivery).await?;
        if let (Delivered::New, Some(issue)) = (delivered, &delivery.issue) {
            let issues = std::slice::from_ref(issue);
            inbox::want(&mut transaction, issues, delivery.received_at).await?;
            self.dialect.tell(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(delivered)
    }

    async fn try_commit(&self, change: &Change) -> sqlx::Result<bool> {
        let mut transaction = self.begin().await?;
        let stored = match store_change(&mut transaction, change).await {
            Err(error) if is_taken(&error) => false,
            other => other?,
        };
        if stored {
            if !change.effects.is_empty() || !change.looks.is_empty() {
                self.dialect.tell(&mut transaction).await?;
            }
            transaction.commit().await?;
        } else {
            transaction.rollback().await?;
        }
        Ok(stored)
    }

    async fn try_used(&self, kind: EffectKind, since: Timestamp) -> sqlx::Result<Used> {
        let mut transaction = self.dialect.begin_to_read(&self.readers).await?;
        let used = effects::used(&mut transaction, kind, since).await?;
        transaction.rollback().await?;
        Ok(used)
    }

    async fn try_unfinished(&self, most: usize) -> sqlx::Result<Vec<Unfinished>> {
        let mut transaction = self.dialect.begin_to_read(&self.readers).await?;
        let unfinished = queue::read(&mut transaction, most).await?;
        transaction.rollback().await?;
        Ok(unfinished)
    }

    async fn try_figures(&self, now: Timestamp) -> sqlx::Result<Figures> {
        let mut transaction = self.dialect.begin_to_read(&self.readers).await?;
        let figures = figures::read(&mut transaction, now).await?;
        transaction.rollback().await?;
        Ok(Figures { leases_unreadable: self.aside.sentences(), ..figures })
    }
}

/// Stores everything in a change; `false` as soon as something of it was
/// overtaken, and then the transaction must not be committed.
async fn store_change(database: &mut AnyConnection, change: &Change) -> sqlx::Result<bool> {
    let Change {
        request,
        leases,
        effects,
        lanes,
        finishes,
        drops,
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
    for task in drops {
        if !queue::drop(&mut *database, *task, *at).await? {
            return Ok(false);
        }
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
impl Store for SqlStore {
    async fn deliver(&self, delivery: &Delivery) -> Result<Delivered, PortError> {
        self.ask("store a delivery", self.try_deliver(delivery)).await
    }

    async fn forget_bodies(&self, before: Timestamp) -> Result<u64, PortError> {
        self.write("forget bodies of deliveries", async |database| {
            inbox::forget_bodies(database, before).await
        })
        .await
    }

    async fn want_looks(&self, issues: &[IssueRef], now: Timestamp) -> Result<(), PortError> {
        self.write("note issues to look at", async |database| {
            inbox::want(database, issues, now).await?;
            if issues.is_empty() { Ok(()) } else { self.dialect.tell(database).await }
        })
        .await
    }

    async fn claim_look(
        &self,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Look>, PortError> {
        self.write("take an issue to look at", async |database| {
            inbox::claim(database, now, until).await
        })
        .await
    }

    async fn finish_look(&self, look: &Look) -> Result<(), PortError> {
        self.write("note that an issue was looked at", async |database| {
            inbox::finish(database, look).await
        })
        .await
    }

    async fn postpone_look(
        &self,
        look: &Look,
        due: Timestamp,
        error: &str,
    ) -> Result<(), PortError> {
        self.write("postpone looking at an issue", async |database| {
            inbox::postpone(database, look, due, Some(error)).await
        })
        .await
    }

    async fn defer_look(&self, look: &Look, due: Timestamp) -> Result<(), PortError> {
        self.write("let a look at an issue wait", async |database| {
            inbox::postpone(database, look, due, None).await
        })
        .await
    }

    async fn request_on(&self, issue: &IssueRef) -> Result<Option<Versioned<Request>>, PortError> {
        self.ask("read the request of an issue", state::request_on(&self.readers, issue)).await
    }

    async fn request(&self, id: RequestId) -> Result<Option<Versioned<Request>>, PortError> {
        self.ask("read a request", state::request(&self.readers, id)).await
    }

    async fn requests_by(
        &self,
        forge: &ForgeName,
        author: UserId,
    ) -> Result<Vec<Versioned<Request>>, PortError> {
        let requests = state::requests_by(&self.readers, forge, author);
        self.ask("read the requests of an account", requests).await
    }

    async fn open_requests(&self) -> Result<Vec<Versioned<Request>>, PortError> {
        self.ask("read the open requests", state::open_requests(&self.readers)).await
    }

    async fn lease(&self, id: LeaseId) -> Result<Option<Versioned<Lease>>, PortError> {
        self.ask("read a lease", state::lease(&self.readers, id)).await
    }

    async fn each_live_lease(&self, show: &mut Show<'_>) -> Result<(), PortError> {
        let shown = state::each_live_lease(&self.readers, &self.aside, show);
        self.ask("read the live leases", shown).await
    }

    async fn due_leases(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Versioned<Lease>>, PortError> {
        self.ask("read the leases that are due", state::due_leases(&self.readers, now, limit)).await
    }

    async fn seen_notes(&self, issue: &IssueRef) -> Result<BTreeSet<NoteId>, PortError> {
        self.ask("read which comments were dealt with", state::seen_notes(&self.readers, issue))
            .await
    }

    async fn commit(&self, change: &Change) -> Result<(), CommitError> {
        let stored = self.ask("store a change", self.try_commit(change)).await?;
        if stored { Ok(()) } else { Err(CommitError::Conflict) }
    }

    async fn usage_mark(&self) -> Result<u64, PortError> {
        self.ask("read the mark of usage", state::usage_mark(&self.readers)).await
    }

    async fn claim_effect(
        &self,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<ClaimedEffect>, PortError> {
        self.write("take a task", async |database| effects::claim(database, now, until).await).await
    }

    async fn postpone_effect(
        &self,
        effect: &ClaimedEffect,
        due: Timestamp,
        error: &str,
    ) -> Result<(), PortError> {
        let failed = (Later::Failed, error);
        self.write("postpone a task", async |database| {
            effects::postpone(database, effect, due, failed).await
        })
        .await
    }

    async fn doubt_effect(
        &self,
        effect: &ClaimedEffect,
        due: Timestamp,
        error: &str,
    ) -> Result<(), PortError> {
        let doubted = (Later::Doubted, error);
        self.write("postpone a task", async |database| {
            effects::postpone(database, effect, due, doubted).await
        })
        .await
    }

    async fn hold_effect(
        &self,
        effect: &ClaimedEffect,
        due: Timestamp,
        why: &str,
    ) -> Result<(), PortError> {
        let waits = (Later::Waits, why);
        self.write("let a task wait", async |database| {
            effects::postpone(database, effect, due, waits).await
        })
        .await
    }

    async fn pause_effect(
        &self,
        effect: &ClaimedEffect,
        due: Timestamp,
        progress: &str,
    ) -> Result<(), PortError> {
        let begun = (Later::Begun, progress);
        self.write("pause a task", async |database| {
            effects::postpone(database, effect, due, begun).await
        })
        .await
    }

    async fn bury_effect(
        &self,
        effect: &ClaimedEffect,
        now: Timestamp,
        error: &str,
    ) -> Result<(), PortError> {
        self.write("leave a task to a person", async |database| {
            effects::bury(database, effect, now, error).await
        })
        .await
    }

    async fn revive_effects(&self, lanes: &[String], now: Timestamp) -> Result<u64, PortError> {
        self.write("revive tasks", async |database| {
            let revived = effects::revive(database, lanes, now).await?;
            if revived > 0 {
                self.dialect.tell(database).await?;
            }
            Ok(revived)
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
        self.write("let a task begin", async |database| {
            effects::admit(database, kind, effect, since, most).await
        })
        .await
    }

    async fn used(&self, kind: EffectKind, since: Timestamp) -> Result<Used, PortError> {
        self.ask("count what was done of a limit", self.try_used(kind, since)).await
    }

    async fn freezes(&self) -> Result<Freezes, PortError> {
        self.ask("read what is frozen", memory::freezes(&self.readers)).await
    }

    async fn lock(
        &self,
        name: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, PortError> {
        self.write("take a lock", async |database| {
            memory::lock(database, name, holder, now, until).await
        })
        .await
    }

    async fn unlock(&self, name: &str, holder: &str) -> Result<(), PortError> {
        self.write("give a lock back", async |database| {
            memory::unlock(database, name, holder).await
        })
        .await
    }

    async fn moment(&self, name: &str) -> Result<Option<Timestamp>, PortError> {
        self.ask("recall a moment", memory::moment(&self.readers, name)).await
    }

    async fn set_moment(&self, name: &str, at: Timestamp) -> Result<(), PortError> {
        self.write("remember a moment", async |database| {
            memory::set_moment(database, name, at).await
        })
        .await
    }

    async fn memo(&self, name: &str) -> Result<Option<String>, PortError> {
        self.ask("recall a text", memory::memo(&self.readers, name)).await
    }

    async fn set_memo(&self, name: &str, text: &str) -> Result<(), PortError> {
        self.write("remember a text", async |database| memory::set_memo(database, name, text).await)
            .await
    }

    async fn figures(&self, now: Timestamp) -> Result<Figures, PortError> {
        self.ask("count what is stored", self.try_figures(now)).await
    }

    async fn unfinished(&self, most: usize) -> Result<Vec<Unfinished>, PortError> {
        self.ask("read the queue", self.try_unfinished(most)).await
    }

    async fn audit_log(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>, PortError> {
        self.ask("read the audit log", audit::read(&self.readers, from, limit)).await
    }
}
