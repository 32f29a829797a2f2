//! Markdown that is safe to post.

use serde::{Deserialize, Serialize};

/// Text ready for the forge: foreign parts in it were made inert. Only
/// rendering a template makes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Markdown(String);

impl Markdown {
    /// For the renderer: `text` came from a template, and everything foreign in
    /// it went through [`safe`](super::safe).
    pub(crate) fn rendered(text: String) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
