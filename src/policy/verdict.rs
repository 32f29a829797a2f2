//! What policy says about a request.

use serde::{Deserialize, Serialize};

use super::{Advice, Need, Part};
use crate::{
    identity::{CookbookName, Digest, FieldName, Person},
    request::spec::Spec,
    violation::{Violation, ViolationCode},
};

/// All that policy says about one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The cookbook it was judged by.
    pub cookbook: CookbookName,
    /// The version of the cookbooks.
    pub policy: Digest,
    /// Everything that is wrong, by line and field. Empty: it may be granted,
    /// as far as [`Verdict::needs`] and [`Verdict::acceptance_needed`] allow.
    pub violations: Vec<Violation>,
    /// What there is to know besides, by line and field. It refuses nothing.
    #[serde(default)]
    pub advice: Vec<Advice>,
    /// What is asked for, when nothing is wrong and people were looked up. Its
    /// digest is what an approval binds to.
    pub spec: Option<Spec>,
    /// Who has to decide.
    pub needs: Need,
    /// Who will answer for the machine. Where people were not looked up, only
    /// the usernames here and below mean anything.
    pub owner: Person,
    /// Whom to ask when the owner is away; never the owner.
    pub fallback: Vec<Person>,
    /// The named owner, when that is not the author: they must accept.
    pub acceptance_needed: Option<Person>,
}

impl Verdict {
    /// A verdict on something nobody has judged yet.
    #[must_use]
    pub fn unjudged(cookbook: CookbookName, policy: Digest, author: Person) -> Self {
        let part = Part { by: Vec::new(), count: 1, own: false, reason: None };
        Self {
            cookbook,
            policy,
            violations: Vec::new(),
            advice: Vec::new(),
            spec: None,
            needs: Need::Approval { parts: vec![part] },
            owner: author,
            fallback: Vec::new(),
            acceptance_needed: None,
        }
    }

    /// What an approval must name; `None` while something is wrong.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.spec.as_ref().map(Spec::digest)
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.violations.is_empty()
    }

    /// Whether this verdict, under a newer policy, is worse for the requester
    /// than an earlier one: something is refused that was not, or what was
    /// approved then would not count as approved now.
    #[must_use]
    pub fn is_worse_than(&self, earlier: &Self) -> bool {
        let objection = |violation: &Violation| -> Objection {
            let rule = violation.rule.as_ref().map(|rule| rule.id.clone());
            (violation.code, violation.field.clone(), rule)
        };
        let before: Vec<Objection> = earlier.violations.iter().map(objection).collect();
        self.violations.iter().map(objection).any(|now| !before.contains(&now))
            || self.needs.is_more_than(&earlier.needs)
            || (self.acceptance_needed.is_some()
                && self.acceptance_needed != earlier.acceptance_needed)
    }
}

/// What makes two violations the same, wherever they stand and whatever they say.
type Objection = (ViolationCode, Option<FieldName>, Option<String>);
