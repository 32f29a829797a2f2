//! What GitHub's webhooks carry.

use chrono::Utc;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::entities::with;
use crate::rehearsal::hooks::Delivery;
use crate::rehearsal::issue::{Issue, IssueKey};
use crate::rehearsal::payload::Event;
use crate::rehearsal::state::{Act, State};
use crate::rehearsal::world::Hook;

/// The headers of a delivery, signed if its hook has a secret.
pub(in crate::rehearsal) fn headers(
    delivery: &Delivery,
    number: usize,
    hook: &Hook,
) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("Content-Type", "application/json".to_owned()),
        ("User-Agent", "GitHub-Hookshot/rehearsal".to_owned()),
        ("Accept", "*/*".to_owned()),
        ("X-GitHub-Event", delivery.event.to_owned()),
        ("X-GitHub-Delivery", delivery.idempotency_key.clone()),
        ("X-GitHub-Hook-ID", (number + 1).to_string()),
        ("X-GitHub-Hook-Installation-Target-Type", "repository".to_owned()),
        ("X-GitHub-Hook-Installation-Target-ID", hook.project.to_string()),
    ];
    if let Some(secret) = &hook.secret_token
        && let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
    {
        mac.update(delivery.body.as_bytes());
        let signature = hexadecimal(&mac.finalize().into_bytes());
        headers.push(("X-Hub-Signature-256", format!("sha256={signature}")));
    }
    headers
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

impl State {
    /// Sends what an `open`, `update`, `close` or `reopen` is there: a label is
    /// an event of its own.
    pub(in crate::rehearsal) fn tell_of_issue(
        &mut self,
        act: &Act,
        key: IssueKey,
        action: &str,
        before: Option<&Issue>,
    ) {
        let Some(issue) = self.issue(key).cloned() else { return };
        match action {
            "open" => self.tell(act, &issue, "opened", json!({})),
            "close" => self.tell(act, &issue, "closed", json!({})),
            "reopen" => self.tell(act, &issue, "reopened", json!({})),
            _ => self.tell_of_edit(act, &issue, before),
        }
        let none = Vec::new();
        let earlier = before.map_or(&none, |before| &before.labels);
        for (names, others, action) in
            [(&issue.labels, earlier, "labeled"), (earlier, &issue.labels, "unlabeled")]
        {
            for name in names.iter().filter(|name| !others.contains(name)) {
                let label = self.label(key.project, name).map(|label| self.github_label(label));
                self.tell(act, &issue, action, json!({ "label": label }));
            }
        }
    }

    fn tell_of_edit(&mut self, act: &Act, issue: &Issue, before: Option<&Issue>) {
        let Some(before) = before else { return };
        let mut changes = Map::new();
        if before.title != issue.title {
            changes.insert("title".to_owned(), json!({ "from": before.title }));
        }
        if before.description != issue.description {
            changes.insert("body".to_owned(), json!({ "from": before.description }));
        }
        if !changes.is_empty() {
            self.tell(act, issue, "edited", json!({ "changes": changes }));
        }
        for (users, others, action) in [
            (&issue.assignees, &before.assignees, "assigned"),
            (&before.assignees, &issue.assignees, "unassigned"),
        ] {
            for user in users.iter().filter(|user| !others.contains(user)) {
                let assignee = self.github_user(*user);
                self.tell(act, issue, action, json!({ "assignee": assignee }));
            }
        }
        if before.discussion_locked != issue.discussion_locked {
            let action = if issue.discussion_locked { "locked" } else { "unlocked" };
            self.tell(act, issue, action, json!({}));
        }
    }

