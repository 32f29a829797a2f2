//! What GitLab answers, reduced to what is used. Fields that some version
//! leaves out are optional: a strict model breaks on real answers.

use chrono::{NaiveDate, TimeDelta};
use serde::Deserialize;

use crate::{
    identity::{IssueRef, NoteId, Person, Timestamp, UserId},
    ports::forge,
};

/// GitLab's own accounts that act for nobody.
const INTERNAL_ACCOUNTS: [&str; 13] = [
    "ghost",
    "support-bot",
    "alert-bot",
    "migration-bot",
    "visual-review-bot",
    "automation-bot",
    "gitlab-security-bot",
    "gitlab-security-policy-bot",
    "gitlab-admin-bot",
    "suggested-reviewers-bot",
    "duo-code-review-bot",
    "gitlab-llm-bot",
    "gitlabduo",
];

/// How GitLab words an edit of the description in its own notes. Ticking a box
/// is an edit too, and when text changed with it, only the tick is recorded.
const DESCRIPTION_EDITS: [&str; 3] =
    ["changed the description", "marked the checklist item", "marked the task"];

#[derive(Debug, Deserialize)]
pub(super) struct Account {
    pub(super) id: u64,
    pub(super) username: String,
    state: Option<String>,
    bot: Option<bool>,
}

impl Account {
    pub(super) fn person(&self) -> Person {
        Person { id: UserId(self.id), username: self.username.clone() }
    }

    /// Whether a person can sign in with it.
    pub(super) fn is_active_person(&self) -> bool {
        self.state.as_deref() == Some("active") && !self.is_automated()
    }

    /// Whether a program acts through it: a token's account, a service account,
    /// or one of GitLab's own.
    pub(super) fn is_automated(&self) -> bool {
        self.bot == Some(true) || is_automated_name(&self.username)
    }
}

/// Whether only programs have such names.
fn is_automated_name(username: &str) -> bool {
    let name = username.to_ascii_lowercase();
    is_token_account(&name)
        || name.starts_with("service_account_")
        || INTERNAL_ACCOUNTS.contains(&name.as_str())
        || is_numbered_internal(&name)
}

/// `support-bot1`, where the plain name was taken, and `support-bot_acme`,
/// where each organization has its own.
fn is_numbered_internal(name: &str) -> bool {
    let rest =
        |internal: &&str| name.strip_prefix(*internal).filter(|_| internal.ends_with("-bot"));
    INTERNAL_ACCOUNTS
        .iter()
        .filter_map(rest)
        .any(|rest| rest.starts_with('_') || rest.bytes().all(|digit| digit.is_ascii_digit()))
}

/// `project_12_bot_3f9c…`, `group_12_bot_3f9c…`, and `project_12_bot1` before 15.
fn is_token_account(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("project_").or_else(|| name.strip_prefix("group_")) else {
        return false;
    };
    let after_number = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    after_number.len() < rest.len()
        && after_number
            .strip_prefix("_bot")
            .is_some_and(|end| end.chars().next().is_none_or(|c| c == '_' || c.is_ascii_digit()))
}

#[derive(Debug, Deserialize)]
pub(super) struct Issue {
    /// Unique on the whole GitLab.
    pub(super) id: u64,
    /// Its number in the project.
    pub(super) iid: u64,
    title: String,
    description: Option<String>,
    author: Account,
    state: String,
    #[serde(default)]
    labels: Vec<String>,
    due_date: Option<NaiveDate>,
    #[serde(default)]
    confidential: bool,
    web_url: String,
    updated_at: Timestamp,
    #[serde(default)]
    upvotes: u64,
    /// The `id` it has in another project, if it went there; what remains is a stub.
    pub(super) moved_to_id: Option<u64>,
}

impl Issue {
    pub(super) fn into_port(self, reference: IssueRef) -> forge::Issue {
        forge::Issue {
            reference,
            title: self.title,
            description: self.description.unwrap_or_default(),
            by_bot: self.author.is_automated(),
            author: self.author.person(),
            open: self.state != "closed",
            labels: self.labels,
            due_date: self.due_date,
            confidential: self.confidential,
            thumbs_up: self.upvotes,
            web_url: self.web_url,
            updated_at: self.updated_at,
        }
    }
}

/// An issue in a list.
#[derive(Debug, Deserialize)]
pub(super) struct ListedIssue {
    pub(super) iid: u64,
    pub(super) updated_at: Timestamp,
}

#[derive(Debug, Deserialize)]
pub(super) struct Note {
    id: u64,
    #[serde(default)]
    body: String,
    author: Account,
    created_at: Timestamp,
    updated_at: Option<Timestamp>,
    #[serde(default)]
    system: bool,
}

impl Note {
    /// Sorts GitLab's own notes from comments, oldest first.
    pub(super) fn into_discussion(mut notes: Vec<Self>) -> forge::Discussion {
        notes.sort_by_key(|note| (note.created_at, note.id));
        let mut discussion = forge::Discussion::default();
        for note in notes {
            if note.system {
                let editor = UserId(note.author.id);
                if DESCRIPTION_EDITS.iter().any(|edit| note.body.starts_with(edit))
                    && !discussion.description_editors.contains(&editor)
                {
                    discussion.description_editors.push(editor);
                }
            } else {
                discussion.notes.push(note.into_port());
            }
        }
        discussion
    }

