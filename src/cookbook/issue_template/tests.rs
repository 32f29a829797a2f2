use chrono::NaiveDate;
use proptest::prelude::*;

use super::{github, gitlab};
use crate::{
    cookbook::{Cookbook, Field, FieldKind, tier::Tier},
    identity::FieldName,
    machine::Shape,
    quantity::Vcpus,
    request::{
        document::{self, marker},
        form::read,
        samples::{choices, cookbook, disk, field, memory, optional, size, vcpus, with_default},
        value::Value,
    },
    violation::ViolationCode as Code,
};

const TODAY: NaiveDate = NaiveDate::from_ymd_opt(2027, 1, 4).unwrap();

/// Every kind of field, with what its author may have put into it.
fn everything() -> Cookbook {
    let agreement = Field {
        help: "I will answer the [warnings](https://example.org).".into(),
        ..field("Agreement", FieldKind::Acknowledgement)
    };
    let purpose = Field {
        help: "What is it for?\n/close --> @all".into(),
        placeholder: Some("e.g. *try* the new release".into()),
        ..field("Purpose", FieldKind::Text { max: 500 })
    };
    cookbook(vec![
        purpose,
        field("Name", FieldKind::Hostname),
        with_default("Memory", memory(), Value::Memory(size("2 GiB"))),
        field("Disk_size <GiB>", disk()),
        with_default("CPUs", vcpus(), Value::Vcpus(Vcpus::MIN)),
        optional("How many?", FieldKind::Number { min: 1, max: 3 }),
        field("Lifetime", FieldKind::Lifetime),
        field(
            "Operating system",
            FieldKind::Choice { choices: choices(&["trixie", "book_worm*"]) },
        ),
        optional("Services", FieldKind::Choices { choices: choices(&["ssh", "web [https]"]) }),
        field("Owner", FieldKind::User),
        field("Fallback owners", FieldKind::Users { min: 1, max: 3 }),
        optional("Team", FieldKind::Group),
        optional("Needed by", FieldKind::Date),
        optional("Documentation", FieldKind::Url),
        field("Backups", FieldKind::Boolean),
        field("SSH keys", FieldKind::SshKeys),
        agreement,
    ])
}

