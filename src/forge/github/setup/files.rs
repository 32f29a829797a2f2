//! Issue forms in a repository: read from the default branch, and proposed by a
//! pull request.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::{GitHub, Whom, already_exists, found, needs, obstacle};
use crate::{
    forge::github::transport::TransportError,
    identity::ProjectId,
    ports::PortError,
    setup::{
        BRANCH, File, Outcome, PROPOSAL_TEXT, PROPOSAL_TITLE, Place, Proposal, Repository, Seen,
    },
};

#[derive(Deserialize)]
struct FoundFile {
    sha: String,
    /// In base64, with line breaks.
    #[serde(default)]
    content: String,
}

#[derive(Deserialize)]
struct Reference {
    object: Commit,
}

#[derive(Deserialize)]
struct Commit {
    sha: String,
}

#[derive(Deserialize)]
struct PullRequest {
    html_url: String,
}

impl FoundFile {
    fn text(&self) -> Result<String, TransportError> {
        let encoded: String = self.content.split_ascii_whitespace().collect();
        let bytes = BASE64_STANDARD
            .decode(encoded)
            .map_err(|error| TransportError::Request(Box::new(error)))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl GitHub {
    /// What is merged, and only if that is not all, what is proposed.
    pub(super) async fn templates(&self, place: &Place, wanted: &[File]) -> Seen<Repository> {
        let mut repository = Repository { called: "pull request", ..Repository::default() };
        let Some(default_branch) = &place.default_branch else { return Ok(repository) };
        let look = async {
            repository.merged = self.texts(place.id, default_branch, wanted).await?;
            if wanted.iter().all(|file| repository.merged.get(&file.path) == Some(&file.text))
                || self.head(place.id, BRANCH).await?.is_none()
            {
                return Ok(repository);
            }
            repository.proposed = Some(self.texts(place.id, BRANCH, wanted).await?);
            repository.proposal = self.open_pull_request(place, default_branch).await?;
            Ok(repository)
        };
        look.await
            .map_err(self.failed(format!("read the issue forms of {}", place.path)))
            .map_err(|error: PortError| obstacle(&error))
    }

    async fn texts(
        &self,
        project: ProjectId,
        branch: &str,
        wanted: &[File],
    ) -> Result<BTreeMap<String, String>, TransportError> {
        let mut texts = BTreeMap::new();
        for File { path, .. } in wanted {
            if let Some(file) = self.file(project, branch, path).await? {
                texts.insert(path.clone(), file.text()?);
            }
        }
        Ok(texts)
    }

    async fn file(
        &self,
        project: ProjectId,
        branch: &str,
        path: &str,
    ) -> Result<Option<FoundFile>, TransportError> {
        let mut url = self.contents(project, path).await?;
        url.query_pairs_mut().append_pair("ref", branch);
        found(self.client.read(Whom::Repository(project), url).await)
    }

    async fn contents(&self, project: ProjectId, path: &str) -> Result<Url, TransportError> {
        let segments: Vec<&str> = std::iter::once("contents").chain(path.split('/')).collect();
        self.client.url_in(project, &segments).await
    }

    /// The commit a branch is at, if there is such a branch.
    async fn head(
        &self,
        project: ProjectId,
        branch: &str,
    ) -> Result<Option<String>, TransportError> {
        let segments: Vec<&str> =
            ["git", "ref", "heads"].into_iter().chain(branch.split('/')).collect();
        let url = self.client.url_in(project, &segments).await?;
        let reference: Option<Reference> =
            found(self.client.read(Whom::Repository(project), url).await)?;
        Ok(reference.map(|reference| reference.object.sha))
    }

    /// Whether anything was ever committed.
    pub(super) async fn has_commits(
        &self,
        project: ProjectId,
        branch: &str,
    ) -> Result<bool, TransportError> {
        match self.head(project, branch).await {
            Ok(head) => Ok(head.is_some()),
            // "Git Repository is empty."
            Err(error) if error.status() == Some(StatusCode::CONFLICT) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Of forks, none is listed: `head` names the owner.
    async fn open_pull_request(
        &self,
        place: &Place,
        into: &str,
    ) -> Result<Option<String>, TransportError> {
        let owner = place.path.split('/').next().unwrap_or_default();
        let mut url = self.client.url_in(place.id, &["pulls"]).await?;
        url.query_pairs_mut()
            .append_pair("state", "open")
            .append_pair("head", &format!("{owner}:{BRANCH}"))
            .append_pair("base", into);
        let open: Vec<PullRequest> = self.client.list(Whom::Repository(place.id), url).await?;
        Ok(open.into_iter().next().map(|request| request.html_url))
    }

    /// The branch, then one commit a file, then the pull request. Wherever that
    /// ends, the next run goes on.
    pub(super) async fn propose(
        &self,
        place: &Place,
        proposal: &Proposal,
    ) -> Result<Outcome, PortError> {
        let page = async {
            if proposal.new_branch {
                self.make_branch(place.id, &proposal.into).await?;
            }
            for change in &proposal.changes {
                self.commit(place.id, &change.file).await?;
            }
            match &proposal.open {
                Some(page) => Ok(page.clone()),
                None => self.request_pull(place, &proposal.into).await,
            }
        }
        .await
        .map_err(self.failed(format!("propose issue forms in {}", place.path)))
        .map_err(|error| needs(error, "Branches are made by those who may write."))?;
        let by_hand = Some(format!("Merge the pull request: {page}"));
        Ok(Outcome { by_hand, ..Outcome::default() })
    }

    async fn make_branch(&self, project: ProjectId, from: &str) -> Result<(), TransportError> {
        let head = self.head(project, from).await?.ok_or_else(|| {
            TransportError::Request(format!("there is no branch `{from}`").into())
        })?;
        let url = self.client.url_in(project, &["git", "refs"]).await?;
        let body = json!({ "ref": format!("refs/heads/{BRANCH}"), "sha": head });
        self.client.write(project, Method::POST, url, Some(body)).await.map(drop)
    }

    async fn commit(&self, project: ProjectId, file: &File) -> Result<(), TransportError> {
        let there = self.file(project, BRANCH, &file.path).await?;
        let mut body = json!({
            "message": PROPOSAL_TITLE,
            "content": BASE64_STANDARD.encode(&file.text),
            "branch": BRANCH,
        });
        if let Some(there) = there {
            body["sha"] = json!(there.sha);
        }
        let url = self.contents(project, &file.path).await?;
        self.client.write(project, Method::PUT, url, Some(body)).await.map(drop)
    }

    async fn request_pull(&self, place: &Place, into: &str) -> Result<String, TransportError> {
        let url = self.client.url_in(place.id, &["pulls"]).await?;
        let body = json!({
            "title": PROPOSAL_TITLE,
            "body": PROPOSAL_TEXT,
            "head": BRANCH,
            "base": into,
        });
        match self.client.write(place.id, Method::POST, url, Some(body)).await {
            // Somebody opened one meanwhile.
            Err(error) if already_exists(&error) => {
                self.open_pull_request(place, into).await?.ok_or(error)
            }
            opened => Ok(opened?.json::<PullRequest>()?.html_url),
        }
    }
}
