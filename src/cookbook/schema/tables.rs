//! Every section, key and word of cookbooks and cases: one line each.

use serde_json::{Value, json};

use super::{
    Key,
    Kind::{
        Answers, AnyKeys, Anything, Count, Day, Number, OneOf, People, SomeOf, Table, Tables, Text,
        TextOrTexts, Texts, Truth, Words,
    },
    Section,
};

pub(super) const COOKBOOK: Section = Section {
    title: "the file",
    says: "One kind of request: its form, rules, approval, lifetimes and machine.",
    keys: &[
        Key::new("title", Text, "What people see: the name of the issue template.").required(),
        Key::new("summary", Text, "One sentence under the title.").required(),
        Key::new(
            "label",
            Text,
            "An issue with this label is read by this cookbook even without the template's mark.",
        ),
        Key::new(
            "include",
            Texts,
            "Parts in a subfolder that several cookbooks share, e.g. \"parts/common.toml\".",
        ),
        Key::new("lifetime", Table(&LIFETIME), LIFETIME.says).required(),
        Key::new("approval", Table(&APPROVAL), APPROVAL.says).required(),
        Key::new("placement", Table(&PLACEMENT), PLACEMENT.says).required(),
        Key::new("issue", Table(&ISSUE), ISSUE.says),
        Key::new("field", Tables(&FIELD), FIELD.says).required(),
        Key::new("tier", Tables(&TIER), TIER.says),
        Key::new("rule", Tables(&RULE), RULE.says),
        Key::new("eligible", Table(&ELIGIBLE), ELIGIBLE.says),
        Key::new("commands", Table(&COMMANDS), COMMANDS.says),
        Key::new("checklist", Table(&CHECKLIST), CHECKLIST.says),
    ],
};

