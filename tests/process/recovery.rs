//! `innkeeper backup`, `restore` and `reconcile` on the real program.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    forge::{Scripted, listener},
    house::{House, SEVEN, TOKEN, eventually, issue_event, run_in},
};

const CONFIG: [&str; 2] = ["--config", "innkeeper.toml"];

fn backup(house: &House, file: &str) {
    let done = house.run(&[&["backup"], &CONFIG[..], &[file]].concat());
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stdout.starts_with("Backed up: "), "{}", done.stdout);
}

fn reconcile(house: &House, more: &[&str]) -> (Option<i32>, String) {
    let ended = house.run(&[&["reconcile"], &CONFIG[..], more].concat());
    (ended.code, ended.stdout + &ended.stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn backed_up_under_load_killed_and_restored_elsewhere_it_goes_on_when_told() {
    let (listener, forge) = listener().await;
    let forge_runs = Scripted::start(listener);
    let house = House::new(&forge);
    let service = house.serve().await;
    service.logged("polled").await;
    let accepted = Arc::new(AtomicU64::new(0));
    let senders: Vec<_> = (0..3_u64)
        .map(|sender| {
            let (url, http) = (format!("{}/webhooks/gitlab", service.url), service.http.clone());
            let accepted = Arc::clone(&accepted);
            tokio::spawn(async move {
                for issue in (1..).map(|number| number * 3 + sender) {
                    let request = http.post(&url).header("x-gitlab-token", SEVEN);
                    if request.body(issue_event(7, issue)).send().await.is_err() {
                        return;
                    }
                    accepted.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let mut before = 0;
    for _ in 0..3 {
        eventually("more is accepted", || accepted.load(Ordering::Relaxed) > before + 20).await;
        before = accepted.load(Ordering::Relaxed);
        backup(&house, "backup.jsonl");
        let read = house.run(&["backup", "--verify", "--json", "backup.jsonl"]);
        assert_eq!(read.code, Some(0), "{}", read.stderr);
        let contents: serde_json::Value = serde_json::from_str(&read.stdout).unwrap();
        assert!(contents["rows"]["deliveries"].as_u64().unwrap() >= before, "{contents}");
        assert_eq!(contents["rows"]["deliveries"], contents["rows"]["looks"], "one moment");
    }
    let mode = fs::metadata(house.path("backup.jsonl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!house.path("backup.jsonl.partial").exists());
    service.kill();
    for sender in senders {
        sender.await.unwrap();
    }

    let other = House::new(&forge);
    fs::copy(house.path("backup.jsonl"), other.path("backup.jsonl")).unwrap();
    let restored = other.run(&[&["restore"], &CONFIG[..], &["backup.jsonl"]].concat());
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
    assert!(restored.stdout.contains("innkeeper reconcile --go-on"), "{}", restored.stdout);
    assert!(other.deliveries() >= before);
    let mut service = other.serve().await;
    service.logged("the store was restored from a backup").await;
    let issue = 1_000_000;
    assert_eq!(service.deliver(SEVEN, issue_event(7, issue)).await.0, 202, "it listens");
    let mut ready = (0, String::new());
    for _ in 0..300 {
        ready = service.get("/readyz").await;
        if ready.0 == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(ready.0 == 200 && ready.1.contains("restored: ok (as of "), "{}", ready.1);
    assert!(service.get("/metrics").await.1.contains("innkeeper_only_listening 1.0\n"));
    let status = other.run(&[&["status"], &CONFIG[..]].concat());
    assert_eq!(status.code, Some(1));
    assert!(status.stdout.contains("it only listens"), "{}", status.stdout);

    let (code, said) = reconcile(&other, &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("Could not be looked at:\n  libvirt: "), "{said}");
    let (code, said) = reconcile(&other, &["--go-on"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("add --yes"), "{said}");
    let asked = format!("GET /api/v4/projects/7/issues/{issue}");
    assert!(!forge_runs.has_been_asked(&asked), "it looked before it was told to");
    assert_eq!(reconcile(&other, &["--go-on", "--yes"]).0, Some(0));
    forge_runs.was_asked(&asked).await;
    assert!(service.get("/metrics").await.1.contains("innkeeper_only_listening 0.0\n"));
    assert_eq!(reconcile(&other, &[]).0, Some(0), "there is nothing to be told any more");
    let log = other.run(&[&["audit", "export"], &CONFIG[..]].concat()).stdout;
    assert!(log.contains("restored") && log.contains("went-on-after-restoring"), "{log}");
    assert_eq!(other.run(&[&["audit", "verify"], &CONFIG[..]].concat()).code, Some(0));
    assert!(service.stop().await.0.success());
    service.is_unharmed();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_goes_through_a_pipe_and_only_into_an_empty_store() {
    let (listener, forge) = listener().await;
    let _forge = Scripted::start(listener);
    let house = House::new(&forge);
    let none = house.run(&[&["backup"], &CONFIG[..], &["backup.jsonl"]].concat());
    assert_eq!(none.code, Some(2));
    assert!(!house.path("backup.jsonl").exists() && !house.path("backup.jsonl.partial").exists());
    let mut service = house.serve().await;
    service.logged("polled").await;
    assert!(service.stop().await.0.success());
    let piped = house.run(&[&["backup"], &CONFIG[..], &["-"]].concat());
    assert_eq!(piped.code, Some(0), "{}", piped.stderr);

    let other = House::new(&forge);
    let restore = |input: &str| {
        let arguments = [&["restore"], &CONFIG[..], &["-"]].concat();
        run_in(other.path("").as_path(), &arguments, input.as_bytes())
    };
    let cut = restore(&piped.stdout[..piped.stdout.len() - 100]);
    assert_eq!(cut.code, Some(2));
    assert!(cut.stderr.contains("cut off"), "{}", cut.stderr);
    assert_eq!(restore(&piped.stdout).code, Some(0));
    let again = restore(&piped.stdout);
    assert_eq!(again.code, Some(2));
    assert!(again.stderr.contains("move the old database away"), "{}", again.stderr);

    house.write("letters.jsonl", "Dear Sir or Madam\n");
    let letters = house.run(&["backup", "--verify", "letters.jsonl"]);
    assert_eq!(letters.code, Some(1));
    assert!(letters.stderr.contains("no backup of Innkeeper"), "{}", letters.stderr);
    assert_eq!(house.run(&["backup", "--verify", "nowhere.jsonl"]).code, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_that_came_with_a_webhook_is_in_the_store_or_its_backup() {
    let (listener, forge) = listener().await;
    let _forge = Scripted::start(listener);
    let house = House::new(&forge);
    let service = house.serve().await;
    for (issue, secret) in [(1, SEVEN), (2, "guessed: Xk29"), (3, SEVEN)] {
        let request = service
            .http
            .post(format!("{}/webhooks/gitlab", service.url))
            .header("x-gitlab-token", secret)
            .header("authorization", "Bearer Xk29-bearer")
            .header("cookie", "session=Xk29-cookie");
        request.body(issue_event(7, issue)).send().await.unwrap();
    }
    backup(&house, "backup.jsonl");
    service.kill();
    for file in ["innkeeper.db", "innkeeper.db-wal", "backup.jsonl"] {
        let bytes = fs::read(house.path(file)).unwrap();
        for secret in ["Xk29", TOKEN] {
            let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "{secret} is in {file}");
        }
    }
    assert_eq!(house.deliveries(), 2);
}
