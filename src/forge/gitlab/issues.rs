//! Issues: read, listed, filed and changed.

use gitlab::api::{
    self, AsyncQuery as _,
    common::SortOrder,
    projects::issues::{CreateIssue, IssueOrderBy, IssueScope, Issues},
};

use super::{
    GitLab,
    endpoints::UpdateIssue,
    entities::{self, Changed},
    pages, poll,
    transport::TransportError,
};
use crate::{
    identity::{IssueNumber, IssueRef, ProjectId, Timestamp, UserId},
    notice::markdown::Markdown,
    ports::{
        PortError,
        forge::{Issue, IssueUpdate, UpdatedIssue},
    },
};

/// What GitLab has at this place, even if that is only what a move left behind.
pub(super) async fn entity(
    gitlab: &GitLab,
    issue: &IssueRef,
) -> Result<entities::Issue, PortError> {
    async {
        api::projects::issues::Issue::builder()
            .project(issue.project.0)
            .issue(issue.number.0)
            .build()
            .map_err(TransportError::request)?
            .query_async(&gitlab.transport)
            .await
    }
    .await
    .map_err(gitlab.failed(reading(issue)))
}

pub(super) async fn one(gitlab: &GitLab, issue: &IssueRef) -> Result<Issue, PortError> {
    let entity = entity(gitlab, issue).await?;
    if entity.moved_to_id.is_some() {
        return Err(PortError::missing(reading(issue), "it was moved to another project"));
    }
    Ok(entity.into_port(issue.clone()))
}

fn reading(issue: &IssueRef) -> String {
    format!("read {issue}")
}

pub(super) async fn updated_since(
    gitlab: &GitLab,
    project: ProjectId,
    since: Timestamp,
) -> Result<Vec<UpdatedIssue>, PortError> {
    let issues = poll::updated_since(&gitlab.transport, project, since)
        .await
        .map_err(gitlab.failed(format!("list changed issues of {}:{project}", gitlab.name)))?;
    let updated = |issue: entities::ListedIssue| UpdatedIssue {
        reference: reference(gitlab, project, issue.iid),
        updated_at: issue.updated_at,
    };
    Ok(issues.into_iter().map(updated).collect())
}

pub(super) async fn by(
    gitlab: &GitLab,
    project: ProjectId,
    author: UserId,
) -> Result<Vec<Issue>, PortError> {
    let issues: Vec<entities::Issue> = async {
        let endpoint = Issues::builder()
            .project(project.0)
            .author(author.0)
            .scope(IssueScope::All)
            .order_by(IssueOrderBy::CreatedAt)
            .sort(SortOrder::Ascending)
            .build()
            .map_err(TransportError::request)?;
        pages::all(&gitlab.transport, &endpoint).await
    }
    .await
    .map_err(gitlab.failed(format!("list our issues of {}:{project}", gitlab.name)))?;
    let issue = |entity: entities::Issue| {
        let reference = reference(gitlab, project, entity.iid);
        entity.into_port(reference)
    };
    Ok(issues.into_iter().map(issue).collect())
}

pub(super) async fn file(
    gitlab: &GitLab,
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
            .query_async(&gitlab.transport)
            .await
    }
    .await
    .map_err(gitlab.failed(format!("file an issue in {}:{project}", gitlab.name)))?;
    let reference = reference(gitlab, project, filed.iid);
    Ok(filed.into_port(reference))
}

/// GitLab leaves out in silence what our role may not change. For most of it
/// that shows on the issue; but what is posted after an issue was hidden must
/// not be seen by all, so that one is checked.
pub(super) async fn update(
    gitlab: &GitLab,
    issue: &IssueRef,
    update: &IssueUpdate,
) -> Result<(), PortError> {
    if update.is_empty() {
        return Ok(());
    }
    let doing = format!("update {issue}");
    let labels = update.add_labels.iter().chain(&update.remove_labels);
    if let Some(label) = labels.into_iter().find(|label| label.contains(',')) {
        return Err(PortError::give_up(doing, format!("the label `{label}` holds a comma"))
            .advice("GitLab separates labels by commas: configure another label"));
    }
    let changed: Changed = UpdateIssue { issue, update }
        .query_async(&gitlab.transport)
        .await
        .map_err(gitlab.failed(&doing))?;
    match update.confidential {
        Some(wanted) if changed.confidential != Some(wanted) => {
            let cause = "GitLab did not change whether the issue is confidential";
            Err(PortError::give_up(doing, cause)
                .advice("give our account at least the Reporter or Planner role in the project"))
        }
        _ => Ok(()),
    }
}

fn reference(gitlab: &GitLab, project: ProjectId, iid: u64) -> IssueRef {
    IssueRef { forge: gitlab.name.clone(), project, number: IssueNumber(iid) }
}
