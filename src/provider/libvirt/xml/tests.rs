use uuid::Uuid;

use super::{NewVolume, domain, plain, read, run, seed_disk, tag, volume};
use crate::{
    identity::LeaseId,
    machine::{Bandwidth, Firmware, MachineKey, MachineOrder, Shape},
    provider::libvirt::{
        profile::{Card, Cpu, Disk, Format, Hypervisor, Network, Profile, Slot},
        tag::{Run, Tag},
    },
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

fn test_driver() -> Hypervisor {
    Hypervisor { domain_type: "test".into(), arch: None }
}

fn disk(slot: Slot, path: &str, format: Format) -> Disk {
    Disk { slot, path: path.into(), is_block: format == Format::Raw && slot == Slot::Root, format }
}

fn card(network: &str) -> Card {
    Card { network: Network::parse(network), bandwidth: Bandwidth::default() }
}

static BARE: Tag = Tag { lease: LEASE, pools: Vec::new(), build: 0, host_key: None, resume: false };

/// A machine with nothing but a processor and memory, but for what is adjusted.
fn described<'a>(
    order: &'a MachineOrder,
    hypervisor: &'a Hypervisor,
    adjust: impl FnOnce(&mut Profile<'a>),
) -> String {
    let mut profile = Profile {
        order,
        uuid: LEASE.0,
        tag: &BARE,
        hypervisor,
        cpu: &Cpu::HostModel,
        firmware: Firmware::Bios,
        disks: &[],
        card: None,
    };
    adjust(&mut profile);
    domain(&profile).unwrap()
}

#[test]
fn a_machine_is_described_whole() {
    let disks = [
        disk(Slot::Root, "/srv/images/web-1.qcow2", Format::Qcow2),
        disk(Slot::More(1), "/srv/images/web-1.disk1.qcow2", Format::Qcow2),
        disk(Slot::Seed, "/srv/images/web-1.seed.img", Format::Raw),
    ];
    let tag = Tag {
        pools: vec!["images".into(), "fast".into()],
        build: 1,
        host_key: Some("SHA256:x (ED25519)".into()),
        ..Tag::bare(LEASE)
    };
    let bandwidth = Bandwidth { inbound: Some(1250), outbound: None };
    let xml = described(&order("alice"), &kvm(), |profile| {
        profile.disks = &disks;
        profile.tag = &tag;
        profile.card = Some(Card { network: Network::Named("default".into()), bandwidth });
    });
    let ports = "<controller type=\"pci\" model=\"pcie-root-port\"/>";
    assert_eq!(xml.matches(ports).count(), 12);
    insta::assert_snapshot!(xml.replace(ports, "").replace("><", ">\n<"), @r#"
    <domain type="kvm">
    <name>web-1</name>
    <uuid>01234567-89ab-4cde-8f01-23456789abcd</uuid>
    <title>web-1</title>
    <description>For alice. Made by Innkeeper.</description>
    <metadata>
    <innkeeper:lease xmlns:innkeeper="https://innkeeper.invalid/xmlns/libvirt/1" id="01234567-89ab-4cde-8f01-23456789abcd" pool="images/fast" build="1" host-key="SHA256:x (ED25519)"/>
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
    <cpu mode="host-model"/>
    <clock offset="utc"/>
    <devices>
    <controller type="pci" model="pcie-root"/>
    <disk type="file" device="disk">
    <driver name="qemu" type="qcow2" discard="unmap"/>
    <source file="/srv/images/web-1.qcow2"/>
    <target dev="vda" bus="virtio"/>
    <serial>root</serial>
    </disk>
    <disk type="file" device="disk">
    <driver name="qemu" type="qcow2" discard="unmap"/>
    <source file="/srv/images/web-1.disk1.qcow2"/>
    <target dev="vdb" bus="virtio"/>
    <serial>disk1</serial>
    </disk>
    <disk type="file" device="disk">
    <driver name="qemu" type="raw"/>
    <source file="/srv/images/web-1.seed.img"/>
    <target dev="vdz" bus="virtio"/>
    <readonly/>
    <serial>seed</serial>
    </disk>
    <interface type="network">
    <mac address="52:54:00:01:c5:ae"/>
    <source network="default"/>
    <model type="virtio"/>
    <bandwidth>
    <inbound average="1250"/>
    </bandwidth>
    </interface>
    <console type="pty"/>
    <channel type="unix">
    <target type="virtio" name="org.qemu.guest_agent.0"/>
    </channel>
    <rng model="virtio">
    <backend model="random">/dev/urandom</backend>
    </rng>
    <memballoon model="virtio"/>
    </devices>
    </domain>
    "#);
}

#[test]
fn uefi_is_asked_for_without_secure_boot() {
    let xml = described(&order("alice"), &kvm(), |profile| profile.firmware = Firmware::Uefi);
    assert!(xml.contains(r#"<os firmware="efi">"#), "{xml}");
    assert!(xml.contains(r#"<feature enabled="no" name="secure-boot"/>"#), "{xml}");
    let pretended =
        described(&order("alice"), &test_driver(), |profile| profile.firmware = Firmware::Uefi);
    assert!(!pretended.contains("firmware"), "the test driver knows no firmware: {pretended}");
}

#[test]
fn the_processor_is_named_only_where_it_is_real() {
    let model = Cpu::Model("EPYC".to_owned());
    for (cpu, expected) in [
        (&Cpu::HostModel, r#"<cpu mode="host-model"/>"#),
        (&Cpu::HostPassthrough, r#"<cpu mode="host-passthrough"/>"#),
        (&model, r#"<cpu mode="custom" match="exact"><model>EPYC</model></cpu>"#),
    ] {
        let xml = described(&order("alice"), &kvm(), |profile| profile.cpu = cpu);
        assert!(xml.contains(expected), "{xml}");
    }
    let emulated = Hypervisor { domain_type: "qemu".into(), ..kvm() };
    assert!(!described(&order("alice"), &emulated, |_| {}).contains("<cpu"));
}

#[test]
fn a_block_device_is_attached_as_one() {
    let disks = [disk(Slot::Root, "/dev/vg0/web-1.raw", Format::Raw)];
    let xml = described(&order("alice"), &kvm(), |profile| profile.disks = &disks);
    assert!(xml.contains(r#"<disk type="block" device="disk">"#), "{xml}");
    assert!(xml.contains(r#"<source dev="/dev/vg0/web-1.raw"/>"#), "{xml}");
    assert!(!xml.contains("<interface"), "{xml}");
}

#[test]
fn a_bridge_is_plugged_into_by_name() {
    let xml = described(&order("alice"), &kvm(), |profile| profile.card = Some(card("bridge:br0")));
    assert!(xml.contains(r#"<interface type="bridge">"#), "{xml}");
    assert!(xml.contains(r#"<source bridge="br0"/>"#), "{xml}");
    assert!(!xml.contains("<bandwidth"), "{xml}");
}

#[test]
fn text_from_outside_never_becomes_markup() {
    let hostile = "</description><on_poweroff>restart</on_poweroff>&amp;\"'\u{1}\n\u{0}x";
    let order = order(hostile);
    let xml = described(&order, &kvm(), |profile| profile.card = Some(card("net'\"><script/>")));
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
fn a_volume_may_be_based_on_an_image() {
    let blank =
        NewVolume { name: "web-1.qcow2", capacity: 1 << 20, format: Format::Qcow2, backing: None };
    insta::assert_snapshot!(volume(blank).unwrap(), @r#"<volume><name>web-1.qcow2</name><capacity unit="bytes">1048576</capacity><allocation>0</allocation><target><format type="qcow2"/></target></volume>"#);
    let based = NewVolume { backing: Some(("/srv/debian.img", "raw")), ..blank };
    let xml = volume(based).unwrap();
    assert!(
        xml.ends_with(
            r#"<backingStore><path>/srv/debian.img</path><format type="raw"/></backingStore></volume>"#
        ),
        "{xml}"
    );
    assert_eq!(read::format_of_volume(&xml), "qcow2", "its own, not that of its image");
}

#[test]
fn a_tag_is_read_back_and_anything_else_is_none() {
    let whole = Tag {
        pools: vec!["a&b".into(), "fast".into()],
        build: 3,
        host_key: Some("SHA256:+/x (ED25519)".into()),
        resume: true,
        ..Tag::bare(LEASE)
    };
    for one in [Tag::bare(LEASE), whole] {
        assert_eq!(read::tag(&tag(&one).unwrap()), Some(one));
    }
    let id = LEASE.to_string();
    let cases = [
        (
            format!("<lease xmlns='https://innkeeper.invalid/xmlns/libvirt/1' id='{id}'/>"),
            Some(Tag::bare(LEASE)),
        ),
        (
            format!("<innkeeper:lease id=\"{id}\" pool=\"a\"></innkeeper:lease>"),
            Some(Tag { pools: vec!["a".into()], ..Tag::bare(LEASE) }),
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
fn times_of_a_run_are_read_back() {
    let moment = "2026-11-30T08:00:00.250Z".parse().ok();
    for one in
        [Run::default(), Run { since: moment, asked: None }, Run { since: moment, asked: moment }]
    {
        assert_eq!(read::run(&run(one).unwrap()), one);
    }
    assert_eq!(read::run("<run since='yesterday'/>"), Run::default());
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
    let efi = |values: &str| {
        format!(
            "<os><enum name='firmware'>{values}</enum><enum name='x'><value>efi</value></enum></os>"
        )
    };
    assert!(read::knows_efi(&efi("<value>bios</value>\n<value>efi</value>")));
    assert!(!read::knows_efi(&efi("")));
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
fn a_disk_is_where_it_is_and_not_where_its_image_is() {
    let xml = "<domain><memory unit='KiB'>65536</memory><devices>\
        <disk type='file' device='cdrom'><source file='/cd.iso'/><target dev='sda'/></disk>\
        <disk type='file' device='disk'><source file='/one.qcow2'/><backingStore type='file'>\
        <format type='qcow2'/><source file='/image.qcow2'/><backingStore type='file'>\
        <source file='/older.qcow2'/></backingStore></backingStore>\
        <target dev='vda' bus='virtio'/></disk>\
        <disk type='block'><source dev='/dev/vg0/two'/><backingStore/><target dev='vdb'/></disk>\
        <disk type='network' device='disk'><source protocol='rbd' name='x'/><target dev='vdc'/></disk>\
        </devices></domain>";
    let found: Vec<_> = read::disks(xml).into_iter().map(|disk| (disk.target, disk.path)).collect();
    let at = |path: &str| Some(path.to_owned());
    assert_eq!(
        found,
        [
            ("vda".to_owned(), at("/one.qcow2")),
            ("vdb".to_owned(), at("/dev/vg0/two")),
            ("vdc".to_owned(), None)
        ]
    );
    assert_eq!(read::memory(xml), Some(65_536));
}

#[test]
fn descriptions_keep_to_libvirts_schema() {
    let connect = virt::connect::Connect::open(Some("test:///default")).unwrap();
    let validate = virt::sys::VIR_DOMAIN_DEFINE_VALIDATE;
    let files = [
        disk(Slot::Root, "/srv/images/web-1.qcow2", Format::Qcow2),
        disk(Slot::More(1), "/srv/images/web-1.disk1.qcow2", Format::Qcow2),
        disk(Slot::Seed, "/srv/images/web-1.seed.img", Format::Raw),
    ];
    let block = [disk(Slot::Root, "/dev/vg0/web-1.raw", Format::Raw)];
    let both = Bandwidth { inbound: Some(1000), outbound: Some(2000) };
    let limited = || Some(Card { network: Network::Bridge("br0".into()), bandwidth: both });
    for (number, hypervisor, card, disks) in [
        (1, kvm(), Some(card("default")), &files[..]),
        (2, kvm(), None, &block[..]),
        (3, test_driver(), limited(), &[]),
    ] {
        let mut order = order("alice <alice@example.org> & \"co\"");
        order.key.name = format!("schema-{number}").as_str().into();
        let xml = described(&order, &hypervisor, |profile| {
            profile.uuid = Uuid::from_u128(number);
            profile.disks = disks;
            profile.card = card;
        });
        let defined = connect.define_domain_xml_flags(&xml, validate);
        assert!(defined.is_ok(), "{xml}\n{}", defined.unwrap_err());
    }
    assert!(connect.define_domain_xml_flags("<domain type='kvm'/>", validate).is_err());
    assert!(seed_disk(&files[2]).unwrap().starts_with("<disk "));
}
