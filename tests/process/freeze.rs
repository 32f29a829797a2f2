//! `innkeeper freeze` and `thaw`, seen in `status`, `/metrics` and the audit log.

use serde_json::json;

use crate::{
    forge::{Scripted, listener},
    house::House,
};

const FREEZE: [&str; 5] =
    ["freeze", "--config", "innkeeper.toml", "--reason", "Storage is being moved."];

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_freezes_is_seen_everywhere_until_it_is_thawed() {
    let (listener, forge) = listener().await;
    let _forge = Scripted::start(listener);
    let house = House::new(&forge);
    let none = house.run(&FREEZE);
    assert_eq!(none.code, Some(2));
    assert!(none.stderr.contains("first starts"), "{}", none.stderr);

    let mut service = house.serve().await;
    service.logged("polled").await;
    let frozen = house.run(&[&FREEZE[..], &["--until", "4h", "--only", "destroy"]].concat());
    assert_eq!(frozen.code, Some(0), "{}", frozen.stderr);
    assert!(frozen.stdout.starts_with("Frozen until ") && frozen.stdout.contains(": destroy.\n"));
    let status = house.run(&["status", "--config", "innkeeper.toml"]);
    assert_eq!(status.code, Some(0), "{}", status.stdout);
    for line in
        ["frozen: destroy, since ", ": Storage is being moved\n", "0 of 20 made, 0 of 10 destroyed"]
    {
        assert!(status.stdout.contains(line), "{line} is not in {}", status.stdout);
    }
    let status = house.status();
    assert_eq!(status["frozen"]["destroy"]["reason"], "Storage is being moved");
    assert!(
        status["frozen"]["destroy"]["until"].is_string() && status["frozen"]["create"].is_null()
    );
    assert_eq!(status["day_limits"]["create"], json!({"used": 0, "most": 20, "place_at": null}));
    let metrics = service.get("/metrics").await.1;
    for line in [
        "innkeeper_frozen{what=\"destroy\"} 1.0",
        "innkeeper_frozen{what=\"create\"} 0.0",
        "innkeeper_day_limit{kind=\"destroy\"} 10.0",
        "innkeeper_day_limit_used{kind=\"destroy\"} 0.0",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }

    let thaw = || house.run(&["thaw", "--config", "innkeeper.toml"]);
    assert!(thaw().stdout.starts_with("Thawed: destroy, frozen since "));
    let nothing = thaw();
    assert_eq!((nothing.code, nothing.stdout.as_str()), (Some(0), "Nothing was frozen.\n"));
    assert_eq!(house.status()["frozen"], json!({}));
    let log = house.run(&["audit", "export", "--config", "innkeeper.toml"]).stdout;
    for words in ["\"operator\"", "freeze-destroy", "thaw-destroy"] {
        assert!(log.contains(words), "{words} is not in {log}");
    }
    assert!(!log.contains("Storage"), "{log}");
    assert!(service.stop().await.0.success());
}

#[test]
fn what_cannot_be_frozen_is_refused_with_what_can() {
    let house = House::new("http://127.0.0.1:9");
    for (more, says) in [
        (["--until", "yesterday"], "is neither a moment"),
        (["--until", "2020-01-01T08:00"], "is past"),
        (["--only", "burn"], "[possible values: create, change, stop, destroy]"),
    ] {
        let refused = house.run(&[&FREEZE[..], &more].concat());
        assert_eq!(refused.code, Some(2), "{more:?}");
        assert!(refused.stderr.contains(says), "{more:?}: {}", refused.stderr);
    }
    let empty = house.run(&["freeze", "--config", "innkeeper.toml", "--reason", " "]);
    assert!(empty.stderr.contains("--reason is empty"), "{}", empty.stderr);
}
