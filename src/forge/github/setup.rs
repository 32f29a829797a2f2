//! Setting up a repository on GitHub: what is there, and how each step is done.

mod files;
mod webhook;

use std::collections::BTreeMap;

use async_trait::async_trait;
use http::{Method, StatusCode};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

use super::{
    GitHub,
    credentials::{Signer, Whom},
    entities::Permission,
    members::{found, permission_of},
    names::is_name,
    transport::TransportError,
};
use crate::{
    identity::{Person, ProjectId},
    ports::{PortError, Verdict, forge::Forge as _, setup::Setup},
    setup::{Account, Deed, Events, Label, Obstacle, Outcome, Place, Present, Seen, Wanted},
};

/// The roles that let somebody label and close issues.
const TENDS_ISSUES: [&str; 4] = ["triage", "write", "maintain", "admin"];

#[derive(Deserialize)]
struct FoundRepository {
    id: u64,
    full_name: String,
    html_url: String,
    default_branch: Option<String>,
    #[serde(default)]
    archived: bool,
    /// What we may do; told to tokens alone.
    permissions: Option<BTreeMap<String, bool>>,
}

#[derive(Deserialize)]
struct FoundLabel {
    name: String,
}

#[async_trait]
impl Setup for GitHub {
    async fn place(&self, named: &str) -> Result<Place, PortError> {
        let doing = format!("find repository {named} on {}", self.name);
        let (repository, has_commits) = async {
            let repository = self.repository(named).await?;
            let id = ProjectId(repository.id);
            let has_commits = match &repository.default_branch {
                Some(branch) => self.has_commits(id, branch).await?,
                None => false,
            };
            Ok((repository, has_commits))
        }
        .await
        .map_err(self.failed(doing))?;
        Ok(Place {
            id: ProjectId(repository.id),
            path: repository.full_name,
            page: repository.html_url,
            default_branch: repository.default_branch.filter(|_| has_commits),
            archived: repository.archived,
        })
    }

    async fn survey(&self, place: &Place, wanted: &Wanted, service: &Person) -> Present {
        let (no_labels, no_proposals) = match self.rights(place).await {
            Ok(rights) => (
                rights.lacks(place, "issues", "label"),
                rights.lacks(place, "contents", "make branches"),
            ),
            Err(error) => (Some(obstacle(&error)), Some(obstacle(&error))),
        };
        Present {
            place: place.clone(),
            account: self.service_account(place, service).await,
            labels: self.labels(place).await,
            labels_ignore_case: true,
            no_labels,
            webhooks: match &wanted.events {
                Events::Webhook(webhook) => self.webhooks(place, webhook).await,
                Events::Otherwise(_) => Ok(Vec::new()),
            },
            templates: self.templates(place, &wanted.templates).await,
            no_proposals,
        }
    }

    async fn carry_out(
        &self,
        place: &Place,
        deed: &Deed,
        secret: &SecretString,
    ) -> Result<Outcome, PortError> {
        match deed {
            Deed::CreateLabel(label) => self.create_label(place, label).await,
            Deed::CreateWebhook { url, .. } => self.create_webhook(place, url, secret).await,
            Deed::CorrectWebhook { id, secret: set, .. } => {
                self.correct_webhook(place, *id, set.is_some().then_some(secret)).await
            }
            Deed::Propose(proposal) => self.propose(place, proposal).await,
        }
    }
}

/// What we may do in a repository.
enum Rights {
    /// By the role of the token's account.
    Token { username: String, may: BTreeMap<String, bool> },
    /// By what the App was given.
    App { may: BTreeMap<String, String> },
}

impl Rights {
    /// What keeps us from something that takes write access, and as an App,
    /// that permission.
    fn lacks(&self, place: &Place, permission: &str, what: &str) -> Option<Obstacle> {
        match self {
            // A token that does not tell is tried.
            Self::Token { may, .. } if may.get("push") != Some(&false) => None,
            Self::Token { username, .. } => Some(Obstacle {
                why: format!("`{username}` may not {what} here."),
                by_hand: format!(
                    "Give `{username}` the role Write, or run this with `--token-file` and the token of somebody who has it: {}/settings/access",
                    place.page
                ),
            }),
            Self::App { may } => {
                let writes = may.get(permission).is_some_and(|level| level == "write");
                (!writes).then(|| Obstacle {
                    why: format!("The App may not {what} here."),
                    by_hand: format!(
                        "Give the App the permission to write {permission}, or run this with `--token-file` and the token of somebody with the role Write or above"
                    ),
                })
            }
        }
    }
}

impl GitHub {
    async fn repository(&self, named: &str) -> Result<FoundRepository, TransportError> {
        if let Ok(id) = named.parse().map(ProjectId) {
            let url = self.client.url_in(id, &[]).await?;
            return self.client.read(Whom::Repository(id), url).await;
        }
        match named.split_once('/') {
            Some((owner, name)) if is_name(named) => {
                let url = self.client.url(&["repos", owner, name])?;
                self.client.read(Whom::Owner(owner), url).await
            }
            _ => Err(TransportError::Request("it is not OWNER/REPOSITORY".into())),
        }
    }

