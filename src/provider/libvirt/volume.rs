//! A machine's disk: one volume in a storage pool.
//!
//! Volumes hold no metadata, so the volume's name carries the lease:
//! `web-1.4b0c….qcow2`. That name is proof enough to take up what an earlier
//! attempt left, and to delete it, even when the machine itself is gone.

use virt::{
    connect::Connect,
    error::{Error, ErrorNumber},
    storage_pool::StoragePool,
    storage_vol::StorageVol,
    sys,
};

use super::{
    failure::Failure,
    xml::{self, Disk, Format},
};
use crate::{machine::MachineKey, quantity::Mebibytes};

/// The machine's disk in that pool, made if it is not there yet.
pub(super) fn provide(
    connect: &Connect,
    pool_name: &str,
    key: &MachineKey,
    size: Mebibytes,
) -> Result<Disk, Failure> {
    let pool = require_active(connect, pool_name)?;
    let format = xml::read::format_of_pool(&pool.xml_desc(0)?);
    let name = name_of(key, format);
    let volume = match present(pool.lookup_storage_vol_by_name(&name))? {
        Some(volume) => volume,
        None => make(&pool, &name, size, format)?,
    };
    Ok(Disk { pool: pool_name.to_owned(), path: volume.path()?, format })
}

fn make(
    pool: &StoragePool,
    name: &str,
    size: Mebibytes,
    format: Format,
) -> Result<StorageVol, Failure> {
    let description = xml::volume(name, size.get(), format)?;
    match StorageVol::create_xml(pool, &description, 0) {
        Ok(volume) => Ok(volume),
        // The same lease on another thread was faster.
        Err(error) => present(pool.lookup_storage_vol_by_name(name))?.ok_or(error.into()),
    }
}

/// Deletes the machine's disk, in whichever pool it is.
pub(super) fn delete(connect: &Connect, key: &MachineKey) -> Result<(), Failure> {
    for pool in active_pools(connect)? {
        for format in [Format::Qcow2, Format::Raw] {
            let name = name_of(key, format);
            let Some(volume) = present(pool.lookup_storage_vol_by_name(&name))? else { continue };
            present(volume.delete(sys::VIR_STORAGE_VOL_DELETE_NORMAL))?;
            if present(pool.lookup_storage_vol_by_name(&name))?.is_some() {
                return Err(Failure::StillThere(format!("disk `{name}`")));
            }
        }
    }
    Ok(())
}

/// The pool of that name, if it is in use.
pub(super) fn require_active(connect: &Connect, name: &str) -> Result<StoragePool, Failure> {
    let pool = connect.lookup_storage_pool_by_name(name)?;
    if pool.is_active()? {
        return Ok(pool);
    }
    Err(Failure::Unusable {
        problem: format!("storage pool `{name}` is not active"),
        advice: format!("start it on the host: virsh pool-start {name}"),
    })
}

fn active_pools(connect: &Connect) -> Result<Vec<StoragePool>, Failure> {
    match connect.list_all_storage_pools(sys::VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE) {
        Ok(pools) => Ok(pools),
        // A host without storage driver has no disks of ours either.
        Err(error) if error.code().is(ErrorNumber::NoSupport) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

fn name_of(key: &MachineKey, format: Format) -> String {
    format!("{}.{}.{}", key.name, key.lease, format.name())
}

/// `None` for what libvirt does not have (any more).
fn present<T>(result: Result<T, Error>) -> Result<Option<T>, Failure> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.code().is(ErrorNumber::NoStorageVolume) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
