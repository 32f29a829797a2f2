//! Where the store has personal text, and what is left when somebody is
//! forgotten: this is the one place that knows.
//!
//! - A **request** has what was written in the form, who filed it, who
//!   approved. Of the person's own nothing is left but ids, states and times;
//!   in others', a name is taken out.
//! - A **lease** has the owner's and the stand-ins' names, keys, and what was
//!   said about it.
//! - An **effect** has what was said on an issue.
//! - A **delivery** has the body that the forge sent.
//!
//! Numeric ids stay: they are what the audit log is made of.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

use crate::{
    effect::Task,
    identity::{Digest, ForgeName, IssueRef, LeaseId, Person, RequestId, UserId},
    lease::{Lease, State},
    notice::Reply,
    policy::Verdict,
    request::{Reading, Request, value::Value},
};

/// In place of a name. No forge lets anybody be called so.
pub const NOBODY: &str = "(forgotten)";

/// Somebody who is to be forgotten, by the names they had.
#[derive(Clone, Debug)]
pub struct Subject {
    /// On which forge.
    pub forge: ForgeName,
    /// Their account.
    pub id: UserId,
    /// The usernames that are stored with it.
    pub names: Vec<String>,
}

/// What a request or lease is to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// None of their business.
    None,
    /// They are named in it.
    Named,
    /// It is theirs.
    Own,
}

impl Subject {
    /// What a request is to them.
    #[must_use]
    pub fn in_request(&self, request: &Request) -> Part {
        let is = |person: &Person| person.id == self.id;
        if request.issue.forge != self.forge {
            Part::None
        } else if is(&request.author) || is(&request.verdict.owner) {
            Part::Own
        } else if self.is_in(request)
            || request.reading.fields.values().any(|answer| self.answers(&answer.value))
        {
            Part::Named
        } else {
            Part::None
        }
    }

    /// What a lease is to them.
    #[must_use]
    pub fn in_lease(&self, lease: &Lease) -> Part {
        if lease.issue.forge != self.forge {
            Part::None
        } else if lease.owner.id == self.id {
            Part::Own
        } else if self.is_in(lease) || self.is_called(&lease.order.owner) {
            Part::Named
        } else {
            Part::None
        }
    }

    /// Whether a lease needs them: its machine is theirs, or they stand in.
    #[must_use]
    pub fn is_needed_in(&self, lease: &Lease) -> bool {
        let mut people = std::iter::once(&lease.owner).chain(&lease.fallback);
        lease.issue.forge == self.forge
            && lease.state != State::Ended
            && people.any(|person| person.id == self.id)
    }

    /// The same request without them; the same if they are not in it.
    ///
    /// # Errors
    ///
    /// When it cannot be written or read, which is a defect of ours.
    pub fn out_of_request(&self, request: &Request) -> serde_json::Result<Request> {
        match self.in_request(request) {
            Part::None => return Ok(request.clone()),
            Part::Named => {}
            Part::Own => return self.renamed(&emptied_request(request)),
        }
        let mut request = request.clone();
        request.reading.violations.clear();
        request.verdict.violations.clear();
        request.verdict.advice.clear();
        for answer in request.reading.fields.values_mut().filter(|it| self.answers(&it.value)) {
            answer.written = None;
            if let Value::Users(names) = &mut answer.value {
                names.iter_mut().filter(|name| self.is_called(name)).for_each(|name| {
                    NOBODY.clone_into(name);
                });
            }
        }
        self.renamed(&request)
    }

    /// The same lease without them; the same if they are not in it.
    ///
    /// # Errors
    ///
    /// When it cannot be written or read, which is a defect of ours.
    pub fn out_of_lease(&self, lease: &Lease) -> serde_json::Result<Lease> {
        match self.in_lease(lease) {
            Part::None => return Ok(lease.clone()),
            Part::Named => {
                let mut lease = lease.clone();
                // It was made for them, and handed on.
                if self.is_called(&lease.order.owner) {
                    forget_order(&mut lease);
                }
                return self.renamed(&lease);
            }
            Part::Own => {}
        }
        let mut lease = Lease {
            digest: Digest::of(""),
            hold: None,
            progress: None,
            trouble: None,
            addresses: Vec::new(),
            host_keys: Vec::new(),
            ..lease.clone()
        };
        forget_order(&mut lease);
        for run in &mut lease.hooks {
            run.said.clear();
        }
        self.renamed(&lease)
    }

