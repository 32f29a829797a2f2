//! A record of every exchange at the API, for checks against a forge's own
//! description of it: what was asked, and what this rehearsal answered.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, header, request};
use axum::response::Response;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::faults::BODY_BYTES;

/// Headers that hold a secret: recorded is that they were there.
const CREDENTIALS: [&str; 2] = ["authorization", "private-token"];

/// Appends exchanges to a file, one a line, as JSON. Several rehearsals, in
/// several processes, may share the file: each line is written at once.
pub(super) struct Recorder {
    file: Mutex<File>,
    /// Digests of what was recorded: polls alone would repeat the same
    /// exchange thousands of times.
    known: Mutex<BTreeSet<[u8; 32]>>,
}

/// The half of an exchange that is known before it is answered.
pub(super) struct Asked {
    method: String,
    path: String,
    query: String,
    headers: Value,
    body: String,
}

impl Asked {
    pub(super) fn of(parts: &request::Parts, body: &[u8]) -> Self {
        Self {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: headers(&parts.headers),
            body: String::from_utf8_lossy(body).into_owned(),
        }
    }
}

impl Recorder {
    /// Goes on with the file, or begins it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { file: Mutex::new(file), known: Mutex::default() })
    }

    /// Records an exchange, and hands its answer on.
    pub(super) async fn record(&self, asked: Asked, response: Response) -> Response {
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, BODY_BYTES).await.unwrap_or_default();
        let Asked { method, path, query, headers: sent, body } = asked;
        let mut line = json!({
            "method": method,
            "path": path,
            "query": query,
            "headers": sent,
            "body": body,
            "answer": {
                "status": parts.status.as_u16(),
                "headers": headers(&parts.headers),
                "body": String::from_utf8_lossy(&bytes),
            },
        })
        .to_string();
        let digest = Sha256::digest(&line).into();
        line.push('\n');
        let fresh = self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(digest);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if fresh && let Err(error) = file.write_all(line.as_bytes()) {
            tracing::error!(%error, "an exchange could not be recorded");
        }
        drop(file);
        Response::from_parts(parts, Body::from(bytes))
    }
}

fn headers(headers: &HeaderMap) -> Value {
    let mut shown = Map::new();
    for (name, value) in headers {
        if [header::HOST, header::CONTENT_LENGTH, header::DATE].contains(name) {
            continue;
        }
        let value = if CREDENTIALS.contains(&name.as_str()) {
            "withheld".into()
        } else {
            String::from_utf8_lossy(value.as_bytes())
        };
        shown.insert(name.to_string(), Value::from(value));
    }
    Value::Object(shown)
}
