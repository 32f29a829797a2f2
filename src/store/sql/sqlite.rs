//! Opening an `SQLite` file.

use std::{
    fmt::Write as _,
    fs::OpenOptions,
    os::unix::{ffi::OsStrExt as _, fs::OpenOptionsExt as _},
    path::Path,
};

use sqlx::{
    AnyConnection, Connection as _,
    any::{AnyConnectOptions, AnyPoolOptions},
};

use super::{SqlStore, dialect::Dialect, failure::Doing, open::migrate};
use crate::{ports::PortError, store::set_aside::SetAside};

const READERS: u32 = 4;

/// What holds for every connection, besides what the driver sets: it waits five
/// seconds for another process, e.g. a backup, and foreign keys are looked at.
const SETTINGS: &str = "PRAGMA synchronous = FULL";

/// Opens the file, in a folder that exists. A new one is readable by its owner
/// alone; an old one is brought up to date.
pub(super) async fn open(path: &Path, schema: Option<i64>) -> Result<SqlStore, PortError> {
    let doing = format!("open the database {}", path.display());
    create(path).map_err(|error| {
        PortError::give_up(&doing, error)
            .advice("Check that its folder exists and belongs to the account Innkeeper runs as.")
    })?;
    // What is wrong is found with a connection of its own: a pool would try again.
    let options = options(path, Access::Write).doing(&doing)?;
    let mut first = AnyConnection::connect_with(&options).await.doing(&doing)?;
    sqlx::raw_sql("PRAGMA journal_mode = WAL").execute(&mut first).await.doing(&doing)?;
    let writer = pool(1).connect_with(options).await.doing(&doing)?;
    migrate(&writer, Dialect::Sqlite, schema, &doing).await?;
    let readers = read(path, &doing).await?.readers;
    first.close().await.doing(&doing)?;
    Ok(SqlStore { dialect: Dialect::Sqlite, writer, readers, aside: SetAside::default() })
}

/// Opens the file for somebody who only reads.
pub(super) async fn open_to_read(path: &Path) -> Result<SqlStore, PortError> {
    read(path, &format!("read the database {}", path.display())).await
}

async fn read(path: &Path, doing: &str) -> Result<SqlStore, PortError> {
    let options = options(path, Access::Read).doing(doing)?;
    // As above.
    let mut first = AnyConnection::connect_with(&options).await.doing(doing)?;
    sqlx::raw_sql("PRAGMA schema_version").execute(&mut first).await.doing(doing)?;
    first.close().await.doing(doing)?;
    let readers = pool(READERS).connect_with(options).await.doing(doing)?;
    Ok(SqlStore {
        dialect: Dialect::Sqlite,
        writer: readers.clone(),
        readers,
        aside: SetAside::default(),
    })
}

/// Looks into the file with one connection that cannot write.
pub(super) async fn look(path: &Path) -> sqlx::Result<AnyConnection> {
    AnyConnection::connect_with(&options(path, Access::Read)?).await
}

/// `SQLite` would make the file readable by all; its companions inherit from it.
/// A file that exists is not even opened: closing it again would end the locks
/// this process holds on it.
fn create(path: &Path) -> std::io::Result<()> {
    match OpenOptions::new().create_new(true).write(true).mode(0o600).open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map(drop),
    }
}

#[derive(Clone, Copy)]
enum Access {
    Read,
    Write,
}

/// The driver wants an address. Every byte is escaped that could mean something
/// in one, slashes and points included: `..` would be taken out of it.
fn options(path: &Path, access: Access) -> sqlx::Result<AnyConnectOptions> {
    sqlx::any::install_default_drivers();
    let mut address = "sqlite:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        // Writing to a string does not fail.
        let _ = write!(address, "%{byte:02X}");
    }
    address.push_str(match access {
        Access::Read => "?mode=ro",
        Access::Write => "?mode=rw",
    });
    address.parse()
}

