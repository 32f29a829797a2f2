//! What the bot says.
pub mod markdown;
pub mod safe;
