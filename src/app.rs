//! The composition root.
pub mod system;
pub mod watch;
