//! A service that does its work.

use std::sync::Arc;

use innkeeper::{
    app::{practice, system::SystemClock},
    cookbook::{issue_template, load},
    rehearsal::{
        Group, Hook, IssueSnapshot, Level, Membership, Options, Project, Rehearsal, User, World,
    },
};

use crate::{
    forge::listener,
    house::{EIGHT, House, SEVEN, TOKEN, eventually, issue_event},
};

pub(crate) fn world(hook: Hook) -> World {
    let developer = |id| Membership::new(id, Level::Developer);
    World::new()
        .user(User::person(practice::ALICE, "alice", "Alice Archer"))
        .user(User::person(practice::CAROL, "carol", "Carol Carter"))
        .user(User::bot(practice::BOT, "innkeeper", "Innkeeper"))
        .token(TOKEN, practice::BOT)
        .group(Group::new(20, "tpo").member(developer(practice::ALICE)))
        .group(
            Group::new(21, "tpo/tpa").member(Membership::new(practice::CAROL, Level::Maintainer)),
        )
        .project(Project::new(7, "tpo/tpa/team").member(developer(practice::BOT)))
        .hook(hook)
}

fn answers(issue: &IssueSnapshot) -> Vec<&str> {
    issue.comments_by("innkeeper").map(|note| note.body.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_is_answered_although_no_hypervisor_can_be_reached() {
    let (listener, forge) = listener().await;
    let house = House::new(&forge);
    let mut service = house.serve().await;
    let hook = Hook::new(7, &format!("{}/webhooks/gitlab", service.url)).secret_token(SEVEN);
    let forge =
        Rehearsal::start(listener, world(hook), Arc::new(SystemClock), Options::default()).unwrap();
    service.logged("could not list the machines on libvirt").await;

    let cookbook = load::embedded().get(&"sandbox".into()).unwrap().clone();
    let form = issue_template::gitlab(&cookbook);
    let key = forge.file_issue("alice", "tpo/tpa/team", "A machine", &form).unwrap();
    let is_answered = || forge.issue(key).is_some_and(|issue| !answers(&issue).is_empty());
    eventually("the issue is answered", is_answered).await;
    let issue = forge.issue(key).unwrap();
    assert_eq!(answers(&issue).len(), 1, "{}", service.gist());
    assert!(answers(&issue)[0].contains("What is it for?"), "{}", answers(&issue)[0]);

    let metrics = service.get("/metrics").await.1;
    for line in [
        r#"innkeeper_provider_up{provider="libvirt"} 0.0"#,
        r#"innkeeper_requests{state="incomplete"} 1.0"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    assert!(service.stop().await.0.success());
    service.is_unharmed();
    crate::secrets::none_on(&forge);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_stored_once_for_its_own_project_alone() {
    let (_silent, forge) = listener().await;
    let house = House::new(&forge);
    let mut service = house.serve().await;
    let event = issue_event(7, 3);
    assert_eq!(service.deliver(SEVEN, event.clone()).await, (202, "accepted\n".to_owned()));
    assert_eq!(service.deliver(SEVEN, event.clone()).await, (200, "known already\n".to_owned()));
    for stranger in [EIGHT, "", "guessed", TOKEN] {
        assert_eq!(service.deliver(stranger, event.clone()).await, (401, String::new()));
        assert_eq!(service.deliver(stranger, issue_event(7, 4)).await.0, 401);
    }
    assert_eq!(service.deliver(SEVEN, issue_event(9, 3)).await.0, 401, "not configured");
    assert_eq!(house.deliveries(), 1);
    assert_eq!(service.deliver(EIGHT, issue_event(8, 3)).await.0, 202);
    assert_eq!(house.deliveries(), 2);
    let metrics = service.get("/metrics").await.1;
    for (outcome, count) in [("accepted", 2), ("duplicate", 1), ("refused", 9)] {
        let name = "innkeeper_webhook_deliveries_total";
        let line = format!(r#"{name}{{forge="gitlab",outcome="{outcome}"}} {count}"#);
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
    assert!(service.stop().await.0.success());
    service.is_unharmed();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_projects_key_does_not_hide_anothers_delivery() {
    let (_silent, forge) = listener().await;
    let house = House::new(&forge);
    let service = house.serve().await;
    for (project, secret, answer) in [(8, EIGHT, 202), (7, SEVEN, 202), (7, SEVEN, 200)] {
        let request = service
            .http
            .post(format!("{}/webhooks/gitlab", service.url))
            .header("idempotency-key", "the same")
            .header("x-gitlab-token", secret);
        let sent = request.body(issue_event(project, 3)).send().await.unwrap();
        assert_eq!(sent.status(), answer, "project {project}");
    }
    assert_eq!(house.deliveries(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_tells_a_live_process_from_one_that_can_work() {
    let (_silent, forge) = listener().await;
    let house = House::new(&forge);
    let service = house.serve().await;
    assert_eq!(service.get("/healthz").await, (200, "ok\n".to_owned()));
    service.logged("could not list the machines on libvirt").await;
    let mut ready = service.get("/readyz").await;
    for _ in 0..200 {
        if ready.0 == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        ready = service.get("/readyz").await;
    }
    assert_eq!(ready.0, 200, "{}", ready.1);
    assert!(ready.1.starts_with("store: ok (reachable)\ncookbooks: ok (2 loaded)\nsweep: ok "));
    assert!(service.get("/metrics").await.1.ends_with("# EOF\n"));
    assert_eq!(service.get("/webhooks/gitlab").await.0, 405);
    assert_eq!(service.get("/").await.0, 404);
    service.is_unharmed();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_believed_and_nothing_in_its_place() {
    let token = crate::secrets::SIGNING;
    let (listener, forge) = listener().await;
    let house = House::new(&forge);
    let (plain, signing) =
        (format!("webhook_token = \"{SEVEN}\""), format!("signing_token = \"{token}\""));
    house.adjust("innkeeper.toml", &plain, &signing);
    let mut service = house.serve().await;
    let hook = Hook::new(7, &format!("{}/webhooks/gitlab", service.url)).signing_token(token);
    let forge =
        Rehearsal::start(listener, world(hook), Arc::new(SystemClock), Options::default()).unwrap();
    forge.file_issue("alice", "tpo/tpa/team", "A machine", "").unwrap();
    forge.settle().await;
    assert_eq!(house.deliveries(), 1);
    for forged in [SEVEN, token] {
        assert_eq!(service.deliver(forged, issue_event(7, 2)).await.0, 401);
    }
    assert_eq!(house.deliveries(), 1);
    assert!(service.stop().await.0.success());
    service.is_unharmed();
}
