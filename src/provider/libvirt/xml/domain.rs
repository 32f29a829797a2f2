//! The description of a machine.

use std::io;

use quick_xml::events::BytesText;

use super::{NAMESPACE, Xml, device, document, element, plain, text, write_tag};
use crate::{
    machine::Firmware,
    provider::libvirt::profile::{Cpu, Profile},
};

/// Places for cards and disks that are plugged in later: on this board there
/// are only as many as were there from the start.
const SPARE_PORTS: usize = 12;

/// The description of a machine.
pub(in crate::provider::libvirt) fn domain(profile: &Profile<'_>) -> io::Result<String> {
    let shape = profile.order.shape;
    document(|xml| {
        xml.create_element("domain")
            .with_attribute(("type", &*profile.hypervisor.domain_type))
            .write_inner_content(|xml| {
                identity(xml, profile)?;
                xml.create_element("memory")
                    .with_attribute(("unit", "MiB"))
                    .write_text_content(BytesText::new(&shape.memory.get().to_string()))?;
                text(xml, "vcpu", &shape.vcpus.get().to_string())?;
                boot(xml, profile)?;
                // Without it the guest never hears that it should shut down.
                element(xml, "features", |xml| empty(xml, "acpi"))?;
                if profile.hypervisor.is_accelerated() {
                    cpu(xml, profile.cpu)?;
                }
                xml.create_element("clock").with_attribute(("offset", "utc")).write_empty()?;
                devices(xml, profile)
            })
            .map(drop)
    })
}

fn identity(xml: &mut Xml, profile: &Profile<'_>) -> io::Result<()> {
    let order = profile.order;
    text(xml, "name", order.key.name.as_str())?;
    text(xml, "uuid", &profile.uuid.to_string())?;
    text(xml, "title", order.key.name.as_str())?;
    text(xml, "description", &format!("For {}. Made by Innkeeper.", plain(&order.owner)))?;
    let namespace = Some(("xmlns:innkeeper", NAMESPACE));
    element(xml, "metadata", |xml| write_tag(xml, profile.tag, "innkeeper:lease", namespace))
}

fn boot(xml: &mut Xml, profile: &Profile<'_>) -> io::Result<()> {
    let efi = profile.firmware == Firmware::Uefi && !profile.hypervisor.is_simulated();
    xml.create_element("os")
        .with_attributes(efi.then_some(("firmware", "efi")))
        .write_inner_content(|xml| {
            xml.create_element("type")
                .with_attributes(profile.hypervisor.arch.as_deref().map(|arch| ("arch", arch)))
                .with_attributes(profile.hypervisor.board().map(|board| ("machine", board)))
                .write_text_content(BytesText::new("hvm"))?;
            if efi {
                // With it, only what Microsoft signed would start.
                element(xml, "firmware", |xml| {
                    xml.create_element("feature")
                        .with_attributes([("enabled", "no"), ("name", "secure-boot")])
                        .write_empty()
                        .map(drop)
                })?;
            }
            xml.create_element("boot").with_attribute(("dev", "hd")).write_empty().map(drop)
        })
        .map(drop)
}

fn cpu(xml: &mut Xml, cpu: &Cpu) -> io::Result<()> {
    let mode = match cpu {
        Cpu::HostModel => "host-model",
        Cpu::HostPassthrough => "host-passthrough",
        Cpu::Model(name) => {
            return xml
                .create_element("cpu")
                .with_attributes([("mode", "custom"), ("match", "exact")])
                .write_inner_content(|xml| text(xml, "model", name))
                .map(drop);
        }
    };
    xml.create_element("cpu").with_attribute(("mode", mode)).write_empty().map(drop)
}

fn devices(xml: &mut Xml, profile: &Profile<'_>) -> io::Result<()> {
    element(xml, "devices", |xml| {
        if profile.hypervisor.board() == Some("q35") && !profile.hypervisor.is_simulated() {
            ports(xml)?;
        }
        for disk in profile.disks {
            device::disk(xml, disk)?;
        }
        if let Some(card) = &profile.card {
            device::interface(xml, profile.order.key.lease, card)?;
        }
        xml.create_element("console").with_attribute(("type", "pty")).write_empty()?;
        device::agent_channel(xml)?;
        device::random(xml)?;
        xml.create_element("memballoon").with_attribute(("model", "virtio")).write_empty().map(drop)
    })
}

fn ports(xml: &mut Xml) -> io::Result<()> {
    let controller = |xml: &mut Xml, model| {
        xml.create_element("controller")
            .with_attributes([("type", "pci"), ("model", model)])
            .write_empty()
            .map(drop)
    };
    controller(xml, "pcie-root")?;
    (0..SPARE_PORTS).try_for_each(|_| controller(xml, "pcie-root-port"))
}

fn empty(xml: &mut Xml, name: &str) -> io::Result<()> {
    xml.create_element(name).write_empty().map(drop)
}
