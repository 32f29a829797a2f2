//! Who is one of those meant, at this moment.
//!
//! GitHub answers these questions by name, so the name is asked for first:
//! what somebody was called when they wrote may be somebody else's by now.

use url::Url;

use super::{
    client::Client,
    credentials::Whom,
    entities::{Account, Permission, TeamMembership},
    names::{is_login, is_name},
    transport::TransportError,
};
use crate::{
    cookbook::Principal,
    identity::{Person, ProjectId, UserId},
    ports::forge::Standing,
};

/// The active account with this username.
pub(super) async fn named(
    client: &Client,
    username: &str,
) -> Result<Option<Person>, TransportError> {
    if !is_login(username) {
        return Ok(None);
    }
    let url = client.url(&["users", username])?;
    let account: Option<Account> = found(client.read(Whom::Anyone, url).await)?;
    let is_meant = |account: &Account| {
        account.login.eq_ignore_ascii_case(username) && account.is_active_person()
    };
    Ok(account.filter(is_meant).map(|account| account.person()))
}

/// The active account with this number, under its present name.
pub(super) async fn numbered(
    client: &Client,
    id: UserId,
) -> Result<Option<Person>, TransportError> {
    let url = client.url(&["user", &id.to_string()])?;
    let account: Option<Account> = found(client.read(Whom::Anyone, url).await)?;
    let is_meant = |account: &Account| {
        account.id == id.0 && account.is_active_person() && is_login(&account.login)
    };
    Ok(account.filter(is_meant).map(|account| account.person()))
}

/// What the account is called now, also when a program uses it.
pub(super) async fn login(client: &Client, id: UserId) -> Result<Option<String>, TransportError> {
    let url = client.url(&["user", &id.to_string()])?;
    let account: Option<Account> = found(client.read(Whom::Anyone, url).await)?;
    Ok(account.filter(|account| account.id == id.0).map(|account| account.login))
}

/// Whether the account is one of `principal`.
pub(super) async fn is_among(
    client: &Client,
    who: UserId,
    principal: &Principal,
    standing: Standing,
    trusted_roles: &[String],
) -> Result<bool, TransportError> {
    if let Principal::User(username) = principal {
        return Ok(named(client, username).await?.is_some_and(|person| person.id == who));
    }
    let place = Place::of(client, principal);
    if matches!(place, Place::Nowhere) {
        tracing::warn!(%principal, "nobody is one of it: GitHub has no such thing");
        return Ok(false);
    }
    let Some(person) = numbered(client, who).await? else { return Ok(false) };
    match place {
        Place::Organisation(org) => is_in_organisation(client, org, &person).await,
        Place::Team(org, team) => is_in_team(client, org, team, &person).await,
        Place::Repository(at) => may_act_in(client, at, &person, standing, trusted_roles).await,
        Place::Nowhere => Ok(false),
    }
}

/// What a principal is on GitHub.
#[derive(Clone, Copy)]
pub(super) enum Place<'p> {
    Organisation(&'p str),
    Team(&'p str, &'p str),
    Repository(At<'p>),
    /// Not anything GitHub can have.
    Nowhere,
}

/// A repository, one of ours or not.
#[derive(Clone, Copy)]
pub(super) enum At<'p> {
    Ours(ProjectId),
    Named(&'p str, &'p str),
}

impl<'p> Place<'p> {
    pub(super) fn of(client: &Client, principal: &'p Principal) -> Self {
        match principal {
            Principal::Group(group) => match group.split_once('/') {
                None if is_login(group) => Self::Organisation(group),
                Some((org, team)) if is_name(group) => Self::Team(org, team),
                _ => Self::Nowhere,
            },
            Principal::Project(project) => {
                if let Some(id) = client.names().id_of(project) {
                    return Self::Repository(At::Ours(id));
                }
                match (project.parse().map(ProjectId), project.split_once('/')) {
                    (Ok(id), _) if client.names().known(id).is_some() => {
                        Self::Repository(At::Ours(id))
                    }
                    (_, Some((owner, name))) if is_name(project) => {
                        Self::Repository(At::Named(owner, name))
                    }
                    _ => Self::Nowhere,
                }
            }
            Principal::User(_) => Self::Nowhere,
        }
    }
}

async fn is_in_organisation(
    client: &Client,
    org: &str,
    person: &Person,
) -> Result<bool, TransportError> {
    let url = client.url(&["orgs", org, "members", &person.username])?;
    // Whoever is not in it is sent on to the list of public members.
    let answer = client.get(Whom::Owner(org), url).await;
    found(answer).map(|answer| answer.is_some())
}

async fn is_in_team(
    client: &Client,
    org: &str,
    team: &str,
    person: &Person,
) -> Result<bool, TransportError> {
    let url = client.url(&["orgs", org, "teams", team, "memberships", &person.username])?;
    let membership: Option<TeamMembership> = found(client.read(Whom::Owner(org), url).await)?;
    Ok(membership.is_some_and(|membership| membership.state == "active"))
}

/// Everybody may read a public repository, so reading makes nobody one of it:
/// collaborators are, also by team and organisation.
async fn may_act_in(
    client: &Client,
    at: At<'_>,
    person: &Person,
    standing: Standing,
    trusted_roles: &[String],
) -> Result<bool, TransportError> {
    let (whom, repository) = match at {
        At::Ours(id) => (Whom::Repository(id), client.url_in(id, &[]).await?),
        At::Named(owner, name) => (Whom::Owner(owner), client.url(&["repos", owner, name])?),
    };
    let asked = permission_of(&repository, person);
    let permission: Option<Permission> = found(client.read(whom, asked).await)?;
    let Some(permission) = permission.filter(|permission| permission.is_of(person.id)) else {
        return Ok(false);
    };
    if !permission.suffices(standing, trusted_roles) {
        return Ok(false);
    }
    if permission.is_more_than_reading() {
        return Ok(true);
    }
    found(client.get(whom, collaborator(&repository, person)).await).map(|answer| answer.is_some())
}

fn collaborator(repository: &Url, person: &Person) -> Url {
    let mut url = repository.clone();
    url.set_path(&format!("{}/collaborators/{}", repository.path(), person.username));
    url
}

/// Where to ask what somebody may do in a repository.
pub(super) fn permission_of(repository: &Url, person: &Person) -> Url {
    let mut url = collaborator(repository, person);
    let path = format!("{}/permission", url.path());
    url.set_path(&path);
    url
}

impl Permission {
    fn is_of(&self, who: UserId) -> bool {
        self.user.as_ref().is_none_or(|user| user.id == who.0)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        [Some(self.base.as_str()), self.role_name.as_deref()].into_iter().flatten()
    }

    fn suffices(&self, standing: Standing, trusted_roles: &[String]) -> bool {
        match standing {
            Standing::Member => self.names().any(|name| name != "none"),
            Standing::Trusted => {
                self.names().any(|name| trusted_roles.iter().any(|role| role == name))
            }
        }
    }

    /// A role of the organisation's own is at least what `base` says.
    fn is_more_than_reading(&self) -> bool {
        self.names().any(|name| matches!(name, "triage" | "write" | "maintain" | "admin"))
    }
}

/// A 404 while looking something up is an answer, not a failure.
pub(super) fn found<T>(result: Result<T, TransportError>) -> Result<Option<T>, TransportError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}
