//! Pages of a list, with the headers that lead from one to the next.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use super::error::ApiError;
use super::json::Json;
use super::parameters::Parameters;

const PER_PAGE: usize = 20;
const MOST_PER_PAGE: usize = 100;

/// The page that the parameters ask for. `address` is the list's own, without
/// a query.
pub(super) fn page(
    rows: &[Value],
    address: &str,
    query: &str,
    parameters: &Parameters,
) -> Result<Response, ApiError> {
    let number = |name: &str| -> Result<Option<usize>, ApiError> {
        Ok(parameters.number(name)?.and_then(|number| usize::try_from(number).ok()))
    };
    let page = number("page")?.unwrap_or(1).max(1);
    let per_page = number("per_page")?.unwrap_or(PER_PAGE).clamp(1, MOST_PER_PAGE);
    let pages = rows.len().div_ceil(per_page).max(1);
    let body: Value =
        rows.iter().skip((page - 1).saturating_mul(per_page)).take(per_page).cloned().collect();

    let to = |target: usize| {
        let kept = url::form_urlencoded::parse(query.as_bytes())
            .filter(|(name, _)| name != "page" && name != "per_page");
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kept)
            .append_pair("page", &target.to_string())
            .append_pair("per_page", &per_page.to_string())
            .finish();
        format!("<{address}?{query}>")
    };
    let next = (page < pages).then(|| page + 1);
    let previous = (page > 1).then(|| page - 1);
    let mut links = Vec::new();
    if let Some(previous) = previous {
        links.push(format!("{}; rel=\"prev\"", to(previous)));
    }
    if let Some(next) = next {
        links.push(format!("{}; rel=\"next\"", to(next)));
    }
    links.push(format!("{}; rel=\"first\"", to(1)));
    links.push(format!("{}; rel=\"last\"", to(pages)));

    let optional = |number: Option<usize>| number.map(|one| one.to_string()).unwrap_or_default();
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("link", links.join(", ")),
        ("x-page", page.to_string()),
        ("x-per-page", per_page.to_string()),
        ("x-next-page", optional(next)),
        ("x-prev-page", optional(previous)),
        ("x-total", rows.len().to_string()),
        ("x-total-pages", pages.to_string()),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    Ok((headers, Json(body)).into_response())
}
