//! What a forge needs: where it is, what we sign in with, whom to believe.

mod app;
mod places;
mod webhook;

use std::{collections::BTreeMap, fs};

use url::Url;

use super::{Checker, address};
use crate::{
    config::{Credentials, Forge, ForgeKind, keys::ForgeKeys},
    identity::ForgeName,
};

/// What GitLab calls Minimal Access, Guest, Planner, Reporter, Security
/// Manager, Developer, Maintainer and Owner.
const GITLAB_LEVELS: [u64; 8] = [5, 10, 15, 20, 25, 30, 40, 50];

/// The public GitHub, when no other is named.
const GITHUB: &str = "https://github.com";

impl Checker<'_> {
    pub(super) fn forges(
        &mut self,
        forges: &BTreeMap<String, ForgeKeys>,
    ) -> BTreeMap<ForgeName, Forge> {
        let forge = |(name, keys): (&String, &ForgeKeys)| {
            self.name("forge", name);
            self.kind("forge", name, keys.kind.as_ref(), &["gitlab", "github"]);
            let kind = match keys.kind.as_deref() {
                Some("github") => ForgeKind::GitHub,
                _ => ForgeKind::GitLab,
            };
            Some((ForgeName(name.clone()), self.forge(kind, name, keys)?))
        };
        forges.iter().filter_map(forge).collect()
    }

    fn forge(&mut self, kind: ForgeKind, name: &str, keys: &ForgeKeys) -> Option<Forge> {
        let url = match (kind, keys.url.as_deref()) {
            (ForgeKind::GitHub, None) => Url::parse(GITHUB).ok(),
            (_, written) => self.url(name, written),
        };
        let credentials = self.credentials(kind, name, keys);
        let ca_pem = self.authorities(name, keys);
        match kind {
            ForgeKind::GitLab => self.approver_levels(name, keys),
            ForgeKind::GitHub => self.approver_roles(name, keys),
        }
        let app_webhook_secret = self.app_webhook_secret(name, keys);
        let projects = self.projects(kind, name, keys, app_webhook_secret.as_ref());
        let groups = self.groups(kind, name, keys, app_webhook_secret.as_ref());
        Some(Forge {
            kind,
            url: url?,
            credentials: credentials?,
            ca_pem,
            approver_levels: keys.approver_levels.clone(),
            approver_roles: keys.approver_roles.clone(),
            app_webhook_secret,
            projects,
            groups,
            holds_written_secret: self.holds_written_secret(name, keys),
        })
    }

    fn credentials(
        &mut self,
        kind: ForgeKind,
        name: &str,
        keys: &ForgeKeys,
    ) -> Option<Credentials> {
        let table = ["forge", name];
        let has_token = keys.token.is_some() || keys.token_file.is_some();
        if let Some(app) = &keys.app {
            if kind == ForgeKind::GitLab {
                self.wrong(
                    &["forge", name, "app"],
                    "GitLab has no Apps",
                    "use `token_file`, or `kind = \"github\"`",
                );
                return None;
            }
            if has_token {
                self.wrong(
                    &["forge", name, "app"],
                    format!("[forge.{name}] has both an App and a token"),
                    "keep the App, and remove the token",
                );
            }
            return self.app(name, app);
        }
        if !has_token {
            let help = match kind {
                ForgeKind::GitLab => "the file with the bot's access token (scope `api`)",
                ForgeKind::GitHub => {
                    "the file with the bot's access token, or better a GitHub App: a table `app`"
                }
            };
            self.wrong(&table, format!("[forge.{name}] lacks `token_file`"), help);
        }
        let token = self.secret(&table, "token", keys.token.as_ref(), keys.token_file.as_ref());
        token.map(Credentials::Token)
    }

    fn authorities(&mut self, name: &str, keys: &ForgeKeys) -> Option<Vec<u8>> {
        let file = keys.ca_file.as_ref()?;
        let pem = fs::read(file).map_err(|error| error.to_string()).and_then(|pem| {
            let is_pem = String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----");
            if is_pem { Ok(pem) } else { Err("it holds no PEM certificate".to_owned()) }
        });
        let path = ["forge", name, "ca_file"];
        self.keep(&path, pem.map_err(|why| format!("{} cannot be used: {why}", file.display())))
    }

    fn url(&mut self, name: &str, url: Option<&str>) -> Option<Url> {
        let path = ["forge", name, "url"];
        let Some(written) = url else {
            let message = format!("[forge.{name}] lacks `url`");
            self.wrong(&path, message, "its address, e.g. `https://gitlab.example.org`");
            return None;
        };
        let Some(url) = address::parse_base(written) else {
            // The address itself may hold a password.
            self.found.push(
                self.document
                    .mistake(&path, "this is not the address of a forge")
                    .help("`https://HOST` or `https://HOST/PATH`, without credentials".to_owned()),
            );
            return None;
        };
        if address::is_unencrypted(&url) {
            self.warnings
                .push(format!("the token for forge `{name}` travels unencrypted to {url}"));
        }
        Some(url)
    }

    fn approver_levels(&mut self, name: &str, keys: &ForgeKeys) {
        let (path, levels) = (["forge", name, "approver_levels"], &keys.approver_levels);
        let help = "access levels of GitLab: 20 Reporter, 30 Developer, 40 Maintainer, 50 Owner";
        if levels.is_empty() {
            self.wrong(&path, "with no level, nobody could ever approve", help);
        }
        if let Some(unknown) = levels.iter().find(|level| !GITLAB_LEVELS.contains(level)) {
            self.wrong(&path, format!("GitLab knows no access level {unknown}"), help);
        }
        if keys.approver_roles != ForgeKeys::default().approver_roles {
            let path = ["forge", name, "approver_roles"];
            self.wrong(&path, "GitLab has access levels, not roles", "use `approver_levels`");
        }
    }

    /// Organisations may define roles of their own, so any name will do.
    fn approver_roles(&mut self, name: &str, keys: &ForgeKeys) {
        let path = ["forge", name, "approver_roles"];
        let help = "roles in a repository: `triage`, `write`, `maintain`, `admin`, or your own";
        if keys.approver_roles.is_empty() {
            self.wrong(&path, "with no role, nobody could ever approve", help);
        }
        if keys.approver_roles.iter().any(|role| matches!(role.as_str(), "read" | "none" | "")) {
            self.wrong(&path, "with that role, everybody could approve", help);
        }
        if keys.approver_levels != ForgeKeys::default().approver_levels {
            let path = ["forge", name, "approver_levels"];
            self.wrong(&path, "GitHub has roles, not access levels", "use `approver_roles`");
        }
    }

    /// Whether a secret stands in the file itself, which then must be nobody
    /// else's to read.
    fn holds_written_secret(&self, name: &str, keys: &ForgeKeys) -> bool {
        let is_written =
            |rest: &[&str]| self.document.is_written(&[&["forge", name], rest].concat());
        let app = keys.app.iter().any(|app| {
            app.private_key.is_some() && is_written(&["app", "private_key"])
                || app.webhook_token.is_some() && is_written(&["app", "webhook_token"])
        });
        let hooks = |table: &str, index: usize, token: bool, signing: bool| {
            let index = index.to_string();
            token && is_written(&[table, &index, "webhook_token"])
                || signing && is_written(&[table, &index, "signing_token"])
        };
        let projects = keys.project.iter().map(|project| ("project", project.webhook()));
        let groups = keys.group.iter().map(|group| ("group", group.webhook()));
        let places = projects.enumerate().chain(groups.enumerate());
        keys.token.is_some() && is_written(&["token"])
            || app
            || places.into_iter().any(|(index, (table, webhook))| {
                hooks(table, index, webhook.token.is_some(), webhook.signing.is_some())
            })
    }
}
