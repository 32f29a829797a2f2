//! `innkeeper setup github`, on a GitHub that keeps what it is told and no more.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::{
    forge::listener,
    house::{Ended, House},
};

/// The token of the service's account.
const TRIAGE: &str = "ghp_Xk29-of-the-service";
/// The token of an admin.
const ADMIN: &str = "ghp_Xk29-of-an-admin";
pub(crate) const SECRET: &str = "Xk29 secret of the webhook";
const FORM: &str = ".github/ISSUE_TEMPLATE/vm.yml";

#[derive(Default)]
struct Repository {
    labels: Vec<Value>,
    hooks: Vec<Value>,
    branches: BTreeMap<String, BTreeMap<String, String>>,
    pulls: Vec<Value>,
    /// Writes, as `POST labels`.
    written: Vec<String>,
    /// The answer to the next such write is lost.
    lost: Option<String>,
}

#[derive(Clone)]
struct GitHub(Arc<Mutex<Repository>>);

impl GitHub {
    async fn start() -> (Self, House) {
        let (listener, url) = listener().await;
        let main = BTreeMap::from([(FORM.to_owned(), "name: ours\n".to_owned())]);
        let github = Self(Arc::default());
        github.0.lock().unwrap().branches.insert("main".to_owned(), main);
        let router = Router::new().fallback(answer).with_state(github.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let house = House::new(&url);
        house.write(
            "innkeeper.toml",
            &format!(
                "[limits]\nforge_timeout_seconds = 5\n[forge.github]\nkind = \"github\"\nurl = \"{url}\"\ntoken = \"{TRIAGE}\"\n[[forge.github.project]]\nid = 7\npath = \"acme/infra\"\nwebhook_token = \"{SECRET}\"\n"
            ),
        );
        house.write("admin.token", ADMIN);
        (github, house)
    }

    fn written(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().written)
    }
}

async fn answer(
    State(github): State<GitHub>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let token = headers["authorization"].to_str().unwrap().trim_start_matches("Bearer ");
    let is_admin = match token {
        ADMIN => true,
        TRIAGE => false,
        _ => return StatusCode::UNAUTHORIZED.into_response(),
    };
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let path = uri.path().strip_prefix("/api/v3/").unwrap();
    let path = path.strip_prefix("repos/acme/infra").unwrap_or(path).trim_start_matches('/');
    let mut repository = github.0.lock().unwrap();
    let (status, answer) = match (method == Method::GET, path) {
        (true, "user") => (200, json!({ "id": 100, "login": "innkeeper", "type": "User" })),
        (true, "" | "repositories/7") => (200, about(is_admin)),
        (true, _) => repository.read(path, uri.query().unwrap_or_default(), is_admin),
        (false, _) if !is_admin => (403, json!({ "message": "Must have admin rights" })),
        (false, _) => {
            let line = format!("{method} {path}");
            repository.written.push(line.clone());
            let done = repository.write(&method, path, body);
            let lost = repository.lost.take_if(|lost| line.starts_with(lost.as_str()));
            if lost.is_some() { (502, json!({})) } else { done }
        }
    };
    (StatusCode::from_u16(status).unwrap(), answer.to_string()).into_response()
}

fn about(is_admin: bool) -> Value {
    json!({
        "id": 7, "full_name": "acme/infra", "html_url": "https://github.example/acme/infra",
        "default_branch": "main", "permissions": { "push": is_admin, "triage": true },
    })
}

impl Repository {
    fn read(&self, path: &str, query: &str, is_admin: bool) -> (u16, Value) {
        let missing = (404, json!({ "message": "Not Found" }));
        let branch = query.strip_prefix("ref=").unwrap_or_default();
        match path.split_once('/').unwrap_or((path, "")) {
            ("labels", _) => (200, json!(self.labels)),
            ("hooks", _) if is_admin => (200, json!(self.hooks)),
            ("pulls", _) => (200, json!(self.pulls)),
            ("collaborators", _) => (200, json!({ "permission": "read", "role_name": "triage" })),
            ("git", rest) => match self.branches.get(rest.trim_start_matches("ref/heads/")) {
                Some(_) => (200, json!({ "object": { "sha": "5ha" } })),
                None => missing,
            },
            ("contents", file) => match self.branches.get(branch).and_then(|all| all.get(file)) {
                // As GitHub does, in lines.
                Some(text) => {
                    let mut content = BASE64_STANDARD.encode(text);
                    content.insert(4, '\n');
                    (200, json!({ "sha": "f11e", "content": content }))
                }
                None => missing,
            },
            _ => missing,
        }
    }

