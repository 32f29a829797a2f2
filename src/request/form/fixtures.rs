//! Forms in the shape of templates that are in use elsewhere, read as they are.

use chrono::NaiveDate;

use super::{read, tests::show};
use crate::{
    cookbook::{Field, FieldKind},
    quantity::Vcpus,
    request::{
        samples::{choices, cookbook, disk, field, memory, optional, size, vcpus, with_default},
        value::Value,
    },
};

const TODAY: NaiveDate = NaiveDate::from_ymd_opt(2027, 1, 4).unwrap();

fn text() -> FieldKind {
    FieldKind::Text { max: 500 }
}

fn alias(alias: &str, field: Field) -> Field {
    Field { aliases: vec![alias.to_owned()], ..field }
}

#[test]
fn values_typed_behind_task_bullets_with_units_in_the_labels() {
    let cookbook = cookbook(vec![
        field("Project", text()),
        alias("Number of VMs", field("Count", FieldKind::Number { min: 1, max: 4 })),
        alias("FQDN", field("Name", FieldKind::Hostname)),
        alias("Number of CPUs per VM", field("CPUs", vcpus())),
        alias("Amount of memory per VM", field("Memory", memory())),
        alias("Amount of storage/disk space per VM", field("Disk", disk())),
        optional("Operating system", FieldKind::Choice { choices: choices(&["trixie"]) }),
        alias("Port number(s)", optional("Ports", text())),
        alias("Service(s)", optional("Services", text())),
        alias("Resources to mount", optional("Mounts", text())),
        optional("Ready by", FieldKind::Date),
        alias("EOL Date", field("Until", FieldKind::Lifetime)),
        alias("Responsible", field("Owner", FieldKind::User)),
        alias("If absent", field("Fallback", FieldKind::Users { min: 1, max: 3 })),
    ]);
    let body = include_str!("../../../tests/fixtures/forms/task_list.md");
    insta::assert_snapshot!(show(&read(body, &cookbook, TODAY)), @r"
    4 count = 2
    6 cpus = 2 vCPUs
    8 disk = 50 GiB
    26 fallback = bob, carol
    7 memory = 8 GiB
    5 name = findingaids-staging1
    25 owner = alice
    10 ports = 80, 443
    3 project = Finding Aids (phase 2)
    20 ready_by = 2027-01-11
    12 services = - nginx
    - passenger
    21 until = 2027-02-01
    ");
}

#[test]
fn headings_of_groups_with_defaults_tables_and_underlined_headings() {
    let agreement = Field {
        help: "The project's committee has approved this request.".into(),
        ..field("Acknowledgement", FieldKind::Acknowledgement)
    };
    let cookbook = cookbook(vec![
        alias("Why do you need this VM?", field("Purpose", text())),
        alias("Which ports?", optional("Ports", text())),
        with_default("Virtual cores", vcpus(), Value::Vcpus(Vcpus::MIN)),
        alias("Memory size", with_default("Memory", memory(), Value::Memory(size("1 GiB")))),
        alias("Disk space", with_default("Disk", disk(), Value::Disk(size("20 GiB")))),
        alias("Host name", field("Name", FieldKind::Hostname)),
        with_default("Backup", FieldKind::Boolean, Value::Boolean(false)),
        optional("DNS names", text()),
        field("Maintainers", FieldKind::Users { min: 3, max: 9 }),
        field("Lifetime", FieldKind::Lifetime),
        agreement,
    ]);
    let body = include_str!("../../../tests/fixtures/forms/headings_with_defaults.md");
    insta::assert_snapshot!(show(&read(body, &cookbook, TODAY)), @r"
    52 acknowledgement = yes
    41 backup = yes
    - disk = 20 GiB
    - lifetime = 14 days
    46 maintainers = alice, bob, carol
    26 memory = 4 GiB
    34 name = docs-vm
    6 purpose = We build the nightly documentation on it:

    - one job per branch
    - results are public

    If it will have logins, HTTPS is mandatory.
    - virtual_cores = 1 vCPU
    ");
}

#[test]
fn an_issue_form_with_what_people_get_wrong_in_it() {
    let cookbook = cookbook(vec![
        field("Target cluster", FieldKind::Choice { choices: choices(&["Hall-1", "Hall-2"]) }),
        alias("Team name", field("Name", FieldKind::Hostname)),
        alias("Project description", field("Purpose", text())),
        field("Memory", memory()),
        alias("Users needing access", field("Users", FieldKind::Users { min: 1, max: 9 })),
        field("Quota", FieldKind::Choice { choices: choices(&["X-Small", "Small", "Custom"]) }),
        optional("Custom quota", text()),
        alias("Until when?", field("Until", FieldKind::Lifetime)),
        field("Key or contact", text()),
        field("Terms", FieldKind::Acknowledgement),
    ]);
    let body = include_str!("../../../tests/fixtures/forms/issue_form.md");
    insta::assert_snapshot!(show(&read(body, &cookbook, TODAY)), @r"
    11 purpose = Notebooks for the spring course.

    ### Memory
    this is an example, not an answer
    3 target_cluster = Hall-2
    24 users = alice, bob
    7 unreadable-value: name `Data_Science` is not a host name: use letters a-z, digits and hyphens, with no hyphen first or last. (For example `web-01`.)
    20 above-maximum: memory 16 GiB is more than the maximum of 8 GiB. (Accepted: 1 GiB to 8 GiB.)
    29 not-a-choice: quota `X-Smal` is not one of the choices. (Did you mean `X-Small`?)
    37 ambiguous-date: until `03/04/2027` can be read as 3 April 2027 or as 4 March 2027: write it as year-month-day. (Write `2027-04-03` or `2027-03-04`.)
    39 missing-field: key_or_contact `Key or contact` is not filled in. (Accepted: text of up to 500 characters.)
    46 not-acknowledged: terms The box is not ticked. (Tick the box once you agree: `- [x]`.)
    ");
}
