//! Asking in the right name: who signs, what a repository is called now, which
//! redirects are followed.

use std::sync::Arc;

use http::{HeaderValue, Method, StatusCode};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use url::Url;

use super::{
    credentials::{Signer, Whom},
    entities::Repository,
    names::{Names, is_name},
    pages,
    transport::{Answer, Outgoing, Reply, Transport, TransportError},
};
use crate::{
    forge::traffic::Traffic,
    identity::{IssueNumber, IssueRef, ProjectId, Timestamp},
    ports::clock::Clock,
};

/// A renamed repository needs one; more than a few is a loop.
const MOST_REDIRECTS: usize = 5;

/// A GitHub as we are known there.
pub(super) struct Client {
    transport: Transport,
    signer: Signer,
    names: Names,
    clock: Arc<dyn Clock>,
}

impl Client {
    pub(super) fn new(
        transport: Transport,
        signer: Signer,
        names: Names,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { transport, signer, names, clock }
    }

    pub(super) fn traffic(&self) -> Arc<Traffic> {
        self.transport.traffic()
    }

    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    pub(super) fn signer(&self) -> &Signer {
        &self.signer
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn url(&self, segments: &[&str]) -> Result<Url, TransportError> {
        self.transport.url(segments)
    }

    /// The address of something in a repository, under its present name.
    pub(super) async fn url_in(
        &self,
        project: ProjectId,
        segments: &[&str],
    ) -> Result<Url, TransportError> {
        let name = self.name(project).await?;
        let (owner, repository) = name.split_once('/').unwrap_or((&name, ""));
        self.url(&[&["repos", owner, repository], segments].concat())
    }

    /// The address of something of an issue.
    pub(super) async fn url_of(
        &self,
        issue: &IssueRef,
        segments: &[&str],
    ) -> Result<Url, TransportError> {
        let number = issue.number.to_string();
        self.url_in(issue.project, &[&["issues", &number], segments].concat()).await
    }

    /// Reads something, and where it was found at last.
    pub(super) async fn get(&self, whom: Whom<'_>, url: Url) -> Result<Answer, TransportError> {
        self.get_unless(whom, Outgoing::get(url)).await
    }

    /// Reads something that we may still have.
    pub(super) async fn get_unless(
        &self,
        whom: Whom<'_>,
        outgoing: Outgoing,
    ) -> Result<Answer, TransportError> {
        let bearer = self.bearer(whom).await?;
        self.checked(whom, self.follow(outgoing, &bearer, within(whom)).await)
    }

    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        whom: Whom<'_>,
        url: Url,
    ) -> Result<T, TransportError> {
        self.get(whom, url).await?.json()
    }

