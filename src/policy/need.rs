//! Who has to approve a request, and whose approvals count for what.
//!
//! A person counts for one [`Part`] only: what two groups have to look at is
//! looked at by two people, even if one of them is in both groups.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Room, Values, rules};
use crate::{
    cookbook::{Cookbook, Principal},
    violation::Violation,
};

/// Who has to decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", from = "Stored")]
pub enum Need {
    /// Nobody: the cookbook and the operator let it through by itself.
    Nothing,
    /// Some people.
    Approval {
        /// Each has to be satisfied. The first is the cookbook's own; the
        /// others are its `[[approval.also]]` that apply.
        parts: Vec<Part>,
    },
}

/// Some people of whom some have to approve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Who may approve.
    pub by: Vec<Principal>,
    /// How many of them must.
    pub count: usize,
    /// Whether author and owner may be among them.
    pub own: bool,
    /// Why they have to, as a sentence.
    #[serde(default)]
    pub reason: Option<String>,
}

/// As needs are stored: there was one part only at first, without a list.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Stored {
    Nothing,
    Approval {
        #[serde(default)]
        parts: Vec<Part>,
        #[serde(flatten)]
        only: Option<Part>,
    },
}

impl From<Stored> for Need {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Nothing => Self::Nothing,
            Stored::Approval { parts, only } => Self::Approval {
                parts: if parts.is_empty() { Vec::from_iter(only) } else { parts },
            },
        }
    }
}

impl Need {
    /// What has to be satisfied, each by other people; nothing where nobody
    /// has to decide.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        match self {
            Self::Nothing => &[],
            Self::Approval { parts } => parts,
        }
    }

    /// Whether what satisfied `earlier` may not satisfy this.
    pub(super) fn is_more_than(&self, earlier: &Self) -> bool {
        let (now, then) = (self.parts(), earlier.parts());
        let Some((first, also)) = now.split_first() else { return false };
        let Some((first_then, also_then)) = then.split_first() else { return true };
        let covered = |then: &Part| also.iter().map(|now| now.is_met_by(then)).collect();
        let covered: Vec<Vec<bool>> = also_then.iter().map(covered).collect();
        !first.is_met_by(first_then) || assign(&vec![1; also.len()], &covered).contains(&0)
    }
}

impl Part {
    /// Whether whatever satisfied `earlier` satisfies this.
    fn is_met_by(&self, earlier: &Self) -> bool {
        self.count <= earlier.count
            && (self.own || !earlier.own)
            && earlier.by.iter().all(|principal| self.by.contains(principal))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by: Vec<String> = self.by.iter().map(ToString::to_string).collect();
        write!(f, "{} of {}", self.count, by.join(", "))
    }
}

/// Who has to approve, when nothing is automatic. `earlier` is what is wrong
/// whatever the rules say.
pub(super) fn parts(
    cookbook: &Cookbook,
    values: &Values,
    room: Room,
    earlier: &[Violation],
) -> Vec<Part> {
    let approval = &cookbook.approval;
    let own =
        Part { by: approval.by.clone(), count: approval.count, own: approval.own, reason: None };
    let also = approval.also.iter().filter(|also| {
        also.when.as_ref().is_none_or(|when| {
            // What cannot be told counts as so: rather one approval too many.
            rules::waits_for(cookbook, when, earlier).is_some()
                || room.is_missing_for(when)
                || when.holds(values) != Ok(false)
        })
    });
    let also = also.map(|also| Part {
        by: also.by.clone(),
        count: also.count,
        own: also.own,
        reason: also.reason.clone(),
    });
    std::iter::once(own).chain(also).collect()
}

/// How many people count for each part, when each counts for one at most.
///
/// `wanted` holds how many each part needs; `may` holds for each person whether
/// they count for each part. As many as possible are satisfied, earlier parts
/// first; the order of the people does not matter.
#[must_use]
pub fn assign(wanted: &[usize], may: &[Vec<bool>]) -> Vec<usize> {
    let mut part_of: Vec<Option<usize>> = vec![None; may.len()];
    let place = |part: usize, part_of: &mut Vec<Option<usize>>| {
        let mut tried = vec![false; may.len()];
        find(part, may, part_of, &mut tried)
    };
    let one_part = |(part, wanted): (usize, &usize)| {
        // A place once taken stays taken, so what is satisfied first stays so.
        (0..(*wanted).min(may.len())).filter(|_| place(part, &mut part_of)).count()
    };
    wanted.iter().enumerate().map(one_part).collect()
}

