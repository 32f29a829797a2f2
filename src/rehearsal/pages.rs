//! Pages for a person with a browser.

use axum::Router;

use super::Shared;

pub(super) fn router() -> Router<Shared> {
    Router::new()
}
