//! Cookbooks: one kind of request each, with its form, limits, rules,
//! lifetimes, approval and placement.
//!
//! A cookbook is written as `policies/NAME.toml`, read and checked by
//! [`load`], and then only used through the types here. The issue template
//! people fill in ([`issue_template`]), the form reader and the verdict all come
//! from this one value, so they cannot drift apart.

pub mod diagnostic;
pub mod issue_template;
pub mod load;
pub mod page;
pub mod schema;
pub mod tier;

use std::collections::BTreeMap;

use crate::{
    identity::{CookbookName, Digest, FieldName, ProviderName},
    machine::{Bandwidth, ExtraDisk, Firmware, Shape},
    policy::{Severity, expression::Expression},
    quantity::{Delay, Lifetime, Mebibytes, Vcpus},
    request::value::Value,
};

/// All cookbooks in force, and the digest over their files that every verdict
/// and approval names as the policy version.
#[derive(Clone, Debug)]
pub struct Cookbooks {
    /// In the order of their names.
    pub cookbooks: Vec<Cookbook>,
    /// Over names and contents of all files.
    pub version: Digest,
    /// The commit they were read from, if it was one: its hash in full.
    pub commit: Option<String>,
}

impl Cookbooks {
    /// The cookbook of that name.
    #[must_use]
    pub fn get(&self, name: &CookbookName) -> Option<&Cookbook> {
        self.cookbooks.iter().find(|cookbook| cookbook.name == *name)
    }
}

/// One kind of request.
#[derive(Clone, Debug)]
pub struct Cookbook {
    /// The file name without `.toml`.
    pub name: CookbookName,
    /// What people see: the issue template's name.
    pub title: String,
    /// One sentence under the title.
    pub summary: String,
    /// An issue with this label is read by this cookbook even when the
    /// template's marker is gone.
    pub label: Option<String>,
    /// What becomes of an issue that is read by it.
    pub issue: IssueRules,
    /// The form, in the order it is shown.
    pub fields: Vec<Field>,
    /// Conditions over several fields or over usage.
    pub rules: Vec<Rule>,
    /// How long its machines live.
    pub lifetime: Terms,
    /// Who may ask. Empty: anyone who can file an issue.
    pub eligible: Vec<Principal>,
    /// Who decides.
    pub approval: Approval,
    /// Where and how its machines are made.
    pub placement: Placement,
    /// What owners may do themselves besides extend, restore and release.
    pub commands: Vec<MachineCommand>,
    /// What people do when one of its machines is gone, for the checklist.
    pub retire: Vec<String>,
}

impl Cookbook {
    /// The field of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name.as_str() == name)
    }

    /// Whether any of its conditions looks at a name that begins like this,
    /// e.g. `usage.`.
    #[must_use]
    pub fn looks_at(&self, prefix: &str) -> bool {
        let rules = self.rules.iter().map(|rule| &rule.require);
        let also = self.approval.also.iter().filter_map(|also| also.when.as_ref());
        let mut conditions = rules.chain(&self.approval.unless).chain(also);
        conditions.any(|condition| condition.mentions_any_of(prefix))
    }
}

/// What becomes of an issue that is read by a cookbook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IssueRules {
    /// It is hidden from all but members before anything is said on it, and
    /// stays hidden.
    pub confidential: bool,
    /// Labels it gets when it is first seen. People may take them off.
    pub labels: Vec<String>,
}

/// One question of the form.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// How rules spell it; lower-case letters, digits and underscores.
    pub name: FieldName,
    /// The heading in the issue.
    pub label: String,
    /// Other headings that mean this field, e.g. of a team's older template.
    pub aliases: Vec<String>,
    /// What a value is, with its limits.
    pub kind: FieldKind,
    /// Whether it must be given when there is no default.
    pub required: bool,
    /// What an empty field means.
    pub default: Option<Value>,
    /// Shown under the heading as an HTML comment, read as empty.
    pub help: String,
    /// Example text under the heading, read as empty while untouched.
    pub placeholder: Option<String>,
}

/// The type of a field, with the limits that are meant for it.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldKind {
    /// Free text; `max` counts characters.
    Text {
        /// Most characters allowed.
        max: usize,
    },
    /// One of these.
    Choice {
        /// What is offered.
        choices: Vec<String>,
    },
    /// Any of these.
    Choices {
        /// What is offered.
        choices: Vec<String>,
    },
    /// One account on the forge.
    User,
    /// Several accounts on the forge.
    Users {
        /// Fewest allowed, when the field is required or given.
        min: usize,
        /// Most allowed.
        max: usize,
    },
    /// A group of the forge that the author belongs to.
    Group,
    /// A short host name (RFC 1123 label).
    Hostname,
    /// Memory.
    Memory {
        /// Least allowed.
        min: Mebibytes,
        /// Most allowed.
        max: Mebibytes,
    },
    /// Disk space.
    Disk {
        /// Least allowed.
        min: Mebibytes,
        /// Most allowed.
        max: Mebibytes,
    },
    /// Virtual processors.
    Vcpus {
        /// Fewest allowed.
        min: Vcpus,
        /// Most allowed.
        max: Vcpus,
    },
    /// A size by name, or sizes of one's own.
    Tier {
        /// What is offered, smallest first.
        tiers: Vec<tier::Tier>,
        /// Whether the amounts may be said instead, in the form's own fields.
        custom: bool,
    },
    /// A whole number.
    Number {
        /// Least allowed.
        min: u64,
        /// Most allowed.
        max: u64,
    },
    /// How long, or until when: the machine's lifetime. The longest grant is
    /// [`Terms::max`].
    Lifetime,
    /// A calendar day.
    Date,
    /// A web address. Never fetched.
    Url,
    /// Yes or no.
    Boolean,
    /// SSH public keys, one a line.
    SshKeys,
    /// A box that must be ticked.
    Acknowledgement,
}

