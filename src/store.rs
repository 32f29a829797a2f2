//! Stores: adapters of [`ports::store`](crate::ports::store), and what they share.

pub mod audit_chain;
pub mod backup;
mod set_aside;
pub mod sql;
