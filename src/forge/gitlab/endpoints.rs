//! Endpoints the `gitlab` crate lacks, or cannot express.

use std::borrow::Cow;

use gitlab::api::{
    common::path_escaped,
    endpoint_prelude::{BodyError, Endpoint, Method, Pageable},
};
use serde_json::{Map, Value};

use crate::{identity::IssueRef, ports::forge::IssueUpdate};

/// Whether one account is a member of a group, inherited and invited included.
/// The crate knows this for projects only.
pub(super) struct AnyGroupMember<'a> {
    pub(super) group: &'a str,
    pub(super) user: u64,
}

impl Endpoint for AnyGroupMember<'_> {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("groups/{}/members/all/{}", path_escaped(self.group), self.user).into()
    }
}

/// An account's SSH keys.
pub(super) struct SshKeys {
    pub(super) user: u64,
}

impl Endpoint for SshKeys {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("users/{}/keys", self.user).into()
    }
}

impl Pageable for SshKeys {}

/// Labels, due date and state in one request; the crate cannot clear a due date.
pub(super) struct UpdateIssue<'a> {
    pub(super) issue: &'a IssueRef,
    pub(super) update: &'a IssueUpdate,
}

impl UpdateIssue<'_> {
    fn fields(&self) -> Map<String, Value> {
        let IssueUpdate { add_labels, remove_labels, due_date, open } = self.update;
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
