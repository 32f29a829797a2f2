//! Payloads that real forges sent, from a folder outside the repository.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    forge::listener,
    house::{House, SEVEN, Service},
};

/// A body and the headers it came with.
struct Payload {
    name: String,
    event: String,
    /// Where they were recorded; else the event alone is known.
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// `X.json` with, beside it, what is known of it: `X.meta.json`.
fn payloads(folder: &Path) -> Vec<Payload> {
    let mut files = Vec::new();
    collect(folder, &mut files);
    let mut payloads: Vec<Payload> = files.iter().map(|path| payload(folder, path)).collect();
    payloads.sort_by(|one, other| one.name.cmp(&other.name));
    payloads
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let ends = |path: &Path, end| path.extension().is_some_and(|extension| extension == end);
        if path.is_dir() {
            collect(&path, files);
        } else if ends(&path, "json")
            && !path.file_stem().is_some_and(|stem| ends(stem.as_ref(), "meta"))
        {
            files.push(path);
        }
    }
}

fn payload(folder: &Path, path: &Path) -> Payload {
    let about = fs::read(path.with_extension("meta.json")).unwrap_or_default();
    let about: Value = serde_json::from_slice(&about).unwrap_or_default();
    let recorded = about["request_headers"].as_object().into_iter().flatten();
    let headers = recorded
        .filter(|(name, _)| {
            !["content-type", "content-length"].contains(&name.to_lowercase().as_str())
        })
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    Payload {
        name: path.strip_prefix(folder).unwrap().display().to_string(),
        event: about["x_gitlab_event"].as_str().unwrap_or("Issue Hook").to_owned(),
        headers,
        body: fs::read(path).unwrap(),
    }
}

/// Every number that is a project's in a payload.
fn projects(payloads: &[Payload]) -> BTreeSet<u64> {
    let of = |payload: &Payload| {
        let body: Value = serde_json::from_slice(&payload.body).unwrap_or_default();
        ["/project/id", "/project_id", "/object_attributes/project_id", "/issue/project_id"]
            .into_iter()
            .filter_map(|path| body.pointer(path)?.as_u64())
            .collect::<Vec<_>>()
    };
    payloads.iter().flat_map(of).collect()
}

fn secret(project: u64) -> String {
    if project == 7 { SEVEN.to_owned() } else { format!("Xk29 secret of {project}") }
}

fn project_of(payload: &Payload) -> Option<u64> {
    projects(std::slice::from_ref(payload)).into_iter().next()
}

/// Sends each with the secret of its project to a service that listens to all
/// of them; the answers in the same order.
async fn send(payloads: &[Payload]) -> (Vec<String>, Service) {
    let (_silent, forge) = listener().await;
    let house = House::new(&forge);
    let mut tables = String::new();
    for project in projects(payloads).into_iter().filter(|project| ![7, 8].contains(project)) {
        let _ = writeln!(
            tables,
            "[[forge.gitlab.project]]\nid = {project}\nwebhook_token = \"{}\"",
            secret(project)
        );
    }
    house.adjust("innkeeper.toml", "[provider.libvirt]", &format!("{tables}[provider.libvirt]"));
    house.adjust("innkeeper.toml", "\"trace\"", "\"debug,sqlx=warn\"");
    let service = house.serve().await;
    let mut answers = Vec::new();
    for payload in payloads {
        // An event of no project may come with the secret of any.
        let secret = secret(project_of(payload).unwrap_or(7));
        let mut request = service
            .http
            .post(format!("{}/webhooks/gitlab", service.url))
            .header("content-type", "application/json")
            .header("x-gitlab-token", secret);
        if payload.headers.is_empty() {
            request = request.header("x-gitlab-event", &payload.event);
        }
        for (name, value) in &payload.headers {
            request = request.header(name, value);
        }
        let response = request.body(payload.body.clone()).send().await.unwrap();
        let status = response.status().as_u16();
        answers.push(format!("{status} {}", response.text().await.unwrap().trim()));
    }
    (answers, service)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_event_is_taken_or_ignored_but_never_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gitlab");
    let payloads = payloads(&folder);
    let (sent, service) = send(&payloads).await;
    let lines =
        payloads.iter().zip(sent).map(|(payload, answer)| format!("{}: {answer}", payload.name));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r"
    access_token_expiring.json: 200 ignored
    emoji_on_issue.json: 202 accepted
    emoji_on_merge_request.json: 200 ignored
    epic_of_group.json: 200 ignored
    issue_closed_as_update.json: 202 accepted
    issue_confidential.json: 202 accepted
    issue_opened.json: 202 accepted
    issue_without_project.json: 202 accepted
    note_on_issue.json: 202 accepted
    note_on_merge_request.json: 200 ignored
    note_on_work_item.json: 202 accepted
    system_project_renamed.json: 200 ignored
    work_item_issue.json: 202 accepted
    work_item_task.json: 200 ignored
    ");
    let told = "the access token `innkeeper` of project ops/machines ends: 2026-11-28";
    service.logged(told).await;
    service.is_unharmed();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a folder of payloads: INNKEEPER_PAYLOADS=FOLDER cargo test --test process payloads -- --ignored --nocapture"]
#[expect(clippy::disallowed_methods, reason = "the folder is not part of the repository")]
#[expect(clippy::print_stdout, reason = "the table is what this is for")]
async fn no_payload_is_refused() {
    let folder = std::env::var("INNKEEPER_PAYLOADS").expect("INNKEEPER_PAYLOADS names a folder");
    let payloads = payloads(Path::new(&folder));
    assert!(!payloads.is_empty(), "no payload in {folder}");

    let (sent, service) = send(&payloads).await;
    let mut summary: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for (payload, answer) in payloads.iter().zip(&sent) {
        println!("{:<70} {:<28} {answer}", payload.name, payload.event);
        let folder = payload.name.split('/').next().unwrap_or_default();
        *summary.entry((folder, answer)).or_default() += 1;
    }
    println!();
    for ((folder, answer), count) in summary {
        println!("{folder:<40} {count:>4} {answer}");
    }
    println!();
    let mut ignored: BTreeMap<(String, String), u64> = BTreeMap::new();
    for line in service.log().lines().filter(|line| line.contains("ignored a webhook delivery")) {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| line["fields"][key].as_str().unwrap_or("?").to_owned();
        *ignored.entry((text("event"), text("why"))).or_default() += 1;
    }
    for ((event, why), count) in ignored {
        println!("ignored {count:>4} {event:<28} {why}");
    }
    for (payload, answer) in payloads.iter().zip(&sent) {
        assert!(answer.starts_with('2'), "{}: {answer}", payload.name);
    }
    service.is_unharmed();
}
