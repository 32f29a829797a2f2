//! Filing and changing issues.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::dialect::Dialect;
use super::issue::{Issue, IssueKey, IssueState, Label};
use super::payload;
use super::state::{Act, Refused, State};
use super::world::{Level, Tier};

/// What a due date becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DueDate {
    On(NaiveDate),
    None,
}

impl From<Option<NaiveDate>> for DueDate {
    fn from(date: Option<NaiveDate>) -> Self {
        date.map_or(Self::None, Self::On)
    }
}

impl From<DueDate> for Option<NaiveDate> {
    fn from(due_date: DueDate) -> Self {
        match due_date {
            DueDate::On(date) => Some(date),
            DueDate::None => None,
        }
    }
}

/// What to change about an issue; what is absent stays.
#[derive(Clone, Debug, Default)]
pub(super) struct IssueUpdate {
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) state: Option<IssueState>,
    /// Replaces all labels.
    pub(super) labels: Option<Vec<String>>,
    pub(super) add_labels: Vec<String>,
    pub(super) remove_labels: Vec<String>,
    pub(super) due_date: Option<DueDate>,
    pub(super) assignees: Option<Vec<u64>>,
    pub(super) confidential: Option<bool>,
    pub(super) discussion_locked: Option<bool>,
    /// Why it is closed or opened, in GitHub's words.
    pub(super) state_reason: Option<String>,
    /// Filed through a form, which sets its labels whoever files.
    pub(super) by_form: bool,
}

impl IssueUpdate {
    /// Adds what quick actions ask for, which wins.
    fn merge(&mut self, other: Self) {
        self.title = other.title.or(self.title.take());
        self.state = other.state.or(self.state);
        self.labels = other.labels.or(self.labels.take());
        self.add_labels.extend(other.add_labels);
        self.remove_labels.extend(other.remove_labels);
        self.due_date = other.due_date.or(self.due_date);
        self.assignees = other.assignees.or(self.assignees.take());
        self.confidential = other.confidential.or(self.confidential);
        self.discussion_locked = other.discussion_locked.or(self.discussion_locked);
    }

    /// Drops what takes a planner's rights, silently, as GitLab does.
    fn without_metadata(self) -> Self {
        Self {
            title: self.title,
            description: self.description,
            state: self.state,
            state_reason: self.state_reason,
            ..Self::default()
        }
    }

    fn check(&self, dialect: Dialect) -> Result<(), Refused> {
        if let Some(title) = &self.title {
            if title.trim().is_empty() {
                return Err(Refused::Invalid("title can't be blank".to_owned()));
            }
            let longest = dialect.longest_title();
            if title.chars().count() > longest {
                let text = format!("title is too long (maximum is {longest} characters)");
                return Err(Refused::Invalid(text));
            }
        }
        let longest = dialect.longest_text();
        if self.description.as_ref().is_some_and(|text| text.chars().count() > longest) {
            let text = format!("description is too long (maximum is {longest} characters)");
            return Err(Refused::Invalid(text));
        }
        Ok(())
    }
}

impl State {
    pub(super) fn create_issue(
        &mut self,
        act: &Act,
        project: u64,
        mut wanted: IssueUpdate,
    ) -> Result<IssueKey, Refused> {
        if !self.may_read_project(act.user, project) {
            return Err(Refused::NotFound("Project"));
        }
        let written = wanted.description.take().unwrap_or_default();
        let (description, actions) = self.dialect.read(&written);
        let outcome = self.interpret(act, project, None, &actions);
        wanted.merge(outcome.update);
        wanted.check(self.dialect)?;
        // Anybody may file a confidential issue; the rest is for members.
        let confidential = wanted.confidential.unwrap_or(false);
        let may_label = match self.dialect {
            Dialect::GitLab => self.level(act.user, project).is_some(),
            Dialect::GitHub => wanted.by_form || self.may_tend_issues(act.user, project),
        };
        if !may_label {
            wanted = wanted.without_metadata();
        }
        let key = self.next_key(project);
        let labels = self.labels_after(act, project, &[], &wanted);
        let issue = Issue {
            id: self.fresh_id(),
            key,
            title: wanted.title.unwrap_or_default(),
            description: description.clone(),
            author: act.user,
            assignees: wanted.assignees.unwrap_or_default(),
            labels,
            state: IssueState::Opened,
            due_date: wanted.due_date.and_then(Into::into),
            confidential,
            discussion_locked: wanted.discussion_locked.unwrap_or(false),
            created_at: act.at,
            updated_at: act.at,
            updated_by: None,
            edits: Vec::new(),
            closed: None,
            state_reason: None,
            moved_to: None,
            notes: Vec::new(),
            awards: Vec::new(),
            mentioned: BTreeSet::new(),
        };
        self.issues.push(issue);
        self.notify(act, key, None, &description);
        self.cross_reference(act, key, &description);
        self.fire_issue(act, key, "open", None);
        Ok(key)
    }

