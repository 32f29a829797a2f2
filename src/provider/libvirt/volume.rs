//! A machine's disks: volumes in storage pools.
//!
//! Volumes hold no metadata, so a volume's name carries the lease:
//! `web-1.4b0c….qcow2`. That name is proof enough to take up what an earlier
//! attempt left, and to delete it, even when the machine itself is gone.

use virt::{
    connect::Connect,
    error::{Error, ErrorNumber},
    storage_pool::StoragePool,
    storage_vol::StorageVol,
    stream::Stream,
    sys,
};

use super::{
    failure::Failure,
    image::Image,
    profile::{Disk, Format, Slot},
    session,
    xml::{self, NewVolume},
};
use crate::machine::MachineKey;

/// A pool that is in use.
pub(super) struct Pool {
    pub(super) name: String,
    pub(super) inner: StoragePool,
    /// How disks are stored in it.
    pub(super) format: Format,
}

impl Pool {
    /// The volume of that name.
    pub(super) fn find(&self, volume: &str) -> Result<Option<StorageVol>, Failure> {
        present(self.inner.lookup_storage_vol_by_name(volume))
    }

    /// Has it look at its disk again. It refuses while it makes a volume,
    /// which does no harm.
    pub(super) fn refresh(&self) {
        refresh(&self.inner);
    }
}

/// The pool of that name, if it is in use.
pub(super) fn require_pool(connect: &Connect, name: &str) -> Result<Pool, Failure> {
    let inner = require_active(connect, name)?;
    let format = xml::read::format_of_pool(&inner.xml_desc(0)?);
    Ok(Pool { name: name.to_owned(), inner, format })
}

/// The same, whatever it is.
pub(super) fn require_active(connect: &Connect, name: &str) -> Result<StoragePool, Failure> {
    let pool = match connect.lookup_storage_pool_by_name(name) {
        Ok(pool) => pool,
        Err(error) if error.code().is(ErrorNumber::NoStoragePool) => {
            return Err(no_pool(connect, name)?);
        }
        Err(error) => return Err(error.into()),
    };
    if pool.is_active()? {
        return Ok(pool);
    }
    Err(Failure::unusable(
        format!("storage pool `{name}` is not active"),
        format!("start it on the host: virsh pool-start {name}"),
    ))
}

fn no_pool(connect: &Connect, name: &str) -> Result<Failure, Failure> {
    let names = active_pools(connect)?.iter().map(StoragePool::name).collect::<Result<_, _>>()?;
    Ok(Failure::unusable(
        format!("there is no storage pool `{}`", xml::plain(name)),
        format!(
            "name another in the cookbook or as `pool` of this provider, or define it on the \
             host; there is: {}",
            listed(names)
        ),
    ))
}

/// Names for a person to choose from.
pub(super) fn listed(mut names: Vec<String>) -> String {
    const MOST: usize = 10;

    if names.is_empty() {
        return "none".to_owned();
    }
    names.sort();
    let more = names.len().saturating_sub(MOST);
    names.truncate(MOST);
    let names = names.join(", ");
    if more == 0 { names } else { format!("{names} and {more} more") }
}

/// What a disk volume is called.
pub(super) fn name_of(key: &MachineKey, slot: Slot, format: Format) -> String {
    let prefix = prefix(key);
    match slot {
        Slot::Root => format!("{prefix}{}", format.name()),
        Slot::More(_) => format!("{prefix}{slot}.{}", format.name()),
        Slot::Seed => format!("{prefix}{slot}.img"),
    }
}

/// What the names of all volumes of a lease begin with, snapshots included.
fn prefix(key: &MachineKey) -> String {
    format!("{}.{}.", key.name, key.lease)
}

/// The volume of that name, and whether it had to be made for it.
pub(super) fn provide(
    pool: &Pool,
    name: &str,
    capacity: u64,
    image: Option<&Image>,
) -> Result<(StorageVol, bool), Failure> {
    if let Some(volume) = pool.find(name)? {
        // A copy may have been cut short; what is based on its image cannot.
        if image.is_none() || pool.format == Format::Qcow2 {
            return Ok((volume, false));
        }
        remove(&pool.inner, name)?;
    }
    Ok((make(pool, name, capacity, image)?, true))
}

