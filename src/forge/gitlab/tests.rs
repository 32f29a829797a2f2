//! The adapter against a scripted server: which requests it sends, and what it
//! makes of every kind of answer.

mod examine;
mod moved;
mod notes;
mod people;
mod script;
mod setup;
mod travel;

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpListener};
use url::Url;

use self::script::{Answer, Script, reply, reply_json, reply_with};
use super::{DEFAULT_APPROVER_LEVELS, GitLab, GitLabSettings, SettingsError};
use crate::{
    identity::{ForgeName, IssueNumber, IssueRef, Person, ProjectId, Timestamp, UserId},
    notice::markdown::Markdown,
    ports::{
        PortError, Verdict,
        clock::Clock,
        forge::{Audience, Forge as _, IssueUpdate},
    },
};

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        at("2026-11-21T12:00:00Z")
    }
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn settings(url: Url, timeout: Duration) -> GitLabSettings {
    GitLabSettings {
        url,
        token: SecretString::from("glpat-secret"),
        ca_pem: None,
        approver_levels: DEFAULT_APPROVER_LEVELS.to_vec(),
        timeout,
    }
}

fn gitlab_at(url: Url, timeout: Duration) -> GitLab {
    GitLab::new(ForgeName::from("gitlab"), settings(url, timeout), Arc::new(Noon)).unwrap()
}

async fn scripted(answers: impl IntoIterator<Item = Answer>) -> (GitLab, Script) {
    let script = Script::start(answers).await;
    (gitlab_at(script.url.clone(), Duration::from_secs(20)), script)
}

fn issue() -> IssueRef {
    IssueRef { forge: ForgeName::from("gitlab"), project: ProjectId(7), number: IssueNumber(3) }
}

fn person(id: u64, username: &str) -> Person {
    Person { id: UserId(id), username: username.to_owned() }
}

fn text(text: &str) -> Markdown {
    Markdown::rendered(text.to_owned())
}

fn issue_json() -> Value {
    json!({
        "id": 900, "iid": 3, "project_id": 7, "title": "A sandbox", "description": null,
        "state": "opened", "labels": ["vm::pending"], "due_date": "2026-12-05",
        "confidential": true, "web_url": "https://git.example/a/-/issues/3",
        "author": {"id": 5, "username": "alice", "state": "active"},
        "updated_at": "2026-11-20T10:00:00.123Z", "a_field_of_tomorrow": {"x": []},
    })
}

fn note_json(id: u64, body: &str, system: bool, author: (u64, &str)) -> Value {
    json!({
        "id": id, "body": body, "system": system,
        "author": {"id": author.0, "username": author.1},
        "created_at": format!("2026-11-20T10:00:{id:02}.000Z"),
        "updated_at": format!("2026-11-20T10:00:{id:02}.020Z"),
    })
}

async fn failing_read(answer: Answer) -> PortError {
    let (gitlab, script) = scripted([answer]).await;
    let error = gitlab.issue(&issue()).await.unwrap_err();
    assert_eq!(script.seen().len(), 1, "retrying is the engine's");
    error
}

#[tokio::test]
async fn an_issue_is_read_with_the_token_below_the_installations_path() {
    let (gitlab, script) = scripted([reply_json(200, &issue_json())]).await;
    let found = gitlab.issue(&issue()).await.unwrap();
    assert_eq!(found.author, person(5, "alice"));
    assert_eq!(found.description, "");
    assert_eq!(found.due_date, Some("2026-12-05".parse().unwrap()));
    assert!(found.open && found.confidential);
    assert_eq!(script.lines(), ["GET /gitlab/api/v4/projects/7/issues/3"]);
    assert_eq!(script.seen()[0].token.as_deref(), Some("glpat-secret"));
}

#[tokio::test]
async fn an_issue_that_moved_away_is_missing() {
    let mut moved = issue_json();
    moved["moved_to_id"] = json!(901);
    assert_eq!(failing_read(reply_json(200, &moved)).await.verdict, Verdict::Missing);
}

