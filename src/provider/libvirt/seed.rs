//! The seed: a small disk that cloud-init reads at the first boot (its
//! `NoCloud` data source), with the account, the keys and the name.
//!
//! Everything in it is JSON, which is YAML as well: so no text from outside
//! can become anything but text.

use std::{
    fmt::{self, Write as _},
    io::{self, Cursor, Seek as _, SeekFrom, Write as _},
};

use fatfs::{FileSystem, FormatVolumeOptions, FsOptions};
use serde_json::{Value, json};

use super::{host_key::HostKey, profile::mac_address};
use crate::machine::MachineOrder;

/// What cloud-init looks for, padded as a FAT label is.
const LABEL: [u8; 11] = *b"CIDATA     ";

/// The smallest volume that is not unusual for this file system.
const LEAST_SIZE: usize = 1 << 20;

/// What the file system needs for itself besides its files.
const OVERHEAD: usize = 64 << 10;

/// The bytes of a seed. It holds the machine's private host key.
pub(super) struct Seed(Vec<u8>);

impl Seed {
    /// For the machine of this order, which has a network card or not.
    pub(super) fn new(
        order: &MachineOrder,
        has_network: bool,
        host_key: &HostKey,
    ) -> io::Result<Self> {
        let mut files =
            vec![("user-data", user_data(order, host_key)?), ("meta-data", meta_data(order)?)];
        if has_network {
            files.push(("network-config", network_config(order)?));
        }
        file_system(&files).map(Self)
    }

    /// What is to be written to the volume.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seed({} bytes)", self.0.len())
    }
}

fn user_data(order: &MachineOrder, host_key: &HostKey) -> io::Result<String> {
    let mut motd = order.message_of_the_day.clone();
    if !motd.is_empty() && !motd.ends_with('\n') {
        motd.push('\n');
    }
    let name = order.key.name.as_str();
    let mut config = json!({
        "hostname": name,
        "prefer_fqdn_over_hostname": false,
        "manage_etc_hosts": "localhost",
        "users": [user(order)],
        "disable_root": order.login != "root",
        "ssh_pwauth": false,
        "ssh_deletekeys": true,
        "ssh_keys": {
            "ed25519_private": host_key.private()?,
            "ed25519_public": host_key.public()?,
        },
    });
    if !motd.is_empty() {
        let file = json!([{ "path": "/etc/motd", "permissions": "0644", "content": motd }]);
        if let Value::Object(config) = &mut config {
            config.insert("write_files".to_owned(), file);
        }
    }
    Ok(format!("#cloud-config\n{}\n", text(&config)?))
}

fn user(order: &MachineOrder) -> Value {
    let mut user = json!({
        "name": order.login,
        "shell": "/bin/bash",
        "lock_passwd": true,
        "ssh_authorized_keys": order.ssh_keys,
    });
    if order.login != "root"
        && let Value::Object(user) = &mut user
    {
        user.insert("sudo".to_owned(), json!(["ALL=(ALL) NOPASSWD:ALL"]));
    }
    user
}

/// A new instance id makes cloud-init start from nothing, as after a rebuild.
fn meta_data(order: &MachineOrder) -> io::Result<String> {
    let lease = order.key.lease;
    let instance = match order.rebuild {
        0 => lease.to_string(),
        count => format!("{lease}-{count}"),
    };
    text(&json!({ "instance-id": instance, "local-hostname": order.key.name.as_str() }))
}

fn network_config(order: &MachineOrder) -> io::Result<String> {
    let card = json!({
        "match": { "macaddress": mac_address(order.key.lease) },
        "set-name": "eth0",
        "dhcp4": true,
        // Else a rebuilt machine is a stranger to the DHCP server.
        "dhcp-identifier": "mac",
    });
    text(&json!({ "version": 2, "ethernets": { "eth0": card } }))
}

/// JSON that YAML reads the same way: it allows fewer characters than JSON,
/// and takes some for line breaks.
fn text(value: &Value) -> io::Result<String> {
    let written = serde_json::to_string_pretty(value)?;
    let unfit = |character: char| {
        matches!(
            character,
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
    };
    let mut text = String::with_capacity(written.len());
    for character in written.chars() {
        if unfit(character) {
            write!(text, "\\u{:04x}", u32::from(character)).map_err(io::Error::other)?;
        } else {
            text.push(character);
        }
    }
    Ok(text)
}

fn file_system(files: &[(&str, String)]) -> io::Result<Vec<u8>> {
    let content: usize = files.iter().map(|(_, content)| content.len()).sum();
    let size = content.saturating_add(OVERHEAD).max(LEAST_SIZE).next_multiple_of(LEAST_SIZE);
    let mut disk = Cursor::new(vec![0; size]);
    fatfs::format_volume(&mut disk, FormatVolumeOptions::new().volume_label(LABEL))?;
    disk.seek(SeekFrom::Start(0))?;
    {
        let volume = FileSystem::new(&mut disk, FsOptions::new())?;
        let root = volume.root_dir();
        for (name, content) in files {
            root.create_file(name)?.write_all(content.as_bytes())?;
        }
    }
    Ok(disk.into_inner())
}

#[cfg(test)]
mod tests;