/// On a full disk `SQLite` ends a transaction by itself, and the driver, which
/// does not notice, would refuse every later one on this connection. So a
/// connection that thinks it is in a transaction when it is given back is
/// replaced. The ping waits until what was ordered before it has been done.
fn pool(connections: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .after_connect(|connection, _| {
            Box::pin(async move { sqlx::raw_sql(SETTINGS).execute(connection).await.map(drop) })
        })
        .after_release(|connection, _| {
            Box::pin(async move {
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

#[cfg(test)]
mod tests {
    use sqlx::Row as _;

    use super::super::{SqlStore, effects, inbox, state};

    /// How `SQLite` finds the rows: the lines of its plan that read a table.
    async fn plan(store: &SqlStore, statement: &'static str) -> Vec<String> {
        let explained = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let rows = sqlx::query(explained).fetch_all(&store.writer).await.unwrap();
        let mut lines: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        lines.retain(|line| line.starts_with("SCAN") || line.starts_with("SEARCH"));
        lines
    }

    #[tokio::test]
    async fn what_is_done_costs_nothing_when_looking_for_what_is_due() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqlStore::open(&folder.path().join("store.db")).await.unwrap();
        let by_id = "USING INTEGER PRIMARY KEY";
        for (statement, indexes) in [
            (
                effects::CLAIM,
                &[by_id, "effects_unfinished", "effects_lane", "effects_running"] as &[&str],
            ),
            (inbox::CLAIM, &[by_id, "looks_waiting"]),
            (state::DUE, &["leases_due (check_at<?)"]),
            (
                effects::ADMIT,
                &[by_id, "effects_finished (kind=? AND finished_at>?)", "effects_unfinished"],
            ),
        ] {
            let plan = plan(&store, statement).await;
            assert_eq!(plan.len(), indexes.len(), "{plan:#?}");
            for (line, index) in plan.iter().zip(indexes) {
                assert!(line.contains(index), "{index} is not used: {plan:#?}");
            }
        }
    }

    #[tokio::test]
    async fn every_table_is_strict_and_the_file_is_sound() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqlStore::open(&folder.path().join("store.db")).await.unwrap();
        let loose: Vec<String> = sqlx::query_scalar(
            "SELECT name FROM pragma_table_list
             WHERE schema = 'main' AND type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite_%'
               AND name <> '_sqlx_migrations'",
        )
        .fetch_all(&store.writer)
        .await
        .unwrap();
        assert_eq!(loose, Vec::<String>::new());
        let sound: Vec<String> =
            sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&store.writer).await.unwrap();
        assert_eq!(sound, ["ok"]);
    }

    #[tokio::test]
    async fn what_must_survive_is_set_on_the_connections() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqlStore::open(&folder.path().join("store.db")).await.unwrap();
        let journal: String =
            sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&store.writer).await.unwrap();
        assert_eq!(journal, "wal");
        let synchronous: i64 =
            sqlx::query_scalar("PRAGMA synchronous").fetch_one(&store.writer).await.unwrap();
        assert_eq!(synchronous, 2);
        let written = sqlx::query("DELETE FROM locks").execute(&store.readers).await;
        assert!(written.is_err(), "readers cannot write");
    }

    #[tokio::test]
    async fn leases_and_audit_entries_cannot_be_deleted_by_any_statement() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqlStore::open(&folder.path().join("store.db")).await.unwrap();
        for statement in [
            "INSERT INTO leases (id, version, state, provider, machine, document)
             VALUES ('a', 1, 'active', 'p', 'm', '{}')",
            "INSERT INTO audit_log (number, at, note, hash) VALUES (1, 0, '{}', '')",
        ] {
            sqlx::query(statement).execute(&store.writer).await.unwrap();
        }
        for statement in
            ["DELETE FROM leases", "DELETE FROM audit_log", "UPDATE audit_log SET at = 1"]
        {
            let error = sqlx::query(statement).execute(&store.writer).await.unwrap_err();
            assert!(error.to_string().contains("never"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_file_of_a_newer_version_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let store = SqlStore::open(&path).await.unwrap();
        sqlx::query(
            "INSERT INTO _sqlx_migrations
                 (version, description, success, checksum, execution_time)
             VALUES (9000, 'later', 1, x'00', 0)",
        )
        .execute(&store.writer)
        .await
        .unwrap();
        store.close().await;
        let error = SqlStore::open(&path).await.unwrap_err();
        assert!(error.chain().contains("newer version of Innkeeper"), "{}", error.chain());
        assert!(error.advice.is_some());
    }
}
