use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use serde_json::Value;
use sha2::Sha256;
use url::form_urlencoded;

use super::{GitHubHooks, Hint, NO_REPOSITORY, hint};
use crate::{
    identity::{IssueNumber, ProjectId, Timestamp},
    ports::intake::{About, Genuine, Hooks as _, Unauthenticated},
};

const COMMENT: &str = include_str!("../../../../tests/fixtures/github/issue_comment_created.json");
const APP_PING: &str = include_str!("../../../../tests/fixtures/github/ping_of_app.json");

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
        .collect()
}

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn signature(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let mut text = "sha256=".to_owned();
    for byte in mac.finalize().into_bytes() {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

fn hooks(secrets: &[(u64, &str)], app: Option<&str>) -> GitHubHooks {
    let secrets = secrets.iter().map(|(id, secret)| (ProjectId(*id), SecretString::from(*secret)));
    GitHubHooks::new(secrets.collect(), app.map(SecretString::from))
}

fn check(
    hooks: &GitHubHooks,
    event: &str,
    secret: &str,
    body: &str,
) -> Result<Genuine, Unauthenticated> {
    let signature = signature(secret, body);
    let headers = headers(&[("x-github-event", event), ("x-hub-signature-256", &signature)]);
    hooks.check(&headers, body.as_bytes(), now())
}

#[test]
fn a_signature_is_over_the_body_as_it_came() {
    // The example of GitHub's documentation.
    let hooks = hooks(&[(7, "It's a Secret to Everybody")], None);
    let hex = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let given = |signature: &str, body: &str| {
        let headers = headers(&[("x-hub-signature-256", signature)]);
        hooks.check(&headers, body.as_bytes(), now()).is_ok()
    };
    assert!(given(&format!("sha256={hex}"), "Hello, World!"));
    assert!(given(&format!("sha256={}", hex.to_uppercase()), "Hello, World!"));
    for signature in [
        String::new(),
        hex.to_owned(),
        format!("sha1={hex}"),
        format!("sha256={}", &hex[..62]),
        format!("sha256={hex}00"),
        format!("sha256={}x", &hex[..63]),
        format!("sha256={}", "0".repeat(64)),
    ] {
        assert!(!given(&signature, "Hello, World!"), "{signature}");
    }
    assert!(!given(&format!("sha256={hex}"), "Hello, World?"));
    assert!(hooks.check(&HeaderMap::new(), b"Hello, World!", now()).is_err());
}

#[test]
fn a_repositorys_secret_opens_that_repository_alone_and_the_apps_all() {
    let hooks = hooks(&[(7, "seven"), (8, "eight")], Some("app"));
    let elsewhere = COMMENT.replace("\"id\": 7,", "\"id\": 9,");
    let project = |secret: &str, body: &str| {
        check(&hooks, "issue_comment", secret, body).map(|genuine| genuine.project.0)
    };
    assert_eq!(project("seven", COMMENT), Ok(7));
    assert_eq!(project("app", COMMENT), Ok(7));
    assert_eq!(project("app", &elsewhere), Ok(9));
    let refusals: Vec<_> = [("eight", COMMENT), ("seven", &elsewhere), ("nobody", &elsewhere)]
        .into_iter()
        .map(|(secret, body)| project(secret, body).unwrap_err())
        .collect();
    assert!(refusals.iter().all(|refusal| *refusal == refusals[0]), "in the same words");
    let ping = check(&hooks, "ping", "app", APP_PING).unwrap();
    assert_eq!(ping.project, NO_REPOSITORY);
    assert_eq!(ping.about, About::Nothing("a ping: the webhook is set up".to_owned()));
    assert_eq!(check(&hooks, "ping", "eight", APP_PING).unwrap().project, ProjectId(8));
}

#[test]
fn an_empty_secret_opens_nothing() {
    assert!(check(&hooks(&[(7, "")], None), "issue_comment", "", COMMENT).is_err());
    assert!(check(&hooks(&[], Some("")), "issue_comment", "", COMMENT).is_err());
    assert!(check(&hooks(&[], None), "issue_comment", "x", COMMENT).is_err());
}

#[test]
fn secrets_are_never_shown() {
    assert_eq!(
        format!("{:?}", hooks(&[(7, "hunter2")], Some("hunter3"))),
        "GitHubHooks { repositories: [ProjectId(7)], app: true }"
    );
}

#[test]
fn a_form_is_read_like_json() {
    let hooks = hooks(&[(7, "seven")], None);
    let form = |name: &str| {
        form_urlencoded::Serializer::new(String::new()).append_pair(name, COMMENT).finish()
    };
    let about = |body: &str| {
        let headers = headers(&[
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("x-github-event", "issue_comment"),
            ("x-hub-signature-256", &signature("seven", body)),
        ]);
        hooks.check(&headers, body.as_bytes(), now()).unwrap().about
    };
    assert_eq!(about(&form("payload")), About::Issue(IssueNumber(3)));
    assert_eq!(
        about(&form("load")),
        About::Unreadable("the body is a form without `payload`".to_owned())
    );
}

#[test]
fn every_fixture_is_about_what_its_name_says() {
    let issue = (Some(7), About::Issue(IssueNumber(3)));
    let nothing = |project, why: &str| (project, About::Nothing(why.to_owned()));
    let pull_request = "it is about a pull request";
    let expected = BTreeMap::from([
        ("installation_created.json", nothing(None, "an event `installation`")),
        ("issue_comment_created.json", issue.clone()),
        ("issue_comment_on_pull_request.json", nothing(Some(7), pull_request)),
        ("issues_field_of_tomorrow.json", issue.clone()),
        ("issues_on_pull_request.json", nothing(Some(7), pull_request)),
        ("issues_opened.json", issue.clone()),
        ("issues_without_sender.json", issue),
        ("ping_of_app.json", nothing(None, "a ping: the webhook is set up")),
        ("ping_of_repository.json", nothing(Some(7), "a ping: the webhook is set up")),
        ("push.json", nothing(Some(7), "an event `push`")),
    ]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/github");
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_none_or(|end| end != "json") {
            continue;
        }
        let event = ["issue_comment", "issues", "ping", "installation", "push"]
            .into_iter()
            .find(|event| name.starts_with(event))
            .unwrap();
        let headers = headers(&[("x-github-event", event)]);
        let Hint { project, about } = hint(&headers, &fs::read(&path).unwrap()).unwrap();
        found.insert(name, (project.map(|project| project.0), about));
    }
    let expected: BTreeMap<_, _> =
        expected.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    assert_eq!(found, expected);
}

#[test]
fn what_cannot_be_read_is_named_and_kept_for_its_repository() {
    let hooks = hooks(&[(7, "seven"), (8, "eight")], None);
    let table = [
        (
            r#"{"issue": {"number": "three"}, "repository": {"id": 7}}"#,
            "`issue.number`: invalid type: string \"three\", expected u64",
        ),
        (r#"{"repository": {"id": 7}}"#, "`.`: missing field `issue`"),
        (r#"{"issue": {"number": 3}}"#, "`.`: missing field `repository`"),
        (r#"{"issue": "#, "the body is not JSON: EOF while parsing a value at line 1 column 10"),
    ];
    for (body, expected) in table {
        let genuine = check(&hooks, "issues", "seven", body).unwrap();
        assert_eq!(genuine.project, ProjectId(7), "{body}");
        assert_eq!(genuine.about, About::Unreadable(expected.to_owned()));
    }
    assert!(check(&hooks, "issues", "eight", table[0].0).is_err(), "it claims to be of 7");
    assert!(check(&hooks, "issues", "nine", "{{").is_err());
}

#[test]
fn repetitions_share_a_key_and_different_deliveries_do_not() {
    let key =
        |pairs: &[(&'static str, &str)], body: &str| hint::key(&headers(pairs), body.as_bytes());
    let own = [("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")];
    assert_eq!(key(&own, "a"), own[0].1);
    let issues = [("x-github-event", "issues")];
    assert_eq!(key(&issues, "a"), key(&issues, "a"));
    assert_ne!(key(&issues, "a"), key(&issues, "b"));
    assert_ne!(key(&issues, "a"), key(&[("x-github-event", "ping")], "a"));
    assert_eq!(key(&[("x-github-delivery", &"x".repeat(101))], "a").len(), 64);
}

#[test]
#[ignore = "needs a folder of payloads: INNKEEPER_PAYLOADS=FOLDER cargo test -- --ignored collected_delivery"]
#[expect(clippy::disallowed_methods, reason = "the folder is not part of the repository")]
fn every_collected_delivery_is_read_without_error() {
    let folder = std::env::var("INNKEEPER_PAYLOADS").expect("INNKEEPER_PAYLOADS names a folder");
    let mut folders = vec![Path::new(&folder).to_owned()];
    let mut read = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "json") && !name.contains(".meta.")
            {
                let body = fs::read_to_string(&path).unwrap();
                let about = fs::read(path.with_extension("meta.json")).unwrap_or_default();
                let about: Value = serde_json::from_slice(&about).unwrap_or_default();
                let Some(event) = about["x_github_event"].as_str() else { continue };
                let value: Value = serde_json::from_str(&body).unwrap();
                let repository = value["repository"]["id"].as_u64();
                let hooks = hooks(&[(repository.unwrap_or(1), "secret")], None);
                let genuine = check(&hooks, event, "secret", &body).unwrap();
                let issue = value["issue"]["number"].as_u64().map(IssueNumber);
                let is_issue =
                    event.starts_with("issue") && value["issue"]["pull_request"].is_null();
                match genuine.about {
                    About::Issue(found) => assert!(is_issue && Some(found) == issue, "{name}"),
                    About::Nothing(why) => assert!(!is_issue, "{name}: {why}"),
                    About::Notice(why) | About::Unreadable(why) => panic!("{name}: {why}"),
                }
                *read.entry(event.to_owned()).or_insert(0) += 1;
            }
        }
    }
    assert!(!read.is_empty(), "no payload of GitHub in {folder}");
}
