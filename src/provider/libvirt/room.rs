//! How much room a host has.

use virt::connect::Connect;

use super::{failure::Failure, locate::present, session::Session, volume};
use crate::machine::{Capacity, Shape, Shortage};

/// What the host has left for more machines. Every machine counts with all the
/// memory it may have, whether it runs or not: it may be started any time.
/// Disks count as far as they have been written to.
pub(super) fn measure(session: Session<'_>) -> Result<Capacity, Failure> {
    let settings = session.settings();
    let host = session.connect.node_info()?.memory >> 10;
    let usable = host.saturating_sub(settings.reserved_memory);
    let usable = usable.saturating_mul(settings.memory_percent.into()) / 100;
    let memory = usable.saturating_sub(promised(session.connect)?);
    let mut storage = std::collections::BTreeMap::new();
    for pool in volume::active_pools(session.connect)? {
        storage.insert(pool.name()?, pool.info()?.available >> 20);
    }
    Ok(Capacity {
        memory,
        largest_memory: memory,
        storage,
        default_storage: settings.default_pool.clone(),
    })
}

/// The same, after every pool was asked to look at its disk again: libvirt
/// does not notice by itself how disks grow.
pub(super) fn measure_afresh(session: Session<'_>) -> Result<Capacity, Failure> {
    for pool in volume::active_pools(session.connect)? {
        volume::refresh(&pool);
    }
    measure(session)
}

fn promised(connect: &Connect) -> Result<u64, Failure> {
    let mut kibibytes: u64 = 0;
    for domain in connect.list_all_domains(0)? {
        let info = present(domain.info())?;
        kibibytes = kibibytes.saturating_add(info.map_or(0, |info| info.max_mem));
    }
    Ok(kibibytes >> 10)
}

/// What there is too little of for a machine to grow.
pub(super) fn shortage_for_growth(
    room: &Capacity,
    (now, wanted): (Shape, Shape),
    pool: Option<&str>,
) -> Option<Shortage> {
    let short = |of: &str, wanted: u64, now: u64, free: u64| {
        let more = wanted.saturating_sub(now);
        (more > free).then(|| Shortage { of: of.to_owned(), wanted: more, free })
    };
    short("memory", wanted.memory.get(), now.memory.get(), room.memory).or_else(|| {
        let pool = pool?;
        let free = room.storage.get(pool)?;
        short(pool, wanted.disk.get(), now.disk.get(), *free)
    })
}

#[cfg(test)]
mod tests {
    use super::shortage_for_growth;
    use crate::{
        machine::{Capacity, Shape},
        quantity::{Mebibytes, Vcpus},
    };

    fn shape(memory: u64, disk: u64) -> Shape {
        Shape {
            vcpus: Vcpus::new(1).unwrap(),
            memory: Mebibytes::new(memory).unwrap(),
            disk: Mebibytes::new(disk).unwrap(),
        }
    }

    #[test]
    fn only_what_is_added_needs_room() {
        let room = Capacity {
            memory: 100,
            storage: [("fast".to_owned(), 10)].into(),
            ..Capacity::default()
        };
        let short = |now, wanted| {
            shortage_for_growth(&room, (now, wanted), Some("fast"))
                .map(|short| (short.of, short.wanted))
        };
        assert_eq!(short(shape(1000, 1000), shape(1100, 1010)), None);
        assert_eq!(short(shape(1000, 1000), shape(900, 900)), None, "it shrinks");
        assert_eq!(short(shape(1000, 1), shape(1101, 1)), Some(("memory".to_owned(), 101)));
        assert_eq!(short(shape(1, 1000), shape(1, 1011)), Some(("fast".to_owned(), 11)));
        assert_eq!(shortage_for_growth(&room, (shape(1, 1), shape(1, 99)), Some("slow")), None);
    }
}
