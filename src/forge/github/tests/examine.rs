//! What people are told who set it up.

use super::*;
use crate::{cookbook::Principal, ports::forge::Wanted};

const SCOPES: &str = "x-oauth-scopes";
const ENDS: &str = "github-authentication-token-expiration";

async fn told(github: &GitHub, wanted: &Wanted) -> String {
    let findings = github.examine(wanted).await;
    let line = |finding: crate::ports::finding::Finding| {
        let advice = finding.advice.map(|advice| format!(" -> {advice}")).unwrap_or_default();
        format!("{:?}: {}{advice}", finding.grade, finding.what)
    };
    findings.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

fn repository(permissions: &Value) -> Value {
    json!({"id": 7, "full_name": "acme/infra", "has_issues": true, "permissions": permissions})
}

#[tokio::test]
async fn a_token_that_suffices_is_good() {
    let me = user(9, "innkeeper");
    let (github, script) = scripted([
        reply_json(200, &user(5, "alice")),
        reply_json(200, &json!({"login": "acme"})),
        reply(404, "{}"),
        reply_json(200, &json!({"slug": "tpa"})),
        reply(404, "{}"),
    ])
    .await;
    script.stand(&format!("GET {INFRA}"), repository(&json!({"push": true})));
    script.stand("GET /api/v3/user", me);
    let wanted = Wanted {
        projects: vec![ProjectId(7)],
        deciders: vec![
            Principal::User("alice".to_owned()),
            Principal::Group("acme".to_owned()),
            Principal::Group("acme/tpa".to_owned()),
            Principal::Project("acme/infra".to_owned()),
        ],
        ..Wanted::default()
    };
    insta::assert_snapshot!(told(&github, &wanted).await, @r"
    Good: github answers, and knows us as @innkeeper
    Good: issues of `acme/infra` can be read and changed
    Good: user:alice can decide
    Good: group:acme can decide
    Good: group:acme/tpa can decide
    Good: project:acme/infra can decide
    ");
    assert_eq!(
        script.lines()[..4],
        [
            "GET /api/v3/users/alice",
            "GET /api/v3/orgs/acme",
            "GET /api/v3/orgs/acme/members/innkeeper",
            "GET /api/v3/orgs/acme/teams/tpa"
        ]
    );
}

#[tokio::test]
async fn what_is_wrong_comes_with_what_to_do() {
    let me = user(9, "innkeeper").to_string();
    let public = [("location", "/api/v3/orgs/acme/public_members/innkeeper")];
    let (github, script) = scripted([
        reply(200, me.clone()),
        reply_with(200, &[(SCOPES, "gist, repo"), (ENDS, "2026-12-01 00:00:00 UTC")], &me),
        reply(404, "{}"),
        reply(404, "{}"),
        reply_json(200, &json!({"login": "acme"})),
        reply_with(302, &public, ""),
        reply(404, "{}"),
    ])
    .await;
    script.stand(&format!("GET {INFRA}"), repository(&json!({"pull": true})));
    let wanted = Wanted {
        projects: vec![ProjectId(7)],
        groups: vec!["acme".to_owned()],
        deciders: vec![
            Principal::User("alice".to_owned()),
            Principal::Group("acme".to_owned()),
            Principal::Group("acme/gone".to_owned()),
            Principal::Group("a/b/c".to_owned()),
        ],
        confidential: true,
    };
    let told = told(&github, &wanted).await;
    let unknown = "cannot be found -> on GitHub, `user:NAME` is an account";
    for expected in [
        "Good: github answers, and knows us as @innkeeper",
        "Doubtful: the token ends on 2026-12-01 -> make a new one",
        "Bad: the token's scopes do not let it see who is in an organisation or team",
        "Bad: @innkeeper may not label or close issues of `acme/infra` -> give it the role Triage",
        "Bad: could not list the repositories of `acme`: the answer was 404",
        &format!("Bad: user:alice {unknown}"),
        "Bad: of group:acme, we see public members alone -> make @innkeeper a member of it",
        &format!("Bad: group:acme/gone {unknown}"),
        &format!("Bad: group:a/b/c {unknown}"),
        "Doubtful: a cookbook wants its issues confidential, which GitHub cannot do",
    ] {
        assert!(told.contains(expected), "{expected} is not in\n{told}");
    }
}

#[tokio::test]
async fn nothing_else_is_looked_at_when_github_does_not_know_us() {
    let (github, script) = scripted([reply(401, r#"{"message":"Bad credentials"}"#)]).await;
    let wanted = Wanted { projects: vec![ProjectId(7)], ..Wanted::default() };
    let told = told(&github, &wanted).await;
    assert!(told.starts_with("Bad: could not ask github who we are: the answer was 401"), "{told}");
    assert!(told.contains("put a new one into the configuration"), "{told}");
    assert_eq!(script.all().len(), 1);
}

#[tokio::test]
async fn repositories_that_cannot_serve_are_named() {
    let table = [
        (json!({"archived": true}), "Bad: `acme/infra` is archived"),
        (json!({"has_issues": false}), "Bad: `acme/infra` has no issues -> switch issues on"),
        (json!({}), "Doubtful: what @innkeeper may do in `acme/infra` is not told"),
        (json!({"full_name": "acme/new"}), "Doubtful: the repository `acme/infra` is called"),
        (json!({"id": 8}), "Bad: could not read the repository 7: there is no repository"),
    ];
    for (fields, expected) in table {
        let (github, script) = scripted([reply(404, "{}")]).await;
        script.stand("GET /api/v3/user", user(9, "innkeeper"));
        let mut found = json!({"id": 7, "full_name": "acme/infra"});
        for (name, value) in fields.as_object().unwrap() {
            found[name] = value.clone();
        }
        script.stand(&format!("GET {INFRA}"), found.clone());
        script.stand("GET /api/v3/repos/acme/new", found);
        let wanted = Wanted { projects: vec![ProjectId(7)], ..Wanted::default() };
        let told = told(&github, &wanted).await;
        assert!(told.contains(expected), "{expected} is not in\n{told}");
    }
}
