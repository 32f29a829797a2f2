//! Whether a request may be granted, and who decides.

pub mod expression;
