//! Whole lives of Innkeeper, each from one number: the real engine over a
//! simulated outside, in which everything may fail, and laws that must hold
//! after each step. The same number plays the same history.
//!
//! `cargo test --test simulation` plays some; `make simulate SEEDS=N FROM=K`
//! plays many and tells how it went.

#![expect(clippy::print_stderr, reason = "a history that breaks a law is told")]
#![expect(
    clippy::unused_self,
    clippy::struct_excessive_bools,
    clippy::match_same_arms,
    clippy::needless_for_each,
    clippy::for_kv_map,
    reason = "a script of what happens reads like one"
)]

mod dice;
mod forge;
mod gate;
mod hooks;
mod laws;
#[path = "../common/memory_store.rs"]
mod memory_store;
mod people;
mod play;
mod policies;
mod provider;
mod replica;
mod report;
mod sabotage;
mod store;
mod story;
mod twin;
mod weather;
mod world;

use self::{
    play::{Telling, play, play_broken, play_on_both},
    report::Report,
};

#[test]
fn the_same_seed_plays_the_same_history() {
    for seed in [0, 4, 9] {
        assert_eq!(play(seed, Telling::Nothing).hash, play(seed, Telling::LastSteps).hash);
    }
    assert_ne!(play(4, Telling::Nothing).hash, play(5, Telling::Nothing).hash);
}

#[test]
fn calm_histories_are_whole_lives() {
    let played = [0, 10, 20].map(|seed| play(seed, Telling::Nothing));
    for played in &played {
        assert_eq!(played.broken, None);
    }
    let machines: u64 = played.iter().map(|played| played.machines).sum();
    assert!(machines > 0, "nobody got a machine");
}

#[test]
fn the_laws_hold_in_some_histories() {
    let report = Report::of(0..BOUNDED, 2, false);
    report.print(Telling::LastSteps);
    assert!(report.is_well(), "laws were broken");
}

/// The file that a real Innkeeper keeps answers as the memory does.
#[test]
fn the_laws_hold_on_sqlite_as_well() {
    let played = play_on_both(8, Telling::Nothing);
    assert_eq!(played.broken, None);
    assert_eq!(played.hash, play(8, Telling::Nothing).hash, "it is the same history");
}

/// How many seeds are played when all tests are.
const BOUNDED: u64 = 20;

/// How many histories a break may take until the law that is meant notices.
const MOST: u64 = 200;

/// Each law notices when it is broken.
#[test]
#[ignore = "takes minutes in a debug build: make mutate"]
fn every_law_notices_its_break() {
    let mut missed = Vec::new();
    for (law, sabotage, laws) in sabotage::ALL {
        let caught = (4..4 + MOST).find_map(|seed| {
            let (name, _) = play_broken(seed, Telling::Nothing, Some(*sabotage)).broken?;
            laws.contains(&name).then_some((seed, name))
        });
        match caught {
            Some((seed, name)) => {
                eprintln!("| {law} | {sabotage:?} | {name} | {} |", seed - 3);
            }
            None => missed.push((law, sabotage)),
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

/// As many as the environment says: `make simulate`.
#[test]
#[ignore = "plays as many as it is told: make simulate"]
#[expect(clippy::disallowed_methods, reason = "what to play is told by the environment")]
fn simulate() {
    let number = |name: &str, usual: u64| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
    };
    let (seeds, from) = (number("SEEDS", 1_000), number("FROM", 0));
    let both = number("SQLITE", 0) > 0;
    let report = Report::of(from..from + seeds, number("THREADS", 2), both);
    let whole = number("STORY", 0) > 0;
    report.print(if whole { Telling::Everything } else { Telling::LastSteps });
    assert!(report.is_well(), "laws were broken");
}
