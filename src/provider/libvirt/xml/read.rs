//! The little that is read of the XML libvirt gives.

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

use super::{Format, Hypervisor, Tag};
use crate::identity::LeaseId;

/// What our metadata element says; `None` if this is not it.
pub(in crate::provider::libvirt) fn tag(metadata: &str) -> Option<Tag> {
    let lease = attribute(metadata, "lease", "id")?.parse().ok()?;
    Some(Tag { lease: LeaseId(lease), pool: attribute(metadata, "lease", "pool") })
}

/// What a host can run, from its capabilities.
pub(in crate::provider::libvirt) fn hypervisor(capabilities: &str) -> Hypervisor {
    let domain_type = if has_attribute(capabilities, "domain", "type", "kvm") {
        "kvm".to_owned()
    } else {
        "qemu".to_owned()
    };
    Hypervisor { domain_type, arch: host_arch(capabilities) }
}

/// How disks are stored in a pool, from its description.
pub(in crate::provider::libvirt) fn format_of_pool(pool_xml: &str) -> Format {
    match attribute(pool_xml, "pool", "type").as_deref() {
        Some("dir" | "fs" | "netfs" | "vstorage") => Format::Qcow2,
        _ => Format::Raw,
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

/// `<capabilities><host><cpu><arch>`: the first `arch` is the host's.
fn host_arch(capabilities: &str) -> Option<String> {
    let mut reader = Reader::from_str(capabilities);
    let mut inside = false;
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) if start.local_name().as_ref() == "arch" => inside = true,
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
