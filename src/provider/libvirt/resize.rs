//! Giving a machine another size.

use virt::{domain::Domain, storage_vol::StorageVol, sys};

use super::{
    failure::Failure,
    locate::{Ours, require},
    power, room,
    session::Session,
    tag, volume, xml,
};
use crate::{
    machine::{MachineOrder, Shape},
    quantity::{Mebibytes, Vcpus},
};

/// Writes the new size into the definition. Says whether the machine has to be
/// shut down before the rest can be done; that it has to run again afterwards
/// is written on it first, in case nobody is there any more to remember.
pub(super) fn prepare(session: Session<'_>, order: &MachineOrder) -> Result<bool, Failure> {
    let mut ours = require(session.connect, &order.key)?;
    let domain = ours.domain.clone();
    let root = Root::of(session, &domain)?;
    let now = defined(&domain, root.as_ref())?;
    if order.shape.disk < now.disk {
        return Err(Failure::unusable(
            format!("its disk has {}, and disks only grow", now.disk),
            format!("ask for {} or more", now.disk),
        ));
    }
    // A machine made without a pool has no disk that could grow.
    let grows = root.is_some() && order.shape.disk > now.disk;
    if grows {
        check_disk(&domain, root.as_ref())?;
    }
    let free = room::measure(session)?;
    let pool = root.as_ref().and_then(|root| root.pool.as_deref());
    if let Some(shortage) = room::shortage_for_growth(&free, (now, order.shape), pool) {
        return Err(Failure::Full(shortage));
    }
    redefine(&domain, now, order.shape)?;
    let running = power::is_active(&domain)?;
    let must_stop = running && (grows || !runs_with(&domain, order.shape)?);
    if must_stop && !ours.tag.resume {
        ours.tag.resume = true;
        tag::write(&domain, &ours.tag)?;
    }
    Ok(must_stop)
}

/// Does the rest, and starts the machine if it ran before.
pub(super) fn finish(session: Session<'_>, order: &MachineOrder) -> Result<(), Failure> {
    let Ours { domain, mut tag } = require(session.connect, &order.key)?;
    let root = Root::of(session, &domain)?;
    let grown = match &root {
        Some(Root { volume: Some(volume), bytes, .. }) if *bytes < order.shape.disk.get() << 20 => {
            volume::grow(session.connect, volume, order.shape.disk.get() << 20)
        }
        _ => Ok(()),
    };
    if tag.resume {
        // Even if the disk did not grow: its owner waits for it.
        power::run(&domain)?;
        tag.resume = false;
        tag::write(&domain, &tag)?;
    }
    grown
}

/// The root disk.
struct Root {
    /// In bytes.
    bytes: u64,
    /// `None` where no pool knows it.
    volume: Option<StorageVol>,
    pool: Option<String>,
}

impl Root {
    fn of(session: Session<'_>, domain: &Domain) -> Result<Option<Self>, Failure> {
        let description = domain.xml_desc(0)?;
        let Some(disk) = xml::read::disks(&description).into_iter().next() else { return Ok(None) };
        let volume = match &disk.path {
            Some(path) => volume::at(session.connect, path)?,
            None => None,
        };
        if let Some(volume) = volume {
            let bytes = volume.info()?.capacity;
            let pool = Some(volume.lookup_storage_pool()?.name()?);
            return Ok(Some(Self { bytes, volume: Some(volume), pool }));
        }
        let bytes = domain.block_info(&disk.target, 0)?.capacity;
        Ok(Some(Self { bytes, volume: None, pool: None }))
    }
}

/// The size that counts from the next start on.
fn defined(domain: &Domain, root: Option<&Root>) -> Result<Shape, Failure> {
    let vcpus = domain.vcpus_flags(sys::VIR_DOMAIN_AFFECT_CONFIG | sys::VIR_DOMAIN_VCPU_MAXIMUM)?;
    let memory = xml::read::memory(&domain.xml_desc(sys::VIR_DOMAIN_XML_INACTIVE)?);
    let disk = root.and_then(|root| Mebibytes::new(root.bytes >> 20)).unwrap_or(Mebibytes::MIN);
    Ok(Shape {
        vcpus: u16::try_from(vcpus).ok().and_then(Vcpus::new).unwrap_or(Vcpus::MIN),
        memory: memory.and_then(|kib| Mebibytes::new(kib >> 10)).unwrap_or(Mebibytes::MIN),
        disk,
    })
}

fn check_disk(domain: &Domain, root: Option<&Root>) -> Result<(), Failure> {
    if root.is_some_and(|root| root.volume.is_some()) {
        return Ok(());
    }
    Err(Failure::unusable(
        format!("machine `{}` has no root disk in a storage pool", domain.name()?),
        "grow its disk on the host, by hand",
    ))
}

fn redefine(domain: &Domain, now: Shape, wanted: Shape) -> Result<(), Failure> {
    let config = sys::VIR_DOMAIN_AFFECT_CONFIG;
    if now.vcpus != wanted.vcpus {
        let count = wanted.vcpus.get().into();
        // The most there may be first, which also lowers how many there are.
        domain.set_vcpus_flags(count, config | sys::VIR_DOMAIN_VCPU_MAXIMUM)?;
        domain.set_vcpus_flags(count, config)?;
    }
    if now.memory != wanted.memory {
        let kibibytes = wanted.memory.get() << 10;
        domain.set_memory_flags(kibibytes, config | sys::VIR_DOMAIN_MEM_MAXIMUM)?;
        domain.set_memory_flags(kibibytes, config)?;
    }
    Ok(())
}

/// Whether it has that size already while it runs.
fn runs_with(domain: &Domain, wanted: Shape) -> Result<bool, Failure> {
    let info = domain.info()?;
    let vcpus: u32 = wanted.vcpus.get().into();
    Ok(info.nr_virt_cpu == vcpus && info.max_mem >> 10 == wanted.memory.get())
}
