use std::io::{Cursor, Read as _};

use fatfs::{FileSystem, FsOptions};
use serde_json::Value;
use uuid::Uuid;

use super::{Seed, text};
use crate::{
    identity::LeaseId,
    machine::{MachineKey, MachineOrder, Shape},
    ports::clock::Entropy,
    provider::libvirt::host_key::HostKey,
    quantity::{Mebibytes, Vcpus},
};

const LEASE: LeaseId = LeaseId(Uuid::from_u128(0x0123_4567_89ab_4cde_8f01_2345_6789_abcd));

struct Same;

impl Entropy for Same {
    fn uuid(&self) -> Uuid {
        Uuid::from_u128(7)
    }
}

fn order() -> MachineOrder {
    let shape = Shape {
        vcpus: Vcpus::new(1).unwrap(),
        memory: Mebibytes::new(512).unwrap(),
        disk: Mebibytes::new(1024).unwrap(),
    };
    let key = MachineKey { lease: LEASE, name: "web-1".into(), uuid: None };
    MachineOrder {
        ssh_keys: vec!["ssh-ed25519 AAAA alice".to_owned()],
        message_of_the_day: "For alice until Friday.".to_owned(),
        ..MachineOrder::plain(key, shape, "alice")
    }
}

/// The files of a seed by name, and its label.
fn read(seed: &Seed) -> (String, Vec<(String, String)>) {
    let volume = FileSystem::new(Cursor::new(seed.bytes().to_vec()), FsOptions::new()).unwrap();
    let files = volume.root_dir().iter().map(|entry| {
        let entry = entry.unwrap();
        let mut content = String::new();
        entry.to_file().read_to_string(&mut content).unwrap();
        (entry.file_name(), content)
    });
    let files = files.collect();
    (volume.volume_label(), files)
}

fn seed(order: &MachineOrder) -> (HostKey, Vec<(String, String)>) {
    let key = HostKey::new(&Same).unwrap();
    let (_, files) = read(&Seed::new(order, true, &key).unwrap());
    (key, files)
}

fn parsed(file: &(String, String)) -> Value {
    serde_json::from_str(file.1.strip_prefix("#cloud-config\n").unwrap_or(&file.1)).unwrap()
}

#[test]
fn cloud_init_finds_three_files_under_its_label() {
    let key = HostKey::new(&Same).unwrap();
    let (label, files) = read(&Seed::new(&order(), true, &key).unwrap());
    assert_eq!(label, "CIDATA");
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["user-data", "meta-data", "network-config"]);
    insta::assert_snapshot!(files[1].1, @r#"
    {
      "instance-id": "01234567-89ab-4cde-8f01-23456789abcd",
      "local-hostname": "web-1"
    }
    "#);
    insta::assert_snapshot!(files[2].1, @r#"
    {
      "ethernets": {
        "eth0": {
          "dhcp-identifier": "mac",
          "dhcp4": true,
          "match": {
            "macaddress": "52:54:00:01:c5:ae"
          },
          "set-name": "eth0"
        }
      },
      "version": 2
    }
    "#);
    let (_, files) = read(&Seed::new(&order(), false, &key).unwrap());
    assert_eq!(files.len(), 2, "a machine without a network card has none to set up");
}

#[test]
fn the_account_the_keys_and_the_name_are_told() {
    let (key, files) = seed(&order());
    assert!(files[0].1.starts_with("#cloud-config\n{\n"), "{}", files[0].1);
    let told = parsed(&files[0]);
    assert_eq!(told["hostname"], "web-1");
    assert_eq!(told["disable_root"], false);
    assert_eq!(told["ssh_pwauth"], false);
    assert_eq!(told["users"][0]["name"], "root");
    assert_eq!(told["users"][0]["ssh_authorized_keys"][0], "ssh-ed25519 AAAA alice");
    assert!(told["users"][0].get("sudo").is_none(), "root needs none");
    assert_eq!(told["write_files"][0]["content"], "For alice until Friday.\n");
    assert_eq!(told["ssh_keys"]["ed25519_private"], key.private().unwrap());
    assert_eq!(told["ssh_keys"]["ed25519_public"], key.public().unwrap());
}

#[test]
fn another_account_may_become_root_and_root_may_not_log_in() {
    let (_, files) = seed(&MachineOrder { login: "debian".to_owned(), ..order() });
    let told = parsed(&files[0]);
    assert_eq!(told["users"][0]["name"], "debian");
    assert_eq!(told["users"][0]["sudo"][0], "ALL=(ALL) NOPASSWD:ALL");
    assert_eq!(told["disable_root"], true);
}

#[test]
fn a_rebuilt_machine_is_another_instance() {
    let (_, files) = seed(&MachineOrder { rebuild: 2, ..order() });
    assert_eq!(parsed(&files[1])["instance-id"], format!("{LEASE}-2"));
}

#[test]
fn text_of_users_stays_text() {
    let hostile =
        "x\"\n- [rm]: &a !!python/object *a\n#{{ 7*7 }} %TAG ! \u{85}\u{2028}\u{feff}\u{7f}é😀\t";
    let (_, files) = seed(&MachineOrder { message_of_the_day: hostile.to_owned(), ..order() });
    let told = parsed(&files[0]);
    assert_eq!(told["write_files"][0]["content"], format!("{hostile}\n"));
    assert!(!files[0].1.contains(['\u{85}', '\u{2028}', '\u{feff}', '\u{7f}']));
    assert!(files[0].1.contains("é😀"), "what YAML takes as it is stays readable");
    assert_eq!(text(&Value::from("\u{ffff}")).unwrap(), r#""\uffff""#);
}

#[test]
fn much_to_tell_makes_a_larger_seed() {
    let keys = vec![format!("ssh-ed25519 {} alice", "A".repeat(1000)); 2000];
    let (_, files) = seed(&MachineOrder { ssh_keys: keys, ..order() });
    assert_eq!(
        parsed(&files[0])["users"][0]["ssh_authorized_keys"].as_array().unwrap().len(),
        2000
    );
}

#[test]
fn a_seed_is_not_shown() {
    let seed = Seed::new(&order(), true, &HostKey::new(&Same).unwrap()).unwrap();
    assert_eq!(format!("{seed:?}"), "Seed(1048576 bytes)");
}
