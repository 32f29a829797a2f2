//! The other dialect over HTTP.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Response;

use super::*;
use crate::rehearsal::{App, Dialect, Fault, IssueState, Refused, Trouble};

const REPOSITORY: &str = "tpo/machines";
pub(super) const APP_USER: u64 = 10;

/// Alice has an account; Bob is of the team and writes, Carol owns the
/// organisation. The bot is a member that writes.
pub(super) fn github_world() -> World {
    let tpo = Group::new(20, "tpo")
        .member(Membership::new(CAROL, Level::Owner))
        .member(Membership::new(BOT, Level::Guest));
    let writes = |user| Membership::new(user, Level::Developer);
    World::new()
        .user(User::person(ALICE, "alice", "Alice").ssh_key("ssh-ed25519 AAAA alice"))
        .user(User::person(BOB, "bob", "Bob"))
        .user(User::person(CAROL, "carol", "Carol"))
        .user(User::person(BOT, "innkeeper", "Innkeeper"))
        .user(User::bot(APP_USER, "innkeeper[bot]", "Innkeeper"))
        .group(tpo)
        .group(Group::new(21, "tpo/tpa").member(writes(BOB)))
        .project(
            Project::new(7, REPOSITORY)
                .member(writes(BOB))
                .member(writes(BOT))
                .member(writes(APP_USER))
                .label("sandbox"),
        )
        .project(Project::new(8, "tpo/secret").private())
        .app(App::new(11, "innkeeper", APP_USER).installed("tpo", 77))
        .token("alice-token", ALICE)
        .token("bob-token", BOB)
        .token("carol-token", CAROL)
        .token("bot-token", BOT)
}

pub(super) async fn github_with(world: World) -> Rehearsal {
    let options = Options { dialect: Dialect::GitHub, ..Options::default() };
    start(world, clock(), options).await
}

async fn github() -> Rehearsal {
    github_with(github_world()).await
}

pub(super) fn file(github: &Rehearsal) -> IssueKey {
    github.file_form("alice", REPOSITORY, "A sandbox", "Please.", &["sandbox", "new"]).unwrap()
}

