//! `innkeeper policy`: cases, coverage, and what rules say.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

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
    for entry in fs::read_dir(shipped()).unwrap() {
        let path = entry.unwrap().path();
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
