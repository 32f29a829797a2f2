//! Innkeeper: an issue asks for a machine; Innkeeper reads it, checks it
//! against policy, gets the approval, checks the guest in, and checks it out
//! again on time, never by surprise. `ARCHITECTURE.md` is the map.
//!
//! Names point one way: adapters -> engine -> core. `tests/architecture.rs`
//! holds it.

// core: no clock, no socket, no randomness
pub mod brake;
pub mod calendar;
pub mod command;
pub mod cookbook;
pub mod effect;
pub mod hook;
pub mod identity;
pub mod lease;
pub mod machine;
pub mod notice;
pub mod personal;
pub mod policy;
pub mod quantity;
pub mod request;
pub mod schedule;
pub mod setup;
pub mod usage;
pub mod violation;

// ports and the loop
pub mod engine;
pub mod ports;

// adapters
pub mod forge;
pub mod hooks;
pub mod provider;
pub mod rehearsal;
pub mod scheduler;
pub mod store;
pub mod web;

// the outside: configuration, composition root, command line
pub mod app;
pub mod cli;
pub mod config;
