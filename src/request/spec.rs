//! What an approval binds to: a request's fields in canonical form.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::{
    cookbook::{Cookbook, FieldKind},
    identity::{CookbookName, Digest, FieldName, Person, UserId},
    machine::Shape,
    quantity::{Lifetime, Mebibytes, Vcpus},
    request::value::{Term, Value},
};

/// Part of what is digested. Raised when the encoding changes, which voids the
/// approvals given before.
const FORMAT: u32 = 1;

/// What one request asks for, with people as accounts instead of names.
///
/// Usernames are kept for display only: compare specs by [`Spec::digest`] or
/// [`Spec::changes`], which look at ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    cookbook: CookbookName,
    author: UserId,
    /// The cookbook's field of kind lifetime.
    lifetime_field: Option<FieldName>,
    values: BTreeMap<FieldName, Value>,
    people: BTreeMap<FieldName, Vec<Person>>,
}

/// A field names somebody whose account was not looked up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no account is known for `{username}`, named in `{field}`")]
pub struct UnresolvedUser {
    /// The field.
    pub field: FieldName,
    /// The name in it.
    pub username: String,
}

impl Spec {
    /// Binds fields to accounts. `people` holds the account of every username
    /// in the fields; letter case does not matter.
    ///
    /// # Errors
    ///
    /// [`UnresolvedUser`] if one is missing there.
    pub fn new(
        cookbook: &Cookbook,
        author: UserId,
        fields: &BTreeMap<FieldName, Value>,
        people: &BTreeMap<String, UserId>,
    ) -> Result<Self, UnresolvedUser> {
        let known: BTreeMap<String, UserId> =
            people.iter().map(|(name, id)| (name.to_lowercase(), *id)).collect();
        let lifetime_field = cookbook.fields.iter().find(|field| field.kind == FieldKind::Lifetime);
        let mut spec = Self {
            cookbook: cookbook.name.clone(),
            author,
            lifetime_field: lifetime_field.map(|field| field.name.clone()),
            values: BTreeMap::new(),
            people: BTreeMap::new(),
        };
        for (field, value) in fields {
            let Value::Users(usernames) = value else {
                spec.values.insert(field.clone(), value.clone());
                continue;
            };
            let mut persons: Vec<Person> = Vec::new();
            for username in usernames {
                let id = *known.get(&username.to_lowercase()).ok_or_else(|| UnresolvedUser {
                    field: field.clone(),
                    username: username.clone(),
                })?;
                if !persons.iter().any(|person| person.id == id) {
                    persons.push(Person { id, username: username.clone() });
                }
            }
            spec.people.insert(field.clone(), persons);
        }
        Ok(spec)
    }

    /// The cookbook it was read by.
    #[must_use]
    pub fn cookbook(&self) -> &CookbookName {
        &self.cookbook
    }

    /// Who filed it.
    #[must_use]
    pub fn author(&self) -> UserId {
        self.author
    }

    /// SHA-256 over everything material: cookbook, author, values and the ids
    /// of people. Not over usernames, spelling or order.
    #[must_use]
    pub fn digest(&self) -> Digest {
        // Sorted maps and a fixed order of keys: one spec, one text. Strings
        // are quoted, so no two specs share a text.
        let fields: BTreeMap<&FieldName, serde_json::Value> =
            self.values.iter().map(|(field, value)| (field, canonical(value))).collect();
        let people: BTreeMap<&FieldName, BTreeSet<UserId>> = self
            .people
            .iter()
            .map(|(field, persons)| (field, persons.iter().map(|person| person.id).collect()))
            .collect();
        let parts = (FORMAT, &self.cookbook, self.author, fields, people);
        Digest::of(serde_json::json!(parts).to_string())
    }

    /// A field's value, if it is not about people.
    #[must_use]
    pub fn value(&self, field: &str) -> Option<&Value> {
        self.values.get(&FieldName::from(field))
    }

    /// The accounts a field names; empty if it names none.
    #[must_use]
    pub fn people(&self, field: &str) -> Vec<UserId> {
        self.persons(field).iter().map(|person| person.id).collect()
    }

    /// The accounts a field names, with their usernames when it was read.
    #[must_use]
    pub fn persons(&self, field: &str) -> &[Person] {
        self.people.get(&FieldName::from(field)).map_or(&[], Vec::as_slice)
    }

    /// The value `pick` wants: of the field of that name, else of any field.
    fn find<T>(&self, field: &str, pick: impl Fn(&Value) -> Option<T>) -> Option<T> {
        self.value(field).and_then(&pick).or_else(|| self.values.values().find_map(&pick))
    }

