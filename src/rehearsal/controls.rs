//! What a test or the demo does to the instance from outside: a person at the
//! keyboard, an administrator, and whoever breaks things.
//!
//! People are named by username here. What they may not do is [`Refused`], as
//! in the browser.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::Rehearsal;
use super::editing::IssueUpdate;
use super::faults::{Fault, Received};
use super::github;
use super::hooks::Delivery;
use super::issue::{Award, Issue, IssueKey, IssueSnapshot, IssueState, Note, NoteSnapshot};
use super::notes::Posted;
use super::people::Notification;
use super::state::{Act, Refused, State};
use super::world::{Account, Hook, Membership};

/// A person at the keyboard.
impl Rehearsal {
    fn as_user<T>(
        &self,
        username: &str,
        deed: impl FnOnce(&mut State, &Act) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        let mut state = self.shared.lock();
        let user = state.user_named(username).ok_or(Refused::NotFound("User"))?.id;
        if !state.can_sign_in(user) {
            return Err(Refused::Forbidden);
        }
        let act = Act { user, at: state.tick(), chain: None };
        deed(&mut state, &act)
    }

    fn update(&self, username: &str, key: IssueKey, update: IssueUpdate) -> Result<(), Refused> {
        self.as_user(username, |state, act| state.update_issue(act, key, update))
    }

    /// Files an issue in the project at this path.
    pub fn file_issue(
        &self,
        user: &str,
        project: &str,
        title: &str,
        description: &str,
    ) -> Result<IssueKey, Refused> {
        self.as_user(user, |state, act| {
            let project = state.project_at(project).ok_or(Refused::NotFound("Project"))?.id;
            let wanted = IssueUpdate {
                title: Some(title.to_owned()),
                description: Some(description.to_owned()),
                ..IssueUpdate::default()
            };
            state.create_issue(act, project, wanted)
        })
    }

    /// Files an issue as somebody does who fills in an issue form of GitHub's:
    /// it bears the form's labels, as far as the project has them, whatever
    /// the author may do there.
    pub fn file_form(
        &self,
        user: &str,
        project: &str,
        title: &str,
        description: &str,
        labels: &[&str],
    ) -> Result<IssueKey, Refused> {
        self.as_user(user, |state, act| {
            if !state.dialect.is_github() {
                return Err(Refused::Invalid("GitLab has no issue forms".to_owned()));
            }
            let project = state.project_at(project).ok_or(Refused::NotFound("Project"))?.id;
            let known = labels.iter().filter(|name| state.label(project, name).is_some());
            let wanted = IssueUpdate {
                title: Some(title.to_owned()),
                description: Some(description.to_owned()),
                labels: Some(known.map(|&name| name.to_owned()).collect()),
                by_form: true,
                ..IssueUpdate::default()
            };
            state.create_issue(act, project, wanted)
        })
    }

    /// Replaces the description.
    pub fn edit_description(&self, user: &str, key: IssueKey, text: &str) -> Result<(), Refused> {
        let description = Some(text.to_owned());
        self.update(user, key, IssueUpdate { description, ..IssueUpdate::default() })
    }

    /// Changes the title.
    pub fn set_title(&self, user: &str, key: IssueKey, title: &str) -> Result<(), Refused> {
        let title = Some(title.to_owned());
        self.update(user, key, IssueUpdate { title, ..IssueUpdate::default() })
    }

    /// Closes the issue.
    pub fn close(&self, user: &str, key: IssueKey) -> Result<(), Refused> {
        let state = Some(IssueState::Closed);
        self.update(user, key, IssueUpdate { state, ..IssueUpdate::default() })
    }

    /// Opens it again.
    pub fn reopen(&self, user: &str, key: IssueKey) -> Result<(), Refused> {
        let state = Some(IssueState::Opened);
        self.update(user, key, IssueUpdate { state, ..IssueUpdate::default() })
    }

