//! Where an issue went that was moved to another project.
//!
//! What remains names its successor by a number that no address takes. The
//! place is in words only, in the note GitLab itself leaves: "moved to
//! tpo/other#12". What people write is never read for it, and the issue found
//! must bear the number.

use gitlab::api::AsyncQuery as _;
use http::StatusCode;

use super::{
    GitLab,
    endpoints::{Read, project_at},
    entities::{ListedProject, Note},
    found, issues, notes,
    transport::TransportError,
};
use crate::{
    identity::{IssueNumber, IssueRef, ProjectId},
    ports::PortError,
};

/// A reference as GitLab writes it: as short as it is clear in the project.
#[derive(Debug, PartialEq, Eq)]
struct Reference<'a> {
    project: Project<'a>,
    number: IssueNumber,
}

#[derive(Debug, PartialEq, Eq)]
enum Project<'a> {
    /// `#12`
    Same,
    /// `other#12`: in the same group.
    Sibling(&'a str),
    /// `tpo/other#12`
    At(&'a str),
}

pub(super) async fn destination(
    gitlab: &GitLab,
    issue: &IssueRef,
) -> Result<Option<IssueRef>, PortError> {
    let Some(stub) = found(issues::entity(gitlab, issue).await)? else { return Ok(None) };
    let Some(successor) = stub.moved_to_id else { return Ok(None) };
    let Some(notes) = found(notes::all(gitlab, issue).await)? else { return Ok(None) };
    let told = notes.iter().rev().filter_map(Note::as_systems).find_map(reference);
    let Some(Reference { project, number }) = told else { return Ok(None) };
    let Some(project) = resolve(gitlab, issue.project, &project).await? else { return Ok(None) };
    let destination = IssueRef { forge: issue.forge.clone(), project, number };
    let there = seen(issues::entity(gitlab, &destination).await)?;
    Ok(there.filter(|there| there.id == successor).map(|_| destination))
}

/// The project a reference means in project `here`; `None` if we cannot see it.
async fn resolve(
    gitlab: &GitLab,
    here: ProjectId,
    project: &Project<'_>,
) -> Result<Option<ProjectId>, PortError> {
    let path = match *project {
        Project::Same => return Ok(Some(here)),
        Project::At(path) => path.to_owned(),
        Project::Sibling(name) => {
            let here = look_up(gitlab, Read::at(format!("projects/{here}"))).await?;
            let namespace =
                here.as_ref().and_then(|here| here.path_with_namespace.rsplit_once('/'));
            let Some((namespace, _)) = namespace else { return Ok(None) };
            format!("{namespace}/{name}")
        }
    };
    Ok(look_up(gitlab, project_at(&path)).await?.map(|project| ProjectId(project.id)))
}

async fn look_up(gitlab: &GitLab, project: Read) -> Result<Option<ListedProject>, PortError> {
    let doing = format!("find the project an issue of {} was moved to", gitlab.name);
    seen(project.query_async(&gitlab.transport).await.map_err(gitlab.failed(doing)))
}

/// What is refused there, e.g. where issues are switched off, cannot be seen either.
fn seen<T>(result: Result<T, PortError>) -> Result<Option<T>, PortError> {
    match result {
        Err(error) if is_refusal(&error) => Ok(None),
        other => found(other),
    }
}

fn is_refusal(error: &PortError) -> bool {
    let cause = error.cause.downcast_ref::<TransportError>();
    matches!(cause, Some(TransportError::Refused { status: StatusCode::FORBIDDEN, .. }))
}

/// The reference in `moved to REFERENCE`.
fn reference(note: &str) -> Option<Reference<'_>> {
    const WORDS: &str = "moved to ";
    let words = note.get(..WORDS.len())?;
    let rest = note.get(WORDS.len()..)?;
    if !words.eq_ignore_ascii_case(WORDS) {
        return None;
    }
    let (path, number) = rest.split_whitespace().next()?.split_once('#')?;
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    let number = IssueNumber(number.get(..digits)?.parse().ok()?);
    let is_path = path.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
    let project = match path.strip_prefix('/').unwrap_or(path) {
        _ if !is_path => return None,
        "" => Project::Same,
        path if path.contains('/') => Project::At(path),
        name => Project::Sibling(name),
    };
    Some(Reference { project, number })
}

#[cfg(test)]
mod tests {
    use super::{IssueNumber, Project, Reference, reference};

    #[test]
    fn the_words_name_a_project_as_shortly_as_is_clear() {
        let at = |project, number| Some(Reference { project, number: IssueNumber(number) });
        for (words, expected) in [
            ("moved to #12", at(Project::Same, 12)),
            ("moved to other#12", at(Project::Sibling("other"), 12)),
            ("moved to tpo/other#12", at(Project::At("tpo/other"), 12)),
            ("Moved to tpo/web.site/a_b-c#3.", at(Project::At("tpo/web.site/a_b-c"), 3)),
            ("moved to /tpo/other#12", at(Project::At("tpo/other"), 12)),
            ("moved from tpo/other#12", None),
            ("cloned to tpo/other#12", None),
            ("moved to tpo/other", None),
            ("moved to tpo/other#", None),
            ("moved to tpo other#1", None),
            ("moved to https://evil.example/x?#1", None),
            ("moved to tpo/%2e%2e#1", None),
            ("moved to #99999999999999999999999", None),
            ("moved to ä#1", None),
            ("moved tö", None),
            ("", None),
        ] {
            assert_eq!(reference(words), expected, "{words}");
        }
    }
}
