//! What only a server can do to a store: go away, come back, refuse.

use std::{
    future::Future as _,
    sync::Arc,
    task::{Context, Waker},
    time::{Duration, Instant},
};

use innkeeper::{
    ports::{
        PortError, Verdict,
        finding::Grade,
        store::{Change, Store as _},
    },
    store::sql::{Place, Server, SqlStore, listen},
};
use sqlx::Executor as _;
use tokio::sync::Notify;

use crate::{
    builders::{at, change, delivery, effect, issue, note, order},
    postgres::{self, Cluster, Database},
    restart,
};

const RETRY: Verdict = Verdict::Retry { after: None };

/// Ends everybody else's connections.
const CUT_OFF: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()";

async fn refused(place: Place) -> PortError {
    SqlStore::open(place).await.unwrap_err()
}

#[tokio::test]
async fn a_server_that_goes_away_is_asked_again_and_has_lost_nothing() {
    let Some(cluster) = Cluster::start() else { return };
    let database = cluster.database().await;
    let store = database.open().await;
    restart::fill(&store).await;
    for way in ["stop", "crash"] {
        cluster.order(way);
        let error = store.usage_mark().await.unwrap_err();
        assert_eq!(error.verdict, RETRY, "{}", error.chain());
        let error = store.set_moment("m", at(1)).await.unwrap_err();
        assert_eq!(error.verdict, RETRY, "{}", error.chain());
        cluster.order("start");
        drop(cluster.administrator().await);
        // The first calls may still meet a server that is starting.
        let begun = Instant::now();
        while let Err(error) = store.set_moment("m", at(1)).await {
            assert_eq!(error.verdict, RETRY, "{}", error.chain());
            assert!(begun.elapsed() < Duration::from_secs(30), "{}", error.chain());
        }
    }
    restart::find(&store).await;
}

#[tokio::test]
async fn a_connection_that_is_cut_off_is_replaced() {
    let Some(database) = postgres::database().await else { return };
    let store = database.open().await;
    let mut connection = database.connect().await;
    for _ in 0..5 {
        store.set_moment("m", at(1)).await.unwrap();
        assert!(store.moment("m").await.unwrap().is_some());
        connection.execute(CUT_OFF).await.unwrap();
    }
    store.set_moment("m", at(1)).await.unwrap();
}

#[tokio::test]
async fn whoever_stops_waiting_for_a_turn_to_write_holds_nobody_up() {
    let Some(database) = postgres::database().await else { return };
    let (store, other) = (database.open().await, database.open().await);
    store.set_moment("m", at(1)).await.unwrap();
    // Polled a little and dropped: wherever it was then, nothing stays behind.
    for polls in 0..40 {
        let mut write = Box::pin(store.set_moment("m", at(2)));
        for _ in 0..polls {
            let done = write.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if done.is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(write);
        let turn = tokio::time::timeout(Duration::from_secs(8), other.set_moment("m", at(3)));
        turn.await.expect("the lock is held by nobody").unwrap();
        store.set_moment("m", at(1)).await.unwrap();
    }
}

#[tokio::test]
async fn a_turn_to_write_that_does_not_come_is_waited_for_anew() {
    let Some(database) = postgres::database().await else { return };
    let store = database.open().await;
    let mut other = database.connect().await;
    other.execute("BEGIN; SELECT pg_advisory_xact_lock(7597131028962308210)").await.unwrap();
    let error = store.set_moment("m", at(1)).await.unwrap_err();
    assert_eq!(error.verdict, RETRY, "{}", error.chain());
    assert!(error.chain().contains("lock timeout"), "{}", error.chain());
    assert_eq!(store.moment("m").await.unwrap(), None, "who reads does not wait");
    other.execute("ROLLBACK").await.unwrap();
    store.set_moment("m", at(1)).await.unwrap();
}

#[tokio::test]
async fn a_server_that_cannot_be_written_to_is_told_plainly() {
    let Some(database) = postgres::database().await else { return };
    let store = database.open().await;
    let read_only =
        format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.name);
    let statement = sqlx::AssertSqlSafe(read_only);
    let mut past = database.connect().await;
    sqlx::raw_sql(statement).execute(&mut past).await.unwrap();
    let error = refused(database.place()).await;
    assert_eq!(error.verdict, RETRY);
    assert!(error.advice.unwrap().contains("primary"));
    // Nor does one that runs already take it for a mistake of ours.
    past.execute(CUT_OFF).await.unwrap();
    let error = store.set_moment("m", at(1)).await.unwrap_err();
    assert_eq!(error.verdict, RETRY, "{}", error.chain());
    assert!(error.advice.unwrap().contains("primary"));
}

