//! Making a machine.

use virt::{domain::Domain, storage_vol::StorageVol};

use super::{
    failure::Failure,
    host_key::HostKey,
    image::{self, Image},
    locate::{Ours, check_name, locate, uuid_of},
    network, power,
    profile::{Card, Disk, Format, Hypervisor, MOST_DISKS, Network, Profile, Slot},
    ready::{self, Boot},
    removal,
    seed::Seed,
    session::Session,
    tag::Tag,
    volume::{self, Pool},
    xml,
};
use crate::{machine::MachineOrder, quantity::Mebibytes};

/// Makes the machine, or completes what an earlier attempt left, and starts it.
pub(super) fn create(session: Session<'_>, order: &MachineOrder) -> Result<Boot, Failure> {
    check_name(&order.key.name)?;
    if let Some(ours) = locate(session.connect, &order.key)? {
        power::run(&ours.domain)?;
        return ready::look(session, &ours.domain, order);
    }
    let parts = Parts::find(session, order)?;
    let room = super::room::measure(session)?;
    if let Some(shortage) = room.shortage(order, &[]) {
        return Err(Failure::Full(shortage));
    }
    let ours = make(session, order, &parts)?;
    let started = power::run(&ours.domain).map_err(Failure::out_of_room);
    if let Err(failure) =
        started.map_err(|failure| network::blamed(failure, parts.network.as_ref()))
    {
        // What cannot be started now or ever shall not stay in the way.
        if failure.is_final() {
            undo(removal::remove(session, &order.key));
        }
        return Err(failure);
    }
    ready::look(session, &ours.domain, order)
}

/// Everything a machine is made from that has to be there already.
struct Parts {
    hypervisor: Hypervisor,
    network: Option<Network>,
    root: Option<(Pool, Option<Image>)>,
    more: Vec<(Pool, Mebibytes)>,
}

impl Parts {
    fn find(session: Session<'_>, order: &MachineOrder) -> Result<Self, Failure> {
        let (connect, settings) = (session.connect, session.settings());
        let hypervisor = session.hypervisor()?;
        let network = order.network.as_ref().or(settings.default_network.as_ref());
        let network = network.map(|name| network::require(connect, name)).transpose()?;
        let usual = order.storage.as_ref().or(settings.default_pool.as_ref());
        let root = if let Some(name) = usual {
            let pool = volume::require_pool(connect, name)?;
            let image = image_for(session, order, &pool)?;
            Some((pool, image))
        } else {
            no_pool(order, &hypervisor)?;
            None
        };
        if order.more_disks.len() > usize::from(MOST_DISKS) {
            return Err(Failure::unusable(
                format!("{} disks besides the root disk are too many", order.more_disks.len()),
                format!("ask for {MOST_DISKS} at most"),
            ));
        }
        let mut more = Vec::new();
        for disk in &order.more_disks {
            if let Some(name) = disk.storage.as_ref().or(usual) {
                more.push((volume::require_pool(connect, name)?, disk.size));
            }
        }
        Ok(Self { hypervisor, network, root, more })
    }
}

/// The image of the order, where there is one and the host is a real one.
pub(super) fn image_for(
    session: Session<'_>,
    order: &MachineOrder,
    pool: &Pool,
) -> Result<Option<Image>, Failure> {
    let Some(name) = &order.image else { return Ok(None) };
    match image::require(session.connect, name, pool) {
        // What is pretended can be based on anything.
        Err(Failure::Unusable { .. }) if session.is_simulated()? => Ok(None),
        image => {
            let image = image?;
            image.check_fits(order.shape.disk)?;
            Ok(Some(image))
        }
    }
}

fn no_pool(order: &MachineOrder, hypervisor: &Hypervisor) -> Result<(), Failure> {
    let wants_disk = order.image.is_some() || !order.more_disks.is_empty();
    if !wants_disk || hypervisor.is_simulated() {
        return Ok(());
    }
    Err(Failure::unusable(
        "there is no storage pool to put the machine's disks in",
        "set `pool` of this provider, or `storage` in the cookbook",
    ))
}

