//! Stores: adapters of [`ports::store`](crate::ports::store), and what they share.

pub mod audit_chain;
pub mod sql;
