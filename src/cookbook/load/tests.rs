use std::{fs, path::Path};

use proptest::prelude::*;

use super::{embedded, files, folder};
use crate::{
    calendar::Calendar,
    cookbook::{FieldKind, MachineCommand, PowerCommand},
    identity::CookbookName,
    machine::{Bandwidth, Firmware, Shape},
    quantity::Lifetime,
    request::value::Value,
};

fn one(name: &str, text: &str) -> [(String, String); 1] {
    [(name.to_owned(), text.to_owned())]
}

#[test]
fn every_bad_cookbook_is_refused_with_exactly_its_expected_messages() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cookbooks");
    let part = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (format!("parts/{name}"), fs::read_to_string(&path).unwrap())
    };
    let parts: Vec<_> = fs::read_dir(root.join("parts")).unwrap().map(part).collect();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for entry in fs::read_dir(&root).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(name) = file.strip_suffix(".bad.toml") else { continue };
        seen += 1;
        let text = fs::read_to_string(&path).unwrap();
        let expected = fs::read_to_string(root.join(format!("{name}.expected")));
        let mut sources = parts.clone();
        sources.push((format!("{name}.toml"), text));
        let shown = match files(&sources) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => format!("{error}\n"),
        };
        if expected.as_ref().ok() != Some(&shown) {
            wrong.push(format!("=== {name}.expected\n{shown}"));
        }
    }
    assert!(seen > 15, "the corpus is gone: {seen} files");
    assert!(wrong.is_empty(), "not as expected; found:\n{}", wrong.join("\n"));
}

#[test]
fn the_shipped_cookbooks_load() {
    let shipped = super::SHIPPED.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let cookbooks = files(&shipped).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(cookbooks.version, embedded().version);
    let names: Vec<&str> = cookbooks.cookbooks.iter().map(|book| book.name.as_str()).collect();
    let shipped = ["compute", "demo-machine", "mailing-list", "retire", "runner", "sandbox", "vm"];
    assert_eq!(names, shipped);

    let sandbox = cookbooks.get(&CookbookName::from("sandbox")).unwrap();
    assert_eq!(sandbox.lifetime.total, Lifetime::parse("90d").unwrap());
    assert_eq!(sandbox.lifetime.warn.len(), 2);
    assert_eq!(sandbox.label.as_deref(), Some("sandbox"));
    assert_eq!(sandbox.eligible.len(), 1);
    assert!(sandbox.approval.unless.is_some() && !sandbox.approval.own);
    let power = [PowerCommand::Start, PowerCommand::Stop, PowerCommand::Reboot];
    let [start, stop, reboot] = power.map(MachineCommand::Power);
    let all = [start, stop, reboot, MachineCommand::Rebuild, MachineCommand::Resize];
    assert_eq!(sandbox.commands, all);
    let lifetime = sandbox.field("lifetime").unwrap();
    assert_eq!(lifetime.default, Some(Value::Lifetime(sandbox.lifetime.default)));
    assert!(!lifetime.required);
    assert!(!sandbox.field("hostname").unwrap().required);
    assert!(sandbox.field("fallback").unwrap().required);
    assert_eq!(sandbox.field("memory").unwrap().label, "Memory");

    let vm = cookbooks.get(&CookbookName::from("vm")).unwrap();
    assert_eq!(
        vm.field("data").map(|data| data.kind.clone()),
        Some(FieldKind::Choice {
            choices: ["Public", "Internal", "Personal", "Secret"].map(str::to_owned).to_vec()
        })
    );
    assert!(vm.approval.unless.is_none());
    for rule in cookbooks.cookbooks.iter().flat_map(|book| &book.rules) {
        assert!(rule.hint.is_some() && rule.line > 1, "{}", rule.id);
    }
}

#[test]
fn a_rule_knows_the_line_of_its_header() {
    let cookbooks = embedded();
    let sandbox = cookbooks.get(&CookbookName::from("sandbox")).unwrap();
    let text = super::SHIPPED[0].1;
    assert_eq!(text.lines().nth(sandbox.rules[0].line - 1), Some("[[rule]]"));
}

