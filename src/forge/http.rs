//! What the forges share of HTTP: a client that is bounded in time, trusts one
//! more authority when told to, and follows no redirect by itself; and where a
//! token may go.

use std::time::Duration;

use http::{
    HeaderMap,
    header::{LINK, RETRY_AFTER},
};
use thiserror::Error;
use url::Url;

/// Nobody waits longer than this for a TCP and TLS handshake.
const LONGEST_CONNECT: Duration = Duration::from_secs(10);

/// More than any answer we ask for: a page of 100 comments of the longest kind.
pub(super) const LARGEST_ANSWER: usize = 32 * 1024 * 1024;

/// A `Retry-After` beyond this is a mistake: forges limit per minute or hour.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// Why a client could not be built.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The file of extra authorities holds no certificate.
    #[error(
        "the certificate file is not PEM: `-----BEGIN CERTIFICATE-----` and base64 is expected"
    )]
    Certificate(#[source] reqwest::Error),
    /// The TLS library refused.
    #[error("the HTTP client could not be set up")]
    Setup(#[source] reqwest::Error),
}

/// A client that gives up `timeout` after a request was started, answer read
/// included. `extra_roots` are certificates (PEM) trusted besides the system's.
///
/// Redirects are left to the caller: only it knows which may see the token.
pub fn client(
    timeout: Duration,
    extra_roots: Option<&[u8]>,
) -> Result<reqwest::Client, ClientError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("innkeeper/", env!("CARGO_PKG_VERSION")))
        .timeout(timeout)
        .connect_timeout(timeout.min(LONGEST_CONNECT))
        .redirect(reqwest::redirect::Policy::none());
    if let Some(pem) = extra_roots {
        let roots = reqwest::Certificate::from_pem_bundle(pem).map_err(ClientError::Certificate)?;
        builder = builder.tls_certs_merge(roots);
    }
    builder.build().map_err(ClientError::Setup)
}

/// Whether this can be a forge's address, to which paths are added.
pub(super) fn is_base(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && !names_somebody(url)
        && url.query().is_none()
        && url.fragment().is_none()
}

/// `target`, if a token for `from` may go there; else where it leads, without
/// path and query. An address with a name or password in it would make the
/// client sign in as somebody else.
pub(super) fn within_origin(from: &Url, target: Url) -> Result<Url, String> {
    if from.origin() == target.origin() && !names_somebody(&target) {
        Ok(target)
    } else {
        Err(target.origin().ascii_serialization())
    }
}

fn names_somebody(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Where `Link` says that the next page is. Whether to go there is
/// [`within_origin`]'s to say.
pub(super) fn next_link(current: &Url, headers: &HeaderMap) -> Option<Url> {
    headers
        .get_all(LINK)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .find_map(next_of_links)
        .and_then(|target| current.join(target).ok())
}

/// The target with `rel="next"` in `<a>; rel="prev", <b>; rel="next"`.
fn next_of_links(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let (target, after) = after.split_once('>')?;
        let (attributes, _) = after.split_once('<').unwrap_or((after, ""));
        let is_next = attributes
            .split([';', ','])
            .any(|part| matches!(part.trim(), "rel=\"next\"" | "rel=next"));
        if is_next {
            return Some(target);
        }
        rest = after;
    }
    None
}

/// What `Retry-After` asks for, as far as that is sensible.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}
