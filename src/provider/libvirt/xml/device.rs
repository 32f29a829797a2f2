//! The devices of a machine.

use std::io;

use quick_xml::events::BytesText;

use super::{Xml, document, element};
use crate::{
    identity::LeaseId,
    machine::Bandwidth,
    provider::libvirt::profile::{Card, Disk, Network, Slot, mac_address},
};

/// The seed alone, to be attached to a machine that had none.
pub(in crate::provider::libvirt) fn seed_disk(seed: &Disk) -> io::Result<String> {
    document(|xml| disk(xml, seed))
}

/// By path, not by volume: libvirt cannot take external snapshots of the latter.
pub(super) fn disk(xml: &mut Xml, disk: &Disk) -> io::Result<()> {
    let (kind, source) = if disk.is_block { ("block", "dev") } else { ("file", "file") };
    let writable = disk.slot != Slot::Seed;
    xml.create_element("disk")
        .with_attributes([("type", kind), ("device", "disk")])
        .write_inner_content(|xml| {
            xml.create_element("driver")
                .with_attributes([("name", "qemu"), ("type", disk.format.name())])
                .with_attributes(writable.then_some(("discard", "unmap")))
                .write_empty()?;
            xml.create_element("source").with_attribute((source, &*disk.path)).write_empty()?;
            xml.create_element("target")
                .with_attributes([("dev", &*disk.slot.target()), ("bus", "virtio")])
                .write_empty()?;
            if !writable {
                xml.create_element("readonly").write_empty()?;
            }
            super::text(xml, "serial", &disk.slot.to_string())
        })
        .map(drop)
}

pub(super) fn interface(xml: &mut Xml, lease: LeaseId, card: &Card) -> io::Result<()> {
    let (kind, source) = match &card.network {
        Network::Named(name) => ("network", ("network", &**name)),
        Network::Bridge(name) => ("bridge", ("bridge", &**name)),
    };
    xml.create_element("interface")
        .with_attribute(("type", kind))
        .write_inner_content(|xml| {
            let mac = mac_address(lease);
            xml.create_element("mac").with_attribute(("address", &*mac)).write_empty()?;
            xml.create_element("source").with_attribute(source).write_empty()?;
            xml.create_element("model").with_attribute(("type", "virtio")).write_empty()?;
            bandwidth(xml, card.bandwidth)
        })
        .map(drop)
}

/// libvirt counts in KiB a second as well.
fn bandwidth(xml: &mut Xml, bandwidth: Bandwidth) -> io::Result<()> {
    if bandwidth == Bandwidth::default() {
        return Ok(());
    }
    element(xml, "bandwidth", |xml| {
        for (way, limit) in [("inbound", bandwidth.inbound), ("outbound", bandwidth.outbound)] {
            if let Some(average) = limit {
                xml.create_element(way)
                    .with_attribute(("average", &*average.to_string()))
                    .write_empty()?;
            }
        }
        Ok(())
    })
}

pub(super) fn agent_channel(xml: &mut Xml) -> io::Result<()> {
    xml.create_element("channel")
        .with_attribute(("type", "unix"))
        .write_inner_content(|xml| {
            xml.create_element("target")
                .with_attributes([("type", "virtio"), ("name", "org.qemu.guest_agent.0")])
                .write_empty()
                .map(drop)
        })
        .map(drop)
}

/// A fresh guest would else wait for entropy before it can do anything secret.
pub(super) fn random(xml: &mut Xml) -> io::Result<()> {
    xml.create_element("rng")
        .with_attribute(("model", "virtio"))
        .write_inner_content(|xml| {
            xml.create_element("backend")
                .with_attribute(("model", "random"))
                .write_text_content(BytesText::new("/dev/urandom"))
                .map(drop)
        })
        .map(drop)
}
