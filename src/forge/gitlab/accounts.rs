//! Who somebody is: our own account, people by name and by number, their keys.

use gitlab::api::{
    AsyncQuery as _,
    users::{CurrentUser, User, Users},
};

use super::{
    GitLab,
    endpoints::Read,
    entities::{Account, SshKey},
    found, pages,
    transport::TransportError,
};
use crate::{
    identity::{Person, UserId},
    ports::PortError,
};

pub(super) async fn own(gitlab: &GitLab) -> Result<Person, PortError> {
    let account: Account = async {
        CurrentUser::builder()
            .build()
            .map_err(TransportError::request)?
            .query_async(&gitlab.transport)
            .await
    }
    .await
    .map_err(gitlab.failed(format!("ask {} who we are", gitlab.name)))?;
    Ok(account.person())
}

/// GitLab redirects the pages of an account that was renamed, but its API knows
/// the old name no more. It may be given to somebody else at once, so a name
/// counts only for the account that bears it now.
pub(super) async fn named(gitlab: &GitLab, username: &str) -> Result<Option<Person>, PortError> {
    let accounts: Vec<Account> = async {
        Users::builder()
            .username(username)
            .build()
            .map_err(TransportError::request)?
            .query_async(&gitlab.transport)
            .await
    }
    .await
    .map_err(gitlab.failed(format!("look up account `{username}` on {}", gitlab.name)))?;
    match accounts.iter().find(|account| account.username.eq_ignore_ascii_case(username)) {
        // The list leaves out whether it is a bot.
        Some(account) => numbered(gitlab, UserId(account.id)).await,
        None => Ok(None),
    }
}

pub(super) async fn numbered(gitlab: &GitLab, id: UserId) -> Result<Option<Person>, PortError> {
    let account = async {
        User::builder()
            .user(id.0)
            .build()
            .map_err(TransportError::request)?
            .query_async(&gitlab.transport)
            .await
    }
    .await
    .map_err(gitlab.failed(format!("look up account {id} on {}", gitlab.name)));
    let account: Option<Account> = found(account)?;
    Ok(account.filter(Account::is_active_person).map(|account| account.person()))
}

/// GitLab shows these to everybody, signed in or not.
pub(super) async fn ssh_keys(gitlab: &GitLab, who: UserId) -> Result<Vec<String>, PortError> {
    let keys: Vec<SshKey> = pages::all(&gitlab.transport, &Read::at(format!("users/{who}/keys")))
        .await
        .map_err(gitlab.failed(format!("read the SSH keys of account {who}")))?;
    let now = gitlab.clock.now();
    Ok(keys.into_iter().filter(|key| key.signs_in(now)).map(|key| key.key).collect())
}