    /// The memory asked for.
    #[must_use]
    pub fn memory(&self) -> Option<Mebibytes> {
        self.find("memory", |value| match value {
            Value::Memory(amount) => Some(*amount),
            _ => None,
        })
    }

    /// The disk space asked for.
    #[must_use]
    pub fn disk(&self) -> Option<Mebibytes> {
        self.find("disk", |value| match value {
            Value::Disk(amount) => Some(*amount),
            _ => None,
        })
    }

    /// The processors asked for.
    #[must_use]
    pub fn vcpus(&self) -> Option<Vcpus> {
        self.find("vcpus", |value| match value {
            Value::Vcpus(count) => Some(*count),
            _ => None,
        })
    }

    /// The size asked for; `usual` for what was not said.
    #[must_use]
    pub fn shape(&self, usual: Shape) -> Shape {
        Shape {
            vcpus: self.vcpus().unwrap_or(usual.vcpus),
            memory: self.memory().unwrap_or(usual.memory),
            disk: self.disk().unwrap_or(usual.disk),
        }
    }

    /// The host name asked for.
    #[must_use]
    pub fn hostname(&self) -> Option<&str> {
        let pick = |value: &Value| matches!(value, Value::Hostname(_));
        let named = self.value("hostname").filter(|value| pick(value));
        match named.or_else(|| self.values.values().find(|value| pick(value))) {
            Some(Value::Hostname(name)) => Some(name),
            _ => None,
        }
    }

    /// The team it is for: the field `team`, in lower case.
    #[must_use]
    pub fn team(&self) -> Option<&str> {
        self.value("team").and_then(super::group)
    }

    /// How many machines: the field `count`, else one.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self.value("count") {
            Some(Value::Number(number)) => *number,
            _ => 1,
        }
    }

    /// How long, or until when, as it was asked for.
    #[must_use]
    pub fn term(&self) -> Option<Term> {
        match self.values.get(self.lifetime_field.as_ref()?)? {
            Value::Lifetime(length) => Some(Term::For(*length)),
            Value::Date(day) => Some(Term::Until(*day)),
            _ => None,
        }
    }

    /// How long the machine lives when it is granted `today`. A date counts
    /// from `today` and is `None` once it has passed.
    #[must_use]
    pub fn lifetime(&self, today: NaiveDate) -> Option<Lifetime> {
        match self.values.get(self.lifetime_field.as_ref()?)? {
            Value::Lifetime(length) => Some(*length),
            Value::Date(day) => days_until(*day, today),
            _ => None,
        }
    }

    /// The SSH keys given, as `algorithm base64`.
    #[must_use]
    pub fn ssh_keys(&self) -> Vec<&str> {
        let keys = self.values.values().filter_map(|value| match value {
            Value::SshKeys(keys) => Some(keys),
            _ => None,
        });
        keys.flatten().map(String::as_str).collect()
    }

    /// Field by field what `newer` asks for instead: the field, what it was,
    /// what it is. Renamed people are no change.
    #[must_use]
    pub fn changes(&self, newer: &Self) -> Vec<(FieldName, Option<String>, Option<String>)> {
        let names: BTreeSet<&FieldName> = [self, newer]
            .into_iter()
            .flat_map(|spec| spec.values.keys().chain(spec.people.keys()))
            .collect();
        let changed = names.into_iter().filter(|name| self.material(name) != newer.material(name));
        changed.map(|name| (name.clone(), self.shown(name), newer.shown(name))).collect()
    }

    fn material(&self, name: &FieldName) -> (Option<serde_json::Value>, Option<BTreeSet<UserId>>) {
        let ids = |persons: &Vec<Person>| persons.iter().map(|person| person.id).collect();
        (self.values.get(name).map(canonical), self.people.get(name).map(ids))
    }

    fn shown(&self, name: &FieldName) -> Option<String> {
        let names = |persons: &Vec<Person>| {
            persons.iter().map(|person| person.username.as_str()).collect::<Vec<_>>().join(", ")
        };
        self.values.get(name).map(ToString::to_string).or_else(|| self.people.get(name).map(names))
    }
}

/// A value as it is digested: the order of keys and choices says nothing.
fn canonical(value: &Value) -> serde_json::Value {
    let sorted =
        |list: &[String]| list.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
    match value {
        Value::SshKeys(keys) => serde_json::json!(Value::SshKeys(sorted(keys))),
        Value::Choices(choices) => serde_json::json!(Value::Choices(sorted(choices))),
        other => serde_json::json!(other),
    }
}

fn days_until(day: NaiveDate, today: NaiveDate) -> Option<Lifetime> {
    u32::try_from((day - today).num_days()).ok().and_then(Lifetime::new)
}
