//! JSON as the API serves it.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::rehearsal::issue::{Award, Issue, IssueKey, Label, Note};
use crate::rehearsal::state::State;
use crate::rehearsal::world::{Account, Membership, User};

pub(super) fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn account_state(user: &User) -> &'static str {
    match user.account {
        Account::Blocked => "blocked",
        Account::Active | Account::Bot => "active",
    }
}

impl State {
    /// `UserBasic`
    pub(super) fn user_json(&self, id: u64) -> Value {
        let Some(user) = self.user(id) else { return Value::Null };
        json!({
            "id": user.id,
            "username": user.username,
            "public_email": null,
            "name": user.name,
            "state": account_state(user),
            "locked": false,
            "avatar_url": null,
            "web_url": format!("{}/{}", self.base_url, user.username),
        })
    }

    /// `User`, and `UserPublic` for the caller's own.
    pub(super) fn whole_user_json(&self, id: u64, own: bool) -> Value {
        let mut entity = self.user_json(id);
        let bot = self.user(id).is_some_and(|user| user.account == Account::Bot);
        for name in [
            "bio",
            "location",
            "linkedin",
            "twitter",
            "discord",
            "website_url",
            "github",
            "job_title",
            "organization",
        ] {
            entity[name] = json!("");
        }
        entity["pronouns"] = Value::Null;
        entity["work_information"] = Value::Null;
        entity["local_time"] = Value::Null;
        entity["created_at"] = json!("2024-01-01T00:00:00.000Z");
        entity["bot"] = json!(bot);
        entity["followers"] = json!(0);
        entity["following"] = json!(0);
        entity["is_followed"] = json!(false);
        if own {
            let name = self.username(id).to_owned();
            entity["email"] = json!(format!("{name}@example.org"));
            entity["commit_email"] = entity["email"].clone();
            entity["last_sign_in_at"] = Value::Null;
            entity["confirmed_at"] = entity["created_at"].clone();
            entity["last_activity_on"] = json!(self.today());
            entity["theme_id"] = Value::Null;
            entity["color_scheme_id"] = json!(1);
            entity["projects_limit"] = json!(0);
            entity["current_sign_in_at"] = Value::Null;
            entity["identities"] = json!([]);
            entity["can_create_group"] = json!(false);
            entity["can_create_project"] = json!(false);
            entity["two_factor_enabled"] = json!(false);
            entity["external"] = json!(bot);
            entity["private_profile"] = json!(false);
        }
        entity
    }

    pub(super) fn member_json(&self, membership: &Membership) -> Value {
        let mut entity = self.user_json(membership.user);
        entity["access_level"] = json!(membership.level.number());
        entity["created_at"] = json!("2024-01-01T00:00:00.000Z");
        entity["created_by"] = Value::Null;
        entity["expires_at"] = json!(membership.expires_at);
        entity["membership_state"] = json!("active");
        entity["member_role"] = Value::Null;
        entity
    }

    pub(super) fn project_json(&self, id: u64, caller: u64) -> Value {
        let Some(project) = self.project(id) else { return Value::Null };
        let (namespace, name) = project.path.rsplit_once('/').unwrap_or(("", &project.path));
        let group = self.group(namespace);
        let web = format!("{}/{}", self.base_url, project.path);
        let api = format!("{}/api/v4/projects/{id}", self.base_url);
        let open = |issue: &&Issue| issue.key.project == id && issue.closed.is_none();
        json!({
            "id": id,
            "description": null,
            "name": name,
            "name_with_namespace": project.path.replace('/', " / "),
            "path": name,
            "path_with_namespace": project.path,
            "created_at": "2024-01-01T00:00:00.000Z",
            "default_branch": "main",
            "tag_list": [],
            "topics": [],
            "ssh_url_to_repo": format!("git@gitlab.invalid:{}.git", project.path),
            "http_url_to_repo": format!("{web}.git"),
            "web_url": web,
            "readme_url": null,
            "avatar_url": null,
            "forks_count": 0,
            "star_count": 0,
            "last_activity_at": "2024-01-01T00:00:00.000Z",
            "namespace": {
                "id": group.map(|group| group.id),
                "name": namespace.rsplit('/').next(),
                "path": namespace.rsplit('/').next(),
                "kind": "group",
                "full_path": namespace,
                "parent_id": null,
                "avatar_url": null,
                "web_url": format!("{}/groups/{namespace}", self.base_url),
            },
            "_links": {
                "self": api,
                "issues": format!("{api}/issues"),
                "labels": format!("{api}/labels"),
                "members": format!("{api}/members"),
            },
            "archived": false,
            "visibility": if self.is_private(id) { "private" } else { "internal" },
            "issues_enabled": true,
            "issues_access_level": "enabled",
            "empty_repo": false,
            "open_issues_count": self.issues.iter().filter(open).count(),
            "permissions": {
                "project_access": self.level(caller, id).map(|level| json!({
                    "access_level": level.number(),
                    "notification_level": 3,
                })),
                "group_access": null,
            },
        })
    }

