//! Trusting one certificate by its fingerprint.
//!
//! The certificate that Ganeti makes for itself is of X.509 version 1 and names
//! no host, so it can be verified by nothing else. The fingerprint says which
//! certificate is meant; that the other side holds its key is proved by the
//! signature of the handshake, as always.

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature_with_raw_key},
    pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime},
    version::TLS13,
};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use x509_cert::{
    Certificate,
    der::{Decode as _, Encode as _},
};

use crate::identity::Digest;

/// The connection's settings that accept this one certificate, and TLS 1.3
/// only: before, a bare key is not enough to check the handshake with.
pub(super) fn configuration(fingerprint: [u8; 32]) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Pinned { fingerprint, provider: Arc::clone(&provider) };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

#[derive(Debug)]
struct Pinned {
    fingerprint: [u8; 32],
    provider: Arc<CryptoProvider>,
}

/// Another certificate than the one that is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the certificate's SHA-256 fingerprint is {0}, not the one configured")]
pub(super) struct OtherCertificate(Digest);

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found: [u8; 32] = Sha256::digest(end_entity).into();
        if bool::from(found.ct_eq(&self.fingerprint)) {
            return Ok(ServerCertVerified::assertion());
        }
        let other = OtherError(Arc::new(OtherCertificate(Digest::of(end_entity))));
        Err(rustls::Error::InvalidCertificate(CertificateError::Other(other)))
    }

    /// Never called: nothing before TLS 1.3 is offered.
    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 was not offered".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let key = public_key(certificate)
            .map_err(|_| rustls::Error::from(CertificateError::BadEncoding))?;
        verify_tls13_signature_with_raw_key(
            message,
            &key,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The key in a certificate of any version.
fn public_key(
    certificate: &CertificateDer<'_>,
) -> Result<SubjectPublicKeyInfoDer<'static>, x509_cert::der::Error> {
    let certificate = Certificate::from_der(certificate)?;
    let key = certificate.tbs_certificate.subject_public_key_info.to_der()?;
    Ok(SubjectPublicKeyInfoDer::from(key))
}

#[cfg(test)]
mod tests;
