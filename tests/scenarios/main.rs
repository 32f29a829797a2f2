//! Stories over real HTTP with a moved clock, on the rehearsal GitLab. Each ends
//! with nothing left over.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a story that cannot go on has failed"
)]
#![expect(clippy::print_stderr, reason = "a story that fails tells how far it came")]

use innkeeper::rehearsal::Dialect;

/// Where the stories happen.
const FORGE: Dialect = Dialect::GitLab;

/// A story about what other forges have not got, and why it is not played
/// there.
macro_rules! only_on_gitlab {
    ($why:literal: $story:item) => {
        #[tokio::test]
        $story
    };
}

#[path = "stories.rs"]
mod stories;
use stories::{host, provider_contract, world};
