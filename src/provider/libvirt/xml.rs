//! The XML that libvirt is given.
//!
//! Written element by element, so that no text from outside can become markup.

mod device;
mod domain;
pub(super) mod read;

use std::io;

use quick_xml::{Writer, events::BytesText};

pub(super) use self::{device::seed_disk, domain::domain};
use super::{
    profile::Format,
    tag::{Run, Tag},
};
use crate::identity::Timestamp;

/// The namespace of the lease's element. Never fetched.
pub(super) const NAMESPACE: &str = "https://innkeeper.invalid/xmlns/libvirt/1";

/// The namespace of the run's element.
pub(super) const RUN_NAMESPACE: &str = "https://innkeeper.invalid/xmlns/libvirt/1/run";

/// Between the names of pools: no pool's name can hold it.
const BETWEEN_POOLS: &str = "/";

/// Longer than any name, shorter than what makes a list of machines unreadable.
const MOST_TEXT: usize = 200;

type Xml = Writer<Vec<u8>>;

/// A volume that is to be made.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewVolume<'a> {
    pub(super) name: &'a str,
    /// In bytes.
    pub(super) capacity: u64,
    pub(super) format: Format,
    /// The path and format of what it shows until it is written to.
    pub(super) backing: Option<(&'a str, &'a str)>,
}

/// The description of a volume.
pub(super) fn volume(volume: NewVolume<'_>) -> io::Result<String> {
    document(|xml| {
        element(xml, "volume", |xml| {
            text(xml, "name", volume.name)?;
            xml.create_element("capacity")
                .with_attribute(("unit", "bytes"))
                .write_text_content(BytesText::new(&volume.capacity.to_string()))?;
            if volume.format == Format::Qcow2 {
                text(xml, "allocation", "0")?;
            }
            element(xml, "target", |xml| format(xml, volume.format.name()))?;
            match volume.backing {
                None => Ok(()),
                Some((path, kind)) => element(xml, "backingStore", |xml| {
                    text(xml, "path", path)?;
                    format(xml, kind)
                }),
            }
        })
    })
}

/// The lease's element, without its namespace: libvirt adds that itself.
pub(super) fn tag(tag: &Tag) -> io::Result<String> {
    document(|xml| write_tag(xml, tag, "lease", None))
}

/// The run's element, likewise.
pub(super) fn run(run: Run) -> io::Result<String> {
    let milliseconds =
        |time: Option<Timestamp>| time.map(|time| time.timestamp_millis().to_string());
    let (since, asked) = (milliseconds(run.since), milliseconds(run.asked));
    document(|xml| {
        xml.create_element("run")
            .with_attributes(since.as_deref().map(|time| ("since", time)))
            .with_attributes(asked.as_deref().map(|time| ("asked", time)))
            .write_empty()
            .map(drop)
    })
}

fn write_tag(
    xml: &mut Xml,
    tag: &Tag,
    element: &str,
    namespace: Option<(&str, &str)>,
) -> io::Result<()> {
    let (lease, build) = (tag.lease.to_string(), tag.build.to_string());
    let pools = tag.pools.join(BETWEEN_POOLS);
    xml.create_element(element)
        .with_attributes(namespace)
        .with_attribute(("id", &*lease))
        .with_attributes((!tag.pools.is_empty()).then_some(("pool", &*pools)))
        .with_attributes((tag.build > 0).then_some(("build", &*build)))
        .with_attributes(tag.host_key.as_deref().map(|key| ("host-key", key)))
        .with_attributes(tag.resume.then_some(("resume", "yes")))
        .write_empty()
        .map(drop)
}

fn format(xml: &mut Xml, kind: &str) -> io::Result<()> {
    xml.create_element("format").with_attribute(("type", kind)).write_empty().map(drop)
}

fn document(write: impl FnOnce(&mut Xml) -> io::Result<()>) -> io::Result<String> {
    let mut xml = Writer::new(Vec::new());
    write(&mut xml)?;
    String::from_utf8(xml.into_inner()).map_err(io::Error::other)
}

/// An element without attributes, and what is in it.
fn element(
    xml: &mut Xml,
    name: &str,
    inside: impl FnOnce(&mut Xml) -> io::Result<()>,
) -> io::Result<()> {
    xml.create_element(name).write_inner_content(inside).map(drop)
}

fn text(xml: &mut Xml, element: &str, content: &str) -> io::Result<()> {
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
