//! Running the operator's hooks.

use async_trait::async_trait;
use serde::Serialize;

use super::PortError;
use crate::hook::{Hook, Point};

/// The operator's hooks, and how to run one.
#[async_trait]
pub trait HookRunner: Send + Sync {
    /// All of them, in the order they are run.
    fn hooks(&self) -> &[Hook];

    /// Runs one once, and returns what it said, a line at most.
    ///
    /// # Errors
    ///
    /// When it failed, said so, or took too long. It may have taken effect
    /// nevertheless; it is run again with the same input, so it has to be
    /// idempotent.
    async fn run(&self, hook: &Hook, input: &Input) -> Result<String, PortError>;
}

/// What a hook is told, as JSON. Names and addresses are those that we chose
/// or the provider gave, never what a guest or a user claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Input {
    /// Grows when a key changes its meaning.
    pub version: u32,
    /// When in the machine's life.
    pub point: Point,
    /// Stays the same when the same run is tried again; another for another
    /// step, and after a sysadmin's `retry`.
    pub idempotency_key: String,
    /// The lease's id.
    pub lease: String,
    /// The cookbook's name.
    pub cookbook: String,
    /// The machine's name.
    pub machine: String,
    /// The provider's id for it, once known.
    pub uuid: Option<String>,
    /// The provider's name.
    pub provider: String,
    /// Addresses the provider gave it, as they were last known.
    pub addresses: Vec<String>,
    /// Processors.
    pub vcpus: u16,
    /// Memory in MiB.
    pub memory_mebibytes: u64,
    /// Root disk in MiB.
    pub disk_mebibytes: u64,
    /// The owner's username on the forge.
    pub owner: String,
    /// The fallback owners' usernames.
    pub fallback: Vec<String>,
    /// The issue's page.
    pub issue_url: String,
    /// When the machine's next step is due, RFC 3339; before hand-over, when it
    /// will be stopped. None if none is due.
    pub deadline: Option<String>,
}

/// No hooks at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHooks;

#[async_trait]
impl HookRunner for NoHooks {
    fn hooks(&self) -> &[Hook] {
        &[]
    }

    async fn run(&self, hook: &Hook, _input: &Input) -> Result<String, PortError> {
        Err(PortError::give_up(format!("run hook {}", hook.name), "there are no hooks"))
    }
}
