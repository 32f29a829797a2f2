//! The schema's steps: one by one over what each of them finds stored, and the
//! same tables for both databases.

use std::{borrow::Cow, collections::BTreeSet, path::Path};

use innkeeper::{
    brake::Deed,
    identity::{Digest, NoteId, UserId},
    ports::store::{Actor, AuditEntry, Delivered, Store as _},
    store::{
        audit_chain::{next, verify},
        sql::{Place, SqlStore},
    },
};
use serde_json::to_string;
use sqlx::{
    AnyConnection, AssertSqlSafe, Connection as _,
    migrate::{Migration, Migrator},
};

use crate::{
    builders::{at, delivery, effect, issue, lease_due, note, request},
    postgres,
};

/// What is stored as soon as the step of this number has been made, by the
/// version of that time: `$` stands for what only the tests can build.
fn sample(step: i64) -> Vec<String> {
    let now = at(0).timestamp_millis();
    let later = at(50).timestamp_millis();
    match step {
        1 => {
            let (request, lease) = (request(1), lease_due(1, at(50)));
            let (of_request, of_lease) = (to_string(&request).unwrap(), to_string(&lease).unwrap());
            let machine = &lease.order.key.name;
            let AuditEntry { note, hash, .. } = first_entry();
            let note = to_string(&note).unwrap();
            let task = to_string(&effect("a", "a1").task).unwrap();
            let (request, lease) = (request.id, lease.id);
            vec![
                format!(
                    "INSERT INTO deliveries (forge, key, project, issue, event, received_at)
                     VALUES ('gitlab', 'a', 42, 1, 'Note Hook', {now})"
                ),
                format!(
                    "INSERT INTO looks (forge, project, number, wanted, since, wanted_at, due)
                     VALUES ('gitlab', 42, 1, 1, {now}, {now}, {now})"
                ),
                format!(
                    "INSERT INTO requests (id, version, state, forge, project, number, document)
                     VALUES ('{request}', 3, 'incomplete', 'gitlab', 42, 1, '{of_request}')"
                ),
                format!(
                    "INSERT INTO leases (id, version, state, provider, machine, check_at, document)
                     VALUES ('{lease}', 2, 'active', 'kvm1', '{machine}', {later}, '{of_lease}')"
                ),
                "INSERT INTO seen_notes (forge, project, number, note)
                 VALUES ('gitlab', 42, 1, 5)"
                    .to_owned(),
                format!(
                    "INSERT INTO effects (key, lane, priority, kind, task, state, ordered_at, due)
                     VALUES ('a1', 'a', 1, 'other', '{task}', 'pending', {now}, {now})"
                ),
                format!(
                    "INSERT INTO audit_log (number, at, note, hash)
                     VALUES (1, {now}, '{note}', '{hash}')"
                ),
                format!("INSERT INTO locks (name, holder, held_until) VALUES ('l', 'h', {later})"),
                format!("INSERT INTO moments (name, at) VALUES ('heartbeat', {now})"),
            ]
        }
        2 => vec![format!(
            "INSERT INTO freezes (deed, reason, since) VALUES ('destroy', 'a move', {now})"
        )],
        3 => vec!["UPDATE requests SET counted = 'something' WHERE number = 1".to_owned()],
        5 => vec!["INSERT INTO memos (name, text) VALUES ('reload', 'it went well')".to_owned()],
        _ => Vec::new(),
    }
}

fn first_entry() -> AuditEntry {
    next(None, at(0), note("approve"))
}

/// Everything of it, as it is read today.
async fn find(store: &SqlStore) {
    assert_eq!(store.deliver(&delivery("a", None)).await.unwrap(), Delivered::Duplicate);
    assert_eq!(store.claim_look(at(0), at(60)).await.unwrap().unwrap().issue, issue(1));
    let stored = store.request_on(&issue(1)).await.unwrap().unwrap();
    assert_eq!((stored.version, stored.value), (3, request(1)));
    let due = store.due_leases(at(50), 9).await.unwrap();
    assert_eq!((due[0].version, &due[0].value), (2, &lease_due(1, at(50))));
    assert_eq!(store.seen_notes(&issue(1)).await.unwrap(), [NoteId(5)].into());
    let claim = store.claim_effect(at(0), at(60)).await.unwrap().unwrap();
    assert_eq!((claim.key.as_str(), claim.attempts, claim.tries), ("a1", 1, 1));
    let log = store.audit_log(1, 9).await.unwrap();
    assert_eq!((&log[..], verify(&log)), (&[first_entry()][..], Ok(())));
    assert!(!store.lock("l", "other", at(49), at(99)).await.unwrap());
    assert_eq!(store.moment("heartbeat").await.unwrap(), Some(at(0)));
    assert_eq!(store.freezes().await.unwrap().0[&Deed::Destroy].reason, "a move");
    assert!(store.usage_mark().await.unwrap() > 0);
    assert_eq!(store.memo("reload").await.unwrap().as_deref(), Some("it went well"));
    assert_eq!(log[0].note.actor, Actor::User(UserId(7)));
    assert_eq!(log[0].note.digest, Some(Digest::of("request")));
}

