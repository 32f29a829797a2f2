//! What every provider promises, told as one story that any adapter can be put
//! through, and what libvirt adds to it.
//!
//! libvirt's test driver keeps one host for the whole process, so everything
//! here uses names of its own and looks only at its own leases.

#![cfg(feature = "libvirt")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use innkeeper::{
    identity::{LeaseId, MachineName},
    ports::{
        PortError, Verdict,
        provider::{Machine, MachineKey, MachineOrder, Power, Provider},
    },
    provider::libvirt::{Libvirt, Settings},
    quantity::{Mebibytes, Vcpus},
};
use uuid::Uuid;
use virt::{connect::Connect, sys};

/// What happens behind the provider's back.
trait Outside: Sync {
    /// Another replica of the service, on the same host.
    fn replica(&self) -> Arc<dyn Provider>;
    /// Puts a machine there that is switched off.
    fn define(&self, name: &MachineName, uuid: Uuid, lease: Option<LeaseId>);
    /// Takes a machine away, as an admin would.
    fn remove(&self, name: &MachineName);
}

/// The whole story. Every provider has to come through it.
async fn contract(provider: Arc<dyn Provider>, outside: &dyn Outside) {
    let provider = &*provider;
    a_created_machine_runs_and_is_listed(provider).await;
    creating_again_is_the_same_machine(provider).await;
    replicas_creating_at_once_make_one_machine(provider, outside).await;
    a_half_made_machine_is_completed(provider, outside).await;
    power_can_be_switched_repeatedly(provider).await;
    destroying_again_is_fine(provider).await;
    what_was_removed_behind_our_back_is_gone(provider, outside).await;
    strangers_are_left_alone(provider, outside).await;
    a_machine_of_another_uuid_is_left_alone(provider).await;
    a_renamed_machine_is_left_alone(provider, outside).await;
    many_machines_at_once_do_not_get_mixed_up(provider).await;
    what_one_replica_made_another_destroys(provider, outside).await;
}

async fn a_created_machine_runs_and_is_listed(provider: &dyn Provider) {
    let order = order("created", 0);
    assert_eq!(provider.find(&order.key).await.unwrap(), None);
    let made = provider.create(&order).await.unwrap();
    assert_eq!(made.name, order.key.name);
    assert_eq!(made.lease, Some(order.key.lease));
    assert_eq!(made.power, Power::On);
    assert_eq!(provider.find(&order.key).await.unwrap(), Some(made.clone()));
    assert_eq!(provider.find(&known(&order, &made)).await.unwrap(), Some(made.clone()));
    let listed = listed(provider, order.key.lease).await;
    let without_addresses = Machine { addresses: Vec::new(), ..made };
    let found: Vec<_> =
        listed.into_iter().map(|machine| Machine { addresses: Vec::new(), ..machine }).collect();
    assert_eq!(found, [without_addresses]);
}

async fn creating_again_is_the_same_machine(provider: &dyn Provider) {
    let mut order = order("again", 0);
    let first = provider.create(&order).await.unwrap();
    assert_eq!(provider.create(&order).await.unwrap().uuid, first.uuid);
    order.key.uuid = Some(first.uuid);
    assert_eq!(provider.create(&order).await.unwrap().uuid, first.uuid);
    assert_eq!(listed(provider, order.key.lease).await.len(), 1);
}

async fn replicas_creating_at_once_make_one_machine(
    provider: &dyn Provider,
    outside: &dyn Outside,
) {
    for number in 0..10 {
        let order = order("raced", number);
        let other = outside.replica();
        let (one, two) = tokio::join!(provider.create(&order), other.create(&order));
        assert_eq!(one.unwrap().uuid, two.unwrap().uuid);
        assert_eq!(listed(provider, order.key.lease).await.len(), 1);
    }
}

async fn a_half_made_machine_is_completed(provider: &dyn Provider, outside: &dyn Outside) {
    let order = order("half-made", 0);
    outside.define(&order.key.name, order.key.lease.0, Some(order.key.lease));
    assert_eq!(provider.find(&order.key).await.unwrap().unwrap().power, Power::Off);
    let made = provider.create(&order).await.unwrap();
    assert_eq!((made.power, made.lease), (Power::On, Some(order.key.lease)));
    assert_eq!(listed(provider, order.key.lease).await.len(), 1);
}

