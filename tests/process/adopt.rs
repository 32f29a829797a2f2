//! `innkeeper adopt`, as far as it goes without being told to do anything.

use std::sync::Arc;

use innkeeper::{
    app::system::SystemClock,
    rehearsal::{Hook, Options, Rehearsal},
};
use serde_json::Value;

use crate::{
    forge::{Scripted, listener},
    house::{Ended, House, SEVEN, eventually},
    libvirtd::{Libvirtd, MACHINE},
    serve::world,
};

const NO_SOCKET: &str = "test+unix:///default?socket=/nonexistent/libvirt-sock";

fn adopt(house: &House, more: &[&str]) -> Ended {
    let ended = house.run(&[&["adopt", "--config", "innkeeper.toml"], more].concat());
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    ended
}

/// A house whose service ran before.
async fn house() -> (House, Scripted) {
    let (listener, forge) = listener().await;
    let forge_runs = Scripted::start(listener);
    let house = House::new(&forge);
    let mut service = house.serve().await;
    service.logged("swept").await;
    assert!(service.stop().await.0.success());
    (house, forge_runs)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_refused_before_anything_is_asked() {
    let (_silent, forge) = listener().await;
    let fresh = House::new(&forge);
    let ended = adopt(&fresh, &["--provider", "libvirt"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("there is no store"), "{}", ended.stderr);

    let (house, _forge) = house().await;
    let known = ["--provider", "libvirt", "--project", "gitlab/7", "--cookbook", "vm"];
    for (arguments, words) in [
        (vec!["--provider", "libvrit"], "did you mean `libvirt`?"),
        (vec!["--provider", "libvirt", "--project", "7"], "not FORGE/PROJECT"),
        (vec!["--provider", "libvirt", "--project", "gitlab/9"], "gitlab/7, gitlab/8"),
        (vec!["--provider", "libvirt", "--cookbook", "vn"], "did you mean `vm`?"),
        (vec!["--provider", "libvirt", "--apply", "--all"], "--project"),
        ([&known[..], &["--apply"]].concat(), "by name, or `--all`"),
        (vec![], "--provider"),
        (vec!["--report", "--apply"], "--apply"),
    ] {
        let ended = adopt(&house, &arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.stderr.contains(words), "{arguments:?}: {}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_cannot_be_reached_is_named() {
    let (house, _forge) = house().await;
    let ended = adopt(&house, &["--provider", "libvirt"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    for words in ["list the machines on libvirt", "libvirtd"] {
        assert!(ended.stderr.contains(words), "{words} is not in {}", ended.stderr);
    }
    let ended = adopt(&house, &["--report", "--json"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(report["unknown"], serde_json::json!([]));
    assert!(report["unreachable"]["libvirt"].as_str().unwrap().contains("could not"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts a libvirtd of its own"]
async fn what_is_there_is_shown_and_nothing_is_done() {
    let daemon = Libvirtd::start().await;
    let (house, forge) = house().await;
    house.adjust("innkeeper.toml", NO_SOCKET, &daemon.uri());
    let ended = adopt(&house, &["--provider", "libvirt"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    assert!(ended.stdout.starts_with("NAME"), "{}", ended.stdout);
    for words in [MACHINE, "running", "would be adopted", "1 would be adopted. Nothing was done"] {
        assert!(ended.stdout.contains(words), "{words} is not in {}", ended.stdout);
    }
    let ended = adopt(&house, &["--provider", "libvirt", "--json", MACHINE]);
    let shown: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(shown["applied"], false);
    assert_eq!(shown["machines"][0]["outcome"], "adoptable");
    let ended = adopt(&house, &["--provider", "libvirt", "tset"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("did you mean `test`?"), "{}", ended.stderr);
    let ended = adopt(&house, &["--report"]);
    assert!(ended.stdout.contains("libvirt/test: It has no lease."), "{}", ended.stdout);
    assert_eq!(house.status()["leases"], serde_json::json!({}));
    drop(forge);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts a libvirtd of its own"]
async fn a_machine_is_adopted_while_the_service_runs() {
    let daemon = Libvirtd::start().await;
    let (listener, forge) = listener().await;
    let house = House::new(&forge);
    house.adjust("innkeeper.toml", NO_SOCKET, &daemon.uri());
    house.adjust("innkeeper.toml", "id = 7", "id = 7\npath = \"tpo/tpa/team\"");
    let hook = Hook::new(7, "http://127.0.0.1:9/").secret_token(SEVEN);
    let forge =
        Rehearsal::start(listener, world(hook), Arc::new(SystemClock), Options::default()).unwrap();
    let mut service = house.serve().await;
    service.logged("swept").await;
    let arguments = ["--project", "gitlab/tpo/tpa/team", "--cookbook", "vm", "--apply", "--all"];
    let arguments = [&["--provider", "libvirt"], &arguments[..]].concat();
    let ended = adopt(&house, &arguments);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    assert!(ended.stdout.contains("Adopted: 1."), "{}", ended.stdout);
    let issue = forge.issues().remove(0);
    assert!(ended.stdout.contains(&format!("/issues/{}", issue.key.iid)), "{}", ended.stdout);
    // The running service finds it by itself.
    let is_shown = || {
        let issue = forge.issue(issue.key).unwrap();
        let shown = issue.comments_by("innkeeper").any(|note| note.body.contains("not confirmed"));
        shown && issue.labels.iter().any(|label| label == "innkeeper::adopted")
    };
    eventually("the first comment is there", is_shown).await;
    let again = adopt(&house, &arguments);
    assert_eq!(again.code, Some(0), "{}", again.stdout);
    assert!(again.stdout.contains("is adopted already"), "{}", again.stdout);
    assert_eq!(forge.issues().len(), 1);
    assert_eq!(house.status()["leases"], serde_json::json!({ "adopted": 1 }));
    assert!(service.stop().await.0.success());
    service.is_unharmed();
}