    /// Sets or clears the due date. Without a planner's rights, nothing
    /// happens, and nothing says so: GitLab drops it silently. GitHub has none.
    pub fn set_due_date(
        &self,
        user: &str,
        key: IssueKey,
        date: Option<NaiveDate>,
    ) -> Result<(), Refused> {
        self.shared.options.dialect.only_on_gitlab("due dates")?;
        self.update(
            user,
            key,
            IssueUpdate { due_date: Some(date.into()), ..IssueUpdate::default() },
        )
    }

    /// Replaces all labels; as silent without a planner's rights as
    /// [`Self::set_due_date`].
    pub fn set_labels(&self, user: &str, key: IssueKey, labels: &[&str]) -> Result<(), Refused> {
        let labels = Some(labels.iter().map(|&name| name.to_owned()).collect());
        self.update(user, key, IssueUpdate { labels, ..IssueUpdate::default() })
    }

    /// Makes the issue confidential or visible to everyone; as silent as
    /// [`Self::set_due_date`]. GitHub has no such issues.
    pub fn set_confidential(
        &self,
        user: &str,
        key: IssueKey,
        confidential: bool,
    ) -> Result<(), Refused> {
        self.shared.options.dialect.only_on_gitlab("confidential issues")?;
        let confidential = Some(confidential);
        self.update(user, key, IssueUpdate { confidential, ..IssueUpdate::default() })
    }

    /// Moves the issue to the project at this path, where it gets a new key.
    pub fn move_issue(
        &self,
        user: &str,
        key: IssueKey,
        project: &str,
    ) -> Result<IssueKey, Refused> {
        self.as_user(user, |state, act| {
            let to = state.project_at(project).ok_or(Refused::NotFound("Project"))?.id;
            state.move_issue(act, key, to)
        })
    }

    /// Deletes the issue for good, which takes an owner.
    pub fn delete_issue(&self, user: &str, key: IssueKey) -> Result<(), Refused> {
        self.as_user(user, |state, act| state.delete_issue(act, key))
    }

    /// Comments; the note's id, or `None` if the text was only quick actions.
    pub fn comment(&self, user: &str, key: IssueKey, text: &str) -> Result<Option<u64>, Refused> {
        let posted = self.as_user(user, |state, act| state.create_note(act, key, text, false))?;
        Ok(match posted {
            Posted::Note(id) => Some(id),
            Posted::Commands { .. } => None,
        })
    }

    /// Replaces a comment's text.
    pub fn edit_note(
        &self,
        user: &str,
        key: IssueKey,
        note: u64,
        text: &str,
    ) -> Result<(), Refused> {
        self.as_user(user, |state, act| state.update_note(act, key, note, text).map(|_| ()))
    }

    /// Deletes a comment.
    pub fn delete_note(&self, user: &str, key: IssueKey, note: u64) -> Result<(), Refused> {
        self.as_user(user, |state, act| state.delete_note(act, key, note))
    }

    /// Reacts with an emoji, by GitLab's name for it, e.g. `thumbsup`, to the
    /// issue or to a note of it. GitHub has eight of them.
    pub fn award(
        &self,
        user: &str,
        key: IssueKey,
        note: Option<u64>,
        name: &str,
    ) -> Result<(), Refused> {
        if self.shared.options.dialect.is_github() && github::reaction_to(name).is_none() {
            return Err(Refused::Invalid(format!("GitHub has no reaction {name}")));
        }
        self.as_user(user, |state, act| state.award(act, key, note, name).map(|_| ()))
    }
}

/// An administrator. Nothing here fires a hook.
impl Rehearsal {
    /// Gives the user with this id another username.
    pub fn rename_user(&self, id: u64, username: &str) {
        self.change_user(id, |user| username.clone_into(&mut user.username));
    }

    /// Blocks the user: their tokens stop working.
    pub fn block_user(&self, id: u64) {
        self.change_user(id, |user| user.account = Account::Blocked);
    }

    /// Lets a blocked person in again.
    pub fn unblock_user(&self, id: u64) {
        self.change_user(id, |user| user.account = Account::Active);
    }

