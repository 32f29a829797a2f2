//! What an operator does to the store as a whole.

use std::io;

use super::store_place;
use crate::{
    config::Config,
    identity::{ForgeName, Timestamp},
    ports::PortError,
    store::{
        backup::{Contents, Progress, Reader},
        sql::{SqlStore, forget::Forgotten},
    },
};

/// Writes everything in the store as configured into a file.
///
/// # Errors
///
/// When it is not there, or the store's or the file's.
pub async fn back_up_store(
    config: &Config,
    file: impl io::Write,
    now: Timestamp,
    progress: Progress<'_>,
) -> Result<Contents, PortError> {
    let store = SqlStore::open_to_read(store_place(config)).await?;
    let written = store.back_up(file, now, progress).await;
    store.close().await;
    written
}

/// Puts a backup into the store as configured, which has to be empty.
///
/// # Errors
///
/// The store's or the backup's; nothing of it is there then.
pub async fn restore_store(
    config: &Config,
    backup: &mut Reader<impl io::BufRead>,
    now: Timestamp,
    progress: Progress<'_>,
) -> Result<Contents, PortError> {
    SqlStore::restore(store_place(config), backup, now, progress).await
}

/// Erases what the store as configured has of somebody.
///
/// # Errors
///
/// When it is not there, or the store's.
pub async fn forget(
    config: &Config,
    forge: &ForgeName,
    who: &str,
    now: Timestamp,
) -> anyhow::Result<Forgotten> {
    super::ensure_store(config).await?;
    let store = SqlStore::open(store_place(config)).await?;
    let forgotten = store.forget(forge, who, now).await;
    store.close().await;
    Ok(forgotten?)
}
