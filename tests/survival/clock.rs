//! Time that flies. A machine lives for days, and the program knows no shorter
//! lives; so here the time of day goes thousands of times as fast, for the
//! program (which is told by a library that is loaded before its own), for the
//! forge, and for whoever counts. Time-outs and sleeping stay real.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use chrono::{DateTime, TimeDelta};
use innkeeper::{identity::Timestamp, ports::clock::Clock};

/// What every run shows first: a Monday morning.
const BEGIN: &str = "2026-11-30T08:00:00Z";

#[derive(Clone, Debug)]
pub(crate) struct FastClock {
    /// In real nanoseconds since 1970.
    begun: i64,
    shown: Timestamp,
    rate: i64,
    library: PathBuf,
}

impl FastClock {
    /// Begins now, `rate` times as fast. The library is built in this folder.
    pub(crate) fn start(rate: u32, folder: &Path) -> Self {
        let library = folder.join("clock.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/survival/clock.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o"]).arg(&library);
        assert!(compiler.arg(source).status().unwrap().success(), "the clock cannot be built");
        Self { begun: real(), shown: BEGIN.parse().unwrap(), rate: rate.into(), library }
    }

    /// Sets the time of a program that is about to be started.
    pub(crate) fn rule(&self, program: &mut Command) {
        let shown = self.shown.timestamp_nanos_opt().unwrap();
        let setting = format!("{} {shown} {}", self.begun, self.rate);
        program.env("LD_PRELOAD", &self.library).env("SURVIVAL_CLOCK", setting);
    }
}

impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        let shown = self.shown + TimeDelta::nanoseconds((real() - self.begun) * self.rate);
        // Stores keep milliseconds.
        DateTime::from_timestamp_millis(shown.timestamp_millis()).unwrap()
    }
}

#[expect(clippy::disallowed_methods, reason = "the one real clock of these tests")]
fn real() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_nanos()).unwrap()
}
