//! Installing a machine's system anew.

use virt::{domain::Domain, sys};

use super::{
    create,
    failure::Failure,
    locate::{Ours, require},
    power,
    profile::Slot,
    ready::{self, Boot},
    session::Session,
    tag, volume,
    volume::Pool,
    xml,
};
use crate::machine::MachineOrder;

/// Gives it an empty root disk and a new seed, unless that was done for this
/// count already, and starts it. The count is written last, so that whatever
/// was cut short is done again from the beginning.
pub(super) fn rebuild(session: Session<'_>, order: &MachineOrder) -> Result<Boot, Failure> {
    let ours = require(session.connect, &order.key)?;
    if ours.tag.build < order.rebuild {
        renew(session, order, &ours)?;
    }
    power::run(&ours.domain)?;
    ready::look(session, &ours.domain, order)
}

fn renew(session: Session<'_>, order: &MachineOrder, ours: &Ours) -> Result<(), Failure> {
    let mut tag = ours.tag.clone();
    let root = match tag.pools.first() {
        Some(name) => {
            let pool = volume::require_pool(session.connect, name)?;
            let image = create::image_for(session, order, &pool)?;
            let name = volume::name_of(&order.key, Slot::Root, pool.format);
            check_root(&ours.domain, &pool, &name)?;
            Some((pool, image, name))
        }
        None => None,
    };
    power::switch_off_domain(&ours.domain)?;
    forget_states(&ours.domain)?;
    if let Some((pool, image, name)) = root {
        let before = pool.find(&name)?;
        let before =
            before.map(|volume| volume.info()).transpose()?.map_or(0, |info| info.capacity);
        volume::remove(&pool.inner, &name)?;
        let capacity = before.max(order.shape.disk.get() << 20);
        volume::make(&pool, &name, capacity, image.as_ref())?;
        if image.is_some() && !session.is_simulated()? {
            tag.host_key = Some(reseed(session, order, &ours.domain, &pool)?);
        }
    }
    tag.build = order.rebuild;
    tag::write(&ours.domain, &tag)
}

/// Whoever adopted a machine, or took a snapshot beside its disk, has put its
/// root disk where we did not.
fn check_root(domain: &Domain, pool: &Pool, name: &str) -> Result<(), Failure> {
    let description = domain.xml_desc(sys::VIR_DOMAIN_XML_INACTIVE)?;
    let root = xml::read::disks(&description).into_iter().next().and_then(|disk| disk.path);
    let expected = pool.find(name)?;
    let expected = expected.map(|volume| volume.path()).transpose()?;
    // Missing altogether: an earlier attempt was cut short between both.
    let is_ours = expected.is_none() && root.as_deref().is_some_and(|path| path.ends_with(name));
    if is_ours || root == expected {
        return Ok(());
    }
    Err(Failure::unusable(
        "its root disk is not the one it was made with",
        "install it by hand; if somebody took a snapshot of it, merge that first \
         (virsh blockcommit, naming the base)",
    ))
}

/// Saved memory and snapshots belong to the disk that goes.
fn forget_states(domain: &Domain) -> Result<(), Failure> {
    if domain.has_managed_save(0)? {
        domain.managed_save_remove(0)?;
    }
    for snapshot in domain.list_all_snapshots(0)? {
        snapshot.delete(sys::VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY)?;
    }
    Ok(())
}

/// Puts a new seed where the machine looks for it; the answer is the new host
/// key's fingerprint.
fn reseed(
    session: Session<'_>,
    order: &MachineOrder,
    domain: &Domain,
    pool: &Pool,
) -> Result<String, Failure> {
    let description = domain.xml_desc(sys::VIR_DOMAIN_XML_INACTIVE)?;
    let has_network = order.network.is_some() || session.settings().default_network.is_some();
    let planted = create::plant(session, order, pool, has_network)?;
    let target = Slot::Seed.target();
    if xml::read::disks(&description).iter().all(|disk| disk.target != target) {
        let device = xml::seed_disk(&planted.disk)?;
        domain.attach_device_flags(&device, sys::VIR_DOMAIN_AFFECT_CONFIG)?;
    }
    Ok(planted.host_key)
}
