//! What must be known about the world to judge a request.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::{expression::Expression, usage::Usage};
use crate::identity::Person;

/// What the forge and the store know at the time of judging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Who filed the issue.
    pub author: Person,
    /// Whether the author is one of the cookbook's `[eligible]`; also true when
    /// it names nobody. `None` when nobody was asked, as in `innkeeper check`:
    /// then it is no objection, but nothing is approved automatically either.
    pub author_eligible: Option<bool>,
    /// The accounts the form names.
    pub people: People,
    /// The groups the form names.
    pub groups: Groups,
    /// What is in use and asked for already.
    pub usage: Usage,
    /// What is free.
    pub room: Room,
    /// Host names in use, in their grace period, or asked for by other requests.
    pub taken_names: BTreeSet<String>,
    /// Host names the operator protects.
    pub protected_names: BTreeSet<String>,
    /// Whether the operator switched automatic approval on.
    pub auto_approval: bool,
    /// Whether somebody other than the author changed the description: then it
    /// is not the author's word alone.
    pub description_edited_by_others: bool,
    /// Today in the operator's time zone.
    pub today: NaiveDate,
}

/// The accounts a form names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum People {
    /// Nobody was looked up. Names are taken as they are, and no [`Spec`] comes
    /// out, because it binds to numeric ids.
    ///
    /// [`Spec`]: crate::request::spec::Spec
    Unchecked,
    /// By lower-case username. `None`, or not listed: no active account of a
    /// person, be it unknown, blocked or a bot.
    Known(BTreeMap<String, Option<Person>>),
}

/// The groups a form names, and whether the author belongs to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Groups {
    /// Nobody was asked: then it is no objection.
    Unchecked,
    /// Those the author belongs to, by full path in lower case. Not listed: the
    /// author does not, or there is no such group.
    Of(BTreeSet<String>),
}

/// What is free for new machines on the provider with most room, in MiB; `None`
/// where nobody knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Memory.
    pub memory: Option<u64>,
    /// Disk space, in the storage class the cookbook uses.
    pub disk: Option<u64>,
}

impl Room {
    /// Each name a rule can use, with its value.
    pub(super) fn names(self) -> [(&'static str, Option<u64>); 2] {
        [("capacity.memory", self.memory), ("capacity.disk", self.disk)]
    }

    /// Whether the condition looks at what nobody knows.
    pub(super) fn is_missing_for(self, condition: &Expression) -> bool {
        self.names().iter().any(|(name, free)| free.is_none() && condition.mentions(name))
    }
}