    fn next_key(&self, project: u64) -> IssueKey {
        let keys = self.issues.iter().map(|issue| issue.key).chain(self.deleted.iter().copied());
        let last = keys.filter(|key| key.project == project).map(|key| key.iid).max();
        IssueKey { project, iid: last.unwrap_or(0) + 1 }
    }

    pub(super) fn update_issue(
        &mut self,
        act: &Act,
        key: IssueKey,
        mut wanted: IssueUpdate,
    ) -> Result<(), Refused> {
        let before = self.visible_issue(act.user, key)?.clone();
        let edits_words = wanted.title.is_some() || wanted.description.is_some();
        if !self.may_update_issue(act.user, &before)
            || (edits_words && !self.may_edit_words(act.user, &before))
        {
            return Err(Refused::Forbidden);
        }
        wanted.check(self.dialect)?;
        if let Some(written) = wanted.description.take() {
            let (description, actions) = self.dialect.read(&written);
            let outcome = self.interpret(act, key.project, Some(&before), &actions);
            wanted.description = Some(description);
            wanted.merge(outcome.update);
        }
        self.apply(act, &before, wanted);
        Ok(())
    }

    /// Carries out a change that its author may make, with everything that
    /// follows from it.
    pub(super) fn apply(&mut self, act: &Act, before: &Issue, mut wanted: IssueUpdate) {
        let key = before.key;
        if !self.may_tend_issues(act.user, key.project) {
            wanted = wanted.without_metadata();
        }
        let labels = self.labels_after(act, key.project, &before.labels, &wanted);
        let Some(issue) = self.issue_mut(key) else { return };
        issue.labels = labels;
        if let Some(title) = wanted.title {
            issue.title = title;
        }
        if let Some(description) = wanted.description.filter(|text| *text != before.description) {
            issue.description = description;
            issue.edits.push((act.at, act.user));
        }
        if let Some(due_date) = wanted.due_date {
            issue.due_date = due_date.into();
        }
        if let Some(mut assignees) = wanted.assignees {
            assignees.retain(|user| *user != 0);
            issue.assignees = assignees;
        }
        issue.confidential = wanted.confidential.unwrap_or(issue.confidential);
        issue.discussion_locked = wanted.discussion_locked.unwrap_or(issue.discussion_locked);

        let edited = payload::differ(before, issue);
        if edited {
            issue.updated_at = act.at;
            issue.updated_by = Some(act.user);
        }
        if edited {
            let after = issue.clone();
            self.system_notes_for(act, before, &after);
            self.fire_issue(act, key, "update", Some(before));
            self.notify_of_edit(act, key, None, &before.description, &after.description);
            self.cross_reference(act, key, &after.description);
        }
        if let Some(state) = wanted.state.filter(|state| *state != before.state) {
            self.set_state(act, key, state, wanted.state_reason);
        }
    }

    fn set_state(&mut self, act: &Act, key: IssueKey, state: IssueState, reason: Option<String>) {
        let Some(issue) = self.issue_mut(key) else { return };
        let before = issue.clone();
        issue.state = state;
        issue.updated_at = act.at;
        issue.updated_by = Some(act.user);
        issue.closed = (state == IssueState::Closed).then_some((act.at, act.user));
        let (word, action, usual) = match state {
            IssueState::Closed => ("closed", "close", "completed"),
            IssueState::Opened => ("reopened", "reopen", "reopened"),
        };
        issue.state_reason = Some(reason.unwrap_or_else(|| usual.to_owned()));
        self.system_note(act, key, word.to_owned());
        self.fire_issue(act, key, action, Some(&before));
    }

