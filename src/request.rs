//! What one issue asks for: read from Markdown ([`document`], [`form`],
//! [`value`]), normalised into a [`spec::Spec`], and given a digest that approvals
//! bind to. [`lifecycle`] says what may become of it.

mod approval;
pub mod document;
pub mod form;
pub mod lifecycle;
mod salt;
#[cfg(test)]
pub(crate) mod samples;
mod shown;
pub mod spec;
pub mod value;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::{
    approval::{Approval, GivenAs},
    salt::Salt,
    shown::Shown,
};
use crate::{
    identity::{
        CookbookName, Digest, FieldName, IssueRef, LeaseId, NoteId, Person, RequestId, Timestamp,
    },
    policy::Verdict,
    request::{lifecycle::State, value::Value},
    violation::Violation,
};

/// What one issue asks for, and how far it got.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each remembers one thing that was done once")]
pub struct Request {
    /// Its id.
    pub id: RequestId,
    /// Where it was filed.
    pub issue: IssueRef,
    /// The issue's page.
    pub web_url: String,
    /// The cookbook it is read by.
    pub cookbook: CookbookName,
    /// Who filed it.
    pub author: Person,
    /// When it was first seen.
    pub filed_at: Timestamp,
    /// Where it stands.
    pub state: State,
    /// Whom it waits on, so that turnaround can be told.
    pub waits_on: WaitsOn,
    /// Since when.
    pub waits_since: Timestamp,
    /// The description that was judged last.
    pub description: Digest,
    /// The policy it was judged under.
    pub policy_version: Digest,
    /// What was understood of the description.
    pub reading: Reading,
    /// What policy says of it.
    pub verdict: Verdict,
    /// Approvals of the digest in the verdict. Others are dropped.
    pub approvals: Vec<Approval>,
    /// The named owner agreed to answer for the machine.
    pub accepted: bool,
    /// Its machines, in the order they were asked for.
    pub leases: Vec<LeaseId>,
    /// What there is too little of to make them now; a hint for approvers.
    pub shortage: Option<String>,
    /// Our comment that is edited in place, once posted.
    pub sticky: Option<NoteId>,
    /// Questions we asked that wait for a second command.
    pub questions: Vec<Question>,
    /// Whether the issue was open when last seen or set by us: tells a closing
    /// or reopening by somebody from our own.
    pub seen_open: bool,
    /// We closed the issue because there was nothing left to do; once.
    pub closed_by_us: bool,
    /// A closing while machines live was answered; once.
    pub closing_answered: bool,
    /// We reopened the issue because machines still lived; once.
    pub reopened_by_us: bool,
    /// The due date shown last: tells somebody's edit from a view that is late.
    pub due_date_shown: Option<chrono::NaiveDate>,
    /// What else the issue was made to show.
    #[serde(default)]
    pub shown: Shown,
    /// Seals what the audit log holds of its digests; made when first needed.
    #[serde(default)]
    pub salt: Option<Salt>,
    /// When things went on after the store was restored, if its issue was looked
    /// at since then.
    #[serde(default)]
    pub caught_up: Option<Timestamp>,
}

impl Request {
    /// Whether nobody asked for it: we filed it for a machine that was there
    /// already. There is nothing in it to be judged.
    #[must_use]
    pub fn is_adopted(&self) -> bool {
        self.state == State::Fulfilled && self.verdict.spec.is_none()
    }
}

/// Something that happens only if the same people confirm it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Question {
    /// End this lease now?
    Release {
        /// Which.
        lease: LeaseId,
        /// What must be typed.
        code: String,
        /// When it was asked; good for a day.
        at: Timestamp,
    },
    /// Install this machine's system anew?
    Rebuild {
        /// Which.
        lease: LeaseId,
        /// What must be typed.
        code: String,
        /// When it was asked; good for a day.
        at: Timestamp,
    },
    /// Will this person take over?
    Transfer {
        /// Which.
        lease: LeaseId,
        /// Who must accept.
        to: Person,
        /// When it was asked; good for a week.
        at: Timestamp,
        /// A sysadmin ordered it: the limits of owners do not matter.
        #[serde(default)]
        waived: bool,
    },
}

/// Whom something waits on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitsOn {
    /// Whoever filed or owns it.
    Requester,
    /// Whoever may approve it.
    Approver,
    /// Us.
    Bot,
    /// The provider.
    Provider,
    /// A sysadmin, because something went wrong.
    Sysadmin,
    /// Nobody: there is nothing to do.
    Nobody,
}

/// An issue body read by a cookbook: what was understood, and what was not.
///
/// People are still names here; whether they exist is for the policy, which
/// is told by the forge.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The fields with a value, given or defaulted.
    pub fields: BTreeMap<FieldName, Answer>,
    /// Everything that could not be read. All at once.
    pub violations: Vec<Violation>,
}

impl Reading {
    /// The team it is for: the field `team`.
    #[must_use]
    pub fn team(&self) -> Option<&str> {
        let team = self.fields.get(&FieldName::from("team"));
        team.and_then(|answer| group(&answer.value))
    }

    /// The values alone, as [`spec::Spec::new`] takes them.
    #[must_use]
    pub fn values(&self) -> BTreeMap<FieldName, Value> {
        self.fields.iter().map(|(name, answer)| (name.clone(), answer.value.clone())).collect()
    }
}

/// The group a value names.
fn group(value: &Value) -> Option<&str> {
    match value {
        Value::Group(path) => Some(path),
        _ => None,
    }
}

/// One field as it was understood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The value.
    pub value: Value,
    /// The line of the issue body it stands on, from 1; `None` if defaulted.
    pub line: Option<usize>,
    /// The text as written; `None` if defaulted.
    pub written: Option<String>,
}
