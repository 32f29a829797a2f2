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
mod libvirtd;
mod memory;
mod pages;
mod payloads;
mod payloads_github;
mod policy;
mod real_forms;
mod recovery;
mod refusals;
mod reload;
mod restart;
mod serve;
mod setup;
mod setup_github;
#[path = "../store/builders.rs"]
#[expect(dead_code, reason = "made for the store's tests; few are needed here")]
mod state;
mod status;
mod templates;