const LIFETIME: Section = Section {
    title: "[lifetime]",
    says: "How long machines live, and with how much notice they go.",
    keys: &[
        Key::new("default", Text, "Granted when the form does not say, e.g. \"14d\".").required(),
        Key::new("max", Text, "The longest single grant.").required(),
        Key::new(
            "total",
            Text,
            "The longest life with all extensions the owner may give alone. Left out: `max`.",
        ),
        Key::new(
            "extensions",
            Number(0, 1000),
            "How often the owner may extend alone. Left out: as often as `total` allows.",
        ),
        Key::new("warn", Texts, "How long before the stop people are warned.")
            .default(r#"["7d", "1d"]"#),
        Key::new(
            "min_notice",
            Text,
            "The least time between a delivered warning and the step it announced.",
        )
        .default(r#""24h""#),
        Key::new(
            "grace",
            Text,
            "How long a stopped machine keeps its disks; `restore` brings it back.",
        )
        .default(r#""3d""#),
        Key::new("backups", Text, "How long backups outlive the disks.").default(r#""30d""#),
    ],
};

const APPROVAL: Section = Section {
    title: "[approval]",
    says: "Who decides about a request.",
    keys: &[
        Key::new("by", People, PRINCIPALS).required(),
        Key::new("count", Number(1, 10), "How many of them must approve.").default("1"),
        Key::new("own", Truth, "Whether people may approve what they asked for or will own.")
            .default("false"),
        Key::new(
            "unless",
            Text,
            "A condition (CEL): where it is true nobody needs to approve, once the operator has switched automatic approval on.",
        ),
        Key::new("also", Tables(&ALSO), ALSO.says),
    ],
};

const ALSO: Section = Section {
    title: "[[approval.also]]",
    says: "Others who must approve as well.",
    keys: &[
        Key::new("by", People, PRINCIPALS).required(),
        Key::new("count", Number(1, 10), "How many of them must approve.").default("1"),
        Key::new("own", Truth, "Whether people may approve what they asked for or will own.")
            .default("false"),
        Key::new("when", Text, "A condition (CEL): only then. Left out: always."),
        Key::new("reason", Text, "Why, for whoever reads the issue."),
    ],
};

const PLACEMENT: Section = Section {
    title: "[placement]",
    says: "Where and how machines are made.",
    keys: &[
        Key::new(
            "provider",
            TextOrTexts,
            "A provider of the configuration, or several: the one with most memory left is taken.",
        )
        .required(),
        Key::new("image", Text, "Base image or operating system, in the provider's own words."),
        Key::new("network", Text, "Network, in the provider's own words."),
        Key::new(
            "storage",
            Text,
            "Ganeti: a disk template (`plain`, `drbd`). libvirt: a storage pool.",
        ),
        Key::new("disk_template", Text, "Ganeti's word for `storage`."),
        Key::new("vcpus", Words, "Processors, where the form does not ask.").default("1"),
        Key::new("memory", Text, "Memory, where the form does not ask.").default(r#""1 GiB""#),
        Key::new("disk", Text, "The root disk, where the form does not ask.")
            .default(r#""10 GiB""#),
        Key::new("more_disks", Texts, "Further disks: \"100 GiB\", or \"1 TiB in STORAGE\"."),
        Key::new("firmware", OneOf(&["bios", "uefi"]), "How machines start.").default(r#""bios""#),
        Key::new("login", Text, "The account the requester's keys are for.").default(r#""root""#),
        Key::new(
            "keep_disks",
            Truth,
            "Whether the disks stay as the backup of a destroyed machine (libvirt only).",
        )
        .default("false"),
        Key::new(
            "parameters",
            AnyKeys,
            "For the installer of the operating system, in its own words.",
        ),
        Key::new("bandwidth", Table(&BANDWIDTH), BANDWIDTH.says),
    ],
};

const BANDWIDTH: Section = Section {
    title: "[placement.bandwidth]",
    says: "What a machine's network card may carry a second (libvirt only).",
    keys: &[
        Key::new("inbound", Text, "Towards the machine, e.g. \"100 MiB\". Left out: no limit."),
        Key::new("outbound", Text, "From the machine. Left out: no limit."),
    ],
};

const ISSUE: Section = Section {
    title: "[issue]",
    says: "What becomes of an issue that is read by this cookbook.",
    keys: &[
        Key::new(
            "confidential",
            Truth,
            "The issue is hidden from all but members before anything is said on it.",
        )
        .default("false"),
        Key::new("labels", Texts, "Labels it gets when it is first seen."),
    ],
};

const FIELD: Section = Section {
    title: "[[field]]",
    says: "One question of the form, in the order people see them.",
    keys: &[
        Key::new(
            "name",
            Text,
            "How rules spell it: lower-case letters, digits, underscores. `owner`, `fallback`, `hostname`, `memory`, `disk`, `vcpus` and `count` have a meaning.",
        )
        .required(),
        Key::new("label", Text, "The heading in the issue. Left out: the name in words."),
        Key::new("aliases", Texts, "Other headings that mean this field."),
        Key::new("type", OneOf(&TYPE_NAMES), "What an answer is.").required(),
        Key::new(
            "required",
            Truth,
            "Whether it must be given. Left out: yes, unless it has a default, or is a boolean or duration.",
        ),
        Key::new("help", Text, "Shown under the heading as a comment."),
        Key::new("placeholder", Text, "An example under the heading; untouched, it counts as empty."),
        Key::new("min", Words, "The least that may be asked for."),
        Key::new("max", Words, "The most that may be asked for. For a text: its most characters."),
        Key::new("choices", Texts, "What is offered."),
        Key::new(
            "custom",
            Truth,
            "For type `tier`: whether sizes of one's own may be asked for as well.",
        )
        .default("false"),
        Key::new("default", Anything, "What an empty answer means."),
    ],
};

const TIER: Section = Section {
    title: "[[tier]]",
    says: "A size with a name, smallest first, offered by the field of type `tier`.",
    keys: &[
        Key::new("name", Text, "What people choose.").required(),
        Key::new("memory", Text, "Its memory, e.g. \"2 GiB\".").required(),
        Key::new("vcpus", Words, "Its processors.").required(),
        Key::new("disk", Text, "Its disk.").required(),
        Key::new("summary", Text, "A few words on what it is for."),
    ],
};

const RULE: Section = Section {
    title: "[[rule]]",
    says: "A condition over several fields, or over what is in use.",
    keys: &[
        Key::new(
            "id",
            Text,
            "Its name in cases and comments: lower-case letters, digits, hyphens.",
        )
        .required(),
        Key::new(
            "require",
            Text,
            "A condition (CEL) that must be true, e.g. `request.vcpus <= 4`.",
        )
        .required(),
        Key::new(
            "severity",
            OneOf(&["deny", "review", "warn"]),
            "What follows when it is not true: refused, somebody has to look, or only said.",
        )
        .default(r#""deny""#),
        Key::new("message", Text, "What the requester is told when it is not true.").required(),
        Key::new("hint", Text, "What would be accepted."),
        Key::new("field", Text, "The field it is shown at."),
    ],
};

const ELIGIBLE: Section = Section {
    title: "[eligible]",
    says: "Who may ask. Without it, anyone who can file an issue.",
    keys: &[Key::new("by", People, PRINCIPALS).required()],
};

const COMMANDS: Section = Section {
    title: "[commands]",
    says: "What owners may do themselves, besides extend, restore and release.",
    keys: &[Key::new(
        "allow",
        SomeOf(&["start", "stop", "reboot", "rebuild", "resize"]),
        "Which commands; `resize` stays within the form's limits and the rules.",
    )
    .default("[]")],
};

const CHECKLIST: Section = Section {
    title: "[checklist]",
    says: "What people do when a machine is gone.",
    keys: &[Key::new("retire", Texts, "One thing to do each.").required()],
};

const PRINCIPALS: &str = "People: `group:PATH`, `project:PATH` or `user:NAME`.";

/// A type of field.
pub(super) struct Type {
    pub(super) name: &'static str,
    /// The keys that mean something for this type, and whether they are needed.
    takes: &'static [(&'static str, bool)],
}

/// The keys that only some types take.
const LIMITS: [&str; 4] = ["min", "max", "choices", "custom"];
const AMOUNT: &[(&str, bool)] = &[("min", false), ("max", true)];

pub(super) const TYPES: [Type; 18] = [
    Type { name: "text", takes: &[("max", false)] },
    Type { name: "choice", takes: &[("choices", true)] },
    Type { name: "many", takes: &[("choices", true)] },
    Type { name: "user", takes: &[] },
    Type { name: "users", takes: &[("min", false), ("max", false)] },
    Type { name: "group", takes: &[] },
    Type { name: "hostname", takes: &[] },
    Type { name: "tier", takes: &[("custom", false)] },
    Type { name: "memory", takes: AMOUNT },
    Type { name: "disk", takes: AMOUNT },
    Type { name: "vcpus", takes: AMOUNT },
    Type { name: "number", takes: AMOUNT },
    Type { name: "duration", takes: &[] },
    Type { name: "date", takes: &[] },
    Type { name: "url", takes: &[] },
    Type { name: "boolean", takes: &[] },
    Type { name: "ssh-keys", takes: &[] },
    Type { name: "acknowledgement", takes: &[] },
];

pub(super) const TYPE_NAMES: [&str; TYPES.len()] = {
    let mut names = [""; TYPES.len()];
    let mut index = 0;
    while index < TYPES.len() {
        names[index] = TYPES[index].name;
        index += 1;
    }
    names
};

impl Type {
    /// Which keys a field of this type needs, and which mean nothing for it.
    pub(super) fn limits(&self) -> Value {
        let taken = |key: &str| self.takes.iter().any(|(name, _)| *name == key);
        let refused: serde_json::Map<String, Value> = LIMITS
            .into_iter()
            .filter(|key| !taken(key))
            .map(|key| (key.to_owned(), Value::Bool(false)))
            .collect();
        let needed: Vec<&str> =
            self.takes.iter().filter(|(_, needed)| *needed).map(|(name, _)| *name).collect();
        json!({
            "if": { "properties": { "type": { "const": self.name } }, "required": ["type"] },
            "then": { "properties": refused, "required": needed },
        })
    }
}

// --- cases

pub(super) const CASES: Section = Section {
    title: "the file",
    says: "Requests with the verdict they must get.",
    keys: &[Key::new("case", Tables(&CASE), CASE.says)],
};

const CASE: Section = Section {
    title: "[[case]]",
    says: "One request, in a world you describe.",
    keys: &[
        Key::new("name", Text, "What it shows, as a sentence.").required(),
        Key::new("request", Answers, "Answers by field name; what is left out is left empty."),
        Key::new("body", Text, "The issue's whole text, instead of `request`."),
        Key::new("author", Text, "Who files it.").default(r#""alice""#),
        Key::new("eligible", Truth, "Whether the author is one of `[eligible]`.").default("true"),
        Key::new("unknown", Texts, "Accounts that the form names and that do not exist."),
        Key::new(
            "groups",
            Texts,
            "The groups the author belongs to. Left out: any that are named.",
        ),
        Key::new("taken", Texts, "Host names in use."),
        Key::new("protected", Texts, "Host names nobody gets."),
        Key::new("usage", Table(&USAGE), USAGE.says),
        Key::new("capacity", Table(&CAPACITY), CAPACITY.says),
        Key::new("edited_by_others", Truth, "Whether somebody else has edited the description.")
            .default("false"),
        Key::new("today", Day, "Which day it is, without quotes. Left out: 2026-01-05."),
        Key::new("verdict", OneOf(&["refused", "approval", "automatic"]), "What must come of it.")
            .required(),
        Key::new("codes", SomeOf(&CODES), "The codes of everything that is wrong, in any order."),
        Key::new("rules", Texts, "The rules that refuse it, in any order."),
        Key::new("review", Texts, "The rules that ask for somebody to look."),
        Key::new("warn", Texts, "The rules that only say something."),
    ],
};

/// As [`crate::violation::ViolationCode`] spells them.
pub(super) const CODES: [&str; 18] = [
    "missing-field",
    "repeated-field",
    "unreadable-value",
    "ambiguous-date",
    "below-minimum",
    "above-maximum",
    "not-a-choice",
    "not-acknowledged",
    "not-a-member",
    "unknown-user",
    "not-eligible",
    "name-taken",
    "name-reserved",
    "rule-refused",
    "rule-unusable",
    "too-large",
    "not-hidden",
    "filed-by-nobody",
];

const USAGE: Section = Section {
    title: "[case.usage]",
    says: "What is in use.",
    keys: &[
        Key::new("owner", Table(&USAGE_OWNER), USAGE_OWNER.says),
        Key::new("team", Table(&USAGE_OF_ALL), "By the team that the form names."),
        Key::new("cookbook", Table(&USAGE_OF_ALL), "By this cookbook."),
        Key::new("provider", Table(&USAGE_OF_ALL), "On its providers."),
    ],
};

const LEASES: Key = Key::new("leases", Count, "Machines.").default("0");
const PENDING: Key = Key::new("pending", Count, "Other requests under way.").default("0");
const VCPUS: Key = Key::new("vcpus", Count, "Their processors.").default("0");
const MEMORY: Key =
    Key::new("memory", Words, "Their memory: \"4 GiB\", or a number of MiB.").default("0");
const DISK: Key =
    Key::new("disk", Words, "Their disks: \"40 GiB\", or a number of MiB.").default("0");

const USAGE_OWNER: Section = Section {
    title: "[case.usage.owner]",
    says: "By the owner.",
    keys: &[
        LEASES,
        PENDING,
        VCPUS,
        MEMORY,
        DISK,
        Key::new("extensions", Count, "Extensions of the owner's machines.").default("0"),
        Key::new("open_issues", Count, "Open issues of the owner.").default("0"),
    ],
};

const USAGE_OF_ALL: Section = Section {
    title: "[case.usage.cookbook]",
    says: "By a team, by this cookbook, or on its providers.",
    keys: &[LEASES, PENDING, VCPUS, MEMORY, DISK],
};

const CAPACITY: Section = Section {
    title: "[case.capacity]",
    says: "What is free on the providers. What is left out is not known.",
    keys: &[
        Key::new("memory", Words, "\"64 GiB\", or a number of MiB."),
        Key::new("disk", Words, "\"1 TiB\", or a number of MiB."),
    ],
};
