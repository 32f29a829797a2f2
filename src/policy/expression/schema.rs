//! The names an expression may use, and the type of each.

use std::{collections::BTreeMap, fmt};

use super::cost::{Size, Sizes};
use crate::{
    cookbook::{Field, FieldKind, tier::Amount},
    request::document::MAX_BYTES,
};

/// What a part of an expression is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// True or false.
    Truth,
    /// A whole number. Memory and disk are numbers of MiB.
    Number,
    /// Text. Dates are text as `2027-01-31`, so that they can be compared.
    Text,
    /// Several of one simple type.
    List(Item),
}

/// What a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// Nothing yet: the empty list `[]` goes with every list.
    Unknown,
    /// True or false.
    Truth,
    /// Whole numbers.
    Number,
    /// Texts.
    Text,
}

impl Type {
    /// The list of these; lists of lists do not exist here.
    pub(super) fn listed(self) -> Option<Item> {
        match self {
            Self::Truth => Some(Item::Truth),
            Self::Number => Some(Item::Number),
            Self::Text => Some(Item::Text),
            Self::List(_) => None,
        }
    }

    /// The one type that both can be seen as.
    pub(super) fn with(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::List(a), Self::List(b)) => a.with(b).map(Self::List),
            (a, b) => (a == b).then_some(a),
        }
    }
}

impl Item {
    /// One element of the list; `None` when nothing is known about it.
    pub(super) fn element(self) -> Option<Type> {
        match self {
            Self::Unknown => None,
            Self::Truth => Some(Type::Truth),
            Self::Number => Some(Type::Number),
            Self::Text => Some(Type::Text),
        }
    }

    pub(super) fn with(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Unknown, item) | (item, Self::Unknown) => Some(item),
            (a, b) => (a == b).then_some(a),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truth => "true or false",
            Self::Number => "a whole number",
            Self::Text => "a text",
            Self::List(Item::Unknown) => "an empty list",
            Self::List(Item::Truth) => "a list of true or false",
            Self::List(Item::Number) => "a list of whole numbers",
            Self::List(Item::Text) => "a list of texts",
        })
    }
}

/// Names that exist whatever the form asks.
const ALWAYS: [(&str, Type); 8] = [
    ("request.author", Type::Text),
    ("request.owner", Type::Text),
    ("request.lifetime_days", Type::Number),
    ("request.count", Type::Number),
    ("usage.owner.extensions", Type::Number),
    ("usage.owner.open_issues", Type::Number),
    ("capacity.memory", Type::Number),
    ("capacity.disk", Type::Number),
];

/// Whose usage is counted, and what of it: numbers all.
const HOLDERS: [&str; 4] = ["owner", "team", "cookbook", "provider"];
const HELD: [&str; 5] = ["leases", "pending", "vcpus", "memory", "disk"];

/// The names an expression of one cookbook may use.
///
/// | name | type | when the field is empty |
/// | --- | --- | --- |
/// | `request.FIELD` of type `memory`, `disk` | number of MiB | what `[placement]` says |
/// | of type `vcpus` | number | what `[placement]` says |
/// | of type `number` | number | 0 |
/// | `request.memory`, `.vcpus`, `.disk` of a form with tiers | number: of the tier, or as asked | what `[placement]` says |
/// | of type `text`, `choice`, `tier`, `hostname`, `url` | text | `""` |
/// | of type `user` | text, the username without `@` | `""` |
/// | of type `group` | text, its full path in lower case | `""` |
/// | of type `date` | text, `2027-01-31` | `""` |
/// | of type `many`, `users`, `ssh-keys` | list of texts | `[]` |
/// | of type `boolean`, `acknowledgement` | truth | `false` |
/// | `request.author` | text, who filed the issue | |
/// | `request.owner` | text, the field `owner`, else the author | |
/// | `request.lifetime_days` | number, whatever the `duration` field is called | the cookbook's default |
/// | `request.count` | number, the field `count` | 1 |
/// | `usage.HOLDER.leases`: of `owner`, `team`, `cookbook`, `provider` | number: machines there now | 0 without a team |
/// | `usage.HOLDER.pending` | number: machines that other requests under way ask for | 0 |
/// | `usage.HOLDER.vcpus`, `.memory`, `.disk` | number: of both, all disks, MiB | 0 |
/// | `usage.owner.extensions` | number: how often the owner's machines were extended | |
/// | `usage.owner.open_issues` | number: other open requests of the owner, of all cookbooks | |
/// | `capacity.memory`, `capacity.disk` | number: MiB free on the provider with most room | while not known, the rule is not asked, and people decide |
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    names: BTreeMap<String, Type>,
    durations: Vec<String>,
    sizes: Sizes,
}

