//! Comments, and the notes GitLab writes itself.

use chrono::TimeDelta;
use serde_json::{Map, Value};

use super::commands::Outcome;
use super::dialect::Dialect;
use super::issue::{Award, Issue, IssueKey, Note};
use super::state::{Act, Refused, State};

/// What became of a text posted as a comment.
#[derive(Debug)]
pub(super) enum Posted {
    /// There is a note now.
    Note(u64),
    /// There were only commands; they were carried out.
    Commands { changes: Map<String, Value>, summary: Vec<String> },
}

impl State {
    pub(super) fn create_note(
        &mut self,
        act: &Act,
        key: IssueKey,
        text: &str,
        internal: bool,
    ) -> Result<Posted, Refused> {
        let issue = self.visible_issue(act.user, key)?.clone();
        if !self.may_comment(act.user, &issue)
            || (internal && !self.may_tend_issues(act.user, key.project))
        {
            return Err(Refused::Forbidden);
        }
        check(text, self.dialect)?;
        let (body, actions) = self.dialect.read(text);
        let Outcome { update, changes, summary, failures } =
            self.interpret(act, key.project, Some(&issue), &actions);
        if body.trim().is_empty() {
            if !failures.is_empty() {
                return Err(Refused::Invalid(failures.join(", ")));
            }
            self.apply(act, &issue, update);
            return Ok(Posted::Commands { changes, summary });
        }
        let id = self.fresh_id();
        let note = Note {
            id,
            author: act.user,
            body: body.clone(),
            system: false,
            internal,
            created_at: act.at,
            updated_at: act.at,
            edited: false,
            awards: Vec::new(),
        };
        if let Some(issue) = self.issue_mut(key) {
            issue.notes.push(note);
            issue.updated_at = act.at;
        }
        self.notify(act, key, Some(id), &body);
        self.cross_reference(act, key, &body);
        self.fire_note(act, key, id, "create", None);
        self.apply(act, &issue, update);
        Ok(Posted::Note(id))
    }

    /// Changes a comment's text. Commands in it are carried out and cut; if
    /// nothing else is left, the note is gone and `false` is returned.
    pub(super) fn update_note(
        &mut self,
        act: &Act,
        key: IssueKey,
        id: u64,
        text: &str,
    ) -> Result<bool, Refused> {
        let issue = self.changeable_note(act, key, id)?;
        check(text, self.dialect)?;
        let (body, actions) = self.dialect.read(text);
        let outcome = self.interpret(act, key.project, Some(&issue), &actions);
        self.apply(act, &issue, outcome.update);
        if body.trim().is_empty() {
            self.remove_note(act, key, id);
            return Ok(false);
        }
        let dialect = self.dialect;
        let mut old = String::new();
        if let Some(issue) = self.issue_mut(key)
            && let Some(note) = issue.notes.iter_mut().find(|note| note.id == id)
            && note.body != body
        {
            old = std::mem::replace(&mut note.body, body.clone());
            // GitHub tells an edit by another second only, and nobody edits
            // within the second in which they wrote.
            let earliest = match dialect {
                Dialect::GitLab => act.at,
                Dialect::GitHub => note.created_at + TimeDelta::seconds(1),
            };
            note.updated_at = act.at.max(earliest);
            note.edited = true;
            issue.updated_at = act.at;
        }
        if !old.is_empty() {
            self.notify_of_edit(act, key, Some(id), &old, &body);
            self.cross_reference(act, key, &body);
            self.fire_note(act, key, id, "update", Some(&old));
        }
        Ok(true)
    }

    pub(super) fn delete_note(&mut self, act: &Act, key: IssueKey, id: u64) -> Result<(), Refused> {
        self.changeable_note(act, key, id)?;
        if self.dialect.is_github() {
            self.fire_note(act, key, id, "delete", None);
        }
        self.remove_note(act, key, id);
        Ok(())
    }

    /// Awards an emoji to the issue, or to a note of it.
    pub(super) fn award(
        &mut self,
        act: &Act,
        key: IssueKey,
        note: Option<u64>,
        name: &str,
    ) -> Result<Award, Refused> {
        let may_comment = self.may_comment(act.user, self.visible_issue(act.user, key)?);
        if let Some(note) = note {
            self.visible_note(act.user, key, note)?;
        }
        if !may_comment {
            return Err(Refused::Forbidden);
        }
        let id = self.fresh_id();
        let award = Award { id, name: name.to_owned(), user: act.user, created_at: act.at };
        let Some(awards) = self.awards_mut(key, note) else {
            return Err(Refused::NotFound("Award Emoji"));
        };
        if awards.iter().any(|award| award.name == name && award.user == act.user) {
            return Err(Refused::NotFound("Award Emoji Name has already been taken"));
        }
        awards.push(award.clone());
        self.fire_emoji(act, key, note, &award, "award");
        Ok(award)
    }