    pub(super) fn issue_json(&self, issue: &Issue, with_labels_details: bool) -> Value {
        let IssueKey { project, iid } = issue.key;
        let path = self.project(project).map_or("", |project| &project.path);
        let api = format!("{}/api/v4/projects/{project}", self.base_url);
        let labels: Vec<Value> = issue
            .labels
            .iter()
            .map(|name| match self.label(project, name).filter(|_| with_labels_details) {
                Some(label) => self.label_json(label),
                None => json!(name),
            })
            .collect();
        let assignees: Vec<Value> = issue.assignees.iter().map(|id| self.user_json(*id)).collect();
        let (tasks, done) = task_counts(&issue.description);
        let votes = |name: &str| issue.awards.iter().filter(|award| award.name == name).count();
        let mut entity = json!({
            "id": issue.id,
            "iid": iid,
            "project_id": project,
            "title": issue.title,
            "description": issue.description,
            "state": issue.state.as_str(),
            "created_at": moment(issue.created_at),
            "updated_at": moment(issue.updated_at),
            "closed_at": issue.closed.map(|(at, _)| moment(at)),
            "closed_by": issue.closed.map(|(_, by)| self.user_json(by)),
            "labels": labels,
            "milestone": null,
            "assignees": assignees,
            "author": self.user_json(issue.author),
            "type": "ISSUE",
            "assignee": assignees.first(),
            "user_notes_count": issue.notes.iter().filter(|note| !note.system).count(),
            "merge_requests_count": 0,
            "upvotes": votes("thumbsup"),
            "downvotes": votes("thumbsdown"),
            "start_date": null,
            "due_date": issue.due_date,
            "confidential": issue.confidential,
            "discussion_locked": issue.discussion_locked.then_some(true),
            "issue_type": "issue",
            "web_url": self.issue_url(issue.key),
            "time_stats": {
                "time_estimate": 0,
                "total_time_spent": 0,
                "human_time_estimate": null,
                "human_total_time_spent": null,
            },
            "task_completion_status": { "count": tasks, "completed_count": done },
            "has_tasks": tasks > 0,
        });
        let more = json!({
            "_links": {
                "self": format!("{api}/issues/{iid}"),
                "notes": format!("{api}/issues/{iid}/notes"),
                "award_emoji": format!("{api}/issues/{iid}/award_emoji"),
                "project": api,
                "closed_as_duplicate_of": null,
            },
            "references": {
                "short": format!("#{iid}"),
                "relative": format!("#{iid}"),
                "full": format!("{path}#{iid}"),
            },
            "blocking_issues_count": 0,
            "severity": "UNKNOWN",
            "subscribed": false,
            "moved_to_id": issue.moved_to,
            "imported": false,
            "imported_from": "none",
            "service_desk_reply_to": null,
        });
        if let (Some(entity), Value::Object(more)) = (entity.as_object_mut(), more) {
            entity.extend(more);
            if tasks > 0 {
                let status = format!("{done} of {tasks} checklist items completed");
                entity.insert("task_status".to_owned(), json!(status));
            }
        }
        entity
    }

    pub(super) fn note_json(&self, issue: &Issue, note: &Note) -> Value {
        json!({
            "id": note.id,
            "type": null,
            "body": note.body,
            "attachment": null,
            "author": self.user_json(note.author),
            "created_at": moment(note.created_at),
            "updated_at": moment(note.updated_at),
            "system": note.system,
            "noteable_id": issue.id,
            "noteable_type": "Issue",
            "noteable_iid": issue.key.iid,
            "project_id": issue.key.project,
            "resolvable": false,
            "confidential": note.internal,
            "internal": note.internal,
            "imported": false,
            "imported_from": "none",
            "commands_changes": {},
        })
    }

    pub(super) fn label_json(&self, label: &Label) -> Value {
        let count = |open: bool| {
            self.issues
                .iter()
                .filter(|issue| {
                    issue.key.project == label.project
                        && issue.closed.is_none() == open
                        && issue.labels.contains(&label.name)
                })
                .count()
        };
        json!({
            "id": label.id,
            "name": label.name,
            "description": label.description,
            "description_html": label.description.clone().unwrap_or_default(),
            "text_color": "#FFFFFF",
            "color": label.color,
            "archived": false,
            "open_issues_count": count(true),
            "closed_issues_count": count(false),
            "open_merge_requests_count": 0,
            "subscribed": false,
            "priority": null,
            "is_project_label": true,
        })
    }

    pub(super) fn award_json(&self, award: &Award, awardable: u64, kind: &str) -> Value {
        json!({
            "id": award.id,
            "name": award.name,
            "user": self.user_json(award.user),
            "created_at": moment(award.created_at),
            "updated_at": moment(award.created_at),
            "awardable_id": awardable,
            "awardable_type": kind,
            "url": null,
        })
    }
}

/// All task-list items in a text, and the ticked ones.
fn task_counts(text: &str) -> (usize, usize) {
    let boxes = text.lines().filter_map(|line| {
        let item = line.trim_start().strip_prefix(['-', '*', '+'])?.trim_start();
        let mark = item.strip_prefix('[')?;
        mark.starts_with([' ', 'x', 'X']).then_some(())?;
        let ticked = !mark.starts_with(' ');
        mark.get(1..)?.starts_with("] ").then_some(ticked)
    });
    boxes.fold((0, 0), |(all, done), ticked| (all + 1, done + usize::from(ticked)))
}

#[cfg(test)]
mod tests {
    use super::task_counts;

    #[test]
    fn task_items_are_counted() {
        assert_eq!(task_counts("- [ ] a\n- [x] b\n  * [X] c\n- [link](x)\n- plain"), (3, 2));
    }
}
