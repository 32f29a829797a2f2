//! What a GitHub App does differently.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use super::*;
use crate::{
    cookbook::Principal,
    ports::forge::{Audience, Standing, Wanted},
};

/// Made for these tests; it opens nothing.
const KEY: &str = include_str!("../../../../tests/fixtures/github/app_key_for_tests.pem");

const INSTALLATION: &str = "GET /api/v3/repos/acme/infra/installation";
const MINT: &str = "POST /api/v3/app/installations/55/access_tokens";

fn as_app(settings: GitHubSettings) -> GitHubSettings {
    let credentials = Credentials::App { id: 1234, key_pem: SecretString::from(KEY) };
    GitHubSettings { credentials, ..settings }
}

async fn app(answers: impl IntoIterator<Item = Answer>) -> (GitHub, Script, Arc<Now>) {
    let script = Script::start(answers).await;
    let clock = noon();
    let github = github_with(as_app(settings(script.url.clone())), clock.clone());
    (github, script, clock)
}

fn installed() -> Answer {
    reply_json(200, &json!({"id": 55, "account": {"login": "acme"}}))
}

fn minted(token: &str, until: &str) -> Answer {
    reply_json(201, &json!({"token": token, "expires_at": until}))
}

fn bearers(script: &Script) -> Vec<String> {
    let shown = |seen: &script::Seen| seen.header("authorization").unwrap().to_owned();
    script.all().iter().map(shown).collect()
}

#[tokio::test]
async fn a_token_is_bought_once_and_again_shortly_before_it_ends() {
    let (github, script, clock) = app([
        installed(),
        minted("ghs_one", "2026-11-21T13:00:00Z"),
        reply_json(200, &issue_json()),
        reply_json(200, &issue_json()),
        minted("ghs_two", "2026-11-21T13:55:00Z"),
        reply_json(200, &issue_json()),
    ])
    .await;
    github.issue(&issue()).await.unwrap();
    clock.pass(TimeDelta::minutes(54));
    github.issue(&issue()).await.unwrap();
    clock.pass(TimeDelta::minutes(2));
    github.issue(&issue()).await.unwrap();
    let read = format!("GET {INFRA}/issues/3");
    assert_eq!(script.lines(), [INSTALLATION, MINT, &read, &read, MINT, &read]);
    let bearers = bearers(&script);
    let shown: Vec<_> = bearers.iter().map(|bearer| bearer.get(..14).unwrap()).collect();
    let (signed, one, two) = (&shown[0][..10], "Bearer ghs_one", "Bearer ghs_two");
    assert_eq!(signed, "Bearer eyJ");
    assert_eq!(shown[2..5], [one, one, one], "the name is checked, and the issue read twice");
    assert_eq!(shown[6..], [two]);
}

