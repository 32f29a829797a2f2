//! Who may see and do what.

use super::issue::{Issue, Note};
use super::state::State;
use super::world::{Account, Level, Membership, Visibility};

impl State {
    /// Every membership that counts for the project: its own and those of the
    /// groups above it, the expired ones left out.
    pub(super) fn project_memberships(&self, project: u64) -> Vec<Membership> {
        let Some(project) = self.project(project) else { return Vec::new() };
        let mut found = project.members.clone();
        if let Some((namespace, _)) = project.path.rsplit_once('/') {
            found.extend(self.memberships_at_or_above(namespace));
        }
        self.in_force(found)
    }

    /// Every membership that counts for the group at this path.
    pub(super) fn group_memberships(&self, full_path: &str) -> Vec<Membership> {
        let mut found = self.memberships_at_or_above(full_path);
        if self.dialect.is_github() {
            // A team's members are its own, not everybody of its organisation.
            let own = self.world.groups.iter().filter(|group| group.full_path == full_path);
            found = own.flat_map(|group| group.members.iter().copied()).collect();
        }
        self.in_force(found)
    }

    fn memberships_at_or_above(&self, path: &str) -> Vec<Membership> {
        self.world
            .groups
            .iter()
            .filter(|group| {
                path == group.full_path
                    || path
                        .strip_prefix(&group.full_path)
                        .is_some_and(|below| below.starts_with('/'))
            })
            .flat_map(|group| group.members.iter().copied())
            .collect()
    }

    /// One membership a user, the highest, as `members/all` lists them.
    fn in_force(&self, mut memberships: Vec<Membership>) -> Vec<Membership> {
        let today = self.today();
        memberships.retain(|membership| membership.expires_at.is_none_or(|day| day > today));
        memberships
            .sort_by_key(|membership| (membership.user, std::cmp::Reverse(membership.level)));
        memberships.dedup_by_key(|membership| membership.user);
        memberships
    }

    pub(super) fn level(&self, user: u64, project: u64) -> Option<Level> {
        self.project_memberships(project)
            .into_iter()
            .find(|membership| membership.user == user)
            .map(|membership| membership.level)
    }

    pub(super) fn is_private(&self, project: u64) -> bool {
        self.project(project).is_some_and(|project| project.visibility == Visibility::Private)
    }

    pub(super) fn may_read_project(&self, user: u64, project: u64) -> bool {
        let Some(account) = self.user(user).map(|user| user.account) else { return false };
        if self.project(project).is_none() {
            return false;
        }
        match account {
            Account::Blocked => false,
            // A token's user sees nothing it was not made a member of.
            Account::Bot => self.level(user, project) >= Some(Level::Guest),
            Account::Active => {
                !self.is_private(project) || self.level(user, project) >= Some(Level::Guest)
            }
        }
    }

    /// Labels, due date, assignees, confidentiality, lock.
    pub(super) fn may_tend_issues(&self, user: u64, project: u64) -> bool {
        self.can_sign_in(user) && self.level(user, project).is_some_and(Level::tends_issues)
    }

    pub(super) fn may_read_issue(&self, user: u64, issue: &Issue) -> bool {
        self.may_read_project(user, issue.key.project)
            && (!issue.confidential
                || issue.author == user
                || issue.assignees.contains(&user)
                || self.may_tend_issues(user, issue.key.project))
    }

    /// Title and description. On GitHub, those who only sort issues may open
    /// and close them, but not write in another's name.
    pub(super) fn may_edit_words(&self, user: u64, issue: &Issue) -> bool {
        self.may_update_issue(user, issue)
            && (!self.dialect.is_github()
                || issue.author == user
                || self.level(user, issue.key.project) >= Some(Level::Developer))
    }

    /// Title, description, closing and reopening.
    pub(super) fn may_update_issue(&self, user: u64, issue: &Issue) -> bool {
        self.may_read_issue(user, issue)
            && (issue.author == user
                || issue.assignees.contains(&user)
                || self.may_tend_issues(user, issue.key.project))
    }

    pub(super) fn may_comment(&self, user: u64, issue: &Issue) -> bool {
        self.may_read_issue(user, issue)
            && (!issue.discussion_locked || self.level(user, issue.key.project).is_some())
    }

    pub(super) fn may_read_note(&self, user: u64, issue: &Issue, note: &Note) -> bool {
        !note.internal || self.may_tend_issues(user, issue.key.project)
    }

    /// Editing and deleting.
    pub(super) fn may_change_note(&self, user: u64, issue: &Issue, note: &Note) -> bool {
        let least = if self.dialect.is_github() { Level::Developer } else { Level::Maintainer };
        !note.system && (note.author == user || self.level(user, issue.key.project) >= Some(least))
    }
}