/// Finds one more person for a part; whoever counts for another part may be
/// moved here if somebody else can take their place.
fn find(
    part: usize,
    may: &[Vec<bool>],
    part_of: &mut Vec<Option<usize>>,
    tried: &mut Vec<bool>,
) -> bool {
    for person in 0..may.len() {
        let counts = may.get(person).and_then(|parts| parts.get(part)).copied().unwrap_or(false);
        let fresh = tried.get_mut(person).filter(|tried| counts && !**tried);
        let Some(fresh) = fresh else { continue };
        *fresh = true;
        let before = part_of.get(person).copied().flatten();
        if before == Some(part) {
            continue;
        }
        if before.is_none_or(|before| find(before, may, part_of, tried)) {
            if let Some(slot) = part_of.get_mut(person) {
                *slot = Some(part);
            }
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_need_stored_before_there_were_parts_is_read() {
        let stored = json!({"kind": "approval", "by": ["group:tpo/tpa"], "count": 2, "own": true});
        let part = Part {
            by: vec![Principal::Group("tpo/tpa".to_owned())],
            count: 2,
            own: true,
            reason: None,
        };
        let read: Need = serde_json::from_value(stored).unwrap();
        assert_eq!(read, Need::Approval { parts: vec![part.clone()] });
        let other = Part { reason: Some("Personal data.".to_owned()), ..part.clone() };
        for need in [Need::Nothing, read, Need::Approval { parts: vec![part, other] }] {
            let stored = serde_json::to_value(&need).unwrap();
            assert_eq!(serde_json::from_value::<Need>(stored).unwrap(), need);
        }
        assert!(serde_json::from_value::<Need>(json!({"kind": "sometimes"})).is_err());
    }

    #[test]
    fn one_person_counts_for_one_part_whatever_the_order() {
        let (first, second, both) = (vec![true, false], vec![false, true], vec![true, true]);
        for (wanted, people, counted) in [
            (vec![1, 1], vec![&both], vec![1, 0]),
            (vec![1, 1], vec![&both, &first], vec![1, 1]),
            (vec![1, 1], vec![&first, &both], vec![1, 1]),
            (vec![1, 1], vec![&both, &second], vec![1, 1]),
            (vec![1, 1], vec![&first, &first], vec![1, 0]),
            (vec![2, 1], vec![&both, &both], vec![2, 0]),
            (vec![2, 1], vec![&second, &both, &first], vec![2, 1]),
            (vec![], vec![&both], vec![]),
        ] {
            let people: Vec<Vec<bool>> = people.into_iter().cloned().collect();
            assert_eq!(assign(&wanted, &people), counted, "{wanted:?} {people:?}");
        }
    }

    proptest! {
        #[test]
        fn an_assignment_is_the_best_there_is_and_no_order_changes_it(
            wanted in prop::collection::vec(0_usize..3, 3),
            people in prop::collection::vec(prop::collection::vec(any::<bool>(), 3), 0..6),
        ) {
            let counted = assign(&wanted, &people);
            let mut turned = people.clone();
            turned.reverse();
            prop_assert_eq!(&counted, &assign(&wanted, &turned));
            // All ways there are to give each person one part or none.
            let ways = 4_usize.pow(u32::try_from(people.len()).unwrap());
            let best = (0..ways).filter_map(|way| {
                let mut have = vec![0; 3];
                for (index, may) in people.iter().enumerate() {
                    let part = way / 4_usize.pow(u32::try_from(index).unwrap()) % 4;
                    if part < 3 {
                        if !may[part] { return None; }
                        have[part] += 1;
                    }
                }
                have.iter().zip(&wanted).all(|(have, wanted)| have <= wanted).then_some(have)
            });
            prop_assert_eq!(Some(counted), best.max_by_key(|have| (have.iter().sum::<usize>(), have.clone())));
        }
    }
}
