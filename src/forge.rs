//! Forges: where requests are filed and answered.

pub mod github;
pub mod gitlab;
pub mod http;
pub mod traffic;
