//! Pages for a person with a browser: GitLab's addresses, no scripts, usable
//! in a text browser too.
//!
//! Whoever opens them chooses whom to act as; there are no passwords. So the
//! pages answer only when addressed by a loopback name or the external URL,
//! and take forms only from themselves.

mod address;
mod deeds;
mod home;
mod issue;
mod layout;
mod new_issue;
mod style;
mod visitor;

use axum::Router;
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};
use maud::{Markup, html};

use self::address::Address;
use self::layout::Frame;
use self::visitor::Visitor;
use super::Shared;
use super::state::Refused;

/// No scripts, no pictures from elsewhere, no framing.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
                              base-uri 'none'; frame-ancestors 'none'";

pub(super) fn router(shared: &Shared) -> Router<Shared> {
    Router::new()
        .route("/", get(front))
        .route("/-/rehearsal/act-as", post(deeds::act_as))
        .route("/-/rehearsal/advance", post(deeds::advance))
        .route("/{*path}", get(page).post(deeds::perform))
        .layer(middleware::from_fn_with_state(shared.clone(), guard))
}

/// Refuses forms of other sites, and visitors who were led here under a name
/// that is not ours.
async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let ours = shared.options.external_url.as_deref();
    if !is_our_host(headers, ours)
        || (request.method() != Method::GET && !is_from_ourselves(headers))
    {
        let text = "403 Forbidden: open this page by the address the demo printed.\n";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    let mut response = next.run(request).await;
    let policy = HeaderValue::from_static(CONTENT_POLICY);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn is_our_host(headers: &HeaderMap, external_url: Option<&str>) -> bool {
    let Some(host) = text(headers, "host") else { return false };
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let external = external_url.and_then(|url| url.split("://").nth(1));
    matches!(name, "127.0.0.1" | "localhost" | "[::1]") || external == Some(host)
}

/// Browsers say where a form comes from; text browsers do not, and do not
/// send one without being told to either.
fn is_from_ourselves(headers: &HeaderMap) -> bool {
    if let Some(origin) = text(headers, "origin") {
        return origin.split("://").nth(1) == text(headers, "host");
    }
    matches!(text(headers, "sec-fetch-site"), None | Some("same-origin" | "none"))
}

async fn front(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let state = shared.lock();
    let visitor = Visitor::of(&state, &headers);
    let frame = Frame::new(&state, &shared.options, &visitor, "/");
    show(&frame.page("Projects", &home::content(&state, &visitor)))
}

async fn page(
    State(shared): State<Shared>,
    headers: HeaderMap,
    uri: Uri,
    RawQuery(query): RawQuery,
) -> Response {
    let state = shared.lock();
    let visitor = Visitor::of(&state, &headers);
    let here = uri.path_and_query().map_or("/", |path| path.as_str());
    let frame = Frame::new(&state, &shared.options, &visitor, here);
    let found = match Address::parse(&state, uri.path()) {
        Some(Address::Project(project) | Address::Issues(project)) => {
            home::project_page(&state, &visitor, project)
        }
        Some(Address::NewIssue(project)) => {
            new_issue::content(&state, &visitor, project, &query.unwrap_or_default())
        }
        Some(Address::Issue(key)) => issue::content(&state, &visitor, key),
        _ => Err(Refused::NotFound("Page")),
    };
    match found {
        Ok((title, content)) => show(&frame.page(&title, &content)),
        Err(refused) => refusal(&frame, &refused),
    }
}

fn show(markup: &Markup) -> Response {
    Html(markup.0.clone()).into_response()
}

fn refusal(frame: &Frame<'_>, refused: &Refused) -> Response {
    let (status, hint) = match refused {
        Refused::NotFound(_) => (
            StatusCode::NOT_FOUND,
            "It is not there, or whom you act as may not see it. Try acting as somebody else.",
        ),
        Refused::Forbidden => {
            (StatusCode::FORBIDDEN, "Whom you act as may not do that. Try acting as somebody else.")
        }
        Refused::Invalid(_) => (StatusCode::BAD_REQUEST, "Go back and change it."),
    };
    let content = html! {
        h1 { (refused.to_string()) }
        p { (hint) }
        p { a href="/" { "All projects" } }
    };
    (status, show(&frame.page("Refused", &content))).into_response()
}
