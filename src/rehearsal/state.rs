//! The running instance: the world, and what has happened in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use thiserror::Error;

use super::dialect::Dialect;
use super::hooks::HookQueue;
use super::issue::{Issue, IssueKey, Label, Note};
use super::people::Notification;
use super::repository::Repositories;
use super::world::{Account, Group, Project, User, World};
use crate::ports::clock::Clock;

/// Why the rehearsal would not do something.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// There is no such thing, or the user may not know that there is.
    #[error("404 {0} Not Found")]
    NotFound(&'static str),
    /// The user sees it but may not do that.
    #[error("403 Forbidden")]
    Forbidden,
    /// The request makes no sense.
    #[error("400 Bad request - {0}")]
    Invalid(String),
}

/// Who does something, when, and in the wake of which webhook.
#[derive(Clone, Debug)]
pub(super) struct Act {
    pub(super) user: u64,
    pub(super) at: DateTime<Utc>,
    /// The `X-Gitlab-Event-UUID` an API request brought along.
    pub(super) chain: Option<String>,
}

/// A clock that is ahead of another one, or behind.
struct Shifted {
    clock: Arc<dyn Clock>,
    by: TimeDelta,
}

impl Clock for Shifted {
    fn now(&self) -> DateTime<Utc> {
        self.clock.now() + self.by
    }
}

pub(super) struct State {
    pub(super) world: World,
    pub(super) dialect: Dialect,
    pub(super) base_url: String,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) issues: Vec<Issue>,
    pub(super) labels: Vec<Label>,
    pub(super) notifications: Vec<Notification>,
    pub(super) hooks: HookQueue,
    pub(super) repositories: Repositories,
    /// Former paths of projects, which redirect.
    pub(super) old_paths: Vec<(String, u64)>,
    pub(super) note_times: Vec<(u64, DateTime<Utc>)>,
    pub(super) cross_references: BTreeSet<(IssueKey, IssueKey)>,
    /// Their numbers are not given again.
    pub(super) deleted: BTreeSet<IssueKey>,
    /// What Apps signed in for, whom it is for, and when it ends.
    pub(super) installation_tokens: Vec<(String, u64, DateTime<Utc>)>,
    last_id: u64,
    last_tick: DateTime<Utc>,
}

impl State {
    pub(super) fn new(
        world: World,
        dialect: Dialect,
        base_url: String,
        clock: Arc<dyn Clock>,
        hooks: HookQueue,
    ) -> Self {
        let mut state = Self {
            world,
            dialect,
            base_url,
            clock,
            issues: Vec::new(),
            labels: Vec::new(),
            notifications: Vec::new(),
            hooks,
            repositories: Repositories::default(),
            old_paths: Vec::new(),
            note_times: Vec::new(),
            cross_references: BTreeSet::new(),
            deleted: BTreeSet::new(),
            installation_tokens: Vec::new(),
            last_id: 1000,
            last_tick: DateTime::UNIX_EPOCH,
        };
        state.make_labels();
        state
    }

    /// The labels projects begin with.
    fn make_labels(&mut self) {
        let created_at = self.clock.now();
        for project in self.world.projects.clone() {
            for name in project.labels {
                let id = self.fresh_id();
                let color = self.dialect.label_color().to_owned();
                let description = None;
                let project = project.id;
                self.labels.push(Label { id, project, name, color, description, created_at });
            }
        }
    }

    /// The time of the next thing that happens. No two get the same, even if
    /// the clock stands still: `updated_at` has to tell an edited note from an
    /// untouched one.
    pub(super) fn tick(&mut self) -> DateTime<Utc> {
        self.last_tick = self.clock.now().max(self.last_tick + TimeDelta::milliseconds(1));
        self.last_tick
    }

    /// Moves the instance's own clock against everybody else's.
    pub(super) fn shift_clock(&mut self, by: TimeDelta) {
        self.clock = Arc::new(Shifted { clock: Arc::clone(&self.clock), by });
        self.last_tick = DateTime::UNIX_EPOCH;
    }

