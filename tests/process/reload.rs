//! Policies that are read again while the service runs.

use std::sync::Arc;

use innkeeper::{
    app::system::SystemClock,
    cookbook::{issue_template, load},
    rehearsal::{Hook, Options, Rehearsal},
};

use crate::{
    forge::listener,
    house::{House, SEVEN, eventually},
    serve::world,
};

/// `"4 GiB"` is more than the cookbook allows once its limit is 2 GiB.
fn request() -> String {
    let cookbook = load::embedded().get(&"sandbox".into()).unwrap().clone();
    let form = issue_template::gitlab(&cookbook);
    let fill = |form: String, heading: &str, value: &str| {
        form.replace(&format!("### {heading}\n"), &format!("### {heading}\n\n{value}\n"))
    };
    fill(form, "Memory", "4 GiB")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_exchanges_the_policies_or_says_why_it_does_not() {
    let (listener, forge) = listener().await;
    let house = House::new(&forge);
    let mut service = house.serve().await;
    let hook = Hook::new(7, &format!("{}/webhooks/gitlab", service.url)).secret_token(SEVEN);
    let forge =
        Rehearsal::start(listener, world(hook), Arc::new(SystemClock), Options::default()).unwrap();
    let key = forge.file_issue("alice", "tpo/tpa/team", "A machine", &request()).unwrap();
    let sticky = || {
        let issue = forge.issue(key).unwrap();
        issue.comments_by("innkeeper").next().map(|note| note.body.clone()).unwrap_or_default()
    };
    eventually("the issue is answered", || sticky().contains("What is it for?")).await;
    assert!(!sticky().contains("more than"), "{}", sticky());
    let version = |status: &serde_json::Value| status["policies"]["version"].clone();
    let before = house.status();
    assert_eq!(before["policies"]["problem"], serde_json::Value::Null, "{before:#}");

    // What cannot be read.
    house.adjust("policies/sandbox.toml", "\"8 GiB\"", "\"8 GuB\"");
    house.adjust("policies/vm.toml", "vcpus", "vpcus");
    service.signal("HUP");
    let line = service.logged("were not reloaded").await;
    for words in ["GuB", "vpcus", "sandbox.toml:", "vm.toml:"] {
        assert!(line.contains(words), "{words} is not in {line}");
    }
    let failed = house.status();
    assert_eq!(version(&failed), version(&before));
    assert_eq!(failed["policies"]["since"], before["policies"]["since"]);
    assert_eq!(failed["well"], false);
    assert!(failed["policies"]["problem"].as_str().unwrap().contains("GuB"), "{failed:#}");
    let shown = house.run(&["status", "--config", "innkeeper.toml"]);
    assert_eq!(shown.code, Some(1));
    assert!(shown.stdout.contains("failed, and changed nothing"), "{}", shown.stdout);
    let doctor = house.run(&["doctor", "--config", "innkeeper.toml"]).stdout;
    assert!(doctor.contains("policies in force\n  wrong    The reload at "), "{doctor}");
    assert!(service.get("/metrics").await.1.contains("innkeeper_policies_reload_ok 0.0"));

    // What can be read, and not be served here.
    house.adjust("policies/vm.toml", "vpcus", "vcpus");
    house.adjust("policies/sandbox.toml", "\"8 GuB\"", "\"2 GiB\"");
    house.adjust("policies/sandbox.toml", "provider = \"libvirt\"", "provider = \"kvm9\"");
    service.signal("HUP");
    service.logged("`kvm9`, which is not configured").await;
    assert_eq!(version(&house.status()), version(&before));

    // What the service is asked on top of that is done, and the issue judged anew.
    house.adjust("policies/sandbox.toml", "provider = \"kvm9\"", "provider = \"libvirt\"");
    house.adjust("innkeeper.toml", "claim_seconds = 3", "claim_seconds = 4");
    service.signal("HUP");
    eventually("the new limit counts", || sticky().contains("2 GiB")).await;
    service.logged(r#""sections":"limits""#).await;
    let after = house.status();
    assert_ne!(version(&after), version(&before));
    assert_eq!(after["policies"]["problem"], serde_json::Value::Null, "{after:#}");
    let metrics = service.get("/metrics").await.1;
    for line in [
        format!("innkeeper_policies_info{{version={},commit=\"\"}} 1.0", version(&after)),
        "innkeeper_policies_reload_ok 1.0".to_owned(),
    ] {
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }

    // A cookbook that is gone while something stands under its name.
    std::fs::remove_file(house.path("policies/sandbox.toml")).unwrap();
    service.signal("HUP");
    service.logged("this cookbook is gone").await;
    let shown = house.run(&["status", "--config", "innkeeper.toml"]);
    assert_eq!(shown.code, Some(1), "a request waits for it");
    let words =
        "cookbook `sandbox` is gone: 1 open requests wait for it, 0 leases keep their terms";
    assert!(shown.stdout.contains(words), "{}", shown.stdout);
    assert!(service.stop().await.0.success());
    service.is_unharmed();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_while_the_service_was_away_is_judged_anew_at_its_start() {
    let (listener, forge) = listener().await;
    let house = House::new(&forge);
    let mut service = house.serve().await;
    let hook = Hook::new(7, &format!("{}/webhooks/gitlab", service.url)).secret_token(SEVEN);
    let forge =
        Rehearsal::start(listener, world(hook), Arc::new(SystemClock), Options::default()).unwrap();
    let key = forge.file_issue("alice", "tpo/tpa/team", "A machine", &request()).unwrap();
    let says = |words: &str| {
        let issue = forge.issue(key).unwrap();
        issue.comments_by("innkeeper").any(|note| note.body.contains(words))
    };
    eventually("the issue is answered", || says("What is it for?")).await;
    assert!(service.stop().await.0.success());
    house.adjust("policies/sandbox.toml", "\"8 GiB\"", "\"2 GiB\"");
    let service = house.serve().await;
    eventually("the new limit counts", || says("2 GiB")).await;
    service.is_unharmed();
}
