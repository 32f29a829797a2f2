//! What a GitHub App needs.

use secrecy::{ExposeSecret as _, SecretString};

use super::Checker;
use crate::config::{
    Credentials,
    keys::{AppKeys, ForgeKeys},
};

impl Checker<'_> {
    pub(super) fn app(&mut self, forge: &str, keys: &AppKeys) -> Option<Credentials> {
        let table = ["forge", forge, "app"];
        let id = keys.id.filter(|id| *id > 0);
        if id.is_none() {
            self.wrong(&table, "an App needs its `id`", "GitHub shows it on the App's own page");
        }
        if keys.private_key.is_none() && keys.private_key_file.is_none() {
            self.wrong(
                &table,
                "an App needs its `private_key_file`",
                "generate one on the App's page; GitHub offers the file (PEM) for download",
            );
        }
        let (written, file) = (keys.private_key.as_ref(), keys.private_key_file.as_ref());
        let private_key = self.secret_text(&table, "private_key", written, file)?;
        let pem = private_key.expose_secret();
        if !(pem.contains("-----BEGIN ") && pem.contains("PRIVATE KEY-----")) {
            self.wrong(
                &table,
                "the App's private key is not PEM",
                "the file as GitHub gave it: it begins with `-----BEGIN RSA PRIVATE KEY-----`",
            );
        }
        Some(Credentials::App { id: id?, private_key })
    }

    /// The secret of the App's one webhook, if it has one.
    pub(super) fn app_webhook_secret(
        &mut self,
        forge: &str,
        keys: &ForgeKeys,
    ) -> Option<SecretString> {
        let app = keys.app.as_ref()?;
        let (written, file) = (app.webhook_token.as_ref(), app.webhook_token_file.as_ref());
        if written.is_none() && file.is_none() {
            return None;
        }
        self.secret(&["forge", forge, "app"], "webhook_token", written, file)
    }
}