    /// Every item of a list.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        whom: Whom<'_>,
        url: Url,
    ) -> Result<Vec<T>, TransportError> {
        let mut list = Vec::new();
        for page in self.pages(whom, url).await? {
            list.append(&mut page.json()?);
        }
        Ok(list)
    }

    /// Every page of a list.
    pub(super) async fn pages(
        &self,
        whom: Whom<'_>,
        url: Url,
    ) -> Result<Vec<Answer>, TransportError> {
        let bearer = self.bearer(whom).await?;
        self.checked(whom, pages::all(self, &bearer, within(whom), url).await)
    }

    /// Changes something in a repository. One attempt, wherever it is answered
    /// that it should be made: a redirect is an answer that nothing was done.
    pub(super) async fn write(
        &self,
        project: ProjectId,
        method: Method,
        url: Url,
        body: Option<Value>,
    ) -> Result<Answer, TransportError> {
        let whom = Whom::Repository(project);
        let bearer = self.bearer(whom).await?;
        let reply = self.transport.exchange(&Outgoing::send(method, url, body), &bearer).await;
        let outcome = match reply {
            // A success a proxy made up says nothing about what happened.
            Ok(Reply::Answer(answer)) if answer.status == StatusCode::NO_CONTENT => Ok(answer),
            Ok(Reply::Answer(answer)) => answer.json::<IgnoredAny>().map(|_| answer),
            Ok(Reply::Redirect { target, .. }) => {
                self.names.doubt(project);
                match self.repository_in(&target) {
                    Some(other) if other != project => Err(TransportError::Moved),
                    _ => Err(TransportError::Renamed),
                }
            }
            Err(error) => Err(error),
        };
        self.checked(whom, outcome)
    }

    /// Asks GraphQL, which can only read as we use it.
    pub(super) async fn graphql<T: DeserializeOwned>(
        &self,
        project: ProjectId,
        query: Value,
    ) -> Result<T, TransportError> {
        let whom = Whom::Repository(project);
        let bearer = self.bearer(whom).await?;
        let outgoing = Outgoing::send(Method::POST, self.transport.graphql(), Some(query));
        self.checked(whom, self.once(outgoing, &bearer).await)?.json()
    }

    /// Whether a read is answered by sending us elsewhere.
    pub(super) async fn is_sent_on(
        &self,
        whom: Whom<'_>,
        url: Url,
    ) -> Result<bool, TransportError> {
        let bearer = self.bearer(whom).await?;
        let reply = self.transport.exchange(&Outgoing::get(url), &bearer).await;
        self.checked(whom, reply).map(|reply| matches!(reply, Reply::Redirect { .. }))
    }

    /// Asks once and follows nothing.
    pub(super) async fn once(
        &self,
        outgoing: Outgoing,
        bearer: &HeaderValue,
    ) -> Result<Answer, TransportError> {
        match self.transport.exchange(&outgoing, bearer).await? {
            Reply::Answer(answer) => Ok(answer),
            Reply::Redirect { status, target } => Err(elsewhere(status, &target)),
        }
    }

    /// Reads, following redirects on the same origin; with `within`, none that
    /// leads out of that repository.
    pub(super) async fn follow(
        &self,
        mut outgoing: Outgoing,
        bearer: &HeaderValue,
        within: Option<ProjectId>,
    ) -> Result<Answer, TransportError> {
        for _ in 0..=MOST_REDIRECTS {
            match self.transport.exchange(&outgoing, bearer).await? {
                Reply::Answer(answer) => return Ok(answer),
                Reply::Redirect { target, .. } => {
                    if let Some(project) = within {
                        self.names.doubt(project);
                        if self.repository_in(&target).is_some_and(|other| other != project) {
                            return Err(TransportError::Moved);
                        }
                    }
                    outgoing.url = target;
                }
            }
        }
        Err(TransportError::Elsewhere {
            status: StatusCode::LOOP_DETECTED,
            target: "itself, again and again".to_owned(),
        })
    }

    /// Where an issue is read at last, whichever repository that is in.
    pub(super) async fn trace(
        &self,
        issue: &IssueRef,
    ) -> Result<Option<(ProjectId, IssueNumber)>, TransportError> {
        let url = self.url_of(issue, &[]).await?;
        let bearer = self.bearer(Whom::Repository(issue.project)).await?;
        let answer = self.follow(Outgoing::get(url), &bearer, None).await?;
        let mut parts = self.transport.below(&answer.url).split('/').skip(1);
        Ok(match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("repositories"), Some(project), Some("issues"), Some(number), None) => project
                .parse()
                .ok()
                .zip(number.parse().ok())
                .map(|(project, number)| (ProjectId(project), IssueNumber(number))),
            _ => None,
        })
    }

    /// What a repository is called now.
    pub(super) async fn name(&self, project: ProjectId) -> Result<String, TransportError> {
        if let Some(name) = self.names.checked(project, self.now()) {
            return Ok(name);
        }
        let found = self.look_up(project).await?;
        if !is_name(&found.full_name) {
            let problem = format!("`{}` is no repository's name", found.full_name);
            return Err(TransportError::Request(problem.into()));
        }
        self.names.learn(project, &found.full_name, self.now());
        Ok(found.full_name)
    }

    /// By its last name and, if that is not it or is not there, by its number.
    async fn look_up(&self, project: ProjectId) -> Result<Repository, TransportError> {
        let bearer = self.bearer(Whom::Repository(project)).await?;
        let known = self.names.known(project);
        if let Some((owner, repository)) = known.as_deref().and_then(|name| name.split_once('/')) {
            let url = self.url(&["repos", owner, repository])?;
            let answer = self.follow(Outgoing::get(url), &bearer, None).await;
            let found = self
                .checked(Whom::Repository(project), answer)
                .and_then(|answer| answer.json::<Repository>());
            match found {
                Ok(found) if found.id == project.0 => return Ok(found),
                Ok(_) => {}
                Err(error) if error.is_missing() => {}
                Err(error) => return Err(error),
            }
        }
        let name = known.unwrap_or_else(|| project.to_string());
        let hidden = || TransportError::Hidden { name, wanted: project };
        let url = self.url(&["repositories", &project.to_string()])?;
        let answer = self.follow(Outgoing::get(url), &bearer, None).await;
        match self.checked(Whom::Repository(project), answer) {
            Ok(answer) => {
                let found: Repository = answer.json()?;
                if found.id == project.0 { Ok(found) } else { Err(hidden()) }
            }
            Err(error) if error.is_missing() => Err(hidden()),
            Err(error) => Err(error),
        }
    }

    async fn bearer(&self, whom: Whom<'_>) -> Result<HeaderValue, TransportError> {
        match &self.signer {
            Signer::Token(bearer) => Ok(bearer.clone()),
            Signer::App(app) => app.bearer(self, whom).await,
        }
    }

    /// An installation's token that is refused was revoked: the next attempt
    /// gets another one.
    fn checked<T>(
        &self,
        whom: Whom<'_>,
        outcome: Result<T, TransportError>,
    ) -> Result<T, TransportError> {
        match (&self.signer, outcome) {
            (Signer::App(app), Err(error))
                if error.status() == Some(StatusCode::UNAUTHORIZED)
                    && !matches!(whom, Whom::App) =>
            {
                app.forget();
                Err(TransportError::StaleToken)
            }
            (_, outcome) => outcome,
        }
    }

    /// The repository an address names by number.
    fn repository_in(&self, url: &Url) -> Option<ProjectId> {
        let rest = self.transport.below(url).strip_prefix("/repositories/")?;
        rest.split('/').next()?.parse().ok().map(ProjectId)
    }
}

/// The repository that no redirect may lead out of.
fn within(whom: Whom<'_>) -> Option<ProjectId> {
    match whom {
        Whom::Repository(project) => Some(project),
        Whom::App | Whom::Owner(_) | Whom::Anyone => None,
    }
}

fn elsewhere(status: StatusCode, target: &Url) -> TransportError {
    TransportError::Elsewhere { status, target: target.origin().ascii_serialization() }
}
