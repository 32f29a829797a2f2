//! Which project and issue a delivery is about.

use http::HeaderMap;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::{
    identity::{Digest, IssueNumber, ProjectId},
    ports::intake::About,
};

/// Longer names and keys than GitLab sends are not stored as they are.
const LONGEST_NAME: usize = 100;

/// What is told of a payload in the log is no longer than this.
const LONGEST_TOLD: usize = 300;

/// What a delivery says about itself, before anybody believes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The project; group hooks and system hooks may name none.
    pub claim: Option<Claim>,
    /// The issue, if it is about one.
    pub about: About,
}

/// The project a delivery says it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its id.
    pub project: ProjectId,
    /// Its full path; the oldest versions do not tell it.
    pub path: Option<String>,
}

/// A delivery that should be about an issue, but does not say which.
#[derive(Debug, Error)]
pub enum Unreadable {
    /// Not JSON: cut short, or made by a custom template.
    #[error("the body is not JSON: {0}")]
    Json(serde_json::Error),
    /// A field is missing or of another kind than GitLab documents.
    #[error("`{path}`: {problem}")]
    Field {
        /// Where in the body.
        path: String,
        /// What is wrong there.
        problem: String,
    },
}

/// An issue event, or a work item event: issues, tasks, epics, incidents.
#[derive(Deserialize)]
struct IssueEvent {
    object_attributes: Item,
}

/// A comment, or an emoji on an issue or on a comment. What calls it a work
/// item calls it so in full.
#[derive(Deserialize)]
struct EventOnIssue {
    issue: Item,
}

#[derive(Deserialize)]
struct EventOnWorkItem {
    work_item: Item,
}

#[derive(Deserialize)]
struct Item {
    iid: u64,
    /// Absent before GitLab 17.2 and in comments: then it is an issue.
    r#type: Option<String>,
    issue_type: Option<String>,
}

/// A token of a project or group that ends soon.
#[derive(Deserialize)]
struct TokenEvent {
    object_attributes: Token,
}

#[derive(Deserialize)]
struct Token {
    name: Option<String>,
    expires_at: Option<String>,
}

impl Item {
    fn about(self) -> About {
        match self.r#type.as_deref().or(self.issue_type.as_deref()) {
            None => About::Issue(IssueNumber(self.iid)),
            Some(kind) if kind.eq_ignore_ascii_case("issue") => About::Issue(IssueNumber(self.iid)),
            Some(kind) => About::Nothing(format!("a work item of type {kind}")),
        }
    }
}

/// Reads what is needed and nothing else.
pub fn hint(headers: &HeaderMap, body: &[u8]) -> Result<Hint, Unreadable> {
    let value: Value = serde_json::from_slice(body).map_err(Unreadable::Json)?;
    Ok(Hint { claim: claim(&value), about: about(headers, &value)? })
}

fn claim(value: &Value) -> Option<Claim> {
    let project =
        ["/project/id", "/project_id", "/object_attributes/project_id", "/issue/project_id"]
            .into_iter()
            .find_map(|path| value.pointer(path)?.as_u64())
            .map(ProjectId)?;
    let path = value.pointer("/project/path_with_namespace").and_then(Value::as_str);
    Some(Claim { project, path: path.map(str::to_owned) })
}

fn about(headers: &HeaderMap, value: &Value) -> Result<About, Unreadable> {
    let text = |path| value.pointer(path).and_then(Value::as_str);
    let Some(kind) = text("/object_kind") else {
        return Ok(About::Nothing(format!("a `{}` without object_kind", event(headers))));
    };
    match kind {
        "issue" | "work_item" => Ok(field::<IssueEvent>(value)?.object_attributes.about()),
        "note"
            if !matches!(text("/object_attributes/noteable_type"), Some("Issue" | "WorkItem")) =>
        {
            Ok(About::Nothing("a comment on something else than an issue".to_owned()))
        }
        "emoji" if !is_on_issue(value) => {
            Ok(About::Nothing("an emoji on something else than an issue".to_owned()))
        }
        "note" | "emoji" if has(value, "work_item") && !has(value, "issue") => {
            Ok(field::<EventOnWorkItem>(value)?.work_item.about())
        }
        "note" | "emoji" => Ok(field::<EventOnIssue>(value)?.issue.about()),
        "access_token" => Ok(About::Notice(token(value, field::<TokenEvent>(value)?))),
        other => Ok(About::Nothing(format!("an event of kind `{other}`"))),
    }
}

fn has(value: &Value, key: &str) -> bool {
    value.get(key).is_some_and(|value| !value.is_null())
}

fn is_on_issue(value: &Value) -> bool {
    has(value, "issue") || has(value, "work_item")
}

/// Which token ends when. Foreign text, for the log.
fn token(value: &Value, event: TokenEvent) -> String {
    let at = |path: &str| value.pointer(path).and_then(Value::as_str);
    let place = if let Some(project) = at("/project/path_with_namespace") {
        format!("project {project}")
    } else {
        let group = at("/group/full_path").or(at("/group/group_path")).unwrap_or("?");
        format!("group {group}")
    };
    let Token { name, expires_at } = event.object_attributes;
    let (name, day) = (name.unwrap_or_default(), expires_at.unwrap_or_else(|| "soon".to_owned()));
    let told = format!("the access token `{name}` of {place} ends: {day}");
    told.chars().filter(|c| !c.is_control()).take(LONGEST_TOLD).collect()
}

fn field<'v, T: Deserialize<'v>>(value: &'v Value) -> Result<T, Unreadable> {
    serde_path_to_error::deserialize(value).map_err(|error| Unreadable::Field {
        path: error.path().to_string(),
        problem: error.inner().to_string(),
    })
}

/// What GitLab calls the event.
pub(super) fn event(headers: &HeaderMap) -> String {
    let name = headers.get("x-gitlab-event").and_then(|name| name.to_str().ok()).unwrap_or("?");
    name.chars().take(LONGEST_NAME).collect()
}

/// What repetitions have in common: GitLab's own key (17.4 and later), or else
/// the content.
pub(super) fn key(headers: &HeaderMap, body: &[u8]) -> String {
    let own = ["idempotency-key", "webhook-id"]
        .into_iter()
        .filter_map(|name| headers.get(name)?.to_str().ok())
        .find(|key| (1..=LONGEST_NAME).contains(&key.len()));
    own.map_or_else(
        || Digest::of([event(headers).as_bytes(), b"\n", body].concat()).to_string(),
        str::to_owned,
    )
}
