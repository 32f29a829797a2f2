//! The forge: where requests are filed and answered.

use async_trait::async_trait;
use chrono::NaiveDate;

use super::PortError;
use crate::{
    cookbook::Principal,
    identity::{IssueRef, NoteId, Person, ProjectId, Timestamp, UserId},
    notice::markdown::Markdown,
};

/// A forge, in the engine's words.
///
/// Every method is one attempt: retrying is the engine's, told by
/// [`PortError::verdict`]. Methods that change something may have taken effect
/// although they returned an error (a lost answer), and say so by
/// [`Verdict::Retry`](super::Verdict::Retry).
#[async_trait]
pub trait Forge: Send + Sync {
    /// The account we act as. Its own notes and events are ignored.
    async fn own_account(&self) -> Result<Person, PortError>;

    /// The issue as it is now.
    ///
    /// # Errors
    ///
    /// `Missing` when it was deleted, moved away, or is hidden from us.
    async fn issue(&self, issue: &IssueRef) -> Result<Issue, PortError>;

    /// All comments, ours included, and the names of those who edited the
    /// description; oldest first, every page.
    async fn discussion(&self, issue: &IssueRef) -> Result<Discussion, PortError>;

    /// Issues of a project changed at or after `since`, oldest change first,
    /// every page, open and closed.
    async fn issues_updated_since(
        &self,
        project: ProjectId,
        since: Timestamp,
    ) -> Result<Vec<UpdatedIssue>, PortError>;

    /// Issues of a project filed by this account, with their descriptions,
    /// every page, open and closed.
    async fn issues_by(&self, project: ProjectId, author: UserId) -> Result<Vec<Issue>, PortError>;

    /// Files an issue. Not idempotent: whoever lost the answer finds it among
    /// [`Forge::issues_by`].
    async fn file_issue(
        &self,
        project: ProjectId,
        title: &str,
        description: &Markdown,
    ) -> Result<Issue, PortError>;

    /// Posts a comment and returns its id. Not idempotent.
    async fn post_note(&self, issue: &IssueRef, body: &Markdown) -> Result<NoteId, PortError>;

    /// Replaces a comment of ours.
    ///
    /// # Errors
    ///
    /// `Missing` when somebody deleted it.
    async fn edit_note(
        &self,
        issue: &IssueRef,
        note: NoteId,
        body: &Markdown,
    ) -> Result<(), PortError>;

    /// Deletes a comment of ours. A comment that is gone already is fine.
    async fn delete_note(&self, issue: &IssueRef, note: NoteId) -> Result<(), PortError>;

    /// Changes labels, due date and open/closed together. Only what is named changes.
    async fn update_issue(&self, issue: &IssueRef, update: &IssueUpdate) -> Result<(), PortError>;

    /// The active account with this username; `None` when there is none, or it
    /// is blocked, deactivated or a bot.
    async fn person_named(&self, username: &str) -> Result<Option<Person>, PortError>;

    /// The active account with this id, under its present name.
    async fn person(&self, id: UserId) -> Result<Option<Person>, PortError>;

    /// Whether this account is, at this moment, one of those meant: an active
    /// member, inherited and invited included, whose membership has not expired
    /// and is worth as much as `standing` asks.
    async fn is_among(
        &self,
        who: UserId,
        principal: &Principal,
        standing: Standing,
    ) -> Result<bool, PortError>;

    /// The SSH public keys of an account.
    async fn ssh_keys(&self, who: UserId) -> Result<Vec<String>, PortError>;
}

/// How much a membership must be worth.
///
/// Groups inherit the members of the groups above them. Whoever may decide must
/// therefore have more than a guest's membership, else a whole organisation
/// would be among the members of its sysadmins' group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Any membership: for asking.
    Member,
    /// One of the access levels the operator configured: for deciding.
    Trusted,
}

/// An issue as the forge serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Where it is.
    pub reference: IssueRef,
    /// Its title. Foreign text.
    pub title: String,
    /// Its description. Foreign text.
    pub description: String,
    /// Who filed it.
    pub author: Person,
    /// Whether it is open.
    pub open: bool,
    /// Its labels.
    pub labels: Vec<String>,
    /// Its due date.
    pub due_date: Option<NaiveDate>,
    /// Whether only members can see it.
    pub confidential: bool,
    /// Its page.
    pub web_url: String,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// An issue that changed, as listed by a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdatedIssue {
    /// Where it is.
    pub reference: IssueRef,
    /// When it was changed.
    pub updated_at: Timestamp,
}

/// What was said on an issue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discussion {
    /// Comments, oldest first, without the forge's own system messages.
    pub notes: Vec<Note>,
    /// Who changed the description, by the forge's own record.
    pub description_editors: Vec<UserId>,
}

/// A comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its id.
    pub id: NoteId,
    /// Who wrote it.
    pub author: Person,
    /// Whether that account is a bot (a project or group token's account).
    pub by_bot: bool,
    /// Its text. Foreign unless we wrote it.
    pub body: String,
    /// Whether it was changed after it was posted. Edited notes never act.
    pub edited: bool,
    /// When it was posted.
    pub created_at: Timestamp,
}

/// A change to an issue's labels, due date and state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IssueUpdate {
    /// Labels to put on.
    pub add_labels: Vec<String>,
    /// Labels to take off.
    pub remove_labels: Vec<String>,
    /// `Some(None)` clears the due date.
    pub due_date: Option<Option<NaiveDate>>,
    /// Open or close it.
    pub open: Option<bool>,
}

impl IssueUpdate {
    /// Whether nothing would change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
