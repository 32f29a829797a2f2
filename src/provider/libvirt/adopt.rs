//! Taking over a machine that somebody else made.

use super::{
    failure::Failure,
    locate::locate_to_adopt,
    session::Session,
    tag::{self, Tag},
};
use crate::machine::MachineKey;

/// Writes the lease into its metadata. Its disks stay outside our care: they
/// do not bear the lease's name, and are left when the machine is destroyed.
pub(super) fn adopt(session: Session<'_>, key: &MachineKey) -> Result<(), Failure> {
    let found = locate_to_adopt(session.connect, key)?;
    match found.tag {
        Some(_) => Ok(()),
        None => tag::write(&found.domain, &Tag::bare(key.lease)),
    }
}
