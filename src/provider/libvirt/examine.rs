//! Looking whether a host is as it has to be.

use virt::connect::Connect;

use super::{
    failure::Failure, image, network, profile::Hypervisor, room, session::Session, volume, xml,
};
use crate::{
    machine::{Capacity, Firmware},
    ports::{PortError, finding::Finding, provider::Wanted},
    quantity::Mebibytes,
};

/// A pool with less free space than this (MiB) has no room for most machines.
const LITTLE_SPACE: u64 = 10 * 1024;

type Findings = Result<Vec<Finding>, Failure>;

/// Everything about the host itself, and then what each cookbook wants of it.
pub(super) fn examine(session: Session<'_>, wanted: &[Wanted]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut look = |about: &str, found: Findings| match found {
        Ok(found) => findings.extend(found),
        Err(failure) => findings.push(unknown(&failure.into_port_error(about.to_owned()))),
    };
    look("find out what it runs machines with", hypervisor(session));
    look("measure the room", space(session));
    look("look at its networks", networks(session.connect));
    look("look at what cookbooks leave open", defaults(session));
    for wanted in wanted {
        let about = format!("look at what cookbook `{}` wants", wanted.cookbook);
        look(&about, cookbook(session, wanted));
    }
    findings
}

/// What could not be found out.
pub(super) fn unknown(error: &PortError) -> Finding {
    let usual = "look into libvirtd's log on the host";
    Finding::bad(error.chain(), error.advice.as_deref().unwrap_or(usual))
}

fn hypervisor(session: Session<'_>) -> Findings {
    let connect = session.connect;
    let of = |version: u32| {
        format!("{}.{}.{}", version / 1_000_000, version / 1000 % 1000, version % 1000)
    };
    let mut findings = vec![Finding::good(format!(
        "Host {} answers: libvirt {}, {} {}.",
        connect.hostname()?,
        of(connect.lib_version()?),
        connect.driver_type()?,
        of(connect.hyp_version()?),
    ))];
    findings.push(if session.hypervisor()?.is_accelerated() {
        Finding::good("It runs machines on the processor itself (KVM).")
    } else {
        Finding::doubtful(
            "It has no KVM: machines are emulated, and slow.",
            "switch virtualisation on in the host's firmware, load kvm_intel or kvm_amd, and let \
             libvirt use /dev/kvm",
        )
    });
    Ok(findings)
}

fn space(session: Session<'_>) -> Findings {
    let Capacity { memory, storage, .. } = room::measure_afresh(session)?;
    let mut findings = vec![match Mebibytes::new(memory) {
        Some(free) => Finding::good(format!("{free} of memory are free for more machines.")),
        None => Finding::doubtful(
            "No memory is free for more machines.",
            "destroy machines, or raise `memory_overcommit_percent` of this provider",
        ),
    }];
    if storage.is_empty() {
        findings.push(Finding::doubtful(
            "It has no active storage pool, so machines have no disk.",
            "define one on the host: virsh pool-define-as, pool-start, pool-autostart",
        ));
    }
    for (name, free) in storage {
        let amount =
            Mebibytes::new(free).map_or_else(|| "nothing".to_owned(), |free| free.to_string());
        let what = format!("Storage pool `{name}` is active, {amount} free.");
        findings.push(if free < LITTLE_SPACE {
            Finding::doubtful(what, "make room in it, or use another")
        } else {
            Finding::good(what)
        });
    }
    for pool in session.connect.list_all_storage_pools(0)? {
        if !pool.autostart()? {
            let name = pool.name()?;
            findings.push(Finding::doubtful(
                format!("Storage pool `{name}` does not start with the host."),
                format!("virsh pool-autostart {name}, if machines use it"),
            ));
        }
    }
    Ok(findings)
}

fn networks(connect: &Connect) -> Findings {
    let mut findings = Vec::new();
    for network in connect.list_all_networks(0)? {
        let name = network.name()?;
        findings.push(match (network.is_active()?, network.autostart()?) {
            (true, true) => Finding::good(format!("Network `{name}` is active.")),
            (true, false) => Finding::doubtful(
                format!("Network `{name}` does not start with the host."),
                format!("virsh net-autostart {name}, if machines use it"),
            ),
            (false, _) => Finding::doubtful(
                format!("Network `{name}` is not active."),
                format!("virsh net-start {name}; virsh net-autostart {name}, if machines use it"),
            ),
        });
    }
    Ok(findings)
}

/// The network and the pool of cookbooks that name none.
fn defaults(session: Session<'_>) -> Findings {
    let settings = session.settings();
    if let Some(pool) = &settings.default_pool {
        volume::require_pool(session.connect, pool)?;
    }
    if let Some(network) = &settings.default_network {
        network::require(session.connect, network)?;
    }
    Ok(Vec::new())
}

fn cookbook(session: Session<'_>, wanted: &Wanted) -> Findings {
    let (connect, settings, placement) = (session.connect, session.settings(), &wanted.placement);
    let mut findings = Vec::new();
    let mut has = Vec::new();
    let hypervisor = session.hypervisor()?;
    if let Some(network) = placement.network.as_ref().or(settings.default_network.as_ref()) {
        network::require(connect, network)?;
        has.push(format!("network `{network}`"));
    }
    let usual = placement.storage.as_ref().or(settings.default_pool.as_ref());
    if let Some(pool) = usual {
        let pool = volume::require_pool(connect, pool)?;
        has.push(format!("storage pool `{}`", pool.name));
        if let Some(image) = &placement.image
            && !hypervisor.is_simulated()
        {
            let image = image::require(connect, image, &pool)?;
            image.check_fits(placement.shape.disk)?;
            let size = Mebibytes::new(image.capacity.div_ceil(1 << 20)).unwrap_or(Mebibytes::MIN);
            has.push(format!("image `{}` ({size})", image.name));
        }
    } else if placement.image.is_some() {
        return Err(Failure::unusable(
            "there is no storage pool to put its disks in",
            "set `pool` of this provider, or `storage` in the cookbook",
        ));
    }
    for pool in placement.more_disks.iter().filter_map(|disk| disk.storage.as_ref()) {
        volume::require_pool(connect, pool)?;
    }
    if placement.firmware == Firmware::Uefi {
        findings.push(uefi(connect, &hypervisor)?);
    }
    if !placement.parameters.is_empty() {
        findings.push(Finding::doubtful(
            format!("Cookbook `{}` has parameters, which libvirt has no use for.", wanted.cookbook),
            "leave them out",
        ));
    }
    if !has.is_empty() {
        let has = has.join(", ");
        findings.push(Finding::good(format!("Cookbook `{}` has its {has}.", wanted.cookbook)));
    }
    Ok(findings)
}

fn uefi(connect: &Connect, hypervisor: &Hypervisor) -> Result<Finding, Failure> {
    let arch = hypervisor.arch.as_deref();
    let kind = Some(&*hypervisor.domain_type);
    let capabilities = connect.domain_capabilities(None, arch, hypervisor.board(), kind, 0)?;
    Ok(if xml::read::knows_efi(&capabilities) {
        Finding::good("Machines can start by UEFI.")
    } else {
        Finding::bad("Machines cannot start by UEFI.", "install the firmware on the host (ovmf)")
    })
}
