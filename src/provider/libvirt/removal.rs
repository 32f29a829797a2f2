//! Removing a machine.

use virt::{connect::Connect, sys};

use super::{
    failure::Failure,
    locate::{Ours, locate, present},
    power,
    session::{Session, is_simulated},
    volume,
};
use crate::machine::{Keep, MachineKey};

/// Switches it off, removes its definition, its seed and, unless they are to
/// be kept, its disks. Disks that others attached to it stay.
pub(super) fn destroy(session: Session<'_>, key: &MachineKey, keep: Keep) -> Result<(), Failure> {
    let connect = session.connect;
    let ours = locate(connect, key)?;
    // Before anything is lost: in a stopped pool a disk would be overlooked.
    for pool in ours.iter().flat_map(|ours| &ours.tag.pools) {
        volume::require_active(connect, pool)?;
    }
    if let Some(ours) = &ours {
        notice_snapshots(ours)?;
        power::switch_off_domain(&ours.domain)?;
        // A machine that somebody undefined while it ran is gone once it is off.
        present(ours.domain.undefine_flags(undefine_flags(connect)?))?;
    }
    match keep {
        Keep::Nothing => volume::remove_all(connect, key)?,
        // It holds the private host key, and nothing that anybody could miss.
        Keep::Disks => volume::remove_seed(connect, key)?,
    }
    if locate(connect, key)?.is_some() {
        return Err(Failure::StillThere(format!("machine `{}`", key.name)));
    }
    Ok(())
}

/// The same with everything.
pub(super) fn remove(session: Session<'_>, key: &MachineKey) -> Result<(), Failure> {
    destroy(session, key, Keep::Nothing)
}

/// Deletes the disks that were kept.
pub(super) fn drop_backups(session: Session<'_>, key: &MachineKey) -> Result<(), Failure> {
    if locate(session.connect, key)?.is_some() {
        return Err(Failure::unusable(
            format!("machine `{}` is still there, and its disks are in use", key.name),
            "its disks can be dropped once it is destroyed",
        ));
    }
    volume::remove_all(session.connect, key)
}

/// Files that external snapshots left beside a disk bear its name, but pools
/// see them only when they look again.
fn notice_snapshots(ours: &Ours) -> Result<(), Failure> {
    if ours.domain.list_all_snapshots(0)?.is_empty() {
        return Ok(());
    }
    let connect = ours.domain.connect()?;
    for pool in &ours.tag.pools {
        volume::refresh(&volume::require_active(&connect, pool)?);
    }
    Ok(())
}

/// Everything that would keep the definition from going. The test driver has
/// no NVRAM or checkpoints, and refuses to hear of them.
fn undefine_flags(connect: &Connect) -> Result<sys::virDomainUndefineFlagsValues, Failure> {
    let everywhere =
        sys::VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | sys::VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA;
    if is_simulated(connect)? {
        return Ok(everywhere);
    }
    Ok(everywhere | sys::VIR_DOMAIN_UNDEFINE_NVRAM | sys::VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA)
}