    /// Sends `create`, `update` or `delete` of a comment.
    pub(in crate::rehearsal) fn tell_of_comment(
        &mut self,
        act: &Act,
        key: IssueKey,
        note: u64,
        action: &str,
        before: Option<&str>,
    ) {
        let Some(issue) = self.issue(key) else { return };
        let Some(note) = issue.notes.iter().find(|candidate| candidate.id == note) else { return };
        let action = match action {
            "create" => "created",
            "update" => "edited",
            _ => "deleted",
        };
        let body = json!({
            "action": action,
            "issue": self.github_issue(issue),
            "comment": self.github_comment(issue, note),
        });
        let mut body = with(body, self.surroundings(act, key.project));
        if let Some(before) = before {
            body["changes"] = json!({ "body": { "from": before } });
        }
        self.fire(act, key.project, &Event { name: "issue_comment", confidential: false, body });
    }

    /// The issue went on as another.
    pub(in crate::rehearsal) fn tell_of_transfer(
        &mut self,
        act: &Act,
        before: &Issue,
        new: IssueKey,
    ) {
        let Some(issue) = self.issue(new) else { return };
        let changes = json!({
            "new_issue": self.github_issue(issue),
            "new_repository": self.repository(new.project, act.user),
        });
        self.tell(act, before, "transferred", json!({ "changes": changes }));
    }

    /// The issue is gone.
    pub(in crate::rehearsal) fn tell_of_deletion(&mut self, act: &Act, issue: &Issue) {
        self.tell(act, issue, "deleted", json!({}));
    }

    fn tell(&mut self, act: &Act, issue: &Issue, action: &str, more: Value) {
        let project = issue.key.project;
        let body = json!({ "action": action, "issue": self.github_issue(issue) });
        let body = with(with(body, more), self.surroundings(act, project));
        self.fire(act, project, &Event { name: "issues", confidential: false, body });
    }

    /// Where it happened, and who did it.
    fn surroundings(&self, act: &Act, project: u64) -> Value {
        let path = self.project(project).map_or("", |project| project.path.as_str());
        let owner = path.split('/').next().unwrap_or_default();
        let api = format!("{}{}/orgs/{owner}", self.base_url, super::BASE);
        let mut found = json!({
            "repository": self.repository(project, act.user),
            "organization": {
                "login": owner,
                "id": self.group(owner).map(|group| group.id),
                "node_id": format!("O_{owner}"),
                "url": api,
                "repos_url": format!("{api}/repos"),
                "events_url": format!("{api}/events"),
                "hooks_url": format!("{api}/hooks"),
                "issues_url": format!("{api}/issues"),
                "members_url": format!("{api}/members{{/member}}"),
                "public_members_url": format!("{api}/public_members{{/member}}"),
                "avatar_url": format!("{}/avatars/{owner}", self.base_url),
                "description": null,
            },
            "sender": self.github_user(act.user),
        });
        if let Some(app) = &self.world.app {
            found["installation"] = json!({
                "id": app.installation,
                "node_id": format!("MDIzO{}", app.installation),
            });
        }
        found
    }

    /// What a new hook hears first.
    pub(in crate::rehearsal) fn ping(&self, hook: &Hook, index: usize) -> Event {
        let now = super::entities::moment(self.clock.now().with_timezone(&Utc));
        let id = index + 1;
        let url = format!("{}/hooks/{id}", self.repository_api_url(hook.project));
        let path = self.project(hook.project).map_or("", |project| project.path.as_str());
        let owner = path.split('/').next().unwrap_or_default();
        let body = json!({
            "zen": "Keep it logically awesome.",
            "hook_id": id,
            "hook": {
                "type": "Repository",
                "id": id,
                "name": "web",
                "active": true,
                "events": ["issue_comment", "issues"],
                "config": { "content_type": "json", "insecure_ssl": "0", "url": hook.url },
                "updated_at": now,
                "created_at": now,
                "url": url,
                "test_url": format!("{url}/test"),
                "ping_url": format!("{url}/pings"),
                "deliveries_url": format!("{url}/deliveries"),
                "last_response": { "code": null, "status": "unused", "message": null },
            },
            "repository": self.repository(hook.project, 0),
            "sender": self.organisation(owner),
        });
        Event { name: "ping", confidential: false, body }
    }
}
