//! GitLab, through its REST API (version 4).
//!
//! Endpoints are the `gitlab` crate's; how requests travel (`transport.rs`),
//! how lists are read (`pages.rs`) and what errors mean (`errors.rs`) is ours.

mod endpoints;
mod entities;
mod errors;
mod pages;
mod pages_of_people;
mod poll;
mod setup;
#[cfg(test)]
mod tests;
mod transport;
pub mod webhook;

use std::{fmt::Display, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::NaiveDate;
use gitlab::api::{
    self, ApiError, AsyncQuery as _,
    common::SortOrder,
    projects::{
        issues::notes::{CreateIssueNote, DeleteIssueNote, EditIssueNote, IssueNotes},
        issues::{CreateIssue, IssueOrderBy, IssueScope, Issues},
        members::AllProjectMember,
    },
    users::{CurrentUser, User, Users},
};
use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;
use url::Url;

pub use self::transport::{Traffic, TransportError};
use self::{
    endpoints::{AnyGroupMember, Awards, GroupProjects, OwnToken, SshKeys, UpdateIssue},
    entities::{Account, Member, Posted, SshKey},
    transport::Transport,
};
use crate::{
    cookbook::Principal,
    forge::http::{ClientError, client},
    identity::{ForgeName, IssueNumber, IssueRef, NoteId, Person, ProjectId, Timestamp, UserId},
    notice::markdown::Markdown,
    ports::{
        PortError, Verdict,
        clock::Clock,
        finding::Finding,
        forge::{
            Abilities, Audience, Discussion, Forge, Issue, IssueUpdate, ListedProject, Reaction,
            Standing, UpdatedIssue, Wanted,
        },
    },
};

/// Developer, Maintainer, Owner.
pub const DEFAULT_APPROVER_LEVELS: [u64; 3] = [30, 40, 50];

/// Everything from guest to owner; a minimal access (5) is none to anything.
const MEMBER_LEVELS: [u64; 7] = [10, 15, 20, 25, 30, 40, 50];

/// How to reach a GitLab, and whom to believe there.
#[derive(Debug)]
pub struct GitLabSettings {
    /// Its address, as its users type it; may have a path (`https://example.org/gitlab`).
    pub url: Url,
    /// An access token with the `api` scope.
    pub token: SecretString,
    /// Certificates (PEM) to trust besides the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// The access levels that make somebody one of a group or project.
    pub approver_levels: Vec<u64>,
    /// How long one request may take.
    pub timeout: Duration,
}

/// Why a GitLab cannot be used as configured.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// Neither `http` nor `https`, or credentials in the address.
    #[error(
        "`{0}` is not the address of a GitLab: `https://HOST` or `https://HOST/PATH` is expected"
    )]
    Url(String),
    /// A token never holds line breaks or other control characters.
    #[error("the token holds characters no token has: was a line break copied with it?")]
    Token,
    /// The client could not be made.
    #[error("the connection could not be set up")]
    Client(#[from] ClientError),
}

/// A GitLab.
pub struct GitLab {
    name: ForgeName,
    transport: Transport,
    approver_levels: Vec<u64>,
    clock: Arc<dyn Clock>,
}

