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
    /// Those of all live leases that can be read; the others are told to the log
    /// once.
    pub(super) fn of_all<T>(
        &self,
        leases: impl IntoIterator<Item = (String, sqlx::Result<T>)>,
    ) -> Vec<T> {
        let mut aside = BTreeMap::new();
        let readable = part(leases, &mut aside);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, why) in &aside {
            if known.get(id) != Some(why) {
                tracing::error!(
                    lease = id,
                    why,
                    "a stored lease is set aside; repair its document"
                );
            }
        }
        *known = aside;
        readable
    }

    /// Those of some leases that can be read.
    pub(super) fn of_some<T>(
        leases: impl IntoIterator<Item = (String, sqlx::Result<T>)>,
    ) -> Vec<T> {
        part(leases, &mut BTreeMap::new())
    }

    /// What is set aside, as sentences.
    pub(super) fn sentences(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

fn part<T>(
    leases: impl IntoIterator<Item = (String, sqlx::Result<T>)>,
    aside: &mut BTreeMap<String, String>,
) -> Vec<T> {
    let mut readable = Vec::new();
    for (id, read) in leases {
        match read {
            Ok(lease) => readable.push(lease),
            Err(sqlx::Error::Decode(why)) => drop(aside.insert(id, why.to_string())),
            Err(error) => drop(aside.insert(id, error.to_string())),
        }
    }
    readable
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
        let broken = || (String::from("a"), Err::<(), _>(sqlx::Error::Decode("no terms".into())));
        assert!(aside.of_all([broken()]).is_empty());
        assert_eq!(aside.sentences(), ["no terms"]);
        assert_eq!(aside.of_all([(String::from("a"), Ok(()))]).len(), 1);
        assert!(aside.sentences().is_empty());
    }
}
