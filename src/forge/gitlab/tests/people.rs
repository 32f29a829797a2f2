//! Who somebody is, and what they belong to.

use serde_json::{Value, json};

use super::{
    person,
    script::{reply, reply_json},
    scripted,
};
use crate::{
    cookbook::Principal,
    identity::UserId,
    ports::forge::{Forge as _, Standing},
};

#[tokio::test]
async fn only_active_people_are_found() {
    let alice = json!({"id": 5, "username": "alice", "state": "active", "bot": false});
    let blocked = json!({"id": 5, "username": "alice", "state": "blocked"});
    let robot = json!({"id": 5, "username": "alice", "state": "active", "bot": true});
    let (gitlab, script) = scripted([
        reply_json(200, &json!([{"id": 5, "username": "alice", "state": "active"}])),
        reply_json(200, &alice),
        reply_json(200, &json!([])),
        reply_json(200, &blocked),
        reply_json(200, &robot),
        reply(404, r#"{"message":"404 User Not Found"}"#),
    ])
    .await;
    assert_eq!(gitlab.person_named("Alice&x").await.unwrap(), None, "another name than asked for");
    script
        .answers
        .lock()
        .unwrap()
        .push_front(reply_json(200, &json!([{"id": 5, "username": "alice", "state": "active"}])));
    assert_eq!(gitlab.person_named("Alice").await.unwrap(), Some(person(5, "alice")));
    assert_eq!(gitlab.person_named("nobody").await.unwrap(), None);
    for _ in 0..3 {
        assert_eq!(gitlab.person(UserId(5)).await.unwrap(), None);
    }
    assert_eq!(
        script.lines()[..3],
        [
            "GET /gitlab/api/v4/users?username=Alice%26x",
            "GET /gitlab/api/v4/users?username=Alice",
            "GET /gitlab/api/v4/users/5"
        ]
    );
}

#[tokio::test]
async fn membership_is_asked_by_account_id_with_inherited_members() {
    let member = json!({"id": 5, "username": "alice", "state": "active", "access_level": 40,
                        "expires_at": "2026-12-31"});
    let expired = json!({"id": 5, "state": "active", "access_level": 40,
                         "expires_at": "2026-11-20"});
    let (gitlab, script) = scripted([
        reply_json(200, &member),
        reply_json(200, &expired),
        reply(404, r#"{"message":"404 Not found"}"#),
        reply(404, r#"{"message":"404 Group Not Found"}"#),
        reply(500, "{}"),
    ])
    .await;
    let group = Principal::Group("tpo/tpa".to_owned());
    let project = Principal::Project("tpo/tpa/team".to_owned());
    assert!(gitlab.is_among(UserId(5), &group, Standing::Trusted).await.unwrap());
    assert!(!gitlab.is_among(UserId(5), &project, Standing::Trusted).await.unwrap());
    assert!(!gitlab.is_among(UserId(5), &project, Standing::Trusted).await.unwrap());
    assert!(!gitlab.is_among(UserId(5), &group, Standing::Trusted).await.unwrap());
    assert!(
        gitlab.is_among(UserId(5), &group, Standing::Trusted).await.is_err(),
        "an error is never a yes or no"
    );
    assert_eq!(
        script.lines()[..2],
        [
            "GET /gitlab/api/v4/groups/tpo%2Ftpa/members/all/5",
            "GET /gitlab/api/v4/projects/tpo%2Ftpa%2Fteam/members/all/5"
        ]
    );
}

#[tokio::test]
async fn a_user_principal_means_the_account_that_bears_the_name_now() {
    let alice = json!({"id": 5, "username": "alice", "state": "active"});
    let (gitlab, _script) = scripted([
        reply_json(200, &json!([alice])),
        reply_json(200, &alice),
        reply_json(200, &json!([alice])),
        reply_json(200, &alice),
    ])
    .await;
    let principal = Principal::User("alice".to_owned());
    assert!(gitlab.is_among(UserId(5), &principal, Standing::Trusted).await.unwrap());
    assert!(!gitlab.is_among(UserId(6), &principal, Standing::Trusted).await.unwrap());
}

#[tokio::test]
async fn keys_that_expired_or_only_sign_are_left_out() {
    let keys = json!([
        {"id": 1, "key": "ssh-ed25519 AAAA a", "expires_at": null, "usage_type": "auth_and_signing"},
        {"id": 2, "key": "ssh-ed25519 BBBB b", "expires_at": "2026-11-20T00:00:00.000Z"},
        {"id": 3, "key": "ssh-ed25519 CCCC c", "usage_type": "signing"},
    ]);
    let (gitlab, script) = scripted([reply_json(200, &keys)]).await;
    assert_eq!(gitlab.ssh_keys(UserId(5)).await.unwrap(), ["ssh-ed25519 AAAA a"]);
    assert_eq!(script.lines(), ["GET /gitlab/api/v4/users/5/keys?per_page=100&page=1"]);
}

#[tokio::test]
async fn an_account_counts_only_while_a_person_can_sign_in_with_it() {
    let account = |more: Value| {
        let mut account = json!({"id": 5, "username": "alice", "state": "active", "bot": false});
        account.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        account
    };
    for (more, is_person) in [
        (json!({}), true),
        (json!({"bot": null, "locked": false}), true),
        (json!({"locked": true}), true),
        (json!({"username": "alice.b-c_d"}), true),
        (json!({"state": "blocked"}), false),
        (json!({"state": "ldap_blocked"}), false),
        (json!({"state": "banned"}), false),
        (json!({"state": "deactivated"}), false),
        (json!({"state": "blocked_pending_approval"}), false),
        (json!({"state": null}), false),
        (json!({"bot": true}), false),
        (json!({"username": "ghost"}), false),
        (json!({"username": "support-bot"}), false),
        (json!({"username": "support-bot1"}), false),
        (json!({"username": "support-bot_acme"}), false),
        (json!({"username": "GitLab-Security-Bot"}), false),
        (json!({"username": "project_7_bot_3f9c"}), false),
        (json!({"username": "group_12_bot_3f9c"}), false),
        (json!({"username": "service_account_group_3_ab"}), false),
    ] {
        let (gitlab, _script) = scripted([reply_json(200, &account(more.clone()))]).await;
        assert_eq!(gitlab.person(UserId(5)).await.unwrap().is_some(), is_person, "{more}");
    }
}

#[tokio::test]
async fn a_name_is_looked_up_as_it_is_whatever_letters_it_has() {
    for (name, query) in [
        ("alice", "alice"),
        ("a.b-c_d", "a.b-c_d"),
        ("a b", "a+b"),
        ("a&admin=1", "a%26admin%3D1"),
        ("ällice", "%C3%A4llice"),
        ("../users", "..%2Fusers"),
        ("", ""),
    ] {
        let (gitlab, script) = scripted([reply(200, "[]")]).await;
        assert_eq!(gitlab.person_named(name).await.unwrap(), None);
        assert_eq!(script.lines(), [format!("GET /gitlab/api/v4/users?username={query}")]);
    }
}

#[tokio::test]
async fn a_name_that_was_given_up_means_nobody_even_if_gitlab_answers_with_its_last_owner() {
    let renamed = json!([{"id": 5, "username": "alicia", "state": "active"}]);
    let (gitlab, script) = scripted([reply_json(200, &renamed)]).await;
    assert_eq!(gitlab.person_named("alice").await.unwrap(), None);
    assert_eq!(script.seen().len(), 1);
}

#[tokio::test]
async fn what_a_membership_is_worth() {
    let group = Principal::Group("tpo/tpa".to_owned());
    for (member, may_ask, may_decide) in [
        (json!({"access_level": 0}), false, false),
        (json!({"access_level": 5}), false, false),
        (json!({"access_level": 10}), true, false),
        (json!({"access_level": 15}), true, false),
        (json!({"access_level": 20}), true, false),
        (json!({"access_level": 25}), true, false),
        (json!({"access_level": 30}), true, true),
        (json!({"access_level": 40}), true, true),
        (json!({"access_level": 50}), true, true),
        (json!({"access_level": 60}), false, false),
        (json!({"access_level": 40, "membership_state": "active"}), true, true),
        (json!({"access_level": 40, "membership_state": "awaiting"}), false, false),
        (json!({"access_level": 40, "state": "blocked"}), false, false),
        (json!({"access_level": 40, "state": "awaiting"}), false, false),
        (json!({"access_level": 40, "state": null}), false, false),
        (json!({"access_level": 40, "expires_at": "2026-11-22"}), true, true),
        (json!({"access_level": 40, "expires_at": "2026-11-21"}), false, false),
        (
            json!({"access_level": 30, "member_role": {"id": 1, "base_access_level": 30}}),
            true,
            true,
        ),
    ] {
        let mut answer = json!({"id": 5, "username": "alice", "state": "active"});
        answer.as_object_mut().unwrap().extend(member.as_object().unwrap().clone());
        let (gitlab, _script) =
            scripted([reply_json(200, &answer), reply_json(200, &answer)]).await;
        let asked = gitlab.is_among(UserId(5), &group, Standing::Member).await.unwrap();
        let decides = gitlab.is_among(UserId(5), &group, Standing::Trusted).await.unwrap();
        assert_eq!((asked, decides), (may_ask, may_decide), "{member}");
    }
}
