//! What a rehearsal starts with: people, groups, projects, hooks, tokens.

use std::collections::BTreeMap;

use chrono::NaiveDate;

/// A small forge as it stands before anybody does anything.
///
/// People are named by their numeric id throughout, because that is what
/// survives renames; each id is the caller's choice.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub(super) users: Vec<User>,
    pub(super) groups: Vec<Group>,
    pub(super) projects: Vec<Project>,
    pub(super) hooks: Vec<Hook>,
    pub(super) tokens: Vec<(String, u64)>,
    /// Tokens are worth nothing from the beginning of that day (UTC) on.
    pub(super) token_ends: BTreeMap<String, NaiveDate>,
    pub(super) app: Option<App>,
    pub(super) tier: Tier,
    pub(super) disable_all_mention: bool,
}

/// What the instance is licensed for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tier {
    /// `key::value` labels are ordinary labels.
    #[default]
    Free,
    /// `key::value` labels exclude each other within their key.
    Premium,
}

/// Whether an account can be used, and what it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Account {
    /// A person who can sign in.
    #[default]
    Active,
    /// A person whom an administrator has blocked.
    Blocked,
    /// The user behind a project or group access token.
    Bot,
}

/// A user account.
#[derive(Clone, Debug)]
pub struct User {
    pub(super) id: u64,
    pub(super) username: String,
    pub(super) name: String,
    pub(super) account: Account,
    pub(super) ssh_keys: Vec<String>,
}

/// How much a member may do; the numbers are GitLab's. On GitHub, a guest may
/// read, planners and reporters triage, developers write, maintainers maintain,
/// and owners are administrators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// 5
    Minimal = 5,
    /// 10
    Guest = 10,
    /// 15
    Planner = 15,
    /// 20
    Reporter = 20,
    /// 25
    SecurityManager = 25,
    /// 30
    Developer = 30,
    /// 40
    Maintainer = 40,
    /// 50
    Owner = 50,
}

impl Level {
    /// The number the API speaks.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// May read confidential issues, and change labels, due dates and
    /// assignees. A security manager's rights do not include a planner's.
    pub(super) fn tends_issues(self) -> bool {
        self >= Self::Planner && self != Self::SecurityManager
    }
}

/// Somebody's membership of a group or project.
#[derive(Clone, Copy, Debug)]
pub struct Membership {
    pub(super) user: u64,
    pub(super) level: Level,
    pub(super) expires_at: Option<NaiveDate>,
}

/// A group or subgroup.
#[derive(Clone, Debug)]
pub struct Group {
    pub(super) id: u64,
    pub(super) full_path: String,
    pub(super) members: Vec<Membership>,
}

/// Who sees a project without being a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Visibility {
    /// Members only.
    Private,
    /// Everybody who is signed in.
    #[default]
    Internal,
}

/// A project.
#[derive(Clone, Debug)]
pub struct Project {
    pub(super) id: u64,
    pub(super) path: String,
    pub(super) visibility: Visibility,
    pub(super) members: Vec<Membership>,
    pub(super) templates: Vec<(String, String)>,
    pub(super) labels: Vec<String>,
}

/// A GitHub App, installed for everything of one organisation.
#[derive(Clone, Debug)]
pub struct App {
    pub(super) id: u64,
    pub(super) slug: String,
    pub(super) user: u64,
    pub(super) organisation: String,
    pub(super) installation: u64,
}

/// A project webhook, subscribed to issue, note and emoji events, the
/// confidential ones included.
#[derive(Clone, Debug)]
pub struct Hook {
    pub(super) project: u64,
    pub(super) url: String,
    pub(super) secret_token: Option<String>,
    pub(super) signing_token: Option<String>,
    pub(super) confidential: bool,
}

impl World {
    /// An empty instance on the free tier.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a user.
    #[must_use]
    pub fn user(mut self, user: User) -> Self {
        self.users.push(user);
        self
    }

    /// Adds a group.
    #[must_use]
    pub fn group(mut self, group: Group) -> Self {
        self.groups.push(group);
        self
    }

    /// Adds a project.
    #[must_use]
    pub fn project(mut self, project: Project) -> Self {
        self.projects.push(project);
        self
    }

    /// Adds a webhook.
    #[must_use]
    pub fn hook(mut self, hook: Hook) -> Self {
        self.hooks.push(hook);
        self
    }

    /// Lets `token` act as the user with this id.
    #[must_use]
    pub fn token(mut self, token: &str, user: u64) -> Self {
        self.tokens.push((token.to_owned(), user));
        self
    }

    /// Installs a GitHub App, which signs in for its own installation.
    #[must_use]
    pub fn app(mut self, app: App) -> Self {
        self.app = Some(app);
        self
    }

