//! `[placement]`: where and how machines are made.

use std::collections::BTreeMap;

use super::reader::{At, Table};
use crate::{
    cookbook::Placement,
    identity::ProviderName,
    machine::{Bandwidth, ExtraDisk, Firmware, Shape},
    quantity::{Mebibytes, Vcpus},
};

/// As many further disks as a machine may have.
const MOST_DISKS: usize = 8;

/// Reads the section. What is missing or wrong has been reported, and stands
/// as its default, so that the rest can still be checked.
pub(super) fn read(table: &Table<'_>) -> Placement {
    let providers = providers(table);
    let image = table.line_of_text("image");
    let network = table.line_of_text("network");
    let template = table.line_of_text("disk_template");
    let storage = table.line_of_text("storage");
    let vcpus = table.read("vcpus", Vcpus::parse);
    let memory = table.read("memory", Mebibytes::parse);
    let disk = table.read("disk", Mebibytes::parse);
    let more_disks = table.read_all("more_disks", extra_disk);
    let firmware = table.read("firmware", firmware);
    let login = table.read("login", login);
    let keep_disks = table.boolean("keep_disks");
    let parameters = table
        .table("parameters", "[placement.parameters]")
        .map(|table| table.all_texts())
        .unwrap_or_default();
    let bandwidth = table
        .table("bandwidth", "[placement.bandwidth]")
        .map(|table| bandwidth(&table))
        .unwrap_or_default();
    table.finish();
    if let (Some(template), Some(_)) = (&template, &storage) {
        let message = "`disk_template` and `storage` are two words for the same thing";
        table.file.report_with(&template.span, message, "keep one of them");
    }
    if let Some(disks) = &more_disks
        && disks.value.len() > MOST_DISKS
    {
        let message = format!("a machine has {MOST_DISKS} further disks at most");
        table.file.report(&disks.span, message);
    }
    let gibibytes = |number: u64| Mebibytes::new(number * 1024).unwrap_or(Mebibytes::MIN);
    Placement {
        providers,
        image: image.map(|image| image.value),
        network: network.map(|network| network.value),
        storage: storage.or(template).map(|storage| storage.value),
        shape: Shape {
            vcpus: vcpus.map_or(Vcpus::MIN, |vcpus| vcpus.value),
            memory: memory.map_or(gibibytes(1), |memory| memory.value),
            disk: disk.map_or(gibibytes(10), |disk| disk.value),
        },
        more_disks: more_disks
            .map(|disks| disks.value.into_iter().map(|disk| disk.value).collect())
            .unwrap_or_default(),
        firmware: firmware.map_or(Firmware::Bios, |firmware| firmware.value),
        bandwidth,
        parameters: parameters.into_iter().collect::<BTreeMap<_, _>>(),
        login: login.map_or_else(|| "root".to_owned(), |login| login.value),
        keep_disks: keep_disks.is_some_and(|keep| keep.value),
    }
}

/// One name, or a list to choose from by free memory.
fn providers(table: &Table<'_>) -> Vec<ProviderName> {
    let names: Vec<At<String>> = match table.value("provider") {
        Some(value) if value.get_ref().is_array() => {
            let names = table.texts("provider");
            if let Some(names) = &names
                && names.value.is_empty()
            {
                table.file.report(&names.span, "`provider` names none");
            }
            names.map(|names| names.value).unwrap_or_default()
        }
        _ => table.required("provider", "provider = \"libvirt\"").into_iter().collect(),
    };
    let mut providers: Vec<ProviderName> = Vec::new();
    for name in names {
        let provider = ProviderName(name.value);
        if providers.contains(&provider) {
            table.file.report(&name.span, format!("`{provider}` is listed twice"));
        } else {
            providers.push(provider);
        }
    }
    if providers.is_empty() {
        // Reported already; the rest can still be checked.
        providers.push(ProviderName(String::new()));
    }
    providers
}

/// `100 GiB`, or `100 GiB in CLASS`.
fn extra_disk(text: &str) -> Result<ExtraDisk, String> {
    let (size, storage) = match text.split_once(" in ") {
        Some((size, class)) => (size, Some(class.trim().to_owned())),
        None => (text, None),
    };
    let size = Mebibytes::parse(size.trim()).map_err(|error| error.to_string())?;
    Ok(ExtraDisk { size, storage })
}

fn firmware(text: &str) -> Result<Firmware, String> {
    match text {
        "bios" => Ok(Firmware::Bios),
        "uefi" => Ok(Firmware::Uefi),
        _ => Err(format!("`{text}` is neither `bios` nor `uefi`")),
    }
}

/// An account's name, as Debian's `adduser` has them.
fn login(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    let begins = text.bytes().next().is_some_and(|first| matches!(first, b'a'..=b'z' | b'_'));
    if begins && text.len() <= 32 && text.bytes().all(allowed) {
        return Ok(text.to_owned());
    }
    Err(format!("`{text}` is no name for an account: use lower-case letters, digits, `-` and `_`"))
}

/// Texts such as `100 MiB`, per second.
fn bandwidth(table: &Table<'_>) -> Bandwidth {
    let rate = |key| {
        table.read(key, |text: &str| {
            let amount = Mebibytes::parse(text).map_err(|error| error.to_string())?;
            u32::try_from(amount.get() * 1024).map_err(|_| format!("`{text}` a second is too much"))
        })
    };
    let bandwidth = Bandwidth {
        inbound: rate("inbound").map(|rate| rate.value),
        outbound: rate("outbound").map(|rate| rate.value),
    };
    table.finish();
    bandwidth
}
