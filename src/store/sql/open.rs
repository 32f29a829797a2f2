//! Opening a store, and bringing its schema up to date.

use futures::{FutureExt as _, future::BoxFuture};
use sqlx::{AnyPool, migrate::MigrateError};

use super::{Place, SqlStore, dialect::Dialect, failure::Doing, postgres, sqlite};
use crate::ports::PortError;

impl SqlStore {
    /// Opens the store at this place. A file that is not there is made; an old
    /// schema is brought up to date.
    ///
    /// # Errors
    ///
    /// When it cannot be made, reached or written, is no database of ours, or
    /// was written by a newer version than this.
    pub async fn open(place: impl Into<Place>) -> Result<Self, PortError> {
        opened(place.into(), None).await
    }

    /// The same with the schema as it was at this step, if the store is new.
    pub(super) async fn open_at(place: Place, schema: i64) -> Result<Self, PortError> {
        opened(place, Some(schema)).await
    }

    /// Opens the store at this place for somebody who only reads: nothing is made
    /// or brought up to date, and every change fails.
    ///
    /// # Errors
    ///
    /// When it is not there or cannot be read.
    pub async fn open_to_read(place: impl Into<Place>) -> Result<Self, PortError> {
        match place.into() {
            Place::File(path) => sqlite::open_to_read(&path).await,
            Place::Server(server) => postgres::open_to_read(&server).await,
        }
    }

    /// Whether there is a store at this place: nothing is made.
    ///
    /// # Errors
    ///
    /// When a server cannot be asked.
    pub async fn is_at(place: &Place) -> Result<bool, PortError> {
        match place {
            Place::File(path) => Ok(path.exists()),
            Place::Server(server) => postgres::has_store(server).await,
        }
    }
}

/// A future whose type says that it can be sent: the compiler cannot see it
/// through what the driver promises for every lifetime.
fn opened(place: Place, schema: Option<i64>) -> BoxFuture<'static, Result<SqlStore, PortError>> {
    async move {
        match place {
            Place::File(path) => sqlite::open(&path, schema).await,
            Place::Server(server) => postgres::open(&server, schema).await,
        }
    }
    .boxed()
}

/// Brings the schema up to date, or to this step. Of several who do that at
/// once, one does.
pub(super) async fn migrate(
    database: &AnyPool,
    dialect: Dialect,
    schema: Option<i64>,
    doing: &str,
) -> Result<(), PortError> {
    let migrated = match schema {
        None => dialect.migrator().run(database).await,
        Some(schema) => dialect.migrator().run_to(schema, database).await,
    };
    match migrated {
        Ok(()) => Ok(()),
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
            Err(error).doing(doing)
        }
        Err(MigrateError::VersionMissing(version)) => {
            let cause = format!(
                "it was written by a newer version of Innkeeper: its schema is number {version}, \
                 this version knows those up to {}",
                dialect.newest_schema()
            );
            Err(PortError::give_up(doing, cause).advice(
                "Install the newer version again, or restore the backup made before the upgrade.",
            ))
        }
        Err(error) => Err(PortError::give_up(doing, error)),
    }
}
