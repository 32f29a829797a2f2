//! Stories over real HTTP with a moved clock. Each ends with nothing left over.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a story that cannot go on has failed"
)]
#![expect(clippy::print_stderr, reason = "a story that fails tells how far it came")]

mod adopt;
mod approval;
mod changes;
mod commands;
mod crash;
mod faults;
mod forge_details;
mod hooks;
mod host;
mod issue_life;
mod life;
#[path = "../common/provider_contract.rs"]
mod provider_contract;
mod provider_faults;
mod room;
mod time;
mod world;
