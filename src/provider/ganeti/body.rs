//! What a new instance is to be, in RAPI's words.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

use super::{Defaults, failure::Unusable, tags};
use crate::machine::{Bandwidth, Firmware, MachineOrder};

/// The template of instances without disks.
const DISKLESS: &str = "diskless";

/// The body of `POST /2/instances`.
pub(super) fn create(
    order: &MachineOrder,
    full_name: &str,
    defaults: &Defaults,
) -> Result<Value, Unusable> {
    if order.firmware == Firmware::Uefi {
        return Err(Unusable::new(
            "Ganeti knows no firmware but BIOS",
            "take `firmware` out of the cookbook's placement for this provider",
        ));
    }
    if order.bandwidth != Bandwidth::default() {
        return Err(Unusable::new(
            "Ganeti does not limit what a network card carries",
            "take the bandwidth out of the cookbook's placement for this provider",
        ));
    }
    let template = order.storage.as_ref().unwrap_or(&defaults.disk_template);
    let mut body = json!({
        "__version__": 1,
        "mode": "create",
        "instance_name": full_name,
        "disk_template": template,
        "disks": disks(order, template),
        "nics": [card(order, defaults)],
        "os_type": operating_system(order, defaults)?,
        "beparams": sizes(order),
        "osparams": parameters(order, defaults),
        "start": true,
        // Their defaults differ between versions of Ganeti.
        "name_check": defaults.name_check,
        "ip_check": defaults.ip_check,
        "conflicts_check": defaults.conflicts_check,
        "wait_for_sync": defaults.wait_for_sync,
        "opportunistic_locking": defaults.opportunistic_locking,
        "tags": [tags::lease(order.key.lease), tags::build(order.rebuild)],
    });
    if let Value::Object(body) = &mut body {
        for (key, value) in
            [("iallocator", &defaults.iallocator), ("hypervisor", &defaults.hypervisor)]
        {
            if let Some(value) = value {
                body.insert(key.to_owned(), json!(value));
            }
        }
    }
    Ok(body)
}

/// Processors and memory. Memory that shrinks while a guest runs is nothing
/// anybody ordered, so the least is the most.
pub(super) fn sizes(order: &MachineOrder) -> Value {
    let memory = order.shape.memory.get();
    json!({"vcpus": order.shape.vcpus.get(), "minmem": memory, "maxmem": memory})
}

/// The body of a reinstallation.
pub(super) fn reinstall(order: &MachineOrder, defaults: &Defaults) -> Result<Value, Unusable> {
    Ok(json!({
        "os": operating_system(order, defaults)?,
        "start": true,
        "osparams": parameters(order, defaults),
    }))
}

fn operating_system<'a>(
    order: &'a MachineOrder,
    defaults: &'a Defaults,
) -> Result<&'a str, Unusable> {
    order.image.as_deref().or(defaults.os.as_deref()).ok_or_else(|| {
        Unusable::new(
            "there is nothing to install: the cookbook names no image and the provider no `os`",
            "add `image` to the cookbook's placement; `gnt-os list` shows what there is",
        )
    })
}

/// A class of a further disk is a volume group: all disks of an instance have
/// the same template.
fn disks(order: &MachineOrder, template: &str) -> Value {
    if template == DISKLESS {
        return json!([]);
    }
    let root = json!({"size": order.shape.disk.get()});
    let more = order.more_disks.iter().map(|disk| match &disk.storage {
        Some(group) if group != template => json!({"size": disk.size.get(), "vg": group}),
        _ => json!({"size": disk.size.get()}),
    });
    Value::Array(std::iter::once(root).chain(more).collect())
}

fn card(order: &MachineOrder, defaults: &Defaults) -> Value {
    if let Some(network) = order.network.as_ref().or(defaults.network.as_ref()) {
        return json!({"ip": "pool", "network": network});
    }
    let given = [("link", &defaults.link), ("mode", &defaults.mode)];
    let given = given.into_iter().filter_map(|(key, value)| Some((key, value.as_deref()?)));
    Value::Object(given.map(|(key, value)| (key.to_owned(), json!(value))).collect())
}

/// What the installer is told: the cookbook's own parameters, and what this
/// provider's settings name a parameter for.
fn parameters(order: &MachineOrder, defaults: &Defaults) -> Value {
    let mut parameters = Map::new();
    let keys: Vec<String> = order.ssh_keys.iter().map(|key| without_comment(key)).collect();
    for (name, value) in [
        (&defaults.hostname_parameter, order.key.name.to_string()),
        (&defaults.owner_parameter, order.owner.clone()),
        (&defaults.ssh_keys_parameter, keys.join("\n")),
    ] {
        if let Some(name) = name {
            parameters.insert(name.clone(), json!(sendable(&value)));
        }
    }
    for (name, value) in &order.parameters {
        parameters.insert(name.clone(), json!(sendable(value)));
    }
    Value::Object(parameters)
}

