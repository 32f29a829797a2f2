//! `innkeeper policy`: cases, coverage, and what rules say.

use std::{fs, path::Path, process::Command, sync::Arc};

use innkeeper::{
    app::{practice, system::SystemClock},
    rehearsal::{Group, Level, Membership, Options, Project, Rehearsal, User, World},
};
use serde_json::Value;

use crate::{
    forge::listener,
    house::{House, TOKEN},
};

fn innkeeper(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_innkeeper")).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn shipped() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies").display().to_string()
}

/// The shipped cookbooks with their cases, one text of one file replaced.
fn changed(file: &str, old: &str, new: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let parts = folder.path().join("parts");
    fs::create_dir(&parts).unwrap();
    fs::copy(Path::new(&shipped()).join("parts/people.toml"), parts.join("people.toml")).unwrap();
    for entry in fs::read_dir(shipped()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut text = fs::read_to_string(&path).unwrap();
        if name == file {
            assert!(text.contains(old), "{file} does not say {old:?}");
            text = text.replace(old, new);
        }
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[test]
fn every_shipped_cookbook_passes_its_cases_and_every_rule_is_seen_both_ways() {
    let (code, out, _) = innkeeper(&["policy", "test", &shipped(), "--complete"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.lines().last().unwrap().ends_with("rules seen both ways"), "{out}");
    assert!(!out.contains("gap"), "{out}");
}

#[test]
fn a_rule_that_lets_too_much_pass_is_caught_and_shown_side_by_side() {
    let folder = changed("sandbox.toml", "usage.owner.pending < 3", "usage.owner.pending < 30");
    let path = folder.path().display().to_string();
    let junit = folder.path().join("report.xml");
    let (code, out, _) = innkeeper(&["policy", "test", &path, "--junit", junit.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("FAILED sandbox.test.toml:"), "{out}");
    assert!(out.contains("expected refused\n         found    approval"), "{out}");
    assert!(out.contains("rule `few-at-a-time` never refuses in any case"), "{out}");
    let report = fs::read_to_string(junit).unwrap();
    assert!(
        report.contains("<testsuite name=\"sandbox\" tests=\"11\" failures=\"2\">"),
        "{report}"
    );
    assert!(report.contains("verdict: expected refused, found approval"), "{report}");
    let (code, json, _) = innkeeper(&["policy", "test", &path, "--json"]);
    assert_eq!(code, Some(1));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["well"], false);
    assert_eq!(json["cases"][0]["differences"], Value::Array(Vec::new()));
}

#[test]
fn a_cookbook_without_cases_is_a_gap_and_cases_without_cookbook_a_mistake() {
    let folder = changed("sandbox.toml", "x", "x");
    let path = folder.path().display().to_string();
    fs::remove_file(folder.path().join("vm.test.toml")).unwrap();
    let (code, out, _) = innkeeper(&["policy", "test", &path]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("vm.toml has no cases"), "{out}");
    assert_eq!(innkeeper(&["policy", "test", &path, "--complete"]).0, Some(1));
    fs::write(folder.path().join("sandbx.test.toml"), "").unwrap();
    let (code, _, err) = innkeeper(&["policy", "test", &path]);
    assert_eq!(code, Some(2));
    assert!(err.contains("sandbx.test.toml: there is no cookbook"), "{err}");
}

#[test]
fn explain_shows_every_rule_with_what_it_saw() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("request.md");
    let body = "### What is it for?\n\nTo try.\n\n### Fallback owner\n\n@you\n\n### vCPUs\n\n3\n";
    fs::write(&file, body).unwrap();
    let file = file.to_str().unwrap();
    let (code, out, _) = innkeeper(&["policy", "explain", file, "--cookbook", "sandbox"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("refuses sandbox.toml:"), "{out}");
    assert!(out.contains("request.fallback = [\"you\"]"), "{out}");
    assert!(out.contains("request.vcpus = 3"), "{out}");
    assert!(out.contains("[approval] unless"), "{out}");
    let (code, _, err) = innkeeper(&["policy", "explain", file, "--cookbook", "sandbx"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("did you mean `sandbox`?"), "{err}");
}

/// A forge with one issue, of alice, in a project of its own; and the store of
/// a service that has run before there was any issue.
async fn house_with_issue(body: &str) -> (House, Rehearsal, String) {
    let staff = |id| Membership::new(id, Level::Developer);
    let world = World::new()
        .user(User::person(practice::ALICE, "alice", "Alice Archer"))
        .user(User::person(practice::BOB, "bob", "Bob Baker"))
        .user(User::person(practice::BOT, "innkeeper", "Innkeeper"))
        .token(TOKEN, practice::BOT)
        .group(Group::new(20, "tpo").member(staff(practice::ALICE)).member(staff(practice::BOB)))
        .group(Group::new(21, "tpo/tpa"))
        .project(Project::new(7, "tpo/tpa/team").member(staff(practice::BOT)))
        .project(Project::new(8, "tpo/tpa/other").member(staff(practice::BOT)));
    let (listener, url) = listener().await;
    let house = House::new(&url);
    let clock = Arc::new(SystemClock);
    let forge = Rehearsal::start(listener, world, clock, Options::default()).unwrap();
    let mut service = house.serve().await;
    service.stop().await;
    forge.file_issue("alice", "tpo/tpa/team", "A machine", body).unwrap();
    forge.forget_requests();
    (house, forge, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_judges_an_issue_with_the_real_facts_and_leaves_everything_as_it_is() {
    let body = "<!-- innkeeper: sandbox -->\n\n### What is it for?\n\nTo try.\n\n### Disk\n\n\
                45 GiB\n\n### Fallback owner\n\n@bob\n\n### I understand\n\n- [x] I understand\n";
    let (house, forge, url) = house_with_issue(body).await;
    let rule = "[[rule]]\nid = \"little-disk\"\nrequire = \"request.disk <= 30720\"\n\
                message = \"Too much disk.\"\n\n\
                [[rule]]\nid = \"much-disk\"\nseverity = \"review\"\n\
                require = \"request.disk < 20480\"\nmessage = \"Much disk.\"\n\n[placement]";
    house.adjust("policies/sandbox.toml", "[placement]", rule);
    let store = fs::read(house.path("innkeeper.db")).unwrap();
    let explain = |what: &str, more: &[&str]| {
        house.run(&[&["policy", "explain", what, "--config", "innkeeper.toml"], more].concat())
    };
    let page = format!("{url}/tpo/tpa/team/-/issues/1");
    for what in ["gitlab:7#1", "gitlab:tpo/tpa/team#1", page.as_str()] {
        let ended = explain(what, &[]);
        assert_eq!(ended.code, Some(1), "{what}: {}{}", ended.stdout, ended.stderr);
        for line in [
            "/tpo/tpa/team/-/issues/1 by alice: not looked at yet\n",
            "rule `fallback-owner` (deny)\n",
            "        request.fallback = [\"bob\"]\n",
            "rule `little-disk` (deny)\n",
            "        would pass: Disk: 30 GiB or less\n",
            "reviews sandbox.toml:",
            "rule `much-disk` (review)\n",
            "        would pass: Disk: less than 20 GiB\n",
            "        usage.owner.leases = 0\n",
            "refused: 1 thing(s) to mend\n",
        ] {
            assert!(ended.stdout.contains(line), "`{line}` is not in\n{}", ended.stdout);
        }
    }
    house.adjust("policies/sandbox.toml", "<= 30720", "<= 51200");
    let ended = explain("gitlab:7#1", &["--json"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let json: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(json["accepted"], true);
    assert_eq!(json["issue"]["author"], "alice");
    assert_eq!(json["approval"][0]["by"][0], "group:tpo/tpa");
    assert_eq!(json["approval"][0]["have"], 0);
    assert_eq!(json["advice"][0]["severity"], "review");
    assert_eq!(json["advice"][0]["would_pass"][0], "Disk: less than 20 GiB");

    let requests = forge.requests();
    assert!(!requests.is_empty());
    for request in requests {
        assert!(request.method == http::Method::GET, "{} {}", request.method, request.path);
    }
    assert!(fs::read(house.path("innkeeper.db")).unwrap() == store, "the store was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_explained_is_said() {
    let (house, _forge, url) = house_with_issue("Just a question.").await;
    for (what, code, words) in [
        ("gitlab:7#1", Some(2), "is no request"),
        ("gitlab:7#99", Some(2), "404"),
        ("gitlab:tpo/elsewhere#1", Some(2), "its project is not looked at"),
        ("gitlb:7#1", Some(2), "there is no forge `gitlb`"),
        ("request.md", Some(2), "`request.md` is no issue"),
        ("https://elsewhere.example/a/b/-/issues/1", Some(2), "no forge of the configuration"),
        (&format!("{url}/tpo/tpa/team"), Some(2), "is not the address of an issue"),
    ] {
        let ended = house.run(&["policy", "explain", what, "--config", "innkeeper.toml"]);
        assert_eq!(ended.code, code, "{what}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{what}: {}", ended.stderr);
    }
}
