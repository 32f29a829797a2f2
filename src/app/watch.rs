//! What health checks, metrics and `status` show.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;

use crate::{
    app::{policies::Remembered, supervision::Panics},
    brake::Deed,
    engine::{Breaker, Engine, breakers, credential},
    identity::Timestamp,
    ports::restoration::Restoration,
    web::{
        health::{Check, Readiness},
        metrics::{Reading, Readings, Value},
    },
};

/// Looks at the engine from outside.
pub struct Watch {
    /// The engine.
    pub engine: Arc<Engine>,
    /// What panicked.
    pub panics: Arc<Panics>,
    /// A last sweep older than this is a fault.
    pub sweep_within: TimeDelta,
}

#[async_trait]
impl Readiness for Watch {
    async fn checks(&self) -> Vec<Check> {
        let now = self.engine.now();
        let store = self.engine.store().figures(now).await;
        let cookbooks = self.engine.cookbooks().cookbooks.len();
        let swept = self.engine.inspection().at;
        let mut checks = vec![
            Check {
                name: "store",
                ok: store.is_ok(),
                detail: store.map_or_else(|error| error.to_string(), |_| "reachable".to_owned()),
            },
            Check { name: "cookbooks", ok: cookbooks > 0, detail: format!("{cookbooks} loaded") },
            Check {
                name: "sweep",
                ok: swept.is_some_and(|at| now - at <= self.sweep_within),
                detail: swept.map_or_else(|| "none yet".to_owned(), |at| format!("last at {at}")),
            },
            self.tasks(),
        ];
        checks.extend(self.restored().await);
        checks
    }
}

#[async_trait]
impl Readings for Watch {
    async fn read(&self) -> Vec<Reading> {
        let mut readings: Vec<Reading> = self.panics().collect();
        let Ok(figures) = self.engine.store().figures(self.engine.now()).await else {
            return readings;
        };
        let gauge =
            |name, help, labels, value| Reading { name, help, labels, value: Value::Gauge(value) };
        for (state, count) in &figures.requests {
            let labels = vec![("state", state.clone())];
            readings.push(gauge("requests", "Requests by state", labels, number(*count)));
        }
        for (state, count) in &figures.leases {
            let labels = vec![("state", state.clone())];
            readings.push(gauge("leases", "Leases by state", labels, number(*count)));
        }
        let plain = [
            ("looks_waiting", "Issues that want a look", figures.looks_waiting),
            (
                "oldest_look_seconds",
                "How long the oldest of them has waited",
                figures.oldest_look_seconds,
            ),
            ("effects_pending", "Things decided and not yet done", figures.effects_pending),
            (
                "oldest_effect_seconds",
                "How long the oldest of them has waited",
                figures.oldest_effect_seconds,
            ),
            ("effects_buried", "Things that wait for a person", figures.effects_buried),
            ("audit_entries", "Entries in the audit log", figures.audit_entries),
            (
                "leases_unreadable",
                "Stored leases that cannot be read and are set aside",
                figures.leases_unreadable.len() as u64,
            ),
        ];
        readings
            .extend(plain.map(|(name, help, value)| gauge(name, help, Vec::new(), number(value))));
        if let Ok(restoration) = self.engine.restoration().await {
            let listens = restoration.is_some_and(|restoration| restoration.stands());
            let help = "Whether the store was restored and nothing is done until somebody says so";
            readings.push(gauge("only_listening", help, Vec::new(), f64::from(u8::from(listens))));
        }
        readings.extend(self.policies().await);
        readings.extend(self.brakes().await);
        for forge in self.engine.forges() {
            let ends = self.engine.store().moment(&credential::ends(forge)).await.ok().flatten();
            if let Some(ends) = ends.filter(|ends| *ends < credential::ENDLESS) {
                let left = (ends - self.engine.now()).num_seconds().max(0);
                readings.push(gauge(
                    "forge_credential_seconds",
                    "How long what we sign in with is still valid",
                    vec![("forge", forge.to_string())],
                    number(left.unsigned_abs()),
                ));
            }
        }
        for (provider, found) in self.engine.inspection().providers {
            let labels = || vec![("provider", provider.to_string())];
            let up = f64::from(u8::from(found.error.is_none()));
            readings.push(gauge(
                "provider_up",
                "Whether the last inspection reached it",
                labels(),
                up,
            ));
            if let Some(room) = &found.capacity {
                let free = number(room.memory.saturating_mul(1024 * 1024));
                let help = "Memory left for machines, as far as it lets us know";
                readings.push(gauge("provider_free_memory_bytes", help, labels(), free));
                for (class, mebibytes) in &room.storage {
                    let mut labels = labels();
                    labels.push(("storage", class.clone()));
                    let free = number(mebibytes.saturating_mul(1024 * 1024));
                    let help = "Disk space left for machines";
                    readings.push(gauge("provider_free_storage_bytes", help, labels, free));
                }
            }
            let strays = number(found.strays.len() as u64);
            readings.push(gauge(
                "strays",
                "Machines of ours without a living lease",
                labels(),
                strays,
            ));
        }
        readings
    }
}