#[tokio::test]
async fn the_app_signs_for_some_minutes_by_our_clock() {
    let (github, script, _clock) = app([installed()]).await;
    assert!(github.issue(&issue()).await.is_err());
    let bearers = bearers(&script);
    let parts: Vec<_> = bearers[0].strip_prefix("Bearer ").unwrap().split('.').collect();
    assert_eq!(parts.len(), 3);
    let read = |part: &str| -> Value {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    assert_eq!(read(parts[0])["alg"], "RS256");
    let noon = at("2026-11-21T12:00:00Z").timestamp();
    assert_eq!(read(parts[1]), json!({"iat": noon - 60, "exp": noon + 540, "iss": 1234}));
}

#[tokio::test]
async fn the_apps_account_is_its_bot() {
    let (github, script, _clock) = app([
        reply_json(200, &json!({"id": 1234, "slug": "innkeeper"})),
        installed(),
        minted("ghs_one", "2026-11-21T13:00:00Z"),
        reply_json(200, &user(9, "innkeeper[bot]")),
    ])
    .await;
    assert_eq!(github.own_account().await.unwrap(), person(9, "innkeeper[bot]"));
    assert_eq!(
        script.lines(),
        ["GET /api/v3/app", INSTALLATION, MINT, "GET /api/v3/users/innkeeper%5Bbot%5D"]
    );
    assert_eq!(github.credential_ends().await.unwrap(), None, "it renews itself");
}

#[tokio::test]
async fn a_revoked_token_is_replaced_and_no_write_repeated() {
    let (github, script, _clock) = app([
        installed(),
        minted("ghs_one", "2026-11-21T13:00:00Z"),
        reply(401, r#"{"message":"Bad credentials"}"#),
        installed(),
        minted("ghs_two", "2026-11-21T13:00:00Z"),
        reply(201, r#"{"id": 41}"#),
    ])
    .await;
    let post = || async { github.post_note(&issue(), &text("Hello"), Audience::Everyone).await };
    assert_eq!(post().await.unwrap_err().verdict, Verdict::Retry { after: None });
    assert_eq!(script.seen().len(), 3);
    assert_eq!(post().await.unwrap(), NoteId(41));
    assert_eq!(bearers(&script).last().unwrap(), "Bearer ghs_two");
}

#[tokio::test]
async fn an_app_that_is_not_let_in_says_what_to_do() {
    let missing = || reply(404, r#"{"message":"Not Found"}"#);
    let (github, _script, _clock) = app([missing()]).await;
    let error = github.issue(&issue()).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::GiveUp, "the issue is not missing");
    assert!(error.advice.unwrap().contains("install the GitHub App of forge `github`"));

    let bad_key = r#"{"message":"A JSON web token could not be decoded"}"#;
    let (github, _script, _clock) = app([reply(401, bad_key)]).await;
    let error = github.issue(&issue()).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::GiveUp);
    assert!(error.advice.as_ref().unwrap().contains("the App's number and key"));
    assert!(!format!("{error:?}").contains("PRIVATE"));

    let (github, _script, _clock) = app([installed(), missing(), missing()]).await;
    let error = github.issue(&issue()).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Retry { after: None }, "installed anew, perhaps");
    assert_eq!(github.issue(&issue()).await.unwrap_err().verdict, Verdict::GiveUp);
}

#[tokio::test]
async fn people_are_found_although_one_repository_dropped_the_app() {
    let (github, script, _clock) = app([
        reply(404, "{}"),
        reply_json(200, &json!([{"id": 66, "account": {"login": "umbrella"}}])),
        minted("ghs_one", "2026-11-21T13:00:00Z"),
        reply_json(200, &user(5, "alice")),
    ])
    .await;
    assert_eq!(github.person_named("alice").await.unwrap(), Some(person(5, "alice")));
    assert_eq!(script.lines()[1], "GET /api/v3/app/installations?per_page=100");
}

#[tokio::test]
async fn what_an_installation_may_do_is_examined() {
    let installation = |fields: Value| {
        let mut found = json!({"id": 55, "account": {"login": "acme"}});
        for (name, value) in fields.as_object().unwrap() {
            found[name] = value.clone();
        }
        reply_json(200, &found)
    };
    let writes = json!({"issues": "write", "members": "read"});
    let table = [
        (json!({"permissions": writes}), "issues of `acme/infra` can be read and changed"),
        (json!({"permissions": {"issues": "read"}}), "the App may not change issues"),
        (json!({"permissions": {"issues": "write"}}), "the App may not see who is in"),
        (
            json!({"permissions": writes, "suspended_at": "2026-11-20T10:00:00Z"}),
            "the App is suspended for `acme/infra`",
        ),
    ];
    for (fields, expected) in table {
        let (github, script, _clock) = app([
            reply_json(200, &json!({"id": 1234, "slug": "innkeeper"})),
            installed(),
            minted("ghs_one", "2026-11-21T13:00:00Z"),
            installation(fields),
        ])
        .await;
        script.stand("GET /api/v3/users/innkeeper%5Bbot%5D", user(9, "innkeeper[bot]"));
        let wanted = Wanted {
            projects: vec![ProjectId(7)],
            deciders: vec![Principal::Group("a/b/c".to_owned())],
            ..Wanted::default()
        };
        let findings = github.examine(&wanted).await;
        assert!(findings[1].what.contains(expected), "{expected}: {findings:?}");
    }
}

#[tokio::test]
async fn the_installation_of_the_organisation_is_asked_about_its_teams() {
    let installations = json!([
        {"id": 55, "account": {"login": "acme"}}, {"id": 66, "account": {"login": "Umbrella"}}]);
    let (github, script, _clock) = app([
        installed(),
        minted("ghs_one", "2026-11-21T13:00:00Z"),
        reply_json(200, &user(5, "alice")),
        reply_json(200, &installations),
        minted("ghs_umbrella", "2026-11-21T13:00:00Z"),
        reply(200, r#"{"state":"active"}"#),
    ])
    .await;
    let team = Principal::Group("umbrella/sysadmins".to_owned());
    assert!(github.is_among(UserId(5), &team, Standing::Trusted).await.unwrap());
    assert_eq!(
        script.lines()[3..],
        [
            "GET /api/v3/app/installations?per_page=100",
            "POST /api/v3/app/installations/66/access_tokens",
            "GET /api/v3/orgs/umbrella/teams/sysadmins/memberships/alice"
        ]
    );
    assert_eq!(bearers(&script).last().unwrap(), "Bearer ghs_umbrella");
}

#[tokio::test]
async fn an_apps_repositories_are_those_it_was_given() {
    let list = json!({"total_count": 2, "repositories": [
        {"id": 7, "full_name": "acme/infra"}, {"id": 8, "full_name": "umbrella/x"}]});
    let (github, script, _clock) = app([
        reply_json(200, &json!([{"id": 55, "account": {"login": "acme"}}])),
        minted("ghs_one", "2026-11-21T13:00:00Z"),
        reply_json(200, &list),
    ])
    .await;
    let found = github.projects_of("Acme").await.unwrap();
    assert_eq!(found.iter().map(|found| found.id.0).collect::<Vec<_>>(), [7]);
    assert_eq!(script.lines()[2], "GET /api/v3/installation/repositories?per_page=100");
}

#[tokio::test]
async fn neither_key_nor_tokens_are_shown() {
    let (github, _script, _clock) =
        app([installed(), minted("ghs_one", "2026-11-21T13:00:00Z"), reply(500, "{}")]).await;
    let error = github.issue(&issue()).await.unwrap_err();
    let shown = format!(
        "{error:?} {} {:?}",
        error.chain(),
        as_app(settings(Url::parse("https://x").unwrap()))
    );
    assert!(!shown.contains("ghs_one") && !shown.contains("PRIVATE"), "{shown}");
}
