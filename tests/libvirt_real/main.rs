//! libvirt with QEMU under it: the contract of all providers, and what only a
//! real host does. Ignored, since they need one; see [`host`] for how to run them.

#![cfg(feature = "libvirt")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../common/provider_contract.rs"]
mod contract;
mod guest;
mod host;
mod measure;

use std::time::Duration;

use innkeeper::{
    machine::{Firmware, Keep, MachineOrder, Power},
    ports::{Verdict, finding::Grade, provider::Provider as _},
    provider::libvirt::Settings,
    quantity::Mebibytes,
};

use self::{
    contract::{Outside as _, listed, order, power},
    host::{Host, patiently, restart_libvirtd},
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a libvirt host of its own"]
async fn libvirt_keeps_the_contract_on_qemu() {
    let host = Host::open().await;
    contract::contract(host.replica(), &host).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a libvirt host of its own"]
async fn what_is_not_there_is_named_and_nothing_is_left() {
    let host = Host::open().await;
    let base = order("impossible", 0);
    let named = |text: &str| Some(text.to_owned());
    let image = MachineOrder { image: named("no-such.qcow2"), ..base.clone() };
    let other_pool = MachineOrder { image: named("nowhere/x.qcow2"), ..base.clone() };
    let pool = MachineOrder { storage: named("nowhere"), ..base.clone() };
    let network = MachineOrder { network: named("nowhere"), ..base.clone() };
    let bridge = MachineOrder { network: named("bridge:nowhere0"), ..base.clone() };
    for (order, problem, advice) in [
        (image, "no image `no-such.qcow2` in storage pool `default`", "there is:"),
        (other_pool, "no storage pool `nowhere`", "there is: default"),
        (pool, "no storage pool `nowhere`", "there is: default"),
        (network, "no network `nowhere`", "there is: default"),
        (bridge, "nowhere0", "bridge"),
    ] {
        let error = host.provider().create(&order).await.unwrap_err();
        assert_eq!(error.verdict, Verdict::GiveUp, "{}", error.chain());
        assert!(error.chain().contains(problem), "{}", error.chain());
        assert!(error.advice.as_deref().unwrap().contains(advice), "{error:?}");
        assert_eq!(listed(&host.provider(), order.key.lease).await, []);
        assert_eq!(host.volumes(&order), [""; 0], "{problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a libvirt host of its own"]
async fn a_machine_that_does_not_fit_leaves_nothing_behind() {
    let host = Host::open().await;
    let provider = host.provider();
    let mut order = order("impossible", 1);
    order.shape.disk = Mebibytes::MAX;
    let error = provider.create(&order).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Full, "{}", error.chain());
    assert!(error.chain().contains("disk space in default"), "{}", error.chain());

    // The host itself says no: it was promised more than it has.
    let generous = host::provider(Settings { memory_percent: u32::MAX, ..host.settings() });
    order.shape.disk = Mebibytes::new(64).unwrap();
    order.shape.memory = Mebibytes::new(64 << 20).unwrap();
    let error = generous.create(&order).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Full, "{}", error.chain());
    assert_eq!(listed(&provider, order.key.lease).await, []);
    assert_eq!(host.volumes(&order), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a libvirt host of its own"]
async fn a_restart_of_libvirtd_is_got_over() {
    let host = Host::open().await;
    let provider = host.provider();
    let (before, after) = (order("restart", 0), order("restart", 1));
    provider.create(&before).await.unwrap();
    restart_libvirtd();
    patiently(Duration::from_secs(20), || provider.find(&before.key)).await.unwrap();
    assert_eq!(power(&provider, &before.key).await, Some(Power::On), "guests go on");
    provider.create(&after).await.unwrap();
    for order in [before, after] {
        provider.destroy(&order.key, Keep::Nothing).await.unwrap();
        assert_eq!(host.volumes(&order), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a libvirt host of its own"]
async fn what_somebody_does_on_the_host_is_seen() {
    let host = Host::open().await;
    let provider = host.provider();
    let order = order("outside", 0);
    provider.create(&order).await.unwrap();
    let domain = host.domain(&order);
    domain.destroy().unwrap();
    assert_eq!(power(&provider, &order.key).await, Some(Power::Off));
    domain.create().unwrap();
    assert_eq!(power(&provider, &order.key).await, Some(Power::On));
    domain.managed_save(0).unwrap();
    assert_eq!(power(&provider, &order.key).await, Some(Power::Off));
    provider.start(&order.key).await.unwrap();
    assert_eq!(power(&provider, &order.key).await, Some(Power::On));

    domain.create_snapshot_xml("<domainsnapshot><name>inside</name></domainsnapshot>", 0).unwrap();
    domain.managed_save(0).unwrap();
    provider.destroy(&order.key, Keep::Nothing).await.unwrap();
    assert_eq!(listed(&provider, order.key.lease).await, []);
    assert_eq!(host.volumes(&order), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a libvirt host of its own"]
async fn files_of_external_snapshots_go_with_the_machine() {
    let host = Host::open().await;
    let provider = host.provider();
    let order = order("snapshot", 0);
    provider.create(&order).await.unwrap();
    let domain = host.domain(&order);
    let disk_only = virt::sys::VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY;
    let snapshot = "<domainsnapshot><name>before</name></domainsnapshot>";
    domain.create_snapshot_xml(snapshot, disk_only).unwrap();
    let again = MachineOrder { rebuild: 1, ..order.clone() };
    let refused = provider.rebuild(&again).await.unwrap_err();
    assert_eq!(refused.verdict, Verdict::GiveUp, "{}", refused.chain());
    assert!(refused.advice.unwrap().contains("snapshot"));
    provider.destroy(&order.key, Keep::Nothing).await.unwrap();
    host.refresh();
    assert_eq!(host.volumes(&order), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a libvirt host of its own"]
async fn a_machine_starts_by_uefi_and_leaves_no_variables() {
    let host = Host::open().await;
    let provider = host.provider();
    let order = MachineOrder { firmware: Firmware::Uefi, ..order("uefi", 0) };
    for _ in 0..2 {
        provider.create(&order).await.unwrap();
        assert_eq!(power(&provider, &order.key).await, Some(Power::On));
        let domain = host.domain(&order);
        let xml = domain.xml_desc(0).unwrap();
        assert!(xml.contains("OVMF") && xml.contains("<nvram"), "{xml}");
        provider.destroy(&order.key, Keep::Nothing).await.unwrap();
        assert_eq!(listed(&provider, order.key.lease).await, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a libvirt host of its own"]
async fn disks_are_kept_until_the_backups_are_dropped() {
    let host = Host::open().await;
    let provider = host.provider();
    let order = order("kept", 0);
    provider.create(&order).await.unwrap();
    provider.destroy(&order.key, Keep::Disks).await.unwrap();
    assert_eq!(host.volumes(&order), [format!("{}.{}.qcow2", order.key.name, order.key.lease)]);
    provider.drop_backups(&order.key).await.unwrap();
    assert_eq!(host.volumes(&order), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a libvirt host of its own"]
async fn a_good_host_is_found_to_be_good() {
    let host = Host::open().await;
    let found = host.provider().examine(&[host::wanted()]).await;
    for finding in &found {
        println_finding(finding);
    }
    assert!(found.iter().all(|finding| finding.grade < Grade::Bad), "{found:#?}");
    let said = |text: &str| found.iter().any(|finding| finding.what.contains(text));
    assert!(said("QEMU") && said("Storage pool `default` is active") && said("UEFI"), "{found:#?}");
}

#[expect(clippy::print_stdout, reason = "for whoever watches the test")]
fn println_finding(finding: &innkeeper::ports::finding::Finding) {
    println!(
        "{:?}: {} ({})",
        finding.grade,
        finding.what,
        finding.advice.as_deref().unwrap_or("-")
    );
}
