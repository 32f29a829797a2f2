//! `innkeeper check` on what people write and what files hold.

use std::{fs, path::Path};

use innkeeper::cookbook::{issue_template, load};
use serde_json::Value;

use crate::house::{Ended, run_in};

const FILLED: &str = "\
<!-- innkeeper: sandbox -->
### What is it for?

To try the new mail server.

### How long?

2 weeks

### Memory

4 GB

### Fallback owner

@bob

### I understand

- [x] Everything on this machine is destroyed when its time is over.
";

fn check(body: &[u8], options: &[&str]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("body.md"), body).unwrap();
    run_in(folder.path(), &[&["check", "body.md", "--cookbook", "sandbox"], options].concat(), b"")
}

fn report(body: &str) -> (Option<i32>, Value) {
    let ended = check(body.as_bytes(), &["--json"]);
    (ended.code, serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{}", ended.stderr)))
}

/// What was understood, as `name = value`, and what is wrong, as `line code field`.
fn gist(body: &str) -> Vec<String> {
    let (_, report) = report(body);
    let fields = report["request"].as_object().unwrap().iter();
    let given = fields.filter(|(_, field)| !field["line"].is_null());
    let given = given.map(|(name, field)| format!("{name} = {}", field["value"].as_str().unwrap()));
    let wrong = report["violations"].as_array().unwrap().iter().map(|found| {
        let text = |key: &str| found[key].as_str().unwrap_or("-");
        format!("{} {} {}", found["line"], text("code"), text("field"))
    });
    given.chain(wrong).collect()
}

const UNDERSTOOD: [&str; 5] = [
    "fallback = bob",
    "lifetime = 14 days",
    "memory = 4 GiB",
    "purpose = To try the new mail server.",
    "throw_away = yes",
];

#[test]
fn an_untouched_template_lacks_only_what_is_required() {
    let cookbooks = load::embedded();
    let template = issue_template::gitlab(cookbooks.get(&"sandbox".into()).unwrap());
    let (code, report) = report(&template);
    assert_eq!(code, Some(1));
    let wrong = report["violations"].as_array().unwrap().iter();
    let fields: Vec<_> = wrong.map(|found| found["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["purpose", "fallback", "throw_away"]);
}

#[test]
fn a_filled_form_is_accepted_and_told_as_it_was_understood() {
    let ended = check(FILLED.as_bytes(), &[]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(ended.stdout, @"
    Sandbox (sandbox)
      What is it for?: To try the new mail server. (line 4)
      How long?: 14 days (line 8, written `2 weeks`)
      Memory: 4 GiB (line 12, written `4 GB`)
      vCPUs: 1 vCPU (default)
      Disk: 10 GiB (default)
      Fallback owner: bob (line 16, written `@bob`)
      I understand: yes (line 20, written `- [x] Everything on this machine is destroyed when its time is over.`)
    accepted: 1 of group:tpo/tpa must approve it
    not checked here: whether the people named exist, whether the author may ask, what is in use already
    ");
    assert_eq!(gist(FILLED), UNDERSTOOD);
}

#[test]
fn mistakes_are_told_with_their_lines() {
    let body = FILLED
        .replace("4 GB", "16 gigs")
        .replace("2 weeks", "a while")
        .replace("@bob", "@you")
        .replace("[x]", "[ ]");
    let (code, report) = report(&body);
    assert_eq!(code, Some(1));
    let mut violations = report["violations"].clone();
    for found in violations.as_array_mut().unwrap() {
        // Where the rule stands changes with the cookbook.
        found.as_object_mut().unwrap().remove("rule");
    }
    let shown = serde_json::to_string_pretty(&violations).unwrap();
    insta::assert_snapshot!(shown, @r#"
    [
      {
        "code": "unreadable-value",
        "field": "lifetime",
        "hint": "Accepted: up to 30 days, or a date (year-month-day).",
        "line": 8,
        "message": "`a while` is neither a length of time nor a date: write for example `2 weeks` or `2027-01-15`."
      },
      {
        "code": "above-maximum",
        "field": "memory",
        "hint": "Accepted: 512 MiB to 8 GiB.",
        "line": 12,
        "message": "16 GiB is more than the maximum of 8 GiB."
      },
      {
        "code": "rule-refused",
        "field": "fallback",
        "hint": "Name somebody else who may decide about the machine while the owner is away.",
        "line": 16,
        "message": "The owner cannot be their own fallback: machines outlive holidays."
      },
      {
        "code": "not-acknowledged",
        "field": "throw_away",
        "hint": "Tick the box once you agree: `- [x]`.",
        "line": 18,
        "message": "The box of `I understand` is not ticked."
      }
    ]
    "#);
}

#[test]
fn however_it_was_typed_the_form_is_the_same() {
    let reordered = {
        let mut sections: Vec<&str> = FILLED.split("### ").collect();
        let start = sections.remove(0);
        sections.reverse();
        let sections: Vec<_> = sections.iter().map(|one| format!("### {}\n", one.trim())).collect();
        format!("{start}{}", sections.concat())
    };
    let variants = [
        ("Windows line ends", FILLED.replace('\n', "\r\n")),
        ("old Macintosh line ends", FILLED.replace('\n', "\r")),
        ("a byte order mark", format!("\u{feff}{FILLED}")),
        (
            "no-break spaces",
            FILLED.replace("2 weeks", "\u{a0}2\u{a0}weeks\u{a0}").replace("4 GB", "4\u{202f}GB"),
        ),
        ("no-break spaces in headings", FILLED.replace("How long?", "How\u{a0}long?")),
        ("quoted headings", FILLED.replace("### How long?", "### \u{201c}How long?\u{201d}")),
        ("full-width digits", FILLED.replace("4 GB", "\u{ff14} GB")),
        (
            "aliases",
            FILLED
                .replace("What is it for?", "Purpose")
                .replace("Memory", "RAM")
                .replace("How long?", "Expiry"),
        ),
        ("names", FILLED.replace("I understand", "throw_away")),
        ("other case, other marks", FILLED.replace("### Memory", "# **MEMORY:**")),
        ("another order", reordered),
        (
            "labels instead of headings",
            FILLED.replace("### Memory\n\n4 GB", "### Size\n\n* Memory: 4 GB"),
        ),
        ("a trailing quick action", format!("{FILLED}\n/label ~sandbox\n/assign @carol\n")),
    ];
    for (what, body) in variants {
        assert_eq!(gist(&body), UNDERSTOOD, "{what}");
    }
}

#[test]
fn a_repeated_heading_is_refused_unless_only_one_is_filled() {
    assert_eq!(gist(&format!("{FILLED}\n### RAM\n\n")), UNDERSTOOD);
    let twice = format!("{FILLED}\n### RAM\n\n8 GB\n");
    assert_eq!(gist(&twice).last().unwrap(), "22 repeated-field memory");
    let (_, report) = report(&twice);
    let message = report["violations"][0]["message"].as_str().unwrap();
    assert_eq!(message, "`Memory` is given twice, in lines 10 and 22.");
}

#[test]
fn smart_quotes_stay_in_a_text_and_are_no_part_of_a_value() {
    let body = FILLED.replace("To try", "It\u{2019}s \u{201c}just\u{201d} to try");
    assert!(gist(&body).contains(
        &"purpose = It\u{2019}s \u{201c}just\u{201d} to try the new mail server.".to_owned()
    ));
    let quoted =
        FILLED.replace("### How long?", "### Host name\n\n\u{201c}web-01\u{201d}\n\n### How long?");
    assert!(gist(&quoted).contains(&"8 unreadable-value hostname".to_owned()));
}

#[test]
fn what_is_too_large_is_refused_at_once() {
    for line in ["x", "### Memory\n4 GB\n", "> ", "[", "- [ ] "] {
        let body = line.repeat(1_000_000 / line.len());
        assert_eq!(gist(&body), ["null too-large -"], "{line}");
    }
}

#[test]
fn as_large_as_is_read_nothing_takes_long_or_breaks() {
    for line in
        ["> ", "- ", "[", "*a_ ", "### Memory\n", "| a ", "<!--", "`", "a:b?", "&#0;", "\u{1}"]
    {
        let body = line.repeat(100 * 1024 / line.len());
        let ended = check(body.as_bytes(), &[]);
        assert_eq!(ended.code, Some(1), "{line}: {}", ended.stderr);
    }
}

#[test]
fn foreign_text_does_not_steer_the_terminal() {
    let ended = check(FILLED.replace("4 GB", "\u{1b}[2J\u{7}4 GB\u{9b}31m").as_bytes(), &[]);
    assert!(!ended.stdout.contains(['\u{1b}', '\u{7}', '\u{9b}']), "{:?}", ended.stdout);
}

#[test]
fn what_cannot_be_used_is_named() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cases: &[(&[&str], &[&str])] = &[
        (&["check", "nowhere.md", "--cookbook", "sandbox"], &["nowhere.md", "No such file"]),
        (&["check", "src", "--cookbook", "sandbox"], &["src", "directory"]),
        (&["check", "-", "--cookbook", "sandbx"], &["`sandbx`", "did you mean `sandbox`?"]),
        (
            &["check", "-", "--cookbook", "teapot"],
            &[
                "`teapot`",
                "there are: compute, demo-machine, mailing-list, retire, runner, sandbox, vm",
            ],
        ),
        (&["check", "-"], &["--cookbook"]),
        (
            &["check", "-", "--cookbook", "vm", "--policies", "nowhere"],
            &["nowhere", "cannot be read"],
        ),
        (&["check", "-", "--cookbook", "vm", "--policies", "src"], &["src", "no cookbook"]),
    ];
    for (arguments, named) in cases {
        let ended = run_in(folder, arguments, b"");
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        for text in *named {
            assert!(ended.stderr.contains(text), "`{text}` is not in:\n{}", ended.stderr);
        }
    }
    let bytes = check(b"### Memory\n\n4 \xff GB\n", &[]);
    assert_eq!(bytes.code, Some(2));
    assert!(
        bytes.stderr.contains("body.md is not UTF-8: see byte 15 on line 3"),
        "{}",
        bytes.stderr
    );
}

#[test]
fn standard_input_is_read_like_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["check", "-", "--cookbook", "sandbox"];
    let piped = run_in(folder.path(), &arguments, FILLED.as_bytes());
    assert_eq!((piped.code, piped.stdout), (Some(0), check(FILLED.as_bytes(), &[]).stdout));
    assert_eq!(run_in(folder.path(), &arguments, b"").code, Some(1), "nothing is an empty form");
}
