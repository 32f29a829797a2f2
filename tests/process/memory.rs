//! How much memory the service needs while it holds many leases.

use innkeeper::{
    lease::State,
    machine::Power,
    ports::store::{Change, Store as _, Versioned},
    store::sql::SqlStore,
};

use crate::{
    forge::listener,
    house::House,
    state::{at, lease, request},
};

const LEASES: u64 = 1_000;

#[tokio::test]
#[ignore = "a figure, not a test: cargo test --test process -- --ignored --nocapture memory"]
#[expect(clippy::print_stdout, reason = "a figure for people")]
async fn memory_with_a_thousand_leases() {
    for leases in [0, LEASES] {
        let (_forge, url) = listener().await;
        let house = House::new(&url);
        let store = SqlStore::open(&house.path("innkeeper.db")).await.unwrap();
        for number in 1..=leases {
            let mut lease = lease(number);
            let mut request = request(number);
            request.leases = vec![lease.id];
            request.state = innkeeper::request::lifecycle::State::Fulfilled;
            lease.request = Some(request.id);
            (lease.state, lease.power) = (State::Active, Power::On);
            lease.protected = true;
            let change = Change {
                request: Some(Versioned::new(request)),
                leases: vec![Versioned::new(lease)],
                at: at(0),
                ..Change::default()
            };
            store.commit(&change).await.unwrap();
        }
        drop(store);
        let mut service = house.serve().await;
        service.logged("swept").await;
        let (now, most) = service.memory();
        println!("{leases} leases: {now} KiB in use, {most} KiB at most");
        service.stop().await;
    }
}
