//! The service's account must be a member who tends issues.

use super::{About, Account, Obstacle, Seen, Step};

pub(super) fn step(account: &Seen<Account>) -> Step {
    let account = match account {
        Ok(account) => account,
        Err(obstacle) => return Step::impossible(About::Account, obstacle.clone()),
    };
    let Account { username, needed, by, members_page, .. } = account;
    let by_hand = format!("{by} makes `{username}` {needed} or more: {members_page}");
    match &account.role {
        Some(role) if account.suffices => {
            Step::ok(About::Account, format!("The service is `{username}`, a {role} here."))
        }
        Some(role) => Step::impossible(
            About::Account,
            Obstacle {
                why: format!(
                    "The service is `{username}`, only a {role} here: labels, due dates and confidential issues are out of its reach."
                ),
                by_hand,
            },
        ),
        None => Step::impossible(
            About::Account,
            Obstacle {
                why: format!("The service is `{username}`, no member of the project."),
                by_hand,
            },
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::{
        State,
        tests::{fresh, obstacle},
    };

    #[test]
    fn too_little_a_role_names_what_is_needed_who_gives_it_and_where() {
        let account = fresh().account.unwrap();
        assert_eq!(step(&Ok(account.clone())).state, State::Ok);
        for role in [Some("Guest".to_owned()), None] {
            let step = step(&Ok(Account { role, suffices: false, ..account.clone() }));
            assert_eq!(step.state, State::Cannot);
            assert_eq!(
                step.by_hand.unwrap(),
                "A Maintainer or Owner of the project makes `innkeeper` a Reporter or more: https://git.example/tpo/tpa/team/-/project_members"
            );
        }
        assert_eq!(step(&Err(obstacle())).what, "It is locked.");
    }
}
