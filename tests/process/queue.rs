//! `innkeeper queue`: what is not done, seen, tried again and dropped beside the
//! running service.

use sqlx::{Connection as _, Executor as _, SqliteConnection};

use crate::{
    forge::{Scripted, listener},
    house::{Ended, House, eventually},
};

/// A task of a lease that is not there, so that whoever tries it is done.
const TASK: &str = r#"{"lease":["00000000-0000-0000-0000-000000000001","start"]}"#;

async fn bury(house: &House, id: u64, task: &str, error: &str) {
    let url = format!("sqlite://{}", house.path("innkeeper.db").display());
    let mut store = SqliteConnection::connect(&url).await.unwrap();
    let row = sqlx::query(
        "INSERT INTO effects (id, key, lane, priority, kind, task, state, attempts, ordered_at, due,
             buried_at, last_error)
         VALUES ($1, 'key ' || $1, 'issue:gitlab:7#3', 1, 'other', $2, 'buried', 83, 0, 0, $1, $3)",
    );
    let row = row.bind(id.cast_signed()).bind(task.to_owned()).bind(error.to_owned());
    store.execute(row).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_person_is_shown_tried_again_or_dropped() {
    let (listener, forge) = listener().await;
    let _forge = Scripted::start(listener);
    let house = House::new(&forge);
    let queue = |verb: &str, more: &[&str]| -> Ended {
        house.run(&[&["queue", verb, "--config", "innkeeper.toml"], more].concat())
    };
    let none = queue("list", &[]);
    assert_eq!(none.code, Some(2));
    assert!(none.stderr.contains("first starts"), "{}", none.stderr);

    let mut service = house.serve().await;
    service.logged("polled").await;
    let empty = queue("list", &[]);
    assert_eq!((empty.code, empty.stdout.as_str()), (Some(0), "Everything is done.\n"));

    bury(&house, 12, TASK, "404 \u{1b}[31mNot Found").await;
    bury(&house, 13, "{}", "a newer version's").await;
    bury(&house, 14, TASK, "403 Forbidden").await;
    let stuck = queue("list", &[]);
    assert_eq!(stuck.code, Some(1));
    for words in [
        "12  buried since ",
        ": start, issue:gitlab:7#3, tries: 83\n    404  [31mNot Found\n13  buried",
        ": unreadable, issue:",
    ] {
        assert!(stuck.stdout.contains(words), "`{words}` is not in\n{}", stuck.stdout);
    }
    assert!(queue("list", &["--most", "1"]).stdout.ends_with("and 2 more: `--most 3` shows all\n"));
    let listed = queue("list", &["--json"]).stdout;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[0]["id"], 12);
    assert_eq!(listed[0]["state"], "buried");
    assert_eq!(listed[0]["error"], "404 \u{1b}[31mNot Found");
    assert_eq!(listed[2]["what"], "start");
    let status = house.run(&["status", "--config", "innkeeper.toml"]);
    assert!(status.stdout.contains("`innkeeper queue list`"), "{}", status.stdout);
    assert!(!status.stdout.contains('\u{1b}'), "{}", status.stdout);

    // Nothing half done.
    for (verb, ids) in [("drop", ["13", "4711"]), ("retry", ["4711", "14"])] {
        let refused = queue(verb, &ids);
        assert_eq!(refused.code, Some(1), "{verb}");
        assert!(refused.stdout.starts_with("4711 is done, or there never"), "{}", refused.stdout);
    }
    assert_eq!(house.status()["effects_buried"], 3);
    assert_eq!(queue("drop", &[]).code, Some(2), "which?");

    assert_eq!(queue("drop", &["12", "13"]).stdout, "Dropped: 2.\n");
    assert_eq!(queue("drop", &["12"]).code, Some(1), "it is gone");
    let retried = queue("retry", &["14"]);
    assert_eq!(retried.code, Some(0));
    assert_eq!(retried.stdout, "Due now: 1, with what takes its turn with them.\n");
    eventually("the service does it", || {
        queue("list", &[]).stdout.as_str() == "Everything is done.\n"
    })
    .await;
    assert!(service.stop().await.0.success());

    let log = house.run(&["audit", "export", "--config", "innkeeper.toml"]).stdout;
    for words in ["drop-start", "drop-unreadable", "retry-start", "\"operator\""] {
        assert!(log.contains(words), "{words} is not in {log}");
    }
    let verified = house.run(&["audit", "verify", "--config", "innkeeper.toml"]);
    assert_eq!(verified.code, Some(0), "{}", verified.stdout);
}
