//! libvirt keeps the contract of all providers, and what it adds to it.
//!
//! libvirt's test driver keeps one host for the whole process, so everything
//! here uses names of its own and looks only at its own leases.

#![cfg(feature = "libvirt")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{sync::Arc, time::Duration};

use innkeeper::{
    app::system::{SystemClock, SystemEntropy},
    identity::{LeaseId, MachineName},
    machine::{ExtraDisk, Keep, MachineKey, MachineOrder, Power},
    ports::{Verdict, finding::Grade, provider::Provider},
    provider::libvirt::{Libvirt, Settings},
    quantity::Mebibytes,
};
use uuid::Uuid;
use virt::{connect::Connect, sys};

use self::contract::{Outside, contract, listed, order, power};

#[path = "common/provider_contract.rs"]
mod contract;

/// A handle of its own on the host that all connections of this process share.
struct TestHost(Connect);

impl TestHost {
    fn open() -> Self {
        Self(Connect::open(Some("test:///default")).unwrap())
    }

    fn provider(pool: Option<&str>) -> Libvirt {
        let settings = Settings {
            stop_timeout: Duration::from_millis(10),
            default_network: Some("default".into()),
            default_pool: pool.map(str::to_owned),
            // The sample host has 3 GiB, and its sample machine 8 GiB.
            memory_percent: 100_000,
            ..Settings::new("kvm1".into(), "test:///default")
        };
        Libvirt::new(settings, Arc::new(SystemClock), Arc::new(SystemEntropy))
    }

    /// The volumes of a lease.
    fn volumes(&self, lease: LeaseId) -> Vec<String> {
        let pool = self.0.lookup_storage_pool_by_name("default-pool").unwrap();
        let names = pool.list_volumes().unwrap();
        names.into_iter().filter(|name| name.contains(&lease.to_string())).collect()
    }
}

impl Outside for TestHost {
    fn replica(&self) -> Arc<dyn Provider> {
        Arc::new(Self::provider(Some("default-pool")))
    }

    fn define(&self, name: &MachineName, uuid: Uuid, lease: Option<LeaseId>) {
        let metadata = lease.map_or_else(String::new, |lease| {
            format!(
                "<metadata><x:lease xmlns:x='https://innkeeper.invalid/xmlns/libvirt/1' \
                 id='{lease}'/></metadata>"
            )
        });
        let xml = format!(
            "<domain type='test'><name>{name}</name><uuid>{uuid}</uuid>{metadata}\
             <memory unit='MiB'>64</memory><os><type>hvm</type></os></domain>"
        );
        self.0.define_domain_xml(&xml).unwrap();
    }

    fn remove(&self, name: &MachineName) {
        let domain = self.0.lookup_domain_by_name(name.as_str()).unwrap();
        if domain.is_active().unwrap() {
            domain.destroy().unwrap();
        }
        domain.undefine().unwrap();
    }
}

#[tokio::test]
async fn libvirt_keeps_the_contract() {
    let host = TestHost::open();
    contract(host.replica(), &host).await;
}

#[tokio::test]
async fn a_machine_gets_a_disk_a_network_card_and_an_address() {
    let host = TestHost::open();
    let order = order("whole", 0);
    let made = host.replica().create(&order).await.unwrap();
    assert_eq!(made.uuid, order.key.lease.0, "the lease's id was proposed");
    assert_eq!(made.addresses.len(), 1, "{made:?}");
    assert_eq!(host.volumes(order.key.lease).len(), 1);
    let xml = host.0.lookup_domain_by_name("whole-0").unwrap().xml_desc(0).unwrap();
    for part in ["<title>whole-0</title>", "For alice.", "<acpi/>", "52:54:00:", "default-pool"] {
        assert!(xml.contains(part), "{part} is missing in {xml}");
    }
}

#[tokio::test]
async fn the_disk_goes_with_the_machine_even_after_the_machine_went_alone() {
    let host = TestHost::open();
    let provider = host.replica();
    let neighbour = order("neighbour", 0);
    provider.create(&neighbour).await.unwrap();
    for removed_by_hand in [false, true] {
        let order = order("disk", removed_by_hand.into());
        provider.create(&order).await.unwrap();
        assert_eq!(host.volumes(order.key.lease).len(), 1);
        if removed_by_hand {
            host.remove(&order.key.name);
        }
        provider.destroy(&order.key, Keep::Nothing).await.unwrap();
        assert_eq!(host.volumes(order.key.lease).len(), 0);
    }
    assert_eq!(host.volumes(neighbour.key.lease).len(), 1);
}

#[tokio::test]
async fn a_disk_left_by_an_earlier_attempt_is_taken_up() {
    let host = TestHost::open();
    let provider = host.replica();
    let order = order("leftover", 0);
    provider.create(&order).await.unwrap();
    host.remove(&order.key.name);
    assert_eq!(host.volumes(order.key.lease).len(), 1);
    provider.create(&order).await.unwrap();
    assert_eq!(host.volumes(order.key.lease).len(), 1);
}

