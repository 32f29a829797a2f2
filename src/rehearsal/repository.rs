//! A project's repository, as far as issue templates go: the default branch
//! holds them, other branches what was committed there, and merge requests
//! bring it over.

use std::collections::BTreeMap;

use super::Rehearsal;
use super::state::{Act, Refused, State};
use super::world::Level;

/// The default branch.
pub(super) const MAIN: &str = "main";

const TEMPLATES: &str = ".gitlab/issue_templates/";

/// Everything but the default branches, which are the projects' templates.
#[derive(Default)]
pub(super) struct Repositories {
    branches: BTreeMap<(u64, String), Files>,
    pub(super) merge_requests: Vec<MergeRequest>,
}

/// Texts by path.
pub(super) type Files = BTreeMap<String, String>;

/// A merge request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeRequest {
    /// Its number within the project.
    pub iid: u64,
    /// The project's id.
    pub project: u64,
    /// Who opened it.
    pub author: u64,
    /// The branch to be merged.
    pub source: String,
    /// The branch it is merged into.
    pub target: String,
    /// Its title.
    pub title: String,
    /// What it says.
    pub description: String,
    /// `opened`, `closed` or `merged`.
    pub state: &'static str,
}

/// A file to be written by a commit.
pub(super) struct Action {
    pub(super) kind: String,
    pub(super) path: String,
    pub(super) text: String,
}

impl State {
    /// The files of a branch, if there is such a branch.
    pub(super) fn files(&self, project: u64, branch: &str) -> Option<Files> {
        if branch != MAIN {
            return self.repositories.branches.get(&(project, branch.to_owned())).cloned();
        }
        let templates = &self.project(project)?.templates;
        let path = |name: &str| format!("{TEMPLATES}{name}.md");
        Some(templates.iter().map(|(name, text)| (path(name), text.clone())).collect())
    }

    /// Whether this account may read the code.
    pub(super) fn may_read_code(&self, user: u64, project: u64) -> bool {
        self.may_read_project(user, project)
            && (!self.is_private(project) || self.level(user, project) >= Some(Level::Reporter))
    }

    /// Whether this account may make branches and merge requests.
    pub(super) fn may_push(&self, user: u64, project: u64) -> bool {
        self.level(user, project) >= Some(Level::Developer)
    }

    /// Commits to a branch other than the default one, which is protected.
    pub(super) fn commit(
        &mut self,
        act: &Act,
        project: u64,
        (branch, start): (&str, Option<&str>),
        actions: &[Action],
    ) -> Result<(), Refused> {
        let invalid = |text: &str| Refused::Invalid(text.to_owned());
        if !self.may_push(act.user, project) || branch == MAIN {
            return Err(Refused::Forbidden);
        }
        let mut files = match (self.files(project, branch), start) {
            (Some(_), Some(_)) => {
                let text = format!("A branch called '{branch}' already exists.");
                return Err(Refused::Invalid(text));
            }
            (Some(files), None) => files,
            (None, Some(start)) => {
                self.files(project, start).ok_or_else(|| invalid("Invalid reference name"))?
            }
            (None, None) => return Err(invalid("You can only create or edit files on a branch")),
        };
        for Action { kind, path, text } in actions {
            match (kind.as_str(), files.contains_key(path)) {
                ("create", false) | ("update", true) => files.insert(path.clone(), text.clone()),
                ("create", true) => return Err(invalid("A file with this name already exists")),
                ("update", false) => return Err(invalid("A file with this name doesn't exist")),
                _ => return Err(invalid("actions[action] does not have a valid value")),
            };
        }
        self.repositories.branches.insert((project, branch.to_owned()), files);
        Ok(())
    }
}

impl Rehearsal {
    /// All merge requests, oldest first.
    #[must_use]
    pub fn merge_requests(&self) -> Vec<MergeRequest> {
        self.shared.lock().repositories.merge_requests.clone()
    }

    /// A maintainer merges it; its branch is deleted.
    pub fn merge(&self, project: u64, iid: u64) -> Result<(), Refused> {
        let mut state = self.shared.lock();
        let requests = &mut state.repositories.merge_requests;
        let request = requests.iter_mut().find(|one| (one.project, one.iid) == (project, iid));
        let request = request.ok_or(Refused::NotFound("Merge Request"))?;
        request.state = "merged";
        let branch = (project, request.source.clone());
        let files = state.repositories.branches.remove(&branch).unwrap_or_default();
        let project = state.world.projects.iter_mut().find(|one| one.id == project);
        let project = project.ok_or(Refused::NotFound("Project"))?;
        let template = |(path, text): (String, String)| {
            let name = path.strip_prefix(TEMPLATES)?.strip_suffix(".md")?.to_owned();
            Some((name, text))
        };
        project.templates = files.into_iter().filter_map(template).collect();
        Ok(())
    }

    /// The text of a file, in the branch of that name.
    #[must_use]
    pub fn file(&self, project: u64, branch: &str, path: &str) -> Option<String> {
        self.shared.lock().files(project, branch)?.remove(path)
    }
}
