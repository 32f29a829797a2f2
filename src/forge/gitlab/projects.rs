//! The projects of a group.

use super::{GitLab, endpoints::group_projects, entities::ListedProject as Entity, pages};
use crate::{
    identity::ProjectId,
    ports::{PortError, Verdict, forge::ListedProject},
};

pub(super) async fn of(gitlab: &GitLab, group: &str) -> Result<Vec<ListedProject>, PortError> {
    let listed: Vec<Entity> = pages::all(&gitlab.transport, &group_projects(group))
        .await
        .map_err(gitlab.failed(format!("list the projects of group `{group}`")))
        .map_err(|error| match error.verdict {
            Verdict::Missing => error.advice(format!(
                "correct the path of group `{group}`, or make our account a member of it"
            )),
            _ => error,
        })?;
    let project = |listed: Entity| ListedProject {
        id: ProjectId(listed.id),
        path: listed.path_with_namespace,
    };
    Ok(listed.into_iter().filter(Entity::is_in_use).map(project).collect())
}
