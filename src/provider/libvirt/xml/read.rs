//! The little that is read of the XML libvirt gives.

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

use super::BETWEEN_POOLS;
use crate::{
    identity::LeaseId,
    provider::libvirt::{
        profile::{Format, Hypervisor},
        tag::{Run, Tag},
    },
};

/// What the lease's element says; `None` if this is not it.
pub(in crate::provider::libvirt) fn tag(metadata: &str) -> Option<Tag> {
    let of = |name| attribute(metadata, "lease", name);
    let pools = of("pool").unwrap_or_default();
    let pools = pools.split(BETWEEN_POOLS).filter(|pool| !pool.is_empty());
    Some(Tag {
        lease: LeaseId(of("id")?.parse().ok()?),
        pools: pools.map(str::to_owned).collect(),
        build: of("build").and_then(|build| build.parse().ok()).unwrap_or(0),
        host_key: of("host-key"),
        resume: of("resume").is_some(),
    })
}

/// What the run's element says.
pub(in crate::provider::libvirt) fn run(metadata: &str) -> Run {
    let of = |name| Run::time(&attribute(metadata, "run", name)?);
    Run { since: of("since"), asked: of("asked") }
}

/// What a host can run, from its capabilities.
pub(in crate::provider::libvirt) fn hypervisor(capabilities: &str) -> Hypervisor {
    let domain_type = if has_attribute(capabilities, "domain", "type", "kvm") {
        "kvm".to_owned()
    } else {
        "qemu".to_owned()
    };
    Hypervisor { domain_type, arch: first_text(capabilities, "arch") }
}

/// How disks are stored in a pool, from its description.
pub(in crate::provider::libvirt) fn format_of_pool(pool_xml: &str) -> Format {
    match attribute(pool_xml, "pool", "type").as_deref() {
        Some("dir" | "fs" | "netfs" | "vstorage") => Format::Qcow2,
        _ => Format::Raw,
    }
}

/// How a volume is stored, in libvirt's words.
pub(in crate::provider::libvirt) fn format_of_volume(volume_xml: &str) -> String {
    attribute(volume_xml, "format", "type").unwrap_or_else(|| "raw".to_owned())
}

/// Whether a machine can be started by UEFI, from the domain capabilities.
pub(in crate::provider::libvirt) fn knows_efi(capabilities: &str) -> bool {
    let mut reader = Reader::from_str(capabilities);
    let mut inside = false;
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) if start.local_name().as_ref() == "enum" => {
                inside = value(&start, "name").as_deref() == Some("firmware");
            }
            Ok(Event::End(end)) if end.local_name().as_ref() == "enum" => inside = false,
            Ok(Event::Text(text)) if inside && text.xml10_content().trim() == "efi" => return true,
            Ok(Event::Eof) | Err(_) => return false,
            Ok(_) => {}
        }
    }
}

/// The memory in a machine's definition, in KiB: libvirt writes no other unit.
pub(in crate::provider::libvirt) fn memory(domain_xml: &str) -> Option<u64> {
    first_text(domain_xml, "memory")?.parse().ok()
}

/// Where a machine's disk is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::provider::libvirt) struct Source {
    /// Its file or block device; `None` for what is neither.
    pub(in crate::provider::libvirt) path: Option<String>,
    /// What the guest sees it as, e.g. `vda`.
    pub(in crate::provider::libvirt) target: String,
}

/// A machine's disks in their order; neither CDs nor floppies.
pub(in crate::provider::libvirt) fn disks(domain_xml: &str) -> Vec<Source> {
    let mut reader = Reader::from_str(domain_xml);
    let mut disks = Vec::new();
    let mut disk: Option<Source> = None;
    // What a disk is based on is described inside it, with sources of its own.
    let mut nested = 0_u32;
    loop {
        let (start, is_empty) = match reader.read_event() {
            Ok(Event::Start(start)) => (start, false),
            Ok(Event::Empty(start)) => (start, true),
            Ok(Event::End(end)) => {
                match end.local_name().as_ref() {
                    "disk" => disks.extend(disk.take()),
                    "backingStore" | "mirror" => nested = nested.saturating_sub(1),
                    _ => {}
                }
                continue;
            }
            Ok(Event::Eof) | Err(_) => return disks,
            Ok(_) => continue,
        };
        match (start.local_name().as_ref(), &mut disk) {
            ("disk", _) if !is_empty => {
                let kind = value(&start, "device");
                disk = matches!(kind.as_deref(), None | Some("disk"))
                    .then(|| Source { path: None, target: String::new() });
            }
            ("backingStore" | "mirror", _) if !is_empty => nested += 1,
            ("source", Some(disk)) if nested == 0 => {
                disk.path = value(&start, "file").or_else(|| value(&start, "dev"));
            }
            ("target", Some(disk)) if nested == 0 => {
                disk.target = value(&start, "dev").unwrap_or_default();
            }
            _ => {}
        }
    }
}

/// The attribute of the first element of that local name.
fn attribute(xml: &str, element: &str, attribute: &str) -> Option<String> {
    let mut found = None;
    visit(xml, |start| {
        if found.is_none() && start.local_name().as_ref() == element {
            found = Some(value(start, attribute));
        }
    });
    found.flatten()
}

fn has_attribute(xml: &str, element: &str, attribute: &str, wanted: &str) -> bool {
    let mut found = false;
    visit(xml, |start| {
        found |= start.local_name().as_ref() == element
            && value(start, attribute).as_deref() == Some(wanted);
    });
    found
}

fn value(start: &BytesStart<'_>, attribute: &str) -> Option<String> {
    let attribute = start.try_get_attribute(attribute).ok()??;
    attribute.normalized_value(XmlVersion::Implicit1_0).ok().map(Into::into)
}

/// The text of the first element of that local name. In `<capabilities>` the
/// first `arch` is the host's own.
fn first_text(xml: &str, element: &str) -> Option<String> {
    let mut reader = Reader::from_str(xml);
    let mut inside = false;
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) if start.local_name().as_ref() == element => inside = true,
            Event::Text(text) if inside => return Some(text.xml10_content().trim().to_owned()),
            Event::Eof => return None,
            _ => {}
        }
    }
}

/// Shows every element's start. Ends quietly at what is not XML.
fn visit(xml: &str, mut see: impl FnMut(&BytesStart<'_>)) {
    let mut reader = Reader::from_str(xml);
    loop {
        match reader.read_event() {
            Ok(Event::Start(start) | Event::Empty(start)) => see(&start),
            Ok(Event::Eof) | Err(_) => return,
            Ok(_) => {}
        }
    }
}
