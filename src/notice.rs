//! What the bot says.

pub mod markdown;

use serde::{Deserialize, Serialize};

/// An answer on an issue: one template each, its fields the template's context.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "template", rename_all = "kebab-case")]
pub enum Reply {
    /// The table of commands.
    Help,
    /// Where everything stands.
    Status,
}
