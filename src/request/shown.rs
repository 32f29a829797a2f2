//! What an issue was made to show, remembered so that what somebody changes by
//! hand is told from a view that is only late.

use serde::{Deserialize, Serialize};

/// What the issue of a request was made to show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shown {
    /// It was seen to be hidden from all but members, as its cookbook wants it.
    pub confidential: bool,
    /// It got the labels its cookbook puts on; once.
    pub extra_labels: bool,
}
