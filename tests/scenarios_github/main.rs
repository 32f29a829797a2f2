//! The same stories on the rehearsal GitHub.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a story that cannot go on has failed"
)]
#![expect(clippy::print_stderr, reason = "a story that fails tells how far it came")]

use innkeeper::rehearsal::Dialect;

/// Where the stories happen.
const FORGE: Dialect = Dialect::GitHub;

/// A story about what GitHub has not got: it is listed as ignored, with the
/// reason.
macro_rules! only_on_gitlab {
    ($why:literal: $story:item) => {
        #[tokio::test]
        #[ignore = $why]
        $story
    };
}

#[path = "../scenarios/stories.rs"]
mod stories;
use stories::{host, provider_contract, world};
