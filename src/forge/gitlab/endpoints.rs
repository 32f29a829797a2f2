//! Endpoints the `gitlab` crate lacks, or cannot express in full.

use std::borrow::Cow;

use gitlab::api::{
    common::path_escaped,
    endpoint_prelude::{BodyError, Endpoint, Method, QueryParams},
};
use serde_json::{Map, Value};

use crate::{
    cookbook::Principal,
    identity::{IssueRef, NoteId, UserId},
    ports::forge::IssueUpdate,
};

/// A read of what is at this path below `/api/v4/`.
pub(super) struct Read {
    path: String,
    parameters: Vec<(&'static str, &'static str)>,
}

impl Read {
    pub(super) fn at(path: impl Into<String>) -> Self {
        Self { path: path.into(), parameters: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.parameters.push((name, value));
        self
    }
}

impl Endpoint for Read {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        self.path.clone().into()
    }

    fn parameters(&self) -> QueryParams<'_> {
        let mut parameters = QueryParams::default();
        parameters.extend(self.parameters.iter().copied());
        parameters
    }
}

/// Where a group or project stands: a number stands for it as its path does.
pub(super) fn place(principal: &Principal) -> Option<String> {
    match principal {
        Principal::Group(path) => Some(format!("groups/{}", path_escaped(path))),
        Principal::Project(path) => Some(format!("projects/{}", path_escaped(path))),
        Principal::User(_) => None,
    }
}

/// The project with this path, or the one that had it before it moved.
pub(super) fn project_at(path: &str) -> Read {
    Read::at(format!("projects/{}", path_escaped(path)))
}

/// The members of what is at `place`, inherited and invited ones included.
pub(super) fn members(place: &str) -> Read {
    Read::at(format!("{place}/members/all"))
}

/// One of those members.
pub(super) fn member(place: &str, user: UserId) -> Read {
    Read::at(format!("{place}/members/all/{user}"))
}

/// The projects with issues of a group and of its subgroups, without archived
/// ones and those only shared with it. In an order that nothing changes, so
/// that no page boundary hides one.
pub(super) fn group_projects(group: &str) -> Read {
    Read::at(format!("groups/{}/projects", path_escaped(group)))
        .with("include_subgroups", "true")
        .with("with_shared", "false")
        .with("archived", "false")
        .with("with_issues_enabled", "true")
        .with("simple", "true")
        .with("order_by", "id")
        .with("sort", "asc")
}

/// The emoji on an issue, or on a note of it.
pub(super) fn awards(issue: &IssueRef, note: Option<NoteId>) -> Read {
    let IssueRef { project, number, .. } = issue;
    let on = format!("projects/{project}/issues/{number}");
    Read::at(match note {
        None => format!("{on}/award_emoji"),
        Some(note) => format!("{on}/notes/{note}/award_emoji"),
    })
}

/// Labels, due date, confidentiality and state in one request; the crate cannot clear a due date.
pub(super) struct UpdateIssue<'a> {
    pub(super) issue: &'a IssueRef,
    pub(super) update: &'a IssueUpdate,
}

impl UpdateIssue<'_> {
    fn fields(&self) -> Map<String, Value> {
        let IssueUpdate { add_labels, remove_labels, due_date, confidential, open } = self.update;
        let mut fields = Map::new();
        let mut set = |name: &str, value: Value| {
            fields.insert(name.to_owned(), value);
        };
        if !add_labels.is_empty() {
            set("add_labels", add_labels.join(",").into());
        }
        if !remove_labels.is_empty() {
            set("remove_labels", remove_labels.join(",").into());
        }
        if let Some(date) = due_date {
            set("due_date", date.map_or(Value::Null, |date| date.to_string().into()));
        }
        if let Some(confidential) = confidential {
            set("confidential", (*confidential).into());
        }
        if let Some(open) = open {
            set("state_event", if *open { "reopen" } else { "close" }.into());
        }
        fields
    }
}

impl Endpoint for UpdateIssue<'_> {
    fn method(&self) -> Method {
        Method::PUT
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("projects/{}/issues/{}", self.issue.project, self.issue.number).into()
    }

    fn body(&self) -> Result<Option<(&'static str, Vec<u8>)>, BodyError> {
        Ok(Some(("application/json", serde_json::to_vec(&self.fields())?)))
    }
}
