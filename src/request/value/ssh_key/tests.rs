use proptest::prelude::*;

use super::{KeyError, STANDARD, fingerprint, parse};
use base64::Engine as _;

const ED25519: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPTN75u0Zsf1ol5tC8ZRF4077YXhm+3eUC8o2tTUNvQC";
const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBCUGrNuY5KBvI1vWffrFLmqS8mCkBI6DPkpL/IScZrLg3XMHQCRUr4pzNWmOpNHrJxjAu8RjaM2Xcuwa1S75VIA=";
const RSA_1024: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDGKP04aGDR5Ws/DgN0R+4Du0k+e/hzqGfa0DapVKuboe9x/RDP2sur8nV50ATbRF2SLqpcCLqCf384q8rmjHy4UvxGdgHulwwBH1mW2X3DiDZU46a0QKaCaggmifT+qH8hd2IAHPMouW6w0jK8p1t0zBLEscYTlswOVNoL7XKNRw==";

/// A key of this algorithm with these fields inside.
fn key(outside: &str, inside: &str, fields: &[&[u8]]) -> String {
    let mut blob = Vec::new();
    for field in [inside.as_bytes()].iter().chain(fields) {
        blob.extend_from_slice(&u32::try_from(field.len()).unwrap().to_be_bytes());
        blob.extend_from_slice(field);
    }
    format!("{outside} {}", STANDARD.encode(blob))
}

fn same(name: &str, fields: &[&[u8]]) -> String {
    key(name, name, fields)
}

#[test]
fn sound_keys_lose_their_comment_and_nothing_else() {
    let modulus = [&[0, 0x80][..], &[1; 255]].concat();
    for sound in [
        ED25519.to_owned(),
        ECDSA.to_owned(),
        same("ssh-rsa", &[&[1, 0, 1], &modulus]),
        same("sk-ssh-ed25519@openssh.com", &[&[7; 32], b"ssh:"]),
        same("sk-ecdsa-sha2-nistp256@openssh.com", &[b"nistp256", &[4; 65], b"ssh:"]),
    ] {
        assert_eq!(parse(&sound), Ok(sound.clone()));
        assert_eq!(parse(&format!("  {sound}\talice@laptop $(reboot)")), Ok(sound.clone()));
        assert_eq!(parse(sound.trim_end_matches('=')), Ok(sound));
    }
}

#[test]
fn what_is_not_a_plain_public_key_is_refused_for_a_reason() {
    for (line, error) in [
        (format!("command=\"sh -c id\" {ED25519}"), KeyError::Options),
        (format!("no-pty,from=\"::1\" {ED25519}"), KeyError::Options),
        ("AAAAC3NzaC1lZDI1NTE5AAAAIPTN75u0".to_owned(), KeyError::Unknown),
        (format!("ssh-ed25519-cert-v01@openssh.com {}", &ED25519[12..]), KeyError::Unknown),
        ("ssh-dss AAAAB3NzaC1kc3MAAACB".to_owned(), KeyError::Dsa),
        (format!("{ED25519} a\u{1b}[2J"), KeyError::Control),
        (ED25519[..60].to_owned(), KeyError::Damaged),
        ("ssh-ed25519".to_owned(), KeyError::Damaged),
        ("ssh-ed25519 not*base64".to_owned(), KeyError::Damaged),
        (same("ssh-ed25519", &[&[7; 31]]), KeyError::Damaged),
        (same("ssh-ed25519", &[&[7; 32], b"more"]), KeyError::Damaged),
        (same("ecdsa-sha2-nistp384", &[b"nistp256", &[4; 65]]), KeyError::Damaged),
        (key("ssh-ed25519", "ssh-rsa", &[&[7; 32]]), KeyError::Mismatch("ssh-ed25519")),
        (RSA_1024.to_owned(), KeyError::ShortRsa(1024)),
    ] {
        assert_eq!(parse(&line), Err(error), "{line}");
    }
}

#[test]
fn a_fingerprint_is_the_one_ssh_keygen_prints() {
    assert_eq!(
        fingerprint(ED25519),
        "ssh-ed25519 SHA256:bqKv8WDD9+IvAGIhHKH43bkzvpVzUHmM5DTv0wGRzLc"
    );
    assert_eq!(
        fingerprint(ECDSA),
        "ecdsa-sha2-nistp256 SHA256:JSKpVqrSlVFJgliyX3HfE/CpAU2wn8YBNym0x1NUm5A"
    );
}

proptest! {
    #[test]
    fn what_is_accepted_is_two_plain_words_and_read_again_the_same(line in "(ssh-ed25519|ssh-rsa|command=x)? ?[A-Za-z0-9+/=]{0,90}\\PC{0,9}") {
        if let Ok(key) = parse(&line) {
            prop_assert_eq!(key.split(' ').count(), 2);
            prop_assert_eq!(parse(&key), Ok(key));
        }
    }
}
