//! What every step has at hand.

use std::sync::Arc;

use virt::connect::Connect;

use super::{Settings, failure::Failure, profile::Hypervisor, xml};
use crate::{
    identity::Timestamp,
    ports::clock::{Clock, Entropy},
};

/// What does not change while we run.
pub(super) struct House {
    pub(super) settings: Settings,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
}

/// One call's connection, and the house it is made from.
#[derive(Clone, Copy)]
pub(super) struct Session<'a> {
    pub(super) connect: &'a Connect,
    pub(super) house: &'a House,
}

impl Session<'_> {
    pub(super) fn now(&self) -> Timestamp {
        self.house.clock.now()
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.house.settings
    }

    /// See [`is_simulated`].
    pub(super) fn is_simulated(&self) -> Result<bool, Failure> {
        is_simulated(self.connect)
    }

    /// What machines run with there. It takes longer to say than most things.
    pub(super) fn hypervisor(&self) -> Result<Hypervisor, Failure> {
        if self.is_simulated()? {
            return Ok(Hypervisor { domain_type: "test".into(), arch: None });
        }
        Ok(xml::read::hypervisor(&self.connect.capabilities()?))
    }
}

/// Whether it is libvirt's test driver, which has nothing but names.
pub(super) fn is_simulated(connect: &Connect) -> Result<bool, Failure> {
    Ok(connect.driver_type()?.eq_ignore_ascii_case("test"))
}
