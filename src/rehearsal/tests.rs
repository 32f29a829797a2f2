//! The instance over HTTP.

mod api;
mod faults;
mod github;
mod github_webhooks;
mod pages;
mod record;
mod webhooks;

use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Group, IssueKey, Level, Membership, Options, Project, Rehearsal, Tier, User, World};
use crate::ports::clock::Clock;

const ALICE: u64 = 2;
const BOB: u64 = 3;
const CAROL: u64 = 4;
const BOT: u64 = 9;
const PATH: &str = "tpo/tpa/machines";

/// Stands still until it is moved.
pub(super) struct MovedClock(Mutex<DateTime<Utc>>);

impl MovedClock {
    fn advance(&self, by: TimeDelta) {
        let mut now = self.0.lock().unwrap();
        *now += by;
    }
}

impl Clock for MovedClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

fn clock() -> Arc<MovedClock> {
    Arc::new(MovedClock(Mutex::new("2026-03-02T09:00:00Z".parse().unwrap())))
}

/// Alice is nobody in particular, Bob develops, Carol maintains; the bot
/// reports.
fn world() -> World {
    World::new()
        .user(User::person(ALICE, "alice", "Alice").ssh_key("ssh-ed25519 AAAA alice"))
        .user(User::person(BOB, "bob", "Bob"))
        .user(User::person(CAROL, "carol", "Carol"))
        .user(User::bot(BOT, "project_7_bot_1", "Innkeeper"))
        .group(Group::new(20, "tpo").member(Membership::new(CAROL, Level::Maintainer)))
        .group(Group::new(21, "tpo/tpa").member(Membership::new(BOB, Level::Developer)))
        .project(
            Project::new(7, PATH)
                .member(Membership::new(BOT, Level::Reporter))
                .template("Sandbox", "## Sandbox\n"),
        )
        .project(Project::new(8, "tpo/secret").private())
        .token("alice-token", ALICE)
        .token("bob-token", BOB)
        .token("carol-token", CAROL)
        .token("bot-token", BOT)
}

async fn start(world: World, clock: Arc<MovedClock>, options: Options) -> Rehearsal {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Rehearsal::start(listener, world, clock, options).unwrap()
}

async fn started() -> Rehearsal {
    start(world(), clock(), Options::default()).await
}

fn filed(gitlab: &Rehearsal) -> IssueKey {
    gitlab.file_issue("alice", PATH, "A sandbox", "Please.").unwrap()
}

/// Calls the API as the owner of `NAME-token`; the status and the JSON.
async fn call(
    gitlab: &Rehearsal,
    who: &str,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> (u16, Value) {
    let response = send(gitlab, who, method, path, body).await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

async fn send(
    gitlab: &Rehearsal,
    who: &str,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> reqwest::Result<reqwest::Response> {
    let url = format!("{}/api/v4{path}", gitlab.base_url());
    let mut request = client().request(method, url).header("PRIVATE-TOKEN", format!("{who}-token"));
    if let Some(body) = body {
        request = request.header("Content-Type", "application/json").body(body.to_string());
    }
    request.send().await
}

fn client() -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy();
    client.redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

async fn get(gitlab: &Rehearsal, who: &str, path: &str) -> (u16, Value) {
    call(gitlab, who, Method::GET, path, None).await
}

async fn note(gitlab: &Rehearsal, who: &str, key: IssueKey, text: &str) -> (u16, Value) {
    let path = format!("/projects/{}/issues/{}/notes", key.project, key.iid);
    call(gitlab, who, Method::POST, &path, Some(json!({ "body": text }))).await
}

async fn put_issue(gitlab: &Rehearsal, who: &str, key: IssueKey, body: Value) -> (u16, Value) {
    let path = format!("/projects/{}/issues/{}", key.project, key.iid);
    call(gitlab, who, Method::PUT, &path, Some(body)).await
}