#[tokio::test]
async fn every_bad_answer_has_its_verdict() {
    let not_found = r#"{"message":"404 Not found"}"#;
    let retry = |seconds: Option<u64>| Verdict::Retry { after: seconds.map(Duration::from_secs) };
    let page = "<html><body>502 Bad Gateway</body></html>";
    let table = [
        (reply(401, r#"{"message":"401 Unauthorized"}"#), Verdict::GiveUp),
        (reply(403, r#"{"error":"insufficient_scope"}"#), Verdict::GiveUp),
        (reply(404, not_found), Verdict::Missing),
        (reply(404, "<html>no such page</html>"), Verdict::Missing),
        (reply(409, "{}"), Verdict::GiveUp),
        (reply(422, r#"{"message":{"due_date":["is invalid"]}}"#), Verdict::GiveUp),
        (reply_with(429, "Retry-After", "17", "Retry later"), retry(Some(17))),
        (reply_with(429, "Retry-After", "99999999999", "Retry later"), retry(Some(3600))),
        (reply(429, "Retry later"), retry(Some(60))),
        (reply(500, r#"{"message":"500 Internal Server Error"}"#), retry(None)),
        (reply(502, page), retry(None)),
        (reply(200, page), retry(None)),
        (reply(200, r#"{"iid": 3, "title": "A san"#), retry(None)),
        (reply(200, r#"{"surprise": true}"#), retry(None)),
    ];
    for (number, (answer, expected)) in table.into_iter().enumerate() {
        let error = failing_read(answer).await;
        assert_eq!(error.verdict, expected, "row {number}: {}", error.chain());
        assert_eq!(error.to_string(), "could not read gitlab:7#3");
    }
}

#[tokio::test]
async fn a_server_that_hangs_resets_or_stops_in_the_middle_is_asked_again_later() {
    let script = Script::start([Answer::Silence]).await;
    let gitlab = gitlab_at(script.url.clone(), Duration::from_millis(100));
    let error = gitlab.post_note(&issue(), &text("Hello"), Audience::Everyone).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Retry { after: None });
    assert_eq!(error.to_string(), "could not post a comment on gitlab:7#3");

    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"id\": 1"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let _ = connection.write_all(answer.as_bytes()).await;
            }
        });
        let gitlab = gitlab_at(Url::parse(&url).unwrap(), Duration::from_secs(20));
        let error = gitlab.issue(&issue()).await.unwrap_err();
        assert_eq!(error.verdict, Verdict::Retry { after: None }, "{}", error.chain());
    }
}

#[tokio::test]
async fn nobody_listening_is_asked_again_later_and_says_what_to_check() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let gitlab = gitlab_at(Url::parse(&url).unwrap(), Duration::from_secs(20));
    let error = gitlab.own_account().await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Retry { after: None });
    assert!(error.advice.unwrap().contains("check the address of forge `gitlab`"));
}

#[tokio::test]
async fn an_update_names_only_what_changes_and_an_empty_one_is_not_sent() {
    let (gitlab, script) = scripted([reply(200, "{}"), reply(200, "{}")]).await;
    gitlab.update_issue(&issue(), &IssueUpdate::default()).await.unwrap();
    assert_eq!(script.seen().len(), 0);

    let update = IssueUpdate {
        add_labels: vec!["vm::active".to_owned(), "a b".to_owned()],
        remove_labels: vec!["vm::pending".to_owned()],
        due_date: Some(Some("2026-12-05".parse().unwrap())),
        open: Some(false),
        ..IssueUpdate::default()
    };
    gitlab.update_issue(&issue(), &update).await.unwrap();
    let clear = IssueUpdate { due_date: Some(None), ..IssueUpdate::default() };
    gitlab.update_issue(&issue(), &clear).await.unwrap();
    assert_eq!(script.lines()[0], "PUT /gitlab/api/v4/projects/7/issues/3");
    let bodies: Vec<Value> =
        script.seen().iter().map(|seen| serde_json::from_str(&seen.body).unwrap()).collect();
    assert_eq!(
        bodies,
        [
            json!({"add_labels": "vm::active,a b", "remove_labels": "vm::pending",
                   "due_date": "2026-12-05", "state_event": "close"}),
            json!({"due_date": null}),
        ]
    );

    let comma = IssueUpdate { add_labels: vec!["a,b".to_owned()], ..IssueUpdate::default() };
    assert!(gitlab.update_issue(&issue(), &comma).await.is_err());
    assert_eq!(script.seen().len(), 2);
}

#[tokio::test]
async fn requests_are_counted_by_what_became_of_them() {
    use std::sync::atomic::Ordering::Relaxed;
    let me = r#"{"id": 9, "username": "project_7_bot_1f"}"#;
    let (gitlab, _script) =
        scripted([reply(200, me), reply(500, "{}"), reply(429, "Retry later")]).await;
    assert_eq!(gitlab.own_account().await.unwrap(), person(9, "project_7_bot_1f"));
    assert!(gitlab.own_account().await.is_err());
    assert!(gitlab.own_account().await.is_err());
    let traffic = gitlab.traffic();
    let counts = [&traffic.answered, &traffic.refused, &traffic.limited, &traffic.failed];
    assert_eq!(counts.map(|count| count.load(Relaxed)), [1, 1, 1, 0]);
}

#[test]
fn settings_that_cannot_work_are_refused_with_a_sentence() {
    let refused = |url: &str, token: &str| {
        let mut settings = settings(Url::parse(url).unwrap(), Duration::from_secs(1));
        settings.token = SecretString::from(token);
        GitLab::new(ForgeName::from("gitlab"), settings, Arc::new(Noon)).err().unwrap().to_string()
    };
    assert_eq!(
        refused("ftp://git.example", "x"),
        "`ftp://git.example…` is not the address of a GitLab: `https://HOST` or `https://HOST/PATH` \
         is expected"
    );
    assert!(!refused("https://me:secret@git.example", "x").contains("secret"));
    assert_eq!(refused("https://git.example", "x\ny"), SettingsError::Token.to_string());

    let mut settings = settings(Url::parse("https://git.example").unwrap(), Duration::from_secs(1));
    assert!(!format!("{settings:?}").contains("glpat-secret"));
    settings.ca_pem = Some(b"-----BEGIN CERTIFICATE-----\nnonsense".to_vec());
    assert!(GitLab::new(ForgeName::from("gitlab"), settings, Arc::new(Noon)).is_err());
}

#[tokio::test]
async fn an_issue_is_filed_as_form_data_and_found_again_by_its_author() {
    let list = json!([issue_json()]);
    let (gitlab, script) = scripted([reply_json(201, &issue_json()), reply_json(200, &list)]).await;
    let description = text("<!-- innkeeper:adopted kvm1 7 -->\n\nHello & welcome");
    let filed = gitlab.file_issue(ProjectId(7), "Adopted machine a&b", &description).await.unwrap();
    assert_eq!((filed.reference, filed.author), (issue(), person(5, "alice")));
    let found = gitlab.issues_by(ProjectId(7), UserId(5)).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].reference, issue());
    let lines = script.lines();
    assert_eq!(lines[0], "POST /gitlab/api/v4/projects/7/issues");
    let seen = script.seen();
    let body: Vec<_> = url::form_urlencoded::parse(seen[0].body.as_bytes()).collect();
    assert!(body.contains(&("title".into(), "Adopted machine a&b".into())), "{body:?}");
    assert!(body.contains(&("description".into(), description.as_str().into())), "{body:?}");
    assert!(lines[1].starts_with("GET /gitlab/api/v4/projects/7/issues?"), "{}", lines[1]);
    for part in ["author_id=5", "scope=all", "sort=asc", "per_page=100"] {
        assert!(lines[1].contains(part), "{part} is not in {}", lines[1]);
    }
}

#[tokio::test]
async fn an_issue_is_hidden_only_if_gitlab_says_that_it_is() {
    let hide = IssueUpdate { confidential: Some(true), ..IssueUpdate::default() };
    let (gitlab, script) =
        scripted([reply(200, r#"{"id": 900, "iid": 3, "confidential": true}"#)]).await;
    gitlab.update_issue(&issue(), &hide).await.unwrap();
    assert_eq!(script.seen()[0].body, r#"{"confidential":true}"#);
    for answer in ["{}", r#"{"confidential": false}"#] {
        let (gitlab, _script) = scripted([reply(200, answer)]).await;
        let error = gitlab.update_issue(&issue(), &hide).await.unwrap_err();
        assert_eq!(error.verdict, Verdict::GiveUp, "{answer}");
        assert!(error.for_people().contains("Planner role"), "{}", error.for_people());
    }
}

#[tokio::test]
async fn an_issue_filed_by_mail_is_told_from_one_filed_by_a_person() {
    for (username, by_bot) in [("support-bot", true), ("alice", false), ("project_7_bot_1", true)] {
        let mut filed = issue_json();
        filed["author"]["username"] = json!(username);
        filed["service_desk_reply_to"] = json!("someone@outside.example");
        let (gitlab, _script) = scripted([reply_json(200, &filed)]).await;
        assert_eq!(gitlab.issue(&issue()).await.unwrap().by_bot, by_bot, "{username}");
    }
}
