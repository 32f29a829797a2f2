//! Endpoints the `gitlab` crate lacks, or cannot express.

use std::borrow::Cow;

use gitlab::api::{
    common::path_escaped,
    endpoint_prelude::{BodyError, Endpoint, Method, Pageable, QueryParams},
};
use serde_json::{Map, Value};

use crate::{
    identity::{IssueRef, NoteId},
    ports::forge::IssueUpdate,
};

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

/// The projects of a group and of its subgroups, without those only shared
/// with it. The crate cannot leave archived ones out of both.
pub(super) struct GroupProjects<'a> {
    pub(super) group: &'a str,
}

impl Endpoint for GroupProjects<'_> {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("groups/{}/projects", path_escaped(self.group)).into()
    }

    fn parameters(&self) -> QueryParams<'_> {
        let mut parameters = QueryParams::default();
        parameters
            .push("include_subgroups", true)
            .push("with_shared", false)
            .push("archived", false)
            .push("simple", true);
        parameters
    }
}

impl Pageable for GroupProjects<'_> {}

/// What is known about the token in use.
pub(super) struct OwnToken;

impl Endpoint for OwnToken {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        "personal_access_tokens/self".into()
    }
}

/// The emoji on an issue, or on a note of it.
pub(super) struct Awards<'a> {
    pub(super) issue: &'a IssueRef,
    pub(super) note: Option<NoteId>,
}

impl Endpoint for Awards<'_> {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        let IssueRef { project, number, .. } = self.issue;
        match self.note {
            None => format!("projects/{project}/issues/{number}/award_emoji").into(),
            Some(note) => {
                format!("projects/{project}/issues/{number}/notes/{note}/award_emoji").into()
            }
        }
    }
}

impl Pageable for Awards<'_> {}

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
