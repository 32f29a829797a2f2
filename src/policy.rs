//! Whether a request may be granted, and who decides.

pub mod expression;

use serde::{Deserialize, Serialize};

use crate::violation::Violation;

/// What policy says of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Everything that stands in the way, at once.
    pub violations: Vec<Violation>,
}
