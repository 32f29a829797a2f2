//! What every provider promises, told as one story that any adapter can be put
//! through.

use std::sync::Arc;

use futures::future::join_all;
use innkeeper::{
    identity::{LeaseId, MachineName},
    ports::{
        PortError, Verdict,
        provider::{Machine, MachineKey, MachineOrder, Power, Provider},
    },
    quantity::{Mebibytes, Vcpus},
};
use uuid::Uuid;

/// What happens behind the provider's back.
pub(crate) trait Outside: Sync {
    /// Another replica of the service, on the same host.
    fn replica(&self) -> Arc<dyn Provider>;
    /// Puts a machine there that is switched off.
    fn define(&self, name: &MachineName, uuid: Uuid, lease: Option<LeaseId>);
    /// Takes a machine away, as an admin would.
    fn remove(&self, name: &MachineName);
}

/// The whole story. Every provider has to come through it.
pub(crate) async fn contract(provider: Arc<dyn Provider>, outside: &dyn Outside) {
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
pub(crate) async fn listed(provider: &dyn Provider, lease: LeaseId) -> Vec<Machine> {
    let all = provider.list().await.unwrap();
    all.into_iter().filter(|machine| machine.lease == Some(lease)).collect()
}

pub(crate) async fn power(provider: &dyn Provider, key: &MachineKey) -> Option<Power> {
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

pub(crate) fn order(story: &str, number: u8) -> MachineOrder {
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