impl GitLab {
    /// Checks the settings; nothing is sent before it is needed, so that the
    /// service starts while GitLab is away.
    pub fn new(
        name: ForgeName,
        settings: GitLabSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SettingsError> {
        let url = settings.url;
        let acceptable = matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !acceptable {
            let host = url.host_str().unwrap_or_default();
            return Err(SettingsError::Url(format!("{}://{host}…", url.scheme())));
        }
        let token = settings.token.expose_secret();
        let mut token = HeaderValue::from_str(token).map_err(|_| SettingsError::Token)?;
        token.set_sensitive(true);
        let http = client(settings.timeout, settings.ca_pem.as_deref())?;
        Ok(Self {
            name,
            transport: Transport::new(http, url, token),
            approver_levels: settings.approver_levels,
            clock,
        })
    }

    /// How many requests were sent so far, for the metrics.
    #[must_use]
    pub fn traffic(&self) -> Arc<Traffic> {
        self.transport.traffic()
    }

    /// Turns an error of the crate into the port's, saying what was attempted.
    fn failed(&self, doing: impl Display) -> impl FnOnce(ApiError<TransportError>) -> PortError {
        move |error| errors::port_error(&self.name, doing.to_string(), error)
    }

    fn issue_of(&self, project: ProjectId, issue: entities::Issue) -> Issue {
        let number = IssueNumber(issue.iid);
        issue.into_port(IssueRef { forge: self.name.clone(), project, number })
    }

    async fn member_of(
        &self,
        who: UserId,
        principal: &Principal,
    ) -> Result<Option<Member>, PortError> {
        let doing = format!("look up account {who} in {principal}");
        let member = match principal {
            Principal::Group(group) => {
                AnyGroupMember { group, user: who.0 }.query_async(&self.transport).await
            }
            Principal::Project(project) => {
                let endpoint =
                    AllProjectMember::builder().project(project.as_str()).user(who.0).build();
                match endpoint {
                    Ok(endpoint) => endpoint.query_async(&self.transport).await,
                    Err(error) => Err(TransportError::request(error)),
                }
            }
            Principal::User(_) => return Ok(None),
        };
        let member = member.map_err(self.failed(doing));
        if let Err(error) = &member
            && error.verdict == Verdict::Missing
            && ["Group Not Found", "Project Not Found"]
                .iter()
                .any(|words| error.cause.to_string().contains(words))
        {
            tracing::warn!(%principal, reason = error.chain(), "nobody is a member of it");
        }
        found(member)
    }
}

/// A 404 while looking something up is an answer, not a failure.
fn found<T>(result: Result<T, PortError>) -> Result<Option<T>, PortError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.verdict == Verdict::Missing => Ok(None),
        Err(error) => Err(error),
    }
}

#[async_trait]
impl Forge for GitLab {
    fn abilities(&self) -> Abilities {
        Abilities { due_dates: true, confidential_issues: true, team_notes: true }
    }

    fn note_page(&self, issue_page: &str, note: NoteId) -> String {
        format!("{issue_page}#note_{note}")
    }

    fn new_issue_page(&self, issue_page: &str, template: &str) -> String {
        pages_of_people::new_issue(issue_page, template)
    }

    async fn own_account(&self) -> Result<Person, PortError> {
        let failed = self.failed(format!("ask {} who we are", self.name));
        let endpoint = match CurrentUser::builder().build() {
            Ok(endpoint) => endpoint,
            Err(error) => return Err(failed(TransportError::request(error))),
        };
        let account: Account = endpoint.query_async(&self.transport).await.map_err(failed)?;
        Ok(account.person())
    }

    async fn issue(&self, issue: &IssueRef) -> Result<Issue, PortError> {
        let doing = format!("read {issue}");
        let entity: entities::Issue = async {
            api::projects::issues::Issue::builder()
                .project(issue.project.0)
                .issue(issue.number.0)
                .build()
                .map_err(TransportError::request)?
                .query_async(&self.transport)
                .await
        }
        .await
        .map_err(self.failed(&doing))?;
        if entity.moved_to_id.is_some() {
            return Err(PortError::missing(doing, "it was moved to another project"));
        }
        Ok(entity.into_port(issue.clone()))
    }

    async fn discussion(&self, issue: &IssueRef) -> Result<Discussion, PortError> {
        let notes = async {
            let endpoint = IssueNotes::builder()
                .project(issue.project.0)
                .issue(issue.number.0)
                .sort(SortOrder::Ascending)
                .build()
                .map_err(TransportError::request)?;
            pages::all(&self.transport, &endpoint).await
        }
        .await
        .map_err(self.failed(format!("read the comments of {issue}")))?;
        Ok(entities::Note::into_discussion(notes))
    }