/// Makes the steps, and stores after each what is of its time.
async fn climb(database: &mut AnyConnection, folder: &str) {
    let all = Migrator::new(Path::new(folder)).await.unwrap();
    for count in 1..=all.migrations.len() {
        let steps: Vec<Migration> = all.migrations[..count].to_vec();
        let step = steps.last().unwrap().version;
        let some = Migrator { migrations: Cow::Owned(steps), ..Migrator::DEFAULT };
        some.run(&mut *database).await.unwrap();
        for statement in sample(step) {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *database).await.unwrap();
        }
    }
}

async fn connect(url: &str) -> AnyConnection {
    sqlx::any::install_default_drivers();
    AnyConnection::connect(url).await.unwrap()
}

#[tokio::test]
async fn what_every_version_stored_in_a_file_is_read_today() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut database = connect(&format!("sqlite:{}?mode=rwc", path.display())).await;
    climb(&mut database, "migrations/sqlite").await;
    database.close().await.unwrap();
    let store = SqlStore::open(&path).await.unwrap();
    find(&store).await;
    // The account was in the document alone.
    let author = request(1).author.id;
    assert_eq!(store.requests_by(&"gitlab".into(), author).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_every_version_stored_on_a_server_is_read_today() {
    let Some(cluster) = postgres::shared() else { return };
    let database = cluster.create("template1").await;
    climb(&mut connect(&database.url).await, "migrations/postgres").await;
    find(&database.open().await).await;
}

/// Table, column, whether it must have a value.
type Columns = BTreeSet<(String, String, bool)>;

#[tokio::test]
async fn both_databases_have_the_same_tables_columns_and_constraints() {
    let Some(server) = postgres::database().await else { return };
    drop(server.open().await);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    SqlStore::open(Place::from(&path)).await.unwrap().close().await;
    let mut file = connect(&format!("sqlite:{}?mode=ro", path.display())).await;
    let mut server = connect(&server.url).await;

    let of_file = columns(
        &mut file,
        "SELECT t.name, c.name, c.\"notnull\" + c.pk > 0
         FROM pragma_table_list AS t, pragma_table_info(t.name) AS c
         WHERE t.schema = 'main' AND t.type = 'table'
           AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND t.name <> '_sqlx_migrations'",
    )
    .await;
    let of_server = columns(
        &mut server,
        "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT),
             CAST(CASE WHEN is_nullable = 'NO' THEN 1 ELSE 0 END AS BIGINT)
         FROM information_schema.columns
         WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'",
    )
    .await;
    assert!(of_file.len() > 50, "{of_file:#?}");
    assert_eq!(of_file, of_server);

    let of_file = names(
        &mut file,
        "SELECT name FROM sqlite_schema
         WHERE type IN ('index', 'trigger') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )
    .await;
    let of_server = names(
        &mut server,
        "SELECT CAST(indexname AS TEXT) FROM pg_indexes
         WHERE schemaname = 'public' AND indexname NOT LIKE '%\\_pkey'
           AND indexname NOT LIKE '%\\_key'
         UNION SELECT CAST(tgname AS TEXT) FROM pg_trigger WHERE NOT tgisinternal",
    )
    .await;
    assert!(of_file.len() > 15, "{of_file:#?}");
    assert_eq!(of_file, of_server);
}

async fn columns(database: &mut AnyConnection, statement: &'static str) -> Columns {
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as(statement).fetch_all(database).await.unwrap();
    rows.into_iter().map(|(table, column, needed)| (table, column, needed == 1)).collect()
}

async fn names(database: &mut AnyConnection, statement: &'static str) -> BTreeSet<String> {
    let rows: Vec<String> = sqlx::query_scalar(statement).fetch_all(database).await.unwrap();
    rows.into_iter().collect()
}
