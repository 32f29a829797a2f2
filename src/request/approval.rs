//! Approvals that were given, and what they add up to.

use serde::{Deserialize, Serialize};

use super::Request;
use crate::{
    cookbook::Principal,
    identity::{Digest, NoteId, Person, Timestamp},
    policy::{self, Part},
};

/// An approval that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who gave it.
    pub by: Person,
    /// What it approves.
    pub digest: Digest,
    /// The comment that gave it.
    pub note: NoteId,
    /// When it was read.
    pub at: Timestamp,
    /// What it was given as.
    #[serde(default)]
    pub given_as: GivenAs,
    /// The policy version it was given under; unknown of those given before this
    /// was kept.
    #[serde(default)]
    pub policy: Option<Digest>,
}

/// What somebody was entitled to approve when they did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenAs {
    /// They decide as the cookbook's own approvers do, being one or a sysadmin.
    pub approver: bool,
    /// Those they are among of all who must approve as well.
    pub among: Vec<Principal>,
}

impl Default for GivenAs {
    /// As approvals were given before anybody else had to approve as well.
    fn default() -> Self {
        Self { approver: true, among: Vec::new() }
    }
}

impl GivenAs {
    /// Whether they are entitled to anything at all.
    #[must_use]
    pub fn is_something(&self) -> bool {
        self.approver || !self.among.is_empty()
    }

    /// For which parts of what has to be approved they count.
    #[must_use]
    pub fn counts_for(&self, parts: &[Part], for_oneself: bool) -> Vec<bool> {
        let entitled = |(index, part): (usize, &Part)| {
            let entitled = match index {
                0 => self.approver,
                // Two groups look at it so that neither decides alone; a
                // sysadmin who is in neither is not the second one.
                _ => part.by.iter().any(|principal| self.among.contains(principal)),
            };
            entitled && (part.own || !for_oneself)
        };
        parts.iter().enumerate().map(entitled).collect()
    }
}

impl Request {
    /// Whether this person would approve for themselves.
    #[must_use]
    pub fn is_for(&self, who: &Person) -> bool {
        who.id == self.author.id || who.id == self.verdict.owner.id
    }

    /// Each part of what has to be approved, with how many count for it.
    #[must_use]
    pub fn approved(&self) -> Vec<(&Part, usize)> {
        let parts = self.verdict.needs.parts();
        let wanted: Vec<usize> = parts.iter().map(|part| part.count).collect();
        let may: Vec<Vec<bool>> = self
            .approvals
            .iter()
            .map(|approval| approval.given_as.counts_for(parts, self.is_for(&approval.by)))
            .collect();
        parts.iter().zip(policy::assign(&wanted, &may)).collect()
    }

    /// Whether everyone needed has agreed.
    #[must_use]
    pub fn is_agreed(&self) -> bool {
        let accepted = self.accepted || self.verdict.acceptance_needed.is_none();
        accepted && self.approved().iter().all(|(part, have)| *have >= part.count)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn part(group: &str, own: bool) -> Part {
        Part { by: vec![Principal::Group(group.to_owned())], count: 1, own, reason: None }
    }

    #[test]
    fn an_approval_stored_before_there_were_parts_counts_for_the_first() {
        let stored = json!({
            "by": {"id": 4, "username": "dan"}, "digest": "00".repeat(32), "note": 7,
            "at": "2026-01-05T10:00:00Z",
        });
        let approval: Approval = serde_json::from_value(stored).unwrap();
        let parts = [part("tpo/tpa", false), part("tpo/security", false)];
        assert_eq!(approval.given_as.counts_for(&parts, false), [true, false]);
    }

    #[test]
    fn nobody_counts_for_themselves_or_for_a_group_they_are_not_in() {
        let security = Principal::Group("tpo/security".to_owned());
        let parts = [part("tpo/tpa", false), part("tpo/security", true), part("tpo/web", true)];
        for (approver, among, for_oneself, counts) in [
            (true, vec![], false, [true, false, false]),
            (true, vec![security.clone()], false, [true, true, false]),
            (true, vec![security.clone()], true, [false, true, false]),
            (false, vec![security], true, [false, true, false]),
        ] {
            let given_as = GivenAs { approver, among };
            assert_eq!(given_as.counts_for(&parts, for_oneself), counts, "{given_as:?}");
        }
    }
}
