//! How the service starts with very many leases, and what it costs.

use std::time::{Duration, Instant};

use innkeeper::{
    app::system::SystemClock,
    effect::{NewEffect, Task},
    lease::{Deadline, State, Step, lifecycle::Effect},
    machine::Power,
    ports::{
        clock::Clock as _,
        store::{Change, Store, Versioned},
    },
    store::sql::SqlStore,
};

use crate::{
    forge::{Scripted, listener},
    house::House,
    state::{lease, request},
};

/// Machines of one request.
const TOGETHER: u64 = 10;

#[expect(clippy::disallowed_methods, reason = "how many is whoever starts it to say")]
fn wanted(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |count| count.parse().unwrap())
}

/// Active leases that end in a hundred days, and steps on some of them.
async fn fill(store: &dyn Store, leases: u64, steps: u64) {
    let now = SystemClock.now();
    let ends = now + chrono::TimeDelta::days(100);
    for first in (1..=leases).step_by(usize::try_from(TOGETHER).unwrap()) {
        let mut request = request(first);
        request.state = innkeeper::request::lifecycle::State::Fulfilled;
        let mut change = Change { at: now, ..Change::default() };
        for number in first..(first + TOGETHER).min(leases + 1) {
            let mut lease = lease(number);
            lease.request = Some(request.id);
            lease.issue = request.issue.clone();
            (lease.state, lease.power) = (State::Active, Power::On);
            let step = Step::Stop;
            lease.deadline = Some(Deadline { step, at: ends, set_at: now, not_before: None });
            lease.handed_over = Some(now);
            request.leases.push(lease.id);
            if number <= steps {
                change.effects.push(NewEffect {
                    lane: NewEffect::machine_lane(lease.id),
                    key: format!("start-{number}"),
                    priority: 1,
                    task: Task::Lease(lease.id, Effect::Start),
                });
            }
            change.leases.push(Versioned::new(lease));
        }
        change.request = Some(Versioned::new(request));
        store.commit(&change).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "figures, not a test: cargo test --test process -- --ignored --nocapture many::"]
#[expect(clippy::print_stdout, reason = "figures for people")]
async fn the_start_with_very_many_leases() {
    let leases = wanted("LEASES", 100_000);
    let steps = wanted("EFFECTS", 10_000);
    let (listener, url) = listener().await;
    let _forge = Scripted::start(listener);
    let house = House::new(&url);
    // What is logged of each query at `trace` takes longer than the query.
    house.adjust("innkeeper.toml", "filter = \"trace\"", "filter = \"info,innkeeper=debug\"");
    let filled = Instant::now();
    let store = SqlStore::open(house.path("innkeeper.db")).await.unwrap();
    fill(&store, leases, steps).await;
    drop(store);
    println!("{leases} leases, {steps} effects: stored in {:.1?}", filled.elapsed());

    let started = Instant::now();
    let mut service = house.serve().await;
    println!("the port answers after {:.2?}", started.elapsed());
    let mut longest = Duration::ZERO;
    loop {
        let asked = Instant::now();
        let ready = service.get("/readyz").await;
        longest = longest.max(asked.elapsed());
        if ready.0 == 200 {
            break;
        }
        assert!(started.elapsed() < Duration::from_mins(10), "{}", ready.1);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("ready, that is swept once, after {:.2?}", started.elapsed());
    println!("the longest wait for /readyz meanwhile: {longest:.2?}");
    let (now, most) = service.memory();
    println!("memory: {} MiB in use, {} MiB at most", now / 1024, most / 1024);
    let asked = Instant::now();
    let metrics = service.get("/metrics").await;
    println!("/metrics after {:.2?} ({})", asked.elapsed(), metrics.0);
    let asked = Instant::now();
    let status = house.run(&["status", "--config", "innkeeper.toml"]);
    println!("status after {:.2?}:\n{}", asked.elapsed(), status.stdout);
    let (status, took) = service.stop().await;
    println!("stopped after {took:.2?}, {status}");
}
