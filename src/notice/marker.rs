//! The hidden first line of our comments and issues, by which one whose posting
//! was not answered is found again. It proves nothing by itself: whoever looks
//! for it checks the author as well.

use uuid::Uuid;

use super::markdown::Markdown;
use crate::identity::{Digest, ProviderName};

/// Which of our comments or issues it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marker {
    /// The one that is edited in place.
    Sticky,
    /// The one that this effect posts.
    Effect(Digest),
    /// The issue of a machine that was found on a provider.
    Adopted(ProviderName, Uuid),
}

impl Marker {
    /// The marker of the comment that the effect with this key posts.
    #[must_use]
    pub fn of_effect(key: &str) -> Self {
        Self::Effect(Digest::of(key))
    }

    fn line(&self) -> String {
        match self {
            Self::Sticky => "<!-- innkeeper:sticky -->".to_owned(),
            Self::Effect(key) => format!("<!-- innkeeper:{} -->", key.short()),
            Self::Adopted(provider, uuid) => {
                // Nothing of the operator's name may end the comment.
                let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
                let provider: String = provider.as_str().chars().filter(plain).collect();
                format!("<!-- innkeeper:adopted {provider} {uuid} -->")
            }
        }
    }

    /// Whether a comment or description begins with it.
    #[must_use]
    pub fn is_in(&self, body: &str) -> bool {
        body.trim_start().lines().next().is_some_and(|line| line.trim_end() == self.line())
    }
}

impl Markdown {
    /// The same text under a marker.
    #[must_use]
    pub fn marked(&self, marker: &Marker) -> Self {
        Self::rendered(format!("{}\n\n{}", marker.line(), self.as_str()))
    }
}
