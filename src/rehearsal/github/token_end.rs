//! Every answer to a token that ends says when.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::rehearsal::Shared;

const END: HeaderName = HeaderName::from_static("github-authentication-token-expiration");

pub(super) async fn tell(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let text = request.headers().get(header::AUTHORIZATION).and_then(|text| text.to_str().ok());
    let token = text.and_then(|text| text.split_once(' ')).map(|(_, token)| token.to_owned());
    let end = token.and_then(|token| shared.lock().world.token_ends.get(&token).copied());
    let mut response = next.run(request).await;
    if let Some(end) = end
        && let Ok(value) = HeaderValue::from_str(&format!("{end} 00:00:00 UTC"))
    {
        response.headers_mut().insert(END, value);
    }
    response
}