/// Type and key. The comment is the user's own text and no installer needs it.
fn without_comment(key: &str) -> String {
    key.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// Text as Ganeti can keep it; anything beyond ASCII and line breaks is written
/// as `base64:` and the base64 of its UTF-8.
fn sendable(text: &str) -> String {
    if text.chars().all(|c| c == '\n' || (c.is_ascii() && !c.is_ascii_control())) {
        return text.to_owned();
    }
    format!("base64:{}", BASE64_STANDARD.encode(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::{create, reinstall, sendable};
    use crate::{
        identity::LeaseId,
        machine::{Bandwidth, ExtraDisk, Firmware, MachineKey, MachineOrder, Shape},
        provider::ganeti::Defaults,
        quantity::{Mebibytes, Vcpus},
    };

    fn order() -> MachineOrder {
        let key =
            MachineKey { lease: LeaseId(Uuid::from_u128(7)), name: "web-1".into(), uuid: None };
        let shape = Shape {
            vcpus: Vcpus::new(2).unwrap(),
            memory: Mebibytes::new(1024).unwrap(),
            disk: Mebibytes::new(10240).unwrap(),
        };
        let mut order = MachineOrder::plain(key, shape, "alice");
        order.image = Some("debian+bookworm".into());
        order
    }

    #[test]
    fn an_ordinary_order_leaves_to_the_cluster_what_nobody_said() {
        let body = create(&order(), "web-1.example.org", &Defaults::default()).unwrap();
        let expected = json!({
            "__version__": 1,
            "mode": "create",
            "instance_name": "web-1.example.org",
            "disk_template": "plain",
            "disks": [{"size": 10240}],
            "nics": [{}],
            "os_type": "debian+bookworm",
            "beparams": {"vcpus": 2, "minmem": 1024, "maxmem": 1024},
            "osparams": {},
            "start": true,
            "name_check": false,
            "ip_check": false,
            "conflicts_check": true,
            "wait_for_sync": false,
            "opportunistic_locking": false,
            "tags": [
                "innkeeper:lease:00000000-0000-0000-0000-000000000007",
                "innkeeper:build:0"
            ],
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn everything_that_was_said_is_passed_on() {
        let mut order = order();
        order.storage = Some("drbd".into());
        order.network = Some("net1".into());
        order.rebuild = 3;
        let disk = |size, storage: Option<&str>| ExtraDisk {
            size: Mebibytes::new(size).unwrap(),
            storage: storage.map(str::to_owned),
        };
        order.more_disks = vec![disk(5, None), disk(6, Some("ssd")), disk(7, Some("drbd"))];
        order.parameters.insert("suite".into(), "bookworm".into());
        order.ssh_keys = vec!["ssh-ed25519 AAAA Jürgen's".into(), "ssh-rsa BBBB".into()];
        order.owner = "Jürgen".into();
        let defaults = Defaults {
            iallocator: Some("hail".into()),
            hypervisor: Some("kvm".into()),
            opportunistic_locking: true,
            ssh_keys_parameter: Some("ssh_keys".into()),
            hostname_parameter: Some("hostname".into()),
            owner_parameter: Some("owner".into()),
            ..Defaults::default()
        };
        let body = create(&order, "web-1.example.org", &defaults).unwrap();
        let vg = json!([{"size": 10240}, {"size": 5}, {"size": 6, "vg": "ssd"}, {"size": 7}]);
        let osparams = json!({
            "suite": "bookworm",
            "hostname": "web-1",
            "owner": "base64:SsO8cmdlbg==",
            "ssh_keys": "ssh-ed25519 AAAA\nssh-rsa BBBB",
        });
        assert_eq!(body["disk_template"], "drbd");
        assert_eq!(body["disks"], vg);
        assert_eq!(body["nics"], json!([{"ip": "pool", "network": "net1"}]));
        assert_eq!(body["osparams"], osparams);
        assert_eq!(body["tags"][1], "innkeeper:build:3");
        assert_eq!((&body["iallocator"], &body["hypervisor"]), (&json!("hail"), &json!("kvm")));
        assert_eq!(body["opportunistic_locking"], true);
        assert!(body.to_string().is_ascii());
        let again = reinstall(&order, &defaults).unwrap();
        assert_eq!(again, json!({"os": "debian+bookworm", "start": true, "osparams": osparams}));
    }

    #[test]
    fn a_card_is_put_where_the_provider_says_unless_the_cookbook_names_a_network() {
        let mut defaults = Defaults {
            link: Some("br0".into()),
            mode: Some("bridged".into()),
            ..Defaults::default()
        };
        let nics = |defaults: &Defaults| {
            create(&order(), "web-1.example.org", defaults).unwrap()["nics"].clone()
        };
        assert_eq!(nics(&defaults), json!([{"link": "br0", "mode": "bridged"}]));
        defaults.network = Some("net2".into());
        assert_eq!(nics(&defaults), json!([{"ip": "pool", "network": "net2"}]));
    }

    #[test]
    fn what_ganeti_cannot_do_is_refused_with_advice() {
        let uefi = MachineOrder { firmware: Firmware::Uefi, ..order() };
        let bandwidth = Bandwidth { inbound: Some(1), outbound: None };
        let slow = MachineOrder { bandwidth, ..order() };
        let nothing = MachineOrder { image: None, ..order() };
        for order in [uefi, slow, nothing] {
            let refused = create(&order, "web-1.example.org", &Defaults::default()).unwrap_err();
            assert!(!refused.advice.is_empty(), "{refused}");
        }
        let diskless = Defaults { disk_template: "diskless".into(), ..Defaults::default() };
        let body = create(&order(), "web-1.example.org", &diskless).unwrap();
        assert_eq!(body["disks"], json!([]));
    }

    #[test]
    fn only_what_ganeti_cannot_keep_is_encoded() {
        for (text, sent) in [
            ("plain text, 'quoted'", "plain text, 'quoted'"),
            ("one\ntwo", "one\ntwo"),
            ("bell\u{7}", "base64:YmVsbAc="),
            ("ä", "base64:w6Q="),
        ] {
            assert_eq!(sendable(text), sent);
        }
    }
}
