use super::*;
use crate::cookbook::load;

const COOKBOOK: &str = include_str!("../../../policies/sandbox.toml");

fn sandbox() -> Cookbooks {
    load::files(&[("sandbox.toml".to_owned(), COOKBOOK.to_owned())]).unwrap()
}

fn try_out(text: &str) -> (Vec<Tried>, Vec<Coverage>) {
    let cookbooks = sandbox();
    let cookbook = cookbook_of("sandbox.test.toml", &cookbooks).unwrap();
    let cases = read("sandbox.test.toml", text, cookbook).unwrap_or_else(|error| panic!("{error}"));
    run(cookbook, cookbooks.version, &cases)
}

#[test]
fn every_bad_file_of_cases_is_refused_with_exactly_its_expected_messages() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cases");
    let cookbooks = sandbox();
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for entry in std::fs::read_dir(&root).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(name) = file.strip_suffix(".bad.toml") else { continue };
        seen += 1;
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = std::fs::read_to_string(root.join(format!("{name}.expected")));
        let shown = match read(&format!("{name}.test.toml"), &text, &cookbooks.cookbooks[0]) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => format!("{error}\n"),
        };
        if expected.as_ref().ok() != Some(&shown) {
            wrong.push(format!("=== {name}.expected\n{shown}"));
        }
    }
    assert!(seen >= 8, "the corpus is gone: {seen} files");
    assert!(wrong.is_empty(), "not as expected; found:\n{}", wrong.join("\n"));
}

const FINE: &str = r#"
[[case]]
name = "a small one needs nobody"
request = { purpose = "Try it.", memory = "2 GiB", fallback = "@bob", throw_away = true }
verdict = "automatic"
"#;

#[test]
fn answers_become_an_issue_and_get_their_verdict() {
    let text = format!(
        r#"{FINE}
[[case]]
name = "one that somebody else edited needs approval"
request = {{ purpose = "Try it.", fallback = "@bob", throw_away = true }}
edited_by_others = true
verdict = "approval"

[[case]]
name = "the third needs another to go"
request = {{ purpose = "Try it.", fallback = "@bob", throw_away = true }}
usage = {{ owner = {{ leases = 2, pending = 1, memory = "4 GiB" }} }}
verdict = "refused"
codes = ["rule-refused"]
rules = ["few-at-a-time"]

[[case]]
name = "an owner is no fallback, and a fallback must exist"
request = {{ purpose = "Try it.", fallback = ["@alice", "@nobody"], throw_away = true }}
unknown = ["@nobody"]
verdict = "refused"
codes = ["unknown-user"]

[[case]]
name = "with nothing filled in, everything that is missing is told"
verdict = "refused"
codes = ["missing-field", "missing-field", "not-acknowledged"]
"#
    );
    let (tried, coverage) = try_out(&text);
    for case in &tried {
        assert!(case.is_fine(), "{case:#?}");
    }
    let both: Vec<_> =
        coverage.iter().map(|rule| (rule.rule.as_str(), rule.is_complete())).collect();
    assert_eq!(both, [("unless", true), ("fallback-owner", false), ("few-at-a-time", true)]);
}

#[test]
fn a_case_says_which_groups_the_author_is_in() {
    let team = "\n[[field]]\nname = \"team\"\ntype = \"group\"\n";
    let text = COOKBOOK.replace("# --- what spans", &format!("{team}\n# --- what spans"));
    let cookbooks = load::files(&[("sandbox.toml".to_owned(), text)]).unwrap();
    let cookbook = &cookbooks.cookbooks[0];
    let fine = FINE.replace("throw_away", "team = \"@TPO/web\", throw_away");
    let refused = fine.replace("\"automatic\"", "\"refused\"\ncodes = [\"not-a-member\"]");
    let text = format!("{fine}{fine}groups = [\"tpo/Web\"]\n{refused}groups = [\"tpo\"]\n");
    let cases = read("sandbox.test.toml", &text, cookbook).unwrap();
    let (tried, _) = run(cookbook, cookbooks.version, &cases);
    assert_eq!(tried.len(), 3);
    for case in &tried {
        assert!(case.is_fine(), "{case:#?}");
    }
}

