//! `innkeeper setup gitlab`: what it shows, what it does, and what a run leaves
//! to the next one.

use std::sync::Arc;

use http::Method;
use innkeeper::{
    app::{practice, system::SystemClock},
    rehearsal::{
        Fault, Group, Hook, Level, Membership, Options, Project, Rehearsal, Trouble, User, World,
    },
};
use serde_json::Value;

use crate::{
    forge::listener,
    house::{EIGHT, Ended, House, SEVEN, TOKEN, eventually},
};

/// The token of somebody who may do more than the service.
pub(crate) const MAINTAINERS: &str = "glpat-Xk29-token-of-carol";
/// A signing token: 32 bytes.
const SIGNING: &str = "whsec_WGsyOSB0aGlzIGlzIHRoZSBzaWduaW5nIGtleSAxMjM=";
/// Where nothing listens.
const NOWHERE: &str = "http://127.0.0.1:9";
const VM: &str = ".gitlab/issue_templates/vm.md";

fn world(level: Option<Level>) -> World {
    let mut team = Project::new(7, "tpo/tpa/team").template("vm", "ours\n").template("bug", "?\n");
    if let Some(level) = level {
        team = team.member(Membership::new(practice::BOT, level));
    }
    World::new()
        .user(User::person(practice::ALICE, "alice", "Alice Archer"))
        .user(User::person(practice::CAROL, "carol", "Carol Carter"))
        .user(User::person(practice::BOT, "innkeeper", "Innkeeper"))
        .token(TOKEN, practice::BOT)
        .token(MAINTAINERS, practice::CAROL)
        .group(
            Group::new(21, "tpo/tpa").member(Membership::new(practice::CAROL, Level::Maintainer)),
        )
        .project(team)
        .project(Project::new(9, "tpo/tpa/other"))
}

async fn house(world: World) -> (House, Rehearsal) {
    let (listener, forge) = listener().await;
    let house = House::new(&forge);
    house.adjust("innkeeper.toml", "id = 7", "id = 7\npath = \"tpo/tpa/team\"");
    let forge =
        Rehearsal::start(listener, world, Arc::new(SystemClock), Options::default()).unwrap();
    (house, forge)
}

/// Runs it on the project; no secret is ever shown.
fn setup(house: &House, more: &[&str]) -> Ended {
    let begin = ["setup", "gitlab", "--config", "innkeeper.toml", "--project", "tpo/tpa/team"];
    let ended = house.run(&[&begin, more].concat());
    for secret in [TOKEN, SEVEN, EIGHT, MAINTAINERS, SIGNING, "panicked"] {
        assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "{secret}");
    }
    ended
}

/// What a run that did everything says, and one that found nothing to do.
fn apply(house: &House, more: &[&str]) -> Ended {
    setup(house, &[&["--url", NOWHERE, "--apply"], more].concat())
}

fn changes(forge: &Rehearsal) -> Vec<String> {
    let requests = forge.requests();
    let changes = requests.iter().filter(|request| request.method != Method::GET);
    changes.map(|request| format!("{} {}", request.method, request.path)).collect()
}

