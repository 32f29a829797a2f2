//! `POST /webhooks/{forge}`.

use axum::{
    body::Bytes,
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{Shared, metrics::Outcome};
use crate::{
    identity::ForgeName,
    ports::intake::{About, Accepted, Genuine, NewDelivery},
};

/// Nothing is stored, and nothing told, before the sender proved to know a
/// secret; after that no answer is a refusal, for a forge that is refused too
/// often stops sending.
pub(super) async fn receive(
    State(shared): State<Shared>,
    Path(forge): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    let Some((forge, hooks)) = shared.state.hooks.get_key_value(&ForgeName(forge)) else {
        return (StatusCode::NOT_FOUND, "no such forge\n");
    };
    let received_at = shared.state.clock.now();
    let outcome = match hooks.check(&headers, &body, received_at) {
        Err(reason) => {
            tracing::info!(%forge, %reason, "refused a webhook delivery");
            Outcome::Refused
        }
        Ok(Genuine { project, event, key, about }) => {
            let (issue, stored) = match about {
                About::Nothing(why) => {
                    tracing::debug!(%forge, %project, event, why, "ignored a webhook delivery");
                    return answer(&shared, forge, Outcome::Ignored);
                }
                About::Notice(what) => {
                    tracing::warn!(%forge, %project, what, "the forge has something to tell");
                    return answer(&shared, forge, Outcome::Ignored);
                }
                About::Issue(issue) => (Some(issue), Outcome::Accepted),
                About::Unreadable(why) => {
                    tracing::warn!(%forge, %project, event, why, "cannot read a webhook delivery");
                    (None, Outcome::Unreadable)
                }
            };
            let body = body.to_vec();
            let forge = forge.clone();
            // The sender chooses the key: one project's must not pass for another's.
            let key = format!("{project}:{key}");
            let delivery = NewDelivery { forge, project, issue, key, event, body, received_at };
            store(&shared, delivery, stored).await
        }
    };
    answer(&shared, forge, outcome)
}

async fn store(shared: &Shared, delivery: NewDelivery, stored: Outcome) -> Outcome {
    match shared.state.intake.accept(delivery).await {
        Ok(Accepted::New) => {
            shared.state.wake.notify_one();
            stored
        }
        Ok(Accepted::Duplicate) => Outcome::Duplicate,
        Err(error) => {
            tracing::error!(
                error = error.chain(),
                "a webhook delivery is lost until the next poll"
            );
            Outcome::Failed
        }
    }
}

fn answer(shared: &Shared, forge: &ForgeName, outcome: Outcome) -> (StatusCode, &'static str) {
    shared.metrics.delivered(forge, outcome);
    match outcome {
        Outcome::Accepted => (StatusCode::ACCEPTED, "accepted\n"),
        Outcome::Duplicate => (StatusCode::OK, "known already\n"),
        Outcome::Ignored => (StatusCode::OK, "ignored\n"),
        Outcome::Unreadable => (StatusCode::OK, "kept, but cannot be read\n"),
        Outcome::Refused => (StatusCode::UNAUTHORIZED, ""),
        Outcome::Failed => (StatusCode::SERVICE_UNAVAILABLE, "cannot be stored now\n"),
    }
}

/// Lets a few deliveries in at once: a body is held in memory until it is
/// stored, and anybody can send one.
pub(super) async fn take_turns(
    State(shared): State<Shared>,
    request: Request,
    next: Next,
) -> Response {
    match shared.turns.acquire().await {
        Ok(_turn) => next.run(request).await,
        Err(_closed) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
