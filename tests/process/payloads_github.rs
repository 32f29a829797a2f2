//! What GitHub sends, through the running endpoint: signed with the App's
//! secret, it is taken or ignored, and never refused.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use crate::{
    forge::listener,
    house::{House, Service},
};

pub(crate) const SECRET: &str = "Xk29 secret of the App";

/// An App whose webhook tells of whatever repository it is installed in.
async fn served() -> (House, Service) {
    let (_silent, forge) = listener().await;
    let house = House::new(&forge);
    let hub = format!(
        "[forge.hub]\nkind = \"github\"\nurl = \"{forge}\"\n[forge.hub.app]\nid = 5\n\
         private_key_file = \"app.pem\"\nwebhook_token = \"{SECRET}\"\n\
         [[forge.hub.group]]\npath = \"octo\"\n[provider.libvirt]"
    );
    house.adjust("innkeeper.toml", "[provider.libvirt]", &hub);
    house.adjust("innkeeper.toml", "\"trace\"", "\"debug,sqlx=warn\"");
    house.write("app.pem", include_str!("../fixtures/github/app_key_for_tests.pem"));
    let service = house.serve().await;
    (house, service)
}

fn signature(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    mac.finalize().into_bytes().iter().fold("sha256=".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

async fn deliver(service: &Service, event: &str, signature: &str, body: Vec<u8>) -> String {
    let request = service
        .http
        .post(format!("{}/webhooks/hub", service.url))
        .header("content-type", "application/json")
        .header("x-github-event", event)
        .header("x-hub-signature-256", signature);
    let response = request.body(body).send().await.unwrap();
    let status = response.status().as_u16();
    format!("{status} {}", response.text().await.unwrap().trim()).trim().to_owned()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let ends = |path: &Path, end| path.extension().is_some_and(|extension| extension == end);
        if path.is_dir() {
            files(&path, found);
        } else if ends(&path, "json") && !ends(Path::new(path.file_stem().unwrap()), "meta") {
            found.push(path);
        }
    }
    found.sort();
}

/// By what is known of it beside it, else by its name.
fn event(path: &Path) -> Option<String> {
    if let Ok(about) = fs::read(path.with_extension("meta.json")) {
        let about: Value = serde_json::from_slice(&about).unwrap();
        return about["x_github_event"].as_str().map(str::to_owned);
    }
    let name = path.file_name()?.to_str()?;
    let known = ["issue_comment", "issues", "ping", "installation", "push"];
    known.into_iter().find(|event| name.starts_with(event)).map(str::to_owned)
}

async fn send(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    files(folder, &mut found);
    let (_house, service) = served().await;
    let mut answers = Vec::new();
    for path in found {
        let Some(event) = event(&path) else { continue };
        let body = fs::read(&path).unwrap();
        let answer = deliver(&service, &event, &signature(&body), body).await;
        let name = path.strip_prefix(folder).unwrap().display().to_string();
        answers.push((name, answer));
    }
    service.is_unharmed();
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_event_is_taken_or_ignored_but_never_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/github");
    let answers = send(&folder).await;
    let lines: Vec<_> = answers.iter().map(|(name, answer)| format!("{name}: {answer}")).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    installation_created.json: 200 ignored
    issue_comment_created.json: 202 accepted
    issue_comment_on_pull_request.json: 200 ignored
    issues_field_of_tomorrow.json: 202 accepted
    issues_on_pull_request.json: 200 ignored
    issues_opened.json: 202 accepted
    issues_without_sender.json: 202 accepted
    ping_of_app.json: 200 ignored
    ping_of_repository.json: 200 ignored
    push.json: 200 ignored
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_know_the_secret_is_refused() {
    let (_house, service) = served().await;
    let body = include_bytes!("../fixtures/github/issues_opened.json").to_vec();
    for wrong in ["", "sha256=", "sha1=00", &"sha256=00".repeat(4)] {
        assert_eq!(deliver(&service, "issues", wrong, body.clone()).await, "401");
    }
    let mut changed = body.clone();
    changed.push(b' ');
    assert_eq!(deliver(&service, "issues", &signature(&body), changed).await, "401");
    assert_eq!(deliver(&service, "issues", &signature(&body), body).await, "202 accepted");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a folder of payloads: INNKEEPER_PAYLOADS=FOLDER cargo test --test process payloads_github -- --ignored --nocapture"]
#[expect(clippy::disallowed_methods, reason = "the folder is not part of the repository")]
#[expect(clippy::print_stdout, reason = "the table is what this is for")]
async fn no_payload_is_refused() {
    let folder = std::env::var("INNKEEPER_PAYLOADS").expect("INNKEEPER_PAYLOADS names a folder");
    let answers = send(Path::new(&folder)).await;
    let mut summary: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, answer) in &answers {
        *summary.entry(answer).or_default() += 1;
        assert!(answer.starts_with('2'), "{name}: {answer}");
    }
    println!("{summary:?}");
    assert!(!answers.is_empty(), "no payload of GitHub in {folder}");
}
