//! Comments and emoji.

use gitlab::api::{
    self, AsyncQuery as _,
    common::SortOrder,
    projects::issues::notes::{CreateIssueNote, DeleteIssueNote, EditIssueNote, IssueNotes},
};

use super::{
    GitLab, endpoints,
    entities::{Award, Note, Posted},
    found, pages,
    transport::TransportError,
};
use crate::{
    identity::{IssueRef, NoteId},
    notice::markdown::Markdown,
    ports::{
        PortError,
        forge::{Audience, Discussion, Reaction},
    },
};

/// What everybody can read but only a few should is taken back this often
/// before a person has to do it.
const TRIES_TO_TAKE_BACK: usize = 3;

/// GitLab's own ones included, oldest first.
pub(super) async fn all(gitlab: &GitLab, issue: &IssueRef) -> Result<Vec<Note>, PortError> {
    async {
        let endpoint = IssueNotes::builder()
            .project(issue.project.0)
            .issue(issue.number.0)
            .sort(SortOrder::Ascending)
            .build()
            .map_err(TransportError::request)?;
        pages::all(&gitlab.transport, &endpoint).await
    }
    .await
    .map_err(gitlab.failed(format!("read the comments of {issue}")))
}

pub(super) async fn discussion(gitlab: &GitLab, issue: &IssueRef) -> Result<Discussion, PortError> {
    Ok(Note::into_discussion(all(gitlab, issue).await?))
}

pub(super) async fn reactions(
    gitlab: &GitLab,
    issue: &IssueRef,
    note: Option<NoteId>,
) -> Result<Vec<Reaction>, PortError> {
    let awards: Vec<Award> = pages::all(&gitlab.transport, &endpoints::awards(issue, note))
        .await
        .map_err(gitlab.failed(format!("read the emoji on {issue}")))?;
    Ok(awards.into_iter().map(Award::into_port).collect())
}

pub(super) async fn post(
    gitlab: &GitLab,
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
        endpoint.build().map_err(TransportError::request)?.query_async(&gitlab.transport).await
    }
    .await
    .map_err(gitlab.failed(&doing))?;
    let Some(note) = posted.id.map(NoteId) else {
        let cause = "GitLab took the whole text for quick actions, carried them out, and posted \
                     nothing";
        return Err(PortError::give_up(doing, cause).advice(
            "a template begins a line with `/`: change it, and look at what the issue became",
        ));
    };
    if audience == Audience::Team && !posted.is_internal() {
        return Err(take_back(gitlab, issue, note, doing).await);
    }
    Ok(note)
}

/// Deletes a comment that was meant for a few, and says what became of that.
async fn take_back(gitlab: &GitLab, issue: &IssueRef, note: NoteId, doing: String) -> PortError {
    let mut outcome = delete(gitlab, issue, note).await;
    for _ in 1..TRIES_TO_TAKE_BACK {
        if outcome.is_ok() {
            break;
        }
        outcome = delete(gitlab, issue, note).await;
    }
    let cause = "this GitLab posts it for everybody instead of the project's members alone";
    match outcome {
        Ok(()) => PortError::give_up(doing, cause)
            .advice("upgrade it to 15.5 or later, which has internal notes; it was deleted again"),
        Err(error) => PortError::give_up(
            doing,
            format!("{cause}, and comment {note} could not be deleted again ({error:#})"),
        )
        .advice(format!("delete comment {note} of {issue} by hand at once")),
    }
}

pub(super) async fn edit(
    gitlab: &GitLab,
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
        api::ignore(endpoint).query_async(&gitlab.transport).await
    }
    .await
    .map_err(gitlab.failed(format!("edit comment {note} on {issue}")))
}

pub(super) async fn delete(
    gitlab: &GitLab,
    issue: &IssueRef,
    note: NoteId,
) -> Result<(), PortError> {
    let deleted = async {
        let endpoint = DeleteIssueNote::builder()
            .project(issue.project.0)
            .issue(issue.number.0)
            .note(note.0)
            .build()
            .map_err(TransportError::request)?;
        api::ignore(endpoint).query_async(&gitlab.transport).await
    }
    .await
    .map_err(gitlab.failed(format!("delete comment {note} on {issue}")));
    found(deleted).map(|_| ())
}