#[tokio::test]
async fn what_cannot_be_a_store_is_refused_with_advice() {
    let Some(cluster) = postgres::shared() else { return };
    let database = cluster.create("template0 ENCODING SQL_ASCII LOCALE 'C'").await;
    let error = refused(database.place()).await;
    assert!(error.advice.unwrap().contains("UTF8"));

    let missing = database.url.replace("test_", "missing_");
    let error = refused(place(&missing)).await;
    assert!(error.advice.as_ref().unwrap().contains("createdb"), "{}", error.chain());
    assert!(error.to_string().contains("missing_"), "it says which");

    let nobody = place(&database.url.replace("user=innkeeper", "user=nobody"));
    let error = refused(nobody).await;
    assert!(error.advice.as_ref().unwrap().contains("pg_hba"), "{}", error.chain());

    let away = place("postgres://innkeeper@127.0.0.1:1/innkeeper?sslmode=disable");
    let error = refused(away.clone()).await;
    assert_eq!(error.verdict, RETRY, "{}", error.chain());
    let found = SqlStore::examine(away).await;
    assert_eq!(found.first().unwrap().grade, Grade::Bad);
    assert!(found[0].advice.as_ref().unwrap().contains("[store] url"), "{found:?}");
}

fn place(url: &str) -> Place {
    Place::Server(Server::new(url.parse().unwrap(), None))
}

#[tokio::test]
async fn a_database_is_examined_without_changing_it() {
    let Some(cluster) = postgres::shared() else { return };
    let database = cluster.create("template1").await;
    assert!(!SqlStore::is_at(&database.place()).await.unwrap());
    let found = SqlStore::examine(database.place()).await;
    assert!(found[0].what.starts_with("PostgreSQL "), "{found:?}");
    assert!(found[1].what.contains("empty"), "{found:?}");
    assert!(!SqlStore::is_at(&database.place()).await.unwrap());

    let store = database.open().await;
    assert!(SqlStore::is_at(&database.place()).await.unwrap());
    let audit = vec![note("approve"), note("extend")];
    store.commit(&Change { audit, ..change() }).await.unwrap();
    let found = SqlStore::examine(database.place()).await;
    assert!(found.iter().all(|finding| finding.grade == Grade::Good), "{found:?}");
    assert!(found[1].what.contains("2 entries"), "{found:?}");

    let mut past = database.connect().await;
    past.execute("ALTER TABLE audit_log DISABLE TRIGGER ALL; UPDATE audit_log SET at = 7")
        .await
        .unwrap();
    let found = SqlStore::examine(database.place()).await;
    assert!(found[1].what.contains("broken at entry 1"), "{found:?}");

    past.execute("UPDATE _sqlx_migrations SET version = version + 9000").await.unwrap();
    let found = SqlStore::examine(database.place()).await;
    assert!(found[1].what.contains("newer version"), "{found:?}");
    let error = refused(database.place()).await;
    assert!(error.chain().contains("newer version of Innkeeper"), "{}", error.chain());
}

#[tokio::test]
async fn whoever_only_reads_can_change_nothing() {
    let Some(database) = postgres::database().await else { return };
    let store = SqlStore::open_to_read(database.place()).await.unwrap();
    assert_eq!(store.live_leases().await.unwrap(), []);
    assert!(store.set_moment("m", at(1)).await.is_err());
    assert_eq!(store.moment("m").await.unwrap(), None);
}

#[tokio::test]
async fn leases_and_audit_entries_cannot_be_deleted_by_any_statement() {
    let Some(database) = postgres::database().await else { return };
    drop(database.open().await);
    let mut past = database.connect().await;
    past.execute(
        "INSERT INTO leases (id, version, state, provider, machine, document)
         VALUES ('a', 1, 'active', 'p', 'm', '{}');
         INSERT INTO audit_log (number, at, note, hash) VALUES (1, 0, '{}', '')",
    )
    .await
    .unwrap();
    for statement in [
        "DELETE FROM leases",
        "TRUNCATE leases",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "UPDATE audit_log SET at = 1",
    ] {
        let error = past.execute(statement).await.unwrap_err();
        assert!(error.to_string().contains("never"), "{statement}: {error}");
    }
}