    async fn moved_to(&self, _issue: &IssueRef) -> Result<Option<IssueRef>, PortError> {
        Ok(None)
    }

    async fn reactions(
        &self,
        issue: &IssueRef,
        note: Option<NoteId>,
    ) -> Result<Vec<Reaction>, PortError> {
        let awards: Vec<entities::Award> = pages::all(&self.transport, &Awards { issue, note })
            .await
            .map_err(self.failed(format!("read the emoji on {issue}")))?;
        Ok(awards.into_iter().map(entities::Award::into_port).collect())
    }

    async fn issues_updated_since(
        &self,
        project: ProjectId,
        since: Timestamp,
    ) -> Result<Vec<UpdatedIssue>, PortError> {
        let issues = poll::updated_since(&self.transport, project, since)
            .await
            .map_err(self.failed(format!("list changed issues of {}:{project}", self.name)))?;
        let updated = |issue: entities::ListedIssue| UpdatedIssue {
            reference: IssueRef {
                forge: self.name.clone(),
                project,
                number: IssueNumber(issue.iid),
            },
            updated_at: issue.updated_at,
        };
        Ok(issues.into_iter().map(updated).collect())
    }

    async fn issues_by(&self, project: ProjectId, author: UserId) -> Result<Vec<Issue>, PortError> {
        let issues: Vec<entities::Issue> = async {
            let endpoint = Issues::builder()
                .project(project.0)
                .author(author.0)
                .scope(IssueScope::All)
                .order_by(IssueOrderBy::CreatedAt)
                .sort(SortOrder::Ascending)
                .build()
                .map_err(TransportError::request)?;
            pages::all(&self.transport, &endpoint).await
        }
        .await
        .map_err(self.failed(format!("list our issues of {}:{project}", self.name)))?;
        Ok(issues.into_iter().map(|issue| self.issue_of(project, issue)).collect())
    }

    async fn file_issue(
        &self,
        project: ProjectId,
        title: &str,
        description: &Markdown,
    ) -> Result<Issue, PortError> {
        let filed: entities::Issue = async {
            CreateIssue::builder()
                .project(project.0)
                .title(title)
                .description(description.as_str())
                .build()
                .map_err(TransportError::request)?
                .query_async(&self.transport)
                .await
        }
        .await
        .map_err(self.failed(format!("file an issue in {}:{project}", self.name)))?;
        Ok(self.issue_of(project, filed))
    }

    async fn post_note(
        &self,
        issue: &IssueRef,
        body: &Markdown,
        audience: Audience,
    ) -> Result<NoteId, PortError> {
        let doing = format!("post a comment on {issue}");
        let posted: Posted = async {
            let mut endpoint = CreateIssueNote::builder();
            endpoint.project(issue.project.0).issue(issue.number.0).body(body.as_str());
            if audience == Audience::Team {
                endpoint.internal(true);
            }
            endpoint.build().map_err(TransportError::request)?.query_async(&self.transport).await
        }
        .await
        .map_err(self.failed(&doing))?;
        posted.id.map(NoteId).ok_or_else(|| {
            PortError::give_up(
                doing,
                "GitLab took the whole text for quick actions, carried them out, and posted nothing",
            )
            .advice("a template begins a line with `/`: change it, and look at what the issue became")
        })
    }

    async fn edit_note(
        &self,
        issue: &IssueRef,
        note: NoteId,
        body: &Markdown,
    ) -> Result<(), PortError> {
        async {
            let endpoint = EditIssueNote::builder()
                .project(issue.project.0)
                .issue(issue.number.0)
                .note(note.0)
                .body(body.as_str())
                .build()
                .map_err(TransportError::request)?;
            api::ignore(endpoint).query_async(&self.transport).await
        }
        .await
        .map_err(self.failed(format!("edit comment {note} on {issue}")))
    }

