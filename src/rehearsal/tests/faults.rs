use std::time::Duration;

use super::*;
use crate::rehearsal::{Fault, Trouble};

const NOTES: &str = "/api/v4/projects/*/issues/*/notes";

async fn post(gitlab: &Rehearsal) -> reqwest::Result<reqwest::Response> {
    let body = Some(json!({ "body": "hello" }));
    send(gitlab, "bot", Method::POST, "/projects/7/issues/1/notes", body).await
}

#[tokio::test]
async fn an_answer_can_be_replaced_and_nothing_happens() {
    let gitlab = started().await;
    let key = filed(&gitlab);
    let busy = Trouble::Answer {
        status: 503,
        headers: vec![("retry-after", "7".to_owned())],
        body: "{}".to_owned(),
    };
    gitlab.plan(Fault::on(Method::POST, NOTES, busy).times(2).after(1));
    for status in [201, 503, 503, 201] {
        assert_eq!(post(&gitlab).await.unwrap().status(), status);
    }
    assert_eq!(gitlab.issue(key).unwrap().notes.len(), 2);
    assert_eq!(gitlab.faults_ahead(), 0);

    gitlab.plan(Fault::on_any("*", Trouble::HtmlErrorPage { status: 502 }));
    let page = post(&gitlab).await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html");
    assert!(page.text().await.unwrap().contains("nginx"));
}

#[tokio::test]
async fn a_connection_is_cut_before_or_after_the_effect() {
    let gitlab = started().await;
    let key = filed(&gitlab);
    gitlab.plan(Fault::on(Method::POST, NOTES, Trouble::ResetBefore));
    assert!(post(&gitlab).await.is_err());
    assert_eq!(gitlab.issue(key).unwrap().notes.len(), 0);
    gitlab.plan(Fault::on(Method::POST, NOTES, Trouble::ResetAfter));
    assert!(post(&gitlab).await.is_err());
    assert_eq!(gitlab.issue(key).unwrap().notes.len(), 1);
    let statuses: Vec<Option<u16>> = gitlab.requests().iter().map(|one| one.status).collect();
    assert_eq!(statuses, [None, None]);
}

#[tokio::test]
async fn an_answer_can_arrive_by_half() {
    let gitlab = started().await;
    filed(&gitlab);
    gitlab.plan(Fault::on(Method::POST, NOTES, Trouble::TruncatedJson));
    let answer = post(&gitlab).await.unwrap();
    assert_eq!(answer.status(), 201);
    let text = answer.text().await.unwrap();
    assert!(!text.is_empty());
    assert!(serde_json::from_str::<Value>(&text).is_err());
}

#[tokio::test]
async fn an_answer_can_come_too_late() {
    let gitlab = started().await;
    filed(&gitlab);
    gitlab.plan(Fault::on_any("/api/v4/user", Trouble::Delay(Duration::from_mins(1))));
    let late = tokio::time::timeout(
        Duration::from_millis(50),
        send(&gitlab, "bot", Method::GET, "/user", None),
    );
    assert!(late.await.is_err());
    gitlab.cancel_faults();
    assert_eq!(get(&gitlab, "bot", "/user").await.0, 200);
}

#[tokio::test]
async fn every_request_is_on_record() {
    let gitlab = started().await;
    filed(&gitlab);
    get(&gitlab, "bot", "/projects/tpo%2Ftpa%2Fmachines/issues?state=all").await;
    post(&gitlab).await.unwrap();
    let seen = gitlab.requests();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].path, "/api/v4/projects/tpo%2Ftpa%2Fmachines/issues");
    assert_eq!((seen[0].query.as_str(), seen[0].status), ("state=all", Some(200)));
    assert_eq!((seen[1].body.as_str(), seen[1].status), (r#"{"body":"hello"}"#, Some(201)));
    gitlab.forget_requests();
    assert_eq!(gitlab.requests(), []);
}