/// A condition over several fields, or over what is already in use.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name within the cookbook.
    pub id: String,
    /// Must be true, else what [`Rule::severity`] says.
    pub require: Expression,
    /// What follows when it is not.
    pub severity: Severity,
    /// What the requester is told.
    pub message: String,
    /// What would be accepted.
    pub hint: Option<String>,
    /// The field it is shown at, if it is mostly about one.
    pub field: Option<FieldName>,
    /// The file it stands in: the cookbook's, or a part's.
    pub file: String,
    /// The line of its `[[rule]]` there.
    pub line: usize,
}

/// How long machines live. A lease keeps the terms it was granted under.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Terms {
    /// Granted when the form does not say.
    pub default: Lifetime,
    /// The longest single grant, and the longest single extension that the
    /// owner may give alone.
    pub max: Lifetime,
    /// The longest life with all extensions the owner may give alone.
    pub total: Lifetime,
    /// How often the owner may extend alone; `None`: as long as `total` allows.
    #[serde(default)]
    pub extensions: Option<u32>,
    /// How long before the machine is stopped people are warned; longest first.
    pub warn: Vec<Delay>,
    /// The least time between the last warning that was delivered and the
    /// step it announced.
    pub min_notice: Delay,
    /// How long a stopped machine keeps its disks.
    pub grace: Delay,
    /// How long backups outlive the disks.
    pub backups: Delay,
}

/// People, by account or by membership.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub enum Principal {
    /// Active members of a group, by its full path: `group:tpo/tpa`.
    Group(String),
    /// Active members of a project, by its full path: `project:tpo/tpa/team`.
    Project(String),
    /// One account, by username: `user:alice`.
    User(String),
}

impl std::fmt::Display for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Group(path) => write!(f, "group:{path}"),
            Self::Project(path) => write!(f, "project:{path}"),
            Self::User(name) => write!(f, "user:{name}"),
        }
    }
}

impl From<Principal> for String {
    fn from(principal: Principal) -> Self {
        principal.to_string()
    }
}

impl TryFrom<String> for Principal {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (kind, name) = text.split_once(':').unwrap_or(("", text.as_str()));
        let name = name.trim().trim_start_matches('@').to_owned();
        match kind.trim() {
            _ if name.is_empty() => Err(format!("`{text}` names nobody")),
            "group" => Ok(Self::Group(name)),
            "project" => Ok(Self::Project(name)),
            "user" => Ok(Self::User(name)),
            _ => Err(format!("`{text}` is neither `group:PATH`, `project:PATH` nor `user:NAME`")),
        }
    }
}

/// Who decides about a request.
#[derive(Clone, Debug)]
pub struct Approval {
    /// Who may approve.
    pub by: Vec<Principal>,
    /// How many of them must. At least 1.
    pub count: usize,
    /// Whether the author or owner may approve their own request.
    pub own: bool,
    /// When true, nobody needs to approve, provided the operator switched
    /// automatic approval on and none of [`Approval::also`] applies.
    pub unless: Option<Expression>,
    /// Who must approve as well.
    pub also: Vec<AlsoApproval>,
}

/// Further people who must approve some requests.
#[derive(Clone, Debug)]
pub struct AlsoApproval {
    /// Which requests; all if there is none.
    pub when: Option<Expression>,
    /// Who may approve.
    pub by: Vec<Principal>,
    /// How many of them must. At least 1.
    pub count: usize,
    /// Whether author and owner may be among them.
    pub own: bool,
    /// What everybody is told of why, as a sentence.
    pub reason: Option<String>,
    /// The file it stands in: the cookbook's, or one of its parts.
    pub file: String,
    /// The line of its `[[approval.also]]` there.
    pub line: usize,
}

/// Where and how machines are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The providers' names in the configuration, at least one. A machine is
    /// made where most memory is free.
    pub providers: Vec<ProviderName>,
    /// Base image or operating system, in the provider's own words.
    pub image: Option<String>,
    /// Network, in the provider's own words.
    pub network: Option<String>,
    /// Storage class: `plain` or `drbd` on Ganeti, a pool on libvirt.
    pub storage: Option<String>,
    /// Used for what the form does not ask.
    pub shape: Shape,
    /// Disks besides the root disk.
    pub more_disks: Vec<ExtraDisk>,
    /// How machines start.
    pub firmware: Firmware,
    /// What their network cards may carry.
    pub bandwidth: Bandwidth,
    /// For the installer of the operating system, in its own words.
    pub parameters: BTreeMap<String, String>,
    /// The account the requester's keys are for.
    pub login: String,
    /// Whether a machine's disks are kept as its backup when it is destroyed.
    pub keep_disks: bool,
}

/// A command about a machine that a cookbook may leave to its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MachineCommand {
    /// Switch it.
    Power(PowerCommand),
    /// Install its system anew.
    Rebuild,
    /// Give it another size, within the form's limits.
    Resize,
}

/// A command on a running machine that a cookbook may leave to its owner.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum PowerCommand {
    /// Switch it on.
    Start,
    /// Switch it off, keeping the lease.
    Stop,
    /// Switch it off and on.
    Reboot,
}
