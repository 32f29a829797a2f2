use chrono::NaiveDate;
use proptest::prelude::*;

use super::read;
use crate::{
    cookbook::{Cookbook, Field, FieldKind, tier::Tier},
    machine::Shape,
    quantity::Vcpus,
    request::{
        Reading,
        samples::{choices, cookbook, disk, field, memory, optional, size, vcpus, with_default},
        value::Value,
    },
    violation::ViolationCode as Code,
};

const TODAY: NaiveDate = NaiveDate::from_ymd_opt(2027, 1, 4).unwrap();

fn text() -> FieldKind {
    FieldKind::Text { max: 80 }
}

fn read_with(fields: Vec<Field>, body: &str) -> Reading {
    read(body, &cookbook(fields), TODAY)
}

/// What was understood and what not, one line each.
pub(super) fn show(reading: &Reading) -> String {
    let answers = reading.fields.iter().map(|(name, answer)| match answer.line {
        Some(line) => format!("{line} {name} = {}", answer.value),
        None => format!("- {name} = {}", answer.value),
    });
    let violations = reading.violations.iter().map(|violation| {
        let line = violation.line.map_or("-".to_owned(), |line| line.to_string());
        let hint = violation.hint.as_ref().map_or(String::new(), |hint| format!(" ({hint})"));
        let code = serde_json::to_string(&violation.code).unwrap();
        format!(
            "{line} {}: {} {}{hint}",
            code.trim_matches('"'),
            violation.field.as_ref().map_or("", |f| f.as_str()),
            violation.message
        )
    });
    answers.chain(violations).collect::<Vec<_>>().join("\n")
}

/// The value of a single field from what stands under its heading.
fn value(kind: FieldKind, written: &str) -> Result<Value, (Code, String)> {
    let reading =
        read_with(vec![field("The field", kind)], &format!("### The field\n\n{written}\n"));
    match reading.violations.into_iter().next() {
        Some(violation) => Err((violation.code, violation.message)),
        None => Ok(reading.fields.into_values().next().unwrap().value),
    }
}