#[test]
fn what_comes_otherwise_is_shown_side_by_side() {
    let text =
        FINE.replace("verdict = \"automatic\"", "verdict = \"refused\"\ncodes = [\"name-taken\"]");
    let (tried, _) = try_out(&text);
    let shown: Vec<_> = tried[0]
        .differences
        .iter()
        .map(|it| format!("{}: {} / {}", it.of, it.expected, it.found))
        .collect();
    assert_eq!(shown, ["verdict: refused / automatic", "codes: name-taken / none"]);
}

#[test]
fn mistakes_in_cases_come_with_their_place_and_what_was_meant() {
    let cookbooks = sandbox();
    let cookbook = &cookbooks.cookbooks[0];
    let mistakes = |text: &str| read("sandbox.test.toml", text, cookbook).unwrap_err().to_string();
    let several = FINE
        .replace("memory =", "memmory =")
        .replace("verdict = \"automatic\"", "verdict = \"refused\"\nrules = [\"few-at-time\"]");
    let several = mistakes(&several);
    assert!(several.contains("no field is called `memmory`"), "{several}");
    assert!(several.contains("did you mean `memory`?"), "{several}");
    assert!(several.contains("did you mean `few-at-a-time`?"), "{several}");
    let unknown = mistakes(&FINE.replace("name =", "nam ="));
    assert!(unknown.contains("sandbox.test.toml:3:1: `nam` is not known here"), "{unknown}");
    let both = mistakes(&format!("{FINE}body = \"text\"\n"));
    assert!(both.contains("both `request` and `body`"), "{both}");
    let word = mistakes(&FINE.replace("automatic", "fine"));
    assert!(word.contains("there is `refused`, `approval`, `automatic`"), "{word}");
    let amount =
        format!("{FINE}usage = {{ owner = {{ memory = \"4 GX\" }} }}\ntoday = \"tomorrow\"\n");
    let amount = mistakes(&amount);
    assert!(amount.contains("4 GX") && amount.contains("this is not a day"), "{amount}");
}

/// The sandbox with a rule that asks somebody to look, and one that warns.
fn with_advice() -> Cookbooks {
    let rules = r#"
[[rule]]
id = "much-memory"
severity = "review"
require = "request.memory <= 4096"
message = "Much memory."

[[rule]]
id = "odd-count"
severity = "warn"
require = "request.vcpus != 3"
message = "An odd number of processors."
"#;
    load::files(&[("sandbox.toml".to_owned(), format!("{COOKBOOK}{rules}"))]).unwrap()
}

#[test]
fn a_case_can_expect_advice_and_covers_its_rule() {
    let cookbooks = with_advice();
    let cookbook = cookbook_of("sandbox.test.toml", &cookbooks).unwrap();
    let cases = format!(
        r#"{FINE}
review = []
[[case]]
name = "a large one is looked at"
request = {{ purpose = "Try it.", memory = "6 GiB", vcpus = 3, fallback = "@bob", throw_away = true }}
verdict = "approval"
rules = []
review = ["much-memory"]
warn = []
"#
    );
    let cases = read("sandbox.test.toml", &cases, cookbook).unwrap();
    let (tried, coverage) = run(cookbook, cookbooks.version, &cases);
    let found: Vec<_> = tried.iter().map(|tried| tried.differences.clone()).collect();
    let of = |of, expected: &str, found: &str| Difference {
        of,
        expected: expected.to_owned(),
        found: found.to_owned(),
    };
    assert_eq!(found, [vec![], vec![of("warn", "none", "odd-count")]]);
    assert_eq!(tried[1].said, ["Much memory.", "An odd number of processors."]);
    let covered: Vec<_> = coverage
        .iter()
        .filter(|rule| rule.is_complete())
        .map(|rule| (rule.rule.as_str(), rule.severity))
        .collect();
    assert_eq!(
        covered,
        [
            ("unless", None),
            ("much-memory", Some(Severity::Review)),
            ("odd-count", Some(Severity::Warn))
        ]
    );
}

