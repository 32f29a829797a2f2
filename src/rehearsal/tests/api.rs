use chrono::TimeDelta;
use reqwest::Method;
use serde_json::json;

use super::*;
use crate::rehearsal::{Account, Hook, IssueState, Reason};

#[tokio::test]
async fn a_caller_is_known_by_either_header_and_refused_without() {
    let gitlab = started().await;
    let (status, user) = get(&gitlab, "bot", "/user").await;
    assert_eq!((status, &user["id"], &user["bot"]), (200, &json!(BOT), &json!(true)));

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let bearer = client.get(&url).header("Authorization", "Bearer bob-token");
    assert_eq!(bearer.send().await.unwrap().status(), 200);
    let nobody = client.get(&url).send().await.unwrap();
    assert_eq!(nobody.status(), 401);
    assert_eq!(nobody.text().await.unwrap(), r#"{"message":"401 Unauthorized"}"#);
    gitlab.block_user(BOB);
    assert_eq!(get(&gitlab, "bob", "/user").await.0, 403);
    assert_eq!(get(&gitlab, "bot", "/users/3").await.1["state"], "blocked");
    gitlab.revoke_token("bot-token");
    assert_eq!(get(&gitlab, "bot", "/user").await.0, 401);
}

#[tokio::test]
async fn users_are_found_by_name_and_their_keys_by_id() {
    let gitlab = started().await;
    let (_, found) = get(&gitlab, "bot", "/users?username=Alice").await;
    assert_eq!(found[0]["id"], ALICE);
    assert_eq!(get(&gitlab, "bot", "/users?username=nobody").await, (200, json!([])));
    assert_eq!(get(&gitlab, "bot", "/users/99").await.0, 404);
    let (_, keys) = get(&gitlab, "bot", "/users/2/keys").await;
    assert_eq!(keys[0]["key"], "ssh-ed25519 AAAA alice");
}

#[tokio::test]
async fn projects_are_found_by_id_and_path_and_redirect_after_a_rename() {
    let gitlab = started().await;
    let (_, project) = get(&gitlab, "bot", "/projects/tpo%2Ftpa%2Fmachines").await;
    assert_eq!(project["id"], 7);
    let (status, missing) = get(&gitlab, "alice", "/projects/8").await;
    assert_eq!((status, missing), (404, json!({ "message": "404 Project Not Found" })));
    assert_eq!(get(&gitlab, "carol", "/projects/8").await.0, 200);

    gitlab.rename_project(7, "tpo/tpa/hosts");
    assert_eq!(get(&gitlab, "bot", "/projects/7").await.1["path_with_namespace"], "tpo/tpa/hosts");
    let path = "/projects/tpo%2Ftpa%2Fmachines/issues?state=opened";
    let moved = send(&gitlab, "bot", Method::GET, path, None).await.unwrap();
    assert_eq!(moved.status(), 301);
    let to = moved.headers()["location"].to_str().unwrap();
    assert_eq!(to, format!("{}/api/v4/projects/7/issues?state=opened", gitlab.base_url()));
    let body = Some(json!({ "title": "x" }));
    assert_eq!(call(&gitlab, "bot", Method::POST, path, body).await.0, 405);
}

#[tokio::test]
async fn a_group_lists_the_projects_below_it_that_the_caller_may_see() {
    let gitlab = started().await;
    let paths = async |who: &str, path: &str| {
        let (status, rows) = get(&gitlab, who, path).await;
        assert_eq!(status, 200);
        let rows = rows.as_array().unwrap().clone();
        rows.iter().map(|row| row["path_with_namespace"].clone()).collect::<Vec<_>>()
    };
    let deep = "/groups/tpo/projects?include_subgroups=true&simple=true";
    assert_eq!(paths("bot", deep).await, ["tpo/tpa/machines"]);
    assert_eq!(paths("carol", deep).await, ["tpo/tpa/machines", "tpo/secret"]);
    assert_eq!(paths("carol", "/groups/20/projects").await, ["tpo/secret"]);
    assert_eq!(get(&gitlab, "bot", "/groups/nowhere/projects").await.0, 404);
}

#[tokio::test]
async fn a_token_tells_when_it_ends_and_then_opens_nothing() {
    let clock = clock();
    let gitlab = start(world(), clock.clone(), Options::default()).await;
    let path = "/personal_access_tokens/self";
    assert_eq!(get(&gitlab, "bot", path).await.1["expires_at"], json!(null));
    gitlab.end_token("bot-token", "2026-03-03".parse().unwrap());
    let (_, token) = get(&gitlab, "bot", path).await;
    assert_eq!((&token["expires_at"], &token["scopes"]), (&json!("2026-03-03"), &json!(["api"])));
    clock.advance(TimeDelta::days(1));
    assert_eq!(get(&gitlab, "bot", path).await.0, 401);
    assert!(get(&gitlab, "alice", "/metadata").await.1["version"].is_string());
}

#[tokio::test]
async fn maintainers_see_the_webhooks_and_how_they_fare() {
    let gitlab = start(
        world().hook(Hook::new(7, "http://127.0.0.1:9/x").without_confidential_events()),
        clock(),
        Options::default(),
    )
    .await;
    assert_eq!(get(&gitlab, "bot", "/projects/7/hooks").await.0, 403);
    let status = async || get(&gitlab, "carol", "/projects/7/hooks").await.1[0].clone();
    let hook = status().await;
    assert_eq!(hook["url"], "http://127.0.0.1:9/x");
    assert_eq!(
        (&hook["note_events"], &hook["confidential_note_events"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(hook["alert_status"], "executable");
    let key = filed(&gitlab);
    for _ in 0..4 {
        gitlab.comment("alice", key, "hello").unwrap();
    }
    gitlab.settle().await;
    let hook = status().await;
    assert_eq!(hook["alert_status"], "temporarily_disabled");
    assert!(hook["disabled_until"].is_string(), "{hook}");
}

#[tokio::test]
async fn members_inherit_the_highest_level_and_expire() {
    let clock = clock();
    let gitlab = start(world(), clock.clone(), Options::default()).await;
    let level = async |user: u64| {
        let (status, member) =
            get(&gitlab, "bot", &format!("/projects/7/members/all/{user}")).await;
        (status == 200).then(|| member["access_level"].as_u64().unwrap())
    };
    assert_eq!(level(ALICE).await, None);
    assert_eq!(level(BOB).await, Some(30));
    assert_eq!(level(CAROL).await, Some(40));
    gitlab.set_member(PATH, Membership::new(CAROL, Level::Guest));
    assert_eq!(level(CAROL).await, Some(40));
    gitlab.remove_member("tpo", CAROL);
    assert_eq!(level(CAROL).await, Some(10));

    let tomorrow = "2026-03-03".parse().unwrap();
    gitlab.set_member("tpo/tpa", Membership::new(BOB, Level::Owner).until(tomorrow));
    let (_, member) = get(&gitlab, "bot", "/groups/tpo%2Ftpa/members/all/3").await;
    assert_eq!(
        (&member["access_level"], &member["expires_at"]),
        (&json!(50), &json!("2026-03-03"))
    );
    clock.advance(TimeDelta::days(1));
    assert_eq!(level(BOB).await, None);
    assert_eq!(get(&gitlab, "bot", "/groups/21/members/all").await.1, json!([]));
    assert_eq!(get(&gitlab, "bot", "/groups/nowhere/members/all").await.0, 404);
}

#[tokio::test]
async fn confidential_issues_are_seen_by_their_author_and_planners_only() {
    let gitlab = started().await;
    let key = filed(&gitlab);
    gitlab.set_confidential("carol", key, true).unwrap();
    gitlab.set_member(PATH, Membership::new(BOB, Level::Guest));
    gitlab.remove_member("tpo/tpa", BOB);
    for (who, status, listed) in
        [("alice", 200, 1), ("bob", 404, 0), ("carol", 200, 1), ("bot", 200, 1)]
    {
        assert_eq!(get(&gitlab, who, "/projects/7/issues/1").await.0, status, "{who}");
        let (_, list) = get(&gitlab, who, "/projects/7/issues").await;
        assert_eq!(list.as_array().unwrap().len(), listed, "{who}");
    }
    assert_eq!(note(&gitlab, "bob", key, "hello").await.0, 404);
}

#[tokio::test]
async fn what_a_user_may_not_change_is_refused_or_dropped() {
    let gitlab = started().await;
    let key = filed(&gitlab);
    gitlab.remove_member("tpo/tpa", BOB);
    assert_eq!(put_issue(&gitlab, "bob", key, json!({ "title": "mine" })).await.0, 403);
    let wanted = json!({ "title": "Mine", "labels": "a", "due_date": "2026-04-01" });
    let (status, issue) = put_issue(&gitlab, "alice", key, wanted).await;
    assert_eq!(status, 200);
    assert_eq!(issue["title"], "Mine");
    assert_eq!((&issue["labels"], &issue["due_date"]), (&json!([]), &json!(null)));
}

#[tokio::test]
async fn an_update_sets_and_clears_and_says_so_in_system_notes() {
    let gitlab = started().await;
    let key = filed(&gitlab);
    let wanted = json!({ "add_labels": "a, b", "due_date": "2026-04-01", "description": "Now." });
    let (_, issue) = put_issue(&gitlab, "bot", key, wanted).await;
    assert_eq!(issue["labels"], json!(["a", "b"]));
    assert_eq!(issue["due_date"], "2026-04-01");
    let (_, issue) =
        put_issue(&gitlab, "bot", key, json!({ "due_date": null, "remove_labels": ["a"] })).await;
    assert_eq!(issue["labels"], json!(["b"]));
    assert_eq!(issue["due_date"], json!(null));
    let (_, issue) = put_issue(&gitlab, "bot", key, json!({ "state_event": "close" })).await;
    assert_eq!((&issue["state"], &issue["closed_by"]["id"]), (&json!("closed"), &json!(BOT)));
    let bodies: Vec<String> =
        gitlab.issue(key).unwrap().notes.into_iter().map(|note| note.body).collect();
    assert_eq!(
        bodies,
        [
            "changed the description",
            "changed due date to April 1, 2026",
            "added ~\"a\" ~\"b\" labels",
            "removed due date April 1, 2026",
            "removed ~\"a\" label",
            "closed",
        ]
    );
    let (_, notes) =
        get(&gitlab, "bot", "/projects/7/issues/1/notes?activity_filter=only_comments").await;
    assert_eq!(notes, json!([]));
}

#[tokio::test]
async fn parameters_of_the_wrong_shape_are_refused() {
    let gitlab = started().await;
    let key = filed(&gitlab);
    for (body, message) in [
        (json!({ "due_date": "tomorrow" }), "due_date is invalid"),
        (json!({ "state_event": "closed" }), "state_event does not have a valid value"),
        (json!({ "confidential": "yes" }), "confidential is invalid"),
    ] {
        assert_eq!(put_issue(&gitlab, "bot", key, body).await, (400, json!({ "error": message })));
    }
    assert_eq!(put_issue(&gitlab, "bot", key, json!({})).await.0, 400);
    let (status, answer) =
        call(&gitlab, "bot", Method::POST, "/projects/7/issues/1/notes", Some(json!({}))).await;
    assert_eq!((status, answer), (400, json!({ "error": "body is missing" })));
    assert_eq!(get(&gitlab, "bot", "/projects/7/nothing").await.0, 404);
}

#[tokio::test]
async fn scoped_labels_exclude_each_other_on_premium_only() {
    for (tier, labels) in [
        (Tier::Free, json!(["machine::failed", "machine::ready", "x"])),
        (Tier::Premium, json!(["machine::ready", "x"])),
    ] {
        let gitlab = start(world().tier(tier), clock(), Options::default()).await;
        let key = filed(&gitlab);
        put_issue(&gitlab, "bot", key, json!({ "labels": ["x", "machine::failed"] })).await;
        let (_, issue) =
            put_issue(&gitlab, "bot", key, json!({ "add_labels": "machine::ready" })).await;
        assert_eq!(issue["labels"], labels, "{tier:?}");
    }
}

#[tokio::test]
async fn a_note_of_commands_only_leaves_no_note() {
    let gitlab = started().await;
    let key = filed(&gitlab);
    let (status, answer) = note(&gitlab, "bot", key, "/label ~x\n/due 2026-05-01").await;
    assert_eq!(status, 202);
    assert_eq!(answer["summary"], json!(["Added ~\"x\".", "Set the due date to May 1, 2026."]));
    assert_eq!(answer["commands_changes"]["due_date"], "2026-05-01");
    let (status, made) = note(&gitlab, "bot", key, "Bye.\n\n/close").await;
    assert_eq!((status, &made["body"]), (201, &json!("Bye.")));
    let issue = gitlab.issue(key).unwrap();
    assert_eq!(issue.state, IssueState::Closed);
    assert_eq!(issue.labels, ["x"]);
    assert_eq!(issue.comments().count(), 1);
    let (status, answer) = note(&gitlab, "bot", key, "/merge").await;
    assert_eq!(status, 400);
    assert_eq!(answer["message"], "400 Bad request - Could not apply merge command.");
}

#[tokio::test]
async fn quick_actions_have_the_rights_of_their_author() {
    let gitlab = started().await;
    let key = filed(&gitlab);
    gitlab.remove_member("tpo/tpa", BOB);
    assert_eq!(note(&gitlab, "bob", key, "/close").await.0, 400);
    assert_eq!(note(&gitlab, "bob", key, "Well\n/close").await.1["body"], "Well");
    assert_eq!(gitlab.issue(key).unwrap().state, IssueState::Opened);
    assert_eq!(note(&gitlab, "alice", key, "/label ~x").await.0, 400);
    assert_eq!(note(&gitlab, "alice", key, "/close").await.0, 202);
    gitlab.edit_description("alice", key, "Again\n/reopen").unwrap();
    let issue = gitlab.issue(key).unwrap();
    assert_eq!((issue.description.as_str(), issue.state), ("Again", IssueState::Opened));
}

#[tokio::test]
async fn only_authors_and_maintainers_change_notes() {
    let gitlab = started().await;
    let key = filed(&gitlab);
    let id = gitlab.comment("alice", key, "first").unwrap().unwrap();
    let path = format!("/projects/7/issues/1/notes/{id}");
    let edit = Some(json!({ "body": "second" }));
    assert_eq!(call(&gitlab, "bob", Method::PUT, &path, edit.clone()).await.0, 403);
    let (status, edited) = call(&gitlab, "alice", Method::PUT, &path, edit).await;
    assert_eq!((status, &edited["body"]), (200, &json!("second")));
    assert!(edited["updated_at"].as_str() > edited["created_at"].as_str(), "{edited}");
    assert!(gitlab.issue(key).unwrap().notes[0].edited);
    assert_eq!(call(&gitlab, "bob", Method::DELETE, &path, None).await.0, 403);
    assert_eq!(call(&gitlab, "carol", Method::DELETE, &path, None).await.0, 204);
    assert_eq!(get(&gitlab, "alice", &path).await.0, 404);
}

#[tokio::test]
async fn a_locked_discussion_is_for_members() {
    let gitlab = started().await;
    let key = filed(&gitlab);
    put_issue(&gitlab, "bot", key, json!({ "discussion_locked": true })).await;
    assert_eq!(note(&gitlab, "alice", key, "hello").await.0, 403);
    assert_eq!(note(&gitlab, "bob", key, "hello").await.0, 201);
}

#[tokio::test]
async fn lists_come_in_pages_and_by_time_of_change() {
    let gitlab = started().await;
    for number in 1..=5 {
        gitlab.file_issue("alice", PATH, &format!("Number {number}"), "").unwrap();
    }
    let path = "/projects/7/issues?per_page=2&sort=asc&state=all";
    let first = send(&gitlab, "bot", Method::GET, path, None).await.unwrap();
    assert_eq!(first.headers()["x-total"], "5");
    assert_eq!(first.headers()["x-next-page"], "2");
    let link = first.headers()["link"].to_str().unwrap();
    let base = gitlab.base_url();
    let next = format!(
        "<{base}/api/v4/projects/7/issues?sort=asc&state=all&page=2&per_page=2>; rel=\"next\""
    );
    assert!(link.contains(&next), "{link}");
    let (_, last) = get(&gitlab, "bot", &format!("{path}&page=3")).await;
    assert_eq!(last.as_array().unwrap().len(), 1);

    let second = IssueKey { project: 7, iid: 2 };
    gitlab.comment("alice", second, "news").unwrap();
    let moment = gitlab.issue(second).unwrap().updated_at.to_rfc3339().replace("+00:00", "Z");
    let query = format!("/projects/7/issues?updated_after={moment}&order_by=updated_at");
    let (_, changed) = get(&gitlab, "bot", &query).await;
    assert_eq!(changed.as_array().unwrap().len(), 1);
    assert_eq!(changed[0]["iid"], 2);
}

#[tokio::test]
async fn notes_are_rationed_by_the_minute() {
    let clock = clock();
    let options = Options { notes_per_minute: Some(2), ..Options::default() };
    let gitlab = start(world(), clock.clone(), options).await;
    let key = filed(&gitlab);
    for status in [201, 201, 429] {
        assert_eq!(note(&gitlab, "bot", key, "hello").await.0, status);
    }
    assert_eq!(note(&gitlab, "bob", key, "hello").await.0, 201);
    let path = "/projects/7/issues/1/notes";
    let body = Some(json!({ "body": "x" }));
    let refused = send(&gitlab, "bot", Method::POST, path, body).await.unwrap();
    assert_eq!(refused.headers()["retry-after"], "60");
    clock.advance(TimeDelta::seconds(61));
    assert_eq!(note(&gitlab, "bot", key, "hello").await.0, 201);
}

#[tokio::test]
async fn mentions_and_notes_notify_those_who_can_see_them() {
    let gitlab = started().await;
    let key = filed(&gitlab);
    gitlab.comment("bob", key, "What for, @alice? `@carol` need not know.").unwrap();
    gitlab.comment("alice", key, "Testing.").unwrap();
    let reasons = |user: u64| {
        gitlab.notifications(user).into_iter().map(|one| one.reason).collect::<Vec<_>>()
    };
    assert_eq!(reasons(ALICE), [Reason::Mentioned]);
    assert_eq!(reasons(BOB), [Reason::Participating]);
    assert_eq!(reasons(CAROL), []);
    gitlab.comment("alice", key, "@all @tpo/tpa").unwrap();
    assert_eq!(reasons(CAROL), [Reason::Mentioned]);
}

#[tokio::test]
async fn all_means_nobody_where_that_is_switched_off() {
    let gitlab = start(world().disable_all_mention(), clock(), Options::default()).await;
    let key = filed(&gitlab);
    gitlab.comment("alice", key, "@all").unwrap();
    assert_eq!(gitlab.notifications(CAROL), []);
}

#[tokio::test]
async fn a_reference_leaves_a_note_at_what_it_refers_to() {
    let gitlab = started().await;
    let first = filed(&gitlab);
    let second = gitlab.file_issue("alice", PATH, "Another", "Like #1, `#1`.").unwrap();
    gitlab.comment("alice", second, "#1 again").unwrap();
    let notes = gitlab.issue(first).unwrap().notes;
    assert_eq!(notes.len(), 1);
    assert_eq!((notes[0].body.as_str(), notes[0].system), ("mentioned in issue #2", true));
}

#[tokio::test]
async fn labels_and_emoji_can_be_had() {
    let gitlab = started().await;
    filed(&gitlab);
    let label = json!({ "name": "machine::ready", "color": "#00ff00" });
    let post = async |who: &str, path: &str, body: &Value| {
        call(&gitlab, who, Method::POST, path, Some(body.clone())).await
    };
    assert_eq!(post("alice", "/projects/7/labels", &label).await.0, 403);
    assert_eq!(post("bot", "/projects/7/labels", &label).await.0, 201);
    assert_eq!(post("bot", "/projects/7/labels", &label).await.0, 409);
    assert_eq!(get(&gitlab, "bot", "/projects/7/labels").await.1[0]["color"], "#00ff00");
    let path = "/projects/7/issues/1/award_emoji";
    let eyes = json!({ "name": "eyes" });
    let (status, award) = post("bot", path, &eyes).await;
    assert_eq!((status, &award["awardable_type"]), (201, &json!("Issue")));
    assert_eq!(post("bot", path, &eyes).await.0, 404);
    let own = format!("{path}/{}", award["id"]);
    assert_eq!(call(&gitlab, "bot", Method::DELETE, &own, None).await.0, 204);
    assert_eq!(get(&gitlab, "bot", path).await.1, json!([]));
}

#[tokio::test]
async fn a_moved_issue_goes_on_elsewhere() {
    let gitlab = started().await;
    let old = filed(&gitlab);
    gitlab.comment("alice", old, "hello").unwrap();
    let new = gitlab.move_issue("carol", old, "tpo/secret").unwrap();
    assert_eq!(new, IssueKey { project: 8, iid: 1 });
    let moved = gitlab.issue(new).unwrap();
    assert_eq!((moved.author.as_str(), moved.comments().count()), ("alice", 1));
    let (_, left) = get(&gitlab, "bot", "/projects/7/issues/1").await;
    assert_eq!(left["state"], "closed");
    assert_eq!(left["moved_to_id"], get(&gitlab, "carol", "/projects/8/issues/1").await.1["id"]);
    let last = |key| gitlab.issue(key).unwrap().notes.last().unwrap().body.clone();
    assert_eq!(last(new), "moved from tpo/tpa/machines#1");
    let told: Vec<String> =
        gitlab.issue(old).unwrap().notes.into_iter().map(|note| note.body).collect();
    assert!(told.contains(&"moved to tpo/secret#1".to_owned()), "{told:?}");
}

#[tokio::test]
async fn nobody_acts_who_cannot_sign_in() {
    let gitlab = started().await;
    let key = filed(&gitlab);
    gitlab.block_user(ALICE);
    assert!(gitlab.comment("alice", key, "hello").is_err());
    assert!(gitlab.comment("nobody", key, "hello").is_err());
    gitlab.unblock_user(ALICE);
    gitlab.rename_user(ALICE, "alicia");
    assert_eq!(gitlab.issue(key).unwrap().author, "alicia");
    assert_eq!(Account::default(), Account::Active);
}
