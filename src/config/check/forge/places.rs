//! The projects and groups whose issues are looked at.

use secrecy::SecretString;

use super::Checker;
use crate::{
    config::{
        ForgeKind, Group, Project,
        keys::{ForgeKeys, GroupKeys, ProjectKeys},
    },
    identity::{CookbookName, ProjectId},
};

impl Checker<'_> {
    pub(super) fn projects(
        &mut self,
        kind: ForgeKind,
        forge: &str,
        keys: &ForgeKeys,
        of_app: Option<&SecretString>,
    ) -> Vec<Project> {
        let mut projects: Vec<Project> = Vec::new();
        for (index, keys) in keys.project.iter().enumerate() {
            let Some(project) = self.project(kind, forge, index, keys, of_app) else { continue };
            if projects.iter().any(|other| other.id == project.id) {
                self.wrong(
                    &["forge", forge, "project", &index.to_string(), "id"],
                    format!("project {} is there twice", project.id),
                    "keep one of them",
                );
            }
            projects.push(project);
        }
        projects
    }

    fn project(
        &mut self,
        kind: ForgeKind,
        forge: &str,
        index: usize,
        keys: &ProjectKeys,
        of_app: Option<&SecretString>,
    ) -> Option<Project> {
        let index = index.to_string();
        let table = ["forge", forge, "project", index.as_str()];
        let id = keys.id.filter(|id| *id > 0);
        if id.is_none() {
            let help = match kind {
                ForgeKind::GitLab => {
                    "GitLab shows it in the menu beside the project's name: \"Copy project ID\""
                }
                ForgeKind::GitHub => "`gh api repos/OWNER/REPOSITORY --jq .id` shows it",
            };
            self.wrong(&[&table[..], &["id"]].concat(), "a project needs its numeric `id`", help);
        }
        let path = keys.path.clone();
        if kind == ForgeKind::GitHub && !path.as_deref().is_some_and(is_repository) {
            self.wrong(
                &[&table[..], &["path"]].concat(),
                "a repository on GitHub needs its `path`",
                "as in its address: `OWNER/REPOSITORY`",
            );
        }
        let whose = id.map(|id| format!("{forge}:{id}"));
        let own = self.webhook_secret(kind, &table, whose.as_deref(), keys.webhook(), of_app);
        Some(Project {
            id: ProjectId(id?),
            path,
            webhook_secret: own?,
            cookbooks: cookbooks(keys.cookbooks.as_ref()),
        })
    }

    pub(super) fn groups(
        &mut self,
        kind: ForgeKind,
        forge: &str,
        keys: &ForgeKeys,
        of_app: Option<&SecretString>,
    ) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for (index, keys) in keys.group.iter().enumerate() {
            let Some(group) = self.group(kind, forge, index, keys, of_app) else { continue };
            if groups.iter().any(|other| other.path.eq_ignore_ascii_case(&group.path)) {
                self.wrong(
                    &["forge", forge, "group", &index.to_string(), "path"],
                    format!("group {} is there twice", group.path),
                    "keep one of them",
                );
            }
            groups.push(group);
        }
        groups
    }

    fn group(
        &mut self,
        kind: ForgeKind,
        forge: &str,
        index: usize,
        keys: &GroupKeys,
        of_app: Option<&SecretString>,
    ) -> Option<Group> {
        let index = index.to_string();
        let table = ["forge", forge, "group", index.as_str()];
        let path = keys.path.as_deref().map(|path| path.trim_matches('/'));
        let Some(path) = path.filter(|path| !path.is_empty()) else {
            let help = "as in its address: `tpo/tpa`, or an organisation on GitHub";
            self.wrong(&[&table[..], &["path"]].concat(), "a group needs its `path`", help);
            return None;
        };
        let webhook = keys.webhook();
        let has_own = webhook.token.or(webhook.signing).is_some()
            || webhook.token_file.or(webhook.signing_file).is_some();
        let whose = format!("{forge}:{path}");
        let webhook_secret = if has_own {
            self.webhook_secret(kind, &table, Some(&whose), webhook, None)
        } else {
            of_app.cloned()
        };
        Some(Group {
            path: path.to_owned(),
            webhook_secret,
            cookbooks: cookbooks(keys.cookbooks.as_ref()),
        })
    }
}

fn cookbooks(names: Option<&Vec<String>>) -> Option<Vec<CookbookName>> {
    names.map(|names| names.iter().map(|name| CookbookName::from(name.as_str())).collect())
}

fn is_repository(path: &str) -> bool {
    path.split_once('/')
        .is_some_and(|(owner, name)| !owner.is_empty() && !name.is_empty() && !name.contains('/'))
}
