//! Issues whose cookbook wants them hidden from all but members: hidden before
//! anything is said on them, and hidden again when somebody shows them.

use std::collections::BTreeMap;

use super::{Engine, Settings, draft::Draft, look::Desk};
use crate::{
    cookbook::{Cookbook, Cookbooks},
    identity::{ForgeName, IssueRef},
    notice::Reply,
    ports::{
        PortError,
        forge::{Abilities, IssueUpdate},
    },
    request::Request,
};

/// What cookbooks ask for that cannot be kept where they are offered, given
/// what the forges are able to; as sentences. Nothing may be served while there
/// is any.
#[must_use]
pub fn unkept_promises(
    settings: &Settings,
    abilities: &BTreeMap<ForgeName, Abilities>,
    cookbooks: &Cookbooks,
) -> Vec<String> {
    let mut unkept = Vec::new();
    for cookbook in &cookbooks.cookbooks {
        for (place, name) in places(settings, cookbook) {
            let Some(has) = abilities.get(name) else { continue };
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

    pub(super) fn has_to_be_hidden(
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::TimeDelta;

    use super::unkept_promises;
    use crate::{
        cookbook::{Cookbooks, load},
        engine::{Group, Labels, Project, Settings},
        identity::ProjectId,
        ports::forge::Abilities,
    };

    fn settings(offered: &[(&str, Option<&str>)]) -> Settings {
        let project = |(forge, only): &(&str, Option<&str>)| Project {
            forge: (*forge).into(),
            id: ProjectId(7),
            group: None,
            cookbooks: only.map(|name| vec![name.into()]),
        };
        Settings {
            projects: offered.iter().map(project).collect(),
            groups: Vec::new(),
            sysadmins: Vec::new(),
            automatic_approval: false,
            protected_names: Vec::new(),
            embargoes: Vec::new(),
            labels: Labels::default(),
            destroys_per_day: 1,
            creations_per_day: 1,
            outage_after: TimeDelta::hours(1),
            claim: TimeDelta::hours(1),
            holder: String::new(),
        }
    }

    fn cookbooks(change: impl Fn(&mut crate::cookbook::IssueRules)) -> Cookbooks {
        let mut cookbooks = load::embedded();
        let vm = cookbooks.cookbooks.iter_mut().find(|book| book.name.as_str() == "vm").unwrap();
        change(&mut vm.issue);
        cookbooks
    }

    #[test]
    fn confidential_cookbooks_are_for_forges_that_can_hide_issues() {
        let able = |confidential_issues| Abilities {
            due_dates: true,
            confidential_issues,
            team_notes: confidential_issues,
            marked_templates: confidential_issues,
        };
        let forges =
            BTreeMap::from([("gitlab".into(), able(true)), ("github".into(), able(false))]);
        let unkept = |offered: &[(&str, Option<&str>)]| {
            let cookbooks = cookbooks(|issue| issue.confidential = true);
            unkept_promises(&settings(offered), &forges, &cookbooks)
        };
        assert_eq!(unkept(&[("gitlab", None), ("github", Some("sandbox"))]), Vec::<String>::new());
        for offered in [None, Some("vm")] {
            let [only] = <[String; 1]>::try_from(unkept(&[("github", offered)])).unwrap();
            assert!(only.contains("cookbook `vm`") && only.contains("forge `github`"), "{only}");
        }
    }

    #[test]
    fn where_forms_bear_no_mark_a_cookbook_needs_a_label_in_groups_as_well() {
        let mut cookbooks = load::embedded();
        cookbooks.cookbooks.iter_mut().for_each(|book| book.label = None);
        let able = Abilities {
            due_dates: false,
            confidential_issues: false,
            team_notes: false,
            marked_templates: false,
        };
        let mut settings = settings(&[]);
        settings.groups.push(Group {
            forge: "github".into(),
            path: "octo".to_owned(),
            cookbooks: Some(vec!["vm".into()]),
        });
        let forges = BTreeMap::from([("github".into(), able)]);
        let [only] =
            <[String; 1]>::try_from(unkept_promises(&settings, &forges, &cookbooks)).unwrap();
        assert!(only.contains("`vm` has no `label`") && only.contains("group octo"), "{only}");
    }

    #[test]
    fn a_label_that_shows_a_state_is_none_of_a_cookbooks() {
        let cookbooks = cookbooks(|issue| {
            issue.labels = vec!["TPA".to_owned(), "innkeeper::active".to_owned()];
        });
        let unkept = unkept_promises(&settings(&[]), &BTreeMap::new(), &cookbooks);
        assert_eq!(unkept.len(), 1);
        assert!(unkept[0].contains("`innkeeper::active`"), "{unkept:?}");
    }
}
