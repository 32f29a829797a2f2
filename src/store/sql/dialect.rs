//! Where the two databases differ once a connection is open.

use std::{future::Future, time::Duration};

use sqlx::{Any, AnyConnection, AnyPool, Transaction, migrate::Migrator};

/// Whose SQL it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `SQLite`: one file.
    Sqlite,
    /// `PostgreSQL`: a server, for as many replicas as one likes.
    Postgres,
}

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// The channel on which writers tell other replicas that there is work.
pub(super) const CHANNEL: &str = "innkeeper";

/// How long a server may take for one call, waiting included. It ends statements
/// before that by itself ([`super::postgres`]): this is for answers that are lost.
const SERVER_PATIENCE: Duration = Duration::from_mins(1);

impl Dialect {
    /// Waits for an answer, from a server not for ever.
    pub(super) async fn in_time<T>(
        self,
        work: impl Future<Output = sqlx::Result<T>>,
    ) -> sqlx::Result<T> {
        match self {
            Self::Sqlite => work.await,
            Self::Postgres => tokio::time::timeout(SERVER_PATIENCE, work)
                .await
                .unwrap_or_else(|late| Err(sqlx::Error::Io(late.into()))),
        }
    }

    /// The schema, step by step.
    pub(super) fn migrator(self) -> &'static Migrator {
        match self {
            Self::Sqlite => &SQLITE,
            Self::Postgres => &POSTGRES,
        }
    }

    /// The newest schema this version knows.
    pub(super) fn newest_schema(self) -> i64 {
        self.migrator().iter().map(|migration| migration.version).max().unwrap_or(0)
    }

    /// Begins a transaction that writes, as soon as no other one does. What it
    /// reads is the newest there is, and stays so.
    ///
    /// On `PostgreSQL` the lock does that: every statement sees what was
    /// committed before it began, the lock is given back only after a commit
    /// can be seen, and nobody writes without it. Its number is ASCII for
    /// `innkeepr`, and counts for one database of the server.
    pub(super) async fn begin(self, writer: &AnyPool) -> sqlx::Result<Transaction<'static, Any>> {
        writer
            .begin_with(match self {
                Self::Sqlite => "BEGIN IMMEDIATE",
                Self::Postgres => "BEGIN; SELECT pg_advisory_xact_lock(7597131028962308210)",
            })
            .await
    }

    /// Begins a transaction that reads everything as of one moment.
    pub(super) async fn begin_to_read(
        self,
        readers: &AnyPool,
    ) -> sqlx::Result<Transaction<'static, Any>> {
        readers
            .begin_with(match self {
                Self::Sqlite => "BEGIN",
                Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            })
            .await
    }

    /// This transaction may take as long as it takes.
    pub(super) async fn take_time(self, database: &mut AnyConnection) -> sqlx::Result<()> {
        match self {
            Self::Sqlite => Ok(()),
            Self::Postgres => {
                let patience = "SET LOCAL statement_timeout = 0;
                     SET LOCAL idle_in_transaction_session_timeout = 0";
                sqlx::raw_sql(patience).execute(database).await.map(drop)
            }
        }
    }

    /// Wakes other replicas when this transaction is committed. Who shares a
    /// file is one process, whose workers know already.
    pub(super) async fn tell(self, database: &mut AnyConnection) -> sqlx::Result<()> {
        match self {
            Self::Sqlite => Ok(()),
            Self::Postgres => {
                let notify = "SELECT pg_notify($1, '')";
                sqlx::query(notify).bind(CHANNEL).execute(database).await.map(drop)
            }
        }
    }
}
