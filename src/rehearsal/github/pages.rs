//! Pages of a list, with the links that lead from one to the next.

use axum::http::{Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use super::input::Input;
use crate::rehearsal::api::json::Json;

const PER_PAGE: usize = 30;
const MOST_PER_PAGE: usize = 100;

/// The page that is asked for; one page alone has no links.
pub(super) fn page(rows: &[Value], base_url: &str, uri: &Uri, input: &Input) -> Response {
    let page = input.number("page").unwrap_or(1).max(1);
    let per_page = input.number("per_page").unwrap_or(PER_PAGE).clamp(1, MOST_PER_PAGE);
    let pages = rows.len().div_ceil(per_page).max(1);
    let body: Value =
        rows.iter().skip((page - 1).saturating_mul(per_page)).take(per_page).cloned().collect();
    let to = |target: usize, relation: &str| {
        let query = uri.query().unwrap_or_default();
        let kept = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "page");
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kept)
            .append_pair("page", &target.to_string())
            .finish();
        format!("<{base_url}{}?{query}>; rel=\"{relation}\"", uri.path())
    };
    let mut links = Vec::new();
    if page > 1 {
        links.push(to(page - 1, "prev"));
    }
    if page < pages {
        links.push(to(page + 1, "next"));
        links.push(to(pages, "last"));
    }
    if page > 1 {
        links.push(to(1, "first"));
    }
    if links.is_empty() {
        return Json(body).into_response();
    }
    ([(header::LINK, links.join(", "))], Json(body)).into_response()
}
