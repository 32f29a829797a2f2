//! What a look at the whole finds.

use serde_json::{Value, json};

use super::{
    script::{Answer, reply, reply_json},
    scripted,
};
use crate::{
    cookbook::Principal,
    identity::ProjectId,
    ports::{
        finding::Grade::{self, Bad, Doubtful, Good},
        forge::{Forge as _, Wanted},
    },
};

fn us() -> Answer {
    reply(200, r#"{"id": 9, "username": "innkeeper"}"#)
}

fn version() -> Answer {
    reply(200, r#"{"version": "19.2.1-ee", "revision": "x", "enterprise": true}"#)
}

fn token() -> Answer {
    reply(200, r#"{"id": 1, "scopes": ["api"], "expires_at": "2027-11-20"}"#)
}

fn missing() -> Answer {
    reply(404, r#"{"message":"404 Not Found"}"#)
}

fn refused() -> Answer {
    reply(403, r#"{"message":"403 Forbidden"}"#)
}

fn member(level: u64) -> Answer {
    reply_json(
        200,
        &json!({"id": 9, "username": "innkeeper", "access_level": level, "state": "active"}),
    )
}

fn project() -> Answer {
    reply(200, r#"{"id": 7, "path_with_namespace": "tpo/team", "issues_access_level": "enabled"}"#)
}

/// What is said after the account, the version and the token.
async fn findings(
    wanted: Wanted,
    answers: impl IntoIterator<Item = Answer>,
) -> Vec<(Grade, String)> {
    let (gitlab, script) = scripted([us(), version(), token()].into_iter().chain(answers)).await;
    let findings = gitlab.examine(&wanted).await;
    assert!(script.lines().iter().all(|line| line.starts_with("GET ")), "nothing is changed");
    assert!(script.answers.lock().unwrap().is_empty(), "{:?}", script.lines());
    for found in &findings {
        assert!(found.what.ends_with('.'), "{}", found.what);
        assert_eq!(found.advice.is_none(), found.grade == Good, "{}", found.what);
    }
    findings.into_iter().skip(3).map(|found| (found.grade, found.what)).collect()
}

async fn grades(wanted: Wanted, answers: impl IntoIterator<Item = Answer>) -> Vec<Grade> {
    findings(wanted, answers).await.into_iter().map(|(grade, _)| grade).collect()
}

fn project_seven() -> Wanted {
    Wanted { projects: vec![ProjectId(7)], ..Wanted::default() }
}

fn decided_by(principal: &str) -> Wanted {
    Wanted {
        deciders: vec![Principal::try_from(principal.to_owned()).unwrap()],
        ..Wanted::default()
    }
}

#[tokio::test]
async fn a_token_that_is_refused_ends_the_look() {
    let (gitlab, _script) = scripted([reply(401, r#"{"message":"401 Unauthorized"}"#)]).await;
    let findings = gitlab.examine(&project_seven()).await;
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].grade, Bad);
    assert!(findings[0].advice.as_ref().unwrap().contains("wrong, revoked or expired"));
}

#[tokio::test]
async fn an_old_gitlab_is_asked_in_the_old_way_and_a_token_may_not_tell() {
    for silent in [missing(), refused()] {
        let old = reply(200, r#"{"version": "15.1.0-ce"}"#);
        let (gitlab, script) = scripted([us(), missing(), old, silent]).await;
        let findings = gitlab.examine(&Wanted::default()).await;
        let grades: Vec<Grade> = findings.iter().map(|found| found.grade).collect();
        assert_eq!(grades, [Good, Doubtful, Doubtful]);
        assert!(script.lines()[2].ends_with("/api/v4/version"));
        assert!(findings[1].what.contains("15.1.0-ce"), "{}", findings[1].what);
    }
}

#[tokio::test]
async fn when_our_token_ends_is_told_or_unknown() {
    for (answer, ends) in [
        (token(), Some("2027-11-20")),
        (reply(200, r#"{"id": 1, "scopes": ["api"], "expires_at": null}"#), None),
        (reply(200, r#"{"expires_at": "2027-11-20T00:00:00.000Z"}"#), Some("2027-11-20")),
        (missing(), None),
        (refused(), None),
        (reply(400, "{}"), None),
    ] {
        let (gitlab, _script) = scripted([answer]).await;
        let told = gitlab.credential_ends().await.unwrap();
        assert_eq!(told, ends.map(|day| day.parse().unwrap()));
    }
    for failure in [reply(401, "{}"), reply(500, "{}")] {
        let (gitlab, _script) = scripted([failure]).await;
        assert!(gitlab.credential_ends().await.is_err());
    }
}

#[tokio::test]
async fn a_project_is_seen_and_our_role_there_told() {
    assert_eq!(grades(project_seven(), [project(), member(20)]).await, [Good]);
    assert_eq!(grades(project_seven(), [project(), member(15)]).await, [Good]);
    assert_eq!(grades(project_seven(), [project(), member(10)]).await, [Bad]);
    assert_eq!(grades(project_seven(), [project(), member(25)]).await, [Bad]);
    assert_eq!(grades(project_seven(), [project(), missing()]).await, [Bad]);
    assert_eq!(grades(project_seven(), [missing()]).await, [Bad]);
    let archived = r#"{"id": 7, "path_with_namespace": "a/b", "archived": true}"#;
    assert_eq!(grades(project_seven(), [reply(200, archived), member(30)]).await, [Bad, Good]);
}

#[tokio::test]
async fn a_maintainer_is_shown_the_webhooks_unless_they_are_refused() {
    let hook = json!({
        "url": "https://inn.example/webhooks/gitlab", "issues_events": true, "note_events": true,
        "confidential_issues_events": true, "confidential_note_events": true,
        "alert_status": "disabled",
    });
    let hooks = reply_json(200, &json!([hook]));
    assert_eq!(grades(project_seven(), [project(), member(40), hooks]).await, [Good, Bad]);
    assert_eq!(grades(project_seven(), [project(), member(40), refused()]).await, [Good]);
    assert_eq!(
        grades(project_seven(), [project(), member(50), reply(200, "[]")]).await,
        [Good, Doubtful]
    );
}

#[tokio::test]
async fn a_group_is_reached_and_its_projects_counted() {
    let group = || Wanted { groups: vec!["tpo/tpa".to_owned()], ..Wanted::default() };
    let listed = || {
        reply(
            200,
            r#"[{"id": 7, "path_with_namespace": "tpo/tpa/team"},
                {"id": 8, "path_with_namespace": "tpo/tpa/old", "archived": true}]"#,
        )
    };
    let told = findings(group(), [listed(), member(20)]).await;
    assert_eq!(told[0].1, "There is one project with issues in group tpo/tpa.");
    assert_eq!(told[1].0, Good);
    assert_eq!(grades(group(), [reply(200, "[]"), missing()]).await, [Doubtful, Bad]);
    assert_eq!(grades(group(), [missing()]).await, [Bad]);
}

#[tokio::test]
async fn the_projects_of_a_group_are_listed_without_archived_and_shared_ones() {
    let listed = json!([{"id": 7, "path_with_namespace": "tpo/tpa/team", "marked_for_deletion_on": null},
                        {"id": 9, "path_with_namespace": "tpo/gone", "marked_for_deletion_on": "2026-11-01"}]);
    let (gitlab, script) = scripted([reply_json(200, &listed), missing()]).await;
    let projects = gitlab.projects_of("tpo/tpa").await.unwrap();
    let paths: Vec<_> = projects.iter().map(|one| (one.id.0, one.path.as_str())).collect();
    assert_eq!(paths, [(7, "tpo/tpa/team")]);
    let line = &script.lines()[0];
    assert!(line.starts_with("GET /gitlab/api/v4/groups/tpo%2Ftpa/projects?"), "{line}");
    for part in ["include_subgroups=true", "with_shared=false", "archived=false"] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    let error = gitlab.projects_of("tpo/tpa").await.unwrap_err();
    assert!(error.advice.unwrap().contains("correct the path of group `tpo/tpa`"));
}

#[tokio::test]
async fn those_who_decide_are_found_and_counted() {
    let row = |id: u64, username: &str, level: u64| -> Value {
        json!({"id": id, "username": username, "state": "active", "access_level": level})
    };
    let members = |rows: Vec<Value>| reply_json(200, &Value::from(rows));
    let told = findings(
        decided_by("group:tpo/tpa"),
        [members(vec![
            row(1, "alice", 40),
            row(1, "alice", 30),
            row(2, "bob", 30),
            row(3, "carol", 20),
            row(4, "project_7_bot_2f", 40),
            json!({"id": 5, "username": "dan", "state": "blocked", "access_level": 50}),
        ])],
    )
    .await;
    assert_eq!(told, [(Good, "2 people decide as `group:tpo/tpa`.".to_owned())]);
    let nobody = vec![row(3, "carol", 20)];
    assert_eq!(grades(decided_by("project:tpo/team"), [members(nobody)]).await, [Bad]);
    assert_eq!(grades(decided_by("group:tpo/typo"), [missing()]).await, [Bad]);

    let alice = || reply(200, r#"{"id": 1, "username": "alice", "state": "active"}"#);
    let listed = || reply(200, r#"[{"id": 1, "username": "alice", "state": "active"}]"#);
    assert_eq!(grades(decided_by("user:alice"), [listed(), alice()]).await, [Good]);
    assert_eq!(grades(decided_by("user:alice"), [reply(200, "[]")]).await, [Doubtful]);
    let blocked = reply(200, r#"{"id": 1, "username": "alice", "state": "blocked"}"#);
    assert_eq!(grades(decided_by("user:alice"), [listed(), blocked]).await, [Doubtful]);
}
