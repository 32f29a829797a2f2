//! GitHub, through its REST API: github.com and Enterprise servers.
//!
//! Requests are octocrab's; how they travel (`transport.rs`), in whose name
//! (`credentials.rs`), under which repository's name (`client.rs`, `names.rs`),
//! how lists are read (`pages.rs`, `poll.rs`) and what errors mean
//! (`errors.rs`) is ours.

mod client;
mod credentials;
mod editors;
mod entities;
mod errors;
mod examine;
#[cfg(fuzzing)]
pub mod fuzzing;
mod limits;
mod members;
mod names;
mod pages;
mod pages_of_people;
mod poll;
mod setup;
#[cfg(test)]
mod tests;
mod transport;
pub mod webhook;

use std::{collections::BTreeMap, fmt::Display, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::NaiveDate;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};
use thiserror::Error;
use url::Url;

use self::{
    client::Client,
    credentials::{Signer, Whom},
    entities::{Account, Comment, InstalledRepositories, Numbered, Repository, SshKey},
    members::found,
    names::{Names, is_name},
    transport::{Transport, header},
};
pub use self::{credentials::Credentials, editors::SOMEBODY, transport::TransportError};
use crate::{
    cookbook::Principal,
    forge::{
        http::{ClientError, client, is_base},
        traffic::Traffic,
    },
    identity::{ForgeName, IssueNumber, IssueRef, NoteId, Person, ProjectId, Timestamp, UserId},
    notice::markdown::Markdown,
    ports::{
        PortError,
        clock::Clock,
        finding::Finding,
        forge::{
            Abilities, Audience, Discussion, Forge, Issue, IssueUpdate, ListedProject, Reaction,
            Standing, UpdatedIssue, Wanted,
        },
    },
};

/// The roles that may change a repository.
pub const DEFAULT_TRUSTED_ROLES: [&str; 3] = ["write", "maintain", "admin"];

/// Why a label cannot be taken off an issue that has not got it.
const NO_SUCH_LABEL: &str = "Label does not exist";

/// When a token ends; on every answer to one that does.
const TOKEN_ENDS: HeaderName = HeaderName::from_static("github-authentication-token-expiration");

/// How to reach a GitHub, and whom to believe there.
#[derive(Debug)]
pub struct GitHubSettings {
    /// Where its API is: `https://api.github.com/`, or
    /// `https://HOST/api/v3/` of an Enterprise server.
    pub api: Url,
    /// What to sign in with.
    pub credentials: Credentials,
    /// Certificates (PEM) to trust besides the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// The repositories' names (`owner/name`) by their numbers. The number
    /// counts; the name is where to look first.
    pub repositories: BTreeMap<ProjectId, String>,
    /// The roles in a repository that make somebody one of those who decide.
    pub trusted_roles: Vec<String>,
    /// How long one request may take.
    pub timeout: Duration,
}

/// Why the settings cannot work.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// Neither `http` nor `https`, or credentials in the address.
    #[error(
        "`{0}` is not the address of a GitHub API: `https://api.github.com/` or \
         `https://HOST/api/v3/` is expected"
    )]
    Url(String),
    /// A token never holds line breaks or other control characters.
    #[error("the token is empty, or holds characters no token has")]
    Token,
    /// The key file is something else.
    #[error(
        "the App's key is not the one GitHub made for it: a PEM file that begins with \
         `-----BEGIN RSA PRIVATE KEY-----` is expected"
    )]
    Key,
    /// Not `owner/name`.
    #[error("`{0}` is not a repository's name: `OWNER/NAME` is expected")]
    Repository(String),
    /// The client could not be made.
    #[error("the connection could not be set up")]
    Client(#[from] ClientError),
}

/// A GitHub.
pub struct GitHub {
    name: ForgeName,
    client: Client,
    memory: poll::Memory,
    trusted_roles: Vec<String>,
}

