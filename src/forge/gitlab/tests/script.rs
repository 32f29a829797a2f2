//! A server that gives prepared answers, one a request, and remembers what it
//! was asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Response, Uri},
};
use serde_json::Value;
use tokio::net::TcpListener;
use url::Url;

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: Method,
    pub(super) uri: String,
    pub(super) token: Option<String>,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.uri)
    }
}

pub(super) enum Answer {
    Reply(Response<Body>),
    Silence,
}

#[derive(Clone)]
pub(super) struct Script {
    pub(super) url: Url,
    pub(super) answers: Arc<Mutex<VecDeque<Answer>>>,
    pub(super) seen: Arc<Mutex<Vec<Seen>>>,
}

impl Script {
    pub(super) async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Self {
            url: Url::parse(&format!("http://{address}/gitlab")).unwrap(),
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            seen: Arc::default(),
        };
        let router = Router::new().fallback(play).with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        script
    }

    pub(super) fn add(&self, answer: Answer) {
        self.answers.lock().unwrap().push_back(answer);
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(Seen::line).collect()
    }
}

async fn play(
    State(script): State<Script>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let token = headers.get("private-token").map(|value| value.to_str().unwrap().to_owned());
    let body = String::from_utf8(body.to_vec()).unwrap();
    script.seen.lock().unwrap().push(Seen { method, uri: uri.to_string(), token, body });
    let answer = script.answers.lock().unwrap().pop_front();
    match answer {
        Some(Answer::Reply(response)) => response,
        Some(Answer::Silence) => std::future::pending().await,
        None => Response::builder().status(599).body(Body::from("nothing scripted")).unwrap(),
    }
}

pub(super) fn reply(status: u16, body: impl Into<Body>) -> Answer {
    Answer::Reply(Response::builder().status(status).body(body.into()).unwrap())
}

pub(super) fn reply_json(status: u16, body: &Value) -> Answer {
    reply(status, body.to_string())
}

pub(super) fn reply_with(status: u16, name: &str, value: &str, body: &str) -> Answer {
    let response = Response::builder().status(status).header(name, value);
    Answer::Reply(response.body(Body::from(body.to_owned())).unwrap())
}
