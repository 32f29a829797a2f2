//! Images: volumes that root disks are made from.

use uuid::Uuid;
use virt::{connect::Connect, storage_vol::StorageVol};

use super::{
    failure::Failure,
    volume::{self, Pool},
    xml,
};
use crate::quantity::Mebibytes;

/// An image that was found.
pub(super) struct Image {
    pub(super) name: String,
    pub(super) volume: StorageVol,
    pub(super) path: String,
    /// In libvirt's words, e.g. `qcow2`.
    pub(super) format: String,
    /// How large the disk inside it is, in bytes.
    pub(super) capacity: u64,
}

/// Finds `VOLUME` in the machine's own pool, or `POOL/VOLUME`.
pub(super) fn require(connect: &Connect, name: &str, own: &Pool) -> Result<Image, Failure> {
    let Some((pool, volume_name)) = name.split_once('/') else {
        return in_pool(own, name, name);
    };
    in_pool(&volume::require_pool(connect, pool)?, volume_name, name)
}

fn in_pool(pool: &Pool, volume_name: &str, written: &str) -> Result<Image, Failure> {
    let mut found = pool.find(volume_name)?;
    if found.is_none() {
        // Files that somebody copied there are seen only by looking again.
        pool.refresh();
        found = pool.find(volume_name)?;
    }
    let Some(volume) = found else {
        let names = pool.inner.list_volumes()?.into_iter().filter(|name| !is_of_lease(name));
        return Err(Failure::unusable(
            format!("there is no image `{}` in storage pool `{}`", xml::plain(written), pool.name),
            format!(
                "put it there on the host, or name another in the cookbook (VOLUME, or \
                 POOL/VOLUME); there is: {}",
                volume::listed(names.collect())
            ),
        ));
    };
    Ok(Image {
        name: written.to_owned(),
        path: volume.path()?,
        format: xml::read::format_of_volume(&volume.xml_desc(0)?),
        capacity: volume.info()?.capacity,
        volume,
    })
}

impl Image {
    /// A disk smaller than what is on the image would be cut off.
    pub(super) fn check_fits(&self, disk: Mebibytes) -> Result<(), Failure> {
        let least = self.capacity.div_ceil(1 << 20);
        if least <= disk.get() {
            return Ok(());
        }
        let least = Mebibytes::new(least).unwrap_or(Mebibytes::MAX);
        Err(Failure::unusable(
            format!("image `{}` does not fit on a disk of {disk}", self.name),
            format!("ask for a disk of {least} or more"),
        ))
    }
}

/// Whether a volume is some machine's, by its name: `NAME.LEASE-ID.…`.
fn is_of_lease(volume: &str) -> bool {
    volume.split('.').any(|part| Uuid::try_parse(part).is_ok())
}

#[cfg(test)]
mod tests {
    use super::is_of_lease;

    #[test]
    fn the_disks_of_machines_are_not_offered_as_images() {
        assert!(is_of_lease("web-1.01234567-89ab-4cde-8f01-23456789abcd.qcow2"));
        assert!(is_of_lease("web-1.01234567-89ab-4cde-8f01-23456789abcd.seed.img"));
        assert!(!is_of_lease("debian-13.2-genericcloud.qcow2"));
    }
}