async fn power_can_be_switched_repeatedly(provider: &dyn Provider) {
    let order = order("power", 0);
    let key = &order.key;
    for missing in [provider.start(key).await, provider.reboot(key).await] {
        assert_eq!(missing.unwrap_err().verdict, Verdict::Missing);
    }
    provider.stop(key).await.unwrap();

    let key = &known(&order, &provider.create(&order).await.unwrap());
    for _ in 0..2 {
        provider.stop(key).await.unwrap();
        assert_eq!(power(provider, key).await, Some(Power::Off));
    }
    for _ in 0..2 {
        provider.start(key).await.unwrap();
        assert_eq!(power(provider, key).await, Some(Power::On));
    }
    provider.reboot(key).await.unwrap();
    assert_eq!(power(provider, key).await, Some(Power::On));
    provider.stop(key).await.unwrap();
    provider.reboot(key).await.unwrap();
    assert_eq!(power(provider, key).await, Some(Power::On), "a machine that was off");
}

async fn destroying_again_is_fine(provider: &dyn Provider) {
    let order = order("destroyed", 0);
    provider.destroy(&order.key).await.unwrap();
    provider.drop_backups(&order.key).await.unwrap();
    let key = known(&order, &provider.create(&order).await.unwrap());
    for _ in 0..2 {
        provider.destroy(&key).await.unwrap();
        assert_eq!(provider.find(&key).await.unwrap(), None);
        assert_eq!(listed(provider, order.key.lease).await, []);
    }
    for _ in 0..2 {
        provider.drop_backups(&key).await.unwrap();
    }
    provider.create(&order).await.unwrap();
    provider.stop(&order.key).await.unwrap();
    provider.destroy(&order.key).await.unwrap();
    assert_eq!(listed(provider, order.key.lease).await, [], "destroyed while it was off");
}

async fn what_was_removed_behind_our_back_is_gone(provider: &dyn Provider, outside: &dyn Outside) {
    let order = order("removed", 0);
    let key = &known(&order, &provider.create(&order).await.unwrap());
    outside.remove(&key.name);
    assert_eq!(provider.find(key).await.unwrap(), None);
    assert_eq!(provider.start(key).await.unwrap_err().verdict, Verdict::Missing);
    assert_eq!(provider.reboot(key).await.unwrap_err().verdict, Verdict::Missing);
    provider.stop(key).await.unwrap();
    provider.destroy(key).await.unwrap();
}

async fn strangers_are_left_alone(provider: &dyn Provider, outside: &dyn Outside) {
    let others_lease = Some(lease("others", 0));
    for (number, lease) in [(0, None), (1, others_lease)] {
        let order = order("stranger", number);
        let uuid = Uuid::from_u128(0xfeed_0000 + u128::from(number));
        outside.define(&order.key.name, uuid, lease);
        refused(provider, &order, "it is not ours").await;

        let expected = Machine {
            name: order.key.name.clone(),
            uuid,
            lease,
            power: Power::Off,
            addresses: Vec::new(),
        };
        let all = provider.list().await.unwrap();
        assert!(all.contains(&expected), "it is shown as it is: {all:?}");
        assert_eq!(listed(provider, order.key.lease).await, []);
    }
}

async fn a_machine_of_another_uuid_is_left_alone(provider: &dyn Provider) {
    let order = order("other-uuid", 0);
    let made = provider.create(&order).await.unwrap();
    let mut wrong = order.clone();
    wrong.key.uuid = Some(Uuid::from_u128(0xdead));
    refused(provider, &wrong, "the UUID differs").await;
    assert_eq!(power(provider, &order.key).await, Some(Power::On));
    assert_eq!(provider.find(&order.key).await.unwrap().unwrap().uuid, made.uuid);
}

async fn a_renamed_machine_is_left_alone(provider: &dyn Provider, outside: &dyn Outside) {
    let mut order = order("renamed", 0);
    order.key.uuid = Some(order.key.lease.0);
    outside.define(&"renamed-by-hand".into(), order.key.lease.0, Some(order.key.lease));
    refused(provider, &order, "the name differs").await;
    assert_eq!(listed(provider, order.key.lease).await.len(), 1, "and none was made besides it");
}

