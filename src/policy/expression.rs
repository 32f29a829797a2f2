//! One CEL expression of a cookbook, compiled and checked when loaded.

/// A checked expression.
#[derive(Clone, Debug)]
pub struct Expression;
