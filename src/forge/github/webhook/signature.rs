//! Whether a delivery knows a secret.

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

/// The bytes of `X-Hub-Signature-256: sha256=…`, an HMAC over the body as it
/// was sent. The older `X-Hub-Signature` is SHA-1, and not looked at.
pub(super) struct Signature(Option<[u8; 32]>);

impl Signature {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get("x-hub-signature-256").and_then(|value| value.to_str().ok());
        Self(given.and_then(|given| given.strip_prefix("sha256=")).and_then(bytes))
    }

    /// As long in time whether there is a signature or not.
    pub(super) fn fits(&self, secret: &SecretString, body: &[u8]) -> bool {
        let secret = secret.expose_secret();
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return false };
        mac.update(body);
        let given = self.0.unwrap_or_default();
        let equal = mac.verify_slice(&given).is_ok();
        equal && self.0.is_some() && !secret.is_empty()
    }
}

fn bytes(hexadecimal: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> =
        hexadecimal.chars().map(|c| c.to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |all, digit| all << 4 | digit))
        .collect();
    bytes.try_into().ok().filter(|_| digits.len() == 64)
}
