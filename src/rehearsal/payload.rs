//! What webhooks carry.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::issue::{Award, Issue, IssueKey, Label, Note};
use super::state::{Act, State};

/// The event name and body of one webhook.
pub(super) struct Event {
    /// As in `X-Gitlab-Event` or `X-GitHub-Event`.
    pub(super) name: &'static str,
    pub(super) confidential: bool,
    pub(super) body: Value,
}

/// Webhooks write moments like this, the API does not.
fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Whether anything differs that an `update` event reports.
pub(super) fn differ(before: &Issue, after: &Issue) -> bool {
    before.title != after.title
        || before.description != after.description
        || before.labels != after.labels
        || before.assignees != after.assignees
        || before.due_date != after.due_date
        || before.confidential != after.confidential
        || before.discussion_locked != after.discussion_locked
}

impl State {
    /// Sends `open`, `update`, `close` or `reopen`.
    pub(super) fn fire_issue(
        &mut self,
        act: &Act,
        key: IssueKey,
        action: &str,
        before: Option<&Issue>,
    ) {
        if self.dialect.is_github() {
            return self.tell_of_issue(act, key, action, before);
        }
        let Some(issue) = self.issue(key) else { return };
        let mut attributes = self.issue_attributes(issue);
        attributes["action"] = json!(action);
        let kind = if issue.confidential { "confidential_issue" } else { "issue" };
        let body = json!({
            "object_kind": "issue",
            "event_type": kind,
            "user": self.hook_user(act.user),
            "project": self.hook_project(key.project),
            "object_attributes": attributes,
            "labels": self.hook_labels(issue),
            "assignees": issue.assignees.iter().map(|id| self.hook_user(*id)).collect::<Vec<_>>(),
            "changes": self.changes(before, issue),
            "repository": self.hook_repository(key.project),
        });
        let name = if issue.confidential { "Confidential Issue Hook" } else { "Issue Hook" };
        self.fire(act, key.project, &Event { name, confidential: issue.confidential, body });
    }

    /// Sends `create`, `update` or, on GitHub, `delete` of a note, whose text
    /// may have been another before.
    pub(super) fn fire_note(
        &mut self,
        act: &Act,
        key: IssueKey,
        note: u64,
        action: &str,
        before: Option<&str>,
    ) {
        if self.dialect.is_github() {
            return self.tell_of_comment(act, key, note, action, before);
        }
        let Some(issue) = self.issue(key) else { return };
        let Some(note) = issue.notes.iter().find(|candidate| candidate.id == note) else { return };
        let confidential = issue.confidential || note.internal;
        let mut attributes = self.note_attributes(issue, note);
        attributes["action"] = json!(action);
        let body = json!({
            "object_kind": "note",
            "event_type": if confidential { "confidential_note" } else { "note" },
            "user": self.hook_user(act.user),
            "project_id": key.project,
            "project": self.hook_project(key.project),
            "object_attributes": attributes,
            "repository": self.hook_repository(key.project),
            "issue": self.issue_attributes(issue),
        });
        let name = if confidential { "Confidential Note Hook" } else { "Note Hook" };
        self.fire(act, key.project, &Event { name, confidential, body });
    }

    /// Sends `award` or `revoke` of an emoji.
    pub(super) fn fire_emoji(
        &mut self,
        act: &Act,
        key: IssueKey,
        note: Option<u64>,
        award: &Award,
        action: &str,
    ) {
        if self.dialect.is_github() {
            // GitHub tells nobody.
            return;
        }
        let Some(issue) = self.issue(key) else { return };
        let note = note.and_then(|id| issue.notes.iter().find(|note| note.id == id));
        let url = self.issue_url(key);
        let mut body = json!({
            "object_kind": "emoji",
            "event_type": action,
            "user": self.hook_user(act.user),
            "project_id": key.project,
            "project": self.hook_project(key.project),
            "object_attributes": {
                "user_id": award.user,
                "created_at": moment(award.created_at),
                "id": award.id,
                "name": award.name,
                "awardable_type": if note.is_some() { "Note" } else { "Issue" },
                "awardable_id": note.map_or(issue.id, |note| note.id),
                "updated_at": moment(award.created_at),
                "action": action,
                "awarded_on_url": note.map_or_else(|| url.clone(), |note| format!("{url}#note_{}", note.id)),
            },
            "issue": self.issue_attributes(issue),
        });
        if let Some(note) = note {
            body["note"] = self.note_attributes(issue, note);
        }
        let event = Event { name: "Emoji Hook", confidential: issue.confidential, body };
        self.fire(act, key.project, &event);
    }

    fn issue_attributes(&self, issue: &Issue) -> Value {
        json!({
            "id": issue.id,
            "iid": issue.key.iid,
            "project_id": issue.key.project,
            "title": issue.title,
            "description": self.absolute_image_urls(issue.key.project, &issue.description),
            "author_id": issue.author,
            "assignee_id": issue.assignees.first(),
            "assignee_ids": issue.assignees,
            "created_at": moment(issue.created_at),
            "updated_at": moment(issue.updated_at),
            "updated_by_id": issue.updated_by,
            "last_edited_at": issue.edited().map(|(at, _)| moment(at)),
            "last_edited_by_id": issue.edited().map(|(_, by)| by),
            "closed_at": issue.closed.map(|(at, _)| moment(at)),
            "due_date": issue.due_date,
            "confidential": issue.confidential,
            "discussion_locked": issue.discussion_locked.then_some(true),
            "milestone_id": null,
            "moved_to_id": issue.moved_to,
            "duplicated_to_id": null,
            "relative_position": issue.key.iid * 513,
            "state": issue.state.as_str(),
            "state_id": issue.state.number(),
            "severity": "unknown",
            "type": "Issue",
            "url": self.issue_url(issue.key),
            "labels": self.hook_labels(issue),
            "time_estimate": 0,
            "total_time_spent": 0,
            "time_change": 0,
            "human_time_estimate": null,
            "human_total_time_spent": null,
            "human_time_change": null,
            "weight": null,
            "health_status": null,
        })
    }

