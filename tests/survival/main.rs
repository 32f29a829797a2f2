//! The real program under load, killed again and again, its outside cut off and
//! its disk filled; and then everything is counted: nothing is lost, nothing is
//! done twice, nobody was surprised.
//!
//! A run is a number of kills and a seed, which decides what happens when. Since
//! processes run as they like, a seed makes a run alike, not the same.

#![cfg(feature = "libvirt")]
#![expect(clippy::unwrap_used, reason = "this is a test")]

use std::path::Path;

mod clock;
mod count;
mod database;
#[path = "../simulation/dice.rs"]
#[expect(dead_code, reason = "made for the simulation; some throws are not needed here")]
mod dice;
mod host;
#[path = "../common/libvirtd.rs"]
mod libvirtd;
mod people;
mod play;
#[path = "../common/postgres.rs"]
#[expect(dead_code, reason = "made for the store's tests; here each run has a server of its own")]
mod postgres;
mod proxy;
mod service;
mod strike;
mod town;
mod world;

use self::{
    database::Kind,
    play::{Plan, play},
};

/// Whether there is a libvirtd to run; where everything is tested there has to be.
fn can_run() -> bool {
    let can = [libvirtd::PROGRAM, "/usr/bin/virsh"].iter().all(|path| Path::new(path).exists());
    if !can {
        assert!(
            told("CI").is_none(),
            "libvirtd and virsh are not installed: `make check-setup-tests`"
        );
        say("ignored: no libvirtd and virsh");
    }
    can
}

#[expect(clippy::print_stderr, reason = "what a run tells whoever started it")]
fn say(what: &str) {
    eprintln!("{what}");
}

#[expect(clippy::disallowed_methods, reason = "how a person says what to run")]
fn told(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn number<T: std::str::FromStr>(name: &str, default: T) -> T {
    told(name).map_or(default, |value| value.parse().ok().unwrap_or_else(|| panic!("{name}?")))
}

/// As often as there is time for among all the other tests.
fn few(kind: Kind, replicas: usize) -> Plan {
    Plan { kills: 10, seed: 1, rate: 14_400, kind, replicas }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_ten_times_it_loses_nothing_and_does_nothing_twice() {
    if can_run() {
        play(&few(Kind::Sqlite, 1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_killed_ten_times_lose_nothing_and_do_nothing_twice() {
    if can_run() {
        play(&few(Kind::Postgres, 2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make test-kill"]
async fn killed() {
    let kind = match told("STORE").as_deref() {
        None | Some("sqlite") => Kind::Sqlite,
        Some("postgres") => Kind::Postgres,
        Some(other) => panic!("STORE={other}? There are sqlite and postgres."),
    };
    let replicas = if kind == Kind::Postgres { 3 } else { 1 };
    let plan = Plan {
        kills: number("KILLS", 200),
        seed: number("SEED", 1),
        rate: number("RATE", 7_200),
        kind,
        replicas: number("REPLICAS", replicas),
    };
    assert!(can_run());
    play(&plan).await;
}