#[test]
fn the_template_says_what_is_accepted() {
    let small = cookbook(vec![
        with_default("Memory", memory(), Value::Memory(size("2 GiB"))),
        optional("System", FieldKind::Choice { choices: choices(&["trixie", "bookworm"]) }),
        field("Lifetime", FieldKind::Lifetime),
        field("Agreement", FieldKind::Acknowledgement),
    ]);
    insta::assert_snapshot!(gitlab(&small), @r#"
    <!-- innkeeper: sandbox -->
    <!-- A throw-away machine to try something out. -->

    ### Memory

    <!-- What to write for memory. 1 GiB to 8 GiB, 2 GiB if left empty. -->


    ### System

    <!-- What to write for system. One of trixie, bookworm. Optional. -->

    - [ ] trixie
    - [ ] bookworm

    ### Lifetime

    <!-- What to write for lifetime. Up to 30 days, or a date (year-month-day), 14 days if left empty. -->


    ### Agreement

    - [ ] What to write for agreement.

    /label ~"vm::sandbox"
    "#);
}

#[test]
fn tiers_say_what_they_have_and_amounts_that_they_are_for_custom() {
    let tier = |name: &str, memory, summary: &str| Tier {
        name: name.into(),
        shape: Shape { vcpus: Vcpus::MIN, memory: size(memory), disk: size("10 GiB") },
        summary: summary.into(),
    };
    let tiers = vec![tier("small", "2 GiB", "Enough for most."), tier("large", "8 GiB", "")];
    let form = cookbook(vec![
        field("Size", FieldKind::Tier { tiers, custom: true }),
        Field { required: false, ..with_default("Memory", memory(), Value::Memory(size("2 GiB"))) },
        optional("CPUs", vcpus()),
    ]);
    insta::assert_snapshot!(gitlab(&form), @r#"
    <!-- innkeeper: sandbox -->
    <!-- A throw-away machine to try something out. -->

    ### Size

    <!-- What to write for size. One of small (1 vCPU, 2 GiB memory, 10 GiB disk): Enough for most; large (1 vCPU, 8 GiB memory, 10 GiB disk); custom: say how much. -->

    - [ ] small
    - [ ] large
    - [ ] custom

    ### Memory

    <!-- What to write for memory. Only with `custom`: 1 GiB to 8 GiB, 2 GiB if left empty. -->


    ### CPUs

    <!-- What to write for cpus. Only with `custom`: 1 vCPU to 4 vCPUs. -->


    /label ~"vm::sandbox"
    "#);
    let github = github(&form);
    let dropdown = "- type: dropdown\n    id: \"size\"";
    assert!(github.contains(dropdown), "{github}");
    assert!(github.contains("- \"large\"\n        - \"custom\"\n"), "{github}");
    assert_eq!(github.matches("required: true").count(), 1, "{github}");
}

#[test]
fn an_untouched_template_lacks_the_required_fields_and_nothing_else() {
    let cookbook = everything();
    let template = gitlab(&cookbook);
    assert_eq!(marker(&template), Some(cookbook.name.clone()));
    for template in [template.clone(), template.replace('\n', "\r\n")] {
        let reading = read(&template, &cookbook, TODAY);
        let given: Vec<_> = reading.fields.keys().map(FieldName::as_str).collect();
        assert_eq!(given, ["cpus", "lifetime", "memory"]);
        let headings = document::parse(&template).unwrap().sections;
        let required = cookbook.fields.iter().filter(|field| {
            field.required && field.default.is_none() && field.kind != FieldKind::Lifetime
        });
        for (violation, field) in reading.violations.iter().zip(required.clone()) {
            assert_eq!(violation.field.as_ref(), Some(&field.name), "{violation:?}");
            let heading = headings.iter().find(|section| section.heading == field.label).unwrap();
            assert_eq!(violation.line, Some(heading.line));
            let code = match field.kind {
                FieldKind::Acknowledgement => Code::NotAcknowledged,
                _ => Code::MissingField,
            };
            assert_eq!(violation.code, code);
        }
        assert_eq!(reading.violations.len(), required.count());
    }
}

#[test]
fn nothing_a_cookbook_says_acts_on_the_forge() {
    let template = gitlab(&everything());
    let slashes: Vec<_> = template.lines().filter(|line| line.trim().starts_with('/')).collect();
    assert_eq!(slashes, ["/label ~\"vm::sandbox\""]);
    assert_eq!(template.matches("<!--").count(), template.matches("-->").count());
}

/// The template with one field filled in.
fn fill(template: &str, label: &str, text: &str) -> String {
    let line = document::parse(template)
        .unwrap()
        .sections
        .into_iter()
        .find(|section| section.heading == label)
        .unwrap()
        .line;
    let mut lines: Vec<&str> = template.lines().collect();
    let end = (line..lines.len())
        .find(|index| lines[*index].starts_with("### ") || lines[*index].starts_with("/label"))
        .unwrap_or(lines.len());
    lines.insert(end, text);
    lines.insert(end + 1, "");
    lines.join("\n")
}

const ANSWERS: [(&str, &str, &str); 14] = [
    ("Purpose", "Try it\n\n- a\n- b", "Try it\n\n- a\n- b"),
    ("Name", "Web-01", "web-01"),
    ("Memory", "1,5 GB", "1.5 GiB"),
    ("Disk_size <GiB>", "20", "20 GiB"),
    ("CPUs", "2 cores", "2 vCPUs"),
    ("How many?", "2", "2"),
    ("Lifetime", "three weeks", "21 days"),
    ("Operating system", "TRIXIE", "trixie"),
    ("Owner", "@alice", "alice"),
    ("Fallback owners", "@bob and carol", "bob, carol"),
    ("Needed by", "15 January 2027", "2027-01-15"),
    ("Documentation", "https://example.org/", "https://example.org/"),
    ("Backups", "no", "no"),
    (
        "SSH keys",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPTN75u0Zsf1ol5tC8ZRF4077YXhm+3eUC8o2tTUNvQC alice@laptop",
        "ssh-ed25519 SHA256:bqKv8WDD9+IvAGIhHKH43bkzvpVzUHmM5DTv0wGRzLc",
    ),
];

fn filled(template: String) -> String {
    let filled =
        ANSWERS.iter().fold(template, |template, (label, text, _)| fill(&template, label, text));
    filled.replace("- [ ] I will", "- [x] I will").replace("- [ ] web", "- [x] web")
}

#[test]
fn a_filled_template_reads_back_to_what_was_filled_in() {
    let cookbook = everything();
    let reading = read(&filled(gitlab(&cookbook)), &cookbook, TODAY);
    assert_eq!(reading.violations, []);
    for (label, _, understood) in ANSWERS {
        let field = cookbook.fields.iter().find(|field| field.label == label).unwrap();
        assert_eq!(reading.fields[&field.name].value.to_string(), understood);
    }
    assert_eq!(reading.fields[&"services".into()].value, Value::Choices(choices(&["web [https]"])));
    assert_eq!(reading.fields[&"agreement".into()].value, Value::Boolean(true));
}

#[test]
fn the_github_form_quotes_whatever_the_cookbook_says() {
    let mut cookbook = cookbook(vec![
        Field { help: "a: \"b\"\n- c".into(), ..field("Purpose", FieldKind::Text { max: 500 }) },
        with_default(
            "System",
            FieldKind::Choice { choices: choices(&["yes", "no: really"]) },
            Value::Choice("no: really".into()),
        ),
        field("Agreement", FieldKind::Acknowledgement),
    ]);
    cookbook.label = Some("vm, sandbox".into());
    insta::assert_snapshot!(github(&cookbook), @r#"
    name: "Sandbox"
    description: "A throw-away machine to try something out."
    labels: ["vm, sandbox"]
    body:
      - type: textarea
        id: "purpose"
        attributes:
          label: "Purpose"
          description: "a: \"b\" - c Text of up to 500 characters."
        validations:
          required: true
      - type: dropdown
        id: "system"
        attributes:
          label: "System"
          description: "What to write for system. One of yes, no: really, no: really if left empty."
          options:
            - "yes"
            - "no: really"
          default: 1
        validations:
          required: false
      - type: checkboxes
        id: "agreement"
        attributes:
          label: "Agreement"
          options:
            - label: "What to write for agreement."
              required: true
    "#);
}

proptest! {
    #[test]
    fn a_damaged_template_never_panics_and_answers_or_refuses_every_field(
        at in 0.0..1.0_f64, length in 0_usize..40, noise in "\\PC{0,20}|[#\\-*`<>|\\[\\]x \\n:]{0,10}"
    ) {
        let cookbook = everything();
        let body = filled(gitlab(&cookbook));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a position in a short text")]
        let start = body.floor_char_boundary((at * body.len() as f64) as usize);
        let end = body.floor_char_boundary(start + length);
        let damaged = format!("{}{noise}{}", &body[..start], &body[end..]);
        let reading = read(&damaged, &cookbook, TODAY);
        for field in cookbook.fields.iter().filter(|field| field.required) {
            let answered = reading.fields.contains_key(&field.name);
            let refused = reading.violations.iter().any(|violation| violation.field.as_ref() == Some(&field.name));
            prop_assert!(answered != refused, "{}", field.name);
        }
    }
}