fn make(session: Session<'_>, order: &MachineOrder, parts: &Parts) -> Result<Ours, Failure> {
    let mut made = Vec::new();
    match provision(session, order, parts, &mut made) {
        Ok(ours) => Ok(ours),
        Err(failure) => {
            for volume in made {
                undo(volume.delete(0).map_err(Failure::from));
            }
            Err(failure.out_of_room())
        }
    }
}

/// Adds to `made` whatever was not there before.
fn provision(
    session: Session<'_>,
    order: &MachineOrder,
    parts: &Parts,
    made: &mut Vec<StorageVol>,
) -> Result<Ours, Failure> {
    let mut tag = Tag { build: order.rebuild, ..Tag::bare(order.key.lease) };
    let mut disks = Vec::new();
    let mut disk = |slot, pool: &Pool, size: Mebibytes, image| -> Result<(), Failure> {
        let name = volume::name_of(&order.key, slot, pool.format);
        let (volume, is_new) = volume::provide(pool, &name, size.get() << 20, image)?;
        disks.push(volume::attached(&volume, slot, pool.format)?);
        if is_new {
            made.push(volume);
        }
        if !tag.pools.contains(&pool.name) {
            tag.pools.push(pool.name.clone());
        }
        Ok(())
    };
    if let Some((pool, image)) = &parts.root {
        disk(Slot::Root, pool, order.shape.disk, image.as_ref())?;
    }
    for (number, (pool, size)) in (1..).zip(&parts.more) {
        disk(Slot::More(number), pool, *size, None)?;
    }
    if let Some((pool, Some(_))) = &parts.root
        && !parts.hypervisor.is_simulated()
    {
        let planted = plant(session, order, pool, parts.network.is_some())?;
        disks.push(planted.disk);
        made.push(planted.volume);
        tag.host_key = Some(planted.host_key);
    }
    let domain = define(session, order, parts, &tag, &disks)?;
    Ok(Ours { domain, tag })
}

/// A seed that was written.
pub(super) struct Planted {
    pub(super) disk: Disk,
    /// The fingerprint of the key in it.
    pub(super) host_key: String,
    volume: StorageVol,
}

/// Writes a new seed with a new host key, in place of any that is there.
pub(super) fn plant(
    session: Session<'_>,
    order: &MachineOrder,
    pool: &Pool,
    has_network: bool,
) -> Result<Planted, Failure> {
    let host_key = HostKey::new(&*session.house.entropy)?;
    let seed = Seed::new(order, has_network, &host_key)?;
    let name = volume::name_of(&order.key, Slot::Seed, Format::Raw);
    volume::remove(&pool.inner, &name)?;
    let volume = volume::write(session.connect, pool, &name, seed.bytes())?;
    let disk = volume::attached(&volume, Slot::Seed, Format::Raw)?;
    Ok(Planted { disk, host_key: host_key.fingerprint(), volume })
}

fn define(
    session: Session<'_>,
    order: &MachineOrder,
    parts: &Parts,
    tag: &Tag,
    disks: &[Disk],
) -> Result<Domain, Failure> {
    let card = parts.network.clone().map(|network| Card { network, bandwidth: order.bandwidth });
    let description = xml::domain(&Profile {
        order,
        uuid: uuid_of(&order.key),
        tag,
        hypervisor: &parts.hypervisor,
        cpu: &session.settings().cpu,
        firmware: order.firmware,
        disks,
        card,
    })?;
    match session.connect.define_domain_xml(&description) {
        Ok(domain) => Ok(domain),
        // A stranger who took the name meanwhile is reported as such: libvirt only
        // says that the operation failed, which would be tried again for ever.
        Err(error) => {
            let ours = locate(session.connect, &order.key)?;
            ours.map(|ours| ours.domain).ok_or(error.into())
        }
    }
}

/// The failure that made it necessary is what counts.
fn undo(undone: Result<(), Failure>) {
    if let Err(error) = undone {
        tracing::warn!(error = %error, "something of a machine that could not be made is left");
    }
}
