//! Where requests go: redirects, next pages, and nowhere else.

use serde_json::{Value, json};

use super::{
    at, issue, issue_json,
    script::{reply, reply_json, reply_with},
    scripted, text,
};
use crate::{
    identity::ProjectId,
    ports::{
        Verdict,
        forge::{Audience, Forge as _, IssueUpdate},
    },
};
use std::time::Duration;

#[tokio::test]
async fn reads_follow_redirects_on_the_same_origin_and_nobody_else_sees_the_token() {
    let (gitlab, script) = scripted([
        reply_with(301, "Location", "/gitlab/api/v4/projects/8/issues/3", ""),
        reply_json(200, &issue_json()),
    ])
    .await;
    assert_eq!(gitlab.issue(&issue()).await.unwrap().reference, issue());
    assert_eq!(
        script.lines(),
        ["GET /gitlab/api/v4/projects/7/issues/3", "GET /gitlab/api/v4/projects/8/issues/3"]
    );

    let (_, stranger) = scripted([reply_json(200, &issue_json())]).await;
    script.add(reply_with(302, "Location", stranger.url.as_str(), ""));
    let error = gitlab.issue(&issue()).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::GiveUp);
    assert!(error.advice.unwrap().contains("configure the address GitLab itself answers at"));
    assert_eq!(stranger.lines(), [""; 0]);
}

#[tokio::test]
async fn writes_follow_no_redirect_and_circles_end() {
    let here = "/gitlab/api/v4/projects/8/issues/3/notes";
    let (gitlab, script) = scripted([reply_with(301, "Location", here, "")]).await;
    let error = gitlab.post_note(&issue(), &text("Hello"), Audience::Everyone).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::GiveUp);
    assert_eq!(script.seen().len(), 1);

    for _ in 0..20 {
        script.add(reply_with(302, "Location", here, ""));
    }
    assert_eq!(gitlab.issue(&issue()).await.unwrap_err().verdict, Verdict::GiveUp);
    assert_eq!(script.seen().len(), 7);
}

#[tokio::test]
async fn a_page_that_fails_fails_the_whole_discussion() {
    let (gitlab, script) = scripted([
        reply_with(200, "X-Next-Page", "2", "[]"),
        reply_with(429, "Retry-After", "5", "Retry later"),
    ])
    .await;
    let error = gitlab.discussion(&issue()).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Retry { after: Some(Duration::from_secs(5)) });

    let foreign = "<http://127.0.0.1:1/notes?page=2>; rel=\"next\"";
    script.add(reply_with(200, "Link", foreign, "[]"));
    assert_eq!(gitlab.discussion(&issue()).await.unwrap_err().verdict, Verdict::GiveUp);
}

#[tokio::test]
async fn a_poll_asks_again_from_the_last_change_and_counts_pages_only_within_one_moment() {
    let changed = |iid: u64, time: &str| json!({"iid": iid, "updated_at": time});
    let more =
        |next: &str, issues: &Value| reply_with(200, "X-Next-Page", next, &issues.to_string());
    let (early, late) = ("2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z");
    let (gitlab, script) = scripted([
        more("2", &json!([changed(1, early), changed(2, late)])),
        more("2", &json!([changed(2, late), changed(3, late)])),
        more("", &json!([changed(1, "2026-11-20T12:00:00Z")])),
    ])
    .await;
    let changed = gitlab.issues_updated_since(ProjectId(7), at(early)).await.unwrap();
    let numbers: Vec<_> = changed.iter().map(|issue| issue.reference.number.0).collect();
    assert_eq!(numbers, [2, 3, 1], "an issue that changed again is listed once, as last changed");
    let pages: Vec<_> = script
        .lines()
        .iter()
        .map(|line| (line.contains("updated_after=2026-11-20T11"), line.ends_with("page=2")))
        .collect();
    assert_eq!(pages, [(false, false), (true, false), (true, true)]);
    assert!(script.lines()[0].contains("order_by=updated_at&sort=asc&per_page=100"));
}

