//! `POST /webhooks/{forge}`.

use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};

use super::{Shared, body, connections::Patience, metrics::Outcome};
use crate::{
    identity::ForgeName,
    ports::intake::{About, Accepted, Genuine, NewDelivery},
};

/// Nothing is stored, and nothing told, before the sender proved to know a
/// secret; after that no answer is a refusal, for a forge that is refused too
/// often stops sending.
pub(super) async fn receive(
    State(shared): State<Shared>,
    Extension(patience): Extension<Patience>,
    Path(forge): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> (StatusCode, &'static str) {
    let Some((forge, hooks)) = shared.state.hooks.get_key_value(&ForgeName(forge)) else {
        return (StatusCode::NOT_FOUND, "no such forge\n");
    };
    patience.begins();
    let received = body::receive(&headers, body, &shared.limits, &shared.turns).await;
    patience.ends();
    let mut received = match received {
        Ok(received) => received,
        Err(status) => return (status, ""),
    };
    let received_at = shared.state.clock.now();
    let outcome = match hooks.check(&headers, &received.bytes, received_at) {
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
            let body = std::mem::take(&mut received.bytes);
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
