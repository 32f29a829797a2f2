//! Issues that went to another project.

use serde_json::{Value, json};

use super::{
    issue, issue_json, note_json,
    script::{Answer, reply, reply_json},
    scripted,
};
use crate::{
    identity::{IssueNumber, IssueRef, ProjectId},
    ports::forge::Forge as _,
};

fn stub() -> Answer {
    let mut stub = issue_json();
    stub["moved_to_id"] = json!(901);
    reply_json(200, &stub)
}

/// The issue with this global id, wherever it is asked for.
fn found(id: u64) -> Answer {
    let mut there = issue_json();
    there["id"] = json!(id);
    reply_json(200, &there)
}

fn notes(notes: &[Value]) -> Answer {
    reply_json(200, &Value::from(notes.to_vec()))
}

fn said(body: &str) -> Value {
    note_json(2, body, true, (6, "bob"))
}

fn project(id: u64, path: &str) -> Answer {
    reply_json(200, &json!({"id": id, "path_with_namespace": path}))
}

fn missing() -> Answer {
    reply(404, r#"{"message":"404 Project Not Found"}"#)
}

async fn moved(answers: impl IntoIterator<Item = Answer>) -> (Option<(u64, u64)>, Vec<String>) {
    let (gitlab, script) = scripted(answers).await;
    let to = gitlab.moved_to(&issue()).await.unwrap();
    let to = to.map(|IssueRef { project, number, .. }| (project.0, number.0));
    (to, script.lines().into_iter().skip(2).collect())
}

#[tokio::test]
async fn an_issue_that_moved_is_found_by_gitlabs_own_words() {
    let (to, asked) = moved([
        stub(),
        notes(&[said("moved to tpo/other#12")]),
        project(8, "tpo/other"),
        found(901),
    ])
    .await;
    assert_eq!(to, Some((8, 12)));
    assert_eq!(
        asked,
        ["GET /gitlab/api/v4/projects/tpo%2Fother", "GET /gitlab/api/v4/projects/8/issues/12"]
    );
    let (to, asked) = moved([
        stub(),
        notes(&[said("moved to other#12")]),
        project(7, "tpo/sub/team"),
        project(8, "tpo/sub/other"),
        found(901),
    ])
    .await;
    assert_eq!(to, Some((8, 12)));
    assert_eq!(
        asked[..2],
        ["GET /gitlab/api/v4/projects/7", "GET /gitlab/api/v4/projects/tpo%2Fsub%2Fother"]
    );
    let (to, asked) = moved([stub(), notes(&[said("moved to #12")]), found(901)]).await;
    assert_eq!(to, Some((7, 12)));
    assert_eq!(asked, ["GET /gitlab/api/v4/projects/7/issues/12"]);
}

#[tokio::test]
async fn the_last_move_counts_and_people_are_not_believed() {
    let history = [
        said("moved from tpo/first#1"),
        note_json(3, "moved to tpo/other#12", true, (6, "bob")),
        note_json(4, "moved to tpo/evil#66", false, (5, "mallory")),
    ];
    let (to, asked) = moved([stub(), notes(&history), project(8, "tpo/other"), found(901)]).await;
    assert_eq!(to, Some((8, 12)));
    assert!(!asked.concat().contains("evil"), "{asked:?}");

    let people = note_json(4, "moved to tpo/evil#66", false, (5, "mallory"));
    assert_eq!(moved([stub(), notes(&[people])]).await, (None, vec![]));
}

#[tokio::test]
async fn what_we_cannot_see_is_nowhere() {
    let words = || notes(&[said("moved to tpo/secret#12")]);
    let forbidden = || reply(403, r#"{"message":"403 Forbidden"}"#);
    for answers in [
        vec![missing()],
        vec![reply_json(200, &issue_json())],
        vec![stub(), missing()],
        vec![stub(), notes(&[])],
        vec![stub(), words(), missing()],
        vec![stub(), words(), forbidden()],
        vec![stub(), words(), project(8, "tpo/secret"), missing()],
        vec![stub(), words(), project(8, "tpo/secret"), forbidden()],
        // Another issue than the one it became.
        vec![stub(), words(), project(8, "tpo/secret"), found(902)],
        // A project outside of any group has no neighbours.
        vec![stub(), notes(&[said("moved to other#1")]), project(7, "alone")],
    ] {
        assert_eq!(moved(answers).await.0, None);
    }
}

#[tokio::test]
async fn a_question_without_an_answer_is_an_error_and_not_a_no() {
    let (gitlab, _script) = scripted([stub(), reply(502, "")]).await;
    assert!(gitlab.moved_to(&issue()).await.is_err());
    let expected = IssueRef { project: ProjectId(8), number: IssueNumber(12), ..issue() };
    let (gitlab, _script) = scripted([
        stub(),
        notes(&[said("moved to tpo/other#12")]),
        project(8, "tpo/other"),
        found(901),
    ])
    .await;
    assert_eq!(gitlab.moved_to(&issue()).await.unwrap(), Some(expected));
}
