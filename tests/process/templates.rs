//! The issue templates in this repository are the cookbooks'.

use std::path::Path;

use crate::house::run_in;

#[test]
fn the_committed_templates_are_those_of_the_cookbooks() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (forge, out) in
        [("gitlab", ".gitlab/issue_templates"), ("github", ".github/ISSUE_TEMPLATE")]
    {
        let refresh = ["template", "--policies", "policies", "--forge", forge, "--out", out];
        let ended = run_in(folder, &[&refresh[..], &["--check"]].concat(), b"");
        assert_eq!(
            ended.code,
            Some(0),
            "{}{}refresh them: cargo run -- {}",
            ended.stdout,
            ended.stderr,
            refresh.join(" ")
        );
    }
}

#[test]
fn a_stale_template_is_named_and_written_once_asked() {
    let folder = tempfile::tempdir().unwrap();
    let write = ["template", "--forge", "gitlab", "--out", "made/here"];
    let check = [&write[..], &["--check"]].concat();
    let stale = run_in(folder.path(), &check, b"");
    assert_eq!(stale.code, Some(1));
    assert_eq!(
        stale.stdout,
        ["compute", "demo-machine", "mailing-list", "retire", "runner", "sandbox", "vm"]
            .map(|name| format!("made/here/{name}.md: not up to date\n"))
            .concat()
    );
    assert!(!folder.path().join("made").exists(), "checking writes nothing");
    assert_eq!(run_in(folder.path(), &write, b"").code, Some(0));
    assert_eq!(run_in(folder.path(), &check, b"").code, Some(0));
}
