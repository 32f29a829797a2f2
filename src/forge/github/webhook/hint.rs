//! Which repository and issue a delivery is about.

use http::{HeaderMap, header::CONTENT_TYPE};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;
use url::form_urlencoded;

use crate::{
    identity::{Digest, IssueNumber, ProjectId},
    ports::intake::About,
};

/// Longer names and keys than GitHub sends are not stored as they are.
const LONGEST_NAME: usize = 100;

/// What a delivery says about itself, before anybody believes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The repository; events of an App or organisation name none.
    pub project: Option<ProjectId>,
    /// The issue, if it is about one.
    pub about: About,
}

/// A delivery that should be about an issue, but does not say which.
#[derive(Debug, Error)]
pub enum Unreadable {
    /// Not JSON: cut short, or something else.
    #[error("the body is not JSON: {0}")]
    Json(serde_json::Error),
    /// A form without its only field.
    #[error("the body is a form without `payload`")]
    Form,
    /// A field is missing or of another kind than GitHub documents.
    #[error("`{path}`: {problem}")]
    Field {
        /// The repository it claims to come from.
        project: Option<ProjectId>,
        /// Where in the body.
        path: String,
        /// What is wrong there.
        problem: String,
    },
}

impl Unreadable {
    /// The repository, as far as it can be read.
    pub(super) fn project(&self) -> Option<ProjectId> {
        match self {
            Self::Field { project, .. } => *project,
            Self::Json(_) | Self::Form => None,
        }
    }
}

/// Of `issues` and `issue_comment`, whatever their action is.
#[derive(Deserialize)]
struct Event {
    issue: Issue,
    /// Only that it is there matters: its number is read leniently.
    #[serde(rename = "repository")]
    _repository: Repository,
}

#[derive(Deserialize)]
struct Repository {
    #[serde(rename = "id")]
    _id: u64,
}

#[derive(Deserialize)]
struct Issue {
    number: u64,
    pull_request: Option<serde::de::IgnoredAny>,
}

/// Reads what is needed and nothing else.
pub fn hint(headers: &HeaderMap, body: &[u8]) -> Result<Hint, Unreadable> {
    let value: Value = if is_form(headers) {
        let payload = form_urlencoded::parse(body).find(|(name, _)| name == "payload");
        let (_, payload) = payload.ok_or(Unreadable::Form)?;
        serde_json::from_str(&payload)
    } else {
        serde_json::from_slice(body)
    }
    .map_err(Unreadable::Json)?;
    let project = value.pointer("/repository/id").and_then(Value::as_u64).map(ProjectId);
    Ok(Hint { project, about: about(headers, &value, project)? })
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn about(
    headers: &HeaderMap,
    value: &Value,
    project: Option<ProjectId>,
) -> Result<About, Unreadable> {
    let event = event(headers);
    match event.as_str() {
        "issues" | "issue_comment" => {
            let Event { issue, .. } =
                serde_path_to_error::deserialize(value).map_err(|error| Unreadable::Field {
                    project,
                    path: error.path().to_string(),
                    problem: error.inner().to_string(),
                })?;
            if issue.pull_request.is_some() {
                return Ok(About::Nothing("it is about a pull request".to_owned()));
            }
            Ok(About::Issue(IssueNumber(issue.number)))
        }
        "ping" => Ok(About::Nothing("a ping: the webhook is set up".to_owned())),
        "?" => Ok(About::Nothing("it does not name its event".to_owned())),
        other => Ok(About::Nothing(format!("an event `{other}`"))),
    }
}

/// What GitHub calls the event.
pub(super) fn event(headers: &HeaderMap) -> String {
    let name = headers.get("x-github-event").and_then(|name| name.to_str().ok()).unwrap_or("?");
    name.chars().take(LONGEST_NAME).collect()
}

/// What repetitions have in common: GitHub's own key, or else the content.
pub(super) fn key(headers: &HeaderMap, body: &[u8]) -> String {
    let own = headers
        .get("x-github-delivery")
        .and_then(|key| key.to_str().ok())
        .filter(|key| (1..=LONGEST_NAME).contains(&key.len()));
    own.map_or_else(
        || Digest::of([event(headers).as_bytes(), b"\n", body].concat()).to_string(),
        str::to_owned,
    )
}