    /// Sets the tier.
    #[must_use]
    pub fn tier(mut self, tier: Tier) -> Self {
        self.tier = tier;
        self
    }

    /// Makes `@all` mean nobody, as on GitLab.com. Self-managed instances
    /// mail everybody.
    #[must_use]
    pub fn disable_all_mention(mut self) -> Self {
        self.disable_all_mention = true;
        self
    }
}

impl User {
    /// A person who can sign in.
    #[must_use]
    pub fn person(id: u64, username: &str, name: &str) -> Self {
        Self {
            id,
            username: username.to_owned(),
            name: name.to_owned(),
            account: Account::Active,
            ssh_keys: Vec::new(),
        }
    }

    /// The user behind an access token.
    #[must_use]
    pub fn bot(id: u64, username: &str, name: &str) -> Self {
        Self { account: Account::Bot, ..Self::person(id, username, name) }
    }

    /// The same person, blocked.
    #[must_use]
    pub fn blocked(mut self) -> Self {
        self.account = Account::Blocked;
        self
    }

    /// Adds a public key to the account, as an `authorized_keys` line.
    #[must_use]
    pub fn ssh_key(mut self, line: &str) -> Self {
        self.ssh_keys.push(line.to_owned());
        self
    }
}

impl Membership {
    /// A membership without an end.
    #[must_use]
    pub fn new(user: u64, level: Level) -> Self {
        Self { user, level, expires_at: None }
    }

    /// Ends the membership at the beginning of that day (UTC).
    #[must_use]
    pub fn until(mut self, day: NaiveDate) -> Self {
        self.expires_at = Some(day);
        self
    }
}

impl Group {
    /// A group without members, e.g. `tpo` or `tpo/tpa`.
    #[must_use]
    pub fn new(id: u64, full_path: &str) -> Self {
        Self { id, full_path: full_path.to_owned(), members: Vec::new() }
    }

    /// Adds a member; subgroups and projects below inherit it.
    #[must_use]
    pub fn member(mut self, membership: Membership) -> Self {
        self.members.push(membership);
        self
    }
}

impl Project {
    /// A project by its whole path, e.g. `tpo/tpa/machines`. Everybody who is
    /// signed in sees it.
    #[must_use]
    pub fn new(id: u64, path: &str) -> Self {
        Self {
            id,
            path: path.to_owned(),
            visibility: Visibility::default(),
            members: Vec::new(),
            templates: Vec::new(),
            labels: Vec::new(),
        }
    }

    /// Shows it to members only.
    #[must_use]
    pub fn private(mut self) -> Self {
        self.visibility = Visibility::Private;
        self
    }

    /// Adds a direct member.
    #[must_use]
    pub fn member(mut self, membership: Membership) -> Self {
        self.members.push(membership);
        self
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, name: &str) -> Self {
        self.labels.push(name.to_owned());
        self
    }

    /// Adds an issue template, as `.gitlab/issue_templates/NAME.md` would.
    #[must_use]
    pub fn template(mut self, name: &str, text: &str) -> Self {
        self.templates.push((name.to_owned(), text.to_owned()));
        self
    }
}

impl App {
    /// The App with this id, acting as the user with that id, whose name is
    /// `SLUG[bot]`.
    #[must_use]
    pub fn new(id: u64, slug: &str, user: u64) -> Self {
        Self { id, slug: slug.to_owned(), user, organisation: String::new(), installation: 0 }
    }

    /// Installed in this organisation, for all its repositories.
    #[must_use]
    pub fn installed(mut self, organisation: &str, installation: u64) -> Self {
        organisation.clone_into(&mut self.organisation);
        self.installation = installation;
        self
    }
}

impl Hook {
    /// A hook of the project with this id, without any secret.
    #[must_use]
    pub fn new(project: u64, url: &str) -> Self {
        Self {
            project,
            url: url.to_owned(),
            secret_token: None,
            signing_token: None,
            confidential: true,
        }
    }

    /// Sends this in `X-Gitlab-Token`, in clear; signs with it on GitHub.
    #[must_use]
    pub fn secret_token(mut self, token: &str) -> Self {
        self.secret_token = Some(token.to_owned());
        self
    }

    /// Signs deliveries with this key: base64 after `whsec_`.
    #[must_use]
    pub fn signing_token(mut self, token: &str) -> Self {
        self.signing_token = Some(token.to_owned());
        self
    }

    /// Leaves the confidential events out of the subscription.
    #[must_use]
    pub fn without_confidential_events(mut self) -> Self {
        self.confidential = false;
        self
    }
}
