//! A repository as JSON.

use serde_json::{Value, json};

use super::entities::with;
use crate::rehearsal::issue::{Issue, IssueState};
use crate::rehearsal::state::State;
use crate::rehearsal::world::Level;

/// What a repository's address goes on with, by the name of the field.
const ADDRESSES: [(&str, &str); 38] = [
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
    ("url", ""),
    ("svn_url", ""),
];

/// GitHub's name for a level, and the older, coarser one.
pub(super) fn role(level: Option<Level>) -> (&'static str, &'static str) {
    match level {
        None | Some(Level::Minimal) => ("none", "none"),
        Some(Level::Guest | Level::SecurityManager) => ("read", "read"),
        Some(Level::Planner | Level::Reporter) => ("triage", "read"),
        Some(Level::Developer) => ("write", "write"),
        Some(Level::Maintainer) => ("maintain", "write"),
        Some(Level::Owner) => ("admin", "admin"),
    }
}

impl State {
    /// The repository as this user sees it.
    pub(super) fn repository(&self, id: u64, caller: u64) -> Value {
        let Some(project) = self.project(id) else { return Value::Null };
        let (owner, name) = project.path.split_once('/').unwrap_or(("", &project.path));
        let api = self.repository_api_url(id);
        let web = format!("{}/{}", self.base_url, project.path);
        let level = self.level(caller, id);
        let at_least = |least: Level| level >= Some(least);
        let counts = |issue: &&Issue| {
            issue.key.project == id
                && issue.state == IssueState::Opened
                && !self.is_transferred(issue)
        };
        let open = self.issues.iter().filter(counts).count();
        let private = self.is_private(id);
        let mut entity = json!({
            "id": id,
            "node_id": format!("R_{id}"),
            "name": name,
            "full_name": project.path,
            "private": private,
            "owner": self.organisation(owner),
            "html_url": web,
            "description": null,
            "fork": false,
            "created_at": "2024-01-01T00:00:00Z",
            "updated_at": "2024-01-01T00:00:00Z",
            "pushed_at": "2024-01-01T00:00:00Z",
            "git_url": format!("git://github.invalid/{}.git", project.path),
            "ssh_url": format!("git@github.invalid:{}.git", project.path),
            "clone_url": format!("{web}.git"),
            "homepage": null,
            "language": null,
            "mirror_url": null,
            "license": null,
            "topics": [],
            "visibility": if private { "private" } else { "public" },
            "default_branch": "main",
            "open_issues": open,
            "open_issues_count": open,
            "permissions": {
                "admin": at_least(Level::Owner),
                "maintain": at_least(Level::Maintainer),
                "push": at_least(Level::Developer),
                "triage": level.is_some_and(Level::tends_issues),
                "pull": !private || at_least(Level::Guest),
            },
        });
        for (field, rest) in ADDRESSES {
            entity[field] = json!(format!("{api}{rest}"));
        }
        for count in ["forks", "forks_count", "stargazers_count", "watchers", "watchers_count"] {
            entity[count] = json!(0);
        }
        for switch in ["has_projects", "has_wiki", "has_pages", "has_discussions", "archived"] {
            entity[switch] = json!(false);
        }
        let more = json!({
            "size": 0,
            "network_count": 0,
            "subscribers_count": 0,
            "has_issues": true,
            "has_downloads": false,
            "disabled": false,
            "is_template": false,
            "allow_forking": true,
            "web_commit_signoff_required": false,
        });
        with(entity, more)
    }
}
