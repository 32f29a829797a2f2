//! Issues whose cookbook wants them hidden from all but members: hidden before
//! anything is said on them, and hidden again when somebody shows them.

use std::{collections::BTreeMap, sync::Arc};

use super::{Engine, Settings, draft::Draft, look::Desk};
use crate::{
    cookbook::{Cookbook, Cookbooks},
    identity::{ForgeName, IssueRef},
    notice::Reply,
    ports::{PortError, forge::Forge, forge::IssueUpdate},
    request::Request,
};

/// What cookbooks ask for that cannot be kept where they are offered, as
/// sentences. Nothing may be served while there is any.
#[must_use]
pub fn unkept_promises(
    settings: &Settings,
    forges: &BTreeMap<ForgeName, Arc<dyn Forge>>,
    cookbooks: &Cookbooks,
) -> Vec<String> {
    let mut unkept = Vec::new();
    for cookbook in &cookbooks.cookbooks {
        for (place, name) in places(settings, cookbook) {
            let Some(has) = forges.get(name).map(|forge| forge.abilities()) else { continue };
            if cookbook.issue.confidential && !has.confidential_issues {
                unkept.push(format!(
                    "The issues of cookbook `{}` are confidential, but those of {place} cannot be hidden, because forge `{name}` has no such issues: offer it elsewhere only.",
                    cookbook.name
                ));
            }
            if cookbook.label.is_none() && !has.marked_templates {
                unkept.push(format!(
                    "Cookbook `{}` has no `label`, by which alone its requests in {place} would be known, because the issue forms of forge `{name}` bear no mark: give it one, or offer it elsewhere only.",
                    cookbook.name
                ));
            }
        }
        let ours = cookbook.issue.labels.iter().filter(|label| settings.labels.has(label));
        for label in ours {
            unkept.push(format!(
                "Cookbook `{}` puts the label `{label}` on its issues, which shows a state: it would be taken off again. Choose another one.",
                cookbook.name
            ));
        }
    }
    unkept
}

/// Where the cookbook is offered, for people, and on which forge.
fn places<'a>(
    settings: &'a Settings,
    cookbook: &Cookbook,
) -> impl Iterator<Item = (String, &'a ForgeName)> {
    let projects = settings.projects.iter().filter(|project| project.offers(cookbook));
    let groups = settings.groups.iter().filter(|group| group.offers(cookbook));
    projects
        .map(|project| (format!("project {}", project.id), &project.forge))
        .chain(groups.map(|group| (format!("group {}", group.path), &group.forge)))
}

impl Engine {
    /// Whether what the cookbook wants hidden can be.
    pub(super) fn can_keep_hidden(
        &self,
        forge: &ForgeName,
        cookbook: &Cookbook,
    ) -> Result<bool, PortError> {
        Ok(!cookbook.issue.confidential || self.forge(forge)?.abilities().confidential_issues)
    }

    /// Hides the issue if it has to be and is not. Somebody who showed it is
    /// answered once.
    pub(super) async fn hide(
        &self,
        desk: &Desk,
        draft: &mut Draft<'_>,
        cookbooks: &Cookbooks,
    ) -> Result<(), PortError> {
        if !self.has_to_be_hidden(&draft.request.value, cookbooks)? {
            return Ok(());
        }
        if !desk.issue.confidential {
            self.hide_issue(desk.reference()).await?;
            if draft.request.value.shown.confidential {
                draft.reply("made-public", Reply::MadePublic {});
            }
        }
        if !draft.request.value.shown.confidential {
            draft.request_mut().shown.confidential = true;
        }
        Ok(())
    }

    /// The same before a comment, whoever showed the issue since it was last
    /// looked at.
    pub(super) async fn keep_hidden(&self, request: &Request) -> Result<(), PortError> {
        if !self.has_to_be_hidden(request, &self.cookbooks())? {
            return Ok(());
        }
        let issue = self.forge(&request.issue.forge)?.issue(&request.issue).await?;
        if issue.confidential { Ok(()) } else { self.hide_issue(&request.issue).await }
    }

    fn has_to_be_hidden(
        &self,
        request: &Request,
        cookbooks: &Cookbooks,
    ) -> Result<bool, PortError> {
        let able = self.forge(&request.issue.forge)?.abilities().confidential_issues;
        // A cookbook that is gone from the policies wants what it wanted.
        let wanted = cookbooks
            .get(&request.cookbook)
            .map_or(request.shown.confidential, |cookbook| cookbook.issue.confidential);
        Ok(able && wanted)
    }

    async fn hide_issue(&self, issue: &IssueRef) -> Result<(), PortError> {
        let forge = self.forge(&issue.forge)?;
        let update = IssueUpdate { confidential: Some(true), ..IssueUpdate::default() };
        forge.update_issue(issue, &update).await?;
        // Forges drop silently what we have no right to change.
        if forge.issue(issue).await?.confidential {
            return Ok(());
        }
        Err(PortError::give_up(format!("hide {issue}"), "it is as visible as before")
            .advice("give our account the role of a planner or more in the project"))
    }
}
