//! The ids and names everything else is keyed by, each a type of its own so
//! that a note id can never be passed where a user id is meant.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// A moment, always in UTC. Time zones appear only when people read it.
pub type Timestamp = chrono::DateTime<chrono::Utc>;

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

number_id! {
    /// A project's numeric id on its forge; survives renames and transfers.
    ProjectId
}
number_id! {
    /// The number of an issue within its project (GitLab's `iid`).
    IssueNumber
}
number_id! {
    /// A comment's id, unique on its forge.
    NoteId
}
number_id! {
    /// A person's (or bot's) numeric id on the forge; survives renames.
    UserId
}
uuid_id! {
    /// A lease. Written into the machine's metadata, so that a machine can be
    /// recognised as ours whatever happened to its name.
    LeaseId
}
uuid_id! {
    /// What one issue asks for.
    RequestId
}
text_id! {
    /// The name the operator gave a forge in the configuration, e.g. `gitlab`.
    ForgeName
}
text_id! {
    /// The name the operator gave a provider in the configuration, e.g. `kvm1`.
    ProviderName
}
text_id! {
    /// A cookbook's name: its file name without `.toml`.
    CookbookName
}
text_id! {
    /// A form field's name, as cookbooks and rules spell it, e.g. `memory`.
    FieldName
}
text_id! {
    /// A machine's name on its provider. Made from a checked host name, so it
    /// holds only lower-case letters, digits and hyphens.
    MachineName
}

/// Where an issue is: enough to find it again after renames and transfers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IssueRef {
    /// Which of the configured forges.
    pub forge: ForgeName,
    /// The project's numeric id.
    pub project: ProjectId,
    /// The issue's number within the project.
    pub number: IssueNumber,
}

impl fmt::Display for IssueRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}#{}", self.forge, self.project, self.number)
    }
}

/// A person as the forge knew them when last asked.
///
/// Only [`Person::id`] identifies: a username may belong to somebody else
/// tomorrow, so it is kept for display and looked up again before it matters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Person {
    /// The numeric id.
    pub id: UserId,
    /// The username at that time, without `@`.
    pub username: String,
}

/// SHA-256 over the canonical form of something: a request's fields, a policy
/// file set, an issue body.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(bytes.as_ref()).into())
    }

    /// HMAC-SHA-256 of these bytes: nobody without the key can tell what they
    /// were.
    #[must_use]
    pub fn keyed(key: &[u8; 16], bytes: impl AsRef<[u8]>) -> Self {
        // HMAC pads keys to this length.
        let mut block = [0; 64];
        for (to, from) in block.iter_mut().zip(key) {
            *to = *from;
        }
        let mac = Hmac::<Sha256>::new(&block.into()).chain_update(bytes);
        Self(mac.finalize().into_bytes().into())
    }

    /// The first eight hexadecimal digits: what people type in `approve`.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }

    /// Whether `text` names this digest: at least its first eight hexadecimal
    /// digits, in any letter case.
    #[must_use]
    pub fn is_named_by(&self, text: &str) -> bool {
        text.len() >= 8 && self.to_string().starts_with(&text.to_ascii_lowercase())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.short())
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = || format!("`{text}` is not 64 hexadecimal digits");
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;

    #[test]
    fn a_digest_is_named_by_eight_digits_or_more_of_it() {
        let digest = Digest::of("a request");
        assert!(digest.is_named_by(&digest.short()));
        assert!(digest.is_named_by(&digest.short().to_uppercase()));
        assert!(digest.is_named_by(&digest.to_string()));
        assert!(!digest.is_named_by(&digest.to_string()[..7]));
        assert!(!digest.is_named_by("00000000"));
    }

    #[test]
    fn a_keyed_digest_is_hmac() {
        // `printf text | openssl dgst -sha256 -hmac 0123456789abcdef`
        let keyed = Digest::keyed(b"0123456789abcdef", "text");
        assert_eq!(
            keyed.to_string(),
            "200cdab236595e602ee98295737072d06afc79903036c11169783160f9b0dcf1"
        );
    }

    #[test]
    fn a_digest_survives_being_stored() {
        let digest = Digest::of("x");
        assert_eq!(Digest::try_from(String::from(digest)), Ok(digest));
        assert!(Digest::try_from("zz".repeat(32)).is_err());
        assert!(Digest::try_from("ä".repeat(32)).is_err());
    }
}
