//! All stories: the same on every forge.

mod adopt;
mod approval;
mod brakes;
mod breakers;
mod changes;
mod commands;
mod crash;
mod decisions;
mod faults;
mod forge_details;
mod forms;
mod hooks;
pub(crate) mod host;
mod issue_life;
mod life;
mod log;
mod matrix;
mod on_postgres;
mod panics;
mod places;
mod policies;
mod poll;
#[path = "../common/postgres.rs"]
#[expect(dead_code, reason = "made for several tests; some of it is not needed here")]
pub(crate) mod postgres;
#[path = "../common/provider_contract.rs"]
pub(crate) mod provider_contract;
mod provider_faults;
mod quotas;
mod recovery;
mod rehome;
mod room;
mod time;
pub(crate) mod world;
