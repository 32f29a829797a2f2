//! What GitHub's hooks say.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::github::{file, github_with, github_world};
use super::webhooks::Receiver;
use super::*;
use crate::rehearsal::{Answer, Hook};

async fn hooked() -> (Rehearsal, Receiver) {
    let receiver = Receiver::start().await;
    let hook = Hook::new(7, &receiver.url).secret_token("s3cret");
    (github_with(github_world().hook(hook)).await, receiver)
}

fn events(receiver: &Receiver) -> Vec<String> {
    let got = receiver.got.lock().unwrap();
    got.iter()
        .map(|(headers, body)| {
            let body: Value = serde_json::from_str(body).unwrap();
            let action = body["action"].as_str().unwrap_or("-");
            format!("{} {action}", headers["x-github-event"].to_str().unwrap())
        })
        .collect()
}

#[tokio::test]
async fn what_happens_is_told_piece_by_piece() {
    let (github, receiver) = hooked().await;
    let key = file(&github);
    let id = github.comment("bob", key, "hello").unwrap().unwrap();
    github.edit_note("bob", key, id, "hello!").unwrap();
    github.set_labels("bob", key, &["x"]).unwrap();
    github.edit_description("alice", key, "Thank you.").unwrap();
    github.close("bob", key).unwrap();
    github.reopen("bob", key).unwrap();
    github.award("bob", key, None, "eyes").unwrap();
    github.delete_note("bob", key, id).unwrap();
    github.add_project(9, "tpo/attic");
    github.move_issue("carol", key, "tpo/attic").unwrap();
    github.settle().await;
    assert_eq!(
        events(&receiver),
        [
            "issues opened",
            "issues labeled",
            "issue_comment created",
            "issue_comment edited",
            "issues labeled",
            "issues unlabeled",
            "issues edited",
            "issues closed",
            "issues reopened",
            "issue_comment deleted",
            "issues transferred",
        ]
    );
    assert_eq!(receiver.body(1)["label"]["name"], "sandbox");
    assert_eq!(receiver.body(3)["changes"]["body"]["from"], "hello");
    assert_eq!(receiver.body(6)["changes"], json!({ "body": { "from": "Please." } }));
    assert_eq!(receiver.body(7)["issue"]["state"], "closed");
    assert_eq!(receiver.body(10)["changes"]["new_repository"]["id"], 9);
    for index in 0..11 {
        let body = receiver.body(index);
        assert_eq!((&body["repository"]["id"], &body["issue"]["number"]), (&json!(7), &json!(1)));
        assert!(body["sender"]["login"].is_string(), "{body}");
    }
}

#[tokio::test]
async fn a_delivery_is_signed_and_keeps_its_number_when_sent_again() {
    let (github, receiver) = hooked().await;
    file(&github);
    github.settle().await;
    let headers = receiver.headers(0);
    let (_, body) = receiver.got.lock().unwrap()[0].clone();
    let mut mac = Hmac::<Sha256>::new_from_slice(b"s3cret").unwrap();
    mac.update(body.as_bytes());
    let sum: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    assert_eq!(headers["x-hub-signature-256"], format!("sha256={sum}"));
    assert!(!headers.contains_key("x-gitlab-token"));
    github.resend(0).unwrap();
    github.settle().await;
    assert_eq!(receiver.headers(2)["x-github-delivery"], headers["x-github-delivery"]);
    assert_ne!(receiver.headers(1)["x-github-delivery"], headers["x-github-delivery"]);
}

#[tokio::test]
async fn a_new_hook_is_greeted_and_one_that_fails_is_not_left_alone() {
    let (github, receiver) = hooked().await;
    github.add_hook(&Hook::new(7, &receiver.url));
    github.settle().await;
    assert_eq!(events(&receiver), ["ping -"]);
    assert_eq!(receiver.body(0)["repository"]["id"], 7);
    receiver.answer(500);
    for _ in 0..6 {
        file(&github);
    }
    github.settle().await;
    let deliveries = github.webhook_deliveries();
    let failed =
        |one: &&crate::rehearsal::Delivery| matches!(one.answer, Answer::Status { code: 500, .. });
    assert_eq!(deliveries.iter().filter(failed).count(), deliveries.len() - 1);
}
