//! The audit log's chain: each entry's hash covers the entry and the hash
//! before it.
//!
//! What is hashed is a list of named fields, each name and value preceded by
//! its length; a field that is absent is left out. So no two notes share a
//! form, and a field added to [`AuditNote`] later leaves the old hashes alone.
//!
//! A chain that was cut off at its end, or rewritten from some entry on, still
//! fits together: compare the last hash with one kept elsewhere to find that.

use thiserror::Error;

use crate::{
    identity::{Digest, Timestamp},
    ports::store::{Actor, AuditEntry, AuditNote},
};

/// What the first entry's hash covers in place of the one before it.
const BEGINNING: &str = "innkeeper audit log 1";

/// The first entry that does not fit the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "the audit log is broken at entry {number}: it, or the entry before it, was changed, removed or inserted"
)]
pub struct BrokenAt {
    /// The number this entry must have.
    pub number: u64,
}

/// The entry that follows `last`. Its time is cut to milliseconds, which is
/// what stores keep.
#[must_use]
pub fn next(last: Option<&AuditEntry>, at: Timestamp, note: AuditNote) -> AuditEntry {
    let number = number_after(last);
    let at = Timestamp::from_timestamp_millis(at.timestamp_millis()).unwrap_or(at);
    let hash = hash(last, number, at, &note);
    AuditEntry { number, at, note, hash }
}

/// Whether these entries, the first one of the log foremost, form a chain.
///
/// # Errors
///
/// The first entry that does not fit.
pub fn verify(entries: &[AuditEntry]) -> Result<(), BrokenAt> {
    verify_after(None, entries)
}

/// Whether these entries continue the chain that `last` ends: for a log that
/// is read in pieces.
///
/// # Errors
///
/// The first entry that does not fit.
pub fn verify_after(last: Option<&AuditEntry>, entries: &[AuditEntry]) -> Result<(), BrokenAt> {
    let mut last = last;
    for entry in entries {
        let number = number_after(last);
        if entry.number != number || entry.hash != hash(last, number, entry.at, &entry.note) {
            return Err(BrokenAt { number });
        }
        last = Some(entry);
    }
    Ok(())
}

fn number_after(last: Option<&AuditEntry>) -> u64 {
    last.map_or(0, |entry| entry.number).saturating_add(1)
}

fn hash(last: Option<&AuditEntry>, number: u64, at: Timestamp, note: &AuditNote) -> Digest {
    let AuditNote { actor, action, authority, request, lease, digest, policy_version } = note;
    let before = last.map_or_else(|| BEGINNING.to_owned(), |entry| entry.hash.to_string());
    let mut form = Form::default();
    form.field("before", &before);
    form.field("number", &number.to_string());
    form.field("at", &at.timestamp_millis().to_string());
    match actor {
        Actor::User(id) => form.field("user", &id.to_string()),
        Actor::Clock => form.field("actor", "clock"),
        Actor::Outside => form.field("actor", "outside"),
        Actor::Operator => form.field("actor", "operator"),
    }
    form.field("action", action);
    form.optional("authority", authority.as_ref());
    form.optional("request", request.as_ref());
    form.optional("lease", lease.as_ref());
    form.optional("digest", digest.as_ref());
    form.optional("policy-version", policy_version.as_ref());
    Digest::of(form.0)
}

#[derive(Default)]
struct Form(Vec<u8>);

impl Form {
    fn field(&mut self, name: &str, value: &str) {
        for text in [name, value] {
            self.0.extend_from_slice(&(text.len() as u64).to_be_bytes());
            self.0.extend_from_slice(text.as_bytes());
        }
    }

    fn optional(&mut self, name: &str, value: Option<&impl ToString>) {
        if let Some(value) = value {
            self.field(name, &value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BrokenAt, next, verify, verify_after};
    use crate::{
        identity::{Digest, LeaseId, RequestId, Timestamp, UserId},
        ports::store::{Actor, AuditEntry, AuditNote},
    };

    fn note(action: &str) -> AuditNote {
        AuditNote {
            actor: Actor::User(UserId(7)),
            action: action.to_owned(),
            authority: None,
            request: None,
            lease: None,
            digest: None,
            policy_version: None,
        }
    }

    fn chain(actions: &[&str]) -> Vec<AuditEntry> {
        let mut entries: Vec<AuditEntry> = Vec::new();
        for action in actions {
            entries.push(next(entries.last(), Timestamp::UNIX_EPOCH, note(action)));
        }
        entries
    }

    #[test]
    fn a_chain_is_whole_in_one_piece_and_in_several() {
        let entries = chain(&["file", "approve", "create"]);
        assert_eq!(verify(&entries), Ok(()));
        assert_eq!(verify(&[]), Ok(()));
        let (first, rest) = entries.split_at(1);
        assert_eq!(verify_after(first.last(), rest), Ok(()));
        assert_eq!(verify(rest), Err(BrokenAt { number: 1 }));
    }

    #[test]
    fn every_change_of_an_entry_breaks_the_chain_there() {
        let uuid = uuid::Uuid::from_u128(1);
        let changes: [fn(&mut AuditEntry, uuid::Uuid); 9] = [
            |entry, _| entry.number = 7,
            |entry, _| entry.at += chrono::TimeDelta::milliseconds(1),
            |entry, _| entry.note.actor = Actor::Clock,
            |entry, _| entry.note.action = "reject".to_owned(),
            |entry, _| entry.note.authority = Some(String::new()),
            |entry, uuid| entry.note.request = Some(RequestId(uuid)),
            |entry, uuid| entry.note.lease = Some(LeaseId(uuid)),
            |entry, _| entry.note.digest = Some(Digest::of("x")),
            |entry, _| entry.note.policy_version = Some(Digest::of("x")),
        ];
        for change in changes {
            let mut entries = chain(&["file", "approve", "create"]);
            if let Some(entry) = entries.get_mut(1) {
                change(entry, uuid);
            }
            assert_eq!(verify(&entries), Err(BrokenAt { number: 2 }), "{:?}", entries.get(1));
        }
    }

    #[test]
    fn removing_inserting_and_swapping_break_the_chain() {
        let whole = chain(&["file", "approve", "create", "warn"]);

        let mut removed = whole.clone();
        removed.remove(1);
        assert_eq!(verify(&removed), Err(BrokenAt { number: 2 }));

        let mut renumbered = removed;
        for (entry, number) in renumbered.iter_mut().zip(1..) {
            entry.number = number;
        }
        assert_eq!(verify(&renumbered), Err(BrokenAt { number: 2 }));

        let mut inserted = whole.clone();
        inserted.insert(2, next(whole.get(1), Timestamp::UNIX_EPOCH, note("forged")));
        assert_eq!(verify(&inserted), Err(BrokenAt { number: 4 }));

        let mut swapped = whole;
        swapped.swap(1, 2);
        assert_eq!(verify(&swapped), Err(BrokenAt { number: 2 }));
    }

    #[test]
    fn the_form_that_is_hashed_does_not_change_between_versions() {
        let entry = next(None, Timestamp::UNIX_EPOCH, note("approve"));
        insta::assert_snapshot!(
            entry.hash,
            @"89a97a713c044ef2d59182372aeeefe0d639ec5b11d84c11bf995aba57a33022"
        );
    }
}
