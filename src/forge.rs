//! Forges: where requests are filed and answered.

pub mod gitlab;
pub mod http;
