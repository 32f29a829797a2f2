//! Ganeti keeps the contract of all providers, and what it adds to it: against
//! a small RAPI that replays what a cluster was seen to do (always), and against
//! a real cluster (when asked to: see `real.rs`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use innkeeper::provider::ganeti::{Credentials, Defaults, Settings, Trust};
use url::Url;

#[path = "../common/provider_contract.rs"]
mod contract;
mod http;
mod pace;
mod rapi;
mod real;
mod replayed;

/// Settings for a test; `user` as `NAME:PASSWORD`.
fn settings(url: Url, writer: &str, reader: Option<&str>, trust: Trust) -> Settings {
    let credentials = |both: &str| {
        let (user, password) = both.split_once(':').unwrap();
        Credentials { user: user.to_owned(), password: password.into() }
    };
    Settings {
        name: "gnt1".into(),
        url,
        domain: "gnt.test".to_owned(),
        writer: credentials(writer),
        reader: reader.map(credentials),
        trust,
        call_timeout: Duration::from_mins(1),
        stop_timeout: Duration::from_secs(10),
        connections: 4,
        defaults: Defaults {
            disk_template: "file".to_owned(),
            os: Some("noop".to_owned()),
            ..Defaults::default()
        },
    }
}
