//! What people do themselves where nothing is automated yet.

use super::Principal;

/// What happens with an approved request that makes no machine: somebody
/// follows the steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guide {
    /// What is to be done, in order.
    pub steps: Vec<String>,
    /// Who does it, and says when it is done.
    pub by: Vec<Principal>,
    /// One sentence above the steps; may be empty.
    pub summary: String,
}
