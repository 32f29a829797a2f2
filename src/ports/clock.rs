//! Time and randomness, the two inputs the core never reaches for itself.

use uuid::Uuid;

use crate::identity::Timestamp;

/// Tells the time. The system's in service; a moved one in demo and tests.
pub trait Clock: Send + Sync {
    /// The moment it is now.
    fn now(&self) -> Timestamp;
}

/// Makes ids nobody has used before. Seeded in simulations.
pub trait Entropy: Send + Sync {
    /// A fresh random (version 4) UUID.
    fn uuid(&self) -> Uuid;
}
