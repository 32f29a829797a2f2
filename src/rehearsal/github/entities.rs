//! People, issues, comments, labels and reactions as JSON, in answers and
//! webhooks alike.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::reactions::{CONTENTS, reaction_to};
use crate::rehearsal::issue::{Award, Issue, IssueKey, IssueState, Label, Note};
use crate::rehearsal::state::State;
use crate::rehearsal::world::Account;

/// GitHub tells whole seconds.
pub(super) fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// One object out of two.
pub(super) fn with(mut object: Value, more: Value) -> Value {
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}

impl State {
    fn api(&self) -> String {
        format!("{}{}", self.base_url, super::BASE)
    }

    /// A simple user; `null` for a number that is nobody's.
    pub(super) fn github_user(&self, id: u64) -> Value {
        let Some(user) = self.user(id) else { return Value::Null };
        let kind = if user.account == Account::Bot { "Bot" } else { "User" };
        self.account(user.id, &user.username, kind)
    }

    /// The organisation with this name, as the simple user it is, too.
    pub(super) fn organisation(&self, name: &str) -> Value {
        let Some(group) = self.group(name) else { return Value::Null };
        self.account(group.id, &group.full_path, "Organization")
    }

    fn account(&self, id: u64, login: &str, kind: &str) -> Value {
        // As an App's account is called: `dependabot[bot]`.
        let page = login.replace('[', "%5B").replace(']', "%5D");
        let url = format!("{}/users/{page}", self.api());
        let mut entity = json!({
            "login": login,
            "id": id,
            "node_id": format!("U_{id}"),
            "avatar_url": format!("{}/avatars/u/{id}?v=4", self.base_url),
            "gravatar_id": "",
            "url": url,
            "html_url": format!("{}/{page}", self.base_url),
            "following_url": format!("{url}/following{{/other_user}}"),
            "gists_url": format!("{url}/gists{{/gist_id}}"),
            "starred_url": format!("{url}/starred{{/owner}}{{/repo}}"),
            "organizations_url": format!("{url}/orgs"),
            "events_url": format!("{url}/events{{/privacy}}"),
            "type": kind,
            "user_view_type": "public",
            "site_admin": false,
        });
        for name in ["followers", "subscriptions", "repos", "received_events"] {
            entity[format!("{name}_url")] = json!(format!("{url}/{name}"));
        }
        entity
    }

    /// A whole user, as `/users/NAME` shows them.
    pub(super) fn public_user(&self, id: u64) -> Value {
        let mut entity = self.github_user(id);
        entity["name"] = json!(self.user(id).map(|user| &user.name));
        for name in ["company", "location", "email", "hireable", "bio", "twitter_username"] {
            entity[name] = Value::Null;
        }
        entity["blog"] = json!("");
        for name in ["public_repos", "public_gists", "followers", "following"] {
            entity[name] = json!(0);
        }
        entity["created_at"] = json!("2024-01-01T00:00:00Z");
        entity["updated_at"] = entity["created_at"].clone();
        entity
    }

