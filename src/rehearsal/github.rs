//! GitHub's dialect: its REST API as far as an issue bot uses it, and its
//! webhooks.
//!
//! Shapes and behaviour are those of an Enterprise Server: everything is under
//! `/api/v3`. Comments are never commands, there are no due dates, and no
//! issue is confidential.

mod app;
mod caller;
mod comments;
mod entities;
mod entity_tag;
mod error;
mod graphql;
mod input;
mod issues;
mod labels;
mod pages;
mod payload;
mod people;
mod place;
mod reactions;
mod repositories;
mod repository_entity;
mod token_end;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{delete, get, post};

pub(super) use self::error::secondary_rate_limit;
pub(super) use self::payload::headers;
pub(super) use self::reactions::reaction_to;
use super::{Shared, faults};

const BASE: &str = "/api/v3";

pub(super) fn router(shared: &Shared) -> Router<Shared> {
    let mut router = Router::new()
        .route("/api/v3/user", get(people::own))
        .route("/api/v3/user/{id}", get(people::by_id))
        .route("/api/v3/users/{username}", get(people::by_name))
        .route("/api/v3/users/{username}/keys", get(people::keys))
        .route("/api/v3/orgs/{org}/members/{username}", get(people::member))
        .route("/api/v3/orgs/{org}/public_members/{username}", get(people::public_member))
        .route("/api/v3/orgs/{org}/teams/{team}/memberships/{username}", get(people::membership))
        .route("/api/v3/orgs/{org}/repos", get(repositories::of_organisation))
        .route("/api/graphql", post(graphql::answer))
        .route("/api/v3/installation/repositories", get(repositories::of_installation))
        .route("/api/v3/app", get(app::own))
        .route("/api/v3/app/installations", get(app::installations))
        .route("/api/v3/app/installations/{id}/access_tokens", post(app::token));
    // A repository has a name, which may change, and a number.
    for repository in ["/api/v3/repos/{owner}/{repo}", "/api/v3/repositories/{id}"] {
        let at = |rest: &str| format!("{repository}{rest}");
        router = router
            .route(repository, get(repositories::one))
            .route(&at("/installation"), get(app::installation))
            .route(&at("/collaborators/{username}"), get(people::collaborator))
            .route(&at("/collaborators/{username}/permission"), get(people::permission))
            .route(&at("/labels"), get(labels::of_repository).post(labels::create))
            .route(&at("/issues"), get(issues::list).post(issues::create))
            .route(
                &at("/issues/comments/{comment}"),
                get(comments::one).patch(comments::update).delete(comments::delete),
            )
            .route(
                &at("/issues/comments/{comment}/reactions"),
                get(reactions::of_comment).post(reactions::to_comment),
            )
            .route(&at("/issues/{number}"), get(issues::one).patch(issues::update))
            .route(&at("/issues/{number}/comments"), get(comments::list).post(comments::create))
            .route(&at("/issues/{number}/labels"), get(labels::of_issue).post(labels::add))
            .route(&at("/issues/{number}/labels/{name}"), delete(labels::remove))
            .route(
                &at("/issues/{number}/reactions"),
                get(reactions::of_issue).post(reactions::to_issue),
            );
    }
    router
        .route("/api/{*rest}", get(error::unknown).fallback(error::unknown))
        .layer(from_fn(entity_tag::answer_once))
        .layer(from_fn_with_state(shared.clone(), token_end::tell))
        .layer(from_fn_with_state(shared.clone(), faults::stand_between))
}