async fn many_machines_at_once_do_not_get_mixed_up(provider: &dyn Provider) {
    let orders: Vec<_> = (0..20).map(|number| order("many", number)).collect();
    let made = join_all(orders.iter().map(|order| provider.create(order))).await;
    for (order, made) in orders.iter().zip(made) {
        let made = made.unwrap();
        assert_eq!((&made.name, made.lease), (&order.key.name, Some(order.key.lease)));
        let found: Vec<_> =
            listed(provider, order.key.lease).await.into_iter().map(|found| found.uuid).collect();
        assert_eq!(found, [made.uuid]);
    }
    let (odd, even): (Vec<_>, Vec<_>) =
        orders.iter().enumerate().partition(|(number, _)| number % 2 == 1);
    for gone in join_all(odd.iter().map(|(_, order)| provider.destroy(&order.key))).await {
        gone.unwrap();
    }
    for (_, order) in odd {
        assert_eq!(listed(provider, order.key.lease).await, []);
    }
    for (_, order) in even {
        assert_eq!(power(provider, &order.key).await, Some(Power::On));
    }
}

async fn what_one_replica_made_another_destroys(provider: &dyn Provider, outside: &dyn Outside) {
    let order = order("handed-on", 0);
    let key = known(&order, &provider.create(&order).await.unwrap());
    outside.replica().destroy(&key).await.unwrap();
    assert_eq!(provider.find(&key).await.unwrap(), None);
}

/// Every call on that machine is refused for good, with advice and a reason.
async fn refused(provider: &dyn Provider, order: &MachineOrder, why: &str) {
    let key = &order.key;
    let errors: [PortError; 6] = [
        provider.create(order).await.unwrap_err(),
        provider.find(key).await.unwrap_err(),
        provider.start(key).await.unwrap_err(),
        provider.stop(key).await.unwrap_err(),
        provider.reboot(key).await.unwrap_err(),
        provider.destroy(key).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.verdict, Verdict::GiveUp, "{why}: {}", error.chain());
        assert!(error.advice.is_some(), "{why}: {}", error.chain());
        assert!(error.chain().contains(key.name.as_str()), "{why}: {}", error.chain());
    }
}

/// The machines of one lease.
async fn listed(provider: &dyn Provider, lease: LeaseId) -> Vec<Machine> {
    let all = provider.list().await.unwrap();
    all.into_iter().filter(|machine| machine.lease == Some(lease)).collect()
}

async fn power(provider: &dyn Provider, key: &MachineKey) -> Option<Power> {
    provider.find(key).await.unwrap().map(|machine| machine.power)
}

/// The key once the provider has told its id.
fn known(order: &MachineOrder, made: &Machine) -> MachineKey {
    MachineKey { uuid: Some(made.uuid), ..order.key.clone() }
}

fn lease(story: &str, number: u8) -> LeaseId {
    let digest = innkeeper::identity::Digest::of(format!("{story} {number}")).to_string();
    LeaseId(Uuid::parse_str(&digest[..32]).unwrap())
}

fn order(story: &str, number: u8) -> MachineOrder {
    MachineOrder {
        key: MachineKey {
            lease: lease(story, number),
            name: MachineName(format!("{story}-{number}")),
            uuid: None,
        },
        vcpus: Vcpus::new(1).unwrap(),
        memory: Mebibytes::new(512).unwrap(),
        disk: Mebibytes::new(1024).unwrap(),
        image: None,
        network: None,
        storage: None,
        ssh_keys: Vec::new(),
        owner: "alice".into(),
    }
}

/// A handle of its own on the host that all connections of this process share.
struct TestHost(Connect);

impl TestHost {
    fn open() -> Self {
        Self(Connect::open(Some("test:///default")).unwrap())
    }

    fn provider(pool: Option<&str>) -> Libvirt {
        Libvirt::new(Settings {
            name: "kvm1".into(),
            uri: "test:///default".into(),
            stop_timeout: Duration::from_millis(10),
            call_timeout: Duration::from_mins(1),
            default_network: Some("default".into()),
            default_pool: pool.map(str::to_owned),
        })
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
        provider.destroy(&order.key).await.unwrap();
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
    provider.destroy(&order.key).await.unwrap();
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
    provider.destroy(&order.key).await.unwrap();
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
    let error = provider.destroy(&order.key).await.unwrap_err();
    assert!(error.advice.as_deref().unwrap().contains("virsh pool-start second"));
    assert_eq!(power(&provider, &order.key).await, Some(Power::On), "nothing was touched");
    assert!(provider.create(&self::order("stopped-pool", 1)).await.is_err());
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
    let too_large = MachineOrder { disk, ..order("volume-group", 1) };

    provider.create(&fits).await.unwrap();
    let error = provider.create(&too_large).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Retry { after: None }, "{}", error.chain());
    assert_eq!(listed(&provider, too_large.key.lease).await, []);
    assert_eq!(pool.list_volumes().unwrap(), [format!("volume-group-0.{}.raw", fits.key.lease)]);
}
