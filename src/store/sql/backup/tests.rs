use std::path::Path;

use super::*;
use crate::ports::store::Store as _;

async fn backup(path: &Path) -> Vec<u8> {
    let mut file = Vec::new();
    let store = SqlStore::open_to_read(path).await.unwrap();
    store.back_up(&mut file, Timestamp::UNIX_EPOCH, &mut |_| {}).await.unwrap();
    file
}

async fn restore(path: &Path, backup: &[u8]) -> Result<Contents, String> {
    let mut reader = Reader::open(backup).unwrap();
    let restored = SqlStore::restore(path, &mut reader, Timestamp::UNIX_EPOCH, &mut |_| {}).await;
    restored.map_err(|error| format!("{}; {}", error.chain(), error.advice.unwrap_or_default()))
}

#[tokio::test]
async fn an_older_backup_is_brought_up_to_date_and_a_newer_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let old = SqlStore::open_at(Place::File(path("old.db")), 5).await.unwrap();
    sqlx::query(
        "INSERT INTO requests (id, version, state, forge, project, number, document)
         VALUES ('a', 1, 'rejected', 'gitlab', 1, 1, '{\"author\": {\"id\": 77}}')",
    )
    .execute(&old.writer)
    .await
    .unwrap();
    old.close().await;
    let old = backup(&path("old.db")).await;
    assert_eq!(restore(&path("new.db"), &old).await.unwrap().migration, 5);
    let new = SqlStore::open(path("new.db")).await.unwrap();
    let author: i64 =
        sqlx::query_scalar("SELECT author FROM requests").fetch_one(&new.readers).await.unwrap();
    assert_eq!(author, 77, "what a step does to rows, it did to these");
    new.close().await;

    // An empty database cannot be taken back to the schema of the backup.
    SqlStore::open(path("empty.db")).await.unwrap().close().await;
    let refused = restore(&path("empty.db"), &old).await.unwrap_err();
    assert!(refused.contains("Move the empty database away"), "{refused}");

    let newer =
        String::from_utf8(old).unwrap().replacen("\"migration\":5", "\"migration\":9000", 1);
    let refused = restore(&path("newer.db"), newer.as_bytes()).await.unwrap_err();
    assert!(refused.contains("schema is number 9000"), "{refused}");
    assert!(!path("newer.db").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_of_one_moment_whatever_is_written_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqlStore::open(folder.path().join("store.db")).await.unwrap();
    let now = Timestamp::UNIX_EPOCH;
    for name in ["a", "b"] {
        store.set_moment(name, now).await.unwrap();
    }
    // Written between two rows, by somebody who does not wait for the backup.
    let (other, runtime) = (store.clone(), tokio::runtime::Handle::current());
    let mut between = move |count: u64| {
        let (other, runtime) = (other.clone(), runtime.clone());
        let written = std::thread::spawn(move || {
            runtime.block_on(async move {
                other.set_memo(&format!("later-{count}"), "x").await.unwrap();
                other.set_moment("c", now).await.unwrap();
            });
        });
        written.join().unwrap();
    };
    let mut file = Vec::new();
    let contents = store.back_up(&mut file, now, &mut between).await.unwrap();
    assert_eq!((contents.rows["moments"], contents.rows.get("memos")), (2, Some(&0)));
    assert_eq!(store.moment("c").await.unwrap(), Some(now), "it was written");
}