    /// Its text, if GitLab itself wrote it.
    pub(super) fn as_systems(&self) -> Option<&str> {
        self.system.then_some(self.body.as_str())
    }

    fn into_port(self) -> forge::Note {
        // GitLab sets both times on creation, a few milliseconds apart.
        let edited = self
            .updated_at
            .is_some_and(|updated| updated - self.created_at > TimeDelta::seconds(1));
        forge::Note {
            id: NoteId(self.id),
            author: self.author.person(),
            by_bot: self.author.is_automated(),
            body: self.body,
            edited,
            created_at: self.created_at,
        }
    }
}

/// The answer to posting a note. Text made of quick actions alone is carried
/// out instead of posted: then there is no id, but a list of what was changed.
#[derive(Debug, Deserialize)]
pub(super) struct Posted {
    pub(super) id: Option<u64>,
    internal: Option<bool>,
    /// The name of `internal` before GitLab 15.5, and beside it since.
    confidential: Option<bool>,
}

impl Posted {
    /// Whether only members of the project can read it.
    pub(super) fn is_internal(&self) -> bool {
        self.internal.or(self.confidential) == Some(true)
    }
}

/// The answer to changing an issue.
#[derive(Debug, Deserialize)]
pub(super) struct Changed {
    pub(super) confidential: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Member {
    #[serde(default)]
    id: u64,
    #[serde(default)]
    username: String,
    pub(super) access_level: u64,
    state: Option<String>,
    membership_state: Option<String>,
    pub(super) expires_at: Option<NaiveDate>,
}

impl Member {
    pub(super) fn user(&self) -> UserId {
        UserId(self.id)
    }

    /// Whether it is not the account of a program, as far as its name tells.
    pub(super) fn is_person(&self) -> bool {
        !is_automated_name(&self.username)
    }

    /// Whether the membership holds at `now`, with one of these levels. The
    /// levels are a set, for a higher number does not always mean more rights.
    pub(super) fn counts(&self, levels: &[u64], now: Timestamp) -> bool {
        levels.contains(&self.access_level)
            && self.state.as_deref() == Some("active")
            && self.membership_state.as_deref().is_none_or(|state| state == "active")
            && self.expires_at.is_none_or(|last| last > now.date_naive())
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct SshKey {
    pub(super) key: String,
    expires_at: Option<Timestamp>,
    usage_type: Option<String>,
}

impl SshKey {
    /// Whether it opens sessions at `now`: not expired, not for signing alone.
    pub(super) fn signs_in(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|last| last > now)
            && self.usage_type.as_deref() != Some("signing")
    }
}

/// An emoji on an issue or note.
#[derive(Debug, Deserialize)]
pub(super) struct Award {
    name: String,
    user: Account,
}

impl Award {
    pub(super) fn into_port(self) -> forge::Reaction {
        forge::Reaction { by: self.user.person(), emoji: self.name }
    }
}

/// A project in a list.
#[derive(Debug, Deserialize)]
pub(super) struct ListedProject {
    pub(super) id: u64,
    pub(super) path_with_namespace: String,
    #[serde(default)]
    archived: bool,
    marked_for_deletion_on: Option<NaiveDate>,
}

impl ListedProject {
    /// Whether somebody still works there.
    pub(super) fn is_in_use(&self) -> bool {
        !self.archived && self.marked_for_deletion_on.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_of_programs_are_told_from_people() {
        for bot in [
            "project_12_bot_3f9c2a7e",
            "group_9_bot_x",
            "project_1_bot",
            "project_1_bot2",
            "Ghost",
            "support-bot",
            "service_account_group_3_ab",
        ] {
            let account = Account {
                id: 1,
                username: bot.to_owned(),
                state: Some("active".to_owned()),
                bot: None,
            };
            assert!(account.is_automated(), "{bot}");
            assert!(!account.is_active_person(), "{bot}");
        }
        for person in ["alice", "project_bot", "project_x_bot_1", "group_1_botany", "ghostwriter"] {
            let account = Account {
                id: 1,
                username: person.to_owned(),
                state: Some("active".to_owned()),
                bot: None,
            };
            assert!(account.is_active_person(), "{person}");
        }
    }

    #[test]
    fn a_membership_counts_only_while_it_is_active_and_of_a_wanted_level() {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let member = |level, state: &str, expires: Option<&str>| Member {
            id: 5,
            username: "alice".to_owned(),
            access_level: level,
            state: Some(state.to_owned()),
            membership_state: None,
            expires_at: expires.map(|date| date.parse().unwrap()),
        };
        let levels = [30, 40, 50];
        assert!(member(30, "active", None).counts(&levels, now));
        assert!(member(50, "active", Some("2026-11-22")).counts(&levels, now));
        assert!(!member(50, "active", Some("2026-11-21")).counts(&levels, now));
        assert!(!member(20, "active", None).counts(&levels, now));
        assert!(!member(25, "active", None).counts(&levels, now));
        assert!(!member(60, "active", None).counts(&levels, now));
        assert!(!member(40, "blocked", None).counts(&levels, now));
        let awaiting =
            Member { membership_state: Some("awaiting".to_owned()), ..member(40, "active", None) };
        assert!(!awaiting.counts(&levels, now));
    }
}