    pub(super) fn today(&self) -> NaiveDate {
        self.clock.now().date_naive()
    }

    pub(super) fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn user(&self, id: u64) -> Option<&User> {
        self.world.users.iter().find(|user| user.id == id)
    }

    pub(super) fn user_named(&self, username: &str) -> Option<&User> {
        self.world.users.iter().find(|user| user.username.eq_ignore_ascii_case(username))
    }

    pub(super) fn username(&self, id: u64) -> &str {
        self.user(id).map_or("ghost", |user| user.username.as_str())
    }

    pub(super) fn user_of_token(&self, token: &str) -> Option<&User> {
        let (_, id) = self.world.tokens.iter().find(|(known, _)| known == token)?;
        if self.world.token_ends.get(token).is_some_and(|day| *day <= self.today()) {
            return None;
        }
        self.user(*id)
    }

    pub(super) fn project(&self, id: u64) -> Option<&Project> {
        self.world.projects.iter().find(|project| project.id == id)
    }

    pub(super) fn project_at(&self, path: &str) -> Option<&Project> {
        self.world.projects.iter().find(|project| project.path.eq_ignore_ascii_case(path))
    }

    /// By numeric id or full path, as URLs name groups.
    pub(super) fn group(&self, id_or_path: &str) -> Option<&Group> {
        let id = id_or_path.parse::<u64>().ok();
        self.world
            .groups
            .iter()
            .find(|group| Some(group.id) == id || group.full_path.eq_ignore_ascii_case(id_or_path))
    }

    pub(super) fn issue(&self, key: IssueKey) -> Option<&Issue> {
        self.issues.iter().find(|issue| issue.key == key)
    }

    pub(super) fn issue_mut(&mut self, key: IssueKey) -> Option<&mut Issue> {
        self.issues.iter_mut().find(|issue| issue.key == key)
    }

    /// The issue, if this user may see it.
    pub(super) fn visible_issue(&self, user: u64, key: IssueKey) -> Result<&Issue, Refused> {
        self.issue(key)
            .filter(|issue| self.may_read_issue(user, issue) && !self.is_transferred(issue))
            .ok_or(Refused::NotFound("Issue"))
    }

    /// GitHub leaves nothing behind where an issue was, but a redirection.
    pub(super) fn is_transferred(&self, issue: &Issue) -> bool {
        self.dialect.is_github() && issue.moved_to.is_some()
    }

    /// The note, if this user may see it.
    pub(super) fn visible_note(
        &self,
        user: u64,
        key: IssueKey,
        note: u64,
    ) -> Result<&Note, Refused> {
        let issue = self.visible_issue(user, key)?;
        issue
            .notes
            .iter()
            .find(|candidate| candidate.id == note)
            .filter(|note| self.may_read_note(user, issue, note))
            .ok_or(Refused::NotFound("Note"))
    }

    pub(super) fn label(&self, project: u64, name: &str) -> Option<&Label> {
        let ignore_case = self.dialect.is_github();
        self.labels.iter().find(|label| {
            label.project == project
                && (label.name == name || ignore_case && label.name.eq_ignore_ascii_case(name))
        })
    }

    pub(super) fn issue_url(&self, key: IssueKey) -> String {
        format!("{}{}", self.base_url, self.issue_path(key))
    }

    /// The issue's address without the host.
    pub(super) fn issue_path(&self, key: IssueKey) -> String {
        let path = self.project(key.project).map_or("", |project| project.path.as_str());
        match self.dialect {
            Dialect::GitLab => format!("/{path}/-/issues/{}", key.iid),
            Dialect::GitHub => format!("/{path}/issues/{}", key.iid),
        }
    }

    pub(super) fn can_sign_in(&self, id: u64) -> bool {
        self.user(id).is_some_and(|user| user.account != Account::Blocked)
    }
}
