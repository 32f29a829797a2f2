//! What keeps the digests in the audit log from being matched with anything
//! once whoever wrote what they are of was forgotten.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::identity::Digest;

/// A secret of one request. The audit log, which nobody can change, holds
/// digests sealed with it. A form has few likely answers, so its bare digest
/// could be found by trying; without the salt, the sealed one cannot.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Salt(Uuid);

impl Salt {
    /// From a fresh random number.
    #[must_use]
    pub fn new(random: Uuid) -> Self {
        Self(random)
    }

    /// The digest as the audit log holds it.
    #[must_use]
    pub fn seal(&self, digest: &Digest) -> Digest {
        Digest::keyed(self.0.as_bytes(), digest.to_string())
    }
}

impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salt")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_digest_says_nothing_without_the_salt() {
        let (one, other) = (Salt::new(Uuid::from_u128(1)), Salt::new(Uuid::from_u128(2)));
        let digest = Digest::of("a form");
        assert_eq!(one.seal(&digest), one.seal(&digest));
        assert_ne!(one.seal(&digest), other.seal(&digest));
        assert_ne!(one.seal(&digest), digest);
        assert_eq!(format!("{one:?}"), "Salt");
    }
}
