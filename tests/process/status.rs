//! `innkeeper status` and its exit codes.

use sqlx::{Connection as _, Executor as _, SqliteConnection};

use crate::{
    forge::{Scripted, listener},
    house::House,
};

async fn change(house: &House, statement: &'static str) {
    let url = format!("sqlite://{}", house.path("innkeeper.db").display());
    let mut store = SqliteConnection::connect(&url).await.unwrap();
    store.execute(statement).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_tells_well_from_not_well_from_no_store() {
    let (listener, forge) = listener().await;
    let _forge = Scripted::start(listener);
    let house = House::new(&forge);
    let status = || house.run(&["status", "--config", "innkeeper.toml"]);
    let none = status();
    assert_eq!(none.code, Some(2));
    assert!(none.stderr.contains("innkeeper.db") && none.stderr.contains("first starts"));
    assert_eq!(house.run(&["status", "--config", "nowhere.toml"]).code, Some(2));

    let mut service = house.serve().await;
    service.logged("polled").await;
    let well = status();
    assert_eq!(well.code, Some(0), "{}", well.stderr);
    assert!(well.stdout.starts_with("well, last sweep 20"), "{}", well.stdout);
    assert!(well.stdout.contains("requests: none\nleases: none\n"), "{}", well.stdout);
    assert!(well.stdout.contains("forge gitlab: last answered 20"), "{}", well.stdout);
    let figures = house.status();
    assert_eq!(figures["well"], true);
    for count in ["looks_waiting", "effects_pending", "effects_buried", "deliveries"] {
        assert_eq!(figures[count], 0, "{count}");
    }
    assert!(service.stop().await.0.success());
    assert_eq!(status().code, Some(0), "stopped a moment ago");

    change(
        &house,
        "INSERT INTO effects (key, lane, priority, kind, task, state, ordered_at, due, buried_at, last_error)
         VALUES ('k', 'l', 1, 'note', '{}', 'buried', 0, 0, 0, 'the forge says no')",
    )
    .await;
    let stuck = status();
    assert_eq!(stuck.code, Some(1));
    for text in ["needs a person", "given up, a person is needed: 1", "the forge says no"] {
        assert!(stuck.stdout.contains(text), "`{text}` is not in\n{}", stuck.stdout);
    }
    assert!(!stuck.stdout.contains('\u{1b}'), "no colours unless somebody looks");

    change(
        &house,
        "DELETE FROM effects; INSERT OR REPLACE INTO moments (name, at)
         VALUES ('credential:gitlab:ends', 1000 * (unixepoch() + 86400))",
    )
    .await;
    let ending = status();
    assert_eq!(ending.code, Some(1), "the token ends tomorrow: {}", ending.stdout);
    assert!(ending.stdout.contains(", its token ends 20"), "{}", ending.stdout);
    change(
        &house,
        "DELETE FROM moments WHERE name = 'credential:gitlab:ends';
         UPDATE moments SET at = at - 86400000 WHERE name = 'forge:gitlab'",
    )
    .await;
    let silent = status();
    assert_eq!(silent.code, Some(1), "the forge has not answered for a day: {}", silent.stdout);
    change(&house, "UPDATE moments SET at = at + 86400000 WHERE name = 'forge:gitlab'").await;
    assert_eq!(status().code, Some(0), "{}", status().stdout);

    change(&house, "UPDATE moments SET at = at - 86400000").await;
    let gone = status();
    assert_eq!(gone.code, Some(1), "nobody swept for a day: {}", gone.stdout);
}
