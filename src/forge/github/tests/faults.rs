//! Every way a request can go wrong.

use std::sync::atomic::Ordering::Relaxed;

use tokio::{io::AsyncWriteExt as _, net::TcpListener};

use super::*;
use crate::ports::forge::Audience;

/// What can be answered, and what that means.
fn faults() -> Vec<(Answer, Verdict)> {
    let retry = |seconds: Option<u64>| Verdict::Retry { after: seconds.map(Duration::from_secs) };
    let page = "<html><body>502 Bad Gateway</body></html>";
    let invalid = r#"{"message":"Validation Failed","errors":[{"field":"body","code":"missing"}]}"#;
    let secondary = r#"{"message":"You have exceeded a secondary rate limit."}"#;
    let noon = ("date", "Sat, 21 Nov 2026 11:00:00 GMT");
    let used_up = ("x-ratelimit-remaining", "0");
    let reset = ("x-ratelimit-reset", "1795259400");
    vec![
        (reply(401, r#"{"message":"Bad credentials"}"#), Verdict::GiveUp),
        (reply(403, r#"{"message":"Must have admin rights"}"#), Verdict::GiveUp),
        (reply_with(403, &[noon, used_up, reset], "{}"), retry(Some(600))),
        (reply_with(403, &[("retry-after", "17")], secondary), retry(Some(17))),
        (reply(403, secondary), retry(Some(60))),
        (reply(404, r#"{"message":"Not Found"}"#), Verdict::Missing),
        (reply(404, "<html>no such page</html>"), Verdict::Missing),
        (reply(409, "{}"), Verdict::GiveUp),
        (reply(410, r#"{"message":"This issue was deleted"}"#), Verdict::Missing),
        (reply(422, invalid), Verdict::GiveUp),
        (reply_with(429, &[("retry-after", "99999999999")], "{}"), retry(Some(3600))),
        (reply(429, "{}"), retry(Some(60))),
        (reply(500, r#"{"message":"Server Error"}"#), retry(None)),
        (reply(502, page), retry(None)),
        (reply_with(503, &[("retry-after", "30")], page), retry(Some(30))),
        (reply(200, page), retry(None)),
        (reply(200, r#"{"id": 900, "number": 3, "title": "A san"#), retry(None)),
        (reply(200, r#"{"surprise": true}"#), retry(None)),
    ]
}

#[tokio::test]
async fn every_bad_answer_has_its_verdict() {
    for (number, (answer, expected)) in faults().into_iter().enumerate() {
        let (github, script) = scripted([answer]).await;
        let error = github.issue(&issue()).await.unwrap_err();
        assert_eq!(error.verdict, expected, "row {number}: {}", error.chain());
        assert_eq!(error.to_string(), "could not read github:7#3");
        assert_eq!(script.seen().len(), 1, "retrying is the engine's");
        assert!(!format!("{error:?} {}", error.chain()).contains("ghp_secret"));
    }
}

#[tokio::test]
async fn a_write_is_sent_once_whatever_is_answered() {
    for (number, (answer, expected)) in faults().into_iter().enumerate() {
        let (github, script) = scripted([answer]).await;
        let error = github.post_note(&issue(), &text("Hello"), Audience::Everyone).await;
        let error = error
            .map(drop)
            .or_else(|error| if error.verdict == expected { Ok(()) } else { Err(error.chain()) });
        assert_eq!(error, Ok(()), "row {number}");
        assert_eq!(script.lines(), [format!("POST {INFRA}/issues/3/comments")]);
    }
}

#[tokio::test]
async fn what_github_found_wrong_is_shown() {
    let invalid = r#"{"message":"Validation Failed",
        "errors":[{"resource":"Issue","field":"body","code":"custom","message":"is too long"}]}"#;
    let (github, _script) = scripted([reply(422, invalid)]).await;
    let error = github.post_note(&issue(), &text("Hello"), Audience::Everyone).await.unwrap_err();
    assert_eq!(
        error.chain(),
        "could not post a comment on github:7#3: the answer was 422 Unprocessable Entity \
         Validation Failed (`body`: is too long)"
    );
}

#[tokio::test]
async fn a_server_that_hangs_resets_or_stops_in_the_middle_is_asked_again_later() {
    let script = Script::start([Answer::Silence]).await;
    let brief = Duration::from_millis(200);
    let settings_at = |url| GitHubSettings { timeout: brief, ..settings(url) };
    let github = github_with(settings_at(script.url.clone()), noon());
    let error = github.post_note(&issue(), &text("Hello"), Audience::Everyone).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Retry { after: None });
    assert_eq!(error.to_string(), "could not post a comment on github:7#3");
    assert_eq!(script.seen().len(), 1);

    let begun = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"id\": 1";
    for (answer, then_hang) in [("", false), (begun, false), (begun, true)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut connection, _)) = listener.accept().await {
                let _ = connection.write_all(answer.as_bytes()).await;
                if then_hang {
                    open.push(connection);
                }
            }
        });
        let github = github_with(settings_at(Url::parse(&url).unwrap()), noon());
        let error = github.own_account().await.unwrap_err();
        assert_eq!(error.verdict, Verdict::Retry { after: None }, "{}", error.chain());
    }
}

#[tokio::test]
async fn nobody_listening_is_asked_again_later_and_says_what_to_check() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = github_at(Url::parse(&url).unwrap()).own_account().await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Retry { after: None });
    assert!(error.advice.as_ref().unwrap().contains("check the address of forge `github`"));
    assert!(!error.chain().contains("ghp_secret"));
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let (github, _script) = scripted([reply(200, vec![b' '; 33 * 1024 * 1024])]).await;
    let error = github.issue(&issue()).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::GiveUp);
    assert!(error.chain().contains("too large"), "{}", error.chain());
}

#[tokio::test]
async fn requests_are_counted_by_what_became_of_them() {
    let me = user(9, "innkeeper").to_string();
    let limited = r#"{"message":"You have exceeded a secondary rate limit."}"#;
    let (github, _script) =
        scripted([reply(200, me), reply(500, "{}"), reply(403, limited), reply(403, "{}")]).await;
    assert_eq!(github.own_account().await.unwrap(), person(9, "innkeeper"));
    for _ in 0..3 {
        assert!(github.own_account().await.is_err());
    }
    let traffic = github.traffic();
    let counts = [&traffic.answered, &traffic.refused, &traffic.limited, &traffic.failed];
    assert_eq!(counts.map(|count| count.load(Relaxed)), [1, 2, 1, 0]);
}
