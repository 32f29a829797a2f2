//! A store in memory for one thread at a time: what simulations play on. It is
//! held to the same contract as every other store (`tests/store`).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use innkeeper::{
    brake::Freezes,
    effect::{NewEffect, Task},
    identity::{ForgeName, IssueRef, LeaseId, NoteId, RequestId, Timestamp, UserId},
    lease::{Lease, State, warning},
    ports::{
        PortError,
        queue::{Standing, Unfinished},
        store::{
            AuditEntry, AuditNote, Change, ClaimedEffect, CommitError, Delivered, Delivery,
            EffectKind, Figures, Look, Show, Store, Used, Versioned,
        },
    },
    request::{Request, lifecycle},
    store::audit_chain,
    usage,
};

/// Times are kept to the millisecond.
fn kept(at: Timestamp) -> Timestamp {
    Timestamp::from_timestamp_millis(at.timestamp_millis()).unwrap_or(at)
}

#[derive(Default)]
pub(crate) struct MemoryStore(Mutex<Rows>);

/// Everything that is stored.
#[derive(Default)]
pub(crate) struct Rows {
    deliveries: BTreeMap<(ForgeName, String), (bool, Timestamp)>,
    looks: BTreeMap<IssueRef, LookRow>,
    pub(crate) requests: BTreeMap<RequestId, Versioned<Request>>,
    request_of: BTreeMap<IssueRef, RequestId>,
    pub(crate) leases: BTreeMap<LeaseId, Versioned<Lease>>,
    seen: BTreeMap<IssueRef, BTreeSet<NoteId>>,
    pub(crate) effects: BTreeMap<u64, EffectRow>,
    keys: BTreeSet<String>,
    /// By lane: priority and id of what is pending or running.
    lanes: BTreeMap<String, BTreeSet<(u8, u64)>>,
    locks: BTreeMap<String, (String, Timestamp)>,
    moments: BTreeMap<String, Timestamp>,
    memos: BTreeMap<String, String>,
    freezes: Freezes,
    usage_mark: u64,
    pub(crate) audit: Vec<AuditEntry>,
    /// The answer of `next_work`, as long as nothing has changed since.
    next: Known,
}

/// An answer that may be known already.
#[derive(Default)]
enum Known {
    #[default]
    Not,
    As(Option<Timestamp>),
}

struct LookRow {
    id: usize,
    wanted: u64,
    done: u64,
    claim: u64,
    claimed_until: Option<Timestamp>,
    failures: u32,
    since: Timestamp,
    wanted_at: Timestamp,
    due: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Pending,
    Running(Timestamp),
    Buried(Timestamp),
    Done(Timestamp),
}

/// Why a task is due again later.
#[derive(Clone, Copy)]
enum Later {
    Failed,
    Doubted,
    Waits,
    Begun,
}

pub(crate) struct EffectRow {
    pub(crate) lane: String,
    pub(crate) key: String,
    priority: u8,
    kind: EffectKind,
    pub(crate) task: Task,
    pub(crate) stage: Stage,
    attempts: u32,
    /// Claims that ended in waiting.
    waits: u32,
    begun: bool,
    ordered_at: Timestamp,
    due: Timestamp,
    pub(crate) last_error: Option<String>,
}

impl EffectRow {
    fn is_unfinished(&self) -> bool {
        matches!(self.stage, Stage::Pending | Stage::Running(_))
    }
}

