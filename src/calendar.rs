//! Working days, holidays and deadlines in a time zone.

use chrono::NaiveDate;

use crate::{
    identity::Timestamp,
    quantity::{Delay, Lifetime},
};

/// Stub.
#[derive(Clone, Debug)]
pub struct Calendar;

impl Calendar {
    /// Stub.
    #[must_use]
    pub fn expiry(&self, from: Timestamp, lifetime: Lifetime) -> Timestamp {
        from + chrono::TimeDelta::days(i64::from(lifetime.days()))
    }
    /// Stub.
    #[must_use]
    pub fn expiry_on(&self, _day: NaiveDate) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
    /// Stub.
    #[must_use]
    pub fn after(&self, from: Timestamp, delay: Delay) -> Timestamp {
        from + delay.span()
    }
    /// Stub.
    #[must_use]
    pub fn may_act(&self, _now: Timestamp) -> bool {
        true
    }
}
