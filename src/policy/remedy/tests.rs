use std::collections::BTreeSet;

use chrono::NaiveDate;
use proptest::prelude::*;

use crate::{
    cookbook::{Cookbook, load},
    identity::{Person, UserId},
    policy::{Facts, Holding, People, Usage, Verdict, judge},
    request::form,
};

/// A cookbook whose form asks one of each kind, with these rules.
fn cookbook(rules: &[(&str, &str)]) -> Cookbook {
    let rules: Vec<String> = rules
        .iter()
        .enumerate()
        .map(|(index, (severity, require))| {
            format!(
                "[[rule]]\nid = \"r{index}\"\nseverity = \"{severity}\"\nrequire = {require:?}\n\
                 message = \"No.\"\n"
            )
        })
        .collect();
    let text = format!(
        r#"
title = "Machine"
summary = "A machine."
[lifetime]
default = "14d"
max = "60d"
[[field]]
name = "memory"
type = "memory"
min = "512 MiB"
max = "64 GiB"
default = "8 GiB"
[[field]]
name = "vcpus"
label = "vCPUs"
type = "vcpus"
max = 16
default = 4
[[field]]
name = "lifetime"
label = "How long?"
type = "duration"
[[field]]
name = "data"
type = "choice"
choices = ["Public", "Internal", "Personal", "Secret"]
default = "Secret"
[[field]]
name = "backups"
type = "boolean"
[[field]]
name = "seats"
type = "number"
max = 100
default = 10
{}
[approval]
by = ["group:tpo/tpa"]
[placement]
provider = "libvirt"
"#,
        rules.join("\n")
    );
    let cookbooks = load::files(&[("machine.toml".to_owned(), text)]);
    cookbooks.unwrap_or_else(|error| panic!("{error}")).cookbooks.remove(0)
}

fn verdict(cookbook: &Cookbook, body: &str, usage: Usage) -> Verdict {
    let today = NaiveDate::from_ymd_opt(2027, 1, 4).unwrap();
    let facts = Facts {
        author: Person { id: UserId(1), username: "alice".to_owned() },
        author_eligible: Some(true),
        groups: crate::policy::Groups::Unchecked,
        people: People::Unchecked,
        usage,
        room: crate::policy::Room::default(),
        taken_names: BTreeSet::new(),
        protected_names: BTreeSet::new(),
        auto_approval: false,
        description_edited_by_others: false,
        today,
    };
    let version = crate::identity::Digest::of("x");
    judge(cookbook, version, &form::read(body, cookbook, today), &facts)
}

/// What would pass the first rule.
fn passing(rules: &[(&str, &str)]) -> Vec<String> {
    let verdict = verdict(&cookbook(rules), "", Usage::default());
    let refused = verdict.violations.first().map(|violation| violation.would_pass.clone());
    refused.or_else(|| Some(verdict.advice.first()?.would_pass.clone())).unwrap_or_default()
}

#[test]
fn what_would_pass_is_found_and_written_as_people_write_it() {
    for (require, expected) in [
        ("request.memory <= 4096", &["Memory: 4 GiB or less"][..]),
        ("request.memory < 2 * 1024 + 100", &["Memory: 2147 MiB or less"]),
        ("request.memory > 8192", &["Memory: more than 8 GiB"]),
        ("request.memory >= 16384", &["Memory: at least 16 GiB"]),
        ("request.memory != 8192", &["Memory: less than 8 GiB, or more than 8 GiB"]),
        ("request.memory == 3000", &["Memory: 3000 MiB"]),
        // Several fields: each by itself, the others left as they are.
        (
            "request.memory <= request.vcpus * 1024",
            &["Memory: 4 GiB or less", "vCPUs: at least 8 vCPUs"],
        ),
        (
            "request.memory >= request.vcpus * 700 && request.memory <= request.vcpus * 1500",
            &["Memory: 2800 MiB to 6000 MiB", "vCPUs: 6 vCPUs to 11 vCPUs"],
        ),
        ("request.lifetime_days <= 7", &["How long?: 7 days or less"]),
        ("request.lifetime_days > 30", &["How long?: at least 31 days"]),
        ("request.seats * request.seats < 50", &["Seats: 7 or less"]),
        ("!(request.data in ['Personal', 'Secret'])", &["Data: Public or Internal"]),
        ("request.backups || request.data == 'Public'", &["Data: Public", "Backups: yes"]),
        // Nothing within the limits would do, or nothing of the form matters.
        ("request.memory > 65536", &[]),
        ("usage.owner.leases > 3", &[]),
        ("10 / usage.owner.leases > 0", &[]),
    ] {
        assert_eq!(passing(&[("deny", require)]), expected, "{require}");
    }
}

