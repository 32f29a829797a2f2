//! What every provider promises, told as one story that any adapter can be put
//! through.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use innkeeper::{
    identity::{LeaseId, MachineName},
    machine::{Keep, Machine, MachineKey, MachineOrder, Power, Shape},
    ports::{PortError, Verdict, provider::Provider},
    quantity::{Mebibytes, Vcpus},
};
use uuid::Uuid;

use self::patient::Patient;

#[path = "patient.rs"]
mod patient;

/// What happens behind the provider's back.
pub(crate) trait Outside: Sync {
    /// Another replica of the service, on the same host.
    fn replica(&self) -> Arc<dyn Provider>;
    /// Puts a machine there that is switched off.
    fn define(&self, name: &MachineName, uuid: Uuid, lease: Option<LeaseId>);
    /// Takes a machine away, as an admin would.
    fn remove(&self, name: &MachineName);
    /// How many machines are made at once, and how often two replicas race for
    /// one: fewer where making one takes seconds.
    fn crowd(&self) -> (u8, u8) {
        (20, 10)
    }
}

/// The whole story. Every provider has to come through it.
pub(crate) async fn contract(provider: Arc<dyn Provider>, outside: &dyn Outside) {
    whatever_is_cut_off_is_completed_by_the_next_call(&provider).await;
    let provider = &Patient(provider);
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
    many_machines_at_once_do_not_get_mixed_up(provider, outside).await;
    what_one_replica_made_another_destroys(provider, outside).await;
    a_machine_is_resized_once_however_often_it_is_asked(provider).await;
    a_machine_is_rebuilt_once_for_each_count(provider).await;
    a_stranger_is_adopted_and_then_ours(provider, outside).await;
    the_room_is_measured(provider).await;
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
    let found: Vec<_> = listed.iter().map(|machine| (&machine.name, machine.uuid)).collect();
    assert_eq!(found, [(&made.name, made.uuid)]);
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
    for number in 0..outside.crowd().1 {
        let order = order("raced", number);
        let other = Patient(outside.replica());
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
    provider.destroy(&order.key, Keep::Nothing).await.unwrap();
    provider.drop_backups(&order.key).await.unwrap();
    let key = known(&order, &provider.create(&order).await.unwrap());
    for _ in 0..2 {
        provider.destroy(&key, Keep::Nothing).await.unwrap();
        assert_eq!(provider.find(&key).await.unwrap(), None);
        assert_eq!(listed(provider, order.key.lease).await, []);
    }
    for _ in 0..2 {
        provider.drop_backups(&key).await.unwrap();
    }
    provider.create(&order).await.unwrap();
    provider.stop(&order.key).await.unwrap();
    provider.destroy(&order.key, Keep::Nothing).await.unwrap();
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
    provider.destroy(key, Keep::Nothing).await.unwrap();
}

async fn strangers_are_left_alone(provider: &dyn Provider, outside: &dyn Outside) {
    let others_lease = Some(lease("others", 0));
    for (number, lease) in [(0, None), (1, others_lease)] {
        let order = order("stranger", number);
        let uuid = Uuid::from_u128(0xfeed_0000 + u128::from(number));
        outside.define(&order.key.name, uuid, lease);
        refused(provider, &order, "it is not ours").await;

        let all = provider.list().await.unwrap();
        let shown = all.iter().find(|machine| machine.name == order.key.name).unwrap();
        assert_eq!((shown.lease, shown.power), (lease, Power::Off), "it is shown as it is");
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

async fn many_machines_at_once_do_not_get_mixed_up(provider: &dyn Provider, outside: &dyn Outside) {
    let orders: Vec<_> = (0..outside.crowd().0).map(|number| order("many", number)).collect();
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
    for gone in
        join_all(odd.iter().map(|(_, order)| provider.destroy(&order.key, Keep::Nothing))).await
    {
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
    Patient(outside.replica()).destroy(&key, Keep::Nothing).await.unwrap();
    assert_eq!(provider.find(&key).await.unwrap(), None);
}

/// As after a crash: nobody waits for the answer any more, and whoever comes
/// next knows nothing but the order.
async fn whatever_is_cut_off_is_completed_by_the_next_call(provider: &Arc<dyn Provider>) {
    let patient = &Patient(provider.clone());
    for (number, milliseconds) in [0, 1, 3, 30, 300, 1000, 2500].into_iter().enumerate() {
        let cut = Duration::from_millis(milliseconds);
        let mut order = order("cut-off", u8::try_from(number).unwrap());
        let _ = tokio::time::timeout(cut, patient.create(&order)).await;
        let made = patient.create(&order).await.unwrap();
        order.key.uuid = Some(made.uuid);
        assert_eq!(listed(patient, order.key.lease).await.len(), 1, "made within {cut:?}");
        let _ = tokio::time::timeout(cut, patient.stop(&order.key)).await;
        patient.start(&order.key).await.unwrap();
        order.rebuild = 1;
        let _ = tokio::time::timeout(cut, patient.rebuild(&order)).await;
        assert_eq!(patient.rebuild(&order).await.unwrap().uuid, made.uuid);
        let _ = tokio::time::timeout(cut, patient.destroy(&order.key, Keep::Nothing)).await;
        patient.destroy(&order.key, Keep::Nothing).await.unwrap();
        assert_eq!(listed(patient, order.key.lease).await, [], "destroyed within {cut:?}");
    }
}

async fn a_machine_is_resized_once_however_often_it_is_asked(provider: &dyn Provider) {
    let mut order = order("resized", 0);
    let missing = provider.resize(&order).await.unwrap_err();
    assert_eq!(missing.verdict, Verdict::Missing, "{}", missing.chain());
    let made = provider.create(&order).await.unwrap();
    order.key.uuid = Some(made.uuid);
    order.shape = Shape {
        vcpus: Vcpus::new(2).unwrap(),
        memory: Mebibytes::new(768).unwrap(),
        disk: Mebibytes::new(2048).unwrap(),
    };
    for _ in 0..2 {
        provider.resize(&order).await.unwrap();
        let found = provider.find(&order.key).await.unwrap().unwrap();
        assert_eq!((found.uuid, found.power), (made.uuid, Power::On));
        assert_eq!(found.shape, Some(order.shape));
    }
    provider.stop(&order.key).await.unwrap();
    order.shape.vcpus = Vcpus::new(1).unwrap();
    provider.resize(&order).await.unwrap();
    assert_eq!(power(provider, &order.key).await, Some(Power::Off), "it was off and stays so");
}

async fn a_machine_is_rebuilt_once_for_each_count(provider: &dyn Provider) {
    let mut order = order("rebuilt", 0);
    order.rebuild = 1;
    let missing = provider.rebuild(&order).await.unwrap_err();
    assert_eq!(missing.verdict, Verdict::Missing, "{}", missing.chain());
    order.rebuild = 0;
    let made = provider.create(&order).await.unwrap();
    order.key.uuid = Some(made.uuid);
    for count in [1, 1, 2] {
        order.rebuild = count;
        let rebuilt = provider.rebuild(&order).await.unwrap();
        assert_eq!((rebuilt.uuid, rebuilt.lease), (made.uuid, Some(order.key.lease)));
        assert_eq!(rebuilt.power, Power::On);
    }
    assert_eq!(listed(provider, order.key.lease).await.len(), 1);
}

async fn a_stranger_is_adopted_and_then_ours(provider: &dyn Provider, outside: &dyn Outside) {
    let mut order = order("adopted", 0);
    let uuid = Uuid::from_u128(0xad00_7ed0);
    order.key.uuid = Some(uuid);
    let missing = provider.adopt(&order.key).await.unwrap_err();
    assert_eq!(missing.verdict, Verdict::Missing, "{}", missing.chain());
    outside.define(&order.key.name, uuid, None);
    let found = provider.list().await.unwrap();
    let found = found.iter().find(|machine| machine.name == order.key.name).unwrap();
    order.key.uuid = Some(found.uuid);
    for _ in 0..2 {
        provider.adopt(&order.key).await.unwrap();
        let adopted = provider.find(&order.key).await.unwrap().unwrap();
        assert_eq!((adopted.uuid, adopted.lease), (found.uuid, Some(order.key.lease)));
    }
    let other = MachineKey { lease: lease("adopted", 1), ..order.key.clone() };
    let refused = provider.adopt(&other).await.unwrap_err();
    assert_eq!(refused.verdict, Verdict::GiveUp, "{}", refused.chain());
    let wrong = MachineKey { uuid: Some(Uuid::from_u128(0xdead)), ..order.key.clone() };
    let refused = provider.adopt(&wrong).await.unwrap_err();
    assert_eq!(refused.verdict, Verdict::GiveUp, "{}", refused.chain());
    provider.destroy(&order.key, Keep::Nothing).await.unwrap();
    assert_eq!(provider.find(&order.key).await.unwrap(), None);
}

async fn the_room_is_measured(provider: &dyn Provider) {
    let room = provider.capacity().await.unwrap();
    assert!(room.largest_memory <= room.memory, "{room:?}");
    assert!(room.memory >= 512, "{room:?}");
    let mut huge = order("huge", 0);
    huge.shape.memory = Mebibytes::MAX;
    assert!(room.shortage(&huge, &[]).is_some());
    let full = provider.create(&huge).await.unwrap_err();
    assert_eq!(full.verdict, Verdict::Full, "{}", full.chain());
    assert_eq!(listed(provider, huge.key.lease).await, [], "nothing of it is left");
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
        provider.destroy(key, Keep::Nothing).await.unwrap_err(),
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
    let key = MachineKey {
        lease: lease(story, number),
        name: MachineName(format!("{story}-{number}")),
        uuid: None,
    };
    let shape = Shape {
        vcpus: Vcpus::new(1).unwrap(),
        memory: Mebibytes::new(512).unwrap(),
        disk: Mebibytes::new(1024).unwrap(),
    };
    MachineOrder::plain(key, shape, "alice")
}