#[tokio::test]
async fn connections_wait_for_nothing_for_ever_and_lose_nothing_that_was_committed() {
    let Some(database) = postgres::database().await else { return };
    let store = database.open().await;
    // A trigger tells what holds for the connection it runs on.
    let telling = "
        CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            settings TEXT;
        BEGIN
            SELECT string_agg(name || '=' || current_setting(name), ' ' ORDER BY name)
            INTO settings FROM pg_settings
            WHERE name LIKE '%\\_timeout' OR name IN ('application_name', 'synchronous_commit');
            RAISE EXCEPTION '%', settings;
        END;
        $$;
        CREATE TRIGGER tell BEFORE INSERT ON moments EXECUTE FUNCTION tell();
        ALTER DATABASE DATABASE_NAME SET synchronous_commit = off";
    let telling = telling.replace("DATABASE_NAME", &database.name);
    sqlx::raw_sql(sqlx::AssertSqlSafe(telling))
        .execute(&mut database.connect().await)
        .await
        .unwrap();
    let said = store.set_moment("m", at(1)).await.unwrap_err().chain();
    for setting in [
        "application_name=innkeeper",
        "idle_in_transaction_session_timeout=30s",
        "lock_timeout=10s",
        "statement_timeout=30s",
        "synchronous_commit=on",
    ] {
        assert!(said.contains(setting), "{setting}: {said}");
    }
}

/// Counts how often a replica is woken.
struct Heard {
    woken: Arc<Notify>,
    task: tokio::task::JoinHandle<()>,
}

fn heard(database: &Database) -> Heard {
    let Place::Server(server) = database.place() else { panic!("a server") };
    let woken = Arc::new(Notify::new());
    let wake = Arc::clone(&woken);
    let task =
        tokio::spawn(async move { match listen(&server, move || wake.notify_one()).await {} });
    Heard { woken, task }
}

impl Heard {
    async fn wakes(&self) -> bool {
        tokio::time::timeout(Duration::from_secs(20), self.woken.notified()).await.is_ok()
    }

    /// Until it listens.
    async fn quiet(&mut self) {
        assert!(self.wakes().await, "as soon as it listens");
    }

    async fn stays_asleep(&self) -> bool {
        tokio::time::timeout(Duration::from_millis(300), self.woken.notified()).await.is_err()
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn whatever_makes_work_wakes_the_others_once_it_is_committed() {
    let Some(database) = postgres::database().await else { return };
    let store = database.open().await;
    let mut replica = heard(&database);
    replica.quiet().await;

    store.deliver(&delivery("a", Some(issue(1)))).await.unwrap();
    assert!(replica.wakes().await, "a delivery");
    store.want_looks(&[issue(1)], at(0)).await.unwrap();
    assert!(replica.wakes().await, "a wish to look");
    order(&store, vec![effect("lane", "start")]).await;
    assert!(replica.wakes().await, "a task");
    store.commit(&Change { looks: vec![issue(2)], ..change() }).await.unwrap();
    assert!(replica.wakes().await, "a look");
    let claim = store.claim_effect(at(0), at(60)).await.unwrap().unwrap();
    store.bury_effect(&claim, at(0), "no").await.unwrap();
    store.revive_effects(&["lane".to_owned()], at(1)).await.unwrap();
    assert!(replica.wakes().await, "what is revived");

    store.deliver(&delivery("a", Some(issue(1)))).await.unwrap();
    store.deliver(&delivery("b", None)).await.unwrap();
    store.claim_look(at(0), at(60)).await.unwrap();
    store.commit(&Change { audit: vec![note("approve")], ..change() }).await.unwrap();
    store.set_moment("heartbeat", at(1)).await.unwrap();
    assert!(replica.stays_asleep().await, "there is nothing to do");
}

#[tokio::test]
async fn a_listener_that_was_cut_off_listens_again_and_looks_for_what_it_missed() {
    let Some(database) = postgres::database().await else { return };
    let store = database.open().await;
    let mut replica = heard(&database);
    replica.quiet().await;
    database.connect().await.execute(CUT_OFF).await.unwrap();
    assert!(replica.wakes().await, "as soon as it listens again");
    order(&store, vec![effect("lane", "start")]).await;
    assert!(replica.wakes().await);
}
