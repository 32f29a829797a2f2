//! What a failing database means for whoever called: try again, or fetch a person.

use sqlx::{error::DatabaseError, postgres::PgDatabaseError};

use crate::ports::PortError;

/// Says what was being done when the database failed.
pub(super) trait Doing<T> {
    fn doing(self, what: &str) -> Result<T, PortError>;
}

impl<T> Doing<T> for sqlx::Result<T> {
    fn doing(self, what: &str) -> Result<T, PortError> {
        self.map_err(|error| judge(what, error))
    }
}

/// Whether it failed because a row with the same key exists.
pub(super) fn is_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(DatabaseError::is_unique_violation)
}

/// What to do about a server that cannot be written to.
pub(super) const NAME_THE_PRIMARY: &str =
    "Name the primary server in [store] url, or make this one the primary.";

const CHECK_TLS: &str =
    "Check `sslmode` and `sslrootcert` in [store] url, and the server's certificate.";

fn judge(what: &str, error: sqlx::Error) -> PortError {
    match error {
        // A certificate that is not trusted.
        sqlx::Error::Io(ref cause) if cause.kind() == std::io::ErrorKind::InvalidData => {
            PortError::retry(what, error).advice(CHECK_TLS)
        }
        sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed
        | sqlx::Error::Io(_)
        // What a server says that is just starting, or going down, may be cut short.
        | sqlx::Error::Protocol(_) => PortError::retry(what, error),
        sqlx::Error::Tls(_) => PortError::give_up(what, error).advice(CHECK_TLS),
        sqlx::Error::Database(ref cause) => {
            let code = cause.code().unwrap_or_default().into_owned();
            match cause.try_downcast_ref::<PgDatabaseError>() {
                // What it says, without the line of its own source.
                Some(cause) => {
                    of_postgres(what, &code, format!("PostgreSQL says: {}", cause.message()))
                }
                None => of_sqlite(what, &code, error),
            }
        }
        _ => PortError::give_up(what, error),
    }
}

// Primary result codes, see <https://www.sqlite.org/rescode.html>.
const NO_PERMISSION: u32 = 3;
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const NO_MEMORY: u32 = 7;
const READ_ONLY: u32 = 8;
const INTERRUPTED: u32 = 9;
const INPUT_OUTPUT: u32 = 10;
const CORRUPT: u32 = 11;
const FULL: u32 = 13;
const CANNOT_OPEN: u32 = 14;
const PROTOCOL: u32 = 15;
const NOT_A_DATABASE: u32 = 26;

fn of_sqlite(what: &str, code: &str, error: sqlx::Error) -> PortError {
    // Details are in the higher bytes.
    match code.parse::<u32>().ok().map(|code| code & 0xff) {
        Some(BUSY | LOCKED | NO_MEMORY | INTERRUPTED | INPUT_OUTPUT | PROTOCOL) => {
            PortError::retry(what, error)
        }
        Some(FULL) => PortError::retry(what, error)
            .advice("The disk with the database is full: free some space, nothing is lost."),
        Some(NO_PERMISSION | READ_ONLY) => PortError::retry(what, error).advice(
            "The database cannot be written: check the owner of its file and folder, \
             and that the disk is not mounted read-only.",
        ),
        Some(CANNOT_OPEN) => PortError::give_up(what, error).advice(
            "Check that the folder of the database exists and belongs to the account \
             Innkeeper runs as.",
        ),
        Some(CORRUPT | NOT_A_DATABASE) => PortError::give_up(what, error)
            .advice("The file is damaged or no SQLite database: restore it from a backup."),
        _ => PortError::give_up(what, error),
    }
}

/// By `SQLSTATE`, see <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn of_postgres(what: &str, code: &str, error: String) -> PortError {
    match code {
        "53100" => PortError::retry(what, error)
            .advice("The disk of the PostgreSQL server is full: free some space, nothing is lost."),
        "53300" => PortError::retry(what, error).advice(
            "The PostgreSQL server has no connection left: raise its `max_connections`. \
             A replica of Innkeeper needs eight.",
        ),
        // Read-only, be it that a server has become a standby.
        "25006" => PortError::retry(what, error).advice(NAME_THE_PRIMARY),
        "28000" | "28P01" => PortError::retry(what, error).advice(
            "Check the account in [store] url, its password file, and the server's pg_hba.conf.",
        ),
        "42501" => PortError::retry(what, error)
            .advice("Let the account in [store] url own the database and everything in it."),
        "3D000" => PortError::give_up(what, error)
            .advice("Make the database: `createdb --owner=innkeeper innkeeper`."),
        // A statement or lock that took too long, a transaction that was idle,
        // a server that goes down or comes up.
        "25P03" | "55P03" => PortError::retry(what, error),
        "XX001" | "XX002" => PortError::give_up(what, error)
            .advice("The database is damaged: restore it from a backup."),
        _ => match code.get(..2) {
            // Connections, transactions that collide, resources, operators, the system.
            Some("08" | "40" | "53" | "57" | "58") => PortError::retry(what, error),
            _ => PortError::give_up(what, error),
        },
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        identity::{ForgeName, LeaseId, ProjectId, Timestamp},
        ports::{
            Verdict,
            store::{Delivery, Store},
        },
        store::sql::SqlStore,
    };

    #[tokio::test]
    async fn a_full_disk_passes_and_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqlStore::open(&folder.path().join("store.db")).await.unwrap();
        sqlx::query("PRAGMA max_page_count = 1").execute(&store.writer).await.unwrap();
        let delivery = Delivery {
            forge: ForgeName::from("gitlab"),
            project: ProjectId(1),
            issue: None,
            key: "a".to_owned(),
            event: "Issue Hook".to_owned(),
            ignored: None,
            body: vec![0; 100_000],
            received_at: Timestamp::UNIX_EPOCH,
        };
        let error = store.deliver(&delivery).await.unwrap_err();
        assert_eq!(error.verdict, Verdict::Retry { after: None });
        assert!(error.advice.unwrap().contains("disk"));
        assert_eq!(error.doing, "store a delivery");

        // The limit went with the connection, which was replaced.
        store.deliver(&delivery).await.unwrap();
    }

    #[tokio::test]
    async fn a_writer_that_is_kept_waiting_may_try_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqlStore::open(&folder.path().join("store.db")).await.unwrap();
        let other = SqlStore::open(&folder.path().join("store.db")).await.unwrap();
        sqlx::query("PRAGMA busy_timeout = 0").execute(&store.writer).await.unwrap();
        let _held = other.begin().await.unwrap();
        let error = store.unlock("sweep", "one").await.unwrap_err();
        assert_eq!(error.verdict, Verdict::Retry { after: None });
    }

    #[tokio::test]
    async fn an_unreadable_document_is_named_and_not_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqlStore::open(&folder.path().join("store.db")).await.unwrap();
        let id = LeaseId(uuid::Uuid::nil());
        sqlx::query(
            "INSERT INTO leases (id, version, state, provider, machine, document)
             VALUES ($1, 1, 'active', 'p', 'm', '{\"id\": 7}')",
        )
        .bind(id.to_string())
        .execute(&store.writer)
        .await
        .unwrap();
        let error = store.lease(id).await.unwrap_err();
        assert_eq!(error.verdict, Verdict::GiveUp);
        assert!(error.chain().contains(&format!("the stored lease {id} is unreadable: id:")));
    }
}
