//! Asked to end in the middle of work: what cannot be finished is handed back,
//! and the next start takes it up at once.

use std::time::{Duration, Instant};

use innkeeper::{
    effect::{NewEffect, Task},
    lease::lifecycle::Effect,
    ports::store::{Change, Store as _, Versioned},
    store::sql::SqlStore,
};

use crate::{
    forge::{Scripted, listener},
    house::{House, SEVEN, Service, eventually, issue_event},
    state::{at, lease, request},
};

const ISSUE: &str = "GET /api/v4/projects/7/issues/3";

/// Less than any claim in here.
const SOON: Duration = Duration::from_secs(15);

/// Calls may take longer than the tests do, and claims last longer still.
fn patient(house: &House, stop: u64) {
    let limits = "provider_timeout_seconds = 1\nforge_timeout_seconds = 1\nclaim_seconds = 3";
    let patient = "provider_timeout_seconds = 60\nforge_timeout_seconds = 60\nclaim_seconds = 240";
    house.adjust("innkeeper.toml", limits, patient);
    let listen = "listen = \"127.0.0.1:0\"";
    house.adjust("innkeeper.toml", listen, &format!("{listen}\nstop_seconds = {stop}"));
}

/// A service that asks a forge which does not answer.
async fn at_a_slow_forge(stop: u64) -> (House, Service, Scripted) {
    let (listener, url) = listener().await;
    let forge = Scripted::start_without(listener, |path| path.ends_with("/issues/3"));
    let house = House::new(&url);
    patient(&house, stop);
    let service = house.serve().await;
    assert_eq!(service.deliver(SEVEN, issue_event(7, 3)).await.0, 202);
    forge.was_asked(ISSUE).await;
    (house, service, forge)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_a_slow_forge_holds_up_is_handed_back() {
    let (house, mut service, forge) = at_a_slow_forge(1).await;
    let (status, took) = service.stop().await;
    assert_eq!(status.code(), Some(0), "{}", service.gist());
    assert!(took < SOON, "it took {took:?}");
    service.logged("handed back").await;
    service.is_unharmed();
    assert_eq!(house.status()["looks_waiting"], 1);

    let restarted = Instant::now();
    let again = house.serve().await;
    let times = || forge.asked().iter().filter(|asked| *asked == ISSUE).count();
    eventually("the issue is looked at again", || times() == 2).await;
    assert!(restarted.elapsed() < SOON, "after {:?}", restarted.elapsed());
    again.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_a_slow_provider_holds_up_is_handed_back() {
    let (listener, url) = listener().await;
    let _forge = Scripted::start(listener);
    let (cluster_listener, cluster_url) = crate::forge::listener().await;
    // Sweeps are answered, whatever with: what is asked of one machine is not.
    let cluster = Scripted::start_without(cluster_listener, |path| path.contains("guest-1"));
    let house = House::new(&url);
    patient(&house, 1);
    let config = std::fs::read_to_string(house.path("innkeeper.toml")).unwrap();
    let cluster_keys = format!(
        "\n[provider.kvm1]\nkind = \"ganeti\"\n[provider.kvm1.ganeti]\nurl = \"{cluster_url}\"\n\
         domain = \"example.org\"\nuser = \"innkeeper\"\npassword = \"{}\"\n",
        crate::secrets::RAPI,
    );
    house.write("innkeeper.toml", &(config + &cluster_keys));
    one_machine_to_make(&house).await;

    let mut service = house.serve().await;
    let of_the_machine =
        || cluster.asked().iter().filter(|asked| asked.contains("guest-1")).count();
    eventually("the cluster is asked", || of_the_machine() > 0).await;
    let (status, took) = service.stop().await;
    assert_eq!(status.code(), Some(0), "{}", service.gist());
    assert!(took < SOON, "it took {took:?}");
    service.logged("handed back").await;
    service.is_unharmed();

    let (asked, restarted) = (of_the_machine(), Instant::now());
    let again = house.serve().await;
    eventually("the cluster is asked again", || of_the_machine() > asked).await;
    assert!(restarted.elapsed() < SOON, "after {:?}", restarted.elapsed());
    again.kill();
}

/// A request that was granted, and its machine, which is still to be made.
async fn one_machine_to_make(house: &House) {
    let store = SqlStore::open(house.path("innkeeper.db")).await.unwrap();
    let (mut request, mut lease) = (request(1), lease(1));
    request.state = innkeeper::request::lifecycle::State::Approved;
    request.leases = vec![lease.id];
    lease.request = Some(request.id);
    let create = NewEffect {
        lane: format!("lease:{}", lease.id),
        key: "create".to_owned(),
        priority: 1,
        task: Task::Lease(lease.id, Effect::Create),
    };
    let change = Change {
        request: Some(Versioned::new(request)),
        leases: vec![Versioned::new(lease)],
        effects: vec![create],
        at: at(0),
        ..Change::default()
    };
    store.commit(&change).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_a_second_time_it_ends_at_once() {
    for (second, expected) in [("TERM", 143), ("INT", 130)] {
        let (_house, mut service, _forge) = at_a_slow_forge(100).await;
        service.signal("TERM");
        service.logged("stopping: no new work is taken").await;
        let asked = Instant::now();
        service.signal(second);
        let status = service.ended().await;
        assert_eq!(status.code(), Some(expected), "{status}: {}", service.gist());
        assert!(asked.elapsed() < SOON, "it took {:?}", asked.elapsed());
        service.is_unharmed();
    }
}
