//! The tags that make an instance ours and say what was done to it.
//!
//! `innkeeper:lease:UUID`: whose it is. `innkeeper:build:N`: its system was
//! installed for the N-th request. `innkeeper:building:N`: that was begun.

use uuid::Uuid;

use crate::identity::LeaseId;

const LEASE: &str = "innkeeper:lease:";
const BUILD: &str = "innkeeper:build:";
const BUILDING: &str = "innkeeper:building:";

pub(super) fn lease(lease: LeaseId) -> String {
    format!("{LEASE}{lease}")
}

pub(super) fn build(count: u32) -> String {
    format!("{BUILD}{count}")
}

pub(super) fn building(count: u32) -> String {
    format!("{BUILDING}{count}")
}

/// Whose an instance is, by its tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Nobody,
    Lease(LeaseId),
    /// Several leases, or something that is no lease's id: nobody's to touch.
    Unclear,
}

pub(super) fn owner(tags: &[String]) -> Owner {
    let mut owner = Owner::Nobody;
    for written in tags.iter().filter_map(|tag| tag.strip_prefix(LEASE)) {
        owner = match (Uuid::parse_str(written), owner) {
            (Ok(uuid), Owner::Nobody) => Owner::Lease(LeaseId(uuid)),
            _ => return Owner::Unclear,
        };
    }
    owner
}

/// The last installation that was finished.
pub(super) fn built(tags: &[String]) -> u32 {
    counts(tags, BUILD).max().unwrap_or(0)
}

/// Those of our tags that no longer say anything once `count` is installed.
pub(super) fn outdated(tags: &[String], count: u32) -> Vec<String> {
    let older = counts(tags, BUILD).filter(|found| *found < count).map(build);
    older.chain(counts(tags, BUILDING).filter(|found| *found <= count).map(building)).collect()
}

fn counts<'a>(tags: &'a [String], prefix: &'a str) -> impl Iterator<Item = u32> + 'a {
    tags.iter().filter_map(move |tag| tag.strip_prefix(prefix)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{Owner, build, built, lease, outdated, owner};
    use crate::identity::LeaseId;

    fn tags(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|tag| (*tag).to_owned()).collect()
    }

    #[test]
    fn exactly_one_lease_owns_an_instance() {
        let (one, two) = (LeaseId(Uuid::from_u128(1)), LeaseId(Uuid::from_u128(2)));
        assert_eq!(owner(&tags(&["web", "innkeeper:build:0"])), Owner::Nobody);
        assert_eq!(owner(&tags(&["web", &lease(one)])), Owner::Lease(one));
        assert_eq!(owner(&tags(&[&lease(one), &lease(two)])), Owner::Unclear);
        assert_eq!(owner(&tags(&["innkeeper:lease:mine"])), Owner::Unclear);
    }

    #[test]
    fn the_highest_count_is_what_is_installed() {
        assert_eq!(built(&tags(&["web"])), 0, "adopted, or made before it was counted");
        let several = tags(&[&build(2), &build(10), "innkeeper:building:11", "innkeeper:build:x"]);
        assert_eq!(built(&several), 10);
        assert_eq!(outdated(&several, 11), [build(2), build(10), "innkeeper:building:11".into()]);
        assert_eq!(outdated(&several, 10), [build(2)]);
    }
}
