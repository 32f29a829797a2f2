//! Addresses on the web that the service itself connects to.

use url::{Host, Url};

/// An address without credentials, which have keys of their own, and without
/// a fragment, which is never sent.
pub(super) fn parse(written: &str) -> Option<Url> {
    Url::parse(written).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
    })
}

/// The same, to which paths can be added.
pub(super) fn parse_base(written: &str) -> Option<Url> {
    parse(written).filter(|url| url.query().is_none())
}

/// Whether others on the way can read what is sent there.
pub(super) fn is_unencrypted(url: &Url) -> bool {
    let stays_here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(domain)) => domain == "localhost",
        None => false,
    };
    url.scheme() == "http" && !stays_here
}