fn has(ended: &Ended, line: &str) {
    assert!(ended.stdout.contains(line), "`{line}` is not in\n{}\n{}", ended.stdout, ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_shows_does_and_then_finds_nothing_to_do() {
    let (house, forge) = house(world(Some(Level::Maintainer))).await;
    let shown = setup(&house, &["--url", NOWHERE]);
    assert_eq!((shown.code, shown.stderr.as_str()), (Some(0), ""), "{}", shown.stdout);
    for line in [
        "tpo/tpa/team on gitlab, project 7\n",
        "  ok      account    The service is `innkeeper`, a Maintainer here.\n",
        "  to do   label      `innkeeper::active` in #009966: Machines are in use\n",
        "  to do   webhook    to http://127.0.0.1:9/webhooks/gitlab, with the configured secret\n",
        "  to do   templates  .gitlab/issue_templates/sandbox.md, .gitlab/issue_templates/vm.md in branch `innkeeper-templates`, and a merge request\n",
        "`--apply` does it.\n",
    ] {
        has(&shown, line);
    }
    assert_eq!(changes(&forge), [""; 0], "it was only to show");
    assert!(!house.path("innkeeper.db").exists());

    let done = apply(&house, &[]);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{}", done.stdout);
    has(&done, "  done    webhook ");
    has(&done, "  - Merge the merge request: http://127.0.0.1:");
    let request = forge.merge_requests().remove(0);
    assert_eq!((request.source.as_str(), request.target.as_str()), ("innkeeper-templates", "main"));
    let proposed = forge.file(7, "innkeeper-templates", VM).unwrap();
    assert!(proposed.starts_with("<!-- innkeeper: vm -->"), "{proposed}");
    assert_eq!(forge.file(7, "main", VM).unwrap(), "ours\n", "merging is for people");

    forge.forget_requests();
    let again = apply(&house, &[]);
    assert_eq!(again.code, Some(0), "{}", again.stdout);
    has(&again, "Everything is as it should be.\n");
    has(&again, "  - Merge the merge request: ");
    assert_eq!(changes(&forge), [""; 0]);

    forge.merge(7, request.iid).unwrap();
    let merged = apply(&house, &[]);
    assert!(!merged.stdout.contains("Left for a person"), "{}", merged.stdout);
    assert_eq!(changes(&forge), [""; 0]);
    let others = forge.file(7, "main", ".gitlab/issue_templates/bug.md");
    assert_eq!(others.as_deref(), Some("?\n"), "what is not ours stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_completed_by_the_next_run() {
    for (lost, after) in [
        ("labels", 0),
        ("labels", 5),
        ("hooks", 0),
        ("repository/commits", 0),
        ("merge_requests", 0),
    ] {
        let (house, forge) = house(world(Some(Level::Maintainer))).await;
        let path = format!("/api/v4/projects/7/{lost}");
        for trouble in [Trouble::ResetAfter, Trouble::ResetBefore] {
            forge.plan(Fault::on(Method::POST, &path, trouble).after(after));
            let interrupted = apply(&house, &[]);
            // The second time around, it may have nothing left to ask for.
            let struck = forge.faults_ahead() == 0;
            assert_eq!(interrupted.code, Some(i32::from(struck)), "{lost}: {}", interrupted.stdout);
            forge.cancel_faults();
        }
        let completed = apply(&house, &[]);
        assert_eq!(completed.code, Some(0), "{lost}: {}", completed.stdout);
        forge.forget_requests();
        has(&apply(&house, &[]), "Everything is as it should be.\n");
        assert_eq!(changes(&forge), [""; 0]);
        assert_eq!(forge.merge_requests().len(), 1, "{lost}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_webhook_reaches_the_service_whatever_proves_it() {
    for signs in [false, true] {
        let (house, forge) = house(world(Some(Level::Maintainer))).await;
        if signs {
            let plain = format!("webhook_token = \"{SEVEN}\"");
            house.adjust("innkeeper.toml", &plain, &format!("signing_token = \"{SIGNING}\""));
        }
        let mut service = house.serve().await;
        let done = setup(&house, &["--url", &service.url, "--apply"]);
        assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
        let key = forge.file_issue("alice", "tpo/tpa/team", "A machine", "").unwrap();
        forge.comment("alice", key, "@innkeeper help").unwrap();
        forge.settle().await;
        let events: Vec<_> = forge.webhook_deliveries().iter().map(|one| one.event).collect();
        assert_eq!(events[..2], ["Issue Hook", "Note Hook"]);
        assert!(forge.webhook_deliveries().iter().all(|one| one.answer.is_success()));
        eventually("both are stored", || house.deliveries() >= 2).await;
        assert!(service.stop().await.0.success());
        service.is_unharmed();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_little_a_role_is_told_and_anothers_token_helps() {
    for (level, states) in [
        (None, ["cannot"; 4]),
        (Some(Level::Guest), ["cannot"; 4]),
        (Some(Level::Reporter), ["ok", "to-do", "cannot", "cannot"]),
        (Some(Level::Developer), ["ok", "to-do", "cannot", "to-do"]),
        (Some(Level::Maintainer), ["ok", "to-do", "to-do", "to-do"]),
    ] {
        let (house, forge) = house(world(level)).await;
        let shown = setup(&house, &["--url", NOWHERE, "--json"]);
        let report: Value = serde_json::from_str(&shown.stdout).unwrap();
        let state_of = |about: &str| {
            let steps = report["steps"].as_array().unwrap();
            steps.iter().find(|step| step["about"] == about).unwrap()["state"].clone()
        };
        let found = ["account", "label", "webhook", "templates"].map(state_of);
        assert_eq!(found, states, "{level:?}: {report:#}");
        assert_eq!(report["complete"], false);
        assert_eq!(shown.code, Some(i32::from(states.contains(&"cannot"))));

        house.write("carol.token", &format!("{MAINTAINERS}\n"));
        let done = apply(&house, &["--token-file", "carol.token"]);
        let enough = level >= Some(Level::Reporter);
        assert_eq!(done.code, Some(i32::from(!enough)), "{level:?}: {}", done.stdout);
        assert_eq!(forge.merge_requests()[0].author, practice::CAROL);
        if !enough {
            has(&done, "makes `innkeeper` a Reporter or more: http://");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_there_is_corrected_and_its_secret_left() {
    let url = format!("{NOWHERE}/webhooks/gitlab");
    let hook = || Hook::new(7, &url).secret_token("another").without_confidential_events();
    let foreign = Hook::new(7, "https://chat.example.org/hook");
    let world = world(Some(Level::Maintainer)).hook(foreign).hook(hook()).hook(hook());
    let (house, forge) = house(world).await;
    let done = apply(&house, &[]);
    assert_eq!(done.code, Some(1), "{}", done.stdout);
    has(&done, "it is not told of confidential issues, confidential comments");
    has(&done, "  - Delete the second one: http");
    let body = |path: &str| {
        let mut requests = forge.requests().into_iter();
        requests
            .find(|one| one.method == Method::PUT && one.path.ends_with(path))
            .map(|one| one.body)
    };
    assert!(!body("/hooks/2").unwrap().contains("token\":"), "the secret is nobody's business");
    assert_eq!((body("/hooks/1"), body("/hooks/3")), (None, None));
    forge.forget_requests();
    assert_eq!(apply(&house, &[]).code, Some(1), "the double is still there");
    assert_eq!(changes(&forge), [""; 0]);
    let reset = apply(&house, &["--reset-secret"]);
    has(
        &reset,
        "  done    webhook    correct the one to http://127.0.0.1:9/webhooks/gitlab: its secret is set again",
    );
    assert!(body("/hooks/2").unwrap().contains(SEVEN));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_refused() {
    let (house, forge) = house(world(Some(Level::Maintainer))).await;
    let run = |project: &str, more: &[&str]| {
        let begin = ["setup", "gitlab", "--config", "innkeeper.toml", "--project", project];
        house.run(&[&begin, more].concat())
    };
    for (project, more, code, words) in [
        (
            "tpo/tpa/other",
            &[][..],
            2,
            "[[forge.gitlab.project]]\nid = 9\npath = \"tpo/tpa/other\"\n",
        ),
        ("9", &[], 2, "id = 9\n"),
        ("tpo/nowhere", &[], 1, "could not find project tpo/nowhere on gitlab"),
        ("8", &[], 1, "could not find project 8 on gitlab"),
        ("7", &["--forge", "gitlub"], 2, "did you mean `gitlab`?"),
        ("7", &["--url", "innkeeper.example.org"], 2, "`https://HOST`"),
        ("7", &["--url", "https://a:b@example.org"], 2, "`https://HOST`"),
        ("7", &["--token-file", "nowhere"], 2, "nowhere"),
    ] {
        let ended = run(project, more);
        assert_eq!(ended.code, Some(code), "{project} {more:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{words} is not in {}", ended.stderr);
    }
    house.adjust("innkeeper.toml", "path = \"tpo/tpa/team\"", "path = \"tpo/tpa/teem\"");
    let wrong = run("tpo/tpa/teem", &[]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("project 7 is `tpo/tpa/team` on gitlab"), "{}", wrong.stderr);

    forge.revoke_token(TOKEN);
    let stranger = run("7", &[]);
    assert_eq!(stranger.code, Some(1));
    assert!(stranger.stderr.contains("is wrong, revoked or expired"), "{}", stranger.stderr);
    assert_eq!(changes(&forge), [""; 0]);
}
