//! Setting up a project on GitLab: what is there, and how each step is done.

mod repository;
mod webhook;

use std::collections::BTreeSet;

use async_trait::async_trait;
use gitlab::api::{
    self, ApiError, AsyncQuery as _,
    projects::{
        Project,
        labels::{CreateLabel, Labels},
        members::AllProjectMember,
    },
    users::CurrentUser,
};
use http::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;

use super::{GitLab, found, pages, transport::TransportError};
use crate::{
    identity::{Person, ProjectId, UserId},
    ports::{PortError, Verdict, setup::Setup},
    setup::{Account, Deed, Events, Label, Obstacle, Outcome, Place, Present, Seen, Wanted},
};

/// Planner, Reporter, Developer, Maintainer, Owner: they tend issues and labels.
const TENDS_ISSUES: [u64; 5] = [15, 20, 30, 40, 50];

/// From here on, branches can be made.
const DEVELOPER: u64 = 30;

#[derive(Deserialize)]
struct FoundProject {
    id: u64,
    path_with_namespace: String,
    web_url: String,
    default_branch: Option<String>,
    #[serde(default)]
    empty_repo: bool,
    #[serde(default)]
    archived: bool,
}

#[derive(Deserialize)]
struct Own {
    id: u64,
    username: String,
    /// Told to administrators alone, who may do everything.
    #[serde(default)]
    is_admin: bool,
}

#[derive(Deserialize)]
struct Membership {
    access_level: u64,
}

#[derive(Deserialize)]
struct FoundLabel {
    name: String,
}

/// What an access level is called.
fn role(level: u64) -> String {
    match level {
        5 => "member with minimal access".to_owned(),
        10 => "Guest".to_owned(),
        15 => "Planner".to_owned(),
        20 => "Reporter".to_owned(),
        25 => "Security Manager".to_owned(),
        30 => "Developer".to_owned(),
        40 => "Maintainer".to_owned(),
        50 => "Owner".to_owned(),
        _ => format!("member of level {level}"),
    }
}

#[async_trait]
impl Setup for GitLab {
    async fn place(&self, named: &str) -> Result<Place, PortError> {
        let project: FoundProject = async {
            let mut endpoint = Project::builder();
            // What is all digits would else be taken for a path.
            match named.parse::<u64>() {
                Ok(id) => endpoint.project(id),
                Err(_) => endpoint.project(named),
            };
            endpoint.build().map_err(TransportError::request)?.query_async(&self.transport).await
        }
        .await
        .map_err(self.failed(format!("find project {named} on {}", self.name)))?;
        Ok(Place {
            id: ProjectId(project.id),
            path: project.path_with_namespace,
            page: project.web_url,
            default_branch: project.default_branch.filter(|_| !project.empty_repo),
            archived: project.archived,
        })
    }

    async fn survey(&self, place: &Place, wanted: &Wanted, service: &Person) -> Present {
        let (username, level) = match self.own_level(place).await {
            Ok(own) => own,
            Err(error) => ("this account".to_owned(), Err(obstacle(&error))),
        };
        let lacks = |least: &str, suffices: &dyn Fn(u64) -> bool| match &level {
            Ok(None) => None,
            Ok(Some(level)) if suffices(*level) => None,
            Ok(Some(level)) => Some(Obstacle {
                why: match level {
                    0 => format!("`{username}` is no member of the project."),
                    _ => format!("`{username}` is only a {} here.", role(*level)),
                },
                by_hand: format!(
                    "Make `{username}` a {least} here, or run this with `--token-file` and the token of somebody who is: {}/-/project_members",
                    place.page
                ),
            }),
            Err(obstacle) => Some(obstacle.clone()),
        };
        Present {
            place: place.clone(),
            account: self.service_account(place, service).await,
            labels: self.labels(place).await,
            labels_ignore_case: false,
            no_labels: lacks("Reporter", &|level| TENDS_ISSUES.contains(&level)),
            webhooks: match &wanted.events {
                Events::Webhook(webhook) => self.webhooks(place, webhook, &username).await,
                Events::Otherwise(_) => Ok(Vec::new()),
            },
            templates: self.repository(place, &wanted.templates).await,
            no_proposals: lacks("Developer", &|level| level >= DEVELOPER),
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
            Deed::CreateWebhook { url, proof } => {
                self.set_webhook(place, None, url, Some((*proof, secret))).await
            }
            Deed::CorrectWebhook { id, url, secret: set } => {
                let secret = set.map(|proof| (proof, secret));
                self.set_webhook(place, Some(*id), url, secret).await
            }
            Deed::Propose(proposal) => self.propose(place, proposal).await,
        }
    }
}

