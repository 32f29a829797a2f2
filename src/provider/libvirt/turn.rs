//! One change to a machine at a time.
//!
//! A call that timed out goes on in its thread, since libvirt cannot be
//! interrupted; the same call made again must not do everything beside it a
//! second time. Between processes, the claims on work see to that.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use super::failure::Failure;
use crate::identity::LeaseId;

static UNDER_WAY: Mutex<BTreeSet<LeaseId>> = Mutex::new(BTreeSet::new());

/// While it lives, nobody else in this process changes the lease's machine.
#[derive(Debug)]
pub(super) struct Turn(LeaseId);

impl Turn {
    /// Refused with [`Failure::Busy`] while somebody else has it.
    pub(super) fn take(lease: LeaseId) -> Result<Self, Failure> {
        let mut under_way = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
        if under_way.insert(lease) { Ok(Self(lease)) } else { Err(Failure::Busy) }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::Turn;
    use crate::identity::LeaseId;

    #[test]
    fn a_lease_has_one_turn_and_others_do_not_wait_for_it() {
        let [one, two] = [1, 2].map(|number| LeaseId(Uuid::from_u128(0x7000 + number)));
        let turn = Turn::take(one).unwrap();
        assert!(Turn::take(one).is_err());
        assert!(Turn::take(two).is_ok());
        drop(turn);
        assert!(Turn::take(one).is_ok());
    }
}
