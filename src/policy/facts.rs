//! What must be known about the world to judge a request.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

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
    /// What is in use already.
    pub usage: Usage,
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

/// What is in use already. Memory and disk in MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Machines the owner holds.
    pub owner_leases: u64,
    /// Their processors.
    pub owner_vcpus: u64,
    /// Their memory.
    pub owner_memory: u64,
    /// Their disks.
    pub owner_disk: u64,
    /// Other requests for the owner that are under way.
    pub owner_pending: u64,
    /// Machines made by this cookbook.
    pub cookbook_leases: u64,
    /// Machines on the cookbook's provider.
    pub provider_leases: u64,
}
