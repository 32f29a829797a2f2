//! Who is who, and who is among whom.

use super::*;
use crate::{cookbook::Principal, ports::forge::Standing};

fn alice() -> Value {
    user(5, "alice")
}

#[tokio::test]
async fn only_active_people_are_found() {
    let mut suspended = alice();
    suspended["suspended_at"] = json!("2026-01-01T00:00:00Z");
    let organisation = json!({"id": 5, "login": "alice", "type": "Organization"});
    let (github, script) = scripted([
        reply_json(200, &alice()),
        reply_json(200, &suspended),
        reply_json(200, &organisation),
        reply_json(200, &user(9, "innkeeper[bot]")),
        reply_json(200, &user(5, "alice-2")),
        reply(404, r#"{"message":"Not Found"}"#),
    ])
    .await;
    assert_eq!(github.person_named("Alice").await.unwrap(), Some(person(5, "alice")));
    for name in ["alice", "alice", "innkeeper[bot]", "alice", "alice"] {
        assert_eq!(github.person_named(name).await.unwrap(), None);
    }
    assert_eq!(script.lines()[0], "GET /api/v3/users/Alice");
    assert_eq!(script.lines()[3], "GET /api/v3/users/innkeeper%5Bbot%5D");
    for impossible in ["", "..", "a/b", "alice?x", "a b"] {
        assert_eq!(github.person_named(impossible).await.unwrap(), None);
    }
    assert_eq!(script.seen().len(), 6, "what cannot be a name is not asked for");
}

#[tokio::test]
async fn people_are_found_by_number_under_their_present_name() {
    let (github, script) = scripted([
        reply_json(200, &user(5, "alice-new")),
        reply_json(200, &user(6, "alice")),
        reply(404, "{}"),
    ])
    .await;
    assert_eq!(github.person(UserId(5)).await.unwrap(), Some(person(5, "alice-new")));
    assert_eq!(github.person(UserId(5)).await.unwrap(), None, "another account");
    assert_eq!(github.person(UserId(5)).await.unwrap(), None);
    assert_eq!(script.lines(), ["GET /api/v3/user/5"; 3]);
}

#[tokio::test]
async fn a_user_principal_means_the_account_that_bears_the_name_now() {
    let (github, _script) = scripted([reply_json(200, &alice()), reply_json(200, &alice())]).await;
    let principal = Principal::User("alice".to_owned());
    assert!(github.is_among(UserId(5), &principal, Standing::Trusted).await.unwrap());
    assert!(!github.is_among(UserId(6), &principal, Standing::Trusted).await.unwrap());
}

#[tokio::test]
async fn organisations_and_teams_are_asked_about_the_present_name() {
    let public = [("location", "/api/v3/orgs/acme/public_members/alice")];
    let table = [
        ("acme", vec![reply(204, "")], Ok(true)),
        ("acme", vec![reply(404, "{}")], Ok(false)),
        ("acme", vec![reply_with(302, &public, ""), reply(204, "")], Ok(true)),
        ("acme", vec![reply_with(302, &public, ""), reply(404, "{}")], Ok(false)),
        ("acme", vec![reply(500, "{}")], Err(Verdict::Retry { after: None })),
        ("acme", vec![reply(403, "{}")], Err(Verdict::GiveUp)),
        ("acme/tpa", vec![reply(200, r#"{"state":"active","role":"member"}"#)], Ok(true)),
        ("acme/tpa", vec![reply(200, r#"{"state":"pending","role":"member"}"#)], Ok(false)),
        ("acme/tpa", vec![reply(404, "{}")], Ok(false)),
        ("acme/tpa", vec![reply(502, "")], Err(Verdict::Retry { after: None })),
    ];
    for (number, (group, answers, expected)) in table.into_iter().enumerate() {
        let (github, script) = scripted([reply_json(200, &alice())]).await;
        for answer in answers {
            script.add(answer);
        }
        let group = Principal::Group(group.to_owned());
        let found = github.is_among(UserId(5), &group, Standing::Trusted).await;
        assert_eq!(found.map_err(|error| error.verdict), expected, "row {number}");
        let asked = if number < 6 {
            "GET /api/v3/orgs/acme/members/alice"
        } else {
            "GET /api/v3/orgs/acme/teams/tpa/memberships/alice"
        };
        assert_eq!(script.lines()[..2], ["GET /api/v3/user/5", asked]);
    }
}

#[tokio::test]
async fn nobody_is_in_what_github_cannot_have_or_without_an_account() {
    let (github, script) = scripted([]).await;
    for principal in [
        Principal::Group("a/b/c".to_owned()),
        Principal::Group("../x".to_owned()),
        Principal::Project("infra".to_owned()),
        Principal::Project("99".to_owned()),
    ] {
        assert!(!github.is_among(UserId(5), &principal, Standing::Member).await.unwrap());
    }
    assert_eq!(script.all().len(), 0);
    script.add(reply(404, "{}"));
    let acme = Principal::Group("acme".to_owned());
    assert!(!github.is_among(UserId(5), &acme, Standing::Member).await.unwrap());
    assert_eq!(script.seen().len(), 1);
}

#[tokio::test]
async fn roles_in_a_repository_are_worth_what_the_operator_says() {
    let role =
        |base: &str, role: &str| json!({"permission": base, "role_name": role, "user": alice()});
    let table = [
        (role("admin", "admin"), true, true),
        (role("write", "maintain"), true, true),
        (role("write", "deployer"), true, true),
        (role("read", "triage"), false, true),
        (role("none", "none"), false, false),
    ];
    for (answer, trusted, member) in table {
        for (standing, expected) in [(Standing::Trusted, trusted), (Standing::Member, member)] {
            let (github, script) =
                scripted([reply_json(200, &alice()), reply_json(200, &answer)]).await;
            let project = Principal::Project("acme/infra".to_owned());
            let found = github.is_among(UserId(5), &project, standing).await.unwrap();
            assert_eq!(found, expected, "{standing:?} {answer}");
            let asked = format!("GET {INFRA}/collaborators/alice/permission");
            assert_eq!(script.lines(), ["GET /api/v3/user/5", &asked]);
        }
    }
}

#[tokio::test]
async fn reading_a_public_repository_makes_nobody_one_of_it() {
    let reader = json!({"permission": "read", "role_name": "read", "user": alice()});
    for (answer, expected) in [(reply(204, ""), true), (reply(404, "{}"), false)] {
        let (github, script) =
            scripted([reply_json(200, &alice()), reply_json(200, &reader), answer]).await;
        let project = Principal::Project("7".to_owned());
        let found = github.is_among(UserId(5), &project, Standing::Member).await.unwrap();
        assert_eq!(found, expected);
        assert_eq!(script.lines()[2], format!("GET {INFRA}/collaborators/alice"));
    }
}

#[tokio::test]
async fn a_role_of_whoever_took_the_name_meanwhile_is_nobodys() {
    let other = json!({"permission": "admin", "role_name": "admin", "user": user(6, "alice")});
    let (github, script) = scripted([reply_json(200, &alice()), reply_json(200, &other)]).await;
    let project = Principal::Project("acme/web".to_owned());
    assert!(!github.is_among(UserId(5), &project, Standing::Trusted).await.unwrap());
    assert_eq!(script.lines()[1], "GET /api/v3/repos/acme/web/collaborators/alice/permission");
}

#[tokio::test]
async fn keys_are_read_under_the_present_name() {
    let keys = json!([{"id": 1, "key": "ssh-ed25519 AAAA"}, {"id": 2, "key": "ssh-rsa BBBB"}]);
    let (github, script) =
        scripted([reply_json(200, &alice()), reply_json(200, &keys), reply(404, "{}")]).await;
    assert_eq!(github.ssh_keys(UserId(5)).await.unwrap(), ["ssh-ed25519 AAAA", "ssh-rsa BBBB"]);
    assert!(github.ssh_keys(UserId(5)).await.unwrap().is_empty());
    assert_eq!(script.lines()[1], "GET /api/v3/users/alice/keys?per_page=100");
}