    async fn delete_note(&self, issue: &IssueRef, note: NoteId) -> Result<(), PortError> {
        let deleted = async {
            let endpoint = DeleteIssueNote::builder()
                .project(issue.project.0)
                .issue(issue.number.0)
                .note(note.0)
                .build()
                .map_err(TransportError::request)?;
            api::ignore(endpoint).query_async(&self.transport).await
        }
        .await
        .map_err(self.failed(format!("delete comment {note} on {issue}")));
        found(deleted).map(|_| ())
    }

    async fn update_issue(&self, issue: &IssueRef, update: &IssueUpdate) -> Result<(), PortError> {
        if update.is_empty() {
            return Ok(());
        }
        let doing = format!("update {issue}");
        let labels = update.add_labels.iter().chain(&update.remove_labels);
        if let Some(label) = labels.into_iter().find(|label| label.contains(',')) {
            return Err(PortError::give_up(doing, format!("the label `{label}` holds a comma"))
                .advice("GitLab separates labels by commas: configure another label"));
        }
        api::ignore(UpdateIssue { issue, update })
            .query_async(&self.transport)
            .await
            .map_err(self.failed(doing))
    }

    async fn person_named(&self, username: &str) -> Result<Option<Person>, PortError> {
        let accounts: Vec<Account> = async {
            Users::builder()
                .username(username)
                .build()
                .map_err(TransportError::request)?
                .query_async(&self.transport)
                .await
        }
        .await
        .map_err(self.failed(format!("look up account `{username}` on {}", self.name)))?;
        match accounts.iter().find(|account| account.username.eq_ignore_ascii_case(username)) {
            // The list leaves out whether it is a bot.
            Some(account) => self.person(UserId(account.id)).await,
            None => Ok(None),
        }
    }

    async fn person(&self, id: UserId) -> Result<Option<Person>, PortError> {
        let account = async {
            User::builder()
                .user(id.0)
                .build()
                .map_err(TransportError::request)?
                .query_async(&self.transport)
                .await
        }
        .await
        .map_err(self.failed(format!("look up account {id} on {}", self.name)));
        let account: Option<Account> = found(account)?;
        Ok(account.filter(Account::is_active_person).map(|account| account.person()))
    }

    async fn is_among(
        &self,
        who: UserId,
        principal: &Principal,
        standing: Standing,
    ) -> Result<bool, PortError> {
        if let Principal::User(username) = principal {
            return Ok(self.person_named(username).await?.is_some_and(|person| person.id == who));
        }
        let member = self.member_of(who, principal).await?;
        let levels: &[u64] = match standing {
            Standing::Member => &MEMBER_LEVELS,
            Standing::Trusted => &self.approver_levels,
        };
        Ok(member.is_some_and(|member| member.counts(levels, self.clock.now())))
    }

    async fn ssh_keys(&self, who: UserId) -> Result<Vec<String>, PortError> {
        let keys: Vec<SshKey> = pages::all(&self.transport, &SshKeys { user: who.0 })
            .await
            .map_err(self.failed(format!("read the SSH keys of account {who}")))?;
        let now = self.clock.now();
        Ok(keys.into_iter().filter(|key| key.signs_in(now)).map(|key| key.key).collect())
    }

    async fn projects_of(&self, group: &str) -> Result<Vec<ListedProject>, PortError> {
        let listed: Vec<entities::ListedProject> =
            pages::all(&self.transport, &GroupProjects { group })
                .await
                .map_err(self.failed(format!("list the projects of group `{group}`")))?;
        let project = |listed: entities::ListedProject| ListedProject {
            id: ProjectId(listed.id),
            path: listed.path_with_namespace,
        };
        Ok(listed.into_iter().map(project).collect())
    }

    async fn credential_ends(&self) -> Result<Option<NaiveDate>, PortError> {
        let token: entities::Token = OwnToken
            .query_async(&self.transport)
            .await
            .map_err(self.failed(format!("ask {} about our token", self.name)))?;
        Ok(token.expires_at)
    }

    async fn examine(&self, _wanted: &Wanted) -> Vec<Finding> {
        Vec::new()
    }
}