#[tokio::test]
async fn a_paused_machine_is_stopped_and_started_all_the_same() {
    let host = TestHost::open();
    let provider = host.replica();
    let order = order("paused", 0);
    provider.create(&order).await.unwrap();
    let domain = host.0.lookup_domain_by_name("paused-0").unwrap();

    domain.suspend().unwrap();
    provider.start(&order.key).await.unwrap();
    assert!(domain.info().unwrap().state.is(virt::domain::DomainState::Running));

    domain.suspend().unwrap();
    provider.stop(&order.key).await.unwrap();
    assert_eq!(power(&*provider, &order.key).await, Some(Power::Off));
}

#[tokio::test]
async fn a_guest_that_does_not_shut_down_is_switched_off() {
    let host = TestHost::open();
    let key = order("stubborn", 0).key;
    let xml = format!(
        "<domain type='test'><name>{}</name><uuid>{1}</uuid><metadata>\
         <x:lease xmlns:x='https://innkeeper.invalid/xmlns/libvirt/1' id='{1}'/></metadata>\
         <memory>1024</memory><os><type>hvm</type></os><on_poweroff>restart</on_poweroff></domain>",
        key.name, key.lease
    );
    let domain = host.0.define_domain_xml(&xml).unwrap();
    domain.create().unwrap();
    domain.shutdown().unwrap();
    assert!(domain.is_active().unwrap(), "shutting down alone is not enough");

    host.replica().stop(&key).await.unwrap();
    assert!(!domain.is_active().unwrap());
}

#[tokio::test]
async fn what_would_keep_a_definition_goes_with_it() {
    let host = TestHost::open();
    let provider = host.replica();
    let order = order("kept", 0);
    provider.create(&order).await.unwrap();
    let domain = host.0.lookup_domain_by_name("kept-0").unwrap();
    let snapshot = "<domainsnapshot><name>before</name></domainsnapshot>";
    domain.create_snapshot_xml(snapshot, 0).unwrap();
    domain.managed_save(0).unwrap();
    provider.destroy(&order.key, Keep::Nothing).await.unwrap();
    assert_eq!(listed(&*provider, order.key.lease).await, []);
}

#[tokio::test]
async fn a_machine_that_was_undefined_while_it_ran_is_destroyed() {
    let host = TestHost::open();
    let provider = host.replica();
    let order = order("transient", 0);
    provider.create(&order).await.unwrap();
    host.0.lookup_domain_by_name("transient-0").unwrap().undefine().unwrap();
    assert_eq!(power(&*provider, &order.key).await, Some(Power::On));
    provider.destroy(&order.key, Keep::Nothing).await.unwrap();
    assert_eq!(listed(&*provider, order.key.lease).await, []);
    assert_eq!(host.volumes(order.key.lease).len(), 0);
}

#[tokio::test]
async fn a_disk_in_a_stopped_pool_is_not_forgotten() {
    let host = TestHost::open();
    let xml = "<pool type='dir'><name>second</name><target><path>/second</path></target></pool>";
    let pool = host.0.define_storage_pool_xml(xml, 0).unwrap();
    pool.create(sys::VIR_STORAGE_POOL_CREATE_NORMAL).unwrap();
    let provider = TestHost::provider(Some("second"));
    let order = order("stopped-pool", 0);
    provider.create(&order).await.unwrap();

    pool.destroy().unwrap();
    let error = provider.destroy(&order.key, Keep::Nothing).await.unwrap_err();
    assert!(error.advice.as_deref().unwrap().contains("virsh pool-start second"));
    assert_eq!(power(&provider, &order.key).await, Some(Power::On), "nothing was touched");
    assert!(provider.create(&contract::order("stopped-pool", 1)).await.is_err());
}

#[tokio::test]
async fn what_the_host_does_not_have_is_given_up_with_advice() {
    let _host = TestHost::open();
    let provider = TestHost::provider(None);
    let base = order("impossible", 0);
    let too_long = "x".repeat(64);
    let names = ["", "../x", "a\0b", "web.1", "Web", "-x", "ä", too_long.as_str()];
    let called = |name: &str| MachineOrder {
        key: MachineKey { name: name.into(), ..base.key.clone() },
        ..base.clone()
    };
    let mut orders: Vec<_> = names.into_iter().map(called).collect();
    orders.push(MachineOrder { storage: Some("no such pool".into()), ..base.clone() });
    orders.push(MachineOrder { network: Some("bad\u{1}network".into()), ..base.clone() });
    for order in orders {
        let error = provider.create(&order).await.unwrap_err();
        assert_eq!(error.verdict, Verdict::GiveUp, "{}", error.chain());
        assert!(error.advice.is_some(), "{}", error.chain());
        assert_eq!(listed(&provider, order.key.lease).await, []);
    }
}