#[test]
fn a_rule_expected_to_do_what_it_cannot_is_a_mistake_in_the_case() {
    let cookbooks = with_advice();
    let cookbook = cookbook_of("sandbox.test.toml", &cookbooks).unwrap();
    let cases = "[[case]]\nname = \"wrong\"\nverdict = \"refused\"\nrules = [\"much-memory\"]\n";
    insta::assert_snapshot!(read("sandbox.test.toml", cases, cookbook).unwrap_err(), @r#"
    sandbox.test.toml:4:10: rule `much-memory` has severity `review`
    4 | rules = ["much-memory"]
      |          ^^^^^^^^^^^^^
    help: expect it in `review`
    "#);
}

#[test]
fn a_case_says_what_everybody_holds_and_what_is_free() {
    let rules = r#"
[[rule]]
id = "team"
require = "usage.team.memory + request.memory <= 4096"
message = "No."

[[rule]]
id = "extended"
require = "usage.owner.extensions < 5 && usage.owner.open_issues < 5"
message = "No."

[[rule]]
id = "room"
require = "request.memory <= capacity.memory"
message = "No."
"#;
    let text = COOKBOOK.to_owned() + rules;
    let cookbooks = load::files(&[("sandbox.toml".to_owned(), text)]).unwrap();
    let cookbook = &cookbooks.cookbooks[0];
    let case = |more: &str| FINE.replace("verdict = \"automatic\"", more);
    for more in [
        "verdict = \"approval\"",
        "capacity = { memory = \"2 GiB\" }\nverdict = \"automatic\"",
        "capacity = { memory = \"1 GiB\" }\nverdict = \"refused\"\nrules = [\"room\"]",
        "usage = { team = { memory = \"3 GiB\" } }\nverdict = \"refused\"\nrules = [\"team\"]",
        "usage = { owner = { extensions = 5 } }\nverdict = \"refused\"\nrules = [\"extended\"]",
        "usage = { owner = { open_issues = 5 } }\nverdict = \"refused\"\nrules = [\"extended\"]",
    ] {
        let cases = read("sandbox.test.toml", &case(more), cookbook).unwrap();
        let (tried, _) = run(cookbook, cookbooks.version, &cases);
        assert!(tried[0].is_fine(), "{more}: {tried:#?}");
    }
    let wrong = case("usage = { team = { extensions = 5 } }\nverdict = \"refused\"");
    assert!(read("sandbox.test.toml", &wrong, cookbook).is_err());
}

#[test]
fn a_rule_of_a_part_is_told_with_the_part_s_file() {
    let rule =
        "[[rule]]\nid = \"small\"\nrequire = \"request.vcpus <= 2\"\nmessage = \"Too many.\"\n";
    let own = COOKBOOK.replacen("title ", "include = [\"parts/small.toml\"]\ntitle ", 1);
    let files =
        [("sandbox.toml".to_owned(), own), ("parts/small.toml".to_owned(), rule.to_owned())];
    let cookbooks = load::files(&files).unwrap_or_else(|error| panic!("{error}"));
    let (_, coverage) = run(&cookbooks.cookbooks[0], cookbooks.version, &[]);
    let place = |rule: &str| {
        let met = coverage.iter().find(|met| met.rule == rule).unwrap();
        format!("{}:{}", met.file, met.line.unwrap_or_default())
    };
    assert_eq!(place("small"), "parts/small.toml:1");
    assert!(place("few-at-a-time").starts_with("sandbox.toml:"));
    assert_eq!(place("unless"), "sandbox.toml:0");
}
