//! Markdown that is safe to post.

use serde::{Deserialize, Serialize};

/// Text ready for the forge: foreign parts in it were made inert. Only
/// rendering a template makes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Markdown(String);

impl Markdown {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
