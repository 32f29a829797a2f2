//! HTTP as RAPI speaks it, and no better: what it would not answer is an error
//! of the test.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use url::Url;

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Without query.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Value,
    pub(crate) user: String,
}

impl Asked {
    pub(crate) fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path == path
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn changes(&self) -> bool {
        self.method != "GET" && !self.path.starts_with("/2/query/")
    }
}

/// What becomes of it.
pub(crate) enum Answer {
    Json(u16, Value),
    Nothing,
    After(Duration, Value),
}

pub(crate) fn refusal(status: u16, message: &str) -> Answer {
    Answer::Json(status, json!({"code": status, "message": message, "explain": ""}))
}

/// Answers one request, as RAPI does before it closes the connection.
pub(crate) async fn serve(mut stream: TcpStream, answer: impl FnOnce(&Asked) -> Answer) {
    let Some(asked) = read(&mut stream).await else { return };
    let (status, body) = match answer(&asked) {
        Answer::Json(status, body) => (status, body),
        Answer::Nothing => return,
        Answer::After(time, body) => {
            tokio::time::sleep(time).await;
            (200, body)
        }
    };
    let body = body.to_string();
    let answer = format!(
        "HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Server: Ganeti 3.0.2\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    drop(stream.write_all(answer.as_bytes()).await);
}

/// Reads one request, and does not answer what RAPI would not.
async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let header = |name: &str| {
        head.lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
    };
    assert_eq!(header("transfer-encoding"), None, "RAPI closes the connection");
    let length: usize = header("content-length").map_or(0, |length| length.parse().unwrap());
    while bytes.len() < end + 4 + length {
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the body is too short");
    }
    let body = &bytes[end + 4..];
    assert!(body.is_ascii(), "RAPI would never answer");
    let body = if body.is_empty() {
        Value::Null
    } else {
        assert_eq!(header("content-type").as_deref(), Some("application/json"));
        serde_json::from_slice(body).unwrap()
    };
    let user = header("authorization")?;
    let user = BASE64_STANDARD.decode(user.strip_prefix("Basic ").unwrap()).unwrap();
    let mut first = head.lines().next().unwrap().split(' ');
    let method = first.next().unwrap().to_owned();
    let url = Url::parse(&format!("http://rapi{}", first.next().unwrap())).unwrap();
    Some(Asked {
        method,
        path: url.path().to_owned(),
        query: url.query_pairs().into_owned().collect(),
        body,
        user: String::from_utf8(user).unwrap(),
    })
}
