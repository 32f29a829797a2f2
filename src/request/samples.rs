//! Cookbooks for tests.

use crate::{
    cookbook::{Approval, Cookbook, Field, FieldKind, IssueRules, Placement, Terms},
    machine::{Bandwidth, Firmware, Shape},
    quantity::{Delay, Lifetime, Mebibytes, Vcpus},
    request::value::Value,
};

/// A cookbook with these fields.
pub(crate) fn cookbook(fields: Vec<Field>) -> Cookbook {
    Cookbook {
        name: "sandbox".into(),
        title: "Sandbox".to_owned(),
        summary: "A throw-away machine to try something out.".to_owned(),
        label: Some("vm::sandbox".to_owned()),
        issue: IssueRules::default(),
        fields,
        rules: Vec::new(),
        lifetime: Terms {
            default: Lifetime::new(14).unwrap(),
            max: Lifetime::new(30).unwrap(),
            total: Lifetime::new(90).unwrap(),
            extensions: None,
            warn: vec![Delay::parse("7d").unwrap(), Delay::parse("24h").unwrap()],
            min_notice: Delay::parse("24h").unwrap(),
            grace: Delay::parse("3d").unwrap(),
            backups: Delay::parse("30d").unwrap(),
        },
        eligible: Vec::new(),
        approval: Approval { by: Vec::new(), count: 1, own: false, unless: None, also: Vec::new() },
        placement: Placement {
            providers: vec!["kvm1".into()],
            image: None,
            network: None,
            storage: None,
            shape: Shape { vcpus: Vcpus::MIN, memory: size("1 GiB"), disk: size("10 GiB") },
            more_disks: Vec::new(),
            firmware: Firmware::Bios,
            bandwidth: Bandwidth::default(),
            parameters: std::collections::BTreeMap::new(),
            login: "root".to_owned(),
            keep_disks: false,
        },
        commands: Vec::new(),
        retire: Vec::new(),
    }
}

/// A required field without a default; its name is made from its label.
pub(crate) fn field(label: &str, kind: FieldKind) -> Field {
    Field {
        name: label.to_lowercase().replace(' ', "_").as_str().into(),
        label: label.to_owned(),
        aliases: Vec::new(),
        kind,
        required: true,
        default: None,
        help: format!("What to write for {}.", label.to_lowercase()),
        placeholder: None,
    }
}

/// The same, optional.
pub(crate) fn optional(label: &str, kind: FieldKind) -> Field {
    Field { required: false, ..field(label, kind) }
}

/// The same, with a default.
pub(crate) fn with_default(label: &str, kind: FieldKind, default: Value) -> Field {
    Field { default: Some(default), ..field(label, kind) }
}

/// An amount of memory or disk space.
pub(crate) fn size(text: &str) -> Mebibytes {
    Mebibytes::parse(text).unwrap()
}

/// Memory from 1 to 8 GiB.
pub(crate) fn memory() -> FieldKind {
    FieldKind::Memory { min: size("1 GiB"), max: size("8 GiB") }
}

/// Disk space from 10 to 100 GiB.
pub(crate) fn disk() -> FieldKind {
    FieldKind::Disk { min: size("10 GiB"), max: size("100 GiB") }
}

/// Processors from 1 to 4.
pub(crate) fn vcpus() -> FieldKind {
    FieldKind::Vcpus { min: Vcpus::MIN, max: Vcpus::new(4).unwrap() }
}

/// Choices.
pub(crate) fn choices(choices: &[&str]) -> Vec<String> {
    choices.iter().map(ToString::to_string).collect()
}