    fn association(&self, user: u64, project: u64) -> &'static str {
        let Some(project) = self.project(project) else { return "NONE" };
        let organisation = project.path.split('/').next().unwrap_or_default();
        if self.group_memberships(organisation).iter().any(|member| member.user == user) {
            "MEMBER"
        } else if project.members.iter().any(|member| member.user == user) {
            "COLLABORATOR"
        } else {
            "NONE"
        }
    }

    pub(in crate::rehearsal) fn repository_api_url(&self, project: u64) -> String {
        let path = self.project(project).map_or("", |project| project.path.as_str());
        format!("{}/repos/{path}", self.api())
    }

    pub(super) fn issue_api_url(&self, key: IssueKey) -> String {
        format!("{}/issues/{}", self.repository_api_url(key.project), key.iid)
    }

    pub(super) fn github_issue(&self, issue: &Issue) -> Value {
        let url = self.issue_api_url(issue.key);
        let repository = self.repository_api_url(issue.key.project);
        let labels = issue.labels.iter().filter_map(|name| self.label(issue.key.project, name));
        let assignees: Vec<Value> =
            issue.assignees.iter().map(|id| self.github_user(*id)).collect();
        let open = issue.state == IssueState::Opened;
        let entity = json!({
            "url": url,
            "repository_url": repository,
            "labels_url": format!("{url}/labels{{/name}}"),
            "comments_url": format!("{url}/comments"),
            "events_url": format!("{url}/events"),
            "html_url": self.issue_url(issue.key),
            "id": issue.id,
            "node_id": format!("I_{}", issue.id),
            "number": issue.key.iid,
            "title": issue.title,
            "user": self.github_user(issue.author),
            "labels": labels.map(|label| self.github_label(label)).collect::<Vec<_>>(),
            "state": if open { "open" } else { "closed" },
            "locked": issue.discussion_locked,
            "assignee": assignees.first(),
            "assignees": assignees,
            "milestone": null,
            "comments": issue.notes.len(),
            "created_at": moment(issue.created_at),
            "updated_at": moment(issue.updated_at),
            "closed_at": issue.closed.map(|(at, _)| moment(at)),
        });
        with(
            entity,
            json!({
                "author_association": self.association(issue.author, issue.key.project),
                "active_lock_reason": null,
                "sub_issues_summary": { "total": 0, "completed": 0, "percent_completed": 0 },
                "body": if issue.description.is_empty() { Value::Null } else { json!(issue.description) },
                "closed_by": issue.closed.map(|(_, by)| self.github_user(by)),
                "reactions": rollup(&url, &issue.awards),
                "timeline_url": format!("{url}/timeline"),
                "performed_via_github_app": self.app_of(issue.author),
                "state_reason": issue.state_reason,
            }),
        )
    }

    pub(super) fn github_comment(&self, issue: &Issue, note: &Note) -> Value {
        let repository = self.repository_api_url(issue.key.project);
        let url = format!("{repository}/issues/comments/{}", note.id);
        json!({
            "url": url,
            "html_url": format!("{}#issuecomment-{}", self.issue_url(issue.key), note.id),
            "issue_url": self.issue_api_url(issue.key),
            "id": note.id,
            "node_id": format!("IC_{}", note.id),
            "user": self.github_user(note.author),
            "created_at": moment(note.created_at),
            "updated_at": moment(note.updated_at),
            "author_association": self.association(note.author, issue.key.project),
            "body": note.body,
            "reactions": rollup(&url, &note.awards),
            "performed_via_github_app": self.app_of(note.author),
        })
    }

    pub(super) fn github_label(&self, label: &Label) -> Value {
        let repository = self.repository_api_url(label.project);
        let name: String = url::form_urlencoded::byte_serialize(label.name.as_bytes()).collect();
        json!({
            "id": label.id,
            "node_id": format!("LA_{}", label.id),
            "url": format!("{repository}/labels/{}", name.replace('+', "%20")),
            "name": label.name,
            "color": label.color.trim_start_matches('#'),
            "default": false,
            "description": label.description,
        })
    }

    pub(super) fn github_reaction(&self, award: &Award) -> Value {
        json!({
            "id": award.id,
            "node_id": format!("REA_{}", award.id),
            "user": self.github_user(award.user),
            "content": reaction_to(&award.name),
            "created_at": moment(award.created_at),
        })
    }
}

/// How many of each reaction there are.
fn rollup(url: &str, awards: &[Award]) -> Value {
    let mut counts = Map::new();
    counts.insert("url".to_owned(), json!(format!("{url}/reactions")));
    counts.insert("total_count".to_owned(), json!(awards.len()));
    for (content, name) in CONTENTS {
        let count = awards.iter().filter(|award| award.name == name).count();
        counts.insert(content.to_owned(), json!(count));
    }
    Value::Object(counts)
}
