//! Amounts as people write them: memory, disk space, processors, lengths of
//! time. Parsed once at the border, bounded, and printed back normalised:
//! parsing what was printed gives the same amount.
//!
//! Every parse error is a sentence for the person who wrote the amount.

mod delay;
mod lifetime;
mod size;
mod span;
mod vcpus;
pub(crate) mod written;

pub use delay::{Delay, ParseDelayError};
pub use lifetime::{Lifetime, ParseLifetimeError};
pub use size::{Mebibytes, ParseSizeError, Unit};
pub use vcpus::{ParseVcpusError, Vcpus};