#[tokio::test]
async fn a_redirect_that_leaves_the_origin_in_any_way_is_not_followed() {
    let (gitlab, script) = scripted([]).await;
    let host = script.url.host_str().unwrap().to_owned();
    let port = script.url.port().unwrap();
    let here = format!("{host}:{port}");
    for target in [
        format!("https://{here}/gitlab/api/v4/projects/8"),
        format!("http://{host}/gitlab/api/v4/projects/8"),
        format!("http://{host}:{}/gitlab/api/v4/projects/8", port ^ 1),
        format!("http://localhost:{port}/gitlab/api/v4/projects/8"),
        format!("http://{here}.evil.example/"),
        format!("http://{here}@evil.example/"),
        format!("http://me:pw@{here}/gitlab/api/v4/projects/8"),
        format!("//evil.example:{port}/projects/8"),
        format!("\\\\evil.example/{here}"),
        "ftp://evil.example/".to_owned(),
        "data:application/json,{}".to_owned(),
        "file:///etc/passwd".to_owned(),
        "http://[".to_owned(),
    ] {
        script.add(reply_with(301, "Location", &target, ""));
        let before = script.seen().len();
        let error = gitlab.issue(&issue()).await.unwrap_err();
        assert_eq!(error.verdict, Verdict::GiveUp, "{target}");
        assert_eq!(script.seen().len(), before + 1, "{target}");
        assert!(!error.chain().contains("/etc/passwd"), "{}", error.chain());
    }
    script.add(reply(302, ""));
    assert_eq!(gitlab.issue(&issue()).await.unwrap_err().verdict, Verdict::GiveUp);
}

#[tokio::test]
async fn a_redirect_may_be_relative() {
    for (target, path) in [
        ("/gitlab/api/v4/projects/8/issues/3", "/gitlab/api/v4/projects/8/issues/3"),
        ("../../8/issues/3", "/gitlab/api/v4/projects/8/issues/3"),
        ("?page=1", "/gitlab/api/v4/projects/7/issues/3?page=1"),
    ] {
        let (gitlab, script) =
            scripted([reply_with(307, "Location", target, ""), reply_json(200, &issue_json())])
                .await;
        gitlab.issue(&issue()).await.unwrap();
        assert_eq!(script.lines()[1], format!("GET {path}"), "{target}");
    }
}

#[tokio::test]
async fn a_change_in_a_project_that_moved_is_refused_and_not_turned_into_a_read() {
    let close = IssueUpdate { open: Some(false), ..IssueUpdate::default() };
    let there = "/gitlab/api/v4/projects/8/issues/3";
    for status in [301, 302, 303, 307, 308] {
        let (gitlab, script) = scripted([reply_with(status, "Location", there, "")]).await;
        let error = gitlab.update_issue(&issue(), &close).await.unwrap_err();
        assert_eq!(error.verdict, Verdict::GiveUp, "{status}");
        assert_eq!(script.lines(), ["PUT /gitlab/api/v4/projects/7/issues/3"]);
    }
    // What GitLab itself says to a change under a former path.
    let said = r#"{"message":"405 Non GET methods are not allowed for moved projects"}"#;
    let (gitlab, _script) = scripted([reply(405, said)]).await;
    let error = gitlab.update_issue(&issue(), &close).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::GiveUp);
}

#[tokio::test]
async fn beyond_ten_thousand_rows_the_list_goes_on_without_totals() {
    let link = |page: u32| {
        format!(
            "</gitlab/api/v4/projects/7/issues/3/notes?page={page}&per_page=100>; rel=\"next\", \
             </gitlab/api/v4/projects/7/issues/3/notes?page=1&per_page=100>; rel=\"first\""
        )
    };
    let first = "</gitlab/api/v4/projects/7/issues/3/notes?page=1>; rel=\"first\"";
    let (gitlab, script) = scripted([
        reply_with(200, "Link", &link(2), "[]"),
        reply_with(200, "Link", &link(3), "[]"),
        reply_with(200, "Link", first, "[]"),
    ])
    .await;
    assert!(gitlab.discussion(&issue()).await.unwrap().notes.is_empty());
    assert_eq!(script.seen().len(), 3);
}
