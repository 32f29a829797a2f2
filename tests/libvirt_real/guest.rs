//! A guest that really starts, with cloud-init in it.

use std::{path::Path, process::Command, time::Duration};

use innkeeper::{
    machine::{ExtraDisk, Keep, MachineOrder, Power},
    ports::{Verdict, provider::Provider as _},
    provider::libvirt::{Libvirt, Settings},
    quantity::Mebibytes,
};

use super::{
    contract::{Outside as _, order, power},
    host::{Host, image, patiently},
};

/// Longer than a guest takes without KVM on a busy machine.
const BOOT: Duration = Duration::from_mins(5);

fn run(program: &str, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

/// A key pair of the tests'; the public half.
fn make_key(folder: &Path) -> String {
    let file = folder.join("id");
    let made = run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", file.to_str().unwrap()]);
    assert!(made.0, "{}", made.1);
    std::fs::read_to_string(folder.join("id.pub")).unwrap().trim().to_owned()
}

/// What a command in the guest says.
fn ssh(folder: &Path, login: &str, address: &str, command: &str) -> String {
    let identity = folder.join("id");
    let destination = format!("{login}@{address}");
    let arguments = [
        "-i",
        identity.to_str().unwrap(),
        "-o",
        "BatchMode=yes",
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
        "-o",
        "LogLevel=ERROR",
        "-o",
        "ConnectTimeout=5",
        &destination,
        command,
    ];
    let mut said = (false, String::new());
    // cloud-init makes the account a moment after the SSH server came up.
    for _ in 0..60 {
        said = run("ssh", &arguments);
        if said.0 {
            return said.1;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    panic!("{destination} {command}: {}", said.1)
}

/// The fingerprints of the keys that an SSH server shows, as we write them.
fn shown_keys(address: &str) -> Vec<String> {
    let script = format!("ssh-keyscan -T 5 {address} 2>/dev/null | ssh-keygen -lf -");
    let (_, listed) = run("sh", &["-c", &script]);
    let shown = |line: &str| {
        let mut words = line.split(' ');
        format!("{} {}", words.nth(1).unwrap(), words.next_back().unwrap())
    };
    listed.lines().map(shown).collect()
}

fn guest_order(public_key: &str, number: u8) -> MachineOrder {
    let mut order = MachineOrder {
        image: Some(image()),
        login: "alice".to_owned(),
        ssh_keys: vec![public_key.to_owned()],
        message_of_the_day: "For @alice until Friday: \"so\" #{{long}} 'é'.\nAsk &us.".to_owned(),
        ..order("guest", number)
    };
    order.shape.disk = Mebibytes::new(2048).unwrap();
    order.more_disks = vec![ExtraDisk { size: Mebibytes::new(100).unwrap(), storage: None }];
    order
}

fn provider(host: &Host) -> Libvirt {
    let settings = Settings { stop_timeout: Duration::from_mins(1), ..host.settings() };
    super::host::provider(settings)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a libvirt host of its own, and an image"]
async fn a_guest_is_as_it_was_ordered() {
    let host = Host::open().await;
    let provider = provider(&host);
    let folder = tempfile::tempdir().unwrap();
    let mut order = guest_order(&make_key(folder.path()), 0);

    let first = provider.create(&order).await.unwrap_err();
    assert!(matches!(first.verdict, Verdict::Underway { .. }), "{}", first.chain());
    assert!(first.chain().contains("it is starting"), "{}", first.chain());
    let made = patiently(BOOT, || provider.create(&order)).await.unwrap();
    order.key.uuid = Some(made.uuid);
    let address = made.addresses.first().unwrap().clone();
    let said = |command: &str| ssh(folder.path(), "alice", &address, command);
    assert_eq!(said("hostname").trim(), "guest-0");
    assert_eq!(said("cat /etc/motd"), format!("{}\n", order.message_of_the_day));
    assert_eq!(said("sudo -n id -u").trim(), "0");
    assert_eq!(said("lsblk -dbno SIZE /dev/vdb").trim(), (100_u64 << 20).to_string());
    assert_eq!(made.host_keys.len(), 1);
    assert_eq!(shown_keys(&address), made.host_keys, "nobody else stands in for it");
    assert_eq!(provider.create(&order).await.unwrap(), made, "asked again, it is the same");

    order.shape.disk = Mebibytes::new(3072).unwrap();
    order.shape.memory = Mebibytes::new(768).unwrap();
    patiently(BOOT, || provider.resize(&order)).await.unwrap();
    let memory = said("awk '/MemTotal/{print $2}' /proc/meminfo");
    assert!(memory.trim().parse::<u64>().unwrap() > 600 << 10, "{memory}");
    assert_eq!(said("lsblk -dbno SIZE /dev/vda").trim(), (3072_u64 << 20).to_string());
    assert_eq!(shown_keys(&address), made.host_keys, "it is still the same machine");

    said("sudo touch /left-behind");
    order.rebuild = 1;
    let rebuilt = patiently(BOOT, || provider.rebuild(&order)).await.unwrap();
    assert_eq!(rebuilt.uuid, made.uuid);
    assert_eq!(rebuilt.addresses, made.addresses, "it keeps its address");
    assert_ne!(rebuilt.host_keys, made.host_keys);
    assert_eq!(said("ls /left-behind 2>/dev/null || echo gone").trim(), "gone");
    assert_eq!(shown_keys(&address), rebuilt.host_keys);

    patiently(BOOT, || provider.stop(&order.key)).await.unwrap();
    assert_eq!(power(&provider, &order.key).await, Some(Power::Off));
    provider.destroy(&order.key, Keep::Disks).await.unwrap();
    let kept = host.volumes(&order);
    assert!(kept.len() == 2 && !kept.iter().any(|name| name.contains("seed")), "{kept:?}");
    provider.drop_backups(&order.key).await.unwrap();
    assert_eq!(host.volumes(&order), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a libvirt host of its own, and an image"]
async fn an_image_that_does_not_fit_is_refused() {
    let host = Host::open().await;
    let mut order = guest_order("ssh-ed25519 AAAA", 1);
    order.shape.disk = Mebibytes::new(16).unwrap();
    let error = host.provider().create(&order).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::GiveUp, "{}", error.chain());
    assert!(error.advice.as_deref().unwrap().starts_with("ask for a disk of "), "{error:?}");
    assert_eq!(host.volumes(&order), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a libvirt host of its own, and an image"]
async fn a_seed_left_by_an_earlier_attempt_is_made_anew() {
    let host = Host::open().await;
    let provider = host.provider();
    let order = guest_order("ssh-ed25519 AAAA", 2);
    let before = provider.create(&order).await.unwrap_err();
    assert!(matches!(before.verdict, Verdict::Underway { .. }), "{}", before.chain());
    let key = |found: Option<innkeeper::machine::Machine>| found.unwrap().host_keys;
    let first = key(provider.find(&order.key).await.unwrap());
    host.remove(&order.key.name);
    assert_eq!(host.volumes(&order).len(), 3, "root, one more, and the seed");
    let again = provider.create(&order).await.unwrap_err();
    assert!(matches!(again.verdict, Verdict::Underway { .. }), "{}", again.chain());
    assert_ne!(key(provider.find(&order.key).await.unwrap()), first);
    assert_eq!(host.volumes(&order).len(), 3);
    provider.destroy(&order.key, Keep::Nothing).await.unwrap();
    assert_eq!(host.volumes(&order), [""; 0]);
}
