//! The forge: where requests are filed and answered.

use async_trait::async_trait;
use chrono::NaiveDate;

use super::{PortError, finding::Finding};
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
    /// What this forge has that others lack.
    fn abilities(&self) -> Abilities;

    /// The address of a comment, for people, from that of its issue.
    fn note_page(&self, issue_page: &str, note: NoteId) -> String;

    /// Where people file another issue from this template, from the address of
    /// an issue in the same project.
    fn new_issue_page(&self, issue_page: &str, template: &str) -> String;

    /// The account we act as. Its own notes and events are ignored.
    async fn own_account(&self) -> Result<Person, PortError>;

    /// The issue as it is now.
    ///
    /// # Errors
    ///
    /// `Missing` when it was deleted, moved away, or is hidden from us.
    async fn issue(&self, issue: &IssueRef) -> Result<Issue, PortError>;

    /// Where an issue went that is `Missing`; `None` if it did not go
    /// anywhere, or to where we cannot see it.
    async fn moved_to(&self, issue: &IssueRef) -> Result<Option<IssueRef>, PortError>;

    /// All comments, ours included, and the names of those who edited the
    /// description; oldest first, every page.
    async fn discussion(&self, issue: &IssueRef) -> Result<Discussion, PortError>;

    /// The emoji people put on an issue, or on a comment.
    async fn reactions(
        &self,
        issue: &IssueRef,
        note: Option<NoteId>,
    ) -> Result<Vec<Reaction>, PortError>;

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
    ///
    /// # Errors
    ///
    /// `GiveUp` for [`Audience::Team`] on a forge without such comments:
    /// what is meant for a few is never shown to all instead.
    async fn post_note(
        &self,
        issue: &IssueRef,
        body: &Markdown,
        audience: Audience,
    ) -> Result<NoteId, PortError>;

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

    /// Changes labels, due date, confidentiality and open/closed together. Only
    /// what is named changes; what the forge has not got is left out.
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

    /// The projects of a group, those of its subgroups included.
    async fn projects_of(&self, group: &str) -> Result<Vec<ListedProject>, PortError>;

    /// How long what we sign in with is valid; `None` if it does not end, or
    /// renews itself.
    async fn credential_ends(&self) -> Result<Option<NaiveDate>, PortError>;

    /// Looks whether everything is as it has to be: that it can be reached and
    /// knows us, what we may do there, whether those who decide can be found.
    /// Never fails: what cannot be found out is a finding.
    async fn examine(&self, wanted: &Wanted) -> Vec<Finding>;
}

/// What some forges have and others lack.
#[expect(clippy::struct_excessive_bools, reason = "each stands for itself")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Issues have due dates.
    pub due_dates: bool,
    /// Issues can be hidden from all but members.
    pub confidential_issues: bool,
    /// Comments can be hidden from all but members.
    pub team_notes: bool,
    /// Issues from a template bear the template's hidden mark. Elsewhere only a
    /// label tells what an issue asks for.
    pub marked_templates: bool,
}

/// Who can read a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everybody who can read the issue.
    Everyone,
    /// Members of the project who tend its issues.
    Team,
}

/// What the configuration and the cookbooks want of a forge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The projects whose issues are looked at.
    pub projects: Vec<ProjectId>,
    /// The groups all of whose projects are.
    pub groups: Vec<String>,
    /// Who decides, by configuration and cookbooks.
    pub deciders: Vec<Principal>,
    /// Whether some cookbook makes its issues confidential.
    pub confidential: bool,
}

/// A project, as a group lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedProject {
    /// Its id.
    pub id: ProjectId,
    /// Its full path, e.g. `tpo/tpa/team`.
    pub path: String,
}

/// An emoji somebody put on something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// Who.
    pub by: Person,
    /// Its name as GitLab has it, e.g. `thumbsup`.
    pub emoji: String,
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
    /// Whether that account is nobody's: a token's, or the one in whose name
    /// mail from outside is filed.
    pub by_bot: bool,
    /// Whether it is open.
    pub open: bool,
    /// Its labels.
    pub labels: Vec<String>,
    /// Its due date.
    pub due_date: Option<NaiveDate>,
    /// Whether only members can see it.
    pub confidential: bool,
    /// How many approving emoji it bears, as far as that is told with it.
    pub thumbs_up: u64,
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

/// A change to an issue's labels, due date, confidentiality and state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IssueUpdate {
    /// Labels to put on.
    pub add_labels: Vec<String>,
    /// Labels to take off.
    pub remove_labels: Vec<String>,
    /// `Some(None)` clears the due date.
    pub due_date: Option<Option<NaiveDate>>,
    /// Hide it from all but members, or show it to all.
    pub confidential: Option<bool>,
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
