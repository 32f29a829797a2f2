//! A real store beside the one in memory: told the same, it has to answer the
//! same, call by call. So laws that hold on the one hold on the other.

use std::{fmt::Debug, sync::Arc};

use innkeeper::{
    ports::{PortError, store::Store},
    store::sql::SqlStore,
};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::world::World;

pub(crate) struct Twin {
    pub(crate) store: Arc<dyn Store>,
    runtime: Runtime,
    _folder: TempDir,
}

impl Twin {
    /// An empty one, in a file that is gone with it.
    pub(crate) fn sqlite() -> Arc<Self> {
        let made = || -> Result<Self, Box<dyn std::error::Error>> {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let folder = tempfile::tempdir()?;
            let file = folder.path().join("store.db");
            let store: Arc<dyn Store> = Arc::new(runtime.block_on(SqlStore::open(file.as_path()))?);
            Ok(Self { store, runtime, _folder: folder })
        };
        Arc::new(made().unwrap_or_else(|error| panic!("a store to play on: {error}")))
    }

    pub(crate) fn wait_for<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }
}

/// Whether both say the same; of errors, that there is one.
pub(crate) fn same<T: Debug>(
    world: &mut World,
    call: &'static str,
    one: &Result<T, PortError>,
    other: &Result<T, PortError>,
) {
    let said = |answer: &Result<T, PortError>| match answer {
        Ok(value) => format!("{value:?}"),
        Err(_) => "an error".to_owned(),
    };
    let (one, two) = (said(one), said(other));
    let why = other.as_ref().err().map(PortError::chain).unwrap_or_default();
    world.law("every store answers the same", one == two, || {
        format!("{call}: {one}, and the other {two} {why}")
    });
}
