//! Opening the file, and bringing its schema up to date.

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

use sqlx::{
    Connection as _, SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{Sqlite, failure::Doing};
use crate::ports::PortError;

pub(super) static MIGRATOR: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long to wait for another process, e.g. a backup, before giving up.
const PATIENCE: Duration = Duration::from_secs(5);

const READERS: u32 = 4;

impl Sqlite {
    /// Opens the database at `path`, in a folder that exists. A new one is
    /// readable by its owner alone; an old one is brought up to date.
    ///
    /// # Errors
    ///
    /// When the file cannot be made or read, is no database of ours, or was
    /// written by a newer version than this.
    pub async fn open(path: &Path) -> Result<Self, PortError> {
        Self::open_migrated(path, |writer| async move { MIGRATOR.run(&writer).await }).await
    }

    /// The same, its schema brought to where `migrate` brings it.
    pub(super) async fn open_migrated<F>(
        path: &Path,
        migrate: impl FnOnce(SqlitePool) -> F,
    ) -> Result<Self, PortError>
    where
        F: Future<Output = Result<(), MigrateError>>,
    {
        let doing = format!("open the database {}", path.display());
        create(path).map_err(|error| {
            PortError::give_up(&doing, error).advice(
                "Check that its folder exists and belongs to the account Innkeeper runs as.",
            )
        })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(PATIENCE)
            .foreign_keys(true)
            .synchronous(SqliteSynchronous::Full);
        let writer = pool(1)
            .connect_with(options.clone().journal_mode(SqliteJournalMode::Wal))
            .await
            .doing(&doing)?;
        migrate(writer.clone()).await.or_else(|error| migration_failed(error, &doing))?;
        let readers = pool(READERS).connect_with(options.read_only(true)).await.doing(&doing)?;
        Ok(Self { writer, readers })
    }

    /// Opens the database at `path` for somebody who only reads: nothing is made
    /// or brought up to date, and every change fails.
    ///
    /// # Errors
    ///
    /// When it is not there or cannot be read.
    pub async fn open_to_read(path: &Path) -> Result<Self, PortError> {
        let doing = format!("read the database {}", path.display());
        let options =
            SqliteConnectOptions::new().filename(path).busy_timeout(PATIENCE).read_only(true);
        let readers = pool(READERS).connect_with(options).await.doing(&doing)?;
        Ok(Self { writer: readers.clone(), readers })
    }
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

/// On a full disk `SQLite` ends a transaction by itself, and the driver, which
/// does not notice, would refuse every later one on this connection. So a
/// connection that thinks it is in a transaction when it is given back is
/// replaced. The ping waits until what was ordered before it has been done.
fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
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

fn migration_failed(error: MigrateError, doing: &str) -> Result<(), PortError> {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            Err(error).doing(doing)
        }
        MigrateError::VersionMissing(version) => {
            let known = MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or(0);
            let cause = format!(
                "it was written by a newer version of Innkeeper: its schema is number {version}, \
                 this version knows those up to {known}"
            );
            Err(PortError::give_up(doing, cause).advice(
                "Install the newer version again, or restore the backup made before the upgrade.",
            ))
        }
        error => Err(PortError::give_up(doing, error)),
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Row as _;

    use super::super::{Sqlite, effects, inbox, state};

    /// How `SQLite` finds the rows: the lines of its plan that read a table.
    async fn plan(store: &Sqlite, statement: &'static str) -> Vec<String> {
        let explained = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let rows = sqlx::query(explained).fetch_all(&store.writer).await.unwrap();
        let mut lines: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        lines.retain(|line| line.starts_with("SCAN") || line.starts_with("SEARCH"));
        lines
    }

    #[tokio::test]
    async fn what_is_done_costs_nothing_when_looking_for_what_is_due() {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&folder.path().join("store.db")).await.unwrap();
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
        let store = Sqlite::open(&folder.path().join("store.db")).await.unwrap();
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
        let store = Sqlite::open(&folder.path().join("store.db")).await.unwrap();
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
        let store = Sqlite::open(&folder.path().join("store.db")).await.unwrap();
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
        let store = Sqlite::open(&path).await.unwrap();
        sqlx::query(
            "INSERT INTO _sqlx_migrations
                 (version, description, success, checksum, execution_time)
             VALUES (9000, 'later', 1, x'00', 0)",
        )
        .execute(&store.writer)
        .await
        .unwrap();
        store.close().await;
        let error = Sqlite::open(&path).await.unwrap_err();
        assert!(error.chain().contains("newer version of Innkeeper"), "{}", error.chain());
        assert!(error.advice.is_some());
    }
}
