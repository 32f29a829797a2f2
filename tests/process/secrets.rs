//! What must never be seen again: in no log, in no output, in no comment.

use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use innkeeper::rehearsal::Rehearsal;

use crate::{
    forge::listener,
    house::{EIGHT, House, SEVEN, TOKEN},
};

/// Every secret of these tests, whoever uses it.
fn all() -> Vec<&'static str> {
    let key = include_str!("../fixtures/github/app_key_for_tests.pem");
    let mut all = vec![
        TOKEN,
        SEVEN,
        EIGHT,
        SIGNING,
        KEY_OF_SIGNING,
        RAPI,
        crate::setup::MAINTAINERS,
        crate::setup_github::SECRET,
        crate::payloads_github::SECRET,
    ];
    all.extend(key.lines().filter(|line| !line.starts_with("-----")).take(3));
    all
}

/// The password of a cluster.
pub(crate) const RAPI: &str = "Xk29 password of RAPI";

/// A signing token, as GitLab makes them, and the key in it.
pub(crate) const SIGNING: &str = "whsec_WGsyOS1zaWduaW5nLWtleQ==";
const KEY_OF_SIGNING: &str = "Xk29-signing-key";

/// A secret as it could show: as it is, within base64 at any place, in a URL, in JSON.
fn forms(secret: &str) -> Vec<String> {
    let quoted = serde_json::to_string(secret).unwrap();
    let escaped = |hex: fn(u8) -> String| {
        let escape = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{}", hex(other)),
        };
        secret.bytes().map(escape).collect::<String>()
    };
    let upper = escaped(|byte| format!("{byte:02X}"));
    let mut forms = vec![
        secret.to_owned(),
        quoted.trim_matches('"').to_owned(),
        upper.replace("%20", "+"),
        upper,
        escaped(|byte| format!("{byte:02x}")),
    ];
    for before in 0..3 {
        // The letters that also depend on what stands beside it are left out.
        let text = [&vec![0; before][..], secret.as_bytes()].concat();
        let encoded = BASE64_STANDARD_NO_PAD.encode(&text);
        let end = text.len() / 3 * 4;
        let inside = encoded.get([0, 2, 3][before]..end).unwrap();
        forms.extend([inside.to_owned(), inside.replace('+', "-").replace('/', "_")]);
    }
    forms
}

/// Panics when a secret is in the text. Says where, and not which.
#[track_caller]
pub(crate) fn none_in(place: &str, text: &str) {
    for (number, secret) in all().into_iter().enumerate() {
        let shown = forms(secret).into_iter().find(|form| text.contains(form));
        let line = shown.and_then(|form| text.lines().find(|line| line.contains(&form)));
        assert_eq!(line, None, "a secret (number {number}) shows in {place}");
    }
}

/// The comments of a forge, and the texts and titles of its issues.
#[track_caller]
pub(crate) fn none_on(forge: &Rehearsal) {
    for issue in forge.issues() {
        none_in("an issue", &format!("{issue:?}"));
        for note in issue.comments_by("innkeeper") {
            none_in("a comment", &note.body);
        }
    }
}

#[test]
fn a_secret_is_found_in_every_form() {
    let authorization = |user: &str| {
        let text = format!("{user}:{EIGHT}");
        format!("authorization: Basic {}", BASE64_STANDARD_NO_PAD.encode(text))
    };
    for text in [
        format!("x-gitlab-token: {SEVEN}"),
        authorization("a"),
        authorization("ab"),
        authorization("abc"),
        "GET /hook?token=Xk29%20secret%20of%20seven".to_owned(),
        "token=Xk29+secret+of+seven&x=1".to_owned(),
        "url: https://whsec_WGsyOS1zaWduaW5nLWtleQ%3d%3d@x".to_owned(),
    ] {
        let found = std::panic::catch_unwind(|| none_in("a test", &text));
        assert!(found.is_err(), "{text}");
    }
    none_in("a test", "Xk29 secret, glpat-Xk29, whsec_");
}

/// The program repeats what it does not understand: a secret in its place shows.
#[tokio::test]
#[should_panic(expected = "a secret (number 0) shows in")]
async fn a_house_that_says_a_secret_is_found_out() {
    let (_silent, forge) = listener().await;
    House::new(&forge).run(&["template", TOKEN]);
}
