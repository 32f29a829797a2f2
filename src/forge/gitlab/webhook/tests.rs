mod events;

use std::{collections::BTreeMap, fs, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use sha2::Sha256;

use super::{BadSecret, GitLabHooks, Hint, WebhookSecret, hint, verify};
use crate::{
    identity::{IssueNumber, ProjectId, Timestamp},
    ports::intake::{About, Hooks as _},
};

const NOTE: &str = include_str!("../../../../tests/fixtures/gitlab/note_on_issue.json");

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
        .collect()
}

fn secret(text: &str) -> WebhookSecret {
    WebhookSecret::parse(&SecretString::from(text)).unwrap()
}

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn signed(key: &[u8], body: &str, sent_at: Timestamp) -> HeaderMap {
    let timestamp = sent_at.timestamp().to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(format!("msg_1.{timestamp}.{body}").as_bytes());
    let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    headers(&[
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", &timestamp),
        ("webhook-signature", &format!("v1,AAAA v2,{signature} v1,{signature}")),
    ])
}

#[test]
fn a_token_must_match_entirely() {
    let secret = secret("correct horse");
    let check = |value| verify(&headers(&[("x-gitlab-token", value)]), b"", &secret, now()).is_ok();
    assert!(check("correct horse"));
    assert!(!check("correct hors"));
    assert!(!check("correct horse "));
    assert!(!check(""));
    assert!(verify(&HeaderMap::new(), b"", &secret, now()).is_err());
}

