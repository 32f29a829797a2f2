//! Whether those who decide can be found.

use std::collections::BTreeSet;

use super::failed;
use crate::{
    cookbook::Principal,
    forge::gitlab::{GitLab, accounts, endpoints, entities::Member, pages},
    identity::UserId,
    ports::{PortError, Verdict, finding::Finding},
};

pub(super) async fn decider(gitlab: &GitLab, decider: &Principal) -> Finding {
    let unseen = || {
        Finding::bad(
            format!("There is no `{decider}`, or we may not see it: nobody decides in its name."),
            "Correct it in the configuration or the cookbook, or make our account a member.",
        )
    };
    match many(gitlab, decider).await {
        Ok(0) if matches!(decider, Principal::User(_)) => Finding::doubtful(
            format!("`{decider}` is no active account of a person."),
            "Correct it in the configuration or the cookbook.",
        ),
        Ok(0) => Finding::bad(
            format!("Nobody in `{decider}` may decide."),
            format!(
                "Give somebody there one of the access levels {}: those count, by the \
                 configuration.",
                listed(&gitlab.approver_levels)
            ),
        ),
        Ok(1) => Finding::good(format!("One person decides as `{decider}`.")),
        Ok(count) => Finding::good(format!("{count} people decide as `{decider}`.")),
        Err(error) if error.verdict == Verdict::Missing => unseen(),
        Err(error) => failed(&error, "Try again."),
    }
}

/// How many people count as this at the moment.
async fn many(gitlab: &GitLab, decider: &Principal) -> Result<usize, PortError> {
    let place = match decider {
        Principal::User(name) => {
            return Ok(accounts::named(gitlab, name).await?.into_iter().count());
        }
        place => endpoints::place(place).unwrap_or_default(),
    };
    let members: Vec<Member> = pages::all(&gitlab.transport, &endpoints::members(&place))
        .await
        .map_err(gitlab.failed(format!("list the members of {decider}")))?;
    let now = gitlab.clock.now();
    // Whoever is a member by several ways may be listed several times.
    let counting: BTreeSet<UserId> = members
        .iter()
        .filter(|member| member.is_person() && member.counts(&gitlab.approver_levels, now))
        .map(Member::user)
        .collect();
    Ok(counting.len())
}

fn listed(levels: &[u64]) -> String {
    levels.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
