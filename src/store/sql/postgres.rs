//! Reaching a `PostgreSQL` server.

use std::time::Duration;

use sqlx::{
    AnyConnection, ConnectOptions as _, Connection as _, Row as _,
    any::{AnyConnectOptions, AnyPoolOptions},
    postgres::PgConnectOptions,
};

use super::{Server, SqlStore, dialect::Dialect, failure::Doing, open::migrate};
use crate::{ports::PortError, store::set_aside::SetAside};

/// How long to wait for a connection.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// More would only wait for each other: one writes at a time.
const WRITERS: u32 = 2;
const READERS: u32 = 4;

/// A parameter of the address.
type Setting = (&'static str, &'static str);

/// What holds for every connection. Nothing waits for ever, a transaction whose
/// process is gone is ended by the server, and what was committed is on disk.
const SETTINGS: &[Setting] = &[
    ("application_name", "innkeeper"),
    ("options[statement_timeout]", "30s"),
    ("options[lock_timeout]", "10s"),
    ("options[idle_in_transaction_session_timeout]", "30s"),
    ("options[synchronous_commit]", "on"),
    ("options[search_path]", "public"),
    // That a table is there already is no news.
    ("options[client_min_messages]", "warning"),
];

/// What holds besides for those that only read.
const READ_ONLY: &[Setting] = &[("options[default_transaction_read_only]", "on")];

/// Steps of the schema, and waiting for another replica that makes them, may
/// take longer than anything else. What is said last holds.
const MIGRATING: &[Setting] =
    &[("options[statement_timeout]", "0"), ("options[lock_timeout]", "5min")];

fn with(more: &[Setting]) -> Vec<Setting> {
    [SETTINGS, more].concat()
}

/// Opens the store on this server, and brings it up to date.
pub(super) async fn open(server: &Server, schema: Option<i64>) -> Result<SqlStore, PortError> {
    let doing = format!("open the database {server}");
    // What is wrong is found with a connection of its own: a pool would try again.
    let mut first = connect(server, SETTINGS).await.doing(&doing)?;
    usable(&mut first, &doing).await?;
    first.close().await.doing(&doing)?;
    let one = pool(1).connect_lazy_with(options(server, &with(MIGRATING)).doing(&doing)?);
    migrate(&one, Dialect::Postgres, schema, &doing).await?;
    one.close().await;
    let writer = pool(WRITERS).connect_lazy_with(options(server, SETTINGS).doing(&doing)?);
    let readers = readers(server, &doing)?;
    Ok(SqlStore { dialect: Dialect::Postgres, writer, readers, aside: SetAside::default() })
}

/// Opens the store on this server for somebody who only reads.
pub(super) async fn open_to_read(server: &Server) -> Result<SqlStore, PortError> {
    let doing = format!("read the database {server}");
    connect(server, SETTINGS).await.doing(&doing)?.close().await.doing(&doing)?;
    let readers = readers(server, &doing)?;
    Ok(SqlStore {
        dialect: Dialect::Postgres,
        writer: readers.clone(),
        readers,
        aside: SetAside::default(),
    })
}

fn readers(server: &Server, doing: &str) -> Result<sqlx::AnyPool, PortError> {
    Ok(pool(READERS).connect_lazy_with(options(server, &with(READ_ONLY)).doing(doing)?))
}

/// Looks into the database with one connection that cannot write.
pub(super) async fn look(server: &Server) -> sqlx::Result<AnyConnection> {
    connect(server, &with(READ_ONLY)).await
}

/// Whether the database has our tables.
pub(super) async fn has_store(server: &Server) -> Result<bool, PortError> {
    let doing = format!("read the database {server}");
    let mut database = look(server).await.doing(&doing)?;
    let has = has_tables(&mut database).await.doing(&doing)?;
    database.close().await.doing(&doing)?;
    Ok(has)
}

/// Whether the database has our tables.
pub(super) async fn has_tables(database: &mut AnyConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(database)
        .await
}

/// The driver's own options, for what [`sqlx::Any`] has not got.
pub(super) fn native(server: &Server) -> sqlx::Result<PgConnectOptions> {
    PgConnectOptions::from_url(&server.secret_url(SETTINGS))
}

fn options(server: &Server, settings: &[Setting]) -> sqlx::Result<AnyConnectOptions> {
    sqlx::any::install_default_drivers();
    AnyConnectOptions::from_url(&server.secret_url(settings))
}

async fn connect(server: &Server, settings: &[Setting]) -> sqlx::Result<AnyConnection> {
    let options = options(server, settings)?;
    tokio::time::timeout(PATIENCE, options.connect())
        .await
        .unwrap_or_else(|late| Err(sqlx::Error::Io(late.into())))
}

/// Whether we can keep a store there at all.
async fn usable(database: &mut AnyConnection, doing: &str) -> Result<(), PortError> {
    let row = sqlx::query(
        "SELECT pg_is_in_recovery(), current_setting('server_encoding'),
             CAST(current_setting('server_version_num') AS BIGINT)",
    )
    .fetch_one(database)
    .await
    .doing(doing)?;
    let (standby, encoding, version): (bool, String, i64) = (row.get(0), row.get(1), row.get(2));
    if standby {
        let cause = "this server is a standby, which nobody can write to";
        return Err(PortError::retry(doing, cause).advice(super::failure::NAME_THE_PRIMARY));
    }
    if encoding != "UTF8" {
        let cause = format!("its encoding is {encoding}");
        return Err(PortError::give_up(doing, cause)
            .advice("Make the database anew: `createdb --encoding=UTF8 --template=template0`."));
    }
    if version < OLDEST {
        let cause = format!("the server is PostgreSQL {}", version / 10_000);
        return Err(PortError::give_up(doing, cause)
            .advice(format!("Use PostgreSQL {} or later.", OLDEST / 10_000)));
    }
    Ok(())
}

/// The oldest server, as it says itself.
const OLDEST: i64 = 130_000;

/// A connection may be given back in the middle of something: whoever waited
/// was cancelled, or the server refused to begin. Only one that is outside of
/// any transaction is used again: there, a transaction begins with the
/// statement. (The driver counts what it began, not what the server has.)
fn pool(connections: u32) -> AnyPoolOptions {
    let is_idle = "SELECT now() = statement_timestamp()";
    AnyPoolOptions::new()
        .after_release(move |connection, _| {
            Box::pin(async move {
                let asked = sqlx::raw_sql(is_idle).fetch_one(connection);
                match tokio::time::timeout(PATIENCE, asked).await {
                    Ok(row) => row?.try_get(0),
                    Err(_) => Ok(false),
                }
            })
        })
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(true)
}
