//! Who belongs to a group or project at this moment, and how much that is worth.

use gitlab::api::AsyncQuery as _;

use super::{
    GitLab, accounts,
    endpoints::{self, place},
    entities::Member,
    found,
};
use crate::{
    cookbook::Principal,
    identity::UserId,
    ports::{PortError, Verdict, forge::Standing},
};

/// Everything from guest to owner; a minimal access (5) is none to anything.
const MEMBER_LEVELS: [u64; 7] = [10, 15, 20, 25, 30, 40, 50];

pub(super) async fn is_among(
    gitlab: &GitLab,
    who: UserId,
    principal: &Principal,
    standing: Standing,
) -> Result<bool, PortError> {
    if let Principal::User(username) = principal {
        let person = accounts::named(gitlab, username).await?;
        return Ok(person.is_some_and(|person| person.id == who));
    }
    let member = member(gitlab, who, principal).await?;
    let levels: &[u64] = match standing {
        Standing::Member => &MEMBER_LEVELS,
        Standing::Trusted => &gitlab.approver_levels,
    };
    Ok(member.is_some_and(|member| member.counts(levels, gitlab.clock.now())))
}

/// The membership of this account, if it has one. A group or project that is
/// not there has no members, which the log tells: somebody misspelt it.
pub(super) async fn member(
    gitlab: &GitLab,
    who: UserId,
    principal: &Principal,
) -> Result<Option<Member>, PortError> {
    let Some(place) = place(principal) else { return Ok(None) };
    let member = endpoints::member(&place, who)
        .query_async(&gitlab.transport)
        .await
        .map_err(gitlab.failed(format!("look up account {who} in {principal}")));
    if let Err(error) = &member
        && error.verdict == Verdict::Missing
        && ["Group Not Found", "Project Not Found"]
            .iter()
            .any(|words| error.cause.to_string().contains(words))
    {
        tracing::warn!(%principal, reason = error.chain(), "nobody is a member of it");
    }
    found(member)
}