    /// Whether what is said on an issue names them.
    #[must_use]
    pub fn is_in_task(&self, task: &Task) -> bool {
        let Ok(task) = serde_json::to_value(task) else { return true };
        self.is_person_in(&task) || self.is_text_in(&task)
    }

    /// Whether a body names them. Rather too often than too seldom: bodies are
    /// kept for inspection alone.
    #[must_use]
    pub fn is_in_body(&self, body: &[u8]) -> bool {
        let is_in = |name: &[u8]| {
            body.windows(name.len().max(1)).any(|text| text.eq_ignore_ascii_case(name))
        };
        self.names.iter().any(|name| is_in(name.as_bytes()))
    }

    fn is_called(&self, name: &str) -> bool {
        self.names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    fn answers(&self, value: &Value) -> bool {
        matches!(value, Value::Users(names) if names.iter().any(|name| self.is_called(name)))
    }

    fn is_in(&self, document: &impl Serialize) -> bool {
        // What cannot be looked into may hold anything.
        serde_json::to_value(document).map_or(true, |document| self.is_person_in(&document))
    }

    fn is_person_in(&self, document: &Json) -> bool {
        match document {
            Json::Object(object) => {
                self.is_person(object) && object.get("username") != Some(&Json::from(NOBODY))
                    || object.values().any(|value| self.is_person_in(value))
            }
            Json::Array(values) => values.iter().any(|value| self.is_person_in(value)),
            _ => false,
        }
    }

    fn is_text_in(&self, document: &Json) -> bool {
        match document {
            Json::String(text) => {
                let mut words = text.split(|letter: char| !is_of_a_name(letter));
                words.any(|word| self.is_called(word.trim_matches('.')))
            }
            Json::Object(object) => object.values().any(|value| self.is_text_in(value)),
            Json::Array(values) => values.iter().any(|value| self.is_text_in(value)),
            _ => false,
        }
    }

    fn is_person(&self, object: &serde_json::Map<String, Json>) -> bool {
        object.contains_key("username") && object.get("id") == Some(&Json::from(self.id.0))
    }

    /// The same, the person without their name.
    fn renamed<T: Serialize + DeserializeOwned>(&self, document: &T) -> serde_json::Result<T> {
        let mut document = serde_json::to_value(document)?;
        self.rename(&mut document);
        serde_json::from_value(document)
    }

    fn rename(&self, document: &mut Json) {
        match document {
            Json::Object(object) => {
                if self.is_person(object) {
                    object.insert("username".to_owned(), Json::from(NOBODY));
                }
                object.values_mut().for_each(|value| self.rename(value));
            }
            Json::Array(values) => values.iter_mut().for_each(|value| self.rename(value)),
            _ => {}
        }
    }
}

/// What a machine was ordered with says for whom.
fn forget_order(lease: &mut Lease) {
    NOBODY.clone_into(&mut lease.order.owner);
    lease.order.ssh_keys.clear();
    lease.order.parameters.clear();
    lease.order.message_of_the_day.clear();
}

/// Ids, states and times of a request.
fn emptied_request(request: &Request) -> Request {
    let Request { cookbook, policy_version, verdict, .. } = request;
    let owner = verdict.owner.clone();
    let mut request = Request {
        description: Digest::of(""),
        reading: Reading::default(),
        verdict: Verdict::unjudged(cookbook.clone(), *policy_version, owner),
        questions: Vec::new(),
        shortage: None,
        salt: None,
        ..request.clone()
    };
    for approval in &mut request.approvals {
        approval.digest = Digest::of("");
    }
    request
}

/// The accounts in a document that bear this name, and the names that this
/// account has.
pub fn known_as(document: &impl Serialize, mut found: impl FnMut(UserId, &str)) {
    fn walk(document: &Json, found: &mut impl FnMut(UserId, &str)) {
        match document {
            Json::Object(object) => {
                if let (Some(Json::Number(id)), Some(Json::String(name))) =
                    (object.get("id"), object.get("username"))
                    && let Some(id) = id.as_u64()
                    && name != NOBODY
                {
                    found(UserId(id), name);
                }
                object.values().for_each(|value| walk(value, found));
            }
            Json::Array(values) => values.iter().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    if let Ok(document) = serde_json::to_value(document) {
        walk(&document, &mut found);
    }
}

/// What an effect was, once what it said is forgotten. Should it still be
/// performed, it says nothing: there is no such request.
#[must_use]
pub fn forgotten_task() -> Task {
    Task::Reply(RequestId(uuid::Uuid::nil()), Reply::EditedAfterApproval {})
}

/// Why somebody cannot be forgotten yet: a machine or an open request needs
/// its people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Needed {
    /// A lease that has not ended.
    Lease {
        /// Which.
        lease: LeaseId,
        /// Its machine.
        machine: String,
        /// Where it stands.
        state: State,
        /// Its issue.
        issue: IssueRef,
    },
    /// A request that is open.
    Request {
        /// Its issue's page.
        page: String,
    },
}

fn is_of_a_name(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::lease::samples;

    fn subject(id: u64) -> Subject {
        Subject { forge: "gitlab".into(), id: UserId(id), names: vec!["alice".to_owned()] }
    }

    fn lease() -> Lease {
        let mut lease = samples::lease();
        lease.order.ssh_keys = vec!["ssh-ed25519 AAAA".to_owned()];
        lease.order.message_of_the_day = "For alice".to_owned();
        lease.hold = Some("alice is away".to_owned());
        lease.trouble = Some("alice's disk".to_owned());
        lease.fallback = vec![Person { id: UserId(5), username: "bob".to_owned() }];
        lease
    }

    #[test]
    fn nothing_of_the_owner_is_left_in_a_lease() {
        let gone = subject(4).out_of_lease(&lease()).unwrap();
        let text = json!(gone).to_string();
        assert!(!text.contains("alice") && !text.contains("AAAA"), "{text}");
        assert!(text.contains("bob"), "others stay");
        assert_eq!(gone.owner.id, UserId(4), "so does the number");
        assert_eq!(subject(4).out_of_lease(&gone).unwrap(), gone, "once more changes nothing");
    }

    #[test]
    fn a_stand_in_loses_the_name_and_the_owner_nothing() {
        let lease = lease();
        let bob = Subject { names: vec!["bob".to_owned()], ..subject(5) };
        assert_eq!(bob.in_lease(&lease), Part::Named);
        let gone = bob.out_of_lease(&lease).unwrap();
        assert_eq!(bob.in_lease(&gone), Part::None);
        assert_eq!((&gone.owner, &gone.order), (&lease.owner, &lease.order));
        assert!(!json!(gone).to_string().contains("bob"));
        let elsewhere = Subject { forge: "github".into(), ..bob };
        assert_eq!(elsewhere.in_lease(&lease), Part::None);
    }

    #[test]
    fn what_was_said_to_somebody_is_found_by_the_name_as_a_word() {
        let said = |what: &str| {
            Task::Reply(RequestId(uuid::Uuid::nil()), Reply::Done { what: what.to_owned() })
        };
        let alice = subject(4);
        for text in ["`alice` agrees to own it.", "@Alice.", "alice"] {
            assert!(alice.is_in_task(&said(text)), "{text}");
        }
        for text in ["malice", "alice-2 agrees", ""] {
            assert!(!alice.is_in_task(&said(text)), "{text}");
        }
        assert!(!alice.is_in_task(&forgotten_task()));
        assert!(alice.is_in_body(br#"{"user":{"username":"Alice"}}"#));
        assert!(!alice.is_in_body(b"{}"));
    }
}
