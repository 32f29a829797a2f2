use std::borrow::Cow;

use sqlx::migrate::{Migration, MigrationType};

use super::*;
use crate::ports::store::{Change, Store as _};

/// A schema with one migration more than ours.
fn later() -> Migrator {
    let mut migrations: Vec<Migration> = MIGRATOR.iter().cloned().collect();
    migrations.push(Migration::new(
        9000,
        Cow::Borrowed("later"),
        MigrationType::Simple,
        sqlx::SqlStr::from_static(
            "ALTER TABLE moments ADD COLUMN colour TEXT NOT NULL DEFAULT 'grey';
             UPDATE moments SET colour = 'green';",
        ),
        false,
    ));
    Migrator::with_migrations(migrations)
}

async fn backup(path: &Path) -> Vec<u8> {
    let mut file = Vec::new();
    Sqlite::back_up(path, &mut file, Timestamp::UNIX_EPOCH, &mut |_| {}).await.unwrap();
    file
}

#[tokio::test]
async fn an_older_backup_is_brought_up_to_date_and_a_newer_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let store = Sqlite::open(&path("old.db")).await.unwrap();
    store.set_moment("tea", Timestamp::UNIX_EPOCH).await.unwrap();
    store.close().await;
    let old = backup(&path("old.db")).await;

    let mut reader = Reader::open(old.as_slice()).unwrap();
    let (migrator, now) = (later(), Timestamp::UNIX_EPOCH);
    restore_with(&migrator, &path("new.db"), &mut reader, now, &mut |_| {}).await.unwrap();
    let options = SqliteConnectOptions::new().filename(path("new.db"));
    let mut database = SqliteConnection::connect_with(&options).await.unwrap();
    let colour: String =
        sqlx::query_scalar("SELECT colour FROM moments").fetch_one(&mut database).await.unwrap();
    assert_eq!(colour, "green", "what a migration does to rows, it did to these");

    let new = backup(&path("new.db")).await;
    let mut reader = Reader::open(new.as_slice()).unwrap();
    let target = path("older.db");
    let error = Sqlite::restore(&target, &mut reader, now, &mut |_| {}).await.unwrap_err();
    assert!(error.chain().contains("schema is number 9000"), "{}", error.chain());
    assert!(!target.exists());

    // An empty database of another schema cannot be taken back to that of the backup.
    let (newer, mut reader) = (path("empty.db"), Reader::open(old.as_slice()).unwrap());
    Sqlite::open_migrated(&newer, |writer| async move { later().run(&writer).await })
        .await
        .unwrap()
        .close()
        .await;
    let error = restore_with(&migrator, &newer, &mut reader, now, &mut |_| {}).await.unwrap_err();
    assert!(error.advice.unwrap().contains("Move the empty database away"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_of_one_moment_whatever_is_written_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Sqlite::open(&path).await.unwrap();
    for name in ["a", "b"] {
        store.set_moment(name, Timestamp::UNIX_EPOCH).await.unwrap();
    }
    let options = SqliteConnectOptions::new().filename(&path).read_only(true);
    let mut database = SqliteConnection::connect_with(&options).await.unwrap();
    // Written between two rows, by somebody who does not wait for the backup.
    let (other, runtime) = (store.clone(), tokio::runtime::Handle::current());
    let mut between = move |count: u64| {
        let (other, runtime) = (other.clone(), runtime.clone());
        let written = std::thread::spawn(move || {
            runtime.block_on(async move {
                let later = Change { at: Timestamp::UNIX_EPOCH, ..Change::default() };
                other.commit(&later).await.unwrap();
                other.set_memo(&format!("later-{count}"), "x").await.unwrap();
                other.set_moment("c", Timestamp::UNIX_EPOCH).await.unwrap();
            });
        });
        written.join().unwrap();
    };
    let mut file = Vec::new();
    let now = Timestamp::UNIX_EPOCH;
    let contents = write(&mut database, &mut file, now, "test", &mut between).await.unwrap();
    assert_eq!((contents.rows["moments"], contents.rows["memos"]), (2, 0));
    assert_eq!(store.moment("c").await.unwrap(), Some(now), "it was written");
}
