//! What a webhook must prove to know.

use secrecy::{ExposeSecret as _, SecretString};

use super::Checker;
use crate::config::{ForgeKind, keys::WebhookKeys};

/// How GitLab's signing tokens begin, and nothing else may.
const SIGNING_PREFIX: &str = "whsec_";

impl Checker<'_> {
    /// The secret of one project's or group's webhook, which no other may have;
    /// else that of the App, whose webhook tells of all.
    pub(super) fn webhook_secret(
        &mut self,
        kind: ForgeKind,
        table: &[&str],
        whose: Option<&str>,
        keys: WebhookKeys<'_>,
        of_app: Option<&SecretString>,
    ) -> Option<SecretString> {
        let signs = keys.signing.is_some() || keys.signing_file.is_some();
        let tells = keys.token.is_some() || keys.token_file.is_some();
        let place = [table, &["id"]].concat();
        let secret = match (kind, signs, tells) {
            (ForgeKind::GitHub, true, _) => {
                self.wrong(
                    &place,
                    "GitHub has no signing tokens",
                    "use `webhook_token_file`: the webhook's secret, which GitHub signs with",
                );
                None
            }
            (ForgeKind::GitHub, false, false) if of_app.is_some() => return of_app.cloned(),
            (ForgeKind::GitHub, false, false) => {
                self.wrong(
                    &place,
                    "this project lacks a webhook secret",
                    "add `webhook_token_file`, here or for the App",
                );
                None
            }
            (ForgeKind::GitHub, false, true) => {
                self.secret(table, "webhook_token", keys.token, keys.token_file)
            }
            (ForgeKind::GitLab, true, true) => {
                self.wrong(
                    &place,
                    "this project has both a signing token and a webhook token",
                    "keep the signing token: with the other, who knows it could still get in",
                );
                None
            }
            (ForgeKind::GitLab, false, false) => {
                self.wrong(
                    &place,
                    "this project lacks a webhook secret",
                    "add `signing_token_file`, or `webhook_token_file` for GitLab before 19.0",
                );
                None
            }
            (ForgeKind::GitLab, true, false) => self.signing_token(table, &place, keys),
            (ForgeKind::GitLab, false, true) => self.webhook_token(table, &place, keys),
        }?;
        if let Some(whose) = whose {
            let known = self.webhook_secrets.insert(secret.expose_secret().into(), whose.into());
            if let Some(other) = known.filter(|other| other != whose) {
                self.wrong(
                    &place,
                    format!("projects {other} and {whose} have the same webhook secret"),
                    "give each its own: who may configure one could speak for the other",
                );
            }
        }
        Some(secret)
    }

    fn signing_token(
        &mut self,
        table: &[&str],
        place: &[&str],
        keys: WebhookKeys<'_>,
    ) -> Option<SecretString> {
        let secret = self.secret(table, "signing_token", keys.signing, keys.signing_file)?;
        if !secret.expose_secret().starts_with(SIGNING_PREFIX) {
            self.wrong(
                place,
                "this project's signing token does not begin with `whsec_`",
                "copy it from GitLab as a whole, or call it `webhook_token`",
            );
        }
        Some(secret)
    }

    fn webhook_token(
        &mut self,
        table: &[&str],
        place: &[&str],
        keys: WebhookKeys<'_>,
    ) -> Option<SecretString> {
        let secret = self.secret(table, "webhook_token", keys.token, keys.token_file)?;
        if secret.expose_secret().starts_with(SIGNING_PREFIX) {
            self.wrong(
                place,
                "this project's webhook token looks like a signing token (`whsec_`)",
                "call it `signing_token`",
            );
        }
        Some(secret)
    }
}
