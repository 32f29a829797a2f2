//! Leases whose stored document cannot be read: somebody changed it by hand, or
//! a version wrote it that this one does not know. They are set aside until
//! somebody has repaired them, so that all others go on.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// What was set aside when leases were last read, and why, by id. What one
/// process knows; each finds out by itself.
#[derive(Clone, Debug, Default)]
pub(super) struct SetAside(Arc<Mutex<BTreeMap<String, String>>>);

impl SetAside {
    /// Begins to read all live leases.
    pub(super) fn read_all(&self) -> Reading<'_> {
        Reading { known: self, aside: BTreeMap::new() }
    }

    /// What is set aside, as sentences.
    pub(super) fn sentences(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// A reading of all live leases, under way.
pub(super) struct Reading<'a> {
    known: &'a SetAside,
    aside: BTreeMap<String, String>,
}

impl Reading<'_> {
    /// The lease, unless it cannot be read.
    pub(super) fn readable<T>(&mut self, id: String, read: sqlx::Result<T>) -> Option<T> {
        let why = match read {
            Ok(lease) => return Some(lease),
            Err(sqlx::Error::Decode(why)) => why.to_string(),
            Err(error) => error.to_string(),
        };
        self.aside.insert(id, why);
        None
    }

    /// All were read: those that could not be are told to the log once.
    pub(super) fn end(self) {
        let mut known = self.known.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, why) in &self.aside {
            if known.get(id) != Some(why) {
                tracing::error!(
                    lease = id,
                    why,
                    "a stored lease is set aside; repair its document"
                );
            }
        }
        *known = self.aside;
    }
}

#[cfg(test)]
mod tests {
    use super::SetAside;
    use crate::{
        identity::Timestamp,
        lease::samples,
        ports::store::{Change, Store, Versioned},
        store::sql::SqlStore,
    };

    #[tokio::test]
    async fn a_lease_nobody_can_read_does_not_keep_the_others_from_being_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let store = SqlStore::open(&path).await.unwrap();
        let (one, mut other) = (samples::lease(), samples::lease());
        other.id = crate::identity::LeaseId(uuid::Uuid::from_u128(77));
        other.order.key.name = "other".into();
        let leases = vec![Versioned::new(one.clone()), Versioned::new(other.clone())];
        store.commit(&Change { leases, ..Change::default() }).await.unwrap();
        store.close().await;
        let by_hand =
            sqlx::SqlitePool::connect(&format!("sqlite:{}", path.display())).await.unwrap();
        let spoil = "UPDATE leases SET document = json_remove(document, '$.terms') WHERE id = $1";
        sqlx::query(spoil).bind(other.id.to_string()).execute(&by_hand).await.unwrap();
        by_hand.close().await;

        let store = SqlStore::open(&path).await.unwrap();
        let live = store.live_leases().await.unwrap();
        assert_eq!(live.iter().map(|lease| lease.value.id).collect::<Vec<_>>(), [one.id]);
        let due = store.due_leases(Timestamp::MAX_UTC, 10).await.unwrap();
        assert!(due.iter().all(|lease| lease.value.id == one.id));
        let aside = store.figures(Timestamp::UNIX_EPOCH).await.unwrap().leases_unreadable;
        assert_eq!(aside.len(), 1);
        assert!(aside[0].contains(&other.id.to_string()), "{aside:?}");
        assert!(store.lease(other.id).await.is_err(), "whoever asks for it is told");
    }

    #[test]
    fn what_was_repaired_is_forgotten() {
        let aside = SetAside::default();
        let read = |outcome: sqlx::Result<()>| {
            let mut reading = aside.read_all();
            let readable = reading.readable("a".to_owned(), outcome);
            reading.end();
            readable
        };
        assert_eq!(read(Err(sqlx::Error::Decode("no terms".into()))), None);
        assert_eq!(aside.sentences(), ["no terms"]);
        assert_eq!(read(Ok(())), Some(()));
        assert!(aside.sentences().is_empty());
    }
}
