//! Setting up a project, against a server that says what the rehearsal does not.

use secrecy::SecretString;
use serde_json::{Value, json};

use super::{
    person,
    script::{Answer, Script, reply, reply_json},
    scripted,
};
use crate::{
    forge::gitlab::GitLab,
    identity::ProjectId,
    ports::{PortError, Verdict, setup::Setup as _},
    setup::{
        Change, Deed, Events, File, Label, Obstacle, Outcome, Place, Present, Proof, Proposal,
        Wanted, Webhook,
    },
};

const PATH: &str = ".gitlab/issue_templates/vm.md";
const URL: &str = "https://innkeeper.example/webhooks/gitlab";
const MERGE_REQUESTS: &str = "/gitlab/api/v4/projects/7/merge_requests";

fn place() -> Place {
    Place {
        id: ProjectId(7),
        path: "tpo/tpa/team".to_owned(),
        page: "https://git.example/tpo/tpa/team".to_owned(),
        default_branch: Some("main".to_owned()),
        archived: false,
    }
}

fn wanted() -> Wanted {
    Wanted {
        labels: Vec::new(),
        events: Events::Webhook(Webhook {
            path: "/webhooks/gitlab".to_owned(),
            url: Some(URL.to_owned()),
            proof: Proof::Token,
            reset_secret: false,
        }),
        templates: vec![file()],
        without_template: Vec::new(),
    }
}

fn file() -> File {
    File { path: PATH.to_owned(), text: "vm\n".to_owned() }
}

fn label() -> Deed {
    Deed::CreateLabel(Label {
        name: "a::b".to_owned(),
        colour: "#009966",
        description: "What it means".to_owned(),
    })
}

fn proposal(changes: Vec<Change>) -> Deed {
    Deed::Propose(Proposal { into: "main".to_owned(), new_branch: true, changes, open: None })
}

async fn carry_out(gitlab: &GitLab, deed: &Deed) -> Result<Outcome, PortError> {
    gitlab.carry_out(&place(), deed, &SecretString::from("the secret")).await
}

/// What comes of a deed, and what was sent for it.
async fn done(
    deed: &Deed,
    answers: impl IntoIterator<Item = Answer>,
) -> (Result<Outcome, PortError>, Script) {
    let (gitlab, script) = scripted(answers).await;
    (carry_out(&gitlab, deed).await, script)
}

fn sent(script: &Script, index: usize) -> Value {
    serde_json::from_str(&script.seen()[index].body).unwrap()
}

/// The answers to who is who, for accounts of this level.
fn accounts(level: u64) -> [Answer; 3] {
    let own = json!({ "id": 100, "username": "innkeeper" });
    let member = json!({ "id": 100, "access_level": level });
    [reply_json(200, &own), reply_json(200, &member), reply_json(200, &member)]
}

async fn survey(answers: impl IntoIterator<Item = Answer>) -> (Present, Script) {
    let (gitlab, script) = scripted(answers).await;
    (gitlab.survey(&place(), &wanted(), &person(100, "innkeeper")).await, script)
}

#[tokio::test]
async fn a_project_is_found_by_path_or_id_and_an_empty_one_has_no_branch() {
    let project = json!({
        "id": 7, "path_with_namespace": "tpo/tpa/team", "default_branch": "main",
        "web_url": "https://git.example/tpo/tpa/team",
    });
    let mut empty = project.clone();
    empty["empty_repo"] = json!(true);
    let (gitlab, script) = scripted([reply_json(200, &project), reply_json(200, &empty)]).await;
    assert_eq!(gitlab.place("tpo/tpa/team").await.unwrap(), place());
    assert_eq!(gitlab.place("7").await.unwrap().default_branch, None);
    assert_eq!(
        script.lines(),
        ["GET /gitlab/api/v4/projects/tpo%2Ftpa%2Fteam", "GET /gitlab/api/v4/projects/7"]
    );
}

#[tokio::test]
async fn code_that_is_hidden_is_not_taken_for_missing_files() {
    let nothing = || reply(200, "[]");
    let not_found =
        |what: &str| reply_json(404, &json!({ "message": format!("404 {what} Not Found") }));
    let begin = || accounts(40).into_iter().chain([nothing(), nothing()]);
    let (present, _) = survey(begin().chain([not_found("Project")])).await;
    let Err(Obstacle { why, .. }) = present.templates else { panic!("{present:?}") };
    assert!(why.contains(PATH) && why.contains("404 Project Not Found"), "{why}");

    let (present, script) = survey(begin().chain([not_found("File"), not_found("Branch")])).await;
    let repository = present.templates.unwrap();
    assert_eq!((repository.merged.len(), repository.proposed), (0, None));
    assert_eq!(script.lines().len(), 7, "without a branch there is no merge request");

    let (present, _) = survey(begin().chain([reply(502, "<html>")])).await;
    assert_eq!(present.templates.unwrap_err().by_hand, "Run this again later.");
}