impl GitLab {
    /// Who is signed in, and their level here; `None` for administrators.
    async fn own_level(
        &self,
        place: &Place,
    ) -> Result<(String, Result<Option<u64>, Obstacle>), PortError> {
        let own: Own = async {
            let endpoint = CurrentUser::builder().build().map_err(TransportError::request)?;
            endpoint.query_async(&self.transport).await
        }
        .await
        .map_err(self.failed(format!("ask {} who we are", self.name)))?;
        if own.is_admin {
            return Ok((own.username, Ok(None)));
        }
        let level = self.level(place, UserId(own.id)).await;
        let level = level.map(Some).map_err(|error| obstacle(&error));
        Ok((own.username, level))
    }

    /// The access level of an account, 0 without one. One whose membership is
    /// over is not listed.
    async fn level(&self, place: &Place, who: UserId) -> Result<u64, PortError> {
        let member = async {
            AllProjectMember::builder()
                .project(place.id.0)
                .user(who.0)
                .build()
                .map_err(TransportError::request)?
                .query_async(&self.transport)
                .await
        }
        .await
        .map_err(self.failed(format!("look up account {who} in {}", place.path)));
        Ok(found(member)?.map_or(0, |member: Membership| member.access_level))
    }

    async fn service_account(&self, place: &Place, service: &Person) -> Seen<Account> {
        let level = self.level(place, service.id).await.map_err(|error| obstacle(&error))?;
        Ok(Account {
            username: service.username.clone(),
            role: (level > 0).then(|| role(level)),
            suffices: TENDS_ISSUES.contains(&level),
            needed: "a Reporter",
            by: "A Maintainer or Owner of the project",
            members_page: format!("{}/-/project_members", place.page),
        })
    }

    /// Those of groups are listed, too.
    async fn labels(&self, place: &Place) -> Seen<Vec<String>> {
        let labels: Result<Vec<FoundLabel>, _> = async {
            let endpoint =
                Labels::builder().project(place.id.0).build().map_err(TransportError::request)?;
            pages::all(&self.transport, &endpoint).await
        }
        .await
        .map_err(self.failed(format!("list the labels of {}", place.path)));
        match labels {
            Ok(labels) => {
                let names: BTreeSet<String> = labels.into_iter().map(|label| label.name).collect();
                Ok(names.into_iter().collect())
            }
            Err(error) => Err(obstacle(&error)),
        }
    }

    async fn create_label(&self, place: &Place, label: &Label) -> Result<Outcome, PortError> {
        let created = async {
            let endpoint = CreateLabel::builder()
                .project(place.id.0)
                .name(label.name.as_str())
                .color(label.colour)
                .description(label.description.as_str())
                .build()
                .map_err(TransportError::request)?;
            api::ignore(endpoint).query_async(&self.transport).await
        }
        .await;
        match created {
            // Made by somebody else meanwhile.
            Err(error) if status(&error) == Some(StatusCode::CONFLICT) => Ok(()),
            created => created
                .map_err(self.failed(format!("make label `{}` in {}", label.name, place.path))),
        }
        .map_err(|error| needs(error, "Labels are made by Planners, Reporters and above."))?;
        Ok(Outcome::default())
    }
}

/// What GitLab answered with, if it said no.
fn status(error: &ApiError<TransportError>) -> Option<StatusCode> {
    match error {
        ApiError::Client { source: TransportError::Refused { status, .. } } => Some(*status),
        _ => None,
    }
}

/// A refusal with who may do it, in place of what the service itself needs.
fn needs(error: PortError, who: &str) -> PortError {
    let refused = error.cause.downcast_ref::<TransportError>();
    match refused {
        Some(TransportError::Refused { status: StatusCode::FORBIDDEN, .. }) => error.advice(
            format!("{who} Give this account that role, or use `--token-file` and the token of somebody who has it."),
        ),
        _ => error,
    }
}

/// Why something could not be looked at, for people.
fn obstacle(error: &PortError) -> Obstacle {
    let by_hand = match (&error.advice, error.verdict) {
        (Some(advice), _) => sentence(advice),
        (None, Verdict::Retry { .. }) => "Run this again later.".to_owned(),
        (None, _) => {
            "See whether it is switched on for this project, and run this again.".to_owned()
        }
    };
    Obstacle { why: sentence(&error.chain()), by_hand }
}

/// Errors begin in lower case and end without a full stop.
fn sentence(text: &str) -> String {
    let mut rest = text.trim_end_matches('.').chars();
    let first = rest.next().into_iter().flat_map(char::to_uppercase);
    first.chain(rest).chain(['.']).collect()
}