    /// Makes the account another kind of account.
    pub fn set_account(&self, id: u64, account: Account) {
        self.change_user(id, |user| user.account = account);
    }

    /// Adds a public key to the account.
    pub fn add_ssh_key(&self, id: u64, line: &str) {
        self.change_user(id, |user| user.ssh_keys.push(line.to_owned()));
    }

    fn change_user(&self, id: u64, change: impl FnOnce(&mut super::User)) {
        let mut state = self.shared.lock();
        if let Some(user) = state.world.users.iter_mut().find(|user| user.id == id) {
            change(user);
        }
    }

    /// Adds somebody to the group or project at this path, or changes their
    /// level there.
    pub fn set_member(&self, path: &str, membership: Membership) {
        let mut state = self.shared.lock();
        for members in state.memberships_at_mut(path) {
            members.retain(|member| member.user != membership.user);
            members.push(membership);
        }
    }

    /// Removes somebody from the group or project at this path; what they
    /// inherit from above stays.
    pub fn remove_member(&self, path: &str, user: u64) {
        let mut state = self.shared.lock();
        for members in state.memberships_at_mut(path) {
            members.retain(|member| member.user != user);
        }
    }

    /// Gives the project with this id another path; the old one redirects.
    pub fn rename_project(&self, id: u64, path: &str) {
        let mut state = self.shared.lock();
        let mut old = None;
        if let Some(project) = state.world.projects.iter_mut().find(|project| project.id == id) {
            old = Some(std::mem::replace(&mut project.path, path.to_owned()));
        }
        state.old_paths.extend(old.map(|old| (old, id)));
    }

    /// Adds a project that everybody who is signed in sees.
    pub fn add_project(&self, id: u64, path: &str) {
        self.shared.lock().world.projects.push(super::world::Project::new(id, path));
    }

    /// Adds an account.
    pub fn add_user(&self, user: super::User) {
        self.shared.lock().world.users.push(user);
    }

    /// Changes what the instance is licensed for.
    pub fn set_tier(&self, tier: super::world::Tier) {
        self.shared.lock().world.tier = tier;
    }

    /// Takes an issue out of the database with all that was said on it.
    pub fn erase_issue(&self, key: IssueKey) {
        let mut state = self.shared.lock();
        state.issues.retain(|issue| issue.key != key);
        state.deleted.insert(key);
    }

    /// Adds or replaces an issue template.
    pub fn set_template(&self, project: u64, name: &str, text: &str) {
        let mut state = self.shared.lock();
        if let Some(project) = state.world.projects.iter_mut().find(|one| one.id == project) {
            project.templates.retain(|(known, _)| known != name);
            project.templates.push((name.to_owned(), text.to_owned()));
        }
    }

    /// Ends a token at the beginning of that day (UTC).
    pub fn end_token(&self, token: &str, day: NaiveDate) {
        self.shared.lock().world.token_ends.insert(token.to_owned(), day);
    }

    /// Lets a token act as the user with this id.
    pub fn add_token(&self, token: &str, user: u64) {
        self.shared.lock().world.tokens.push((token.to_owned(), user));
    }

    /// Moves the instance's own clock ahead of everybody else's, or back.
    pub fn shift_clock(&self, by: TimeDelta) {
        self.shared.lock().shift_clock(by);
    }

    /// Gives every issue the time stamp of the last change, as if one statement
    /// had changed them all.
    pub fn touch_all_issues(&self) {
        let mut state = self.shared.lock();
        let at = state.tick();
        for issue in &mut state.issues {
            issue.updated_at = at;
        }
    }

    /// Makes a token worthless: 401 from now on.
    pub fn revoke_token(&self, token: &str) {
        self.shared.lock().world.tokens.retain(|(known, _)| known != token);
    }

    /// Adds a webhook. GitHub says hello to it: the only hook an
    /// administrator's deed fires.
    pub fn add_hook(&self, hook: &Hook) {
        self.shared.lock().add_hook(hook);
    }
}

