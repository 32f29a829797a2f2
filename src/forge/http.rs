//! The HTTP client the forges share: bounded in time, trusting one more
//! authority when told to, and following no redirect by itself.

use std::time::Duration;

use thiserror::Error;

/// Nobody waits longer than this for a TCP and TLS handshake.
const LONGEST_CONNECT: Duration = Duration::from_secs(10);

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
