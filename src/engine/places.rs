//! The projects whose issues are looked at: those the operator named, and those
//! that the groups the operator named have at the moment.

use std::sync::{Arc, PoisonError};

use super::{Engine, Group, Project};
use crate::{
    identity::{ForgeName, ProjectId},
    ports::PortError,
};

impl Engine {
    /// The project, if its issues are looked at.
    pub(super) fn served(&self, forge: &ForgeName, project: ProjectId) -> Option<Project> {
        let served = self.all_served();
        served.iter().find(|place| place.forge == *forge && place.id == project).cloned()
    }

    /// All projects whose issues are looked at.
    pub(super) fn all_served(&self) -> Arc<Vec<Project>> {
        self.places.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the forges which projects the groups have now. A group that cannot
    /// be asked keeps the projects it had. A project that is named by itself
    /// keeps what was said about it there.
    pub(super) async fn discover(&self) {
        let before = self.all_served();
        let mut places = self.settings.projects.clone();
        for group in &self.settings.groups {
            let found = match self.projects_of(group).await {
                Ok(found) => found,
                Err(error) => {
                    tracing::warn!(
                        forge = %group.forge, group = group.path, error = %error.chain(),
                        "could not list the group's projects; those known before are kept"
                    );
                    let known =
                        before.iter().filter(|place| place.group.as_ref() == Some(&group.path));
                    known.cloned().collect()
                }
            };
            for place in found {
                if !places.iter().any(|known| known.forge == place.forge && known.id == place.id) {
                    places.push(place);
                }
            }
        }
        if places != *before {
            tracing::info!(projects = places.len(), "the projects to look at have changed");
            *self.places.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(places);
        }
    }

    async fn projects_of(&self, group: &Group) -> Result<Vec<Project>, PortError> {
        let listed = self.forge(&group.forge)?.projects_of(&group.path).await?;
        let project = |id| Project {
            forge: group.forge.clone(),
            id,
            group: Some(group.path.clone()),
            cookbooks: group.cookbooks.clone(),
        };
        Ok(listed.into_iter().map(|listed| project(listed.id)).collect())
    }
}
