//! A real store beside the one in memory: told the same, it has to answer the
//! same, call by call. So laws that hold on the one hold on the other.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{Arc, Mutex, PoisonError},
};

use innkeeper::{
    ports::{
        PortError,
        store::{Change, ClaimedEffect, Store},
    },
    store::sql::SqlStore,
};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::world::World;

pub(crate) struct Twin {
    pub(crate) store: Arc<dyn Store>,
    runtime: Runtime,
    /// The numbers it has given to tasks, by the memory's: a database may leave
    /// some out.
    numbers: Mutex<BTreeMap<u64, u64>>,
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
            Ok(Self { store, runtime, numbers: Mutex::default(), _folder: folder })
        };
        Arc::new(made().unwrap_or_else(|error| panic!("a store to play on: {error}")))
    }

    /// Both have claimed a task: what the twin's answer is by the memory's number.
    pub(crate) fn claimed(
        &self,
        ours: Option<&ClaimedEffect>,
        mut other: Option<ClaimedEffect>,
    ) -> Option<ClaimedEffect> {
        if let (Some(ours), Some(other)) = (ours, &mut other) {
            let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
            if *numbers.entry(ours.id).or_insert(other.id) == other.id {
                other.id = ours.id;
            }
        }
        other
    }

    /// A claim by the twin's number.
    pub(crate) fn known(&self, effect: &ClaimedEffect) -> ClaimedEffect {
        let numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let id = numbers.get(&effect.id).copied().unwrap_or(effect.id);
        ClaimedEffect { id, ..effect.clone() }
    }

    /// A change by the twin's numbers.
    pub(crate) fn change(&self, change: &Change) -> Change {
        let finishes = change.finishes.as_ref().map(|effect| self.known(effect));
        Change { finishes, ..change.clone() }
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
