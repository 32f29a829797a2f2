use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::*;
use crate::rehearsal::{Answer, Hook};

/// Takes webhooks and answers with the status it was told.
pub(super) struct Receiver {
    pub(super) url: String,
    pub(super) got: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    status: Arc<Mutex<u16>>,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let got: Arc<Mutex<Vec<(HeaderMap, String)>>> = Arc::default();
        let status = Arc::new(Mutex::new(200));
        let (kept, answer) = (Arc::clone(&got), Arc::clone(&status));
        let take = move |headers: HeaderMap, body: String| async move {
            kept.lock().unwrap().push((headers, body));
            StatusCode::from_u16(*answer.lock().unwrap()).unwrap()
        };
        let router = Router::new().route("/hook", post(take));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, got, status }
    }

    pub(super) fn headers(&self, index: usize) -> HeaderMap {
        self.got.lock().unwrap()[index].0.clone()
    }

    pub(super) fn body(&self, index: usize) -> Value {
        serde_json::from_str(&self.got.lock().unwrap()[index].1).unwrap()
    }

    /// What came: the event's name and action.
    fn events(&self) -> Vec<String> {
        let got = self.got.lock().unwrap();
        got.iter()
            .map(|(headers, body)| {
                let body: Value = serde_json::from_str(body).unwrap();
                let action = body["object_attributes"]["action"].as_str().unwrap();
                format!("{} {action}", headers["x-gitlab-event"].to_str().unwrap())
            })
            .collect()
    }

    pub(super) fn answer(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }
}

async fn hooked(clock: Arc<MovedClock>) -> (Rehearsal, Receiver) {
    let receiver = Receiver::start().await;
    let key = STANDARD.encode("0123456789abcdef");
    let hook =
        Hook::new(7, &receiver.url).secret_token("s3cret").signing_token(&format!("whsec_{key}"));
    (start(world().hook(hook), clock, Options::default()).await, receiver)
}

#[tokio::test]
async fn what_happens_is_told_in_order() {
    let (gitlab, receiver) = hooked(clock()).await;
    let key = filed(&gitlab);
    let id = gitlab.comment("bob", key, "hello").unwrap().unwrap();
    gitlab.edit_note("bob", key, id, "hello!").unwrap();
    gitlab.set_labels("bob", key, &["x"]).unwrap();
    gitlab.close("bob", key).unwrap();
    gitlab.reopen("bob", key).unwrap();
    gitlab.set_confidential("bob", key, true).unwrap();
    gitlab.comment("bob", key, "psst").unwrap();
    gitlab.award("bob", key, None, "eyes").unwrap();
    gitlab.settle().await;
    assert_eq!(
        receiver.events(),
        [
            "Issue Hook open",
            "Note Hook create",
            "Note Hook update",
            "Issue Hook update",
            "Issue Hook close",
            "Issue Hook reopen",
            "Confidential Issue Hook update",
            "Confidential Note Hook create",
            "Emoji Hook award",
        ]
    );
    let labelled = receiver.body(3);
    assert_eq!(labelled["changes"]["labels"]["previous"], json!([]));
    assert_eq!(labelled["changes"]["labels"]["current"][0]["title"], "x");
    assert_eq!(receiver.body(4)["changes"]["state_id"], json!({ "previous": 1, "current": 2 }));
    assert_eq!(receiver.body(1)["issue"]["iid"], 1);
    assert_eq!(receiver.body(1)["user"]["id"], BOB);
}

