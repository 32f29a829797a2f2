//! Secrets: written in place, or in a file of their own.

use std::{fmt, fs, os::unix::fs::PermissionsExt as _, path::Path};

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What stands where a secret would be.
const HIDDEN: &str = "(hidden)";

/// A secret as it was written. Printed, it is masked.
#[derive(Clone, Debug)]
pub(super) struct Secret(pub(super) SecretString);

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

impl<'de> Deserialize<'de> for Secret {
    /// Says of anything but text only that it is not: the derived error would
    /// quote the value.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = SecretString;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text in quotes")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<SecretString, E> {
                Ok(SecretString::from(text))
            }
        }
        deserializer
            .deserialize_str(Text)
            .map(Self)
            .map_err(|_| de::Error::custom("a secret must be text in quotes"))
    }
}

/// Takes a text for a secret, or says what is wrong with it.
pub(super) type Usable = fn(&str) -> Result<SecretString, &'static str>;

/// The secret in a file, without the line break at its end.
pub(super) fn read(path: &Path, usable: Usable) -> Result<SecretString, String> {
    let shown = path.display();
    let text = fs::read_to_string(path)
        .map(SecretString::from)
        .map_err(|error| format!("the secret cannot be read from {shown}: {error}"))?;
    usable(text.expose_secret().trim_end_matches(['\r', '\n']))
        .map_err(|problem| format!("the secret in {shown} {problem}"))
}

/// A secret that can be sent in a header.
pub(super) fn one_line(text: &str) -> Result<SecretString, &'static str> {
    if text.trim().is_empty() {
        return Err("is empty");
    }
    if text.contains(char::is_control) {
        return Err("holds line breaks or other control characters; it must be one line");
    }
    Ok(SecretString::from(text))
}

/// A secret of several lines.
pub(super) fn text(text: &str) -> Result<SecretString, &'static str> {
    if text.trim().is_empty() { Err("is empty") } else { Ok(SecretString::from(text)) }
}

/// Whether accounts other than the owner and group may read the file.
pub(super) fn everybody_may_read(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

/// A line of the file, fit to be shown: nothing after a key or word that ends
/// in `token`, `password` or `private_key`, whatever is wrong with it, and no credentials in an
/// address.
pub(super) fn hide(line: &str) -> String {
    let token = ["token", "password", "private_key"]
        .into_iter()
        .flat_map(|word| line.match_indices(word))
        .map(|(start, word)| line.split_at(start + word.len()))
        .find(|(_, rest)| !rest.starts_with("_file") && !rest.trim().is_empty());
    if let Some((key, rest)) = token {
        let value = rest.trim_start_matches([' ', '\t', '=', ':']);
        return format!("{}{HIDDEN}", &line[..key.len() + rest.len() - value.len()]);
    }
    match line.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?))) {
        Some((scheme, (_, host))) => format!("{scheme}://{HIDDEN}@{host}"),
        None => line.to_owned(),
    }
}