impl GitHub {
    /// Checks the settings; nothing is sent before it is needed, so that the
    /// service starts while GitHub is away.
    pub fn new(
        name: ForgeName,
        settings: GitHubSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SettingsError> {
        let api = settings.api;
        if !is_base(&api) {
            let host = api.host_str().unwrap_or_default();
            return Err(SettingsError::Url(format!("{}://{host}…", api.scheme())));
        }
        if let Some(name) = settings.repositories.values().find(|name| !is_name(name)) {
            return Err(SettingsError::Repository(name.clone()));
        }
        let signer = Signer::new(settings.credentials)?;
        let http = client(settings.timeout, settings.ca_pem.as_deref())?;
        let transport = Transport::new(http, api, Arc::clone(&clock));
        let names = Names::new(settings.repositories);
        Ok(Self {
            name,
            client: Client::new(transport, signer, names, clock),
            memory: poll::Memory::default(),
            trusted_roles: settings.trusted_roles,
        })
    }

    /// How many requests were sent so far, for the metrics.
    #[must_use]
    pub fn traffic(&self) -> Arc<Traffic> {
        self.client.traffic()
    }

    /// Turns our error into the port's, saying what was attempted.
    fn failed(&self, doing: impl Display) -> impl FnOnce(TransportError) -> PortError {
        move |error| errors::port_error(&self.name, doing.to_string(), error)
    }

    fn reference(&self, project: ProjectId, number: IssueNumber) -> IssueRef {
        IssueRef { forge: self.name.clone(), project, number }
    }

    async fn list_repositories(&self, owner: &str) -> Result<Vec<Repository>, TransportError> {
        let mut list = Vec::new();
        if self.client.signer().app().is_some() {
            let url = self.client.url(&["installation", "repositories"])?;
            for page in self.client.pages(Whom::Owner(owner), url).await? {
                list.append(&mut page.json::<InstalledRepositories>()?.repositories);
            }
            list.retain(|repository| repository.is_of(owner));
        } else {
            let url = self.client.url(&["orgs", owner, "repos"])?;
            list = self.client.list(Whom::Owner(owner), url).await?;
        }
        list.retain(|listed| {
            !listed.is_frozen() && listed.has_issues() && is_name(&listed.full_name)
        });
        Ok(list)
    }

    async fn change_labels(
        &self,
        issue: &IssueRef,
        update: &IssueUpdate,
    ) -> Result<(), TransportError> {
        if !update.add_labels.is_empty() {
            let url = self.client.url_of(issue, &["labels"]).await?;
            let labels = json!({"labels": update.add_labels});
            // A proxy's page is no proof that anything was done.
            let answer = self.client.write(issue.project, Method::POST, url, Some(labels)).await?;
            answer.json::<IgnoredAny>()?;
        }
        for label in &update.remove_labels {
            let url = self.client.url_of(issue, &["labels", label]).await?;
            match self.client.write(issue.project, Method::DELETE, url, None).await {
                Ok(answer) => drop(answer.json::<IgnoredAny>()?),
                // Somebody took it off meanwhile.
                Err(TransportError::Refused { status: StatusCode::NOT_FOUND, message, .. })
                    if message.contains(NO_SUCH_LABEL) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// `2026-12-31 23:59:59 UTC`, of which the day is enough.
fn token_ends(headers: &HeaderMap) -> Option<NaiveDate> {
    header(headers, &TOKEN_ENDS)?.get(..10)?.parse().ok()
}

#[async_trait]
impl Forge for GitHub {
    fn abilities(&self) -> Abilities {
        Abilities {
            due_dates: false,
            confidential_issues: false,
            team_notes: false,
            marked_templates: false,
        }
    }

    fn note_page(&self, issue_page: &str, note: NoteId) -> String {
        pages_of_people::note(issue_page, note)
    }

    fn new_issue_page(&self, issue_page: &str, template: &str) -> String {
        pages_of_people::new_issue(issue_page, template)
    }

    async fn own_account(&self) -> Result<Person, PortError> {
        async {
            let url = match self.client.signer() {
                Signer::Token(_) => self.client.url(&["user"])?,
                Signer::App(_) => {
                    let url = self.client.url(&["app"])?;
                    let app: entities::App = self.client.read(Whom::App, url).await?;
                    self.client.url(&["users", &format!("{}[bot]", app.slug)])?
                }
            };
            let account: Account = self.client.read(Whom::Anyone, url).await?;
            Ok(account.person())
        }
        .await
        .map_err(self.failed(format!("ask {} who we are", self.name)))
    }

    async fn issue(&self, issue: &IssueRef) -> Result<Issue, PortError> {
        let doing = format!("read {issue}");
        let entity: entities::Issue = async {
            let url = self.client.url_of(issue, &[]).await?;
            self.client.read(Whom::Repository(issue.project), url).await
        }
        .await
        .map_err(self.failed(&doing))?;
        if entity.is_pull_request() {
            return Err(PortError::missing(doing, "it is a pull request"));
        }
        if entity.number != issue.number.0 {
            return Err(PortError::missing(doing, "it bears another number now"));
        }
        Ok(entity.into_port(issue.clone()))
    }

    async fn moved_to(&self, issue: &IssueRef) -> Result<Option<IssueRef>, PortError> {
        let found = found(self.client.trace(issue).await)
            .map_err(self.failed(format!("find where {issue} went")))?;
        let place = found.flatten().map(|(project, number)| self.reference(project, number));
        Ok(place.filter(|place| place != issue))
    }

    async fn discussion(&self, issue: &IssueRef) -> Result<Discussion, PortError> {
        async {
            let url = self.client.url_of(issue, &["comments"]).await?;
            let comments: Vec<Comment> =
                self.client.list(Whom::Repository(issue.project), url).await?;
            let description_editors = editors::editors(&self.client, issue).await?;
            Ok(Discussion { notes: Comment::into_notes(comments), description_editors })
        }
        .await
        .map_err(self.failed(format!("read the comments of {issue}")))
    }

    async fn reactions(
        &self,
        issue: &IssueRef,
        note: Option<NoteId>,
    ) -> Result<Vec<Reaction>, PortError> {
        let list: Vec<entities::Reaction> = async {
            let url = match note {
                None => self.client.url_of(issue, &["reactions"]).await?,
                Some(note) => {
                    let segments = ["issues", "comments", &note.to_string(), "reactions"];
                    self.client.url_in(issue.project, &segments).await?
                }
            };
            self.client.list(Whom::Repository(issue.project), url).await
        }
        .await
        .map_err(self.failed(format!("read the emoji on {issue}")))?;
        Ok(list.into_iter().map(entities::Reaction::into_port).collect())
    }

    async fn issues_updated_since(
        &self,
        project: ProjectId,
        since: Timestamp,
    ) -> Result<Vec<UpdatedIssue>, PortError> {
        let changed = poll::updated_since(&self.client, &self.memory, project, since)
            .await
            .map_err(self.failed(format!("list changed issues of {}:{project}", self.name)))?;
        let updated = |(number, updated_at)| UpdatedIssue {
            reference: self.reference(project, number),
            updated_at,
        };
        Ok(changed.into_iter().map(updated).collect())
    }

    async fn issues_by(&self, project: ProjectId, author: UserId) -> Result<Vec<Issue>, PortError> {
        let list: Vec<entities::Issue> = async {
            let Some(creator) = members::login(&self.client, author).await? else {
                return Ok(Vec::new());
            };
            let mut url = self.client.url_in(project, &["issues"]).await?;
            url.query_pairs_mut()
                .append_pair("creator", &creator)
                .append_pair("state", "all")
                .append_pair("sort", "created")
                .append_pair("direction", "asc");
            self.client.list(Whom::Repository(project), url).await
        }
        .await
        .map_err(self.failed(format!("list our issues of {}:{project}", self.name)))?;
        let issues = list.into_iter().filter(|issue| !issue.is_pull_request()).map(|issue| {
            let reference = self.reference(project, IssueNumber(issue.number));
            issue.into_port(reference)
        });
        // Names change hands; the number is what was asked for.
        Ok(issues.filter(|issue| issue.author.id == author).collect())
    }

    async fn file_issue(
        &self,
        project: ProjectId,
        title: &str,
        description: &Markdown,
    ) -> Result<Issue, PortError> {
        let filed: entities::Issue = async {
            let url = self.client.url_in(project, &["issues"]).await?;
            let body = json!({"title": title, "body": description.as_str()});
            self.client.write(project, Method::POST, url, Some(body)).await?.json()
        }
        .await
        .map_err(self.failed(format!("file an issue in {}:{project}", self.name)))?;
        let reference = self.reference(project, IssueNumber(filed.number));
        Ok(filed.into_port(reference))
    }

    async fn post_note(
        &self,
        issue: &IssueRef,
        body: &Markdown,
        audience: Audience,
    ) -> Result<NoteId, PortError> {
        let doing = format!("post a comment on {issue}");
        if audience == Audience::Team {
            return Err(PortError::give_up(doing, "GitHub has no comments for members alone"));
        }
        let posted: Numbered = async {
            let url = self.client.url_of(issue, &["comments"]).await?;
            let body = json!({"body": body.as_str()});
            self.client.write(issue.project, Method::POST, url, Some(body)).await?.json()
        }
        .await
        .map_err(self.failed(doing))?;
        Ok(NoteId(posted.id))
    }

    async fn edit_note(
        &self,
        issue: &IssueRef,
        note: NoteId,
        body: &Markdown,
    ) -> Result<(), PortError> {
        async {
            let segments = ["issues", "comments", &note.to_string()];
            let url = self.client.url_in(issue.project, &segments).await?;
            let body = json!({"body": body.as_str()});
            self.client.write(issue.project, Method::PATCH, url, Some(body)).await
        }
        .await
        .map(drop)
        .map_err(self.failed(format!("edit comment {note} on {issue}")))
    }

    async fn delete_note(&self, issue: &IssueRef, note: NoteId) -> Result<(), PortError> {
        let deleted = async {
            let segments = ["issues", "comments", &note.to_string()];
            let url = self.client.url_in(issue.project, &segments).await?;
            self.client.write(issue.project, Method::DELETE, url, None).await
        }
        .await;
        found(deleted).map(drop).map_err(self.failed(format!("delete comment {note} on {issue}")))
    }

    /// Due dates and confidentiality are left out: GitHub has neither.
    async fn update_issue(&self, issue: &IssueRef, update: &IssueUpdate) -> Result<(), PortError> {
        async {
            self.change_labels(issue, update).await?;
            let Some(open) = update.open else { return Ok(()) };
            let (state, reason) = if open { ("open", "reopened") } else { ("closed", "completed") };
            let mut body = Map::new();
            body.insert("state".to_owned(), state.into());
            body.insert("state_reason".to_owned(), reason.into());
            let url = self.client.url_of(issue, &[]).await?;
            let body = Some(Value::Object(body));
            let answer = self.client.write(issue.project, Method::PATCH, url, body).await?;
            answer.json::<IgnoredAny>().map(drop)
        }
        .await
        .map_err(self.failed(format!("update {issue}")))
    }

    async fn person_named(&self, username: &str) -> Result<Option<Person>, PortError> {
        members::named(&self.client, username)
            .await
            .map_err(self.failed(format!("look up account `{username}` on {}", self.name)))
    }

    async fn person(&self, id: UserId) -> Result<Option<Person>, PortError> {
        members::numbered(&self.client, id)
            .await
            .map_err(self.failed(format!("look up account {id} on {}", self.name)))
    }

    async fn is_among(
        &self,
        who: UserId,
        principal: &Principal,
        standing: Standing,
    ) -> Result<bool, PortError> {
        members::is_among(&self.client, who, principal, standing, &self.trusted_roles)
            .await
            .map_err(self.failed(format!("look up account {who} in {principal}")))
    }

    async fn ssh_keys(&self, who: UserId) -> Result<Vec<String>, PortError> {
        let keys: Vec<SshKey> = async {
            let Some(person) = members::numbered(&self.client, who).await? else {
                return Ok(Vec::new());
            };
            let url = self.client.url(&["users", &person.username, "keys"])?;
            self.client.list(Whom::Anyone, url).await
        }
        .await
        .map_err(self.failed(format!("read the SSH keys of account {who}")))?;
        Ok(keys.into_iter().map(|key| key.key).collect())
    }

    async fn projects_of(&self, group: &str) -> Result<Vec<ListedProject>, PortError> {
        let listed = self
            .list_repositories(group)
            .await
            .map_err(self.failed(format!("list the repositories of `{group}`")))?;
        let project = |listed: Repository| {
            let id = ProjectId(listed.id);
            self.client.names().learn(id, &listed.full_name, self.client.now());
            ListedProject { id, path: listed.full_name }
        };
        Ok(listed.into_iter().map(project).collect())
    }

    async fn credential_ends(&self) -> Result<Option<NaiveDate>, PortError> {
        if self.client.signer().app().is_some() {
            return Ok(None);
        }
        let answer = async { self.client.get(Whom::Anyone, self.client.url(&["user"])?).await }
            .await
            .map_err(self.failed(format!("ask {} about our token", self.name)))?;
        Ok(token_ends(&answer.headers))
    }

    async fn examine(&self, wanted: &Wanted) -> Vec<Finding> {
        examine::examine(self, wanted).await
    }
}