#[tokio::test]
async fn a_delivery_carries_its_headers_and_a_signature_that_holds() {
    let (gitlab, receiver) = hooked(clock()).await;
    filed(&gitlab);
    gitlab.settle().await;
    let headers = receiver.headers(0);
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!(text("x-gitlab-token"), "s3cret");
    assert_eq!(text("x-gitlab-instance"), gitlab.base_url());
    assert_eq!(text("webhook-id"), text("idempotency-key"));
    assert_eq!(text("webhook-timestamp"), "1772442000");
    let (_, body) = receiver.got.lock().unwrap()[0].clone();
    let signed = format!("{}.{}.{body}", text("webhook-id"), text("webhook-timestamp"));
    let mut mac = Hmac::<Sha256>::new_from_slice(b"0123456789abcdef").unwrap();
    mac.update(signed.as_bytes());
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    assert_eq!(text("webhook-signature"), expected);

    gitlab.resend(0).unwrap();
    gitlab.settle().await;
    assert_eq!(receiver.headers(1)["idempotency-key"], headers["idempotency-key"]);
    assert_eq!(receiver.body(1), receiver.body(0));
    assert!(gitlab.resend(99).is_err());
}

#[tokio::test]
async fn lost_webhooks_leave_no_trace_but_the_thing_itself() {
    let (gitlab, receiver) = hooked(clock()).await;
    gitlab.webhooks(false);
    let key = filed(&gitlab);
    gitlab.webhooks(true);
    gitlab.comment("bob", key, "hello").unwrap();
    gitlab.settle().await;
    assert_eq!(receiver.events(), ["Note Hook create"]);
}

#[tokio::test]
async fn a_hook_that_keeps_failing_is_left_alone_for_a_while() {
    let clock = clock();
    let (gitlab, receiver) = hooked(clock.clone()).await;
    receiver.answer(500);
    let key = filed(&gitlab);
    for _ in 0..5 {
        gitlab.comment("bob", key, "hello").unwrap();
        gitlab.settle().await;
    }
    let answers: Vec<Answer> =
        gitlab.webhook_deliveries().into_iter().map(|one| one.answer).collect();
    assert_eq!(
        answers.iter().filter(|one| matches!(one, Answer::Status { code: 500, .. })).count(),
        4
    );
    assert_eq!(answers[5], Answer::Dropped("the hook is disabled for a while"));
    receiver.answer(200);
    clock.advance(TimeDelta::seconds(61));
    gitlab.comment("bob", key, "hello").unwrap();
    gitlab.settle().await;
    assert!(gitlab.webhook_deliveries()[6].answer.is_success());
}

#[tokio::test]
async fn a_hook_is_not_set_off_again_by_what_follows_from_it() {
    let (gitlab, receiver) = hooked(clock()).await;
    let key = filed(&gitlab);
    gitlab.settle().await;
    let chain = receiver.headers(0)["x-gitlab-event-uuid"].clone();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/api/v4/projects/7/issues/{}/notes", gitlab.base_url(), key.iid);
    let request = client.post(url).header("PRIVATE-TOKEN", "bot-token");
    let request = request.header("X-Gitlab-Event-UUID", chain).body("body=hello");
    assert_eq!(request.send().await.unwrap().status(), 201);
    note(&gitlab, "bot", key, "again").await;
    gitlab.settle().await;
    assert_eq!(receiver.events(), ["Issue Hook open", "Note Hook create"]);
    assert_eq!(receiver.body(1)["object_attributes"]["note"], "again");
}

#[tokio::test]
async fn a_receiver_that_is_away_is_a_failure() {
    let hook = Hook::new(7, "http://127.0.0.1:1/hook");
    let gitlab = start(world().hook(hook), clock(), Options::default()).await;
    filed(&gitlab);
    gitlab.settle().await;
    assert!(matches!(gitlab.webhook_deliveries()[0].answer, Answer::Failed(_)));
}

#[tokio::test]
async fn images_are_absolute_in_hooks_only() {
    let (gitlab, receiver) = hooked(clock()).await;
    let text = "![x](/uploads/1.png)";
    let key = gitlab.file_issue("alice", PATH, "Title", text).unwrap();
    gitlab.settle().await;
    let told = receiver.body(0)["object_attributes"]["description"].as_str().unwrap().to_owned();
    assert_eq!(told, format!("![x]({}/{PATH}/uploads/1.png)", gitlab.base_url()));
    assert_eq!(gitlab.issue(key).unwrap().description, text);
}
