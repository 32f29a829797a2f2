//! A server that gives prepared answers, one a request, and remembers what it
//! was asked. What every request is preceded by is answered by itself.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Response, Uri},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: Method,
    pub(super) uri: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
    /// Whether it was one of those that are answered by themselves.
    pub(super) standing: bool,
}

impl Seen {
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.uri)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub(super) enum Answer {
    Reply(Response<Body>),
    Silence,
}

#[derive(Clone)]
pub(super) struct Script {
    pub(super) url: Url,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    standing: Arc<Mutex<BTreeMap<String, Value>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Script {
    pub(super) async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Self {
            url: Url::parse(&format!("http://{address}/api/v3/")).unwrap(),
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            standing: Arc::default(),
            seen: Arc::default(),
        };
        script.stand("GET /api/v3/repos/acme/infra", json!({"id": 7, "full_name": "acme/infra"}));
        let unedited = json!({"lastEditedAt": null});
        script.stand("POST /api/graphql", json!({"data": {"repository": {"issue": unedited}}}));
        let router = Router::new().fallback(play).with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        script
    }

    pub(super) fn add(&self, answer: Answer) {
        self.answers.lock().unwrap().push_back(answer);
    }

    /// Answers such a request always the same.
    pub(super) fn stand(&self, line: &str, body: Value) {
        self.standing.lock().unwrap().insert(line.to_owned(), body);
    }

    /// Takes such a request's answer from the prepared ones.
    pub(super) fn unstand(&self, line: &str) {
        self.standing.lock().unwrap().remove(line);
    }

    pub(super) fn all(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.all().into_iter().filter(|seen| !seen.standing).collect()
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
    let line = format!("{method} {uri}");
    let standing = script.standing.lock().unwrap().get(&line).cloned();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let uri = uri.to_string();
    let seen = Seen { method, uri, headers, body, standing: standing.is_some() };
    script.seen.lock().unwrap().push(seen);
    if let Some(body) = standing {
        return Response::new(Body::from(body.to_string()));
    }
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

pub(super) fn reply_with(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Answer::Reply(response.body(Body::from(body.to_owned())).unwrap())
}

/// A page of a list, and the link to the next one on the same server.
pub(super) fn page(script: &Script, next: Option<&str>, body: &Value) -> Answer {
    let link = next.map(|next| format!("<{}{next}>; rel=\"next\"", script.url));
    let headers: Vec<_> = link.iter().map(|link| ("link", link.as_str())).collect();
    reply_with(200, &headers, &body.to_string())
}
