//! What changed since we looked.

use super::*;

fn changed(number: u64, time: &str) -> Value {
    json!({"number": number, "updated_at": time})
}

const EARLY: &str = "2026-11-20T10:00:00Z";
const LATE: &str = "2026-11-20T11:00:00Z";

fn query(since: &str) -> String {
    let before = at(since) - TimeDelta::seconds(1);
    let since = before.format("%Y-%m-%dT%H%%3A%M%%3A%SZ");
    format!("GET {INFRA}/issues?state=all&since={since}&sort=updated&direction=asc&per_page=100")
}

async fn numbers(github: &GitHub, since: &str) -> Vec<u64> {
    let changed = github.issues_updated_since(ProjectId(7), at(since)).await.unwrap();
    changed.iter().map(|issue| issue.reference.number.0).collect()
}

#[tokio::test]
async fn a_poll_asks_again_from_the_last_change_and_counts_pages_only_within_one_moment() {
    let (github, script) = scripted([]).await;
    let mut request = changed(9, LATE);
    request["pull_request"] = json!({});
    let next = Some("repositories/7/issues?page=2");
    let before = changed(8, "2026-11-20T09:59:59Z");
    script.add(page(&script, next, &json!([before, changed(1, EARLY), changed(2, LATE), request])));
    script.add(page(&script, next, &json!([changed(2, LATE), changed(3, LATE)])));
    script.add(page(&script, None, &json!([changed(1, "2026-11-20T12:00:00Z")])));
    let found = numbers(&github, "2026-11-20T10:00:00.700Z").await;
    assert_eq!(found, [2, 3, 1], "an issue that changed again is listed once, as last changed");
    let second = "GET /api/v3/repositories/7/issues?page=2";
    assert_eq!(script.lines(), [&query(EARLY), &query(LATE), second]);
}

#[tokio::test]
async fn an_unchanged_list_is_not_sent_again() {
    let etag = |tag: &str, list: &Value| reply_with(200, &[("etag", tag)], &list.to_string());
    let first = json!([changed(1, EARLY), changed(2, LATE)]);
    let (github, script) = scripted([
        etag("\"a\"", &first),
        reply(304, ""),
        reply(304, ""),
        etag("\"b\"", &json!([changed(1, EARLY), changed(3, LATE)])),
        etag("\"c\"", &json!([changed(3, LATE)])),
        reply(304, ""),
    ])
    .await;
    assert_eq!(numbers(&github, EARLY).await, [1, 2]);
    assert_eq!(numbers(&github, EARLY).await, [1, 2]);
    assert_eq!(numbers(&github, LATE).await, [2], "a later moment asks about the same list");
    assert_eq!(numbers(&github, LATE).await, [3]);
    assert_eq!(numbers(&github, LATE).await, [3]);
    assert_eq!(numbers(&github, LATE).await, [3]);
    let asked: Vec<_> = script
        .seen()
        .iter()
        .map(|seen| (seen.line(), seen.header("if-none-match").map(str::to_owned)))
        .collect();
    let tag = |tag: &str| Some(tag.to_owned());
    assert_eq!(
        asked,
        [
            (query(EARLY), None),
            (query(EARLY), tag("\"a\"")),
            (query(EARLY), tag("\"a\"")),
            (query(EARLY), tag("\"a\"")),
            (query(LATE), None),
            (query(LATE), tag("\"c\"")),
        ]
    );
}

#[tokio::test]
async fn an_earlier_moment_than_remembered_and_a_longer_list_are_read_anew() {
    let (github, script) = scripted([]).await;
    script.add(reply_with(200, &[("etag", "\"a\"")], &json!([changed(2, LATE)]).to_string()));
    script.add(page(&script, Some("x?page=2"), &json!([changed(1, EARLY)])));
    script.add(page(&script, None, &json!([changed(2, LATE)])));
    script.add(reply(200, "[]"));
    assert_eq!(numbers(&github, LATE).await, [2]);
    assert_eq!(numbers(&github, EARLY).await, [1, 2]);
    assert_eq!(numbers(&github, LATE).await, [0; 0]);
    assert!(script.seen().iter().all(|seen| seen.header("if-none-match").is_none()));
}

#[tokio::test]
async fn what_is_remembered_is_forgotten_with_the_name() {
    let etag = reply_with(200, &[("etag", "\"a\"")], "[]");
    let clock = noon();
    let script = Script::start([etag, reply(200, "[]")]).await;
    let github = github_with(settings(script.url.clone()), clock.clone());
    assert_eq!(numbers(&github, LATE).await, [0; 0]);
    clock.pass(TimeDelta::hours(1));
    script.stand(&format!("GET {INFRA}"), json!({"id": 7, "full_name": "acme/servers"}));
    assert_eq!(numbers(&github, LATE).await, [0; 0]);
    let last = script.seen()[1].clone();
    assert!(last.uri.starts_with("/api/v3/repos/acme/servers/issues?"), "{}", last.uri);
    assert_eq!(last.header("if-none-match"), None);
}
