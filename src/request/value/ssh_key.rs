//! SSH public keys.
//!
//! A key is taken apart far enough to know that it is what it says: the
//! algorithm named inside must be the one named outside. Options and comments
//! are not kept, so nothing but `algorithm base64` can reach a machine.

#[cfg(test)]
mod tests;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use sha2::{Digest as _, Sha256};

use super::{Value, problem::Problem, written::Written};
use crate::violation::Violation;

/// The least bits of an RSA key.
const MIN_RSA_BITS: usize = 2048;

/// What follows the algorithm's name inside a key.
#[derive(Clone, Copy)]
enum Shape {
    /// 32 bytes.
    Ed25519,
    /// The curve's name and a point.
    Ecdsa(&'static str),
    /// Exponent and modulus.
    Rsa,
    /// 32 bytes and the application.
    SkEd25519,
    /// Curve, point and application.
    SkEcdsa,
}

const ALGORITHMS: [(&str, Shape); 7] = [
    ("ssh-ed25519", Shape::Ed25519),
    ("ecdsa-sha2-nistp256", Shape::Ecdsa("nistp256")),
    ("ecdsa-sha2-nistp384", Shape::Ecdsa("nistp384")),
    ("ecdsa-sha2-nistp521", Shape::Ecdsa("nistp521")),
    ("ssh-rsa", Shape::Rsa),
    ("sk-ssh-ed25519@openssh.com", Shape::SkEd25519),
    ("sk-ecdsa-sha2-nistp256@openssh.com", Shape::SkEcdsa),
];

/// Why a line is not a public key that is accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum KeyError {
    #[error(
        "the key has options in front, which are not accepted: start the line with the algorithm, for example `ssh-ed25519`"
    )]
    Options,
    #[error("this is not an SSH public key: it starts with an algorithm such as `ssh-ed25519`")]
    Unknown,
    #[error("DSA keys are no longer safe: make a new pair with `ssh-keygen -t ed25519`")]
    Dsa,
    #[error("the line contains a control character: copy the key again")]
    Control,
    #[error("the key is damaged or cut off: copy the whole line from the `.pub` file again")]
    Damaged,
    #[error(
        "the line says `{0}`, but the key inside is of another kind: copy the whole line again"
    )]
    Mismatch(&'static str),
    #[error(
        "the RSA key has {0} bits; at least 2048 are needed: make a new pair with `ssh-keygen -t ed25519`"
    )]
    ShortRsa(usize),
}

/// Every key, one a line, each once; everything that is wrong, line by line.
pub(super) fn read(written: &Written) -> Result<Value, Vec<Violation>> {
    let lines = written.lines();
    let private = |text: &str| text.contains("PRIVATE KEY") || text.contains("PuTTY-User-Key-File");
    if let Some((line, _)) = lines.iter().find(|(_, text)| private(text)) {
        return Err(vec![
            Problem::unreadable("That is a private key: treat it as lost and make a new pair")
                .at(*line)
                .hint("Remove it here, and give the contents of the new `.pub` file.")
                .into(),
        ]);
    }
    let mut keys: Vec<String> = Vec::new();
    let mut violations = Vec::new();
    for (line, text) in lines {
        match parse(text) {
            Ok(key) if keys.contains(&key) => {}
            Ok(key) => keys.push(key),
            Err(error) => violations.push(Problem::unreadable(error).at(line).into()),
        }
    }
    if violations.is_empty() { Ok(Value::SshKeys(keys)) } else { Err(violations) }
}

/// One line as `algorithm base64`.
fn parse(line: &str) -> Result<String, KeyError> {
    let line = line.trim();
    if line.contains(|character: char| character.is_control() && character != '\t') {
        return Err(KeyError::Control);
    }
    let mut words = line.split_whitespace();
    let name = words.next().unwrap_or("");
    if name == "ssh-dss" {
        return Err(KeyError::Dsa);
    }
    let Some((name, shape)) = ALGORITHMS.iter().find(|(known, _)| *known == name) else {
        let later = line.split([' ', '\t']).skip(1);
        let has_key =
            later.into_iter().any(|word| ALGORITHMS.iter().any(|(known, _)| *known == word));
        return Err(if has_key { KeyError::Options } else { KeyError::Unknown });
    };
    let encoded = words.next().unwrap_or("");
    let blob = STANDARD
        .decode(encoded)
        .or_else(|_| STANDARD_NO_PAD.decode(encoded))
        .map_err(|_| KeyError::Damaged)?;
    let (inner, fields) = split_string(&blob).ok_or(KeyError::Damaged)?;
    if inner != name.as_bytes() {
        return Err(KeyError::Mismatch(name));
    }
    check(*shape, fields)?;
    Ok(format!("{name} {}", STANDARD.encode(&blob)))
}

fn check(shape: Shape, fields: &[u8]) -> Result<(), KeyError> {
    let strings = all_strings(fields).ok_or(KeyError::Damaged)?;
    let sound = match (shape, strings.as_slice()) {
        (Shape::Ed25519, [key]) => key.len() == 32,
        (Shape::SkEd25519, [key, application]) => key.len() == 32 && !application.is_empty(),
        (Shape::Ecdsa(curve), [name, point]) => *name == curve.as_bytes() && !point.is_empty(),
        (Shape::SkEcdsa, [name, point, application]) => {
            *name == b"nistp256" && !point.is_empty() && !application.is_empty()
        }
        (Shape::Rsa, [exponent, modulus]) => {
            let bits = bits(modulus);
            if bits < MIN_RSA_BITS {
                return Err(KeyError::ShortRsa(bits));
            }
            !exponent.is_empty()
        }
        _ => false,
    };
    if sound { Ok(()) } else { Err(KeyError::Damaged) }
}

/// Bits of a positive number in SSH's `mpint` encoding.
fn bits(number: &[u8]) -> usize {
    let digits: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
    digits.first().map_or(0, |first| digits.len() * 8 - first.leading_zeros() as usize)
}

/// SSH's `string`: four bytes of length, then as many bytes.
fn split_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

fn all_strings(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut strings = Vec::new();
    while !bytes.is_empty() {
        let (string, rest) = split_string(bytes)?;
        strings.push(string);
        bytes = rest;
    }
    Some(strings)
}

/// `ssh-ed25519 SHA256:…`, as `ssh-keygen -l` prints it.
pub(super) fn fingerprint(key: &str) -> String {
    let (name, encoded) = key.split_once(' ').unwrap_or((key, ""));
    let digest = Sha256::digest(STANDARD.decode(encoded).unwrap_or_default());
    format!("{name} SHA256:{}", STANDARD_NO_PAD.encode(digest))
}