/// Makes a volume that is not there.
pub(super) fn make(
    pool: &Pool,
    name: &str,
    capacity: u64,
    image: Option<&Image>,
) -> Result<StorageVol, Failure> {
    let based = image.filter(|_| pool.format == Format::Qcow2);
    let description = xml::volume(NewVolume {
        name,
        capacity,
        format: pool.format,
        backing: based.map(|image| (&*image.path, &*image.format)),
    })?;
    Ok(match image {
        Some(image) if based.is_none() => {
            StorageVol::create_xml_from(&pool.inner, &description, &image.volume, 0)?
        }
        _ => StorageVol::create_xml(&pool.inner, &description, 0)?,
    })
}

/// Makes a volume that holds these bytes.
pub(super) fn write(
    connect: &Connect,
    pool: &Pool,
    name: &str,
    bytes: &[u8],
) -> Result<StorageVol, Failure> {
    let capacity = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let format = Format::Raw;
    let description = xml::volume(NewVolume { name, capacity, format, backing: None })?;
    let volume = StorageVol::create_xml(&pool.inner, &description, 0)?;
    let stream = Stream::new(connect, 0)?;
    volume.upload(&stream, 0, capacity, 0)?;
    let mut left = bytes;
    while !left.is_empty() {
        let sent = usize::try_from(stream.send(left)?).unwrap_or(0);
        left = left.get(sent..).unwrap_or_default();
    }
    stream.finish()?;
    Ok(volume)
}

/// The volume as a machine's disk.
pub(super) fn attached(volume: &StorageVol, slot: Slot, format: Format) -> Result<Disk, Failure> {
    let is_block = volume.info()?.kind == sys::VIR_STORAGE_VOL_BLOCK;
    Ok(Disk { slot, path: volume.path()?, is_block, format })
}

/// Makes it larger. What is only pretended is pretended anew.
pub(super) fn grow(connect: &Connect, volume: &StorageVol, capacity: u64) -> Result<(), Failure> {
    match volume.resize(capacity, 0) {
        Err(error)
            if error.code().is(ErrorNumber::NoSupport) && session::is_simulated(connect)? =>
        {
            let pool = volume.lookup_storage_pool()?;
            let pool = require_pool(connect, &pool.name()?)?;
            let name = volume.name()?;
            remove(&pool.inner, &name)?;
            make(&pool, &name, capacity, None).map(drop)
        }
        done => Ok(done?),
    }
}

/// The volume at that path, if a pool in use has it.
pub(super) fn at(connect: &Connect, path: &str) -> Result<Option<StorageVol>, Failure> {
    present(connect.lookup_storage_vol_by_path(path))
}

/// Deletes the volume of that name, if it is there, and looks whether it is gone.
pub(super) fn remove(pool: &StoragePool, name: &str) -> Result<(), Failure> {
    let Some(volume) = present(pool.lookup_storage_vol_by_name(name))? else { return Ok(()) };
    present(volume.delete(sys::VIR_STORAGE_VOL_DELETE_NORMAL))?;
    match present(pool.lookup_storage_vol_by_name(name))? {
        Some(_) => Err(Failure::StillThere(format!("volume `{name}`"))),
        None => Ok(()),
    }
}

/// Deletes every volume of the lease, in whichever pool it is.
pub(super) fn remove_all(connect: &Connect, key: &MachineKey) -> Result<(), Failure> {
    let prefix = prefix(key);
    for pool in active_pools(connect)? {
        for name in pool.list_volumes()? {
            if name.starts_with(&prefix) {
                remove(&pool, &name)?;
            }
        }
    }
    Ok(())
}

/// Deletes the lease's seed, in whichever pool it is.
pub(super) fn remove_seed(connect: &Connect, key: &MachineKey) -> Result<(), Failure> {
    let name = name_of(key, Slot::Seed, Format::Raw);
    active_pools(connect)?.iter().try_for_each(|pool| remove(pool, &name))
}

/// See [`Pool::refresh`].
pub(super) fn refresh(pool: &StoragePool) {
    if let Err(error) = pool.refresh(0) {
        tracing::debug!(%error, "a storage pool could not be looked at again");
    }
}

/// All pools in use.
pub(super) fn active_pools(connect: &Connect) -> Result<Vec<StoragePool>, Failure> {
    match connect.list_all_storage_pools(sys::VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE) {
        Ok(pools) => Ok(pools),
        // A host without storage driver has no disks of ours either.
        Err(error) if error.code().is(ErrorNumber::NoSupport) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// `None` for what libvirt does not have (any more).
pub(super) fn present<T>(result: Result<T, Error>) -> Result<Option<T>, Failure> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.code().is(ErrorNumber::NoStorageVolume) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
