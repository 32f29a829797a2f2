//! What is made for people and editors from cookbooks: pages and schemas.

use std::path::Path;

use serde_json::Value;

use crate::house::run_in;

#[test]
fn a_page_for_each_cookbook_is_written_and_kept_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let policies = policies.to_str().unwrap();
    let write = ["cookbook", "doc", policies, "--out", "wiki"];
    let check = [&write[..], &["--check"]].concat();
    let stale = run_in(folder.path(), &check, b"");
    assert_eq!(stale.code, Some(1), "{}", stale.stderr);
    assert!(stale.stdout.contains("wiki/sandbox.md: not up to date"), "{}", stale.stdout);
    assert!(!folder.path().join("wiki").exists(), "checking writes nothing");
    assert_eq!(run_in(folder.path(), &write, b"").code, Some(0));
    assert_eq!(run_in(folder.path(), &check, b"").code, Some(0));

    let index = std::fs::read_to_string(folder.path().join("wiki/README.md")).unwrap();
    assert!(index.contains("| [Sandbox](sandbox.md) | A throw-away machine"), "{index}");
    let page = std::fs::read_to_string(folder.path().join("wiki/sandbox.md")).unwrap();
    for said in [
        "| Memory | 512 MiB to 8 GiB; empty means 2 GiB |",
        "| What is it for? \\* |",
        "The owner cannot be their own fallback",
        "- **Who may ask:** `group:tpo`.",
        "14 days unless the form says otherwise, 30 days at most; the owner can extend it to 90 days in all",
        "| 7 days before its end |",
        "`extend`, `restore`, `release`, `start`, `stop`, `reboot`, `rebuild`, `resize`.",
    ] {
        assert!(page.contains(said), "no {said:?} in:\n{page}");
    }
}

#[test]
fn checking_pages_needs_a_folder_and_cookbooks_that_can_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = run_in(folder.path(), &["cookbook", "doc", "policies"], b"");
    assert_eq!(nowhere.code, Some(2));
    assert!(nowhere.stderr.contains("this policy folder cannot be read"), "{}", nowhere.stderr);
    let no_out = run_in(folder.path(), &["cookbook", "doc", "policies", "--check"], b"");
    assert!(no_out.stderr.contains("--out"), "{}", no_out.stderr);
}

#[test]
fn the_schemas_are_printed() {
    let folder = tempfile::tempdir().unwrap();
    for of in ["cookbook", "cases", "config"] {
        let printed = run_in(folder.path(), &["schema", of], b"");
        let schema: Value = serde_json::from_str(&printed.stdout).unwrap();
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#", "{of}");
    }
    let unknown = run_in(folder.path(), &["schema", "cookbok"], b"");
    assert_eq!(unknown.code, Some(2));
}