async fn raw(
    github: &Rehearsal,
    token: &str,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Response {
    let url = format!("{}/api/v3{path}", github.base_url());
    let mut request = client().request(method, url).header("Authorization", token);
    if let Some(body) = body {
        request = request.body(body.to_string());
    }
    request.send().await.unwrap()
}

async fn json_of(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

async fn ask(
    github: &Rehearsal,
    who: &str,
    method: Method,
    path: &str,
    body: Value,
) -> (u16, Value) {
    let body = (method != Method::GET).then_some(body);
    json_of(raw(github, &format!("Bearer {who}-token"), method, path, body).await).await
}

async fn read(github: &Rehearsal, who: &str, path: &str) -> (u16, Value) {
    ask(github, who, Method::GET, path, Value::Null).await
}

async fn status(github: &Rehearsal, who: &str, path: &str) -> u16 {
    read(github, who, path).await.0
}

#[tokio::test]
async fn callers_show_a_token_and_are_told_why_not() {
    let github = github().await;
    let (code, user) = read(&github, "bot", "/user").await;
    assert_eq!((code, &user["login"], &user["type"]), (200, &json!("innkeeper"), &json!("User")));
    let (code, answer) = read(&github, "nobody", "/user").await;
    assert_eq!((code, &answer["message"]), (401, &json!("Bad credentials")));
    let none = client().get(format!("{}/api/v3/user", github.base_url())).send().await.unwrap();
    assert_eq!(json_of(none).await.1["message"], "Requires authentication");
    assert_eq!(read(&github, "bot", "/nothing").await.0, 404);
    github.end_token("bot-token", "2026-03-03".parse().unwrap());
    let old = raw(&github, "token bot-token", Method::GET, "/user", None).await;
    assert_eq!(old.status(), 200);
    let end = &old.headers()["github-authentication-token-expiration"];
    assert_eq!(end, "2026-03-03 00:00:00 UTC");
}

#[tokio::test]
async fn people_are_found_by_name_and_number_until_they_are_suspended() {
    let github = github().await;
    assert_eq!(read(&github, "bot", "/users/Alice").await.1["id"], ALICE);
    assert_eq!(read(&github, "bot", "/user/2").await.1["login"], "alice");
    let (_, keys) = read(&github, "bot", "/users/alice/keys").await;
    assert_eq!(keys[0]["key"], "ssh-ed25519 AAAA");
    github.rename_user(ALICE, "alicia");
    assert_eq!(status(&github, "bot", "/users/alice").await, 404);
    assert_eq!(read(&github, "bot", "/user/2").await.1["login"], "alicia");
    github.block_user(ALICE);
    for path in ["/users/alicia", "/user/2", "/users/alicia/keys"] {
        assert_eq!(status(&github, "bot", path).await, 404, "{path}");
    }
}

#[tokio::test]
async fn membership_is_a_team_s_own_and_shown_to_those_inside() {
    let github = github().await;
    for (who, path, expected) in [
        ("bot", "/orgs/tpo/members/carol", 204),
        ("bot", "/orgs/tpo/members/bob", 404),
        ("bob", "/orgs/tpo/members/carol", 302),
        ("bot", "/orgs/tpo/teams/tpa/memberships/bob", 200),
        ("bot", "/orgs/tpo/teams/tpa/memberships/carol", 404),
        ("alice", "/orgs/tpo/teams/tpa/memberships/bob", 404),
        ("bot", "/repos/tpo/machines/collaborators/bob", 204),
        ("bot", "/repos/tpo/machines/collaborators/alice", 404),
        ("alice", "/repos/tpo/machines/collaborators/bob", 403),
    ] {
        assert_eq!(status(&github, who, path).await, expected, "{who} {path}");
    }
    let path = "/repos/tpo/machines/collaborators";
    for (name, role) in [("bob", "write"), ("alice", "read"), ("carol", "admin")] {
        let (_, found) = read(&github, "bot", &format!("{path}/{name}/permission")).await;
        assert_eq!(found["role_name"], role, "{name}");
    }
}

#[tokio::test]
async fn repositories_redirect_after_a_rename_and_hidden_ones_are_not_there() {
    let github = github().await;
    assert_eq!(read(&github, "bot", "/repos/TPO/machines").await.1["id"], 7);
    assert_eq!(read(&github, "bot", "/repositories/7").await.1["full_name"], REPOSITORY);
    assert_eq!(status(&github, "alice", "/repos/tpo/secret").await, 404);
    assert_eq!(status(&github, "carol", "/repos/tpo/secret").await, 200);
    let (_, repositories) = read(&github, "alice", "/orgs/tpo/repos").await;
    assert_eq!(repositories.as_array().unwrap().len(), 1);

    github.rename_project(7, "tpo/hosts");
    let path = "/repos/tpo/machines/issues?state=all";
    let moved = raw(&github, "Bearer bot-token", Method::GET, path, None).await;
    assert_eq!(moved.status(), 301);
    let to = moved.headers()["location"].to_str().unwrap();
    let expected = format!("{}/api/v3/repositories/7/issues?state=all", github.base_url());
    assert_eq!(to, expected);
    assert_eq!(status(&github, "bot", "/repositories/7/issues?state=all").await, 200);
    let body = json!({ "title": "x" });
    assert_eq!(ask(&github, "bot", Method::POST, path, body).await.0, 307);
}

#[tokio::test]
async fn an_issue_is_filed_read_changed_and_closed() {
    let github = github().await;
    let path = "/repos/tpo/machines/issues";
    let wanted = json!({ "title": "Mine", "body": "/close\nText", "labels": ["sandbox"] });
    let (code, issue) = ask(&github, "alice", Method::POST, path, wanted.clone()).await;
    assert_eq!((code, &issue["number"], &issue["state"]), (201, &json!(1), &json!("open")));
    // Nothing in a text is a command, and labels take more than an account.
    assert_eq!((&issue["body"], &issue["labels"]), (&json!("/close\nText"), &json!([])));
    let (_, issue) = ask(&github, "bot", Method::POST, path, wanted).await;
    assert_eq!(issue["labels"][0]["name"], "sandbox");

    let one = "/repos/tpo/machines/issues/1";
    let close = json!({ "state": "closed", "state_reason": "not_planned" });
    let (code, issue) = ask(&github, "alice", Method::PATCH, one, close.clone()).await;
    assert_eq!((code, &issue["state"]), (200, &json!("closed")));
    assert_eq!(issue["state_reason"], "not_planned");
    assert_eq!(
        (&issue["closed_at"], &issue["closed_by"]["id"]),
        (&issue["updated_at"], &json!(ALICE))
    );
    let reopen = json!({ "state": "open" });
    let (_, issue) = ask(&github, "bob", Method::PATCH, one, reopen).await;
    assert_eq!((&issue["state"], &issue["state_reason"]), (&json!("open"), &json!("reopened")));
    assert_eq!(issue["closed_at"], json!(null));
    let other = "/repos/tpo/machines/issues/2";
    assert_eq!(ask(&github, "alice", Method::PATCH, other, close).await.0, 403);
    assert_eq!(read(&github, "alice", other).await.1["state"], "open");
}

#[tokio::test]
async fn what_makes_no_sense_is_named() {
    let github = github().await;
    file(&github);
    let issues = "/repos/tpo/machines/issues";
    let one = "/repos/tpo/machines/issues/1";
    let comments = "/repos/tpo/machines/issues/1/comments";
    let long = "x".repeat(65_537);
    for (method, path, body, code) in [
        (Method::POST, issues, json!({}), "missing_field"),
        (Method::PATCH, one, json!({ "title": " " }), "missing_field"),
        (Method::PATCH, one, json!({ "title": "x".repeat(257) }), "custom"),
        (Method::PATCH, one, json!({ "body": long }), "custom"),
        (Method::POST, comments, json!({ "body": long }), "custom"),
        (Method::POST, comments, json!({}), "missing_field"),
    ] {
        let (status, answer) = ask(&github, "bot", method, path, body).await;
        assert_eq!((status, &answer["errors"][0]["code"]), (422, &json!(code)), "{answer}");
    }
    let (status, answer) =
        ask(&github, "bot", Method::PATCH, one, json!({ "state": "done" })).await;
    assert_eq!(status, 422);
    assert!(answer["message"].as_str().unwrap().contains("not a possible value"), "{answer}");
    let url = format!("{}/api/v3{one}", github.base_url());
    let garbled = client().patch(url).header("Authorization", "Bearer bot-token").body("{");
    assert_eq!(garbled.send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn a_form_sets_labels_that_are_there_and_gitlab_s_own_things_are_refused() {
    let github = github().await;
    let key = file(&github);
    assert_eq!(github.issue(key).unwrap().labels, ["sandbox"]);
    assert!(matches!(github.set_due_date("bob", key, None), Err(Refused::Invalid(_))));
    assert!(matches!(github.set_confidential("bob", key, true), Err(Refused::Invalid(_))));
    assert!(matches!(github.award("bob", key, None, "banana"), Err(Refused::Invalid(_))));
    github.comment("bob", key, "/close").unwrap();
    let issue = github.issue(key).unwrap();
    assert_eq!((issue.state, issue.comments().count()), (IssueState::Opened, 1));
    github.close("bob", key).unwrap();
    assert_eq!(github.issue(key).unwrap().notes.len(), 1);
    assert!(issue.web_url.ends_with("/tpo/machines/issues/1"), "{}", issue.web_url);
    let gitlab = started().await;
    assert!(gitlab.file_form("alice", PATH, "x", "", &[]).is_err());
}

#[tokio::test]
async fn comments_are_posted_changed_and_deleted_by_their_authors() {
    let github = github().await;
    file(&github);
    let path = "/repos/tpo/machines/issues/1/comments";
    let (code, comment) = ask(&github, "alice", Method::POST, path, json!({ "body": "one" })).await;
    assert_eq!(code, 201);
    let own = format!("/repos/tpo/machines/issues/comments/{}", comment["id"]);
    let edit = json!({ "body": "two" });
    github.set_member(REPOSITORY, Membership::new(BOT, Level::Reporter));
    assert_eq!(ask(&github, "bot", Method::PATCH, &own, edit.clone()).await.0, 403);
    let (_, edited) = ask(&github, "alice", Method::PATCH, &own, edit).await;
    assert_eq!(edited["body"], "two");
    assert!(edited["updated_at"].as_str() > edited["created_at"].as_str(), "{edited}");
    assert_eq!(edited["updated_at"].as_str().unwrap().len(), "2026-03-02T09:00:00Z".len());
    assert_eq!(read(&github, "bot", path).await.1[0]["body"], "two");
    assert_eq!(ask(&github, "bot", Method::DELETE, &own, json!({})).await.0, 403);
    assert_eq!(ask(&github, "bob", Method::DELETE, &own, json!({})).await.0, 204);
    assert_eq!(status(&github, "bot", &own).await, 404);
}

#[tokio::test]
async fn labels_take_triage_and_are_one_whatever_their_case() {
    let github = github().await;
    file(&github);
    let path = "/repos/tpo/machines/issues/1/labels";
    let more = json!({ "labels": ["Sandbox", "innkeeper: ready"] });
    assert_eq!(ask(&github, "alice", Method::POST, path, more.clone()).await.0, 403);
    let (code, labels) = ask(&github, "bot", Method::POST, path, more).await;
    let names: Vec<&str> =
        labels.as_array().unwrap().iter().map(|label| label["name"].as_str().unwrap()).collect();
    assert_eq!((code, names), (200, vec!["innkeeper: ready", "sandbox"]));
    let one = format!("{path}/innkeeper:%20ready");
    assert_eq!(ask(&github, "bot", Method::DELETE, &one, json!({})).await.0, 200);
    assert_eq!(ask(&github, "bot", Method::DELETE, &one, json!({})).await.0, 404);
    let issue = "/repos/tpo/machines/issues/1";
    let none = json!({ "labels": [] });
    assert_eq!(ask(&github, "alice", Method::PATCH, issue, none.clone()).await.0, 200);
    assert_eq!(read(&github, "alice", path).await.1[0]["name"], "sandbox");
    assert_eq!(ask(&github, "bot", Method::PATCH, issue, none).await.1["labels"], json!([]));

    let path = "/repos/tpo/machines/labels";
    let label = json!({ "name": "blue", "color": "0000ff" });
    assert_eq!(ask(&github, "bot", Method::POST, path, label.clone()).await.0, 201);
    assert_eq!(ask(&github, "bot", Method::POST, path, label).await.0, 422);
    let bad = json!({ "name": "red", "color": "#ff0000" });
    assert_eq!(ask(&github, "bot", Method::POST, path, bad).await.0, 422);
    assert_eq!(read(&github, "bot", path).await.1.as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn reactions_have_github_s_names() {
    let github = github().await;
    let key = file(&github);
    github.award("bob", key, None, "thumbsup").unwrap();
    let path = "/repos/tpo/machines/issues/1/reactions";
    let (_, reactions) = read(&github, "bot", path).await;
    assert_eq!(
        (&reactions[0]["content"], &reactions[0]["user"]["id"]),
        (&json!("+1"), &json!(BOB))
    );
    let eyes = json!({ "content": "eyes" });
    assert_eq!(ask(&github, "bot", Method::POST, path, eyes.clone()).await.0, 201);
    assert_eq!(ask(&github, "bot", Method::POST, path, eyes).await.0, 200);
    let issue = read(&github, "bot", "/repos/tpo/machines/issues/1").await.1;
    assert_eq!((&issue["reactions"]["+1"], &issue["reactions"]["eyes"]), (&json!(1), &json!(1)));
    assert_eq!(github.issue(key).unwrap().awards, ["thumbsup", "eyes"]);
}

#[tokio::test]
async fn lists_come_in_pages_by_time_and_unchanged_ones_not_again() {
    let github = github().await;
    for number in 1..=5 {
        github.file_issue("alice", REPOSITORY, &format!("Number {number}"), "").unwrap();
    }
    let path = "/repos/tpo/machines/issues?per_page=2&direction=asc";
    let first = raw(&github, "Bearer bot-token", Method::GET, path, None).await;
    let link = first.headers()["link"].to_str().unwrap().to_owned();
    let next = format!("<{}/api/v3{path}&page=2>; rel=\"next\"", github.base_url());
    assert!(link.starts_with(&next), "{link}");
    let (_, last) = read(&github, "bot", &format!("{path}&page=3")).await;
    assert_eq!((last.as_array().unwrap().len(), &last[0]["number"]), (1, &json!(5)));

    let etag = first.headers()["etag"].clone();
    let url = format!("{}/api/v3{path}", github.base_url());
    let again = || {
        let request = client().get(&url).header("Authorization", "Bearer bot-token");
        request.header("If-None-Match", etag.clone()).send()
    };
    let unchanged = again().await.unwrap();
    assert_eq!(unchanged.status(), 304);
    assert_eq!(unchanged.text().await.unwrap(), "");
    github.close("alice", IssueKey { project: 7, iid: 1 }).unwrap();
    assert_eq!(again().await.unwrap().status(), 200);

    let count = async |query: &str| {
        let path = format!("/repos/tpo/machines/issues?{query}");
        read(&github, "bot", &path).await.1.as_array().unwrap().len()
    };
    assert_eq!((count("").await, count("state=closed").await, count("state=all").await), (4, 1, 5));
    assert_eq!((count("creator=alice").await, count("creator=bob").await), (4, 0));
    assert_eq!(count("since=2026-03-02T09:00:00Z").await, 4);
    assert_eq!(count("since=2026-03-02T09:00:01Z&state=all").await, 0);
}

#[tokio::test]
async fn transferred_issues_lead_on_and_deleted_ones_are_gone() {
    let github = github().await;
    let key = file(&github);
    github.comment("alice", key, "hello").unwrap();
    github.add_project(9, "tpo/attic");
    let new = github.transfer(key);
    let moved =
        raw(&github, "Bearer bot-token", Method::GET, "/repos/tpo/machines/issues/1", None).await;
    assert_eq!(moved.status(), 301);
    let to = moved.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(to, format!("{}/api/v3/repositories/9/issues/1", github.base_url()));
    assert_eq!(status(&github, "bot", "/repositories/9/issues/1").await, 200);
    assert_eq!(status(&github, "bot", "/repos/tpo/machines/issues/1/comments").await, 404);
    let (_, left) = read(&github, "bot", "/repos/tpo/machines/issues?state=all").await;
    assert_eq!(left, json!([]));

    assert_eq!(github.delete_issue("bob", new), Err(Refused::Forbidden));
    github.delete_issue("carol", new).unwrap();
    assert_eq!(status(&github, "bot", "/repos/tpo/attic/issues/1").await, 410);
    assert_eq!(status(&github, "bot", "/repos/tpo/attic/issues/1/comments").await, 410);
    let next = github.file_issue("alice", "tpo/attic", "Next", "").unwrap();
    assert_eq!(next.iid, 2);
}

impl Rehearsal {
    fn transfer(&self, key: IssueKey) -> IssueKey {
        self.move_issue("carol", key, "tpo/attic").unwrap()
    }
}

#[tokio::test]
async fn only_graphql_tells_who_changed_a_description() {
    let github = github().await;
    let key = file(&github);
    let editors = async || {
        let query = json!({
            "query": "query { userContentEdits }",
            "variables": { "owner": "tpo", "name": "machines", "number": 1 },
        });
        let url = format!("{}/api/graphql", github.base_url());
        let request = client().post(url).header("Authorization", "Bearer bot-token");
        let answer = request.body(query.to_string()).send().await.unwrap();
        json_of(answer).await.1["data"]["repository"]["issue"].clone()
    };
    assert_eq!(editors().await["lastEditedAt"], json!(null));
    github.edit_description("bob", key, "Thank you.").unwrap();
    let issue = editors().await;
    let nodes = &issue["userContentEdits"]["nodes"];
    assert_eq!(nodes[0]["editor"]["databaseId"], BOB);
    assert_eq!(nodes[1]["editor"]["databaseId"], ALICE);
}

#[tokio::test]
async fn too_much_at_once_is_a_secondary_limit() {
    let options =
        Options { dialect: Dialect::GitHub, notes_per_minute: Some(1), ..Options::default() };
    let github = start(github_world(), clock(), options).await;
    file(&github);
    let path = "/repos/tpo/machines/issues/1/comments";
    let hello = json!({ "body": "hello" });
    assert_eq!(ask(&github, "bot", Method::POST, path, hello.clone()).await.0, 201);
    let own = raw(&github, "Bearer bot-token", Method::POST, path, Some(hello)).await;
    let fault = Fault::on(Method::GET, "*/user", Trouble::secondary_rate_limit(Some(60)));
    github.plan(fault);
    let planned = raw(&github, "Bearer bot-token", Method::GET, "/user", None).await;
    for refused in [own, planned] {
        assert_eq!(
            (refused.status().as_u16(), &refused.headers()["retry-after"]),
            (403, &"60".parse().unwrap())
        );
        let message = json_of(refused).await.1["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with("You have exceeded a secondary rate limit."), "{message}");
    }
}

/// A JSON web token of this form, with nothing of a signature but its length.
fn signed_in(app: u64, begin: i64, end: i64) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({ "alg": "RS256", "typ": "JWT" }));
    let claims = part(json!({ "iss": app.to_string(), "iat": begin, "exp": end }));
    format!("Bearer {header}.{claims}.{}", URL_SAFE_NO_PAD.encode([7; 256]))
}

#[tokio::test]
async fn an_app_signs_in_for_its_installation_for_an_hour() {
    let clock = clock();
    let options = Options { dialect: Dialect::GitHub, ..Options::default() };
    let github = start(github_world(), clock.clone(), options).await;
    let now = clock.now().timestamp();
    let good = signed_in(11, now - 60, now + 540);
    let call = async |token: &str, method: Method, path: &str| {
        json_of(raw(&github, token, method, path, None).await).await
    };
    let (code, app) = call(&good, Method::GET, "/app").await;
    assert_eq!((code, &app["slug"]), (200, &json!("innkeeper")));
    for (wrong, expected) in [
        (signed_in(12, now - 60, now + 540), 404),
        (signed_in(11, now - 60, now + 7200), 401),
        (signed_in(11, now - 600, now - 1), 401),
        ("Bearer bot-token".to_owned(), 401),
    ] {
        assert_eq!(call(&wrong, Method::GET, "/app").await.0, expected);
    }
    let (_, installation) = call(&good, Method::GET, "/repos/tpo/machines/installation").await;
    assert_eq!(installation["id"], 77);
    let (code, token) = call(&good, Method::POST, "/app/installations/77/access_tokens").await;
    assert_eq!((code, &token["expires_at"]), (201, &json!("2026-03-02T10:00:00Z")));
    assert_eq!(call(&good, Method::POST, "/app/installations/78/access_tokens").await.0, 404);

    let token = format!("token {}", token["token"].as_str().unwrap());
    assert_eq!(call(&token, Method::GET, "/repos/tpo/machines/issues").await.0, 200);
    assert_eq!(call(&token, Method::GET, "/user").await.0, 403);
    let (_, all) = call(&token, Method::GET, "/installation/repositories").await;
    assert_eq!(all["repositories"][0]["full_name"], REPOSITORY);
    assert_eq!(call(&token, Method::GET, "/orgs/tpo/teams/tpa/memberships/bob").await.0, 200);
    let (_, bot) = call(&token, Method::GET, "/users/innkeeper%5Bbot%5D").await;
    assert_eq!((&bot["id"], &bot["type"]), (&json!(APP_USER), &json!("Bot")));
    clock.advance(TimeDelta::minutes(61));
    assert_eq!(call(&token, Method::GET, "/repos/tpo/machines/issues").await.0, 401);
}