    pub(super) fn revoke_award(
        &mut self,
        act: &Act,
        key: IssueKey,
        note: Option<u64>,
        id: u64,
    ) -> Result<(), Refused> {
        self.visible_issue(act.user, key)?;
        let Some(awards) = self.awards_mut(key, note) else {
            return Err(Refused::NotFound("Award Emoji"));
        };
        let index = awards
            .iter()
            .position(|award| award.id == id && award.user == act.user)
            .ok_or(Refused::NotFound("Award Emoji"))?;
        let award = awards.remove(index);
        self.fire_emoji(act, key, note, &award, "revoke");
        Ok(())
    }

    fn awards_mut(&mut self, key: IssueKey, note: Option<u64>) -> Option<&mut Vec<Award>> {
        let issue = self.issue_mut(key)?;
        match note {
            None => Some(&mut issue.awards),
            Some(id) => {
                issue.notes.iter_mut().find(|note| note.id == id).map(|note| &mut note.awards)
            }
        }
    }

    fn changeable_note(&self, act: &Act, key: IssueKey, id: u64) -> Result<Issue, Refused> {
        let issue = self.visible_issue(act.user, key)?;
        let note = self.visible_note(act.user, key, id)?;
        if self.may_change_note(act.user, issue, note) {
            Ok(issue.clone())
        } else {
            Err(Refused::Forbidden)
        }
    }

    fn remove_note(&mut self, act: &Act, key: IssueKey, id: u64) {
        if let Some(issue) = self.issue_mut(key) {
            issue.notes.retain(|note| note.id != id);
            issue.updated_at = act.at;
        }
    }

    /// A note GitLab writes about what somebody did. It fires no hook. GitHub
    /// keeps such things apart from the comments.
    pub(super) fn system_note(&mut self, act: &Act, key: IssueKey, body: String) {
        if self.dialect.is_github() {
            return;
        }
        let id = self.fresh_id();
        if let Some(issue) = self.issue_mut(key) {
            issue.notes.push(Note {
                id,
                author: act.user,
                body,
                system: true,
                internal: false,
                created_at: act.at,
                updated_at: act.at,
                edited: false,
                awards: Vec::new(),
            });
        }
    }

    pub(super) fn system_notes_for(&mut self, act: &Act, before: &Issue, after: &Issue) {
        let key = after.key;
        if before.title != after.title {
            let text = format!(
                "changed title from **{{-{}-}}** to **{{+{}+}}**",
                before.title, after.title
            );
            self.system_note(act, key, text);
        }
        if before.description != after.description {
            self.system_note(act, key, "changed the description".to_owned());
        }
        match (before.due_date, after.due_date) {
            (old, Some(new)) if old != Some(new) => {
                self.system_note(
                    act,
                    key,
                    format!("changed due date to {}", new.format("%B %-d, %Y")),
                );
            }
            (Some(old), None) => {
                self.system_note(
                    act,
                    key,
                    format!("removed due date {}", old.format("%B %-d, %Y")),
                );
            }
            _ => {}
        }
        for (labels, others, verb) in
            [(&after.labels, &before.labels, "added"), (&before.labels, &after.labels, "removed")]
        {
            let names: Vec<String> = labels
                .iter()
                .filter(|name| !others.contains(name))
                .map(|name| format!("~\"{name}\""))
                .collect();
            if !names.is_empty() {
                let noun = if names.len() == 1 { "label" } else { "labels" };
                self.system_note(act, key, format!("{verb} {} {noun}", names.join(" ")));
            }
        }
        for (users, others, verb) in [
            (&after.assignees, &before.assignees, "assigned to"),
            (&before.assignees, &after.assignees, "unassigned"),
        ] {
            for user in users.iter().filter(|user| !others.contains(user)) {
                let text = format!("{verb} @{}", self.username(*user));
                self.system_note(act, key, text);
            }
        }
        for (was, is, on, off) in [
            (
                before.confidential,
                after.confidential,
                "made the issue confidential",
                "made the issue visible to everyone",
            ),
            (
                before.discussion_locked,
                after.discussion_locked,
                "locked the discussion in this issue",
                "unlocked the discussion in this issue",
            ),
        ] {
            if was != is {
                self.system_note(act, key, if is { on } else { off }.to_owned());
            }
        }
    }
}

fn check(text: &str, dialect: Dialect) -> Result<(), Refused> {
    if text.trim().is_empty() {
        return Err(Refused::Invalid("Note {:note=>[\"can't be blank\"]}".to_owned()));
    }
    let longest = dialect.longest_text();
    if text.chars().count() > longest {
        let text = format!("Note {{:note=>[\"is too long (maximum is {longest} characters)\"]}}");
        return Err(Refused::Invalid(text));
    }
    Ok(())
}