#[tokio::test]
async fn an_administrator_needs_no_membership() {
    let own = json!({ "id": 1, "username": "root", "is_admin": true });
    let missing = reply(404, r#"{"message":"404 Not found"}"#);
    let (present, _) = survey([reply_json(200, &own), missing]).await;
    assert_eq!((&present.no_labels, &present.no_proposals), (&None, &None));
    assert!(!present.account.unwrap().suffices, "the service is another account");
    let (present, _) = survey(accounts(25)).await;
    assert!(present.no_labels.is_some() && present.no_proposals.is_some());
}

#[tokio::test]
async fn a_signing_token_that_was_passed_over_is_left_to_a_person() {
    let deed = Deed::CreateWebhook { url: URL.to_owned(), proof: Proof::Signature };
    for (told, unfinished) in [(None, true), (Some(false), true), (Some(true), false)] {
        let hook = json!({ "id": 5, "url": URL, "signing_token_present": told });
        let (outcome, script) = done(&deed, [reply_json(201, &hook)]).await;
        let outcome = outcome.unwrap();
        assert_eq!(outcome.unfinished, unfinished, "{told:?}");
        assert_eq!(outcome.by_hand.is_some(), unfinished);
        if let Some(by_hand) = outcome.by_hand {
            assert!(by_hand.contains("/tpo/tpa/team/-/hooks/5/edit"), "{by_hand}");
            assert!(!by_hand.contains("the secret"));
        }
        let body = sent(&script, 0);
        assert_eq!((&body["signing_token"], &body["token"]), (&json!("the secret"), &Value::Null));
        assert_eq!(body["emoji_events"], true);
        assert_eq!(body["push_events"], false);
        assert_eq!(script.lines(), ["POST /gitlab/api/v4/projects/7/hooks"]);
    }
}

#[tokio::test]
async fn refusals_say_who_may_or_what_to_change() {
    let forbidden = || reply(403, r#"{"message":"403 Forbidden"}"#);
    let blocked = r#"{"message":{"url":["is blocked: Requests to localhost are not allowed"]}}"#;
    let hook = Deed::CreateWebhook { url: URL.to_owned(), proof: Proof::Token };
    let change = Change { file: file(), exists: false };
    for (deed, answer, words) in [
        (label(), forbidden(), "Reporters"),
        (hook.clone(), forbidden(), "Maintainers"),
        (hook, reply(422, blocked), "Outbound requests"),
        (proposal(vec![change]), forbidden(), "Developers"),
    ] {
        let error = done(&deed, [answer]).await.0.unwrap_err();
        assert_eq!(error.verdict, Verdict::GiveUp);
        let advice = error.advice.unwrap();
        assert!(advice.contains(words), "{advice}");
    }
    let taken = reply(409, r#"{"message":"Label already exists"}"#);
    assert_eq!(done(&label(), [taken]).await.0.unwrap(), Outcome::default());
}

#[tokio::test]
async fn one_commit_creates_and_updates_and_one_merge_request_asks_for_it() {
    let other = File { path: "other.md".to_owned(), text: "/close\n".to_owned() };
    let changes =
        vec![Change { file: file(), exists: false }, Change { file: other, exists: true }];
    let page = json!({ "iid": 3, "web_url": "https://git.example/mr/3" });
    let answers = [reply(201, "{}"), reply_json(201, &page)];
    let (outcome, script) = done(&proposal(changes), answers).await;
    assert_eq!(
        outcome.unwrap().by_hand.as_deref(),
        Some("Merge the merge request: https://git.example/mr/3")
    );
    let commit = sent(&script, 0);
    assert_eq!(
        (&commit["branch"], &commit["start_branch"]),
        (&json!("innkeeper-templates"), &json!("main"))
    );
    assert_eq!(
        commit["actions"],
        json!([
            { "action": "create", "file_path": PATH, "content": "vm\n" },
            { "action": "update", "file_path": "other.md", "content": "/close\n" },
        ])
    );
    assert_eq!(script.lines()[1], format!("POST {MERGE_REQUESTS}"));
}

#[tokio::test]
async fn a_merge_request_that_is_open_already_is_taken_unless_it_is_a_forks() {
    let conflict = || reply(409, r#"{"message":["Another open merge request already exists"]}"#);
    let open = |source: u64| {
        let page = format!("https://git.example/mr/{source}");
        json!({ "web_url": page, "source_project_id": source })
    };
    let listed = reply_json(200, &json!([open(99), open(7)]));
    let (outcome, _) = done(&proposal(Vec::new()), [conflict(), listed]).await;
    assert!(outcome.unwrap().by_hand.unwrap().ends_with("/mr/7"));
    let forks = reply_json(200, &json!([open(99)]));
    let error = done(&proposal(Vec::new()), [conflict(), forks]).await.0.unwrap_err();
    assert_eq!(error.verdict, Verdict::GiveUp);
}
