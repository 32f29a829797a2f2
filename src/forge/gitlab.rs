//! GitLab, through its REST API (version 4).
//!
//! Endpoints are the `gitlab` crate's; how requests travel (`transport.rs`),
//! how lists are read (`pages.rs`) and what errors mean (`errors.rs`) is ours.

mod accounts;
mod endpoints;
mod entities;
mod errors;
mod examine;
#[cfg(fuzzing)]
pub mod fuzzing;
mod issues;
mod membership;
mod moved;
mod notes;
mod pages;
mod pages_of_people;
mod poll;
mod projects;
mod setup;
#[cfg(test)]
mod tests;
mod token;
mod transport;
pub mod webhook;

use std::{fmt::Display, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::NaiveDate;
use gitlab::api::ApiError;
use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;
use url::Url;

use self::transport::Transport;
pub use self::transport::{Traffic, TransportError};
use crate::{
    cookbook::Principal,
    forge::http::{ClientError, client, is_base},
    identity::{ForgeName, IssueRef, NoteId, Person, ProjectId, Timestamp, UserId},
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
        if !is_base(&url) {
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
        Abilities {
            due_dates: true,
            confidential_issues: true,
            team_notes: true,
            marked_templates: true,
        }
    }

    fn note_page(&self, issue_page: &str, note: NoteId) -> String {
        format!("{issue_page}#note_{note}")
    }

    fn new_issue_page(&self, issue_page: &str, template: &str) -> String {
        pages_of_people::new_issue(issue_page, template)
    }

    async fn own_account(&self) -> Result<Person, PortError> {
        accounts::own(self).await
    }

    async fn issue(&self, issue: &IssueRef) -> Result<Issue, PortError> {
        issues::one(self, issue).await
    }

    async fn moved_to(&self, issue: &IssueRef) -> Result<Option<IssueRef>, PortError> {
        moved::destination(self, issue).await
    }

    async fn discussion(&self, issue: &IssueRef) -> Result<Discussion, PortError> {
        notes::discussion(self, issue).await
    }

    async fn reactions(
        &self,
        issue: &IssueRef,
        note: Option<NoteId>,
    ) -> Result<Vec<Reaction>, PortError> {
        notes::reactions(self, issue, note).await
    }

    async fn issues_updated_since(
        &self,
        project: ProjectId,
        since: Timestamp,
    ) -> Result<Vec<UpdatedIssue>, PortError> {
        issues::updated_since(self, project, since).await
    }

    async fn issues_by(&self, project: ProjectId, author: UserId) -> Result<Vec<Issue>, PortError> {
        issues::by(self, project, author).await
    }

    async fn file_issue(
        &self,
        project: ProjectId,
        title: &str,
        description: &Markdown,
    ) -> Result<Issue, PortError> {
        issues::file(self, project, title, description).await
    }

    async fn post_note(
        &self,
        issue: &IssueRef,
        body: &Markdown,
        audience: Audience,
    ) -> Result<NoteId, PortError> {
        notes::post(self, issue, body, audience).await
    }

    async fn edit_note(
        &self,
        issue: &IssueRef,
        note: NoteId,
        body: &Markdown,
    ) -> Result<(), PortError> {
        notes::edit(self, issue, note, body).await
    }

    async fn delete_note(&self, issue: &IssueRef, note: NoteId) -> Result<(), PortError> {
        notes::delete(self, issue, note).await
    }

    async fn update_issue(&self, issue: &IssueRef, update: &IssueUpdate) -> Result<(), PortError> {
        issues::update(self, issue, update).await
    }

    async fn person_named(&self, username: &str) -> Result<Option<Person>, PortError> {
        accounts::named(self, username).await
    }

    async fn person(&self, id: UserId) -> Result<Option<Person>, PortError> {
        accounts::numbered(self, id).await
    }

    async fn is_among(
        &self,
        who: UserId,
        principal: &Principal,
        standing: Standing,
    ) -> Result<bool, PortError> {
        membership::is_among(self, who, principal, standing).await
    }

    async fn ssh_keys(&self, who: UserId) -> Result<Vec<String>, PortError> {
        accounts::ssh_keys(self, who).await
    }

    async fn projects_of(&self, group: &str) -> Result<Vec<ListedProject>, PortError> {
        projects::of(self, group).await
    }

    async fn credential_ends(&self) -> Result<Option<NaiveDate>, PortError> {
        Ok(token::own(self).await?.and_then(|token| token.ends()))
    }

    async fn examine(&self, wanted: &Wanted) -> Vec<Finding> {
        examine::everything(self, wanted).await
    }
}
