//! `[[tier]]`: sizes with a name, and whether form and tiers go together.

use super::{
    field::Placed,
    reader::{At, Table},
};
use crate::{
    cookbook::{
        FieldKind,
        tier::{Amount, CUSTOM, Tier},
    },
    machine::Shape,
    quantity::{Mebibytes, Vcpus},
};

/// Reads them. What is missing or wrong has been reported.
pub(super) fn read_all(tables: &[Table<'_>]) -> Vec<Tier> {
    let mut tiers: Vec<Tier> = Vec::new();
    for table in tables {
        let Some((tier, name, complete)) = read(table) else { continue };
        let taken = |other: &&Tier| other.name.eq_ignore_ascii_case(&tier.name);
        if tiers.iter().any(|other| taken(&other)) {
            let message = format!("two tiers are called `{}`", tier.name);
            table.file.report_with(&name.span, message, "letter case does not matter");
        } else if let Some(larger) = tiers.iter().find(|other| complete && tier.is_within(other)) {
            let message = format!("{tier} has no more of anything than {larger}");
            table.file.report_with(
                &name.span,
                message,
                "sort tiers from the smallest to the largest",
            );
        }
        tiers.push(tier);
    }
    tiers
}

/// One tier, its name's place, and whether all of it could be read.
fn read(table: &Table<'_>) -> Option<(Tier, At<String>, bool)> {
    for (key, example) in
        [("memory", "memory = \"2 GiB\""), ("vcpus", "vcpus = 1"), ("disk", "disk = \"10 GiB\"")]
    {
        if table.value(key).is_none() {
            table.missing(key, example);
        }
    }
    let name = table.required("name", "name = \"small\"");
    let memory = table.read("memory", Mebibytes::parse).map(|at| at.value);
    let vcpus = table.read("vcpus", Vcpus::parse).map(|at| at.value);
    let disk = table.read("disk", Mebibytes::parse).map(|at| at.value);
    let summary = table.line_of_text("summary");
    table.finish();
    let name = name?;
    if name.value.chars().any(|character| character.is_control() || character == ',') {
        table.file.report(&name.span, "a tier's name is one line of text without commas");
    } else if name.value.eq_ignore_ascii_case(CUSTOM) {
        let help = "write `custom = true` at the field, and it is offered besides the tiers";
        table.file.report_with(&name.span, "`custom` means sizes of one's own", help);
    }
    let complete = memory.is_some() && vcpus.is_some() && disk.is_some();
    let shape = Shape {
        vcpus: vcpus.unwrap_or(Vcpus::MIN),
        memory: memory.unwrap_or(Mebibytes::MIN),
        disk: disk.unwrap_or(Mebibytes::MIN),
    };
    let summary = summary.map(|summary| summary.value).unwrap_or_default();
    Some((Tier { name: name.value.clone(), shape, summary }, name, complete))
}

/// Tiers without a field to choose them, a field without tiers, and amounts
/// that nobody can be asked for.
pub(super) fn check(tiers: &[Table<'_>], fields: &[(Placed, &Table<'_>)]) {
    let chooser = fields.iter().find_map(|(placed, table)| match &placed.field.kind {
        FieldKind::Tier { custom, .. } => Some((*custom, placed, *table)),
        _ => None,
    });
    let amounts =
        || fields.iter().filter(|(placed, _)| Amount::asked_by(&placed.field.kind).is_some());
    match (chooser, tiers.first()) {
        (None, Some(tier)) => {
            let help = "add a `[[field]]` with `type = \"tier\"`";
            tier.file.report_with(&tier.span, "no field offers these tiers", help);
        }
        (Some((_, placed, table)), None) => {
            let help = "write `[[tier]]` sections, or use `type = \"choice\"`";
            table.file.report_with(&placed.name, "there is no `[[tier]]` to choose from", help);
        }
        (Some((true, placed, table)), Some(_)) if amounts().next().is_none() => {
            let help = "add a field of type `memory`, `vcpus` or `disk`, or remove `custom`";
            table.file.report_with(&placed.name, "`custom` leaves nothing to be said", help);
        }
        (Some((false, ..)), Some(_)) => {
            for (placed, table) in amounts() {
                let name = &placed.field.name;
                let help = "write `custom = true` at the field of the tiers, or remove this one";
                let message = format!("`{name}` is never read: the tier says it");
                table.file.report_with(&placed.name, message, help);
            }
        }
        (None, None) | (Some((true, ..)), Some(_)) => {}
    }
}
