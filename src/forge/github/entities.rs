//! What GitHub answers, reduced to what is used. Fields that some version
//! leaves out are optional: a strict model breaks on real answers.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use secrecy::SecretString;
use serde::Deserialize;

use crate::{
    identity::{IssueRef, NoteId, Person, Timestamp, UserId},
    ports::forge,
};

/// The account in whose name GitHub shows what deleted accounts wrote.
const GHOST: &str = "ghost";

#[derive(Debug, Deserialize)]
pub(super) struct Account {
    pub(super) id: u64,
    pub(super) login: String,
    r#type: Option<String>,
    suspended_at: Option<String>,
}

impl Account {
    pub(super) fn person(&self) -> Person {
        Person { id: UserId(self.id), username: self.login.clone() }
    }

    /// Whether a person can sign in with it.
    pub(super) fn is_active_person(&self) -> bool {
        self.r#type.as_deref() == Some("User")
            && self.suspended_at.is_none()
            && !self.is_automated()
    }

    /// Whether it is an App's, or nobody's any more.
    pub(super) fn is_automated(&self) -> bool {
        self.r#type.as_deref() == Some("Bot")
            || self.login.ends_with("[bot]")
            || self.login.eq_ignore_ascii_case(GHOST)
    }
}

/// Who wrote something; GitHub says `null` for accounts that are gone.
fn author(account: Option<Account>) -> (Person, bool) {
    match account {
        Some(account) => (account.person(), account.is_automated()),
        None => (Person { id: UserId(0), username: GHOST.to_owned() }, true),
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Issue {
    pub(super) number: u64,
    title: String,
    body: Option<String>,
    user: Option<Account>,
    state: String,
    #[serde(default)]
    labels: Vec<Label>,
    html_url: String,
    pub(super) updated_at: Timestamp,
    #[serde(default)]
    reactions: Reactions,
    /// Set on pull requests, which GitHub lists among the issues.
    pull_request: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Label {
    Name(String),
    Full { name: Option<String> },
}

#[derive(Debug, Default, Deserialize)]
struct Reactions {
    #[serde(rename = "+1", default)]
    thumbs_up: u64,
}

impl Issue {
    pub(super) fn is_pull_request(&self) -> bool {
        self.pull_request.is_some()
    }

    pub(super) fn into_port(self, reference: IssueRef) -> forge::Issue {
        let (author, by_bot) = author(self.user);
        let name = |label| match label {
            Label::Name(name) => Some(name),
            Label::Full { name } => name,
        };
        forge::Issue {
            reference,
            title: self.title,
            description: self.body.unwrap_or_default(),
            author,
            by_bot,
            open: self.state != "closed",
            labels: self.labels.into_iter().filter_map(name).collect(),
            due_date: None,
            confidential: false,
            thumbs_up: self.reactions.thumbs_up,
            web_url: self.html_url,
            updated_at: self.updated_at,
        }
    }
}

/// An issue in a list of what changed.
#[derive(Debug, Deserialize)]
pub(super) struct ListedIssue {
    pub(super) number: u64,
    pub(super) updated_at: Timestamp,
    pull_request: Option<serde::de::IgnoredAny>,
}

impl ListedIssue {
    pub(super) fn is_pull_request(&self) -> bool {
        self.pull_request.is_some()
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Comment {
    id: u64,
    body: Option<String>,
    user: Option<Account>,
    created_at: Timestamp,
    updated_at: Option<Timestamp>,
}

impl Comment {
    /// Oldest first.
    pub(super) fn into_notes(mut comments: Vec<Self>) -> Vec<forge::Note> {
        comments.sort_by_key(|comment| (comment.created_at, comment.id));
        comments.into_iter().map(Self::into_port).collect()
    }

    fn into_port(self) -> forge::Note {
        let (author, by_bot) = author(self.user);
        let edited = self
            .updated_at
            .is_some_and(|updated| updated - self.created_at > TimeDelta::seconds(1));
        forge::Note {
            id: NoteId(self.id),
            author,
            by_bot,
            body: self.body.unwrap_or_default(),
            edited,
            created_at: self.created_at,
        }
    }
}

/// Anything that has a number of its own.
#[derive(Debug, Deserialize)]
pub(super) struct Numbered {
    pub(super) id: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Reaction {
    content: String,
    user: Option<Account>,
}

impl Reaction {
    /// Under the names the port uses; those GitHub alone has stay as they are.
    pub(super) fn into_port(self) -> forge::Reaction {
        let emoji = match self.content.as_str() {
            "+1" => "thumbsup",
            "-1" => "thumbsdown",
            other => other,
        };
        forge::Reaction { by: author(self.user).0, emoji: emoji.to_owned() }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct SshKey {
    pub(super) key: String,
}

/// What somebody may do in a repository.
#[derive(Debug, Deserialize)]
pub(super) struct Permission {
    /// One of four; the roles between them appear as the lower one.
    #[serde(rename = "permission")]
    pub(super) base: String,
    /// The role itself, which may be one the organisation invented.
    pub(super) role_name: Option<String>,
    pub(super) user: Option<Account>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TeamMembership {
    pub(super) state: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Repository {
    pub(super) id: u64,
    pub(super) full_name: String,
    has_issues: Option<bool>,
    archived: Option<bool>,
    disabled: Option<bool>,
    /// What our account may do; told to tokens alone.
    permissions: Option<BTreeMap<String, bool>>,
}

impl Repository {
    pub(super) fn has_issues(&self) -> bool {
        self.has_issues != Some(false)
    }

    /// Whether nothing can be changed in it.
    pub(super) fn is_frozen(&self) -> bool {
        self.archived == Some(true) || self.disabled == Some(true)
    }

    pub(super) fn is_of(&self, owner: &str) -> bool {
        self.full_name.split('/').next().is_some_and(|own| own.eq_ignore_ascii_case(owner))
    }

    /// Whether our account may label and close issues; `None` where that is
    /// not told.
    pub(super) fn lets_us_tend_issues(&self) -> Option<bool> {
        let may = self.permissions.as_ref()?;
        let roles = ["admin", "maintain", "push", "triage"];
        Some(roles.iter().any(|role| may.get(*role) == Some(&true)))
    }
}

/// The repositories of an installation.
#[derive(Debug, Deserialize)]
pub(super) struct InstalledRepositories {
    pub(super) repositories: Vec<Repository>,
}

#[derive(Debug, Deserialize)]
pub(super) struct App {
    pub(super) slug: String,
}

/// A GitHub App where an account installed it.
#[derive(Debug, Deserialize)]
pub(super) struct Installation {
    pub(super) id: u64,
    account: Option<Owner>,
    #[serde(default)]
    pub(super) permissions: BTreeMap<String, String>,
    pub(super) suspended_at: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Owner {
    login: Option<String>,
}

impl Installation {
    pub(super) fn is_of(&self, owner: &str) -> bool {
        let login = self.account.as_ref().and_then(|account| account.login.as_deref());
        login.is_some_and(|login| login.eq_ignore_ascii_case(owner))
    }

    pub(super) fn may_write(&self, what: &str) -> bool {
        self.permissions.get(what).is_some_and(|level| matches!(level.as_str(), "write" | "admin"))
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct InstallationToken {
    pub(super) token: SecretString,
    pub(super) expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn accounts_of_programs_are_told_from_people() {
        let table = [
            (json!({"id": 1, "login": "alice", "type": "User"}), true, false),
            (
                json!({"id": 1, "login": "alice", "type": "User", "suspended_at": "2026-01-01T00:00:00Z"}),
                false,
                false,
            ),
            (json!({"id": 1, "login": "acme", "type": "Organization"}), false, false),
            (json!({"id": 1, "login": "innkeeper[bot]", "type": "Bot"}), false, true),
            (json!({"id": 1, "login": "innkeeper[bot]"}), false, true),
            (json!({"id": 1, "login": "Copilot", "type": "Bot"}), false, true),
            (json!({"id": 1, "login": "Ghost", "type": "User"}), false, true),
            (json!({"id": 1, "login": "robot", "type": "User"}), true, false),
        ];
        for (account, person, automated) in table {
            let account: Account = serde_json::from_value(account).unwrap();
            assert_eq!(
                (account.is_active_person(), account.is_automated()),
                (person, automated),
                "{account:?}"
            );
        }
    }
}