#[test]
fn a_signature_covers_id_time_and_body() {
    // The example of the Standard Webhooks specification.
    let secret = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let sent_at = Timestamp::from_timestamp(1_614_265_330, 0).unwrap();
    let example = headers(&[
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ]);
    assert_eq!(verify(&example, br#"{"test": 2432232314}"#, &secret, sent_at), Ok(()));
    assert!(verify(&example, br#"{"test": 2432232315}"#, &secret, sent_at).is_err());
    for (name, value) in [("webhook-id", "msg_x"), ("webhook-timestamp", "1614265331")] {
        let mut changed = example.clone();
        changed.insert(name, HeaderValue::from_static(value));
        assert!(verify(&changed, br#"{"test": 2432232314}"#, &secret, sent_at).is_err());
    }
}

#[test]
fn a_signature_is_good_for_five_minutes_and_a_token_does_not_replace_it() {
    let secret = secret(&format!("whsec_{}", BASE64_STANDARD.encode(b"key")));
    let check = |seconds: i64| {
        let sent_at = now() + chrono::TimeDelta::seconds(seconds);
        verify(&signed(b"key", "{}", sent_at), b"{}", &secret, now()).is_ok()
    };
    assert!(check(0) && check(-300) && check(300));
    assert!(!check(-301) && !check(301));
    assert!(verify(&headers(&[("x-gitlab-token", "key")]), b"{}", &secret, now()).is_err());
    assert!(verify(&signed(b"other", "{}", now()), b"{}", &secret, now()).is_err());
}

#[test]
fn secrets_are_checked_when_configured_and_never_shown() {
    let parse = |text: &str| WebhookSecret::parse(&SecretString::from(text));
    assert_eq!(parse(" \n").unwrap_err(), BadSecret::Empty);
    assert_eq!(parse("whsec_").unwrap_err(), BadSecret::NotBase64);
    assert_eq!(parse("whsec_not base64").unwrap_err(), BadSecret::NotBase64);
    let hooks = GitLabHooks::new(BTreeMap::from([(ProjectId(7), secret("hunter2"))]));
    assert_eq!(
        format!("{hooks:?}"),
        "GitLabHooks { secrets: {ProjectId(7): WebhookSecret::Token}, groups: [] }"
    );
}

#[test]
fn every_fixture_is_about_what_its_name_says() {
    let issue = |number| (Some(7), About::Issue(IssueNumber(number)));
    let nothing = |project, why: &str| (project, About::Nothing(why.to_owned()));
    let expected = BTreeMap::from([
        (
            "access_token_expiring.json",
            (
                Some(7),
                About::Notice(
                    "the access token `innkeeper` of project ops/machines ends: 2026-11-28"
                        .to_owned(),
                ),
            ),
        ),
        ("emoji_on_issue.json", issue(3)),
        (
            "emoji_on_merge_request.json",
            nothing(Some(7), "an emoji on something else than an issue"),
        ),
        ("epic_of_group.json", nothing(None, "a work item of type Epic")),
        ("issue_closed_as_update.json", issue(3)),
        ("issue_confidential.json", issue(4)),
        ("issue_opened.json", issue(3)),
        ("issue_without_project.json", issue(3)),
        ("note_on_issue.json", issue(3)),
        (
            "note_on_merge_request.json",
            nothing(Some(7), "a comment on something else than an issue"),
        ),
        ("note_on_work_item.json", issue(5)),
        ("system_project_renamed.json", nothing(Some(7), "a `?` without object_kind")),
        ("work_item_issue.json", issue(5)),
        ("work_item_task.json", nothing(Some(7), "a work item of type Task")),
    ]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gitlab");
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Hint { claim, about } = hint(&HeaderMap::new(), &fs::read(&path).unwrap()).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        found.insert(name, (claim.map(|claim| claim.project.0), about));
    }
    let expected: BTreeMap<_, _> =
        expected.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    assert_eq!(found, expected);
}

#[test]
fn what_cannot_be_read_is_named() {
    let problem = |body: &str| hint(&HeaderMap::new(), body.as_bytes()).unwrap_err().to_string();
    assert_eq!(
        problem(r#"{"object_kind": "issue", "object_attributes": {"iid": "three"}}"#),
        "`object_attributes.iid`: invalid type: string \"three\", expected u64"
    );
    assert_eq!(
        problem(r#"{"object_kind": "note", "object_attributes": {"noteable_type": "Issue"}}"#),
        "`.`: missing field `issue`"
    );
    assert_eq!(
        problem(r#"{"object_kind": "#),
        "the body is not JSON: EOF while parsing a value at line 1 column 16"
    );
}

#[test]
fn a_projects_secret_opens_that_project_alone() {
    let hooks = GitLabHooks::new(BTreeMap::from([
        (ProjectId(7), secret("seven")),
        (ProjectId(8), secret("eight")),
    ]));
    let check = |token: &str, body: &str| {
        hooks.check(&headers(&[("x-gitlab-token", token)]), body.as_bytes(), now())
    };
    assert_eq!(check("seven", NOTE).unwrap().about, About::Issue(IssueNumber(3)));
    assert!(check("eight", NOTE).is_err());
    assert!(check("seven", &NOTE.replace("\"id\": 7,", "\"id\": 9,")).is_err());
    assert!(check("nobody", NOTE).is_err());
}

#[test]
fn a_groups_secret_opens_the_projects_under_its_path_alone() {
    let hooks = GitLabHooks::new(BTreeMap::from([(ProjectId(7), secret("seven"))]))
        .with_groups(vec![("Tpo/tpa".to_owned(), secret("group"))]);
    let from = |token: &str, id: u64, path: &str| {
        let body = serde_json::json!({
            "object_kind": "issue",
            "project": { "id": id, "path_with_namespace": path },
            "object_attributes": { "iid": 3 },
        });
        let headers = headers(&[("x-gitlab-token", token)]);
        hooks.check(&headers, body.to_string().as_bytes(), now()).map(|genuine| genuine.project)
    };
    assert_eq!(from("group", 9, "tpo/tpa/deep/team"), Ok(ProjectId(9)));
    assert_eq!(from("group", 7, "tpo/tpa/team"), Ok(ProjectId(7)), "it has its own as well");
    assert_eq!(from("seven", 7, "tpo/tpa/team"), Ok(ProjectId(7)));
    assert!(from("group", 9, "tpo/tpa-other/team").is_err());
    assert!(from("group", 9, "tpo/tpa").is_err());
    assert!(from("group", 9, "elsewhere/tpo/tpa/team").is_err());
    assert!(from("seven", 9, "tpo/tpa/team").is_err());
    assert!(from("nobody", 9, "tpo/tpa/team").is_err());
    let without_path = NOTE.replace("path_with_namespace", "path");
    let headers = headers(&[("x-gitlab-token", "group")]);
    assert!(hooks.check(&headers, without_path.as_bytes(), now()).is_err());
}

#[test]
fn a_genuine_delivery_that_cannot_be_read_is_kept_and_a_forged_one_is_not() {
    let hooks = GitLabHooks::new(BTreeMap::from([
        (ProjectId(7), secret("seven")),
        (ProjectId(8), secret("eight")),
    ]));
    let check = |token: &str| hooks.check(&headers(&[("x-gitlab-token", token)]), b"{{", now());
    let genuine = check("eight").unwrap();
    assert_eq!(genuine.project, ProjectId(8));
    assert!(matches!(genuine.about, About::Unreadable(_)));
    assert!(check("nine").is_err());
}

#[test]
fn repetitions_share_a_key_and_different_deliveries_do_not() {
    let key =
        |pairs: &[(&'static str, &str)], body: &str| hint::key(&headers(pairs), body.as_bytes());
    let own = [("idempotency-key", "k-1"), ("webhook-id", "w-1")];
    assert_eq!(key(&own, "a"), "k-1");
    assert_eq!(key(&own[1..], "a"), "w-1");
    // One is shared by all hooks of a chain of events, the other by no two requests.
    let chain = |uuid| {
        let ids = [("x-gitlab-event-uuid", uuid), ("x-gitlab-webhook-uuid", uuid)];
        key(&ids, "a")
    };
    assert_eq!(chain("u-1"), chain("u-2"));
    let note = [("x-gitlab-event", "Note Hook")];
    assert_eq!(key(&note, "a"), key(&note, "a"));
    assert_ne!(key(&note, "a"), key(&note, "b"));
    assert_ne!(key(&note, "a"), key(&[("x-gitlab-event", "Issue Hook")], "a"));
    assert_eq!(key(&[("idempotency-key", &"x".repeat(101))], "a").len(), 64);
}

#[test]
#[ignore = "needs a folder of payloads: INNKEEPER_PAYLOADS=FOLDER cargo test -- --ignored payload"]
#[expect(clippy::disallowed_methods, reason = "the folder is not part of the repository")]
fn every_collected_payload_is_read_without_error() {
    let folder = std::env::var("INNKEEPER_PAYLOADS").expect("INNKEEPER_PAYLOADS names a folder");
    let mut folders = vec![Path::new(&folder).to_owned()];
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "json") && !name.contains(".meta.")
            {
                let hint = hint(&HeaderMap::new(), &fs::read(&path).unwrap());
                let hint = hint.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                assert!(
                    !matches!(hint.about, About::Issue(_)) || hint.claim.is_some(),
                    "{}: an issue without a project",
                    path.display()
                );
                read += 1;
            }
        }
    }
    assert!(read > 0, "no payload in {folder}");
}
