//! The adapter against a scripted server: which requests it sends, and what it
//! makes of every kind of answer.

mod app;
mod examine;
mod faults;
mod people;
mod poll;
mod script;
mod writes;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::TimeDelta;
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use self::script::{Answer, Script, page, reply, reply_json, reply_with};
use super::{Credentials, DEFAULT_TRUSTED_ROLES, GitHub, GitHubSettings, SOMEBODY, SettingsError};
use crate::{
    identity::{ForgeName, IssueNumber, IssueRef, NoteId, Person, ProjectId, Timestamp, UserId},
    notice::markdown::Markdown,
    ports::{
        Verdict,
        clock::Clock,
        forge::{Forge as _, Reaction},
    },
};

const INFRA: &str = "/api/v3/repos/acme/infra";

struct Now(Mutex<Timestamp>);

impl Clock for Now {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

fn noon() -> Arc<Now> {
    Arc::new(Now(Mutex::new(at("2026-11-21T12:00:00Z"))))
}

impl Now {
    fn pass(&self, time: TimeDelta) {
        *self.0.lock().unwrap() += time;
    }
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn settings(api: Url) -> GitHubSettings {
    GitHubSettings {
        api,
        credentials: Credentials::Token(SecretString::from("ghp_secret")),
        ca_pem: None,
        repositories: BTreeMap::from([(ProjectId(7), "acme/infra".to_owned())]),
        trusted_roles: DEFAULT_TRUSTED_ROLES.map(str::to_owned).to_vec(),
        timeout: Duration::from_secs(20),
    }
}

fn github_with(settings: GitHubSettings, clock: Arc<Now>) -> GitHub {
    GitHub::new(ForgeName::from("github"), settings, clock).unwrap()
}

fn github_at(api: Url) -> GitHub {
    github_with(settings(api), noon())
}

async fn scripted(answers: impl IntoIterator<Item = Answer>) -> (GitHub, Script) {
    let script = Script::start(answers).await;
    (github_at(script.url.clone()), script)
}

fn issue() -> IssueRef {
    issue_in(7, 3)
}

fn issue_in(project: u64, number: u64) -> IssueRef {
    IssueRef {
        forge: ForgeName::from("github"),
        project: ProjectId(project),
        number: IssueNumber(number),
    }
}

fn person(id: u64, username: &str) -> Person {
    Person { id: UserId(id), username: username.to_owned() }
}

fn text(text: &str) -> Markdown {
    Markdown::rendered(text.to_owned())
}

fn user(id: u64, login: &str) -> Value {
    let kind = if login.ends_with("[bot]") { "Bot" } else { "User" };
    json!({"id": id, "login": login, "type": kind})
}

fn issue_json() -> Value {
    json!({
        "id": 900, "number": 3, "title": "A sandbox", "body": null, "state": "open",
        "labels": [{"id": 1, "name": "vm::pending"}, "plain"], "user": user(5, "alice"),
        "html_url": "https://github.com/acme/infra/issues/3",
        "updated_at": "2026-11-20T10:00:00Z", "reactions": {"+1": 2, "-1": 1},
        "a_field_of_tomorrow": {"x": []},
    })
}

fn comment_json(id: u64, body: &str, author: (u64, &str)) -> Value {
    let time = format!("2026-11-20T10:00:{id:02}Z");
    json!({"id": id, "body": body, "user": user(author.0, author.1),
           "created_at": time, "updated_at": time})
}

#[tokio::test]
async fn an_issue_is_read_with_the_token_under_the_name_its_repository_was_seen_to_have() {
    let (github, script) = scripted([reply_json(200, &issue_json())]).await;
    let found = github.issue(&issue()).await.unwrap();
    assert_eq!((found.reference, found.author), (issue(), person(5, "alice")));
    assert_eq!((found.description.as_str(), found.thumbs_up), ("", 2));
    assert_eq!(found.labels, ["vm::pending", "plain"]);
    assert!(found.open && !found.by_bot && !found.confidential && found.due_date.is_none());
    let all = script.all();
    let lines: Vec<_> = all.iter().map(script::Seen::line).collect();
    assert_eq!(lines, [format!("GET {INFRA}"), format!("GET {INFRA}/issues/3")]);
    let headers = ["authorization", "accept", "x-github-api-version", "user-agent"];
    assert_eq!(
        headers.map(|name| all[1].header(name).unwrap()),
        [
            "Bearer ghp_secret",
            "application/vnd.github+json",
            "2022-11-28",
            concat!("innkeeper/", env!("CARGO_PKG_VERSION"))
        ]
    );
}

#[tokio::test]
async fn a_pull_request_is_no_issue() {
    let mut request = issue_json();
    request["pull_request"] = json!({"url": "x"});
    let (github, script) = scripted([reply_json(200, &request)]).await;
    assert_eq!(github.issue(&issue()).await.unwrap_err().verdict, Verdict::Missing);
    script.add(reply_json(200, &user(5, "alice")));
    script.add(reply_json(200, &json!([request, issue_json()])));
    assert_eq!(github.issues_by(ProjectId(7), UserId(5)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_issue_of_a_deleted_account_is_nobodys() {
    let mut orphan = issue_json();
    orphan["user"] = Value::Null;
    let (github, _script) = scripted([reply_json(200, &orphan)]).await;
    let found = github.issue(&issue()).await.unwrap();
    assert_eq!((found.author, found.by_bot), (person(0, "ghost"), true));
}

#[tokio::test]
async fn reads_follow_redirects_on_the_same_origin_and_nobody_else_sees_the_token() {
    let (github, script) = scripted([
        reply_with(301, &[("location", "/api/v3/repositories/7/issues/3")], ""),
        reply_json(200, &issue_json()),
    ])
    .await;
    assert_eq!(github.issue(&issue()).await.unwrap().reference, issue());
    assert_eq!(
        script.lines(),
        [format!("GET {INFRA}/issues/3"), "GET /api/v3/repositories/7/issues/3".to_owned()]
    );

    let (_, stranger) = scripted([reply_json(200, &issue_json())]).await;
    let away = stranger.url.join("repositories/7/issues/3").unwrap();
    for status in [301, 302, 307, 308] {
        script.add(reply_with(status, &[("location", away.as_str())], ""));
        let error = github.issue(&issue()).await.unwrap_err();
        assert_eq!(error.verdict, Verdict::GiveUp);
        assert!(error.advice.unwrap().contains("the address GitHub's API itself answers at"));
    }
    let link = format!("<{}issues/3/comments?page=2>; rel=\"next\"", stranger.url);
    script.add(reply_with(200, &[("link", &link)], "[]"));
    assert_eq!(github.discussion(&issue()).await.unwrap_err().verdict, Verdict::GiveUp);
    assert_eq!(stranger.all().len(), 0);

    let here = "/api/v3/repositories/7/issues/3";
    for _ in 0..20 {
        script.add(reply_with(302, &[("location", here)], ""));
    }
    let before = script.seen().len();
    assert_eq!(github.issue(&issue()).await.unwrap_err().verdict, Verdict::GiveUp);
    assert_eq!(script.seen().len(), before + 6, "circles end");
}

#[tokio::test]
async fn a_transferred_issue_is_missing_and_found_where_it_went() {
    let there = [("location", "/api/v3/repositories/9/issues/12")];
    let (github, script) = scripted([
        reply_with(301, &there, ""),
        reply_with(301, &there, ""),
        reply_json(200, &issue_json()),
        reply_with(301, &there, ""),
        reply(404, r#"{"message":"Not Found"}"#),
        reply_json(200, &issue_json()),
        reply(410, r#"{"message":"This issue was deleted"}"#),
    ])
    .await;
    assert_eq!(github.issue(&issue()).await.unwrap_err().verdict, Verdict::Missing);
    assert_eq!(script.seen().len(), 1, "what is elsewhere is not read as ours");
    assert_eq!(github.moved_to(&issue()).await.unwrap(), Some(issue_in(9, 12)));
    assert_eq!(github.moved_to(&issue()).await.unwrap(), None, "hidden from us");
    assert_eq!(github.moved_to(&issue()).await.unwrap(), None, "still there");
    assert_eq!(github.moved_to(&issue()).await.unwrap(), None, "deleted");
}

#[tokio::test]
async fn a_name_that_somebody_else_took_is_not_believed() {
    let (github, script) = scripted([
        reply_json(200, &json!({"id": 7, "full_name": "acme/servers"})),
        reply_json(200, &issue_json()),
    ])
    .await;
    script.stand(&format!("GET {INFRA}"), json!({"id": 666, "full_name": "acme/infra"}));
    github.issue(&issue()).await.unwrap();
    assert_eq!(
        script.lines(),
        ["GET /api/v3/repositories/7", "GET /api/v3/repos/acme/servers/issues/3"]
    );

    let (github, script) = scripted([reply(404, r#"{"message":"Not Found"}"#)]).await;
    script.stand(&format!("GET {INFRA}"), json!({"id": 666, "full_name": "acme/infra"}));
    let error = github.issue(&issue()).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::GiveUp, "not missing: the issue may well be there");
    assert!(error.advice.unwrap().contains("right number and name of `acme/infra` (7)"));
}

#[tokio::test]
async fn a_name_is_believed_for_an_hour() {
    let clock = noon();
    let script = Script::start((0..3).map(|_| reply_json(200, &issue_json()))).await;
    let github = github_with(settings(script.url.clone()), clock.clone());
    let checks = || script.all().iter().filter(|seen| seen.standing).count();
    github.issue(&issue()).await.unwrap();
    clock.pass(TimeDelta::minutes(59));
    github.issue(&issue()).await.unwrap();
    assert_eq!(checks(), 1);
    clock.pass(TimeDelta::minutes(1));
    github.issue(&issue()).await.unwrap();
    assert_eq!(checks(), 2);
}

#[tokio::test]
async fn a_discussion_is_read_to_the_last_page_with_its_editors() {
    let (github, script) = scripted([]).await;
    let mut edited = comment_json(4, "@innkeeper approve 3f9c2a7e", (5, "alice"));
    edited["updated_at"] = json!("2026-11-20T10:00:09Z");
    let mut ageless = comment_json(1, "Hello", (9, "innkeeper[bot]"));
    ageless.as_object_mut().unwrap().remove("updated_at");
    let mut bare = comment_json(7, "x", (5, "alice"));
    bare["body"] = Value::Null;
    let second = "repositories/7/issues/3/comments?per_page=100&page=2";
    script.add(page(&script, Some(second), &json!([edited, ageless])));
    script.add(page(&script, None, &json!([bare])));
    script.stand(
        "POST /api/graphql",
        json!({"data": {"repository": {"issue": {"lastEditedAt": "2026-11-20T10:00:00Z",
            "userContentEdits": {"totalCount": 2, "nodes": [
                {"editor": {"databaseId": 6}}, {"editor": {"databaseId": 5}}]}}}}}),
    );
    let discussion = github.discussion(&issue()).await.unwrap();
    let notes: Vec<_> = discussion
        .notes
        .iter()
        .map(|note| (note.id.0, note.by_bot, note.edited, note.author.username.as_str()))
        .collect();
    assert_eq!(
        notes,
        [(1, true, false, "innkeeper[bot]"), (4, false, true, "alice"), (7, false, false, "alice")]
    );
    assert_eq!(discussion.description_editors, [UserId(5), UserId(6)]);
    assert_eq!(
        script.lines(),
        [format!("GET {INFRA}/issues/3/comments?per_page=100"), format!("GET /api/v3/{second}")]
    );
    let all = script.all();
    let asked = all.iter().find(|seen| seen.uri == "/api/graphql").unwrap().json();
    assert_eq!(asked["variables"], json!({"owner": "acme", "name": "infra", "number": 3}));
}

#[tokio::test]
async fn editors_that_cannot_be_asked_for_are_somebody_and_outages_wait() {
    let rate_limited = json!({"errors": [{"type": "RATE_LIMITED", "message": "slow down"}]});
    let hidden = json!({"data": {"repository": null},
                        "errors": [{"type": "NOT_FOUND", "message": "no such repository"}]});
    let retry = |seconds: Option<u64>| Verdict::Retry { after: seconds.map(Duration::from_secs) };
    let forbidden = r#"{"message":"Resource not accessible by integration"}"#;
    let table = [
        (reply(403, forbidden), Ok(vec![SOMEBODY])),
        (reply(404, "{}"), Ok(vec![SOMEBODY])),
        (reply_json(200, &hidden), Ok(vec![SOMEBODY])),
        (reply_json(200, &rate_limited), Err(retry(Some(60)))),
        (reply(502, "<html>"), Err(retry(None))),
        (reply(429, "{}"), Err(retry(Some(60)))),
        (reply(401, "{}"), Err(Verdict::GiveUp)),
    ];
    for (number, (answer, expected)) in table.into_iter().enumerate() {
        let (github, script) = scripted([reply(200, "[]"), answer]).await;
        script.unstand("POST /api/graphql");
        let found = github.discussion(&issue()).await;
        let found = found.map(|found| found.description_editors).map_err(|error| error.verdict);
        assert_eq!(found, expected, "row {number}");
    }
}

#[tokio::test]
async fn emoji_are_read_under_the_ports_names() {
    let given = |content: &str| json!({"id": 1, "content": content, "user": user(5, "alice")});
    let list = json!([given("+1"), given("-1"), given("rocket")]);
    let (github, script) = scripted([reply_json(200, &list), reply(200, "[]")]).await;
    let found = github.reactions(&issue(), None).await.unwrap();
    let by = |emoji: &str| Reaction { by: person(5, "alice"), emoji: emoji.to_owned() };
    assert_eq!(found, [by("thumbsup"), by("thumbsdown"), by("rocket")]);
    assert!(github.reactions(&issue(), Some(NoteId(41))).await.unwrap().is_empty());
    assert_eq!(
        script.lines(),
        [
            format!("GET {INFRA}/issues/3/reactions?per_page=100"),
            format!("GET {INFRA}/issues/comments/41/reactions?per_page=100")
        ]
    );
}

#[tokio::test]
async fn the_repositories_of_an_organisation_are_those_with_issues() {
    let list = json!([
        {"id": 7, "full_name": "acme/infra", "has_issues": true, "archived": false},
        {"id": 8, "full_name": "acme/old", "has_issues": true, "archived": true},
        {"id": 9, "full_name": "acme/code", "has_issues": false},
        {"id": 10, "full_name": "acme/web"},
    ]);
    let (github, script) = scripted([reply_json(200, &list)]).await;
    let found = github.projects_of("acme").await.unwrap();
    let found: Vec<_> = found.iter().map(|found| (found.id.0, found.path.as_str())).collect();
    assert_eq!(found, [(7, "acme/infra"), (10, "acme/web")]);
    assert_eq!(script.lines(), ["GET /api/v3/orgs/acme/repos?per_page=100"]);

    script.add(reply_json(200, &issue_json()));
    github.issue(&issue_in(10, 3)).await.unwrap();
    assert_eq!(script.lines()[1], "GET /api/v3/repos/acme/web/issues/3", "its name is known now");
}

#[tokio::test]
async fn the_tokens_end_is_told_where_github_tells_it() {
    let me = user(9, "innkeeper").to_string();
    let ends = "github-authentication-token-expiration";
    let (github, _script) = scripted([
        reply_with(200, &[(ends, "2026-12-31 23:59:59 UTC")], &me),
        reply_with(200, &[(ends, "2027-01-02 01:00:00 +0200")], &me),
        reply_with(200, &[(ends, "soon")], &me),
        reply(200, me.clone()),
    ])
    .await;
    for expected in [Some("2026-12-31"), Some("2027-01-02"), None, None] {
        let expected = expected.map(|day| day.parse().unwrap());
        assert_eq!(github.credential_ends().await.unwrap(), expected);
    }
}

#[test]
fn settings_that_cannot_work_are_refused_with_a_sentence() {
    let new = |settings| GitHub::new(ForgeName::from("github"), settings, noon());
    let at = |url: &str| settings(Url::parse(url).unwrap());
    let refused = |settings| new(settings).err().unwrap().to_string();
    let good = "https://api.github.com";
    assert!(new(at(good)).is_ok(), "outside of the runtime, too");
    assert_eq!(
        refused(at("ftp://api.github.com")),
        "`ftp://api.github.com…` is not the address of a GitHub API: `https://api.github.com/` or \
         `https://HOST/api/v3/` is expected"
    );
    assert!(!refused(at("https://me:secret@api.github.com")).contains("secret"));
    for token in ["", " ", "x\ny"] {
        let credentials = Credentials::Token(SecretString::from(token));
        let refused = refused(GitHubSettings { credentials, ..at(good) });
        assert_eq!(refused, SettingsError::Token.to_string(), "{token:?}");
    }
    let key_pem = SecretString::from("-----BEGIN CERTIFICATE-----\nhunter2");
    let credentials = Credentials::App { id: 1, key_pem };
    let settings = GitHubSettings { credentials, ..at(good) };
    assert!(!format!("{settings:?}").contains("hunter2"));
    let refused_key = refused(settings);
    assert_eq!(refused_key, SettingsError::Key.to_string());
    let repositories = BTreeMap::from([(ProjectId(7), "infra".to_owned())]);
    assert_eq!(
        refused(GitHubSettings { repositories, ..at(good) }),
        "`infra` is not a repository's name: `OWNER/NAME` is expected"
    );
    let ca_pem = Some(b"-----BEGIN CERTIFICATE-----\nnonsense".to_vec());
    assert!(new(GitHubSettings { ca_pem, ..at(good) }).is_err());
    assert!(!format!("{:?}", at(good)).contains("ghp_secret"));
}