impl MemoryStore {
    /// Looks at what is stored.
    pub(crate) fn rows<T>(&self, deed: impl FnOnce(&mut Rows) -> T) -> T {
        deed(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes it.
    fn change<T>(&self, deed: impl FnOnce(&mut Rows) -> T) -> T {
        self.rows(|rows| {
            rows.next = Known::Not;
            deed(rows)
        })
    }
}

impl Rows {
    fn want(&mut self, issues: &[IssueRef], now: Timestamp) {
        let now = kept(now);
        for issue in issues {
            let id = self.looks.len();
            let row = self.looks.entry(issue.clone()).or_insert(LookRow {
                id,
                wanted: 0,
                done: 0,
                claim: 0,
                claimed_until: None,
                failures: 0,
                since: now,
                wanted_at: now,
                due: now,
            });
            if row.wanted <= row.done {
                row.since = now;
            }
            row.wanted += 1;
            row.wanted_at = now;
            row.due = now;
        }
    }

    fn held(&mut self, look: &Look) -> Option<&mut LookRow> {
        let row = self.looks.get_mut(&look.issue)?;
        (row.claim == look.claim && row.claimed_until.is_some()).then_some(row)
    }

    fn put_off(&mut self, look: &Look, due: Timestamp, failures: u32) {
        if let Some(row) = self.held(look) {
            row.failures += failures;
            row.claimed_until = None;
            if row.wanted <= look.wanted {
                row.due = kept(due);
            }
        }
    }

    /// The row of a claim that still holds.
    fn running(&mut self, effect: &ClaimedEffect) -> Option<&mut EffectRow> {
        let row = self.effects.get_mut(&effect.id)?;
        let holds = row.attempts == effect.attempts && matches!(row.stage, Stage::Running(_));
        holds.then_some(row)
    }

    /// An effect leaves or joins those of its lane that wait for each other.
    fn queue(&mut self, id: u64) {
        let Some(row) = self.effects.get(&id) else { return };
        let lane = self.lanes.entry(row.lane.clone()).or_default();
        if row.is_unfinished() {
            lane.insert((row.priority, id));
        } else {
            lane.remove(&(row.priority, id));
        }
        if lane.is_empty() {
            self.lanes.remove(&row.lane);
        }
    }

    /// From when the first of each lane may be taken.
    fn firsts(&self) -> impl Iterator<Item = ((u8, u64), Timestamp)> + '_ {
        self.lanes.values().filter_map(|lane| {
            let first = *lane.first()?;
            let held = lane.iter().filter_map(|(_, id)| match self.effects.get(id)?.stage {
                Stage::Running(until) => Some(until),
                _ => None,
            });
            let due = self.effects.get(&first.1)?.due;
            Some((first, held.fold(due, Timestamp::max)))
        })
    }

    /// The earliest moment at which something may be taken, of looks and
    /// effects.
    #[cfg_attr(not(test), expect(dead_code, reason = "for simulations"))]
    pub(crate) fn next_work(&mut self) -> Option<Timestamp> {
        if let Known::As(known) = self.next {
            return known;
        }
        let looks = self.looks.values().filter(|row| row.wanted > row.done);
        let looks = looks.map(|row| row.claimed_until.map_or(row.due, |until| until.max(row.due)));
        let next = looks.chain(self.firsts().map(|(_, at)| at)).min();
        self.next = Known::As(next);
        next
    }

    fn order(&mut self, effect: &NewEffect, now: Timestamp) {
        if !self.keys.insert(effect.key.clone()) {
            return;
        }
        let id = self.effects.len() as u64 + 1;
        let now = kept(now);
        let row = EffectRow {
            lane: effect.lane.clone(),
            key: effect.key.clone(),
            priority: effect.priority,
            kind: EffectKind::of(&effect.task),
            task: effect.task.clone(),
            stage: Stage::Pending,
            attempts: 0,
            waits: 0,
            begun: false,
            ordered_at: now,
            due: now,
            last_error: None,
        };
        self.effects.insert(id, row);
        self.queue(id);
    }

    fn change_lane(&mut self, from: &str, to: &str) {
        let moves = |row: &EffectRow| row.lane == from && !matches!(row.stage, Stage::Done(_));
        let ids: Vec<u64> =
            self.effects.iter().filter(|(_, row)| moves(row)).map(|(id, _)| *id).collect();
        self.lanes.remove(from);
        for id in ids {
            if let Some(row) = self.effects.get_mut(&id) {
                to.clone_into(&mut row.lane);
            }
            self.queue(id);
        }
    }

    /// Whether a request of this version may be stored.
    fn takes_request(&self, request: &Versioned<Request>) -> bool {
        let known = self.requests.get(&request.value.id).map_or(0, |known| known.version);
        let holder = self.request_of.get(&request.value.issue);
        known == request.version && holder.is_none_or(|id| *id == request.value.id)
    }

    fn takes_lease(&self, lease: &Versioned<Lease>) -> bool {
        let Versioned { version, value } = lease;
        let known = self.leases.get(&value.id);
        let ended = known.is_some_and(|known| !known.value.state.has_machine());
        let has_machine = value.state.has_machine();
        let is_same_machine = |other: &Lease| {
            other.id != value.id
                && other.state.has_machine()
                && other.provider == value.provider
                && other.order.key.name == value.order.key.name
        };
        known.map_or(0, |known| known.version) == *version
            && !(ended && has_machine)
            && !(has_machine && self.leases.values().any(|other| is_same_machine(&other.value)))
    }

    /// Stores a change; `false` and nothing if it was overtaken.
    fn store(&mut self, change: &Change) -> bool {
        let Change { request, leases, effects, lanes, finishes, drops, .. } = change;
        let Change { seen, looks, freezes, memos, audit, usage_mark, at, .. } = change;
        if usage_mark.is_some_and(|mark| mark != self.usage_mark)
            || finishes.as_ref().is_some_and(|effect| self.running(effect).is_none())
            || !drops.iter().all(|id| self.is_buried(*id))
            || request.as_ref().is_some_and(|request| !self.takes_request(request))
        {
            return false;
        }
        let mut before: Vec<(LeaseId, Option<Versioned<Lease>>)> = Vec::new();
        for lease in leases {
            if !self.takes_lease(lease) {
                for (id, old) in before.into_iter().rev() {
                    match old {
                        Some(old) => self.leases.insert(id, old),
                        None => self.leases.remove(&id),
                    };
                }
                return false;
            }
            let id = lease.value.id;
            let stored = Versioned { version: lease.version + 1, value: lease.value.clone() };
            before.push((id, self.leases.insert(id, stored)));
        }
        for (id, old) in before {
            let counted = |lease: Option<&Versioned<Lease>>| {
                lease.map(|lease| usage::counted_lease(&lease.value)).unwrap_or_default()
            };
            if counted(old.as_ref()) != counted(self.leases.get(&id)) {
                self.usage_mark += 1;
            }
        }
        if let Some(effect) = finishes {
            self.settle(effect, Stage::Done(kept(*at)), None);
        }
        for id in drops {
            if let Some(row) = self.effects.get_mut(id) {
                row.stage = Stage::Done(kept(*at));
            }
        }
        if let Some(Versioned { version, value }) = request {
            self.request_of.retain(|_, id| *id != value.id);
            self.request_of.insert(value.issue.clone(), value.id);
            let stored = Versioned { version: version + 1, value: value.clone() };
            let old = self.requests.insert(value.id, stored);
            let counted = old.map(|old| usage::counted_request(&old.value)).unwrap_or_default();
            if counted != usage::counted_request(value) {
                self.usage_mark += 1;
            }
        }
        for effect in effects {
            self.order(effect, *at);
        }
        for (from, to) in lanes {
            self.change_lane(from, to);
        }
        for (issue, note) in seen {
            self.seen.entry(issue.clone()).or_default().insert(*note);
        }
        for (deed, freeze) in freezes {
            match freeze {
                Some(freeze) => self.freezes.0.insert(*deed, freeze.clone()),
                None => self.freezes.0.remove(deed),
            };
        }
        self.memos.extend(memos.iter().cloned());
        self.want(looks, *at);
        self.append(audit, *at);
        true
    }

    fn append(&mut self, notes: &[AuditNote], at: Timestamp) {
        for note in notes {
            let entry = audit_chain::next(self.audit.last(), at, note.clone());
            self.audit.push(entry);
        }
    }

    /// A claimed effect that still is goes on to this stage.
    fn settle(&mut self, effect: &ClaimedEffect, stage: Stage, error: Option<&str>) {
        if let Some(row) = self.running(effect) {
            row.stage = stage;
            row.last_error = error.map(str::to_owned);
        }
        self.queue(effect.id);
    }

    /// Due again later.
    fn postpone(&mut self, effect: &ClaimedEffect, due: Timestamp, (later, why): (Later, &str)) {
        if let Some(row) = self.running(effect) {
            row.due = kept(due);
            row.begun = match later {
                Later::Failed => false,
                Later::Begun => true,
                Later::Doubted | Later::Waits => row.begun,
            };
            row.waits += u32::from(matches!(later, Later::Begun | Later::Waits));
        }
        self.settle(effect, Stage::Pending, Some(why));
    }

    fn claim_look(&mut self, now: Timestamp, until: Timestamp) -> Option<Look> {
        let now = kept(now);
        let free = |row: &LookRow| {
            row.wanted > row.done
                && row.due <= now
                && row.claimed_until.is_none_or(|until| until <= now)
        };
        let waiting = self.looks.iter_mut().filter(|(_, row)| free(row));
        let (issue, row) = waiting.min_by_key(|(_, row)| (row.since, row.id))?;
        row.claim += 1;
        row.claimed_until = Some(kept(until));
        Some(Look {
            issue: issue.clone(),
            wanted: row.wanted,
            claim: row.claim,
            failures: row.failures,
            since: row.since,
            until,
        })
    }

    fn claim_effect(&mut self, now: Timestamp, until: Timestamp) -> Option<ClaimedEffect> {
        let now = kept(now);
        let due = self.firsts().filter(|(_, at)| *at <= now);
        let (_, id) = due.map(|(first, _)| first).min()?;
        let row = self.effects.get_mut(&id)?;
        row.attempts += 1;
        row.stage = Stage::Running(kept(until));
        Some(ClaimedEffect {
            id,
            attempts: row.attempts,
            tries: row.attempts.saturating_sub(row.waits),
            begun: row.begun,
            lane: row.lane.clone(),
            key: row.key.clone(),
            task: row.task.clone(),
            ordered_at: row.ordered_at,
            until,
        })
    }

    fn revive(&mut self, lanes: &[String], now: Timestamp) -> u64 {
        let waits = |row: &EffectRow| {
            lanes.contains(&row.lane) && matches!(row.stage, Stage::Pending | Stage::Buried(_))
        };
        let ids: Vec<u64> =
            self.effects.iter().filter(|(_, row)| waits(row)).map(|(id, _)| *id).collect();
        for id in &ids {
            if let Some(row) = self.effects.get_mut(id) {
                row.stage = Stage::Pending;
                row.due = kept(now);
            }
            self.queue(*id);
        }
        ids.len() as u64
    }

    fn is_buried(&self, id: u64) -> bool {
        self.effects.get(&id).is_some_and(|row| matches!(row.stage, Stage::Buried(_)))
    }

    fn unfinished(&self, most: usize) -> Vec<Unfinished> {
        let standing = |row: &EffectRow| match row.stage {
            Stage::Buried(at) => Some((false, at, Standing::Buried(at))),
            Stage::Pending => Some((true, row.due, Standing::Pending(row.due))),
            Stage::Running(until) => Some((true, row.due, Standing::Running(until))),
            Stage::Done(_) => None,
        };
        let mut found: Vec<_> = self
            .effects
            .iter()
            .filter_map(|(id, row)| {
                let (waits_for_us, at, standing) = standing(row)?;
                let unfinished = Unfinished {
                    id: *id,
                    standing,
                    lane: row.lane.clone(),
                    key: row.key.clone(),
                    task: Some(row.task.clone()),
                    tries: row.attempts - row.waits,
                    ordered_at: row.ordered_at,
                    error: row.last_error.clone(),
                };
                Some(((waits_for_us, at, *id), unfinished))
            })
            .collect();
        found.sort_by_key(|(order, _)| *order);
        found.into_iter().take(most).map(|(_, unfinished)| unfinished).collect()
    }

    fn admit(
        &mut self,
        kind: EffectKind,
        effect: &ClaimedEffect,
        since: Timestamp,
        most: u64,
    ) -> bool {
        let used = self.used(kind, since).count();
        match self.running(effect) {
            Some(row) if row.begun || used < most => {
                row.begun = true;
                true
            }
            _ => false,
        }
    }

    fn used(&self, kind: EffectKind, since: Timestamp) -> Used {
        let rows = || self.effects.values().filter(|row| row.kind == kind);
        let finished = rows().filter_map(|row| match row.stage {
            Stage::Done(at) if at >= kept(since) => Some(at),
            _ => None,
        });
        let mut finished: Vec<Timestamp> = finished.collect();
        finished.sort_unstable();
        let begun = rows().filter(|row| row.begun && row.is_unfinished()).count() as u64;
        Used { finished, begun }
    }

    fn figures(&self, now: Timestamp) -> Figures {
        let mut figures = Figures::default();
        for request in self.requests.values() {
            *figures.requests.entry(request.value.state.word().to_owned()).or_default() += 1;
        }
        for lease in self.leases.values() {
            *figures.leases.entry(lease.value.state.word().to_owned()).or_default() += 1;
        }
        let since = |oldest: Option<Timestamp>| {
            let seconds = oldest.map_or(0, |since| (kept(now) - since).num_seconds());
            u64::try_from(seconds).unwrap_or(0)
        };
        let looks = || self.looks.values().filter(|row| row.wanted > row.done);
        figures.looks_waiting = looks().count() as u64;
        figures.oldest_look_seconds = since(looks().map(|row| row.since).min());
        let waiting = || self.effects.values().filter(|row| row.is_unfinished());
        figures.effects_pending = waiting().count() as u64;
        figures.oldest_effect_seconds = since(waiting().map(|row| row.ordered_at).min());
        let mut buried: Vec<_> = self
            .effects
            .iter()
            .filter_map(|(id, row)| match row.stage {
                Stage::Buried(at) => Some(((at, *id), row)),
                _ => None,
            })
            .collect();
        buried.sort_by_key(|(order, _)| std::cmp::Reverse(*order));
        figures.effects_buried = buried.len() as u64;
        let said = |row: &EffectRow| {
            format!("{}: {}", row.key, row.last_error.as_deref().unwrap_or_default())
        };
        figures.buried = buried.into_iter().take(10).map(|(_, row)| said(row)).collect();
        figures.deliveries = self.deliveries.len() as u64;
        figures.audit_entries = self.audit.len() as u64;
        figures
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn deliver(&self, delivery: &Delivery) -> Result<Delivered, PortError> {
        self.change(|rows| {
            let key = (delivery.forge.clone(), delivery.key.clone());
            if rows.deliveries.contains_key(&key) {
                return Ok(Delivered::Duplicate);
            }
            rows.deliveries.insert(key, (true, kept(delivery.received_at)));
            rows.want(delivery.issue.as_slice(), delivery.received_at);
            Ok(Delivered::New)
        })
    }

    async fn forget_bodies(&self, before: Timestamp) -> Result<u64, PortError> {
        self.rows(|rows| {
            let old = |(body, at): &&mut (bool, Timestamp)| *body && *at < kept(before);
            let forgotten = rows.deliveries.values_mut().filter(old).map(|row| row.0 = false);
            Ok(forgotten.count() as u64)
        })
    }

    async fn want_looks(&self, issues: &[IssueRef], now: Timestamp) -> Result<(), PortError> {
        self.change(|rows| rows.want(issues, now));
        Ok(())
    }

    async fn claim_look(
        &self,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Look>, PortError> {
        Ok(self.change(|rows| rows.claim_look(now, until)))
    }

    async fn finish_look(&self, look: &Look) -> Result<(), PortError> {
        self.change(|rows| {
            if let Some(row) = rows.held(look) {
                row.done = look.wanted;
                row.failures = 0;
                row.claimed_until = None;
                row.since = row.wanted_at;
            }
        });
        Ok(())
    }

    async fn postpone_look(
        &self,
        look: &Look,
        due: Timestamp,
        _error: &str,
    ) -> Result<(), PortError> {
        self.change(|rows| rows.put_off(look, due, 1));
        Ok(())
    }

    async fn defer_look(&self, look: &Look, due: Timestamp) -> Result<(), PortError> {
        self.change(|rows| rows.put_off(look, due, 0));
        Ok(())
    }

    async fn request_on(&self, issue: &IssueRef) -> Result<Option<Versioned<Request>>, PortError> {
        Ok(self.rows(|rows| rows.requests.get(rows.request_of.get(issue)?).cloned()))
    }

    async fn request(&self, id: RequestId) -> Result<Option<Versioned<Request>>, PortError> {
        Ok(self.rows(|rows| rows.requests.get(&id).cloned()))
    }

    async fn requests_by(
        &self,
        forge: &ForgeName,
        author: UserId,
    ) -> Result<Vec<Versioned<Request>>, PortError> {
        let by = |request: &&Versioned<Request>| {
            request.value.author.id == author && request.value.issue.forge == *forge
        };
        Ok(self.rows(|rows| rows.requests.values().filter(by).cloned().collect()))
    }

    async fn open_requests(&self) -> Result<Vec<Versioned<Request>>, PortError> {
        use lifecycle::State::{Fulfilled, Rejected, Withdrawn};
        let open = |request: &&Versioned<Request>| {
            !matches!(request.value.state, Rejected | Withdrawn | Fulfilled)
        };
        Ok(self.rows(|rows| rows.requests.values().filter(open).cloned().collect()))
    }

    async fn lease(&self, id: LeaseId) -> Result<Option<Versioned<Lease>>, PortError> {
        Ok(self.rows(|rows| rows.leases.get(&id).cloned()))
    }

    async fn each_live_lease(&self, show: &mut Show<'_>) -> Result<(), PortError> {
        let live = |lease: &&Versioned<Lease>| lease.value.state != State::Ended;
        self.rows(|rows| rows.leases.values().filter(live).cloned().for_each(show));
        Ok(())
    }

    async fn due_leases(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Versioned<Lease>>, PortError> {
        Ok(self.rows(|rows| {
            let live = rows.leases.values().filter(|lease| lease.value.state != State::Ended);
            let mut due: Vec<_> = live
                .filter_map(|lease| Some((kept(warning::next_check(&lease.value)?), lease)))
                .filter(|(at, _)| *at <= kept(now))
                .collect();
            due.sort_by_key(|(at, lease)| (*at, lease.value.id));
            due.into_iter().take(limit).map(|(_, lease)| lease.clone()).collect()
        }))
    }

    async fn seen_notes(&self, issue: &IssueRef) -> Result<BTreeSet<NoteId>, PortError> {
        Ok(self.rows(|rows| rows.seen.get(issue).cloned().unwrap_or_default()))
    }

    async fn commit(&self, change: &Change) -> Result<(), CommitError> {
        if self.change(|rows| rows.store(change)) { Ok(()) } else { Err(CommitError::Conflict) }
    }

    async fn usage_mark(&self) -> Result<u64, PortError> {
        Ok(self.rows(|rows| rows.usage_mark))
    }

    async fn claim_effect(
        &self,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<ClaimedEffect>, PortError> {
        Ok(self.change(|rows| rows.claim_effect(now, until)))
    }

    async fn postpone_effect(
        &self,
        effect: &ClaimedEffect,
        due: Timestamp,
        error: &str,
    ) -> Result<(), PortError> {
        self.change(|rows| rows.postpone(effect, due, (Later::Failed, error)));
        Ok(())
    }

    async fn doubt_effect(
        &self,
        effect: &ClaimedEffect,
        due: Timestamp,
        error: &str,
    ) -> Result<(), PortError> {
        self.change(|rows| rows.postpone(effect, due, (Later::Doubted, error)));
        Ok(())
    }

    async fn hold_effect(
        &self,
        effect: &ClaimedEffect,
        due: Timestamp,
        why: &str,
    ) -> Result<(), PortError> {
        self.change(|rows| rows.postpone(effect, due, (Later::Waits, why)));
        Ok(())
    }

    async fn pause_effect(
        &self,
        effect: &ClaimedEffect,
        due: Timestamp,
        progress: &str,
    ) -> Result<(), PortError> {
        self.change(|rows| rows.postpone(effect, due, (Later::Begun, progress)));
        Ok(())
    }

    async fn bury_effect(
        &self,
        effect: &ClaimedEffect,
        now: Timestamp,
        error: &str,
    ) -> Result<(), PortError> {
        self.change(|rows| rows.settle(effect, Stage::Buried(kept(now)), Some(error)));
        Ok(())
    }

    async fn revive_effects(&self, lanes: &[String], now: Timestamp) -> Result<u64, PortError> {
        Ok(self.change(|rows| rows.revive(lanes, now)))
    }

    async fn admit(
        &self,
        kind: EffectKind,
        effect: &ClaimedEffect,
        since: Timestamp,
        most: u64,
    ) -> Result<bool, PortError> {
        Ok(self.rows(|rows| rows.admit(kind, effect, since, most)))
    }

    async fn used(&self, kind: EffectKind, since: Timestamp) -> Result<Used, PortError> {
        Ok(self.rows(|rows| rows.used(kind, since)))
    }

    async fn freezes(&self) -> Result<Freezes, PortError> {
        Ok(self.rows(|rows| rows.freezes.clone()))
    }

    async fn lock(
        &self,
        name: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, PortError> {
        self.rows(|rows| {
            let free = rows
                .locks
                .get(name)
                .is_none_or(|(other, until)| other == holder || *until <= kept(now));
            if free {
                rows.locks.insert(name.to_owned(), (holder.to_owned(), kept(until)));
            }
            Ok(free)
        })
    }

    async fn unlock(&self, name: &str, holder: &str) -> Result<(), PortError> {
        self.rows(|rows| {
            if rows.locks.get(name).is_some_and(|(other, _)| other == holder) {
                rows.locks.remove(name);
            }
        });
        Ok(())
    }

    async fn moment(&self, name: &str) -> Result<Option<Timestamp>, PortError> {
        Ok(self.rows(|rows| rows.moments.get(name).copied()))
    }

    async fn set_moment(&self, name: &str, at: Timestamp) -> Result<(), PortError> {
        self.rows(|rows| rows.moments.insert(name.to_owned(), kept(at)));
        Ok(())
    }

    async fn memo(&self, name: &str) -> Result<Option<String>, PortError> {
        Ok(self.rows(|rows| rows.memos.get(name).cloned()))
    }

    async fn set_memo(&self, name: &str, text: &str) -> Result<(), PortError> {
        self.rows(|rows| rows.memos.insert(name.to_owned(), text.to_owned()));
        Ok(())
    }

    async fn figures(&self, now: Timestamp) -> Result<Figures, PortError> {
        Ok(self.rows(|rows| rows.figures(now)))
    }

    async fn unfinished(&self, most: usize) -> Result<Vec<Unfinished>, PortError> {
        Ok(self.rows(|rows| rows.unfinished(most)))
    }

    async fn audit_log(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>, PortError> {
        let skipped = usize::try_from(from.saturating_sub(1)).unwrap_or(usize::MAX);
        Ok(self.rows(|rows| rows.audit.iter().skip(skipped).take(limit).cloned().collect()))
    }
}
