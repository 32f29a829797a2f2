//! A forge that knows no issue and remembers what it was asked.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    http::{Method, StatusCode, Uri, header},
};
use tokio::{net::TcpListener, sync::watch};

const BOT: &str = r#"{"id":100,"username":"innkeeper","name":"Innkeeper","state":"active"}"#;

/// What was asked, as `GET /api/v4/...` without the query.
pub(crate) struct Scripted(watch::Receiver<Vec<String>>);

impl Scripted {
    /// Serves until the test ends.
    pub(crate) fn start(listener: TcpListener) -> Self {
        Self::start_without(listener, |_| false)
    }

    /// The same, but what is asked for at these paths is never answered.
    pub(crate) fn start_without(listener: TcpListener, silent: fn(&str) -> bool) -> Self {
        let (send, asked) = watch::channel(Vec::new());
        let send = Arc::new(send);
        let answer = move |method: Method, uri: Uri| {
            let send = Arc::clone(&send);
            async move {
                send.send_modify(|asked| asked.push(format!("{method} {}", uri.path())));
                if silent(uri.path()) {
                    std::future::pending::<()>().await;
                }
                let (status, body) = match uri.path() {
                    "/api/v4/user" => (StatusCode::OK, BOT),
                    path if path.ends_with("/issues") => (StatusCode::OK, "[]"),
                    _ => (StatusCode::NOT_FOUND, r#"{"message":"404 Not found"}"#),
                };
                (status, [(header::CONTENT_TYPE, "application/json")], body)
            }
        };
        let router = Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self(asked)
    }

    /// Whether this was asked.
    pub(crate) fn has_been_asked(&self, request: &str) -> bool {
        self.0.borrow().iter().any(|one| one == request)
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    /// Waits until this was asked.
    pub(crate) async fn was_asked(&self, request: &str) {
        let mut asked = self.0.clone();
        let waiting = asked.wait_for(|asked| asked.iter().any(|one| one == request));
        let result = tokio::time::timeout(Duration::from_secs(20), waiting).await;
        assert!(matches!(result, Ok(Ok(_))), "{request} is not in {:?}", self.0.borrow());
    }
}

/// A listener on a free port, and its address as a URL.
pub(crate) async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}
