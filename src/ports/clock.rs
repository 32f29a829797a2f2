//! Time and randomness, the two inputs the core never reaches for itself.

use std::time::Duration;

use uuid::Uuid;

use crate::identity::Timestamp;

/// Tells the time. The system's in service; a moved one in demo and tests.
pub trait Clock: Send + Sync {
    /// The moment it is now.
    fn now(&self) -> Timestamp;

    /// How much time has passed since some moment before this process began, by
    /// a clock that nobody can set; `None` if there is none. Shows when the other
    /// one is moved.
    fn running(&self) -> Option<Duration> {
        None
    }
}

/// Makes ids nobody has used before. Seeded in simulations.
pub trait Entropy: Send + Sync {
    /// A fresh random (version 4) UUID.
    fn uuid(&self) -> Uuid;
}
