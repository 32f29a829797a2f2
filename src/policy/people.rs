//! The people a request names: from usernames to accounts.

use std::collections::BTreeMap;

use super::facts::{Facts, People};
use crate::{
    identity::{FieldName, Person, UserId},
    request::{Answer, Reading, value::Value},
    violation::{Violation, ViolationCode},
};

/// Who plays which part in a request.
pub(super) struct Cast {
    /// Who will answer for the machine.
    pub(super) owner: Person,
    /// Whether that is the author.
    pub(super) owner_is_author: bool,
    /// Whom to ask when the owner is away: each once, the owner never.
    pub(super) fallback: Vec<Person>,
    /// The id of each name that was found, as written.
    pub(super) ids: BTreeMap<String, UserId>,
    /// The usernames as the forge spells them, by the names as written.
    pub(super) spelt: BTreeMap<String, String>,
    /// Names without an account.
    pub(super) unknown: Vec<Violation>,
}

/// Looks up everybody the reading names.
pub(super) fn cast(reading: &Reading, facts: &Facts) -> Cast {
    let mut cast = Cast {
        owner: facts.author.clone(),
        owner_is_author: true,
        fallback: Vec::new(),
        ids: BTreeMap::from([(facts.author.username.clone(), facts.author.id)]),
        spelt: BTreeMap::new(),
        unknown: Vec::new(),
    };
    let mut fallback = Vec::new();
    for (field, answer) in &reading.fields {
        let Value::Users(names) = &answer.value else { continue };
        for name in names {
            let Some(person) = account(name, facts) else {
                cast.unknown.push(nobody(field, answer, name));
                continue;
            };
            if field.as_str() == "owner" {
                cast.owner_is_author = same(&person, &facts.author, facts);
                cast.owner = person.clone();
            } else if field.as_str() == "fallback" {
                fallback.push(person.clone());
            }
            cast.ids.insert(name.clone(), person.id);
            cast.spelt.insert(name.clone(), person.username);
        }
    }
    for person in fallback {
        let known = cast.fallback.iter().chain([&cast.owner]);
        if !known.into_iter().any(|other| same(other, &person, facts)) {
            cast.fallback.push(person);
        }
    }
    cast
}

/// The account of that name. Usernames are compared without letter case, as
/// forges do.
fn account(name: &str, facts: &Facts) -> Option<Person> {
    if name.eq_ignore_ascii_case(&facts.author.username) {
        return Some(facts.author.clone());
    }
    match &facts.people {
        // The id is never used: without looking people up no spec comes out.
        People::Unchecked => Some(Person { id: UserId(0), username: name.to_owned() }),
        People::Known(accounts) => accounts.get(&name.to_lowercase()).cloned().flatten(),
    }
}

/// Whether two are one: by id, unless nobody was looked up.
fn same(a: &Person, b: &Person, facts: &Facts) -> bool {
    match facts.people {
        People::Unchecked => a.username.eq_ignore_ascii_case(&b.username),
        People::Known(_) => a.id == b.id,
    }
}

fn nobody(field: &FieldName, answer: &Answer, name: &str) -> Violation {
    Violation::new(ViolationCode::UnknownUser, format!("There is no active account `{name}` here."))
        .of(field)
        .at(answer.line)
        .hint("Write the username of somebody who can sign in, like `@alice`; bots do not count.")
}