const SMALL: &str = r#"
title = "Sandbox"
summary = "A machine."
[lifetime]
default = "14d"
max = "30d"
[[field]]
name = "some_purpose"
type = "text"
[[field]]
name = "extra"
type = "boolean"
[approval]
by = ["group:tpo/tpa"]
[placement]
provider = "libvirt"
"#;

#[test]
fn what_is_left_out_gets_its_documented_default() {
    let cookbooks = files(&one("small.toml", SMALL)).unwrap();
    let book = &cookbooks.cookbooks[0];
    let terms = &book.lifetime;
    assert_eq!(terms.total, terms.max);
    let delays = [terms.warn[0], terms.warn[1], terms.min_notice, terms.grace, terms.backups];
    let delays = delays.map(|delay| delay.minutes() / 60);
    assert_eq!(delays, [7 * 24, 24, 24, 3 * 24, 30 * 24]);
    assert_eq!(book.fields[0].label, "Some purpose");
    assert_eq!(book.fields[0].kind, FieldKind::Text { max: 2000 });
    assert_eq!([book.fields[0].required, book.fields[1].required], [true, false]);
    assert_eq!((book.approval.count, book.approval.own), (1, false));
    assert!(book.eligible.is_empty() && book.commands.is_empty() && book.rules.is_empty());
    assert_eq!(book.placement.shape.memory.get(), 1024);
    assert_eq!((book.placement.login.as_str(), book.placement.keep_disks), ("root", false));
    assert_eq!(book.placement.firmware, Firmware::Bios);
}

#[test]
fn what_becomes_of_the_issue_is_read() {
    let section = "[issue]\nconfidential = true\nlabels = [\"TPA\", \"kind::vm\"]\n[lifetime]";
    let cookbooks = files(&one("small.toml", &SMALL.replace("[lifetime]", section))).unwrap();
    let issue = &cookbooks.cookbooks[0].issue;
    assert_eq!((issue.confidential, issue.labels.join(" ")), (true, "TPA kind::vm".to_owned()));
    let template = crate::cookbook::issue_template::gitlab(&cookbooks.cookbooks[0]);
    assert!(template.ends_with("\n\n/confidential\n"), "{template}");
    let plain = &files(&one("small.toml", SMALL)).unwrap().cookbooks[0].issue;
    assert!(!plain.confidential && plain.labels.is_empty());
}

const COMMON: &str = r#"
[lifetime]
default = "7d"
max = "9d"
grace = "5d"
[[field]]
name = "some_purpose"
type = "text"
max = 100
[[field]]
name = "fallback"
type = "users"
[[rule]]
id = "fallback"
require = "!(request.owner in request.fallback)"
message = "Somebody else."
[commands]
allow = ["start"]
"#;

/// The small cookbook with a part.
fn with_common(change: impl Fn(&str) -> String) -> Result<super::Cookbooks, String> {
    let own = format!("include = [\"parts/common.toml\"]\n{SMALL}");
    let sources = [("small.toml", own), ("parts/common.toml", change(COMMON))];
    let sources = sources.map(|(name, text)| (name.to_owned(), text));
    files(&sources).map_err(|error| error.to_string())
}

#[test]
fn what_a_part_holds_is_as_if_it_stood_in_the_cookbook_whose_own_keys_win() {
    let cookbooks = with_common(str::to_owned).unwrap();
    let book = &cookbooks.cookbooks[0];
    let terms = [book.lifetime.default, book.lifetime.max].map(|length| length.to_string());
    assert_eq!(terms, ["14 days", "30 days"]);
    assert_eq!(book.lifetime.grace.minutes(), 5 * 24 * 60);
    // In the place of the part's, as the cookbook has it.
    let names: Vec<_> = book.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["some_purpose", "fallback", "extra"]);
    assert_eq!(book.fields[0].kind, FieldKind::Text { max: 2000 });
    assert_eq!(book.commands.len(), 1);
    let rule = &book.rules[0];
    assert_eq!((rule.file.as_str(), rule.line), ("parts/common.toml", 13));
    assert_eq!(COMMON.lines().nth(rule.line - 1), Some("[[rule]]"));
}