    async fn rights(&self, place: &Place) -> Result<Rights, PortError> {
        let Signer::App(app) = self.client.signer() else {
            let username = self.own_account().await?.username;
            let doing = format!("ask what we may do in {}", place.path);
            let found = self.repository(&place.id.to_string()).await.map_err(self.failed(doing))?;
            return Ok(Rights::Token { username, may: found.permissions.unwrap_or_default() });
        };
        let installation = app
            .installation(&self.client, &place.path)
            .await
            .map_err(self.failed(format!("look up the App's installation for {}", place.path)))?;
        Ok(Rights::App { may: installation.permissions })
    }

    async fn service_account(&self, place: &Place, service: &Person) -> Seen<Account> {
        let account = |role: Option<String>, suffices| Account {
            username: service.username.clone(),
            role,
            suffices,
            needed: "a member with the role Triage",
            by: "An admin of the repository",
            members_page: format!("{}/settings/access", place.page),
        };
        if service.username.ends_with("[bot]") {
            // An App works where it is installed, by what it was given there.
            return Ok(account(Some("GitHub App".to_owned()), true));
        }
        let permission: Option<Permission> = async {
            let repository = self.client.url_in(place.id, &[]).await?;
            let url = permission_of(&repository, service);
            found(self.client.read(Whom::Repository(place.id), url).await)
        }
        .await
        .map_err(self.failed(format!("look up {} in {}", service.username, place.path)))
        .map_err(|error| obstacle(&error))?;
        let role = permission
            .map(|permission| permission.role_name.unwrap_or(permission.base))
            .filter(|role| role != "none");
        let suffices = role.as_deref().is_some_and(|role| TENDS_ISSUES.contains(&role));
        Ok(account(role.map(|role| format!("member with the role {role}")), suffices))
    }

    async fn labels(&self, place: &Place) -> Seen<Vec<String>> {
        let labels: Result<Vec<FoundLabel>, _> = async {
            let url = self.client.url_in(place.id, &["labels"]).await?;
            self.client.list(Whom::Repository(place.id), url).await
        }
        .await
        .map_err(self.failed(format!("list the labels of {}", place.path)));
        match labels {
            Ok(labels) => Ok(labels.into_iter().map(|label| label.name).collect()),
            Err(error) => Err(obstacle(&error)),
        }
    }

    async fn create_label(&self, place: &Place, label: &Label) -> Result<Outcome, PortError> {
        let created = async {
            let url = self.client.url_in(place.id, &["labels"]).await?;
            let body = json!({
                "name": label.name,
                "color": label.colour.trim_start_matches('#'),
                "description": label.description,
            });
            self.client.write(place.id, Method::POST, url, Some(body)).await
        }
        .await;
        match created {
            // Made by somebody else meanwhile.
            Err(error) if already_exists(&error) => Ok(Outcome::default()),
            created => created
                .map(|_| Outcome::default())
                .map_err(self.failed(format!("make label `{}` in {}", label.name, place.path)))
                .map_err(|error| needs(error, "Labels are made by those who may write.")),
        }
    }
}

/// The answer to making what is there.
fn already_exists(error: &TransportError) -> bool {
    let said = error.to_string();
    error.status() == Some(StatusCode::UNPROCESSABLE_ENTITY)
        && ["already_exists", "already exists"].iter().any(|words| said.contains(words))
}

fn status(error: &PortError) -> Option<StatusCode> {
    error.cause.downcast_ref::<TransportError>().and_then(TransportError::status)
}

/// A refusal with who may do it, in place of what the service itself needs.
/// What one may not even see, GitHub does not admit to be there.
fn needs(error: PortError, who: &str) -> PortError {
    match status(&error) {
        Some(StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) => error.advice(format!(
            "{who} Use `--token-file` and the token of such an account; a fine-grained token or an App needs that permission by itself."
        )),
        _ => error,
    }
}

/// Why something could not be looked at, for people.
fn obstacle(error: &PortError) -> Obstacle {
    let by_hand = match (&error.advice, error.verdict) {
        (Some(advice), _) => sentence(advice),
        (None, Verdict::Retry { .. }) => "Run this again later.".to_owned(),
        (None, _) => "See whether the account may see it, and run this again.".to_owned(),
    };
    Obstacle { why: sentence(&error.chain()), by_hand }
}

/// Errors begin in lower case and end without a full stop.
fn sentence(text: &str) -> String {
    let mut rest = text.trim_end_matches('.').chars();
    let first = rest.next().into_iter().flat_map(char::to_uppercase);
    first.chain(rest).chain(['.']).collect()
}