    fn write(&mut self, method: &Method, path: &str, body: Value) -> (u16, Value) {
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        match path.split_once('/').unwrap_or((path, "")) {
            ("labels", _) => self.labels.push(body),
            ("hooks", "") => {
                let mut hook = body;
                hook["id"] = json!(self.hooks.len() + 1);
                self.hooks.push(hook);
            }
            ("hooks", rest) => {
                let index: usize = rest.split('/').next().unwrap().parse().unwrap();
                let hook = &mut self.hooks[index - 1];
                let target = if rest.ends_with("/config") { &mut hook["config"] } else { hook };
                for (key, value) in body.as_object().unwrap() {
                    target[key] = value.clone();
                }
            }
            ("git", _) => {
                let main = self.branches["main"].clone();
                self.branches.insert(text("ref").replace("refs/heads/", ""), main);
            }
            ("contents", file) => {
                assert_eq!(method, Method::PUT);
                let files = self.branches.get_mut(&text("branch")).unwrap();
                assert_eq!(files.contains_key(file), body["sha"] == "f11e", "{body}");
                let content = BASE64_STANDARD.decode(text("content")).unwrap();
                files.insert(file.to_owned(), String::from_utf8(content).unwrap());
            }
            ("pulls", _) => {
                self.pulls.push(json!({ "html_url": "https://github.example/acme/infra/pull/1" }));
                return (201, self.pulls[0].clone());
            }
            _ => return (404, json!({})),
        }
        (201, json!({}))
    }
}

fn setup(house: &House, more: &[&str]) -> Ended {
    let begin = ["setup", "github", "--config", "innkeeper.toml", "--project", "acme/infra"];
    let url = ["--url", "https://innkeeper.example.org"];
    let ended = house.run(&[&begin, &url[..], more].concat());
    for secret in [TRIAGE, ADMIN, SECRET, "panicked"] {
        assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "{secret}");
    }
    ended
}

fn apply(house: &House) -> Ended {
    setup(house, &["--apply", "--token-file", "admin.token"])
}

fn has(ended: &Ended, line: &str) {
    assert!(ended.stdout.contains(line), "`{line}` is not in\n{}\n{}", ended.stdout, ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_shows_does_and_then_finds_nothing_to_do() {
    let (github, house) = GitHub::start().await;
    let shown = setup(&house, &[]);
    assert_eq!((shown.code, shown.stderr.as_str()), (Some(1), ""), "{}", shown.stdout);
    for line in [
        "acme/infra on github, project 7\n",
        "  ok      account    The service is `innkeeper`, a member with the role triage here.\n",
        "  cannot  label      `innkeeper::active` is missing. `innkeeper` may not label here.\n",
        "  cannot  webhook    This account may not see or make webhooks here.\n",
        "  cannot  templates  Missing or out of date: ",
    ] {
        has(&shown, line);
    }
    let done = apply(&house);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{}", done.stdout);
    has(&done, "  - Merge the pull request: https://github.example/acme/infra/pull/1\n");
    {
        let repository = github.0.lock().unwrap();
        assert_eq!(repository.labels.len(), 11);
        assert_eq!(repository.hooks[0]["events"], json!(["issues", "issue_comment"]));
        let config = &repository.hooks[0]["config"];
        assert_eq!(config["url"], "https://innkeeper.example.org/webhooks/github");
        assert_eq!((&config["content_type"], &config["secret"]), (&json!("json"), &json!(SECRET)));
        assert_eq!(repository.branches["main"][FORM], "name: ours\n", "merging is for people");
        assert!(repository.branches["innkeeper-templates"][FORM].starts_with("name: \"Virtual"));
    }
    github.written();
    let again = apply(&house);
    assert_eq!(again.code, Some(0), "{}", again.stdout);
    has(&again, "Everything is as it should be.\n");
    has(&again, "  - Merge the pull request: ");
    assert_eq!(github.written(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_completed_by_the_next_run() {
    for lost in ["POST labels", "POST hooks", "POST git/refs", "PUT contents", "POST pulls"] {
        let (github, house) = GitHub::start().await;
        github.0.lock().unwrap().lost = Some(lost.to_owned());
        let interrupted = apply(&house);
        assert_eq!(interrupted.code, Some(1), "{lost}: {}", interrupted.stdout);
        let completed = apply(&house);
        assert_eq!(completed.code, Some(0), "{lost}: {}", completed.stdout);
        github.written();
        has(&apply(&house), "Everything is as it should be.\n");
        assert_eq!(github.written(), [""; 0]);
        let repository = github.0.lock().unwrap();
        let made = (repository.labels.len(), repository.hooks.len(), repository.pulls.len());
        assert_eq!(made, (11, 1, 1), "{lost}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_corrected_and_its_secret_left() {
    let (github, house) = GitHub::start().await;
    let config = json!({
        "url": "https://innkeeper.example.org/webhooks/github",
        "content_type": "form", "insecure_ssl": "0", "secret": "********",
    });
    let hook = json!({ "id": 1, "active": true, "events": ["push"], "config": config });
    {
        let mut repository = github.0.lock().unwrap();
        repository.hooks.push(hook);
        repository.labels.push(json!({ "name": "Innkeeper::ACTIVE" }));
    }
    house.adjust("policies/vm.toml", "label   = \"vm\"\n", "");
    let done = apply(&house);
    assert_eq!(done.code, Some(1), "{}", done.stdout);
    has(&done, "Cookbook `vm` has no `label`");
    has(&done, "it is told needlessly of push, it does not send JSON");
    let written = github.written();
    assert_eq!(written.iter().filter(|line| *line == "POST labels").count(), 9, "{written:?}");
    let repository = github.0.lock().unwrap();
    let hook = &repository.hooks[0];
    assert_eq!(hook["config"]["secret"], "********");
    assert_eq!((&hook["config"]["content_type"], repository.hooks.len()), (&json!("json"), 1));
}
