//! `[guide]`: a cookbook that makes no machine, and what it cannot say then.

use super::{
    field::Placed,
    reader::{At, Table},
    sections::{self, principals},
};
use crate::{
    cookbook::{FieldKind, Guide, Placement, Terms},
    machine::{Bandwidth, Firmware, Shape},
    quantity::{Delay, Lifetime, Mebibytes, Vcpus},
};

/// Reads the section. What is missing or wrong has been reported.
pub(super) fn read(table: &Table<'_>) -> Guide {
    let steps = sections::items(table, "steps", "steps = [\"Make the list\", \"Tell the owner\"]");
    let by = principals(table, "by = [\"group:tpo/tpa\"]").unwrap_or_default();
    let summary = table.line_of_text("summary").map_or_else(String::new, |At { value, .. }| value);
    table.finish();
    Guide { steps, by, summary }
}

/// Sections that are about machines.
pub(super) fn check_sections(top: &Table<'_>) {
    for (key, message) in [
        ("lifetime", "`[lifetime]` means nothing beside `[guide]`: no machine is made"),
        ("placement", "`[placement]` means nothing beside `[guide]`: no machine is made"),
        ("commands", "`[commands]` means nothing beside `[guide]`: no machine is made"),
        ("checklist", "`[checklist]` means nothing beside `[guide]`: no machine is made"),
        ("tier", "`[[tier]]` means nothing beside `[guide]`: no machine is made"),
    ] {
        top.meaningless(key, message, "remove it, or `[guide]`");
    }
}

/// Fields that are about machines.
pub(super) fn check_fields(fields: &[(Placed, &Table<'_>)]) {
    for (placed, table) in fields {
        let kind = match placed.field.kind {
            FieldKind::Lifetime => "duration",
            FieldKind::Memory { .. } => "memory",
            FieldKind::Disk { .. } => "disk",
            FieldKind::Vcpus { .. } => "vcpus",
            FieldKind::Tier { .. } => "tier",
            _ => continue,
        };
        let message = format!("a field of type `{kind}` means nothing beside `[guide]`");
        let help = "use `text`, `number`, `date` or `choice`";
        table.file.report_with(&placed.name, message, help);
    }
}

/// What stands where a machine's terms would.
pub(super) fn no_terms() -> Terms {
    Terms {
        default: Lifetime::MIN,
        max: Lifetime::MIN,
        total: Lifetime::MIN,
        extensions: None,
        warn: Vec::new(),
        min_notice: Delay::MAX,
        grace: Delay::MAX,
        backups: Delay::MAX,
    }
}

/// What stands where a machine's place would: nowhere.
pub(super) fn no_placement() -> Placement {
    Placement {
        providers: Vec::new(),
        image: None,
        network: None,
        storage: None,
        shape: Shape { vcpus: Vcpus::MIN, memory: Mebibytes::MIN, disk: Mebibytes::MIN },
        more_disks: Vec::new(),
        firmware: Firmware::Bios,
        bandwidth: Bandwidth::default(),
        parameters: std::collections::BTreeMap::new(),
        login: String::new(),
        keep_disks: false,
    }
}
