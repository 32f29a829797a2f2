use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustls::{
    ClientConnection, ServerConfig, ServerConnection, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, ServerName},
    sign::{CertifiedKey, SingleCertAndKey},
    version::{TLS12, TLS13},
};
use sha2::{Digest as _, Sha256};

use super::configuration;
use crate::identity::Digest;

/// As Ganeti makes it: X.509 version 1, CN=ganeti.example.com, no other name.
const CERTIFICATE: &str = "MIIBIzCBygIBATAKBggqhkjOPQQDAjAdMRswGQYDVQQDDBJnYW5ldGkuZXhhbXBsZS5jb20wIBcNMjYxMTIxMDc0MTQyWhgPMjEyNjEwMjgwNzQxNDJaMB0xGzAZBgNVBAMMEmdhbmV0aS5leGFtcGxlLmNvbTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNGaTPblmQTlwjZCNlhYYQDX+2/jRyLnHdxamRb7iHfueiwr328/mp6zD0yapH5OKdlDWa+QcEWxoL6h7Vh+06swCgYIKoZIzj0EAwIDSAAwRQIgTXCX2bmksInorNYK0rfk0cRE7e8hdXu/MupeZk0iKxICIQDSHSoOg8au2TNAiS/r5LWRXwSwyFFNrIFM1HqgumppWA==";
/// Its key, and one that is not. Made for this test alone.
const KEY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgHDN/0kBTlncQovuVW27ltqZ3zMEUiCm6H+BczNPRSfOhRANCAATRmkz25ZkE5cI2QjZYWGEA1/tv40ci5x3cWpkW+4h37nosK99vP5qesw9MmqR+TinZQ1mvkHBFsaC+oe1YftOr";
const OTHER_KEY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQghsYhrJXCvEAkqToSBk/gJVj1xW8fcAnjiisve5P3oTShRANCAARIRseZSpq5a1m2VoVzUuL+nsLCrd7KBsSqKgS14+Rad6qkFD4HSYGbOofXg33Xg4xt7bOKAZgH1LF/gGqUzljO";

fn fingerprint() -> [u8; 32] {
    Sha256::digest(BASE64_STANDARD.decode(CERTIFICATE).unwrap()).into()
}

/// A whole handshake in memory; the client's complaint, if it has one.
fn handshake(
    pin: [u8; 32],
    key: &str,
    version: &'static SupportedProtocolVersion,
) -> Result<(), rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let key = PrivateKeyDer::try_from(BASE64_STANDARD.decode(key).unwrap()).unwrap();
    let certificate = BASE64_STANDARD.decode(CERTIFICATE).unwrap().into();
    // Not from_der(), which refuses certificates of this version.
    let pair =
        CertifiedKey::new(vec![certificate], provider.key_provider.load_private_key(key).unwrap());
    let server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut client = ClientConnection::new(Arc::new(configuration(pin).unwrap()), name).unwrap();
    for _ in 0..10 {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        // What the server makes of the client's complaint does not matter.
        drop(server.process_new_packets());
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let mut wire = wire.as_slice();
        while !wire.is_empty() {
            client.read_tls(&mut wire).unwrap();
            client.process_new_packets()?;
        }
    }
    assert!(!client.is_handshaking(), "it came to no end");
    Ok(())
}

#[test]
fn the_certificate_ganeti_makes_itself_is_trusted_by_its_fingerprint() {
    handshake(fingerprint(), KEY, &TLS13).unwrap();
}

#[test]
fn any_other_fingerprint_is_refused_and_the_found_one_told() {
    let mut other = fingerprint();
    other[31] ^= 1;
    let error = handshake(other, KEY, &TLS13).unwrap_err();
    let rustls::Error::InvalidCertificate(rustls::CertificateError::Other(cause)) = &error else {
        panic!("{error:?}");
    };
    let found = Digest::of(BASE64_STANDARD.decode(CERTIFICATE).unwrap()).to_string();
    assert!(cause.0.to_string().contains(&found), "{}", cause.0);
}

#[test]
fn who_shows_the_certificate_without_its_key_is_refused() {
    let error = handshake(fingerprint(), OTHER_KEY, &TLS13).unwrap_err();
    assert!(matches!(error, rustls::Error::InvalidCertificate(_)), "{error:?}");
}

#[test]
fn before_tls_1_3_there_is_no_handshake() {
    assert!(handshake(fingerprint(), KEY, &TLS12).is_err());
}
