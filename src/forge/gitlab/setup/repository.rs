//! Issue templates in a project's repository: read from the default branch, and
//! proposed by a merge request.

use std::{borrow::Cow, collections::BTreeMap};

use gitlab::api::{
    self, AsyncQuery as _,
    endpoint_prelude::{BodyError, Endpoint, Method},
    projects::{
        merge_requests::{CreateMergeRequest, MergeRequestState, MergeRequests},
        repository::{branches::Branch, files::FileRaw},
    },
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{GitLab, needs, obstacle, pages, status};
use crate::{
    forge::gitlab::transport::TransportError,
    identity::ProjectId,
    ports::{PortError, Verdict},
    setup::{
        BRANCH, Change, File, Outcome, PROPOSAL_TEXT, PROPOSAL_TITLE, Place, Proposal, Repository,
        Seen,
    },
};

#[derive(Deserialize)]
struct FoundMergeRequest {
    web_url: String,
    /// A fork may have a branch of the same name.
    source_project_id: Option<u64>,
}

/// One commit with several files. As a form, which the crate sends, only the
/// order of its keys tells one file from the next.
struct Commit<'a> {
    project: ProjectId,
    from: Option<&'a str>,
    changes: &'a [Change],
}

impl Endpoint for Commit<'_> {
    fn method(&self) -> Method {
        Method::POST
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("projects/{}/repository/commits", self.project).into()
    }

    fn body(&self) -> Result<Option<(&'static str, Vec<u8>)>, BodyError> {
        let action = |change: &Change| {
            json!({
                "action": if change.exists { "update" } else { "create" },
                "file_path": change.file.path,
                "content": change.file.text,
            })
        };
        let actions: Vec<Value> = self.changes.iter().map(action).collect();
        let mut body = json!({
            "branch": BRANCH,
            "commit_message": PROPOSAL_TITLE,
            "actions": actions,
        });
        if let Some(from) = self.from {
            body["start_branch"] = json!(from);
        }
        Ok(Some(("application/json", serde_json::to_vec(&body)?)))
    }
}

impl GitLab {
    /// What is merged, and only if that is not all, what is proposed.
    pub(super) async fn repository(&self, place: &Place, wanted: &[File]) -> Seen<Repository> {
        let mut repository = Repository { called: "merge request", ..Repository::default() };
        let Some(default_branch) = &place.default_branch else { return Ok(repository) };
        let look = async {
            repository.merged = self.texts(place, default_branch, wanted).await?;
            if wanted.iter().all(|file| repository.merged.get(&file.path) == Some(&file.text))
                || !self.has_branch(place).await?
            {
                return Ok(repository);
            }
            repository.proposed = Some(self.texts(place, BRANCH, wanted).await?);
            repository.proposal = self.open_merge_request(place, default_branch).await?;
            Ok(repository)
        };
        look.await.map_err(|error: PortError| obstacle(&error))
    }

    /// The texts of those files that are in this branch.
    async fn texts(
        &self,
        place: &Place,
        branch: &str,
        wanted: &[File],
    ) -> Result<BTreeMap<String, String>, PortError> {
        let mut texts = BTreeMap::new();
        for File { path, .. } in wanted {
            let read = async {
                let endpoint = FileRaw::builder()
                    .project(place.id.0)
                    .file_path(path.as_str())
                    .ref_(branch)
                    .build()
                    .map_err(TransportError::request)?;
                api::raw(endpoint).query_async(&self.transport).await
            }
            .await
            .map_err(self.failed(format!("read {path} in {}", place.path)));
            if let Some(bytes) = unless_missing(read, "File")? {
                texts.insert(path.clone(), String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        Ok(texts)
    }

    async fn has_branch(&self, place: &Place) -> Result<bool, PortError> {
        let branch = async {
            let endpoint = Branch::builder()
                .project(place.id.0)
                .branch(BRANCH)
                .build()
                .map_err(TransportError::request)?;
            api::ignore(endpoint).query_async(&self.transport).await
        }
        .await
        .map_err(self.failed(format!("look for branch {BRANCH} in {}", place.path)));
        Ok(unless_missing(branch, "Branch")?.is_some())
    }

    async fn open_merge_request(
        &self,
        place: &Place,
        into: &str,
    ) -> Result<Option<String>, PortError> {
        let open: Vec<FoundMergeRequest> = async {
            let endpoint = MergeRequests::builder()
                .project(place.id.0)
                .state(MergeRequestState::Opened)
                .source_branch(BRANCH)
                .target_branch(into)
                .build()
                .map_err(TransportError::request)?;
            pages::all(&self.transport, &endpoint).await
        }
        .await
        .map_err(self.failed(format!("list the merge requests of {}", place.path)))?;
        let ours = |request: &FoundMergeRequest| {
            request.source_project_id.is_none_or(|source| source == place.id.0)
        };
        Ok(open.into_iter().find(ours).map(|request| request.web_url))
    }

    pub(super) async fn propose(
        &self,
        place: &Place,
        proposal: &Proposal,
    ) -> Result<Outcome, PortError> {
        const WHO: &str = "Branches are made by Developers and above, unless they are protected.";
        let Proposal { into, new_branch, changes, open } = proposal;
        if !changes.is_empty() {
            let from = new_branch.then_some(into.as_str());
            api::ignore(Commit { project: place.id, from, changes })
                .query_async(&self.transport)
                .await
                .map_err(self.failed(format!("commit to branch {BRANCH} of {}", place.path)))
                .map_err(|error| needs(error, WHO))?;
        }
        let page = match open {
            Some(page) => page.clone(),
            None => self.request_merge(place, into).await.map_err(|error| needs(error, WHO))?,
        };
        let by_hand = Some(format!("Merge the merge request: {page}"));
        Ok(Outcome { by_hand, ..Outcome::default() })
    }

    async fn request_merge(&self, place: &Place, into: &str) -> Result<String, PortError> {
        let doing = format!("open a merge request in {}", place.path);
        let opened = async {
            CreateMergeRequest::builder()
                .project(place.id.0)
                .source_branch(BRANCH)
                .target_branch(into)
                .title(PROPOSAL_TITLE)
                .description(PROPOSAL_TEXT)
                .remove_source_branch(true)
                .build()
                .map_err(TransportError::request)?
                .query_async(&self.transport)
                .await
        }
        .await;
        match opened {
            // Somebody opened one meanwhile; or it was open while its branch was gone.
            Err(error) if status(&error) == Some(StatusCode::CONFLICT) => {
                let open = self.open_merge_request(place, into).await?;
                open.ok_or_else(|| self.failed(doing)(error))
            }
            opened => {
                let opened: FoundMergeRequest = opened.map_err(self.failed(doing))?;
                Ok(opened.web_url)
            }
        }
    }
}

/// `None` if exactly this is not there: without access to the code, GitLab
/// says that there is no project.
fn unless_missing<T>(read: Result<T, PortError>, what: &str) -> Result<Option<T>, PortError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error)
            if error.verdict == Verdict::Missing
                && error.cause.to_string().contains(&format!("{what} Not Found")) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
