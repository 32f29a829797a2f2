//! What an issue was made to show, remembered so that what somebody changes by
//! hand is told from a view that is only late.

use serde::{Deserialize, Serialize};

use crate::identity::UserId;

/// What the issue of a request was made to show, and what was said about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each remembers one thing that was done once")]
pub struct Shown {
    /// It was seen to be hidden from all but members, as its cookbook wants it.
    pub confidential: bool,
    /// It got the labels its cookbook puts on; once.
    pub extra_labels: bool,
    /// The label of its state; the last one counts. While it is changed, what
    /// it was is before that.
    pub labels: Vec<String>,
    /// Whose emoji of approval were seen.
    pub agreed: Vec<UserId>,
    /// It was moved to where its request cannot follow.
    pub moved_away: bool,
    /// It is gone or hidden from us, and that was told.
    pub gone: bool,
}
