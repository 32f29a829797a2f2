//! What a failing database means for whoever called: try again, or fetch a person.

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
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
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

fn judge(what: &str, error: sqlx::Error) -> PortError {
    match error {
        sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Io(_) => PortError::retry(what, error),
        sqlx::Error::Database(ref cause) => match primary_code(cause.as_ref()) {
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
        },
        _ => PortError::give_up(what, error),
    }
}

/// `SQLite`'s codes carry details in the higher bytes.
fn primary_code(error: &dyn sqlx::error::DatabaseError) -> Option<u32> {
    error.code()?.parse::<u32>().ok().map(|code| code & 0xff)
}

#[cfg(test)]
mod tests {
    use crate::{
        identity::{ForgeName, LeaseId, ProjectId, Timestamp},
        ports::{
            Verdict,
            store::{Delivery, Store},
        },
        store::sqlite::Sqlite,
    };

    #[tokio::test]
    async fn a_full_disk_passes_and_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&folder.path().join("store.db")).await.unwrap();
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
        let store = Sqlite::open(&folder.path().join("store.db")).await.unwrap();
        let other = Sqlite::open(&folder.path().join("store.db")).await.unwrap();
        sqlx::query("PRAGMA busy_timeout = 0").execute(&store.writer).await.unwrap();
        let _held = other.begin().await.unwrap();
        let error = store.unlock("sweep", "one").await.unwrap_err();
        assert_eq!(error.verdict, Verdict::Retry { after: None });
    }

    #[tokio::test]
    async fn an_unreadable_document_is_named_and_not_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&folder.path().join("store.db")).await.unwrap();
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