    /// The labels an update leads to. New names become labels of the project
    /// if the user may make them, and are dropped otherwise.
    fn labels_after(
        &mut self,
        act: &Act,
        project: u64,
        present: &[String],
        wanted: &IssueUpdate,
    ) -> Vec<String> {
        let mut labels: Vec<String> = Vec::new();
        let replaced = wanted.labels.as_deref().unwrap_or(present);
        for name in replaced.iter().chain(&wanted.add_labels) {
            let name = name.trim();
            if name.is_empty() || !self.ensure_label(act, project, name) {
                continue;
            }
            // GitHub's label is the one that is there, however it is written.
            let known = self.label(project, name).map(|label| label.name.clone());
            let name = known.as_deref().unwrap_or(name);
            if self.world.tier == Tier::Premium
                && let Some((scope, _)) = name.rsplit_once("::")
            {
                labels
                    .retain(|other| other.rsplit_once("::").map(|(scope, _)| scope) != Some(scope));
            }
            labels.push(name.to_owned());
        }
        labels.retain(|name| !wanted.remove_labels.contains(name));
        labels.sort();
        labels.dedup();
        labels
    }

    /// Whether the label is there now.
    fn ensure_label(&mut self, act: &Act, project: u64, name: &str) -> bool {
        if self.label(project, name).is_some() {
            return true;
        }
        if !self.may_tend_issues(act.user, project) {
            return false;
        }
        let id = self.fresh_id();
        self.labels.push(Label {
            id,
            project,
            name: name.to_owned(),
            color: self.dialect.label_color().to_owned(),
            description: None,
            created_at: act.at,
        });
        true
    }

    /// GitLab's "move", GitHub's "transfer": the issue goes on in another
    /// project, under a new id. The old one closes, or leads there.
    pub(super) fn move_issue(
        &mut self,
        act: &Act,
        key: IssueKey,
        to: u64,
    ) -> Result<IssueKey, Refused> {
        let before = self.visible_issue(act.user, key)?.clone();
        if !self.may_tend_issues(act.user, key.project) || !self.may_tend_issues(act.user, to) {
            return Err(Refused::Forbidden);
        }
        let wanted = IssueUpdate { title: Some(before.title.clone()), ..IssueUpdate::default() };
        let new = self.create_issue(act, to, wanted)?;
        let mut labels = before.labels.clone();
        if self.dialect.is_github() {
            // Only those that are there already go along.
            labels.retain(|name| self.label(to, name).is_some());
        }
        let note_ids: Vec<u64> = before.notes.iter().map(|_| self.fresh_id()).collect();
        if let Some(issue) = self.issue_mut(new) {
            let Issue { id, key, .. } = *issue;
            *issue = Issue { id, key, labels, updated_at: act.at, ..before.clone() };
            for (note, id) in issue.notes.iter_mut().zip(note_ids) {
                note.id = id;
            }
            if let Some(old) = self.issue_mut(before.key) {
                old.moved_to = Some(id);
            }
        }
        match self.dialect {
            Dialect::GitLab => {
                let from = self.reference_from(key, to);
                let to = self.reference_from(new, key.project);
                self.system_note(act, new, format!("moved from {from}"));
                self.system_note(act, key, format!("moved to {to}"));
                self.set_state(act, key, IssueState::Closed, None);
            }
            Dialect::GitHub => self.tell_of_transfer(act, &before, new),
        }
        Ok(new)
    }

    /// Only what is left to say of it stays.
    pub(super) fn delete_issue(&mut self, act: &Act, key: IssueKey) -> Result<(), Refused> {
        let issue = self.visible_issue(act.user, key)?.clone();
        if self.level(act.user, key.project) < Some(Level::Owner) {
            return Err(Refused::Forbidden);
        }
        self.issues.retain(|one| one.key != key);
        self.deleted.insert(key);
        if self.dialect.is_github() {
            self.tell_of_deletion(act, &issue);
        }
        Ok(())
    }

    /// An issue as GitLab names it in a project: no longer than is clear there.
    fn reference_from(&self, key: IssueKey, reader: u64) -> String {
        let path = |id| self.project(id).map_or("", |project| project.path.as_str());
        let namespace =
            |path: &str| path.rsplit_once('/').map(|(namespace, _)| namespace.to_owned());
        let (of, here) = (path(key.project), path(reader));
        let shown = match (of == here, namespace(of) == namespace(here)) {
            (true, _) => "",
            (false, true) => of.rsplit('/').next().unwrap_or_default(),
            (false, false) => of,
        };
        format!("{shown}#{}", key.iid)
    }
}