impl Schema {
    /// The names for a form of these fields.
    #[must_use]
    pub fn of(fields: &[Field]) -> Self {
        let mut names: BTreeMap<String, Type> =
            ALWAYS.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
        for holder in HOLDERS {
            names.extend(HELD.map(|held| (format!("usage.{holder}.{held}"), Type::Number)));
        }
        let mut durations = Vec::new();
        let sizes =
            fields.iter().map(|field| (format!("request.{}", field.name), size_of(&field.kind)));
        for field in fields {
            let name = format!("request.{}", field.name);
            if matches!(field.kind, FieldKind::Tier { .. }) {
                let amounts = Amount::ALL.into_iter();
                names.extend(amounts.map(|it| (format!("request.{}", it.name()), Type::Number)));
            }
            match type_of(&field.kind) {
                Some(kind) => {
                    names.insert(name, kind);
                }
                None => durations.push(name),
            }
        }
        Self { names, durations, sizes: sizes.collect() }
    }

    /// The type of a full name, e.g. `usage.owner.leases`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Type> {
        self.names.get(name).copied()
    }

    /// All full names.
    pub fn names(&self) -> impl Iterator<Item = (&str, Type)> {
        self.names.iter().map(|(name, kind)| (name.as_str(), *kind))
    }

    /// How large the value of a name can be.
    pub(super) fn size(&self, name: &str) -> Size {
        self.sizes.get(name).copied().unwrap_or(Size { items: 0, bytes: LONGEST_WORD })
    }

    /// Whether this is a `duration` field, which is spelt `request.lifetime_days`.
    pub(super) fn is_duration(&self, name: &str) -> bool {
        self.durations.iter().any(|duration| duration == name)
    }

    /// What may follow `prefix` and a dot; the first segments when it is empty.
    pub(super) fn members(&self, prefix: &str) -> Vec<&str> {
        let mut members: Vec<&str> = self
            .names
            .keys()
            .filter_map(|name| match prefix {
                "" => Some(name.as_str()),
                _ => name.strip_prefix(prefix)?.strip_prefix('.'),
            })
            .map(|rest| rest.split('.').next().unwrap_or(rest))
            .collect();
        members.dedup();
        members
    }
}

/// The longest name, host name or address, in bytes.
const LONGEST_WORD: u64 = 2_000;

/// How large an answer can be. One that is larger is refused before any rule
/// looks at it, and an issue as a whole has [`MAX_BYTES`].
fn size_of(kind: &FieldKind) -> Size {
    match kind {
        FieldKind::Text { .. } => Size { items: 0, bytes: MAX_BYTES as u64 },
        FieldKind::Users { max, .. } => Size { items: *max as u64, bytes: 255 },
        FieldKind::Choices { choices } => Size {
            items: choices.len() as u64,
            bytes: choices.iter().map(String::len).max().unwrap_or(0) as u64,
        },
        // A key has some eighty bytes at least.
        FieldKind::SshKeys => Size { items: MAX_BYTES as u64 / 80, bytes: 800 },
        _ => Size { items: 0, bytes: LONGEST_WORD },
    }
}

/// What a rule sees of a field; `None` for a lifetime, which it sees in days.
fn type_of(kind: &FieldKind) -> Option<Type> {
    match kind {
        FieldKind::Text { .. }
        | FieldKind::Choice { .. }
        | FieldKind::Tier { .. }
        | FieldKind::Group
        | FieldKind::Hostname
        | FieldKind::Url
        | FieldKind::User
        | FieldKind::Date => Some(Type::Text),
        FieldKind::Choices { .. } | FieldKind::Users { .. } | FieldKind::SshKeys => {
            Some(Type::List(Item::Text))
        }
        FieldKind::Memory { .. }
        | FieldKind::Disk { .. }
        | FieldKind::Vcpus { .. }
        | FieldKind::Number { .. } => Some(Type::Number),
        FieldKind::Boolean | FieldKind::Acknowledgement => Some(Type::Truth),
        FieldKind::Lifetime => None,
    }
}