#[test]
fn a_part_counts_towards_the_version_where_it_is_included() {
    let version = |part: &str| with_common(|_| part.to_owned()).unwrap().version;
    let changed = COMMON.replace("5d", "6d");
    assert_ne!(version(COMMON), version(&changed));
    let unused = |text: &str| {
        let sources = [("small.toml", SMALL), ("parts/unused.toml", text)];
        files(&sources.map(|(name, text)| (name.to_owned(), text.to_owned()))).unwrap().version
    };
    assert_eq!(unused(COMMON), unused("not = toml = at all"));
}

#[test]
fn a_mistake_in_a_part_is_told_once_with_its_own_place() {
    let other = SMALL.replace("Sandbox", "Other");
    let part = COMMON.replace("grace", "gracce");
    let own = |text: &str| format!("include = [\"parts/common.toml\"]\n{text}");
    let sources = [("a.toml", own(SMALL)), ("b.toml", own(&other)), ("parts/common.toml", part)];
    let error = files(&sources.map(|(name, text)| (name.to_owned(), text))).unwrap_err();
    insta::assert_snapshot!(error, @r#"
    parts/common.toml:5:1: unknown key `gracce` in [lifetime]
    5 | gracce = "5d"
      | ^^^^^^
    help: did you mean `grace`?
    "#);
}

#[test]
fn a_folder_is_read_with_its_parts_and_nothing_beyond() {
    let directory = tempfile::tempdir().unwrap();
    let policies = directory.path().join("policies");
    fs::create_dir_all(policies.join("parts")).unwrap();
    fs::write(policies.join("small.toml"), format!("include = [\"parts/it.toml\"]\n{SMALL}"))
        .unwrap();
    let read = || {
        let root = policies.display().to_string();
        folder(&policies).map_err(|error| error.to_string().replace(&root, "policies"))
    };
    let missing = read().unwrap_err();
    assert!(missing.starts_with("policies/small.toml:1:12: there is no part `parts/it.toml`"));
    fs::write(policies.join("parts/it.toml"), COMMON).unwrap();
    assert_eq!(read().unwrap().cookbooks[0].rules.len(), 1);
    fs::remove_file(policies.join("parts/it.toml")).unwrap();
    fs::write(directory.path().join("secret"), COMMON).unwrap();
    std::os::unix::fs::symlink("../../secret", policies.join("parts/it.toml")).unwrap();
    let outside = read().unwrap_err();
    let words = "policies/parts/it.toml: cannot be read: it lies outside the policy folder";
    assert!(outside.contains(words), "{outside}");
}

#[test]
fn a_placement_is_read_whole() {
    let placement = r#"[placement]
provider = ["kvm1", "kvm2"]
image = "debian-12.qcow2"
network = "dmz"
disk_template = "drbd"
vcpus = 2
memory = "4 GiB"
disk = "20 GiB"
more_disks = ["10 GiB", "1 TiB in hdd"]
firmware = "uefi"
login = "debian"
keep_disks = true
[placement.bandwidth]
inbound = "100 MiB"
[placement.parameters]
hostname = "web"
count = 3"#;
    let text = SMALL.replace("[placement]\nprovider = \"libvirt\"", placement);
    assert_ne!(text, SMALL, "the section was found");
    let placement = files(&one("small.toml", &text)).unwrap().cookbooks[0].placement.clone();
    assert_eq!(placement.providers, ["kvm1".into(), "kvm2".into()]);
    let words = [&placement.image, &placement.network, &placement.storage].map(Option::as_deref);
    assert_eq!(words, [Some("debian-12.qcow2"), Some("dmz"), Some("drbd")]);
    let Shape { vcpus, memory, disk } = placement.shape;
    assert_eq!((vcpus.get(), memory.get(), disk.get()), (2, 4 * 1024, 20 * 1024));
    let disks = placement.more_disks.iter().map(|disk| (disk.size.get(), disk.storage.as_deref()));
    assert_eq!(disks.collect::<Vec<_>>(), [(10 * 1024, None), (1024 * 1024, Some("hdd"))]);
    assert_eq!(placement.firmware, Firmware::Uefi);
    assert_eq!(placement.bandwidth, Bandwidth { inbound: Some(100 * 1024), outbound: None });
    let parameters = placement.parameters.iter().map(|(key, text)| (key.as_str(), text.as_str()));
    assert_eq!(parameters.collect::<Vec<_>>(), [("count", "3"), ("hostname", "web")]);
    assert_eq!((placement.login.as_str(), placement.keep_disks), ("debian", true));
}

#[test]
fn the_version_is_that_of_names_and_contents() {
    let version = |sources: &[(&str, &str)]| {
        let sources: Vec<(String, String)> =
            sources.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        files(&sources).unwrap().version
    };
    let other = SMALL.replace("Sandbox", "Other");
    let both = version(&[("a.toml", SMALL), ("b.toml", &other)]);
    assert_eq!(both, version(&[("b.toml", &other), ("a.toml", SMALL)]));
    assert_ne!(both, version(&[("b.toml", SMALL), ("a.toml", &other)]));
    assert_ne!(version(&[("a.toml", SMALL)]), version(&[("a.toml", &format!("{SMALL}\n"))]));
}

#[test]
fn mistakes_of_all_files_come_together_in_order() {
    let bad = SMALL.replace("title", "tittle");
    let sources =
        [("b.toml", bad.as_str()), ("c.toml", SMALL), ("Big.toml", SMALL), ("a.toml", "x")];
    let sources = sources.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let error = files(&sources).unwrap_err();
    let places: Vec<(&str, usize)> =
        error.diagnostics().iter().map(|found| (found.file.as_str(), found.line)).collect();
    assert_eq!(
        places,
        [("Big.toml", 1), ("a.toml", 1), ("b.toml", 1), ("b.toml", 2), ("c.toml", 2)]
    );
    let shown = error.to_string();
    assert!(shown.contains("the title `Sandbox` is also that of Big.toml"), "{shown}");
    assert!(shown.contains("help: did you mean `title`?"), "{shown}");
}

#[test]
fn a_folder_is_read_without_its_tests() {
    let folder_of = |entries: &[(&str, &[u8])]| {
        let directory = tempfile::tempdir().unwrap();
        for (name, bytes) in entries {
            fs::write(directory.path().join(name), bytes).unwrap();
        }
        let result = folder(directory.path());
        let root = directory.path().display().to_string();
        result.map_err(|error| error.to_string().replace(&root, "policies"))
    };
    let ignored: &[(&str, &[u8])] = &[
        ("small.toml", SMALL.as_bytes()),
        ("small.test.toml", b"not a cookbook"),
        (".small.toml", b"an editor's"),
        ("README.md", b"# Policies"),
    ];
    assert_eq!(folder_of(ignored).unwrap().cookbooks.len(), 1);
    assert_eq!(
        folder_of(&[("README.md", b"")]).unwrap_err(),
        "policies: this policy folder holds no cookbook (`NAME.toml`)\n\
         help: copy `policies/sandbox.toml` of the distribution there to start from"
    );
    assert_eq!(
        folder_of(&[("latin.toml", b"title = \"\xe4\""), ("small.toml", SMALL.as_bytes())])
            .unwrap_err(),
        "policies/latin.toml: cannot be read: stream did not contain valid UTF-8\n\
         help: cookbooks are UTF-8 text that the service may read"
    );
    assert_eq!(
        folder_of(&[("a.toml", b"title = ")]).unwrap_err().lines().next(),
        Some(
            "policies/a.toml:1:9: not TOML: string values must be quoted, expected literal string"
        )
    );
}

#[test]
fn a_missing_folder_is_named_with_the_way_out() {
    let error = folder(Path::new("/nonexistent/policies")).unwrap_err().to_string();
    assert!(
        error.starts_with("/nonexistent/policies: this policy folder cannot be read:"),
        "{error}"
    );
    assert!(
        error.ends_with("help: create it, or name another one in the configuration"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
        let _ = files(&one("x.toml", &text));
    }

    #[test]
    fn a_damaged_cookbook_never_panics_and_every_mistake_has_a_place(
        which in 0_usize..2,
        at in any::<prop::sample::Index>(),
        length in 0_usize..40,
        replacement in "[ -~\\n\u{e4}]{0,8}",
    ) {
        let (name, text) = super::SHIPPED[which];
        let letters: Vec<char> = text.chars().collect();
        let start = at.index(letters.len());
        let end = (start + length).min(letters.len());
        let damaged: String =
            letters[..start].iter().copied().chain(replacement.chars()).chain(letters[end..].iter().copied()).collect();
        if let Err(error) = files(&one(name, &damaged)) {
            for found in error.diagnostics() {
                prop_assert!(found.line > 0 && found.column > 0 && !found.message.is_empty());
                let shown = damaged.split('\n').nth(found.line - 1).unwrap().trim_end_matches('\r');
                prop_assert_eq!(shown, &found.source_line);
            }
        }
    }
}

const HOLIDAYS: &str =
    "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261124\nEND:VEVENT\nEND:VCALENDAR\n";

/// The shipped sandbox with this calendar, and a file of holidays beside it.
fn with_calendar(lines: &str, holidays: &str) -> [(String, String); 2] {
    let text = format!("{}\n[calendar]\n{lines}\n", super::SHIPPED[0].1);
    [("sandbox.toml".to_owned(), text), ("days.ics".to_owned(), holidays.to_owned())]
}

#[test]
fn what_a_cookbook_leaves_out_of_its_calendar_is_the_configuration_s() {
    let usual = Calendar::from_parts("UTC", ["2026-11-23".parse().unwrap()]).unwrap();
    let calendar = |lines: &str| {
        let cookbooks = files(&with_calendar(lines, HOLIDAYS)).unwrap_or_else(|e| panic!("{e}"));
        cookbooks.cookbooks[0].calendar.over(&usual)
    };
    // Monday to Wednesday at noon, UTC.
    let works = |calendar: &Calendar| {
        [23, 24, 25]
            .map(|day| calendar.may_act(format!("2026-11-{day}T12:00:00Z").parse().unwrap()))
    };
    assert_eq!(works(&calendar("")), [false, true, true]);
    assert_eq!(works(&calendar("time_zone = \"Asia/Tokyo\"")), [false; 3], "it is evening there");
    assert_eq!(works(&calendar("hours = \"13:00-14:00\"")), [false; 3]);
    assert_eq!(works(&calendar("days = [\"Tue\"]")), [false, true, false]);
    assert_eq!(works(&calendar("holidays = []")), [true; 3]);
    assert_eq!(works(&calendar("holidays_file = \"days.ics\"")), [true, false, true]);
    let both = "holidays_file = \"days.ics\"\nholidays = [2026-11-25]";
    assert_eq!(works(&calendar(both)), [true, false, false]);
}

#[test]
fn a_file_of_holidays_counts_for_the_version_and_its_mistakes_have_a_place() {
    let load = |holidays: &str| files(&with_calendar("holidays_file = \"days.ics\"", holidays));
    let more = HOLIDAYS.replace("20261124", "20261125");
    assert_ne!(load(HOLIDAYS).unwrap().version, load(&more).unwrap().version);
    let error = load(&HOLIDAYS.replace("END:VEVENT", "RDATE:20261125\nEND:VEVENT")).unwrap_err();
    assert!(error.to_string().starts_with("days.ics:4:1: RDATE is not understood"), "{error}");
    let folder_of = tempfile::tempdir().unwrap();
    for (name, text) in with_calendar("holidays_file = \"days.ics\"", HOLIDAYS) {
        fs::write(folder_of.path().join(name), text).unwrap();
    }
    assert_eq!(folder(folder_of.path()).unwrap().version, load(HOLIDAYS).unwrap().version);
    fs::remove_file(folder_of.path().join("sandbox.toml")).unwrap();
    assert!(folder(folder_of.path()).unwrap_err().to_string().contains("holds no cookbook"));
}

#[test]
fn of_a_policy_folder_cookbooks_parts_and_holidays_are_read() {
    for (path, read, cookbook) in [
        ("sandbox.toml", true, true),
        ("parts/people.toml", true, false),
        ("holidays.ics", true, false),
        ("sandbox.test.toml", false, false),
        ("parts/people.test.toml", false, false),
        ("parts/holidays.ics", false, false),
        (".hidden.toml", false, false),
        ("README.md", false, false),
    ] {
        assert_eq!((super::is_read(path), super::is_cookbook(path)), (read, cookbook), "{path}");
    }
}
