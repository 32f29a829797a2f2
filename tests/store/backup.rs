//! Backups: whatever was in a store is in the one that is restored, and
//! nothing of a backup that is not whole.

use std::path::Path;

use innkeeper::{
    identity::NoteId,
    ports::{
        restoration::Restoration,
        store::{Change, Store, Versioned},
    },
    store::{
        audit_chain,
        backup::{Contents, Reader, check},
        sql::{Place, SqlStore},
    },
};

use crate::builders::{
    at, change, delivery, effect, freeze, issue, lease, lease_due, note, order, request,
};

async fn full(path: &Path) -> SqlStore {
    let store = SqlStore::open(path).await.unwrap();
    let bytes = innkeeper::ports::store::Delivery {
        body: vec![0, 255, 10, 34],
        ..delivery("one", Some(issue(1)))
    };
    store.deliver(&bytes).await.unwrap();
    store.deliver(&delivery("two", None)).await.unwrap();
    let all = Change {
        request: Some(Versioned::new(request(1))),
        leases: vec![Versioned::new(lease(1)), Versioned::new(lease_due(2, at(9)))],
        seen: vec![(issue(1), NoteId(u64::MAX))],
        freezes: vec![(innkeeper::brake::Deed::Destroy, Some(freeze("a \"quoted\" reason", None)))],
        audit: vec![note("one"), note("two")],
        ..change()
    };
    store.commit(&all).await.unwrap();
    order(&store, vec![effect("a", "one"), effect("a", "two")]).await;
    store.lock("sweep", "somebody", at(0), at(60)).await.unwrap();
    store.set_moment("heartbeat", at(5)).await.unwrap();
    store.set_memo("tea", "\u{1F980}").await.unwrap();
    store
}

async fn back_up(place: impl Into<Place>) -> (Vec<u8>, Contents) {
    let mut file = Vec::new();
    let store = SqlStore::open_to_read(place).await.unwrap();
    let contents = store.back_up(&mut file, at(100), &mut |_| {}).await.unwrap();
    (file, contents)
}

async fn restore(place: impl Into<Place>, backup: &[u8]) -> Result<Contents, String> {
    let mut reader = Reader::open(backup).unwrap();
    let restored = SqlStore::restore(place, &mut reader, at(200), &mut |_| {}).await;
    restored.map_err(|error| format!("{} ({:?})", error.chain(), error.advice))
}

/// The rows of a backup, but for what a restoration adds and leaves out.
fn rows(backup: &[u8]) -> Vec<&str> {
    let text = std::str::from_utf8(backup).unwrap();
    let own = ["[\"locks\"", "\"restored\"", "\"restored\\\""];
    let is_own = |line: &&str| line.starts_with('{') || own.iter().any(|own| line.contains(own));
    let mut rows: Vec<&str> = text.lines().filter(|line| !is_own(line)).collect();
    rows.sort_unstable();
    rows
}

#[tokio::test]
async fn what_was_backed_up_is_restored_with_the_mark_that_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old.db"), folder.path().join("new.db"));
    let store = full(&old).await;
    let (backup, contents) = back_up(&old).await;
    assert_eq!(contents.total(), 16);
    assert_eq!(contents.rows["usage"], 1);
    assert_eq!(check(backup.as_slice()).unwrap(), contents);

    assert_eq!(restore(&new, &backup).await.unwrap(), contents);
    let (again, _) = back_up(&new).await;
    assert_eq!(rows(&again), rows(&backup));

    let restored = SqlStore::open(&new).await.unwrap();
    let mark = Restoration::read(&restored).await.unwrap().unwrap();
    assert!(mark.stands());
    assert_eq!((mark.taken_at, mark.restored_at), (at(100), at(200)));
    let log = restored.audit_log(1, 10).await.unwrap();
    assert_eq!(audit_chain::verify(&log), Ok(()));
    assert_eq!(log.last().unwrap().note.action, "restored");
    assert_eq!(restored.usage_mark().await.unwrap(), store.usage_mark().await.unwrap());
    assert!(restored.lock("sweep", "another", at(1), at(2)).await.unwrap(), "its holder is gone");
    // New tasks come after all that ever were.
    order(&restored, vec![effect("b", "three")]).await;
    let claimed = restored.claim_effect(at(9), at(99)).await.unwrap().unwrap();
    let next = restored.claim_effect(at(9), at(99)).await.unwrap().unwrap();
    assert_eq!((claimed.id, next.id, next.key.as_str()), (1, 3, "three"));
}

#[tokio::test]
async fn nothing_is_restored_over_something_or_from_half_a_backup() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old.db"), folder.path().join("new.db"));
    full(&old).await.close().await;
    let (backup, _) = back_up(&old).await;
    let refused = restore(&old, &backup).await.unwrap_err();
    assert!(refused.contains("there is something in it") && refused.contains("move the old"));

    let cut = &backup[..backup.len() - 200];
    let refused = restore(&new, cut).await.unwrap_err();
    assert!(refused.contains("cut off"), "{refused}");
    let empty = SqlStore::open(&new).await.unwrap();
    assert_eq!(empty.live_leases().await.unwrap(), []);
    assert_eq!(Restoration::read(&empty).await.unwrap(), None);
    empty.close().await;
    // What it left behind is empty, so the next try may have it.
    restore(&new, &backup).await.unwrap();
    assert!(restore(&new, &backup).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_file_is_restored_on_a_server_and_back() {
    let Some(database) = crate::postgres::database().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old.db"), folder.path().join("new.db"));
    full(&old).await.close().await;
    let (backup, contents) = back_up(&old).await;
    assert_eq!(restore(database.place(), &backup).await.unwrap(), contents);
    assert!(restore(database.place(), &backup).await.unwrap_err().contains("something in it"));

    let server = database.open().await;
    assert!(Restoration::read(&server).await.unwrap().unwrap().stands());
    assert_eq!(audit_chain::verify(&server.audit_log(1, 10).await.unwrap()), Ok(()));
    // What it numbers by itself does not meet what was restored.
    order(&server, vec![effect("b", "three")]).await;
    server.deliver(&delivery("three", Some(issue(3)))).await.unwrap();
    let claimed = server.claim_effect(at(9), at(99)).await.unwrap().unwrap();
    let next = server.claim_effect(at(9), at(99)).await.unwrap().unwrap();
    assert_eq!((claimed.id, next.id), (1, 3));
    let moment = server.moment("heartbeat").await.unwrap();
    server.close().await;

    let (again, _) = back_up(database.place()).await;
    restore(&new, &again).await.unwrap();
    let file = SqlStore::open(&new).await.unwrap();
    assert_eq!(file.moment("heartbeat").await.unwrap(), moment);
    assert_eq!(file.lease(lease(2).id).await.unwrap().unwrap().value, lease_due(2, at(9)));
    let (last, _) = back_up(&new).await;
    let (last, again) = (rows(&last), rows(&again));
    assert_eq!(last, again);
}
