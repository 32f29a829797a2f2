//! How long things take, and how much of it is ours: printed, never judged.

use std::time::{Duration, Instant};

use futures::future::join_all;
use innkeeper::{
    machine::{Keep, MachineOrder},
    ports::{PortError, provider::Provider},
    provider::libvirt::Settings,
};
use virt::{connect::Connect, storage_vol::StorageVol, sys};

use super::{
    contract::order,
    host::{Host, patiently, provider},
};

const AT_ONCE: u8 = 8;

/// The same as one machine made and destroyed, in nothing but calls of the
/// binding: what was defined before is defined again under its own name.
fn raw(connect: &Connect, volume: &str, domain: &str) {
    let pool = connect.lookup_storage_pool_by_name(pool_name(connect)).unwrap();
    let volume = StorageVol::create_xml(&pool, volume, 0).unwrap();
    let domain = connect.define_domain_xml(domain).unwrap();
    domain.create().unwrap();
    domain.destroy().unwrap();
    domain.undefine_flags(sys::VIR_DOMAIN_UNDEFINE_MANAGED_SAVE).unwrap();
    volume.delete(0).unwrap();
}

fn pool_name(connect: &Connect) -> &'static str {
    if connect.driver_type().unwrap() == "QEMU" { "default" } else { "default-pool" }
}

async fn whole(provider: &dyn Provider, order: &MachineOrder) -> Result<(), PortError> {
    let patience = Duration::from_mins(1);
    patiently(patience, || provider.create(order)).await?;
    patiently(patience, || provider.destroy(&order.key, Keep::Nothing)).await
}

/// The descriptions of the machine that the provider makes of that order.
async fn descriptions(
    provider: &dyn Provider,
    connect: &Connect,
    order: &MachineOrder,
) -> (String, String) {
    provider.create(order).await.unwrap();
    let domain = connect.lookup_domain_by_name(order.key.name.as_str()).unwrap();
    let xml = domain.xml_desc(sys::VIR_DOMAIN_XML_INACTIVE).unwrap();
    let pool = connect.lookup_storage_pool_by_name(pool_name(connect)).unwrap();
    let name = format!("{}.{}.qcow2", order.key.name, order.key.lease);
    let volume = pool.lookup_storage_vol_by_name(&name).unwrap().xml_desc(0).unwrap();
    let volume = volume.split("<key>").next().unwrap().to_owned()
        + "<capacity unit='bytes'>1073741824</capacity><allocation>0</allocation>\
           <target><format type='qcow2'/></target></volume>";
    provider.destroy(&order.key, Keep::Nothing).await.unwrap();
    (volume, xml)
}

#[expect(clippy::print_stdout, reason = "figures are what it is for")]
fn tell(what: &str, machines: u32, took: Duration) {
    let each = took / machines;
    let minute = 60.0 / each.as_secs_f64();
    println!("{what:<40} {each:>12.1?} a machine, {minute:>9.0} a minute");
}

async fn measure(provider: &dyn Provider, connect: &Connect, times: u32) {
    let one = order("measured", 0);
    let (volume, domain) = descriptions(provider, connect, &one).await;
    for _ in 0..2 {
        let since = Instant::now();
        (0..times).for_each(|_| raw(connect, &volume, &domain));
        tell("the binding alone, one at a time", times, since.elapsed());
        let since = Instant::now();
        for _ in 0..times {
            whole(provider, &one).await.unwrap();
        }
        tell("the provider, one at a time", times, since.elapsed());
    }
    let orders: Vec<_> = (0..AT_ONCE).map(|number| order("measured", number)).collect();
    let since = Instant::now();
    for done in join_all(orders.iter().map(|order| whole(provider, order))).await {
        done.unwrap();
    }
    tell("the provider, eight at once", AT_ONCE.into(), since.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a libvirt host of its own; prints figures"]
async fn machines_a_minute_on_qemu() {
    let host = Host::open().await;
    measure(&host.provider(), &host.connect(), 5).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints figures"]
async fn machines_a_minute_on_the_test_driver() {
    let uri = "test:///default";
    let connect = Connect::open(Some(uri)).unwrap();
    let settings = Settings {
        default_network: Some("default".to_owned()),
        default_pool: Some("default-pool".to_owned()),
        memory_percent: 100_000,
        ..Settings::new("test".into(), uri)
    };
    measure(&provider(settings), &connect, 200).await;
}
