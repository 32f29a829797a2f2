//! `GET /healthz`: the process runs. `GET /readyz`: it can do its work.

use std::fmt::Write as _;

use async_trait::async_trait;
use axum::{extract::State, http::StatusCode};

use super::Shared;

/// Looks at what the work depends on.
#[async_trait]
pub trait Readiness: Send + Sync {
    /// One check for each thing the work depends on; takes a second at most.
    async fn checks(&self) -> Vec<Check>;
}

/// How one thing is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was looked at: `store`, `cookbooks`, `sweep`.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// How it is, in a few words. Anybody who reaches the port can read it.
    pub detail: String,
}

pub(super) async fn alive() -> &'static str {
    "ok\n"
}

pub(super) async fn ready(State(shared): State<Shared>) -> (StatusCode, String) {
    let checks = shared.state.readiness.checks().await;
    let mut text = String::new();
    for Check { name, ok, detail } in &checks {
        let state = if *ok { "ok" } else { "NOT OK" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name}: {state} ({detail})");
    }
    let is_ready = checks.iter().all(|check| check.ok);
    (if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, text)
}
