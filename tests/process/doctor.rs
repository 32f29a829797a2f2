//! `innkeeper doctor`: what it finds, and what it does not wait for.

use std::{os::unix::net::UnixListener, sync::Arc, time::Instant};

use innkeeper::{
    app::system::SystemClock,
    rehearsal::{Hook, Options, Rehearsal},
};
use serde_json::Value;

use crate::{
    forge::listener,
    house::{EIGHT, Ended, House, SEVEN, TOKEN},
    libvirtd::Libvirtd,
    serve::world,
};

const NO_SOCKET: &str = "test+unix:///default?socket=/nonexistent/libvirt-sock";

fn doctor(house: &House, more: &[&str]) -> Ended {
    let ended = house.run(&[&["doctor", "--config", "innkeeper.toml"], more].concat());
    for secret in [TOKEN, SEVEN, EIGHT, "panicked"] {
        assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "{secret}");
    }
    ended
}

/// The grades of a section's findings.
fn grades(report: &Value, title: &str) -> Vec<String> {
    let sections = report["sections"].as_array().unwrap().iter();
    let mut sections = sections.filter(|section| section["title"] == title);
    let section = sections.next().unwrap_or_else(|| panic!("no {title} in {report:#}"));
    let findings = section["findings"].as_array().unwrap().iter();
    findings.map(|found| found["grade"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_well_is_told_from_what_is_not() {
    let (listener, forge) = listener().await;
    let house = House::new(&forge);
    let hook = Hook::new(7, "http://127.0.0.1:9/").secret_token(SEVEN);
    let _forge =
        Rehearsal::start(listener, world(hook), Arc::new(SystemClock), Options::default()).unwrap();
    let ended = doctor(&house, &[]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), ""), "{}", ended.stdout);
    for line in [
        "configuration\n  ok       innkeeper.toml can be read.\n",
        "cookbooks\n  ok       sandbox places machines on libvirt.\n",
        "templates\n  ok       Every template renders.\n",
        "store\n  ok       There is no file at",
        "forge gitlab\n  ok       It knows us as `innkeeper`.\n",
        "  ok       It is GitLab 19.2.1-ee.\n",
        "  ok       Our token does not end.\n",
        "  ok       We are a Developer in project 7 (tpo/tpa/team).\n",
        "  wrong    There is no project 8, or we may not see it.\n",
        "  ok       2 people decide as `group:tpo/tpa`.\n",
        "provider libvirt\n  wrong    ",
        "libvirtd",
        "\nWrong: 2; to look at: 0.\n",
    ] {
        assert!(ended.stdout.contains(line), "{line} is not in\n{}", ended.stdout);
    }
    assert!(!ended.stdout.contains('\u{1b}'), "no colours unless somebody looks");
    assert!(!house.path("innkeeper.db").exists(), "it changes nothing");

    let report: Value = serde_json::from_str(&doctor(&house, &["--json"]).stdout).unwrap();
    assert_eq!(report["well"], false);
    assert_eq!(grades(&report, "forge gitlab"), ["good", "good", "good", "good", "bad", "good"]);
    assert_eq!(grades(&report, "store"), ["good"]);

    let only = doctor(&house, &["--provider", "libvirt"]);
    assert_eq!(only.code, Some(1));
    assert!(only.stdout.starts_with("provider libvirt\n  wrong"), "{}", only.stdout);
    assert!(!only.stdout.contains("forge"), "{}", only.stdout);
    let unknown = doctor(&house, &["--provider", "libvrit"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("did you mean `libvirt`?"), "{}", unknown.stderr);
    assert_eq!(house.run(&["doctor", "--config", "nowhere.toml"]).code, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_hangs_and_a_forge_that_is_away_hold_up_nothing_else() {
    let house = House::new("http://127.0.0.1:9");
    let socket = house.path("hangs");
    let _hangs = UnixListener::bind(&socket).unwrap();
    let uri = format!("test+unix:///default?socket={}", socket.display());
    house.adjust("innkeeper.toml", NO_SOCKET, &uri);
    house.adjust("policies/vm.toml", "provider = \"libvirt\"", "provider = \"kvm9\"");
    let began = Instant::now();
    let ended = doctor(&house, &["--json"]);
    assert!(began.elapsed().as_secs() < 15, "{:?}", began.elapsed());
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(ended.code, Some(1));
    assert_eq!(grades(&report, "provider libvirt")[0], "bad", "{report:#}");
    assert_eq!(grades(&report, "forge gitlab"), ["bad"]);
    assert_eq!(grades(&report, "cookbooks"), ["good", "bad"]);
    assert_eq!(grades(&report, "configuration"), ["good"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_service_would_stumble_over_is_found() {
    let house = House::new("http://127.0.0.1:9");
    house.write("innkeeper.db", &"these are somebody's letters\n".repeat(99));
    house.write("policies/sandbox.toml", "title = 7");
    house.adjust("innkeeper.toml", "sysadmins = [\"group:tpo/tpa\"]", "sysadmins = []");
    house.adjust("innkeeper.toml", "[log]", "[templates]\nfolder = \"words\"\n\n[log]");
    std::fs::create_dir(house.path("words")).unwrap();
    house.write("words/sticky.hbs", "{{titel}}");
    let ended = doctor(&house, &["--json"]);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    for (title, expected) in [
        ("configuration", &["good", "bad"] as &[&str]),
        ("cookbooks", &["bad"]),
        ("templates", &["bad"]),
        ("store", &["bad"]),
    ] {
        assert_eq!(grades(&report, title), expected, "{report:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts a libvirtd of its own"]
async fn a_host_that_answers_is_not_wrong_for_it() {
    let daemon = Libvirtd::start().await;
    let house = House::new("http://127.0.0.1:9");
    house.adjust("innkeeper.toml", NO_SOCKET, &daemon.uri());
    let ended = doctor(&house, &["--provider", "libvirt"]);
    let first = ended.stdout.lines().nth(1).unwrap_or_default();
    assert!(first.starts_with("  ok "), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookbook_that_a_forge_cannot_serve_is_told_without_asking_the_forge() {
    let house = House::new("http://127.0.0.1:9");
    let hub = "[forge.hub]\nkind = \"github\"\ntoken = \"x\"\n[[forge.hub.project]]\nid = 9\n\
               path = \"octo/lab\"\nwebhook_token = \"of the lab\"\n[provider.libvirt]";
    house.adjust("innkeeper.toml", "[provider.libvirt]", hub);
    let doctor = || house.run(&["doctor", "--config", "innkeeper.toml"]).stdout;
    assert!(!doctor().contains("has no `label`"));
    house.adjust("policies/vm.toml", "label   = \"vm\"\n", "");
    let told = doctor();
    assert!(told.contains("Cookbook `vm` has no `label`"), "{told}");
    assert!(told.contains("The service does not start before that."), "{told}");
}
