use reqwest::header::{HOST, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Client, Response};

use super::*;
use crate::rehearsal::{Advance, IssueState};

fn browser() -> Client {
    let stay = reqwest::redirect::Policy::none();
    Client::builder().no_proxy().redirect(stay).build().unwrap()
}

async fn open(gitlab: &Rehearsal, user: u64, path: &str) -> (u16, String) {
    let url = format!("{}{path}", gitlab.base_url());
    let request = browser().get(url).header("cookie", format!("a=b; rehearsal_user={user}"));
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn submit(gitlab: &Rehearsal, user: u64, path: &str, fields: &[(&str, &str)]) -> Response {
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    browser()
        .post(format!("{}{path}", gitlab.base_url()))
        .header("cookie", format!("rehearsal_user={user}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header(ORIGIN, gitlab.base_url())
        .body(form)
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn an_issue_is_filed_from_its_template() {
    let gitlab = started().await;
    let (_, front) = open(&gitlab, ALICE, "/").await;
    assert!(front.contains("/tpo/tpa/machines/-/issues/new?issuable_template=Sandbox"), "{front}");
    let new = "/tpo/tpa/machines/-/issues/new?issuable_template=Sandbox&issue%5Btitle%5D=T%22";
    let (status, form) = open(&gitlab, ALICE, new).await;
    assert_eq!(status, 200);
    assert!(form.contains("## Sandbox"), "{form}");
    assert!(form.contains("value=\"T&quot;\""), "{form}");

    let fields = [("title", "Mine"), ("description", "## Sandbox\r\n\r\nfor me")];
    let made = submit(&gitlab, ALICE, "/tpo/tpa/machines/-/issues", &fields).await;
    assert_eq!(made.status(), 303);
    assert_eq!(made.headers()[LOCATION], "/tpo/tpa/machines/-/issues/1");
    let issue = gitlab.issue(IssueKey { project: 7, iid: 1 }).unwrap();
    assert_eq!(issue.author, "alice");
    assert_eq!(issue.description, "## Sandbox\n\nfor me");
}

#[tokio::test]
async fn the_issue_page_offers_what_its_reader_may_do() {
    let gitlab = started().await;
    let key = filed(&gitlab);
    gitlab.remove_member("tpo/tpa", BOB);
    let path = "/tpo/tpa/machines/-/issues/1";
    for (user, edits, labels) in [(ALICE, true, false), (BOB, false, false), (CAROL, true, true)] {
        let (status, page) = open(&gitlab, user, path).await;
        assert_eq!(status, 200);
        assert_eq!(page.contains("Close issue"), edits, "{user}");
        assert_eq!(page.contains("Set labels"), labels, "{user}");
    }
    let deed = |deed: &str| format!("{path}/{deed}");
    assert_eq!(submit(&gitlab, BOB, &deed("state"), &[("event", "close")]).await.status(), 403);
    for (name, field, value) in [
        ("notes", "body", "hello"),
        ("labels", "labels", "a, b"),
        ("due_date", "due_date", "2026-04-01"),
        ("confidential", "confidential", "true"),
        ("state", "event", "close"),
    ] {
        let done = submit(&gitlab, CAROL, &deed(name), &[(field, value)]).await;
        assert_eq!(done.status(), 303, "{name}");
    }
    let issue = gitlab.issue(key).unwrap();
    assert_eq!(issue.state, IssueState::Closed);
    assert_eq!(issue.labels, ["a", "b"]);
    assert_eq!(issue.due_date, Some("2026-04-01".parse().unwrap()));
    assert_eq!(issue.comments_by("carol").count(), 1);
    assert_eq!(open(&gitlab, BOB, path).await.0, 404);
    assert!(!open(&gitlab, BOB, "/").await.1.contains("A sandbox"));
}

#[tokio::test]
async fn what_people_write_is_never_markup_of_the_page() {
    let gitlab = started().await;
    let evil = "<script>alert(1)</script>";
    let key = gitlab.file_issue("alice", PATH, evil, evil).unwrap();
    gitlab.comment("bob", key, &format!("{evil} <img src=x onerror=y>")).unwrap();
    gitlab.set_labels("bob", key, &[evil]).unwrap();
    for path in ["/", "/tpo/tpa/machines/-/issues/1"] {
        let (_, page) = open(&gitlab, ALICE, path).await;
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains("<img"), "{page}");
        assert!(page.contains("&lt;script&gt;"), "{page}");
    }
}

#[tokio::test]
async fn forms_of_other_sites_and_foreign_names_are_refused() {
    let gitlab = started().await;
    filed(&gitlab);
    let url = format!("{}/tpo/tpa/machines/-/issues/1/notes", gitlab.base_url());
    let body = "body=hello";
    let post = || {
        browser().post(&url).body(body).header("content-type", "application/x-www-form-urlencoded")
    };
    for request in [
        post().header(ORIGIN, "http://evil.example"),
        post().header(ORIGIN, "null"),
        post().header("sec-fetch-site", "cross-site"),
        post().header(HOST, "evil.example").header(ORIGIN, "http://evil.example"),
        browser().get(gitlab.base_url()).header(HOST, "evil.example"),
    ] {
        assert_eq!(request.send().await.unwrap().status(), 403);
    }
    assert_eq!(post().send().await.unwrap().status(), 303);
}

#[tokio::test]
async fn whom_one_acts_as_is_remembered() {
    let gitlab = started().await;
    let fields = [("user", "4"), ("back", "/tpo/tpa/machines")];
    let switched = submit(&gitlab, ALICE, "/-/rehearsal/act-as", &fields).await;
    assert_eq!(switched.headers()[LOCATION], "/tpo/tpa/machines");
    let cookie = switched.headers()[SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("rehearsal_user=4;"), "{cookie}");
    let (_, page) = open(&gitlab, CAROL, "/").await;
    assert!(page.contains("<option value=\"4\" selected>"), "{page}");
    for away in ["//evil.example", "https://evil.example", "/\\evil.example"] {
        let fields = [("user", "4"), ("back", away)];
        let switched = submit(&gitlab, ALICE, "/-/rehearsal/act-as", &fields).await;
        assert_eq!(switched.headers()[LOCATION], "/");
    }
}

#[tokio::test]
async fn the_clock_can_be_moved_only_where_there_is_a_button() {
    let gitlab = started().await;
    assert!(!open(&gitlab, ALICE, "/").await.1.contains("ahead a day"));

    let clock = clock();
    let moved = clock.clone();
    let advance: Advance = Arc::new(move |by| {
        moved.advance(by);
        Box::pin(async {})
    });
    let options = Options { advance: Some(advance), ..Options::default() };
    let gitlab = start(world(), clock, options).await;
    let (_, page) = open(&gitlab, ALICE, "/").await;
    assert!(page.contains("2 Mar 2026, 09:00 UTC"), "{page}");
    assert!(page.contains("Move the clock ahead a day"), "{page}");
    submit(&gitlab, ALICE, "/-/rehearsal/advance", &[("back", "/")]).await;
    assert!(open(&gitlab, ALICE, "/").await.1.contains("3 Mar 2026, 09:00 UTC"));
}
