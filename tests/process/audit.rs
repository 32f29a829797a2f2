//! `innkeeper audit`: a whole log, a changed one, one that was cut off.

use innkeeper::{
    ports::store::{Actor, AuditNote, Change, Store as _},
    store::sql::SqlStore,
};

use crate::house::House;

async fn house_with(entries: usize) -> House {
    let house = House::new("http://127.0.0.1:9");
    let store = SqlStore::open(&house.path("innkeeper.db")).await.unwrap();
    let note = AuditNote {
        actor: Actor::Clock,
        action: "tested".to_owned(),
        authority: None,
        request: None,
        lease: None,
        digest: None,
        policy_version: None,
    };
    store.commit(&Change { audit: vec![note; entries], ..Change::default() }).await.unwrap();
    store.close().await;
    house
}

/// The last line that `audit verify` prints: number and hash of the newest entry.
fn newest(stdout: &str) -> String {
    stdout.lines().last().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exported_log_is_checked_like_the_stored_one() {
    let house = house_with(2_500).await;
    let verify = |more: &[&str]| house.run(&[&["audit", "verify"], more].concat());
    let stored = verify(&["--config", "innkeeper.toml"]);
    assert_eq!(stored.code, Some(0), "{}", stored.stderr);
    assert!(newest(&stored.stdout).starts_with("2500:"), "{}", stored.stdout);

    let export = house.run(&["audit", "export", "--config", "innkeeper.toml"]);
    assert_eq!(export.stdout.lines().count(), 2_500);
    house.write("audit.jsonl", &export.stdout);
    let file = verify(&["--file", "audit.jsonl", "--expect", &newest(&stored.stdout)]);
    assert_eq!(file.code, Some(0), "{}{}", file.stdout, file.stderr);
    assert_eq!(newest(&file.stdout), newest(&stored.stdout));
    let tail =
        house.run(&["audit", "export", "--config", "innkeeper.toml", "--from", "2499"]).stdout;
    assert!(export.stdout.ends_with(&tail) && tail.lines().count() == 2, "{tail}");

    let changed = export.stdout.replacen("tested", "spoiled", 3);
    house.write("changed.jsonl", &changed);
    let changed = verify(&["--file", "changed.jsonl"]);
    assert_eq!(changed.code, Some(1));
    assert!(changed.stdout.contains("broken at entry 1"), "{}", changed.stdout);

    let shorter: Vec<&str> = export.stdout.lines().take(2_000).collect();
    house.write("shorter.jsonl", &shorter.join("\n"));
    assert_eq!(verify(&["--file", "shorter.jsonl"]).code, Some(0), "nothing tells by itself");
    let shorter = verify(&["--file", "shorter.jsonl", "--expect", &newest(&stored.stdout)]);
    assert_eq!(shorter.code, Some(1));
    assert!(shorter.stdout.contains("entry 2500 is missing"), "{}", shorter.stdout);

    house.write("letters.jsonl", "Dear Sir or Madam");
    let letters = verify(&["--file", "letters.jsonl"]);
    assert_eq!(letters.code, Some(2));
    assert!(letters.stderr.contains("line 1"), "{}", letters.stderr);
    assert_eq!(verify(&[]).code, Some(2), "one of --config and --file");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_rewritten_from_some_entry_on_is_found_by_a_hash_kept_elsewhere() {
    let (one, other) = (house_with(3).await, house_with(2).await);
    let run = |house: &House, more: &[&str]| {
        house.run(&[&["audit", "verify", "--config", "innkeeper.toml"], more].concat())
    };
    let three = newest(&run(&one, &[]).stdout);
    let rewritten = run(&other, &["--expect", &three.replacen("3:", "2:", 1)]);
    assert_eq!(rewritten.code, Some(1));
    assert!(rewritten.stdout.contains("entry 2 has another hash"), "{}", rewritten.stdout);
}