#[test]
fn what_would_pass_one_rule_passes_every_deny_rule_that_looks_at_the_field() {
    let rules =
        |severity| [("deny", "request.memory <= 4096"), (severity, "request.memory > 2000")];
    assert_eq!(passing(&rules("deny")), ["Memory: 2001 MiB to 4 GiB"]);
    // What only warns is no obstacle.
    assert_eq!(passing(&rules("warn")), ["Memory: 4 GiB or less"]);
    // Two that exclude each other leave nothing.
    let opposed = [("deny", "request.memory <= 4096"), ("deny", "request.memory > 5000")];
    assert_eq!(passing(&opposed), [""; 0]);
    // What asks for a look says how to do without.
    assert_eq!(passing(&[("review", "request.vcpus <= 2")]), ["vCPUs: 2 vCPUs or less"]);
}

#[test]
fn an_amount_that_depends_on_what_is_in_use_is_found() {
    let cookbook = cookbook(&[("deny", "request.memory + usage.owner.memory <= 10000")]);
    let owner = Holding { memory: 7001, ..Holding::default() };
    let usage = Usage { owner, ..Usage::default() };
    let verdict = verdict(&cookbook, "", usage);
    assert_eq!(verdict.violations[0].would_pass, ["Memory: 2999 MiB or less"]);
    assert_eq!(verdict.violations[0].hint, None, "what would pass is hint enough");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_is_said_to_pass_passes_at_its_end_and_not_beyond(
        limit in 512_u64..8192,
        other in 512_u64..8192,
        less in any::<bool>(),
    ) {
        let sign = if less { "<=" } else { ">=" };
        // The present value, 8 GiB, is never below the limit.
        let limit = if less { limit.min(8191) } else { limit + 8192 };
        let first = format!("request.memory {sign} {limit}");
        let second = format!("request.memory != {other}");
        let cookbook = cookbook(&[("deny", &first), ("deny", &second)]);
        for remedy in &verdict(&cookbook, "", Usage::default()).violations[0].would_pass {
            let holds = |memory: u64| {
                let body = format!("### Memory\n\n{memory} MiB\n");
                verdict(&cookbook, &body, Usage::default()).is_fine()
            };
            let ends: Vec<u64> = remedy
                .trim_start_matches("Memory: ")
                .split(" to ")
                .map(|end| {
                    let amount = end.trim_start_matches("at least ").trim_end_matches(" or less");
                    let (beyond, amount) = match amount.split_once(" than ") {
                        Some(("less", amount)) => (-1, amount),
                        Some((_, amount)) => (1, amount),
                        None => (0, amount),
                    };
                    let amount = crate::quantity::Mebibytes::parse(amount).unwrap().get();
                    amount.checked_add_signed(beyond).unwrap()
                })
                .collect();
            for end in &ends {
                prop_assert!(holds(*end), "{remedy}: {first}, {second}");
            }
            let beyond = [ends[0] - 1, ends[ends.len() - 1] + 1];
            prop_assert!(beyond.into_iter().any(|beyond| !holds(beyond)), "{remedy}");
        }
    }
}
