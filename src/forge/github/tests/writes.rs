//! What is changed, and how.

use super::*;
use crate::ports::forge::{Audience, IssueUpdate};

#[tokio::test]
async fn a_comment_is_posted_edited_and_deleted() {
    let gone = r#"{"message":"Not Found"}"#;
    let (github, script) = scripted([
        reply(201, r#"{"id": 41}"#),
        reply(200, r#"{"id": 41}"#),
        reply(204, ""),
        reply(404, gone),
        reply(404, gone),
    ])
    .await;
    let note = github.post_note(&issue(), &text("Hello"), Audience::Everyone).await.unwrap();
    assert_eq!(note, NoteId(41));
    github.edit_note(&issue(), note, &text("Bye")).await.unwrap();
    github.delete_note(&issue(), note).await.unwrap();
    github.delete_note(&issue(), note).await.unwrap();
    let error = github.edit_note(&issue(), note, &text("Bye")).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Missing);
    assert_eq!(
        script.lines()[..3],
        [
            format!("POST {INFRA}/issues/3/comments"),
            format!("PATCH {INFRA}/issues/comments/41"),
            format!("DELETE {INFRA}/issues/comments/41")
        ]
    );
    let seen = script.seen();
    assert_eq!(
        [seen[0].json(), seen[1].json()],
        [json!({"body": "Hello"}), json!({"body": "Bye"})]
    );
    assert_eq!(seen[0].header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn a_note_for_the_team_is_never_shown_to_all() {
    let (github, script) = scripted([]).await;
    assert!(!github.abilities().team_notes);
    let error = github.post_note(&issue(), &text("secret"), Audience::Team).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::GiveUp);
    assert_eq!(script.all().len(), 0);
}

#[tokio::test]
async fn an_update_leaves_other_labels_alone_and_an_empty_one_is_not_sent() {
    let (github, script) = scripted([
        reply(200, "[]"),
        reply(200, "[]"),
        reply(404, r#"{"message":"Label does not exist"}"#),
        reply(200, "{}"),
        reply(200, "{}"),
    ])
    .await;
    github.update_issue(&issue(), &IssueUpdate::default()).await.unwrap();
    let elsewhere = IssueUpdate {
        due_date: Some(Some("2026-12-05".parse().unwrap())),
        confidential: Some(true),
        ..IssueUpdate::default()
    };
    github.update_issue(&issue(), &elsewhere).await.unwrap();
    assert_eq!(script.all().len(), 0, "GitHub has neither");

    let update = IssueUpdate {
        add_labels: vec!["vm::active".to_owned(), "a,b".to_owned()],
        remove_labels: vec!["vm::pending".to_owned(), "a/b ?+%".to_owned()],
        open: Some(false),
        ..elsewhere
    };
    github.update_issue(&issue(), &update).await.unwrap();
    let reopen = IssueUpdate { open: Some(true), ..IssueUpdate::default() };
    github.update_issue(&issue(), &reopen).await.unwrap();
    assert_eq!(
        script.lines(),
        [
            format!("POST {INFRA}/issues/3/labels"),
            format!("DELETE {INFRA}/issues/3/labels/vm%3A%3Apending"),
            format!("DELETE {INFRA}/issues/3/labels/a%2Fb%20%3F%2B%25"),
            format!("PATCH {INFRA}/issues/3"),
            format!("PATCH {INFRA}/issues/3"),
        ]
    );
    let seen = script.seen();
    assert_eq!(
        [seen[0].json(), seen[3].json(), seen[4].json()],
        [
            json!({"labels": ["vm::active", "a,b"]}),
            json!({"state": "closed", "state_reason": "completed"}),
            json!({"state": "open", "state_reason": "reopened"}),
        ]
    );
    assert_eq!((seen[1].body.as_str(), seen[1].header("content-type")), ("", None));
}

#[tokio::test]
async fn no_label_climbs_out_of_its_issue() {
    let (github, script) = scripted([]).await;
    for label in ["..", ".", ""] {
        let remove_labels = vec![label.to_owned()];
        let update = IssueUpdate { remove_labels, ..IssueUpdate::default() };
        let error = github.update_issue(&issue(), &update).await.unwrap_err();
        assert_eq!(error.verdict, Verdict::GiveUp, "{label:?}");
    }
    assert_eq!(script.lines(), [""; 0]);
}

#[tokio::test]
async fn a_redirected_write_is_not_followed_and_the_next_attempt_knows_the_new_name() {
    let renamed = [("location", "/api/v3/repositories/7/issues/3/comments")];
    let (github, script) =
        scripted([reply_with(307, &renamed, ""), reply(201, r#"{"id": 41}"#)]).await;
    let hello = text("Hello");
    let error = github.post_note(&issue(), &hello, Audience::Everyone).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Retry { after: None }, "{}", error.chain());
    assert_eq!(script.seen().len(), 1);

    script.stand(&format!("GET {INFRA}"), json!({"id": 7, "full_name": "acme/servers"}));
    github.post_note(&issue(), &hello, Audience::Everyone).await.unwrap();
    let new = "POST /api/v3/repos/acme/servers/issues/3/comments";
    assert_eq!(script.lines(), [&format!("POST {INFRA}/issues/3/comments"), new]);

    let transferred = [("location", "/api/v3/repositories/9/issues/12")];
    script.add(reply_with(301, &transferred, ""));
    script.stand("GET /api/v3/repos/acme/servers", json!({"id": 7, "full_name": "acme/servers"}));
    let reopen = IssueUpdate { open: Some(true), ..IssueUpdate::default() };
    let error = github.update_issue(&issue(), &reopen).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Missing, "{}", error.chain());
    assert_eq!(script.seen().len(), 3);
}

#[tokio::test]
async fn an_issue_is_filed_and_found_again_by_its_author() {
    let other = json!({"id": 901, "number": 4, "title": "x", "state": "open",
        "user": user(6, "alice"), "html_url": "x", "updated_at": "2026-11-20T10:00:00Z"});
    let (github, script) = scripted([
        reply_json(201, &issue_json()),
        reply_json(200, &user(5, "alice")),
        reply_json(200, &json!([issue_json(), other])),
        reply(404, "{}"),
    ])
    .await;
    let description = text("<!-- innkeeper:adopted kvm1 7 -->\n\nHello & welcome");
    let filed = github.file_issue(ProjectId(7), "Adopted machine a&b", &description).await.unwrap();
    assert_eq!((filed.reference, filed.author), (issue(), person(5, "alice")));
    let found = github.issues_by(ProjectId(7), UserId(5)).await.unwrap();
    assert_eq!(found.len(), 1, "the name's former bearer is somebody else");
    assert_eq!(found[0].reference, issue());
    assert!(github.issues_by(ProjectId(7), UserId(99)).await.unwrap().is_empty());
    let body = script.seen()[0].json();
    assert_eq!(body, json!({"title": "Adopted machine a&b", "body": description.as_str()}));
    let query = "creator=alice&state=all&sort=created&direction=asc&per_page=100";
    assert_eq!(
        script.lines()[..3],
        [
            format!("POST {INFRA}/issues"),
            "GET /api/v3/user/5".to_owned(),
            format!("GET {INFRA}/issues?{query}")
        ]
    );
}
