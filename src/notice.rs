//! What the bot says.
pub mod markdown;
