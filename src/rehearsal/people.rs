//! Who hears of what: mentions and notifications.

use std::collections::BTreeSet;

use super::issue::IssueKey;
use super::references;
use super::state::{Act, State};
use super::world::Account;

/// Something GitLab would have mailed to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Who gets it, by numeric id.
    pub user: u64,
    /// What it is about.
    pub issue: IssueKey,
    /// The note it is about; `None` for the issue itself.
    pub note: Option<u64>,
    /// Why they get it.
    pub reason: Reason,
}

/// Why somebody is notified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// By name, through a group, or by `@all`.
    Mentioned,
    /// As author, assignee, or for having taken part before.
    Participating,
}

impl State {
    /// The users a text mentions, groups and `@all` unfolded.
    pub(super) fn mentioned_users(&self, project: u64, text: &str) -> BTreeSet<u64> {
        let mut users = BTreeSet::new();
        for name in references::mentions(text) {
            if name == "all" {
                if !self.world.disable_all_mention && !self.dialect.is_github() {
                    users.extend(self.project_memberships(project).iter().map(|one| one.user));
                }
            } else if let Some(user) = self.user_named(&name) {
                users.insert(user.id);
            } else if self.world.groups.iter().any(|group| group.full_path == name) {
                users.extend(self.group_memberships(&name).iter().map(|one| one.user));
            }
        }
        users
    }

    /// Tells everybody concerned of a new issue or note.
    pub(super) fn notify(&mut self, act: &Act, key: IssueKey, note: Option<u64>, text: &str) {
        let mentioned = self.mentioned_users(key.project, text);
        let Some(issue) = self.issue(key) else { return };
        let mut participants = issue.mentioned.clone();
        participants.insert(issue.author);
        participants.extend(&issue.assignees);
        participants.extend(issue.notes.iter().filter(|one| !one.system).map(|one| one.author));
        for user in participants.difference(&mentioned).copied().collect::<Vec<_>>() {
            self.push_notification(act, key, note, user, Reason::Participating);
        }
        self.notify_mentioned(act, key, note, &mentioned);
    }

    /// Tells those whom an edit mentions for the first time.
    pub(super) fn notify_of_edit(
        &mut self,
        act: &Act,
        key: IssueKey,
        note: Option<u64>,
        before: &str,
        after: &str,
    ) {
        let known = self.mentioned_users(key.project, before);
        let mentioned: BTreeSet<u64> =
            self.mentioned_users(key.project, after).difference(&known).copied().collect();
        self.notify_mentioned(act, key, note, &mentioned);
    }

    fn notify_mentioned(
        &mut self,
        act: &Act,
        key: IssueKey,
        note: Option<u64>,
        mentioned: &BTreeSet<u64>,
    ) {
        for user in mentioned {
            self.push_notification(act, key, note, *user, Reason::Mentioned);
        }
        if let Some(issue) = self.issue_mut(key) {
            issue.mentioned.extend(mentioned);
        }
    }

    fn push_notification(
        &mut self,
        act: &Act,
        issue: IssueKey,
        note: Option<u64>,
        user: u64,
        reason: Reason,
    ) {
        let reads_mail = self.user(user).is_some_and(|user| user.account == Account::Active);
        let may_see = match note {
            Some(note) => self.visible_note(user, issue, note).is_ok(),
            None => self.visible_issue(user, issue).is_ok(),
        };
        if user != act.user && reads_mail && may_see {
            self.notifications.push(Notification { user, issue, note, reason });
        }
    }

    /// Leaves "mentioned in issue" at every issue the text refers to, once.
    pub(super) fn cross_reference(&mut self, act: &Act, from: IssueKey, text: &str) {
        for reference in references::references(text) {
            let Some((path, number)) = reference.split_once('#') else { continue };
            let Ok(iid) = number.parse() else { continue };
            let project = if path.is_empty() {
                Some(from.project)
            } else {
                self.project_at(path).map(|p| p.id)
            };
            let Some(project) = project else { continue };
            let to = IssueKey { project, iid };
            if to == from || self.visible_issue(act.user, to).is_err() {
                continue;
            }
            if self.cross_references.insert((from, to)) {
                let name = if project == from.project {
                    format!("#{}", from.iid)
                } else {
                    let path = self.project(from.project).map_or("", |project| &project.path);
                    format!("{path}#{}", from.iid)
                };
                self.system_note(act, to, format!("mentioned in issue {name}"));
            }
        }
    }
}
