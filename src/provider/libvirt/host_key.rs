//! The SSH host key of a machine, made by us before it first starts. So its
//! fingerprint is known without believing the guest, or whoever answers in
//! its place.

use std::{fmt, io};

use sha2::{Digest as _, Sha256};
use ssh_key::{
    HashAlg, LineEnding, PrivateKey,
    private::{Ed25519Keypair, Ed25519PrivateKey, KeypairData},
};

use crate::ports::clock::Entropy;

/// An Ed25519 host key.
pub(super) struct HostKey(PrivateKey);

impl HostKey {
    /// A key nobody else has.
    pub(super) fn new(entropy: &dyn Entropy) -> io::Result<Self> {
        // Each holds 122 random bits, the key 256.
        let mut secret = Sha256::new();
        for _ in 0..3 {
            secret.update(entropy.uuid().as_bytes());
        }
        Self::from_secret(secret.finalize().into())
    }

    fn from_secret(secret: [u8; 32]) -> io::Result<Self> {
        let pair = Ed25519Keypair::from(Ed25519PrivateKey::from_bytes(&secret));
        PrivateKey::new(KeypairData::Ed25519(pair), "").map(Self).map_err(io::Error::other)
    }

    /// As `ssh-keygen -l` shows it, without length and comment.
    pub(super) fn fingerprint(&self) -> String {
        format!("{} (ED25519)", self.0.fingerprint(HashAlg::Sha256))
    }

    /// As `sshd` reads it. For nobody but the guest.
    pub(super) fn private(&self) -> io::Result<String> {
        let written = self.0.to_openssh(LineEnding::LF).map_err(io::Error::other)?;
        Ok(written.as_str().to_owned())
    }

    pub(super) fn public(&self) -> io::Result<String> {
        self.0.public_key().to_openssh().map_err(io::Error::other)
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostKey({})", self.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use ssh_key::{HashAlg, PrivateKey, PublicKey};
    use uuid::Uuid;

    use super::HostKey;
    use crate::ports::clock::Entropy;

    #[derive(Default)]
    struct Counter(AtomicU64);

    impl Entropy for Counter {
        fn uuid(&self) -> Uuid {
            Uuid::from_u128(self.0.fetch_add(1, Ordering::Relaxed).into())
        }
    }

    #[test]
    fn both_halves_and_the_fingerprint_belong_together() {
        let key = HostKey::new(&Counter::default()).unwrap();
        let private = PrivateKey::from_openssh(key.private().unwrap()).unwrap();
        let public = PublicKey::from_openssh(&key.public().unwrap()).unwrap();
        assert_eq!(private.public_key().key_data(), public.key_data());
        let fingerprint = public.fingerprint(HashAlg::Sha256).to_string();
        assert_eq!(key.fingerprint(), format!("{fingerprint} (ED25519)"));
    }

    #[test]
    fn every_machine_has_its_own() {
        let entropy = Counter::default();
        let [one, two] = [(); 2].map(|()| HostKey::new(&entropy).unwrap().fingerprint());
        assert_ne!(one, two);
    }

    #[test]
    fn the_private_half_is_not_shown() {
        let key = HostKey::new(&Counter::default()).unwrap();
        let private = key.private().unwrap();
        let secret = private.lines().nth(3).unwrap();
        assert!(!format!("{key:?} {key:#?}").contains(secret));
    }
}
