//! The hidden first line of our comments, by which a comment whose posting was
//! not answered is found again. It proves nothing by itself: whoever looks for
//! it checks the author as well.

use super::markdown::Markdown;
use crate::identity::Digest;

/// Which of our comments it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marker {
    /// The one that is edited in place.
    Sticky,
    /// The one that this effect posts.
    Effect(Digest),
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
        }
    }

    /// Whether a comment begins with it.
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
