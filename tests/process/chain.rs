//! `innkeeper audit verify` on a log that somebody wrote into past Innkeeper.

use innkeeper::{
    ports::store::{Actor, AuditNote, Change, Store as _},
    store::sql::SqlStore,
};
use sqlx::{Connection as _, Executor as _, SqliteConnection};

use crate::house::House;

fn change(action: &str) -> Change {
    let note = AuditNote {
        actor: Actor::Clock,
        action: action.to_owned(),
        authority: None,
        request: None,
        lease: None,
        digest: None,
        policy_version: None,
    };
    Change { audit: vec![note], ..Change::default() }
}

/// Six entries, written in turn by two who have the same store open.
async fn house() -> House {
    let house = House::new("http://127.0.0.1:9");
    let path = house.path("innkeeper.db");
    let (one, other) = (SqlStore::open(&path).await.unwrap(), SqlStore::open(&path).await.unwrap());
    for store in [&one, &other, &other, &one, &other, &one] {
        store.commit(&change("tested")).await.unwrap();
    }
    one.close().await;
    other.close().await;
    house
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_writes_continues_the_chain_and_whatever_is_done_to_it_is_found() {
    let verify = |house: &House, more: &[&str]| {
        house.run(&[&["audit", "verify", "--config", "innkeeper.toml"], more].concat())
    };
    let whole = verify(&house().await, &[]);
    assert_eq!(whole.code, Some(0), "{}", whole.stdout);
    let newest = whole.stdout.lines().last().unwrap().to_owned();
    assert!(newest.starts_with("6:"), "{newest}");
    for (what, statement, says) in [
        (
            "changed",
            "UPDATE audit_log SET note = replace(note, 'tested', 'nothing') WHERE number = 3",
            "broken at entry 3",
        ),
        ("moved in time", "UPDATE audit_log SET at = at + 1 WHERE number = 6", "broken at entry 6"),
        ("removed", "DELETE FROM audit_log WHERE number = 4", "broken at entry 4"),
        ("removed at the start", "DELETE FROM audit_log WHERE number = 1", "broken at entry 1"),
        (
            "inserted",
            "UPDATE audit_log SET number = -number WHERE number > 2;
             INSERT INTO audit_log SELECT 3, at, note, hash FROM audit_log WHERE number = 2;
             UPDATE audit_log SET number = 1 - number WHERE number < 0",
            "broken at entry 3",
        ),
        ("cut off", "DELETE FROM audit_log WHERE number > 4", "entry 6 is missing"),
    ] {
        let house = house().await;
        let url = format!("sqlite://{}", house.path("innkeeper.db").display());
        let mut database = SqliteConnection::connect(&url).await.unwrap();
        for trigger in ["audit_log_is_never_changed", "audit_log_is_never_deleted"] {
            let drop = format!("DROP TRIGGER {trigger}");
            database.execute(sqlx::AssertSqlSafe(drop)).await.unwrap();
        }
        database.execute(statement).await.unwrap();
        let found = verify(&house, &["--expect", &newest]);
        assert_eq!(found.code, Some(1), "{what}: {}{}", found.stdout, found.stderr);
        assert!(found.stdout.contains(says), "{what}: {}", found.stdout);
    }
}