impl Watch {
    /// That the store was restored. Webhooks are taken in, so whoever sends them
    /// here is to go on with that: it is no fault.
    async fn restored(&self) -> Option<Check> {
        let check = |ok, detail| Some(Check { name: "restored", ok, detail });
        match self.engine.restoration().await {
            Ok(restoration) => {
                let since = restoration.filter(Restoration::stands)?.taken_at;
                check(true, format!("as of {since}: only listening until told to go on"))
            }
            Err(error) => check(false, error.to_string()),
        }
    }

    /// Whether what runs all the time does.
    fn tasks(&self) -> Check {
        let (unwell, latest) = (self.panics.unwell(), self.panics.latest());
        let detail = match (unwell, latest) {
            (_, None) => "running".to_owned(),
            (None, Some(last)) => format!(
                "running; the {} panicked last at {}, reference {}",
                last.task, last.at, last.reference
            ),
            (Some(task), Some(last)) => {
                format!("the {task} panics again and again, last reference {}", last.reference)
            }
        };
        Check { name: "tasks", ok: unwell.is_none(), detail }
    }

    /// What panicked since the start.
    fn panics(&self) -> impl Iterator<Item = Reading> {
        self.panics.counts().into_iter().map(|(task, count)| Reading {
            name: "panics",
            help: "Mistakes of ours that were caught, by what was started again",
            labels: vec![("task", task.to_owned())],
            value: Value::Counter(count),
        })
    }

    /// What is judged by, and how its last reload ended.
    async fn policies(&self) -> Vec<Reading> {
        let Ok(Some(known)) = Remembered::read(self.engine.store()).await else {
            return Vec::new();
        };
        let gauge =
            |name, help, labels, value| Reading { name, help, labels, value: Value::Gauge(value) };
        let moment = |at: Timestamp| number(at.timestamp().max(0).unsigned_abs());
        let cookbooks = self.engine.cookbooks();
        let version = vec![
            ("version", cookbooks.version.to_string()),
            ("commit", cookbooks.commit.clone().unwrap_or_default()),
        ];
        vec![
            gauge("policies_info", "The policies in force", version, 1.0),
            gauge(
                "policies_since_timestamp_seconds",
                "Since when they are in force",
                Vec::new(),
                moment(known.since),
            ),
            gauge(
                "policies_reload_ok",
                "Whether what was read last came into force",
                Vec::new(),
                f64::from(u8::from(known.problem.is_none())),
            ),
            gauge(
                "policies_reload_timestamp_seconds",
                "When they were last read, at start or later",
                Vec::new(),
                moment(known.read_at),
            ),
        ]
    }

    /// What is held back, and how much of the limits of the day is used.
    async fn brakes(&self) -> Vec<Reading> {
        let mut readings = Vec::new();
        let mut gauge = |name, help, label: (&'static str, &str), value| {
            let labels = vec![(label.0, label.1.to_owned())];
            readings.push(Reading { name, help, labels, value: Value::Gauge(value) });
        };
        if let Ok(freezes) = self.engine.store().freezes().await {
            let frozen: Vec<Deed> =
                freezes.in_force(self.engine.now()).map(|(deed, _)| deed).collect();
            for deed in Deed::ALL {
                let value = f64::from(u8::from(frozen.contains(&deed)));
                let help = "Whether an operator has frozen it";
                gauge("frozen", help, ("what", deed.word()), value);
            }
        }
        if let Ok(holding) = breakers(self.engine.store()).await {
            for breaker in Breaker::ALL {
                let (found, word) = (holding.get(&breaker), ("breaker", breaker.word()));
                let help = "Whether it holds anything back, as the last sweep found it";
                gauge("breaker_holding", help, word, f64::from(u8::from(found.is_some())));
                let help = "How many leases wait for it";
                gauge("breaker_held", help, word, number(found.map_or(0, |found| found.held)));
                if let Some(found) = found {
                    let help = "Since when it holds something back";
                    let since = found.since.timestamp().max(0).unsigned_abs();
                    gauge("breaker_since_timestamp_seconds", help, word, number(since));
                }
            }
        }
        for (kind, most, used) in self.engine.day_limits().await.into_iter().flatten() {
            let help = "Most machines made or destroyed within 24 hours";
            gauge("day_limit", help, ("kind", kind), number(most));
            let help = "How many of them were, or have begun to be";
            gauge("day_limit_used", help, ("kind", kind), number(used));
        }
        readings
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn number(count: u64) -> f64 {
    count as f64
}
