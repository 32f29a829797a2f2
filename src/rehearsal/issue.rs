//! Issues, notes, labels and awards as the rehearsal keeps them.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};

/// Where an issue is: its project's numeric id and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssueKey {
    /// The project's numeric id.
    pub project: u64,
    /// The issue's number within the project.
    pub iid: u64,
}

/// Open or closed, spelt as the API spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueState {
    /// `opened`
    Opened,
    /// `closed`
    Closed,
}

impl IssueState {
    /// The API's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Closed => "closed",
        }
    }

    /// The number webhooks use for it.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Opened => 1,
            Self::Closed => 2,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Issue {
    pub(super) id: u64,
    pub(super) key: IssueKey,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) author: u64,
    pub(super) assignees: Vec<u64>,
    pub(super) labels: Vec<String>,
    pub(super) state: IssueState,
    pub(super) due_date: Option<NaiveDate>,
    pub(super) confidential: bool,
    pub(super) discussion_locked: bool,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
    pub(super) updated_by: Option<u64>,
    /// When the description was changed, and by whom, oldest first.
    pub(super) edits: Vec<(DateTime<Utc>, u64)>,
    pub(super) closed: Option<(DateTime<Utc>, u64)>,
    /// GitHub's word for why it is closed, or open again.
    pub(super) state_reason: Option<String>,
    pub(super) moved_to: Option<u64>,
    pub(super) notes: Vec<Note>,
    pub(super) awards: Vec<Award>,
    /// People who were mentioned; like authors, they hear of new notes.
    pub(super) mentioned: BTreeSet<u64>,
}

impl Issue {
    /// The last change of the description.
    pub(super) fn edited(&self) -> Option<(DateTime<Utc>, u64)> {
        self.edits.last().copied()
    }
}

#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) id: u64,
    pub(super) author: u64,
    pub(super) body: String,
    pub(super) system: bool,
    pub(super) internal: bool,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
    pub(super) edited: bool,
    pub(super) awards: Vec<Award>,
}

#[derive(Clone, Debug)]
pub(super) struct Award {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) user: u64,
    pub(super) created_at: DateTime<Utc>,
}

#[derive(Clone, Debug)]
pub(super) struct Label {
    pub(super) id: u64,
    pub(super) project: u64,
    pub(super) name: String,
    pub(super) color: String,
    pub(super) description: Option<String>,
    pub(super) created_at: DateTime<Utc>,
}

/// An issue as a test sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueSnapshot {
    /// Where it is.
    pub key: IssueKey,
    /// The one-line title.
    pub title: String,
    /// The Markdown, quick actions already cut out.
    pub description: String,
    /// Open or closed.
    pub state: IssueState,
    /// The labels' names, sorted.
    pub labels: Vec<String>,
    /// The due date.
    pub due_date: Option<NaiveDate>,
    /// Whether only its author, assignees and planners see it.
    pub confidential: bool,
    /// Whether only members may comment.
    pub discussion_locked: bool,
    /// The author's username now.
    pub author: String,
    /// The assignees' usernames now.
    pub assignees: Vec<String>,
    /// The names of its emoji reactions.
    pub awards: Vec<String>,
    /// Comments and system notes, oldest first.
    pub notes: Vec<NoteSnapshot>,
    /// When anything about it last changed.
    pub updated_at: DateTime<Utc>,
    /// Where a browser finds it.
    pub web_url: String,
}

/// A note as a test sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSnapshot {
    /// Unique on this instance.
    pub id: u64,
    /// The author's username now.
    pub author: String,
    /// The Markdown, quick actions already cut out.
    pub body: String,
    /// Written by GitLab itself: "changed the description".
    pub system: bool,
    /// Seen by planners and above only.
    pub internal: bool,
    /// Whether its text was changed after it was posted.
    pub edited: bool,
    /// When it was posted.
    pub created_at: DateTime<Utc>,
    /// The names of its emoji reactions.
    pub awards: Vec<String>,
}

impl IssueSnapshot {
    /// What people wrote, without GitLab's own notes.
    pub fn comments(&self) -> impl Iterator<Item = &NoteSnapshot> {
        self.notes.iter().filter(|note| !note.system)
    }

    /// What this user wrote, oldest first.
    pub fn comments_by<'a>(&'a self, username: &'a str) -> impl Iterator<Item = &'a NoteSnapshot> {
        self.comments().filter(move |note| note.author == username)
    }
}
