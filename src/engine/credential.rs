//! How long what we sign in with is valid. A token that ends unnoticed silences
//! the service: nobody is answered, warned or handed a machine.

use chrono::{NaiveTime, TimeDelta};

use super::Engine;
use crate::{
    identity::{ForgeName, Timestamp},
    ports::PortError,
};

/// How often a forge is asked.
const ASKED_AGAIN: TimeDelta = TimeDelta::days(1);

/// From when on the log tells of it, daily.
const TOLD: TimeDelta = TimeDelta::days(30);

/// From when on it is an error, and `status` is not well.
pub const URGENT: TimeDelta = TimeDelta::days(7);

/// Stands for never, in the year 2262: no credential is made for so long. Whole
/// milliseconds, as the store keeps them.
pub const ENDLESS: Timestamp = Timestamp::from_timestamp_nanos(i64::MAX / 1_000_000 * 1_000_000);

/// The moment the credential of a forge ends, where that is known; [`ENDLESS`]
/// if it does not.
#[must_use]
pub fn ends(forge: &ForgeName) -> String {
    format!("credential:{forge}:ends")
}

impl Engine {
    /// Asks each forge once a day how long our credential lasts, and tells the
    /// operator in time.
    pub(super) async fn watch_credentials(&self) -> Result<(), PortError> {
        for forge in self.ports.forges.keys() {
            let now = self.now();
            let asked = format!("credential:{forge}:asked");
            let last = self.store().moment(&asked).await?;
            if last.is_some_and(|last| now >= last && now - last < ASKED_AGAIN) {
                continue;
            }
            // What cannot be asked now is asked by the next poll.
            let Ok(last_day) = self.forge(forge)?.credential_ends().await else { continue };
            // GitLab ends a token as its last day begins.
            let at = last_day.map_or(ENDLESS, |day| day.and_time(NaiveTime::MIN).and_utc());
            self.store().set_moment(&ends(forge), at).await?;
            self.store().set_moment(&asked, now).await?;
            let left = at - now;
            if left <= URGENT {
                tracing::error!(%forge, ends = %at, "the forge's token ends soon, and then nobody is answered: put a new one into the configuration and restart");
            } else if left <= TOLD {
                tracing::warn!(%forge, ends = %at, "the forge's token ends within a month");
            }
        }
        Ok(())
    }
}
