//! What repositories are called. They are known by number; GitHub's addresses
//! want names, which change, and which somebody else may take afterwards.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::TimeDelta;

use crate::identity::{ProjectId, Timestamp};

/// How long a name is believed. Renamed repositories answer by redirects, which
/// are noticed at once; this is about names that somebody else took.
const BELIEVED_FOR: TimeDelta = TimeDelta::hours(1);

pub(super) struct Names(Mutex<BTreeMap<ProjectId, Name>>);

struct Name {
    name: String,
    checked_at: Option<Timestamp>,
}

impl Names {
    pub(super) fn new(configured: BTreeMap<ProjectId, String>) -> Self {
        let unchecked = |(id, name)| (id, Name { name, checked_at: None });
        Self(Mutex::new(configured.into_iter().map(unchecked).collect()))
    }

    /// The last name known.
    pub(super) fn known(&self, project: ProjectId) -> Option<String> {
        self.lock().get(&project).map(|known| known.name.clone())
    }

    /// Some repository's.
    pub(super) fn any(&self) -> Option<String> {
        self.lock().values().next().map(|known| known.name.clone())
    }

    /// The name, if it was seen to belong to this repository lately.
    pub(super) fn checked(&self, project: ProjectId, now: Timestamp) -> Option<String> {
        let names = self.lock();
        let known = names.get(&project)?;
        let age = now - known.checked_at?;
        (age.abs() < BELIEVED_FOR).then(|| known.name.clone())
    }

    /// Whose name this is, as far as we know.
    pub(super) fn id_of(&self, name: &str) -> Option<ProjectId> {
        let names = self.lock();
        names.iter().find(|(_, known)| known.name.eq_ignore_ascii_case(name)).map(|(id, _)| *id)
    }

    /// GitHub said so just now.
    pub(super) fn learn(&self, project: ProjectId, name: &str, now: Timestamp) {
        let old =
            self.lock().insert(project, Name { name: name.to_owned(), checked_at: Some(now) });
        if let Some(old) = old.filter(|old| !old.name.eq_ignore_ascii_case(name)) {
            tracing::warn!(
                %project, old = old.name, new = name,
                "a repository was renamed: its configuration should name it as it is called now"
            );
        }
    }

    /// It is looked up again before it is used again.
    pub(super) fn doubt(&self, project: ProjectId) {
        if let Some(known) = self.lock().get_mut(&project) {
            known.checked_at = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ProjectId, Name>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether this is `owner/name` as GitHub allows it.
pub(super) fn is_name(text: &str) -> bool {
    let fits = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part.len() <= 100
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    text.split_once('/').is_some_and(|(owner, name)| fits(owner) && fits(name))
}

/// Whether this can be an account's name, that of an App included.
pub(super) fn is_login(text: &str) -> bool {
    let name = text.strip_suffix("[bot]").unwrap_or(text);
    !name.is_empty()
        && name.len() <= 100
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_github_does_not_give_are_never_sent() {
        for name in ["acme/infra", "a-b/c.d_e", "acme/.github"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["acme", "acme/", "/infra", "acme/..", "a/b/c", "acme/in fra", "acme/infra?x"] {
            assert!(!is_name(name), "{name}");
        }
        for login in ["alice", "alice_corp", "the-octocat", "innkeeper[bot]"] {
            assert!(is_login(login), "{login}");
        }
        for login in ["", "..", "a.b", "alice/keys", "a b", "[bot]", "alice\n"] {
            assert!(!is_login(login), "{login}");
        }
    }
}