#[tokio::test]
async fn a_full_pool_leaves_nothing_behind_and_may_pass() {
    let host = TestHost::open();
    let xml = "<pool type='logical'><name>vg0</name><source><name>vg0</name></source>\
               <target><path>/dev/vg0</path></target></pool>";
    let pool = host.0.define_storage_pool_xml(xml, 0).unwrap();
    pool.create(sys::VIR_STORAGE_POOL_CREATE_NORMAL).unwrap();
    let provider = TestHost::provider(Some("vg0"));
    let fits = order("volume-group", 0);
    let disk = Mebibytes::new(1024 * 1024).unwrap();
    let mut too_large = order("volume-group", 1);
    too_large.shape.disk = disk;

    provider.create(&fits).await.unwrap();
    let error = provider.create(&too_large).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Full, "{}", error.chain());
    assert!(error.chain().contains("1 TiB of disk space in vg0"), "{}", error.chain());
    assert_eq!(listed(&provider, too_large.key.lease).await, []);
    assert_eq!(pool.list_volumes().unwrap(), [format!("volume-group-0.{}.raw", fits.key.lease)]);
}

#[tokio::test]
async fn more_disks_are_made_in_their_pools_and_go_with_the_machine() {
    let host = TestHost::open();
    let provider = host.replica();
    let mut order = order("more-disks", 0);
    let size = Mebibytes::new(2048).unwrap();
    order.more_disks = vec![ExtraDisk { size, storage: None }; 2];
    provider.create(&order).await.unwrap();
    let mut volumes = host.volumes(order.key.lease);
    volumes.sort();
    let expected = ["disk1.qcow2", "disk2.qcow2", "qcow2"];
    assert_eq!(volumes, expected.map(|end| format!("more-disks-0.{}.{end}", order.key.lease)));

    order.more_disks = vec![ExtraDisk { size, storage: Some("nowhere".to_owned()) }];
    order.key = contract::order("more-disks", 1).key;
    let error = provider.create(&order).await.unwrap_err();
    assert!(error.chain().contains("no storage pool `nowhere`"), "{}", error.chain());
    assert!(error.advice.unwrap().contains("default-pool"), "what there is instead");
    assert_eq!(host.volumes(order.key.lease).len(), 0, "and nothing is left");

    order.key = contract::order("more-disks", 0).key;
    provider.destroy(&order.key, Keep::Nothing).await.unwrap();
    assert_eq!(host.volumes(order.key.lease).len(), 0);
}

#[tokio::test]
async fn disks_are_kept_until_the_backups_are_dropped() {
    let host = TestHost::open();
    let provider = host.replica();
    let order = order("kept-disks", 0);
    provider.create(&order).await.unwrap();
    let error = provider.drop_backups(&order.key).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::GiveUp, "{}", error.chain());
    assert_eq!(host.volumes(order.key.lease).len(), 1, "those of a machine are no backups");
    for _ in 0..2 {
        provider.destroy(&order.key, Keep::Disks).await.unwrap();
        assert_eq!(listed(&*provider, order.key.lease).await, []);
        assert_eq!(host.volumes(order.key.lease).len(), 1);
    }
    for _ in 0..2 {
        provider.drop_backups(&order.key).await.unwrap();
        assert_eq!(host.volumes(order.key.lease).len(), 0);
    }
}

#[tokio::test]
async fn disks_only_grow() {
    let host = TestHost::open();
    let provider = host.replica();
    let mut order = order("shrinking", 0);
    provider.create(&order).await.unwrap();
    order.shape.disk = Mebibytes::new(512).unwrap();
    let error = provider.resize(&order).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::GiveUp, "{}", error.chain());
    assert_eq!(error.advice.as_deref(), Some("ask for 1 GiB or more"));
    order.shape.disk = Mebibytes::MAX;
    let error = provider.resize(&order).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Full, "{}", error.chain());
}

#[tokio::test]
async fn a_pretended_host_is_examined_as_a_real_one_is() {
    let host = TestHost::open();
    let found = host.replica().examine(&[]).await;
    assert!(found.iter().all(|finding| finding.grade < Grade::Bad), "{found:#?}");
    assert!(found.iter().any(|finding| finding.what.contains("Network `default`")), "{found:#?}");

    let found = TestHost::provider(Some("nowhere")).examine(&[]).await;
    let bad: Vec<_> = found.iter().filter(|finding| finding.grade == Grade::Bad).collect();
    assert_eq!(bad.len(), 1, "{found:#?}");
    assert!(bad[0].what.contains("no storage pool `nowhere`"), "{found:#?}");
    assert!(bad[0].advice.as_deref().unwrap().contains("default-pool"), "{found:#?}");
}

#[tokio::test]
async fn a_host_that_is_away_is_one_finding() {
    let settings = Settings::new("kvm1".into(), "test+unix:///default?socket=/nowhere/sock");
    let provider = Libvirt::new(settings, Arc::new(SystemClock), Arc::new(SystemEntropy));
    let found = provider.examine(&[]).await;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].grade, Grade::Bad);
    assert!(found[0].advice.as_deref().unwrap().contains("libvirtd"));
}