/// What was seen and sent, and what is to go wrong.
impl Rehearsal {
    /// The issue as it stands, whoever may see it.
    #[must_use]
    pub fn issue(&self, key: IssueKey) -> Option<IssueSnapshot> {
        let state = self.shared.lock();
        state.issue(key).map(|issue| snapshot(&state, issue))
    }

    /// All issues of all projects, oldest first.
    #[must_use]
    pub fn issues(&self) -> Vec<IssueSnapshot> {
        let state = self.shared.lock();
        state.issues.iter().map(|issue| snapshot(&state, issue)).collect()
    }

    /// What the user with this id was notified of, oldest first.
    #[must_use]
    pub fn notifications(&self, user: u64) -> Vec<Notification> {
        let state = self.shared.lock();
        state.notifications.iter().filter(|one| one.user == user).cloned().collect()
    }

    /// What time it is there.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.shared.lock().clock.now()
    }

    /// Off, things happen but no hook is sent, as if all were lost.
    pub fn webhooks(&self, on: bool) {
        self.shared.lock().hooks.switched_on = on;
    }

    /// All webhooks since the start, sent or not.
    #[must_use]
    pub fn webhook_deliveries(&self) -> Vec<Delivery> {
        self.shared.lock().hooks.log.clone()
    }

    /// Sends a webhook again, with the same `Idempotency-Key` and body; the
    /// new delivery's number.
    pub fn resend(&self, number: usize) -> Result<usize, Refused> {
        self.shared.lock().hooks.resend(number).ok_or(Refused::NotFound("Web Hook Log"))
    }

    /// Waits until every webhook queued so far was answered, dropped or given
    /// up.
    pub async fn settle(&self) {
        let mut pending = self.shared.lock().hooks.pending();
        // The sender lives as long as the state we hold.
        let _ = pending.wait_for(|pending| *pending == 0).await;
    }

    /// Plans trouble for API requests.
    pub fn plan(&self, fault: Fault) {
        self.shared.faults.plan(fault);
    }

    /// How many planned faults have not struck yet.
    #[must_use]
    pub fn faults_ahead(&self) -> usize {
        self.shared.faults.ahead()
    }

    /// Takes back what was planned and has not struck.
    pub fn cancel_faults(&self) {
        self.shared.faults.cancel();
    }

    /// The API requests so far, in the order they were answered.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.shared.faults.received()
    }

    /// Empties the record of requests.
    pub fn forget_requests(&self) {
        self.shared.faults.forget();
    }
}

impl State {
    fn memberships_at_mut(&mut self, path: &str) -> impl Iterator<Item = &mut Vec<Membership>> {
        let groups = self
            .world
            .groups
            .iter_mut()
            .filter(move |group| group.full_path == path)
            .map(|group| &mut group.members);
        let projects = self
            .world
            .projects
            .iter_mut()
            .filter(move |project| project.path == path)
            .map(|project| &mut project.members);
        groups.chain(projects)
    }
}

fn snapshot(state: &State, issue: &Issue) -> IssueSnapshot {
    let names = |awards: &[Award]| awards.iter().map(|award| award.name.clone()).collect();
    let note = |note: &Note| NoteSnapshot {
        id: note.id,
        author: state.username(note.author).to_owned(),
        body: note.body.clone(),
        system: note.system,
        internal: note.internal,
        edited: note.edited,
        created_at: note.created_at,
        awards: names(&note.awards),
    };
    IssueSnapshot {
        key: issue.key,
        title: issue.title.clone(),
        description: issue.description.clone(),
        state: issue.state,
        labels: issue.labels.clone(),
        due_date: issue.due_date,
        confidential: issue.confidential,
        discussion_locked: issue.discussion_locked,
        author: state.username(issue.author).to_owned(),
        assignees: issue.assignees.iter().map(|id| state.username(*id).to_owned()).collect(),
        awards: names(&issue.awards),
        notes: issue.notes.iter().map(note).collect(),
        updated_at: issue.updated_at,
        web_url: state.issue_url(issue.key),
    }
}