    fn note_attributes(&self, issue: &Issue, note: &Note) -> Value {
        let text = self.absolute_image_urls(issue.key.project, &note.body);
        json!({
            "id": note.id,
            "note": text,
            "description": text,
            "noteable_type": "Issue",
            "noteable_id": issue.id,
            "author_id": note.author,
            "project_id": issue.key.project,
            "created_at": moment(note.created_at),
            "updated_at": moment(note.updated_at),
            "updated_by_id": note.edited.then_some(note.author),
            "attachment": null,
            "change_position": null,
            "commit_id": null,
            "internal": note.internal,
            "line_code": null,
            "original_position": null,
            "position": null,
            "resolved_at": null,
            "st_diff": null,
            "system": note.system,
            "type": null,
            "url": format!("{}#note_{}", self.issue_url(issue.key), note.id),
        })
    }

    fn changes(&self, before: Option<&Issue>, after: &Issue) -> Value {
        let mut changes = Map::new();
        let mut compare = |attribute: &str, previous: Value, current: Value| {
            if previous != current {
                let change = json!({ "previous": previous, "current": current });
                changes.insert(attribute.to_owned(), change);
            }
        };
        let Some(before) = before else {
            for (attribute, current) in [
                ("author_id", json!(after.author)),
                ("created_at", json!(moment(after.created_at))),
                ("description", json!(after.description)),
                ("id", json!(after.id)),
                ("iid", json!(after.key.iid)),
                ("project_id", json!(after.key.project)),
                ("title", json!(after.title)),
                ("updated_at", json!(moment(after.updated_at))),
                ("due_date", json!(after.due_date)),
            ] {
                compare(attribute, Value::Null, current);
            }
            return Value::Object(changes);
        };
        compare("title", json!(before.title), json!(after.title));
        let described =
            |issue: &Issue| json!(self.absolute_image_urls(issue.key.project, &issue.description));
        compare("description", described(before), described(after));
        compare("labels", self.hook_labels(before), self.hook_labels(after));
        compare("due_date", json!(before.due_date), json!(after.due_date));
        compare("state_id", json!(before.state.number()), json!(after.state.number()));
        let closed = |issue: &Issue| json!(issue.closed.map(|(at, _)| moment(at)));
        compare("closed_at", closed(before), closed(after));
        compare("confidential", json!(before.confidential), json!(after.confidential));
        compare(
            "discussion_locked",
            json!(before.discussion_locked),
            json!(after.discussion_locked),
        );
        let users = |issue: &Issue| {
            json!(issue.assignees.iter().map(|id| self.hook_user(*id)).collect::<Vec<_>>())
        };
        compare("assignees", users(before), users(after));
        let edited = |issue: &Issue| json!(issue.edited().map(|(at, _)| moment(at)));
        compare("last_edited_at", edited(before), edited(after));
        compare("updated_by_id", json!(before.updated_by), json!(after.updated_by));
        compare("updated_at", json!(moment(before.updated_at)), json!(moment(after.updated_at)));
        Value::Object(changes)
    }

    fn hook_user(&self, id: u64) -> Value {
        let user = self.user(id);
        json!({
            "id": id,
            "name": user.map_or("Ghost User", |user| &user.name),
            "username": self.username(id),
            "avatar_url": null,
            "email": "[REDACTED]",
        })
    }

    fn hook_project(&self, id: u64) -> Value {
        let Some(project) = self.project(id) else { return Value::Null };
        let (namespace, name) = project.path.rsplit_once('/').unwrap_or(("", &project.path));
        let web = format!("{}/{}", self.base_url, project.path);
        json!({
            "id": id,
            "name": name,
            "description": null,
            "web_url": web,
            "avatar_url": null,
            "git_ssh_url": format!("git@gitlab.invalid:{}.git", project.path),
            "git_http_url": format!("{web}.git"),
            "namespace": namespace,
            "visibility_level": 10,
            "path_with_namespace": project.path,
            "default_branch": "main",
            "ci_config_path": null,
            "homepage": web,
            "url": format!("{web}.git"),
            "ssh_url": format!("git@gitlab.invalid:{}.git", project.path),
            "http_url": format!("{web}.git"),
        })
    }

    fn hook_repository(&self, id: u64) -> Value {
        let Some(project) = self.project(id) else { return Value::Null };
        let web = format!("{}/{}", self.base_url, project.path);
        let name = project.path.rsplit('/').next();
        json!({ "name": name, "url": format!("{web}.git"), "description": null, "homepage": web })
    }

    fn hook_labels(&self, issue: &Issue) -> Value {
        let label = |label: &Label| {
            json!({
                "id": label.id,
                "title": label.name,
                "color": label.color,
                "project_id": label.project,
                "created_at": moment(label.created_at),
                "updated_at": moment(label.created_at),
                "template": false,
                "description": label.description,
                "type": "ProjectLabel",
                "group_id": null,
            })
        };
        issue
            .labels
            .iter()
            .filter_map(|name| self.label(issue.key.project, name))
            .map(label)
            .collect()
    }

    /// Hooks carry image addresses made absolute: their text is not the text.
    fn absolute_image_urls(&self, project: u64, text: &str) -> String {
        let path = self.project(project).map_or("", |project| &project.path);
        text.replace("](/uploads/", &format!("]({}/{path}/uploads/", self.base_url))
    }
}
