//! How much was said to a forge, for the metrics.

use std::sync::atomic::AtomicU64;

/// How many requests were sent, by what became of them.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Answered with success.
    pub answered: AtomicU64,
    /// Answered with an error other than a rate limit.
    pub refused: AtomicU64,
    /// Answered with a rate limit.
    pub limited: AtomicU64,
    /// Not answered: time-outs, connection errors, broken answers.
    pub failed: AtomicU64,
}
