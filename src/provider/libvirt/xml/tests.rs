use uuid::Uuid;

use super::{Disk, Format, Hypervisor, Tag, domain, mac_address, plain, read};
use crate::{
    identity::LeaseId,
    machine::{MachineKey, MachineOrder, Shape},
    quantity::{Mebibytes, Vcpus},
};

const LEASE: LeaseId = LeaseId(Uuid::from_u128(0x0123_4567_89ab_4cde_8f01_2345_6789_abcd));

fn order(owner: &str) -> MachineOrder {
    let shape = Shape {
        vcpus: Vcpus::new(2).unwrap(),
        memory: Mebibytes::new(2048).unwrap(),
        disk: Mebibytes::new(10_240).unwrap(),
    };
    MachineOrder::plain(MachineKey { lease: LEASE, name: "web-1".into(), uuid: None }, shape, owner)
}

fn kvm() -> Hypervisor {
    Hypervisor { domain_type: "kvm".into(), arch: Some("x86_64".into()) }
}

fn disk(path: &str, format: Format) -> Disk {
    Disk { pool: "images".into(), path: path.into(), format }
}

#[test]
fn a_machine_is_described_whole() {
    let disk = disk("/srv/images/web-1.qcow2", Format::Qcow2);
    let xml = domain(&order("alice"), LEASE.0, &kvm(), Some("default"), Some(&disk)).unwrap();
    insta::assert_snapshot!(xml.replace("><", ">\n<"), @r#"
    <domain type="kvm">
    <name>web-1</name>
    <uuid>01234567-89ab-4cde-8f01-23456789abcd</uuid>
    <title>web-1</title>
    <description>For alice. Made by Innkeeper.</description>
    <metadata>
    <innkeeper:lease xmlns:innkeeper="https://innkeeper.invalid/xmlns/libvirt/1" id="01234567-89ab-4cde-8f01-23456789abcd" pool="images"/>
    </metadata>
    <memory unit="MiB">2048</memory>
    <vcpu>2</vcpu>
    <os>
    <type arch="x86_64" machine="q35">hvm</type>
    <boot dev="hd"/>
    </os>
    <features>
    <acpi/>
    </features>
    <clock offset="utc"/>
    <devices>
    <disk type="file" device="disk">
    <driver name="qemu" type="qcow2" discard="unmap"/>
    <source file="/srv/images/web-1.qcow2"/>
    <target dev="vda" bus="virtio"/>
    </disk>
    <interface type="network">
    <mac address="52:54:00:01:c5:ae"/>
    <source network="default"/>
    <model type="virtio"/>
    </interface>
    <console type="pty"/>
    <channel type="unix">
    <target type="virtio" name="org.qemu.guest_agent.0"/>
    </channel>
    <rng model="virtio">
    <backend model="random">/dev/urandom</backend>
    </rng>
    </devices>
    </domain>
    "#);
}

#[test]
fn a_block_device_is_attached_as_one() {
    let disk = disk("/dev/vg0/web-1.raw", Format::Raw);
    let xml = domain(&order("alice"), LEASE.0, &kvm(), None, Some(&disk)).unwrap();
    assert!(xml.contains(r#"<disk type="block" device="disk">"#), "{xml}");
    assert!(xml.contains(r#"<source dev="/dev/vg0/web-1.raw"/>"#), "{xml}");
    assert!(!xml.contains("<interface"), "{xml}");
}

#[test]
fn text_from_outside_never_becomes_markup() {
    let hostile = "</description><on_poweroff>restart</on_poweroff>&amp;\"'\u{1}\n\u{0}x";
    let network = "net'\"><script/>";
    let xml = domain(&order(hostile), LEASE.0, &kvm(), Some(network), None).unwrap();
    assert!(!xml.contains("<on_poweroff>"), "{xml}");
    assert!(!xml.contains("<script"), "{xml}");
    assert!(!xml.chars().any(char::is_control), "{xml:?}");
    let mut reader = quick_xml::Reader::from_str(&xml);
    while reader.read_event().unwrap() != quick_xml::events::Event::Eof {}
}

#[test]
fn long_text_is_cut() {
    assert_eq!(plain(&"ä".repeat(500)).chars().count(), 200);
    assert_eq!(plain("a\u{2028}b\u{ffff}c\rd"), "a b c d");
}

#[test]
fn a_tag_is_read_back_and_anything_else_is_none() {
    let id = LEASE.to_string();
    let tag = |pool: Option<&str>| Some(Tag { lease: LEASE, pool: pool.map(str::to_owned) });
    let cases = [
        (
            format!("<lease xmlns='https://innkeeper.invalid/xmlns/libvirt/1' id='{id}'/>"),
            tag(None),
        ),
        (
            format!("<innkeeper:lease id=\"{id}\" pool=\"a&amp;b\"></innkeeper:lease>"),
            tag(Some("a&b")),
        ),
        ("<lease id='17'/>".to_owned(), None),
        (format!("<least id='{id}'/>"), None),
        ("<lease".to_owned(), None),
        (String::new(), None),
    ];
    for (metadata, expected) in cases {
        assert_eq!(read::tag(&metadata), expected, "{metadata}");
    }
}

#[test]
fn a_network_card_keeps_its_address_and_shares_it_with_nobody() {
    let address = mac_address(LEASE);
    assert_eq!(address, mac_address(LEASE));
    assert_ne!(address, mac_address(LeaseId(Uuid::from_u128(2))));
}

#[test]
fn what_a_host_can_run_is_read_from_its_capabilities() {
    let with = |domain: &str| {
        format!(
            "<capabilities><host><cpu>\n<arch> x86_64 </arch></cpu></host><guest>\
             <arch name='aarch64'><domain type='qemu'/></arch></guest><guest>\
             <arch name='x86_64'><domain type='{domain}'/></arch></guest></capabilities>"
        )
    };
    assert_eq!(read::hypervisor(&with("kvm")), kvm());
    assert_eq!(
        read::hypervisor(&with("qemu")),
        Hypervisor { domain_type: "qemu".into(), arch: Some("x86_64".into()) }
    );
    assert_eq!(
        read::hypervisor("<capabilities"),
        Hypervisor { domain_type: "qemu".into(), arch: None }
    );
}

#[test]
fn pools_of_files_hold_files_that_grow() {
    for (pool, format) in [
        ("<pool type='dir'><name>images</name></pool>", Format::Qcow2),
        ("<pool type='netfs'/>", Format::Qcow2),
        ("<pool type='logical'/>", Format::Raw),
        ("", Format::Raw),
    ] {
        assert_eq!(read::format_of_pool(pool), format, "{pool}");
    }
}

#[test]
fn descriptions_keep_to_libvirts_schema() {
    let connect = virt::connect::Connect::open(Some("test:///default")).unwrap();
    let validate = virt::sys::VIR_DOMAIN_DEFINE_VALIDATE;
    let file = disk("/srv/images/web-1.qcow2", Format::Qcow2);
    let block = disk("/dev/vg0/web-1.raw", Format::Raw);
    let test = Hypervisor { domain_type: "test".into(), arch: None };
    for (number, hypervisor, network, disk) in [
        (1, kvm(), Some("default"), Some(&file)),
        (2, kvm(), None, Some(&block)),
        (3, test, Some("default"), None),
    ] {
        let mut order = order("alice <alice@example.org> & \"co\"");
        order.key.name = format!("schema-{number}").as_str().into();
        let xml = domain(&order, Uuid::from_u128(number), &hypervisor, network, disk).unwrap();
        let defined = connect.define_domain_xml_flags(&xml, validate);
        assert!(defined.is_ok(), "{xml}\n{}", defined.unwrap_err());
    }
    assert!(connect.define_domain_xml_flags("<domain type='kvm'/>", validate).is_err());
}
