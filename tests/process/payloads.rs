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
    house::{House, SEVEN},
};

/// A body and the header it came with.
struct Payload {
    name: String,
    event: String,
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
        let name = path.to_string_lossy().into_owned();
        if path.is_dir() {
            collect(&path, files);
        } else if name.ends_with(".json") && !name.ends_with(".meta.json") {
            files.push(path);
        }
    }
}

fn payload(folder: &Path, path: &Path) -> Payload {
    let about = fs::read(path.with_extension("meta.json")).unwrap_or_default();
    let about: Value = serde_json::from_slice(&about).unwrap_or_default();
    Payload {
        name: path.strip_prefix(folder).unwrap().display().to_string(),
        event: about["x_gitlab_event"].as_str().unwrap_or("Issue Hook").to_owned(),
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

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a folder of payloads: INNKEEPER_PAYLOADS=FOLDER cargo test --test process payloads -- --ignored --nocapture"]
#[expect(clippy::disallowed_methods, reason = "the folder is not part of the repository")]
#[expect(clippy::print_stdout, reason = "the table is what this is for")]
async fn no_payload_is_refused() {
    let folder = std::env::var("INNKEEPER_PAYLOADS").expect("INNKEEPER_PAYLOADS names a folder");
    let payloads = payloads(Path::new(&folder));
    assert!(!payloads.is_empty(), "no payload in {folder}");

    let (_silent, forge) = listener().await;
    let house = House::new(&forge);
    let mut tables = String::new();
    for project in projects(&payloads).into_iter().filter(|project| ![7, 8].contains(project)) {
        let _ = writeln!(
            tables,
            "[[forge.gitlab.project]]\nid = {project}\nwebhook_token = \"{}\"",
            secret(project)
        );
    }
    house.adjust("innkeeper.toml", "[provider.libvirt]", &format!("{tables}[provider.libvirt]"));
    house.adjust("innkeeper.toml", "\"trace\"", "\"debug,sqlx=warn\"");
    let service = house.serve().await;

    let mut summary: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut refused = Vec::new();
    for payload in &payloads {
        // An event of no project may come with the secret of any.
        let secret = secret(project_of(payload).unwrap_or(7));
        let request = service
            .http
            .post(format!("{}/webhooks/gitlab", service.url))
            .header("content-type", "application/json")
            .header("x-gitlab-event", &payload.event)
            .header("x-gitlab-token", secret);
        let response = request.body(payload.body.clone()).send().await.unwrap();
        let status = response.status().as_u16();
        let answer = response.text().await.unwrap();
        let answer = format!("{status} {}", answer.trim());
        println!("{:<70} {:<28} {answer}", payload.name, payload.event);
        if status >= 300 {
            refused.push(payload.name.clone());
        }
        let folder = payload.name.split('/').next().unwrap_or_default().to_owned();
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
    assert_eq!(refused, Vec::<String>::new());
    service.is_unharmed();
}
