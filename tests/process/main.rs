//! The real program, started as an operator starts it: `serve`, `check`,
//! `status`, `doctor`, `adopt`, `setup` and `template`, seen from outside. Everything is on 127.0.0.1 and
//! in folders that go away.

#![expect(clippy::unwrap_used, reason = "this is a test")]

mod adopt;
mod audit;
mod chain;
mod check;
mod doctor;
mod forge;
mod forget;
mod freeze;
mod hostile;
mod house;
#[path = "../common/libvirtd.rs"]
mod libvirtd;
mod many;
mod memory;
mod pages;
mod parting;
mod payloads;
mod payloads_github;
mod policy;
mod postgres;
mod queue;
mod real_forms;
mod recovery;
mod refusals;
mod rehome;
mod reload;
mod restart;
mod secrets;
mod serve;
#[path = "../common/postgres.rs"]
#[expect(dead_code, reason = "made for several tests; some of it is not needed here")]
mod server;
mod setup;
mod setup_github;
mod siege;
#[path = "../store/builders.rs"]
#[expect(dead_code, reason = "made for the store's tests; few are needed here")]
mod state;
mod status;
mod templates;
