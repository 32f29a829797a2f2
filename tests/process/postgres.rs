//! The program on a `PostgreSQL` server: every command, and two replicas that share
//! the work while they are restarted one after the other.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use innkeeper::{
    app::system::SystemClock,
    cookbook::{issue_template, load},
    rehearsal::{Hook, IssueKey, Options, Rehearsal},
};

use crate::{
    forge::{Scripted, listener},
    house::{House, SEVEN, Service, issue_event},
    serve::world,
    server::{self, Database},
};

/// What the server's password would be, if it asked for one.
const PASSWORD: &str = "Xk29 password of the database";

/// A house whose store is in this database.
fn house(forge: &str, database: &Database) -> House {
    let house = House::new(forge);
    house.write("postgres.password", PASSWORD);
    let store = format!(
        "[store]\nurl = \"{}\"\npassword_file = \"postgres.password\"\n\n[server]",
        database.url
    );
    house.adjust("innkeeper.toml", "[server]", &store);
    house
}

fn keeps_its_secret(service: &Service) {
    service.is_unharmed();
    assert!(!service.log().contains(PASSWORD), "the password is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_works_with_a_store_on_a_server() {
    let Some(cluster) = server::shared() else { return };
    let database = cluster.create("template1").await;
    let (listener, forge) = listener().await;
    let _forge = Scripted::start(listener);
    let house = house(&forge, &database);
    let run =
        |arguments: &[&str]| house.run(&[arguments, &["--config", "innkeeper.toml"]].concat());

    for arguments in
        [&["status"] as &[&str], &["freeze", "--reason", "A move."], &["audit", "verify"]]
    {
        let none = run(arguments);
        assert_eq!(none.code, Some(2), "{arguments:?}: {}", none.stderr);
        assert!(none.stderr.contains("there is no store at postgres:///"), "{}", none.stderr);
    }
    let doctor = run(&["doctor"]);
    assert!(doctor.stdout.contains("The database is empty"), "{}", doctor.stdout);
    let check = run(&["serve", "--check"]);
    assert_eq!(check.code, Some(0), "{}", check.stderr);

    let service = house.serve().await;
    assert_eq!(service.deliver(SEVEN, issue_event(7, 3)).await.0, 202);
    assert_eq!(service.deliver(SEVEN, issue_event(7, 3)).await.0, 200, "it is known already");
    assert!(service.get("/readyz").await.1.starts_with("store: ok"));
    assert_eq!(house.deliveries(), 1);
    let frozen = run(&["freeze", "--reason", "A move."]);
    assert_eq!(frozen.code, Some(0), "{}", frozen.stderr);
    assert!(run(&["status"]).stdout.contains("frozen: "));
    assert!(run(&["thaw"]).stdout.starts_with("Thawed: "));
    let verified = run(&["audit", "verify"]);
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
    assert!(run(&["audit", "export"]).stdout.contains("freeze-"));
    let doctor = run(&["doctor"]).stdout;
    assert!(doctor.contains("PostgreSQL ") && doctor.contains("audit log is whole"), "{doctor}");
    keeps_its_secret(&service);

    // Killed, it is followed by another that knows what it knew.
    service.kill();
    let mut service = house.serve().await;
    assert_eq!(service.deliver(SEVEN, issue_event(7, 3)).await.0, 200);
    assert!(service.stop().await.0.success());
    keeps_its_secret(&service);
    let path = house.path("innkeeper.db");
    assert!(fs::metadata(&path).is_err(), "no file beside it");
}

/// How many issues are filed while replicas come and go.
const ISSUES: usize = 12;

/// How long it may take to answer them all, on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(2);

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_are_restarted_under_load_lose_nothing_and_do_nothing_twice() {
    let Some(database) = server::database().await else { return };
    let (listener, forge) = listener().await;
    let house = house(&forge, &database);
    house.adjust("innkeeper.toml", "forge_timeout_seconds = 1", "forge_timeout_seconds = 4");
    house.adjust("innkeeper.toml", "claim_seconds = 3", "claim_seconds = 10");
    let mut replicas = vec![house.serve().await, house.serve().await];
    // No webhook reaches anybody but these deliveries, as a proxy would spread them.
    let nowhere = Hook::new(7, "http://127.0.0.1:9/webhooks/gitlab").secret_token(SEVEN);
    let forge =
        Rehearsal::start(listener, world(nowhere), Arc::new(SystemClock), Options::default())
            .unwrap();
    let cookbook = load::embedded().get(&"sandbox".into()).unwrap().clone();
    let form = issue_template::gitlab(&cookbook);

    let mut filed: Vec<IssueKey> = Vec::new();
    for number in 0..ISSUES {
        let key = forge.file_issue("alice", "tpo/tpa/team", "A machine", &form).unwrap();
        filed.push(key);
        let event = issue_event(7, key.iid);
        let (status, _) = replicas[number % 2].deliver(SEVEN, event.clone()).await;
        assert_eq!(status, 202);
        // A redelivery goes to the other one.
        let (status, _) = replicas[(number + 1) % 2].deliver(SEVEN, event).await;
        assert_eq!(status, 200);
        if number % 3 == 2 {
            // One ends, well or not, in the middle of what it does; another follows.
            let mut old = replicas.remove(0);
            if number % 6 == 2 {
                let (status, _) = old.stop().await;
                assert!(status.success(), "{}", old.gist());
                keeps_its_secret(&old);
            } else {
                old.kill();
            }
            replicas.push(house.serve().await);
        }
    }
    let answered = |key: &IssueKey| {
        forge.issue(*key).is_some_and(|issue| issue.comments_by("innkeeper").next().is_some())
    };
    let begun = Instant::now();
    while !(filed.iter().all(answered) && house.status()["looks_waiting"] == 0) {
        let silent: Vec<_> = filed.iter().filter(|key| !answered(key)).collect();
        let queue = || house.run(&["queue", "list", "--json", "--config", "innkeeper.toml"]);
        assert!(
            begun.elapsed() < PATIENCE,
            "{silent:?}: {} {}\n{}",
            house.status(),
            queue().stdout,
            replicas[1].gist()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for key in &filed {
        let issue = forge.issue(*key).unwrap();
        let answers: Vec<_> = issue.comments_by("innkeeper").map(|note| &note.body).collect();
        assert_eq!(answers.len(), 1, "{key:?}: {answers:#?}");
    }
    let status = house.status();
    assert_eq!(status["deliveries"], ISSUES);
    assert_eq!(status["requests"]["incomplete"], ISSUES);
    assert_eq!(house.run(&["audit", "verify", "--config", "innkeeper.toml"]).code, Some(0));

    for replica in &mut replicas {
        let (status, took) = replica.stop().await;
        assert!(status.success() && took < Duration::from_secs(20), "{}", replica.gist());
        keeps_its_secret(replica);
    }
}