#[test]
fn headings_are_found_in_any_order_depth_and_spelling() {
    let owner = Field {
        aliases: vec!["Who\u{2019}s responsible?".into()],
        ..field("Owner", FieldKind::User)
    };
    let fields = vec![
        field("Memory", memory()),
        field("Purpose", text()),
        owner,
        field("Disk size", disk()),
    ];
    let body = "# Request\n\n## who's\u{a0}Responsible:\n@alice\n##### **MEMORY** (in MB)\n2048\n# purpose *\ntry it\n## disk_size\n20";
    insta::assert_snapshot!(show(&read_with(fields, body)), @"
    10 disk_size = 20 GiB
    6 memory = 2 GiB
    4 owner = alice
    8 purpose = try it
    ");
}

#[test]
fn labels_without_headings_are_read_from_lines_items_tasks_and_tables() {
    let fields = || {
        vec![
            field("Memory", memory()),
            field("Disk", disk()),
            field("CPUs", vcpus()),
            field("Project", text()),
        ]
    };
    let expected = "cpus = 2 vCPUs\ndisk = 20 GiB\nmemory = 4 GiB\nproject = the archive: phase 2";
    for body in [
        "Hello!\n\n**Memory:** 4 GiB\n**Disk**: 20 GiB\nCPUs: 2\nProject: the archive: phase 2",
        "- [ ] Memory: 4\n- [x] Disk: 20 GB\n- CPUs: 2\n* [ ] Project: the archive: phase 2",
        "| Memory | 4 GiB |\n|---|---|\n| Disk | 20 GiB |\n| CPUs | 2 |\n| Project | the archive: phase 2 |",
        "## Machine\n\n**Memory**\n\n4 GiB\n\n**Disk**\n20 GiB\n\nCPUs:\n2\n\nProject:\n\nthe archive: phase 2\n",
        "- Memory:\n  - 4 GiB\n- Disk:\n  20 GiB\n- CPUs: 2\n- Project: the archive: phase 2",
        "Memory\n------\n4 GiB\n\nDisk\n----\n20 GiB\n\nCPUs\n----\n2\n\nProject\n----\nthe archive: phase 2",
    ] {
        let shown = show(&read_with(fields(), body));
        let values: Vec<_> = shown.lines().map(|line| line.split_once(' ').unwrap().1).collect();
        assert_eq!(values.join("\n"), expected, "{body}");
    }
}

#[test]
fn labels_within_a_text_are_part_of_the_text() {
    let fields = vec![field("Purpose", text()), optional("Memory", memory())];
    let reading = read_with(
        fields,
        "### Purpose\n\nMemory: we need lots\n\n#### Details\nof it\n### Other\nx",
    );
    insta::assert_snapshot!(show(&reading), @r"
    3 purpose = Memory: we need lots

    Details

    of it
    ");
}

#[test]
fn a_repeated_heading_names_both_lines() {
    let fields = || vec![field("Memory", memory())];
    let body = "### Memory\n4 GiB\n### Memory\n2 GiB";
    insta::assert_snapshot!(show(&read_with(fields(), body)), @"3 repeated-field: memory `Memory` is given twice, in lines 1 and 3. (Keep one of them and remove the other.)");
    let body = "### Memory\n_No response_\n### Memory\n2 GiB";
    insta::assert_snapshot!(show(&read_with(fields(), body)), @"4 memory = 2 GiB");
}

#[test]
fn what_was_left_untouched_reads_as_empty() {
    for untouched in [
        "",
        "<!-- 1 GiB to 8 GiB -->",
        "_No response_",
        "No response",
        "N/A",
        "${memory}",
        "<memory>",
        "TODO",
        "-",
        "What to write for memory.",
        "e.g. *4 GiB*",
        "e.g. 4 GiB",
        "<!-- x -->\n/label ~vm",
    ] {
        let memory =
            Field { placeholder: Some("e.g. *4 GiB*".into()), ..field("Memory", memory()) };
        let reading = read_with(vec![memory], &format!("text\n\n### Memory\n\n{untouched}\n"));
        assert_eq!(
            show(&reading),
            "3 missing-field: memory `Memory` is not filled in. (Accepted: 1 GiB to 8 GiB.)",
            "{untouched}"
        );
    }
}

#[test]
fn an_empty_field_takes_its_default_and_an_absent_one_is_named() {
    let fields = vec![
        with_default("Memory", memory(), Value::Memory(size("2 GiB"))),
        field("Lifetime", FieldKind::Lifetime),
        optional("Docs", FieldKind::Url),
        field("Owner", FieldKind::User),
        field("I agree", FieldKind::Acknowledgement),
    ];
    insta::assert_snapshot!(show(&read_with(fields, "### Memory\n")), @"
    - lifetime = 14 days
    - memory = 2 GiB
    - missing-field: owner `Owner` is missing: add a heading `### Owner` and write below it. (Accepted: one username, for example @alice.)
    - not-acknowledged: i_agree The box of `I agree` is not ticked. (Tick the box once you agree: `- [x]`.)
    ");
}

#[test]
fn limits_are_named_with_what_is_accepted() {
    let reading = read_with(
        vec![
            field("Memory", memory()),
            field("Disk", disk()),
            field("CPUs", vcpus()),
            field("Lifetime", FieldKind::Lifetime),
            field("Fallback", FieldKind::Users { min: 2, max: 3 }),
            field("Purpose", FieldKind::Text { max: 5 }),
        ],
        "### Memory\n16\n### Disk\n512 MB\n### CPUs\n8 cores\n### Lifetime\n2 months\n### Fallback\n@alice\n### Purpose\ntoo long",
    );
    insta::assert_snapshot!(show(&reading), @"
    2 above-maximum: memory 16 GiB is more than the maximum of 8 GiB. (Accepted: 1 GiB to 8 GiB.)
    4 below-minimum: disk 512 MiB is less than the minimum of 10 GiB. (Accepted: 10 GiB to 100 GiB.)
    6 above-maximum: cpus 8 vCPUs is more than the maximum of 4 vCPUs. (Accepted: 1 vCPU to 4 vCPUs.)
    8 above-maximum: lifetime 60 days is longer than the 30 days that can be granted at once. (Accepted: up to 30 days, or a date (year-month-day).)
    10 below-minimum: fallback 1 person is named; at least 2 are needed. (Accepted: 2 to 3 usernames, for example @alice, @bob.)
    12 above-maximum: purpose The text has 8 characters; at most 5 are allowed. (Accepted: text of up to 5 characters.)
    ");
}

#[test]
fn a_lifetime_is_a_length_or_a_day() {
    let lifetime =
        |written: &str| value(FieldKind::Lifetime, written).map(|value| value.to_string());
    assert_eq!(lifetime("2 weeks"), Ok("14 days".into()));
    assert_eq!(lifetime("until 1 February 2027"), Ok("2027-02-01".into()));
    assert_eq!(lifetime("2027-02-03"), Ok("2027-02-03".into()));
    let refused = [
        (
            "2027-02-04",
            Code::AboveMaximum,
            "2027-02-04 is later than 2027-02-03, which is 30 days from today.",
        ),
        (
            "2027-01-04",
            Code::BelowMinimum,
            "2027-01-04 is today; a machine lives for at least one day.",
        ),
        ("2026-12-31", Code::BelowMinimum, "2026-12-31 is in the past; today is 2027-01-04."),
        (
            "03/02/2027",
            Code::AmbiguousDate,
            "`03/02/2027` can be read as 3 February 2027 or as 2 March 2027: write it as year-month-day.",
        ),
        (
            "14",
            Code::UnreadableValue,
            "`14` has no unit: write for example `14 days` or `14 weeks`.",
        ),
        (
            "for ever",
            Code::UnreadableValue,
            "`for ever` is neither a length of time nor a date: write for example `2 weeks` or `2027-01-15`.",
        ),
    ];
    for (written, code, message) in refused {
        assert_eq!(lifetime(written), Err((code, message.to_owned())), "{written}");
    }
    let body = "### Lifetime (in weeks)\n3";
    assert_eq!(
        show(&read_with(vec![field("Lifetime", FieldKind::Lifetime)], body)),
        "2 lifetime = 21 days"
    );
    let body = "### Until MM/DD/YYYY\n01/09/2027";
    assert_eq!(
        show(&read_with(vec![field("Until", FieldKind::Date)], body)),
        "2 until = 2027-01-09"
    );
}

/// A form with two tiers, and whether the amounts can be said instead.
fn with_tiers(custom: bool) -> Vec<Field> {
    let tier = |name: &str, vcpus, memory, disk| Tier {
        name: name.to_owned(),
        shape: Shape { vcpus: Vcpus::new(vcpus).unwrap(), memory: size(memory), disk: size(disk) },
        summary: String::new(),
    };
    let tiers = vec![tier("small", 1, "2 GiB", "10 GiB"), tier("large", 4, "8 GiB", "100 GiB")];
    let mut fields = vec![field("Size", FieldKind::Tier { tiers, custom })];
    if custom {
        fields.extend([optional("RAM", memory()), optional("vCPUs", vcpus())]);
    }
    fields
}

#[test]
fn a_tier_stands_for_its_amounts() {
    let read = |custom, body: &str| show(&read_with(with_tiers(custom), body));
    insta::assert_snapshot!(read(false, "### Size\n- [x] small\n- [ ] large\n"), @"
    2 disk = 10 GiB
    2 memory = 2 GiB
    2 size = small
    2 vcpus = 1 vCPU
    ");
    insta::assert_snapshot!(read(false, "### Size\ncustom\n"), @"2 not-a-choice: size `custom` is not one of the choices. (Choose one of: small, large.)");
    insta::assert_snapshot!(read(true, "### Size\nlarge\n### RAM\n8 GiB\n"), @"
    2 disk = 100 GiB
    4 ram = 8 GiB
    2 size = large
    2 vcpus = 4 vCPUs
    ");
}

#[test]
fn amounts_beside_a_tier_are_its_own_or_a_contradiction() {
    let read = |body: &str| show(&read_with(with_tiers(true), body));
    insta::assert_snapshot!(read("### Size\nsmall\n### RAM\n4 GiB\n### vCPUs\n1\n"), @"
    2 disk = 10 GiB
    4 ram = 4 GiB
    2 size = small
    6 vcpus = 1 vCPU
    4 contradiction: ram `small` has 2 GiB, and 4 GiB is asked for here. (Leave this empty, or choose large (4 vCPUs, 8 GiB memory, 100 GiB disk) and leave this empty, or choose `custom`.)
    ");
    insta::assert_snapshot!(read("### Size\ncustom\n### RAM\n4 GiB\n"), @"
    4 ram = 4 GiB
    2 size = custom
    - missing-field: vcpus `vCPUs` is missing: with `custom` you say how much.
    ");
    insta::assert_snapshot!(read("### Size\ncustom\n### RAM\n64 GiB\n### vCPUs\n2"), @"
    2 size = custom
    6 vcpus = 2 vCPUs
    4 above-maximum: ram 64 GiB is more than the maximum of 8 GiB. (Accepted: 1 GiB to 8 GiB.)
    ");
}

#[test]
fn a_choice_is_typed_or_ticked() {
    let kind = || FieldKind::Choice { choices: choices(&["trixie", "Bookworm", "testing"]) };
    let choice = |written: &str| value(kind(), written).map(|value| value.to_string());
    assert_eq!(choice("Trixie"), Ok("trixie".into()));
    assert_eq!(choice("- [ ] trixie\n- [x] bookworm\n"), Ok("Bookworm".into()));
    assert_eq!(
        choice("- [ ] trixie\n- [ ] bookworm\n"),
        Err((Code::MissingField, "`The field` is not filled in.".into()))
    );
    assert_eq!(
        choice("- [x] trixie\n- [x] bookworm"),
        Err((
            Code::UnreadableValue,
            "Both `trixie` and `bookworm` are ticked; only one can be chosen.".into()
        ))
    );
    let reading = read_with(vec![field("OS", kind())], "### OS\ntrixei");
    assert_eq!(
        show(&reading),
        "2 not-a-choice: os `trixei` is not one of the choices. (Did you mean `trixie`?)"
    );
    let reading = read_with(vec![field("OS", kind())], "### OS\nplan9");
    assert_eq!(
        show(&reading),
        "2 not-a-choice: os `plan9` is not one of the choices. (Choose one of: trixie, Bookworm, testing.)"
    );
    let kind = FieldKind::Choices { choices: choices(&["ssh", "web", "mail, in and out"]) };
    for written in
        ["- [x] web\n- [X] SSH\n- [ ] mail, in and out", "web, ssh", "web\n\nssh\n", "- web\n- ssh"]
    {
        assert_eq!(
            value(kind.clone(), written),
            Ok(Value::Choices(choices(&["ssh", "web"]))),
            "{written}"
        );
    }
    assert_eq!(value(kind, "mail, in and out"), Ok(Value::Choices(choices(&["mail, in and out"]))));
}

#[test]
fn yes_and_no_are_typed_or_ticked() {
    let boolean = |written: &str| value(FieldKind::Boolean, written);
    for yes in ["yes", "Y", "Yes.", "- [x] backups please", "- [x] Yes\n- [ ] No", "true"] {
        assert_eq!(boolean(yes), Ok(Value::Boolean(true)), "{yes}");
    }
    for no in ["No", "- [ ] backups please", "- [ ] Yes\n- [x] No", "off"] {
        assert_eq!(boolean(no), Ok(Value::Boolean(false)), "{no}");
    }
    assert!(matches!(boolean("- [x] Yes\n- [x] No"), Err((Code::UnreadableValue, _))));
    assert!(matches!(boolean("- [ ] Yes\n- [ ] No"), Err((Code::MissingField, _))));
    assert_eq!(
        boolean("maybe"),
        Err((Code::UnreadableValue, "`maybe` is neither yes nor no.".into()))
    );
}

#[test]
fn an_acknowledgement_is_a_ticked_box() {
    let agree = Field {
        help: "I will answer the warnings.".into(),
        ..field("Agreement", FieldKind::Acknowledgement)
    };
    for body in [
        "### Agreement\n- [x] I will answer the warnings.",
        "- [X] I will answer the warnings.",
        "- [x] Agreement",
        "### Agreement\n[x]",
    ] {
        let reading = read_with(vec![agree.clone()], body);
        assert_eq!(reading.violations, [], "{body}");
        assert_eq!(reading.fields.into_values().next().unwrap().value, Value::Boolean(true));
    }
    for body in [
        "### Agreement\n- [ ] I will answer the warnings.",
        "- [ ] I will answer the warnings.",
        "### Agreement\nyes",
        "- [x] something else",
    ] {
        let reading = read_with(vec![agree.clone()], body);
        assert_eq!(
            reading.violations.first().map(|violation| violation.code),
            Some(Code::NotAcknowledged),
            "{body}"
        );
    }
}

#[test]
fn people_are_usernames() {
    let users = |written: &str| {
        value(FieldKind::Users { min: 0, max: 9 }, written).map(|value| value.to_string())
    };
    for written in [
        "@alice, @bob and carol",
        "alice; bob & @carol",
        "- @alice\n- @bob\n- carol",
        "@alice @bob @carol",
        "@alice\n@bob\n@carol\n@Alice",
    ] {
        assert_eq!(users(written), Ok("alice, bob, carol".into()), "{written}");
    }
    assert_eq!(users("@a_b-c.d"), Ok("a_b-c.d".into()));
    for (written, message) in [
        ("Alice Miller", "`Alice Miller` is not a username."),
        (
            "alice@example.org",
            "`alice@example.org` looks like an e-mail address: the username is wanted.",
        ),
        ("@all", "`@all` is everybody in the project, not a person."),
        (
            "@alice.git",
            "`@alice.git` is not a username: those are made of letters, digits, `_`, `-` and `.`.",
        ),
        (
            "@\u{430}lice",
            "`@\u{430}lice` is not a username: those are made of letters, digits, `_`, `-` and `.`.",
        ),
        (
            "https://gitlab.example/alice",
            "`https://gitlab.example/alice` looks like an address: the username alone is wanted.",
        ),
    ] {
        assert_eq!(users(written), Err((Code::UnreadableValue, message.to_owned())), "{written}");
    }
    assert_eq!(
        value(FieldKind::User, "@alice, @bob"),
        Err((
            Code::UnreadableValue,
            "One person is wanted here, and 2 are named: alice, bob.".into()
        ))
    );
}

#[test]
fn a_group_is_its_full_path_in_lower_case() {
    let group = |written: &str| value(FieldKind::Group, written).map(|value| value.to_string());
    for written in ["tpo/web", "@tpo/web", "group:tpo/web", "TPO/Web", "- group: @tpo/web"] {
        assert_eq!(group(written), Ok("tpo/web".into()), "{written}");
    }
    assert_eq!(group("a_b-c.d"), Ok("a_b-c.d".into()));
    // By its number a group would count as another one.
    for written in
        ["123", "tpo//web", "/tpo", "tpo/../tpa", "tpo/-web", "the web team", "tpo%2Fweb"]
    {
        let message = format!(
            "`{written}` is not a group: its path is made of letters, digits, `_`, `-` and `.`, with `/` between."
        );
        assert_eq!(group(written), Err((Code::UnreadableValue, message)), "{written}");
    }
    let message = "`https://gitlab.example/tpo` looks like an address: the path alone is wanted.";
    assert_eq!(
        group("https://gitlab.example/tpo"),
        Err((Code::UnreadableValue, message.to_owned()))
    );
}

#[test]
fn a_host_name_is_one_label() {
    let host = |written: &str| value(FieldKind::Hostname, written).map(|value| value.to_string());
    for written in ["web-01", "WEB-01", "`web-01`", "web-01.", " web-01\u{20}"] {
        assert_eq!(host(written), Ok("web-01".into()));
    }
    for (written, message) in [
        (
            "web-01.example.org",
            "`web-01.example.org` is a full domain name; the short name is wanted.",
        ),
        (
            "w\u{435}b",
            "The host name contains the character U+0435, which is not a plain letter, digit or hyphen.",
        ),
        (
            "web\u{202e}01",
            "The host name contains the character U+202E, which is not a plain letter, digit or hyphen.",
        ),
        (
            "web_01",
            "`web_01` is not a host name: use letters a-z, digits and hyphens, with no hyphen first or last.",
        ),
        (
            "--force",
            "`--force` is not a host name: use letters a-z, digits and hyphens, with no hyphen first or last.",
        ),
        ("xn--bcher-kva", "`xn--bcher-kva` is an encoded international name."),
        (
            "web 01",
            "`web 01` is not a host name: use letters a-z, digits and hyphens, with no hyphen first or last.",
        ),
    ] {
        assert_eq!(host(written), Err((Code::UnreadableValue, message.to_owned())), "{written}");
    }
    assert!(host(&"a".repeat(64)).is_err());
    let reading = read_with(vec![field("Name", FieldKind::Hostname)], "### Name\nweb.example.org");
    assert_eq!(reading.violations[0].hint.as_deref(), Some("Write `web`."));
}

#[test]
fn a_web_address_is_http_and_carries_no_password() {
    let address = |written: &str| value(FieldKind::Url, written).map(|value| value.to_string());
    for written in
        ["https://Example.org/a_b", "<https://example.org/a_b>", "[docs](https://example.org/a_b)"]
    {
        assert_eq!(address(written), Ok("https://example.org/a_b".into()), "{written}");
    }
    for written in [
        "example.org",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://a:b@example.org/",
        "https://",
    ] {
        assert!(matches!(address(written), Err((Code::UnreadableValue, _))), "{written}");
    }
}

#[test]
fn numbers_are_plain_digits() {
    let kind = || FieldKind::Number { min: 1, max: 10 };
    assert_eq!(value(kind(), "\u{ff13}"), Ok(Value::Number(3)));
    assert_eq!(
        value(kind(), "11"),
        Err((Code::AboveMaximum, "11 is more than the maximum of 10.".into()))
    );
    for written in ["+3", "1,000", "three", "3 machines", "99999999999999999999999"] {
        assert!(matches!(value(kind(), written), Err((Code::UnreadableValue, _))), "{written}");
    }
}

#[test]
fn two_lines_where_one_value_is_wanted_are_refused() {
    assert_eq!(
        value(memory(), "4 GiB\n8 GiB"),
        Err((
            Code::UnreadableValue,
            "There are several lines here, in lines 3 and 4; one value is wanted.".into()
        ))
    );
    assert_eq!(value(memory(), "- [ ] 4 GiB\n- [x] 8 GiB"), Ok(Value::Memory(size("8 GiB"))));
    assert_eq!(value(memory(), "```\n4 GiB\n```"), Ok(Value::Memory(size("4 GiB"))));
    assert_eq!(
        value(memory(), "Memory: 4 GiB").map_err(|(code, _)| code),
        Err(Code::UnreadableValue)
    );
    assert_eq!(value(memory(), "The field: 4 GiB"), Ok(Value::Memory(size("4 GiB"))));
}

fn sample() -> Cookbook {
    cookbook(vec![
        field("Purpose", text()),
        field("Memory", memory()),
        field("Lifetime", FieldKind::Lifetime),
        field("Owner", FieldKind::User),
        field("Name", FieldKind::Hostname),
        field("System", FieldKind::Choice { choices: choices(&["trixie", "bookworm"]) }),
        field("Keys", FieldKind::SshKeys),
        field("I agree", FieldKind::Acknowledgement),
    ])
}

proptest! {
    #[test]
    fn no_text_panics_and_every_required_field_is_answered_or_refused(
        body in "\\PC*|(### (Purpose|Memory|Owner|Keys|Name)\\n|- \\[[ x]\\] |\\PC{0,12}|\\n|: |\\|){0,30}"
    ) {
        let cookbook = sample();
        let reading = read(&body, &cookbook, TODAY);
        for field in &cookbook.fields {
            let answered = reading.fields.contains_key(&field.name);
            let refused = reading.violations.iter().any(|violation| violation.field.as_ref() == Some(&field.name));
            prop_assert!(answered != refused, "{} in {body:?}", field.name);
        }
    }

    #[test]
    fn line_ends_and_the_order_of_headings_change_nothing(order in Just(vec![0, 1, 2, 3]).prop_shuffle(), crlf in any::<bool>()) {
        let parts = ["### Purpose\n\na\nb\n", "### Memory\n\n4 GiB\n", "### Owner\n\n@alice\n", "### Name\n\nweb\n"];
        let shuffled: String = order.into_iter().map(|index: usize| parts[index]).collect();
        let shuffled = if crlf { shuffled.replace('\n', "\r\n") } else { shuffled };
        let cookbook = sample();
        prop_assert_eq!(read(&shuffled, &cookbook, TODAY).values(), read(&parts.concat(), &cookbook, TODAY).values());
    }
}

#[test]
fn ssh_keys_stand_one_a_line_in_text_lists_or_code() {
    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPTN75u0Zsf1ol5tC8ZRF4077YXhm+3eUC8o2tTUNvQC";
    for written in
        [format!("{KEY} alice@laptop\n{KEY}"), format!("- {KEY}"), format!("```\n{KEY} x\n\n```")]
    {
        assert_eq!(
            value(FieldKind::SshKeys, &written),
            Ok(Value::SshKeys(vec![KEY.into()])),
            "{written}"
        );
    }
    let body = format!("### Keys\n\n```\n{KEY}\nssh-dss AAAA\ncommand=\"x\" {KEY}\n```\n");
    insta::assert_snapshot!(show(&read_with(vec![field("Keys", FieldKind::SshKeys)], &body)), @"
    5 unreadable-value: keys DSA keys are no longer safe: make a new pair with `ssh-keygen -t ed25519`.
    6 unreadable-value: keys The key has options in front, which are not accepted: start the line with the algorithm, for example `ssh-ed25519`.
    ");
}

#[test]
fn a_private_key_is_called_lost_and_not_repeated() {
    let body = "### Keys\n\n-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----";
    insta::assert_snapshot!(show(&read_with(vec![field("Keys", FieldKind::SshKeys)], body)), @"3 unreadable-value: keys That is a private key: treat it as lost and make a new pair. (Remove it here, and give the contents of the new `.pub` file.)");
}

#[test]
fn a_body_made_to_be_slow_is_read_like_any_other() {
    let cookbook = sample();
    for part in [
        "### Memory\n",
        "Memory: 4\n",
        "a: b\n",
        "()",
        "### x (a) (a) (a)\n",
        "| Owner | @a |\n",
        "- [x] Memory\n",
        "<!-- x -->\n",
        "`a*[_b](",
    ] {
        let body = format!("### Owner\n\n{}", part.repeat(90_000 / part.len()));
        let reading = read(&body, &cookbook, TODAY);
        assert!(!reading.violations.is_empty());
    }
}
