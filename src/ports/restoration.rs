//! That a store is that of an earlier day: what happened since is not in it.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{PortError, store::Store};
use crate::identity::Timestamp;

/// Under which name the store remembers it. Written together with the rows
/// that were restored.
pub const MEMO: &str = "restored";

/// How far apart our clock and a forge's may be.
const CLOCKS: TimeDelta = TimeDelta::minutes(2);

/// The last time the store was restored from a backup.
///
/// Until an operator says so ([`Restoration::gone_on_at`]), nothing is done
/// about what is in the store: the world may have moved on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restoration {
    /// When the store was as it was restored.
    pub taken_at: Timestamp,
    /// When it was restored.
    pub restored_at: Timestamp,
    /// Since when things go on.
    #[serde(default)]
    pub gone_on_at: Option<Timestamp>,
}

impl Restoration {
    /// What the store remembers; `None` if it never was restored.
    ///
    /// # Errors
    ///
    /// The store's, or when what it remembers cannot be read: then nobody
    /// knows whether to go on.
    pub async fn read(store: &dyn Store) -> Result<Option<Self>, PortError> {
        let Some(text) = store.memo(MEMO).await? else { return Ok(None) };
        let read = serde_json::from_str(&text);
        read.map(Some).map_err(PortError::bug("read whether the store was restored"))
    }

    /// As the store remembers it.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::json!(self).to_string()
    }

    /// Whether nobody has said yet that things go on.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.gone_on_at.is_none()
    }

    /// Whether something said at this moment, by a forge's clock, may have been
    /// dealt with by whoever had the store that is lost.
    #[must_use]
    pub fn may_have_been_dealt_with(&self, said: Timestamp) -> bool {
        said <= self.restored_at + CLOCKS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_read_back() {
        let taken_at = Timestamp::UNIX_EPOCH;
        let restored_at = taken_at + TimeDelta::days(2);
        let restoration = Restoration { taken_at, restored_at, gone_on_at: None };
        let read: Restoration = serde_json::from_str(&restoration.text()).unwrap();
        assert_eq!(read, restoration);
        assert!(read.stands());
        assert!(read.may_have_been_dealt_with(restored_at));
        assert!(!read.may_have_been_dealt_with(restored_at + TimeDelta::minutes(3)));
    }
}
