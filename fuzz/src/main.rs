//! Fuzzing what reads foreign text: `make fuzz TARGET=request SECONDS=60`.
//!
//! One program for all targets, because linking one takes longer than a first
//! look at its result; `INNKEEPER_FUZZ` names the one to run.

#![no_main]

mod targets;

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

/// No input may take longer, under instrumentation that makes everything some
/// ten times slower than it is in the service.
const LONGEST: Duration = Duration::from_secs(4);

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("INNKEEPER_FUZZ").unwrap_or_default();
    let target = targets::TARGETS.iter().find(|(known, _)| *known == name);
    let known: Vec<&str> = targets::TARGETS.iter().map(|(known, _)| *known).collect();
    target.unwrap_or_else(|| panic!("INNKEEPER_FUZZ is one of {known:?}")).1
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let begun = Instant::now();
    TARGET(data);
    let took = begun.elapsed();
    assert!(took < LONGEST, "{} bytes took {took:?}", data.len());
});
