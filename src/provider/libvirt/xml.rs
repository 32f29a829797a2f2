//! The XML that libvirt is given.
//!
//! Written element by element, so that no text from outside can become markup.

pub(super) mod read;

use std::io;

use quick_xml::{Writer, events::BytesText};
use uuid::Uuid;

use crate::{identity::LeaseId, machine::MachineOrder};

/// The namespace of our metadata element. Never fetched.
pub(super) const NAMESPACE: &str = "https://innkeeper.invalid/xmlns/libvirt/1";

/// Longer than any name, shorter than what makes a list of machines unreadable.
const MOST_TEXT: usize = 200;

/// What our metadata element says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// Whose machine it is.
    pub(super) lease: LeaseId,
    /// The storage pool its disk is in.
    pub(super) pool: Option<String>,
}

/// What a host runs machines with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hypervisor {
    /// `kvm`, `qemu` or `test`.
    pub(super) domain_type: String,
    /// Its processors, where it matters.
    pub(super) arch: Option<String>,
}

/// A disk that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Disk {
    pub(super) pool: String,
    pub(super) path: String,
    pub(super) format: Format,
}

/// How a disk is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// A file that grows.
    Qcow2,
    /// A file on a pool that cannot hold the former, or a block device.
    Raw,
}

impl Format {
    /// As libvirt names it, and as file name extension.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Qcow2 => "qcow2",
            Self::Raw => "raw",
        }
    }
}

/// The description of a machine.
pub(super) fn domain(
    order: &MachineOrder,
    uuid: Uuid,
    hypervisor: &Hypervisor,
    network: Option<&str>,
    disk: Option<&Disk>,
) -> io::Result<String> {
    document(|xml| {
        xml.create_element("domain")
            .with_attribute(("type", &*hypervisor.domain_type))
            .write_inner_content(|xml| {
                identity(xml, order, uuid, disk.map(|disk| &*disk.pool))?;
                xml.create_element("memory")
                    .with_attribute(("unit", "MiB"))
                    .write_text_content(BytesText::new(&order.shape.memory.get().to_string()))?;
                text(xml, "vcpu", &order.shape.vcpus.get().to_string())?;
                boot(xml, hypervisor)?;
                xml.create_element("features").write_inner_content(|xml| {
                    // Without it the guest never hears that it should shut down.
                    xml.create_element("acpi").write_empty().map(drop)
                })?;
                xml.create_element("clock").with_attribute(("offset", "utc")).write_empty()?;
                devices(xml, order.key.lease, network, disk)
            })
            .map(drop)
    })
}

/// The description of a volume for a machine's disk.
pub(super) fn volume(name: &str, mebibytes: u64, format: Format) -> io::Result<String> {
    document(|xml| {
        xml.create_element("volume")
            .write_inner_content(|xml| {
                text(xml, "name", name)?;
                xml.create_element("capacity")
                    .with_attribute(("unit", "MiB"))
                    .write_text_content(BytesText::new(&mebibytes.to_string()))?;
                if format == Format::Qcow2 {
                    text(xml, "allocation", "0")?;
                }
                xml.create_element("target")
                    .write_inner_content(|xml| {
                        xml.create_element("format")
                            .with_attribute(("type", format.name()))
                            .write_empty()
                            .map(drop)
                    })
                    .map(drop)
            })
            .map(drop)
    })
}

/// The network card's address: the same whenever the machine of this lease is
/// made again, so that what DHCP and firewalls know of it stays true.
pub(super) fn mac_address(lease: LeaseId) -> String {
    use sha2::{Digest as _, Sha256};

    let digest = Sha256::digest(lease.0.as_bytes());
    let own: Vec<String> = digest.iter().take(3).map(|byte| format!("{byte:02x}")).collect();
    format!("52:54:00:{}", own.join(":"))
}

fn identity(
    xml: &mut Writer<Vec<u8>>,
    order: &MachineOrder,
    uuid: Uuid,
    pool: Option<&str>,
) -> io::Result<()> {
    text(xml, "name", order.key.name.as_str())?;
    text(xml, "uuid", &uuid.to_string())?;
    text(xml, "title", order.key.name.as_str())?;
    text(xml, "description", &format!("For {}. Made by Innkeeper.", plain(&order.owner)))?;
    xml.create_element("metadata")
        .write_inner_content(|xml| {
            let lease = order.key.lease.to_string();
            let tag = [("xmlns:innkeeper", NAMESPACE), ("id", &lease)];
            xml.create_element("innkeeper:lease")
                .with_attributes(tag.into_iter().chain(pool.map(|pool| ("pool", pool))))
                .write_empty()
                .map(drop)
        })
        .map(drop)
}

fn boot(xml: &mut Writer<Vec<u8>>, hypervisor: &Hypervisor) -> io::Result<()> {
    let arch = hypervisor.arch.as_deref();
    xml.create_element("os")
        .write_inner_content(|xml| {
            xml.create_element("type")
                .with_attributes(arch.map(|arch| ("arch", arch)))
                // The default is a board from 1996.
                .with_attributes((arch == Some("x86_64")).then_some(("machine", "q35")))
                .write_text_content(BytesText::new("hvm"))?;
            xml.create_element("boot").with_attribute(("dev", "hd")).write_empty().map(drop)
        })
        .map(drop)
}

fn devices(
    xml: &mut Writer<Vec<u8>>,
    lease: LeaseId,
    network: Option<&str>,
    disk: Option<&Disk>,
) -> io::Result<()> {
    xml.create_element("devices")
        .write_inner_content(|xml| {
            if let Some(disk) = disk {
                disk_device(xml, disk)?;
            }
            if let Some(network) = network {
                interface(xml, lease, network)?;
            }
            xml.create_element("console").with_attribute(("type", "pty")).write_empty()?;
            xml.create_element("channel").with_attribute(("type", "unix")).write_inner_content(
                |xml| {
                    xml.create_element("target")
                        .with_attributes([("type", "virtio"), ("name", "org.qemu.guest_agent.0")])
                        .write_empty()
                        .map(drop)
                },
            )?;
            // A fresh guest would else wait for entropy to make its SSH host keys.
            xml.create_element("rng")
                .with_attribute(("model", "virtio"))
                .write_inner_content(|xml| {
                    xml.create_element("backend")
                        .with_attribute(("model", "random"))
                        .write_text_content(BytesText::new("/dev/urandom"))
                        .map(drop)
                })
                .map(drop)
        })
        .map(drop)
}

/// By path, not by volume: libvirt cannot take external snapshots of the latter.
fn disk_device(xml: &mut Writer<Vec<u8>>, disk: &Disk) -> io::Result<()> {
    // On a pool of block devices the path is one.
    let (kind, source) =
        if disk.path.starts_with("/dev/") { ("block", "dev") } else { ("file", "file") };
    xml.create_element("disk")
        .with_attributes([("type", kind), ("device", "disk")])
        .write_inner_content(|xml| {
            xml.create_element("driver")
                .with_attributes([
                    ("name", "qemu"),
                    ("type", disk.format.name()),
                    ("discard", "unmap"),
                ])
                .write_empty()?;
            xml.create_element("source").with_attribute((source, &*disk.path)).write_empty()?;
            xml.create_element("target")
                .with_attributes([("dev", "vda"), ("bus", "virtio")])
                .write_empty()
                .map(drop)
        })
        .map(drop)
}

fn interface(xml: &mut Writer<Vec<u8>>, lease: LeaseId, network: &str) -> io::Result<()> {
    xml.create_element("interface")
        .with_attribute(("type", "network"))
        .write_inner_content(|xml| {
            let mac = mac_address(lease);
            xml.create_element("mac").with_attribute(("address", &*mac)).write_empty()?;
            xml.create_element("source").with_attribute(("network", network)).write_empty()?;
            xml.create_element("model").with_attribute(("type", "virtio")).write_empty().map(drop)
        })
        .map(drop)
}

fn document(write: impl FnOnce(&mut Writer<Vec<u8>>) -> io::Result<()>) -> io::Result<String> {
    let mut xml = Writer::new(Vec::new());
    write(&mut xml)?;
    String::from_utf8(xml.into_inner()).map_err(io::Error::other)
}

fn text(xml: &mut Writer<Vec<u8>>, element: &str, content: &str) -> io::Result<()> {
    xml.create_element(element).write_text_content(BytesText::new(content)).map(drop)
}

/// One line of text without what XML cannot hold: the writer escapes markup,
/// but passes control characters through, and libvirt then refuses everything.
pub(super) fn plain(text: &str) -> String {
    let unfit = |character: char| {
        character.is_control()
            || matches!(character, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}')
    };
    text.chars()
        .map(|character| if unfit(character) { ' ' } else { character })
        .take(MOST_TEXT)
        .collect()
}

#[cfg(test)]
mod tests;
