//! What a forge and its projects need.

use std::{collections::BTreeMap, fs};

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{Checker, address};
use crate::{
    config::{
        Forge, ForgeKind, Project,
        keys::{ForgeKeys, ProjectKeys},
    },
    identity::{CookbookName, ForgeName, ProjectId},
};

/// What GitLab calls Minimal Access, Guest, Planner, Reporter, Security
/// Manager, Developer, Maintainer and Owner.
const GITLAB_LEVELS: [u64; 8] = [5, 10, 15, 20, 25, 30, 40, 50];

/// How GitLab's signing tokens begin, and nothing else may.
const SIGNING_PREFIX: &str = "whsec_";

impl Checker<'_> {
    pub(super) fn forges(
        &mut self,
        forges: &BTreeMap<String, ForgeKeys>,
    ) -> BTreeMap<ForgeName, Forge> {
        let forge = |(name, keys): (&String, &ForgeKeys)| {
            self.name("forge", name);
            self.kind("forge", name, keys.kind.as_ref(), &["gitlab"]);
            Some((ForgeName(name.clone()), self.gitlab(name, keys)?))
        };
        forges.iter().filter_map(forge).collect()
    }

    fn gitlab(&mut self, name: &str, keys: &ForgeKeys) -> Option<Forge> {
        let table = ["forge", name];
        let url = self.url(name, keys.url.as_deref());
        if keys.token.is_none() && keys.token_file.is_none() {
            self.wrong(
                &table,
                format!("[forge.{name}] lacks `token_file`"),
                "the file with the bot's access token (scope `api`)",
            );
        }
        let token = self.secret(&table, "token", keys.token.as_ref(), keys.token_file.as_ref());
        let ca_pem = keys.ca_file.as_ref().and_then(|file| {
            let pem = fs::read(file).map_err(|error| error.to_string()).and_then(|pem| {
                let is_pem = String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----");
                if is_pem { Ok(pem) } else { Err("it holds no PEM certificate".to_owned()) }
            });
            let path = ["forge", name, "ca_file"];
            self.keep(&path, pem.map_err(|why| format!("{} cannot be used: {why}", file.display())))
        });
        self.approver_levels(name, &keys.approver_levels);
        let mut projects: Vec<Project> = Vec::new();
        for (index, keys) in keys.project.iter().enumerate() {
            let Some(project) = self.project(name, index, keys) else { continue };
            if projects.iter().any(|other| other.id == project.id) {
                self.wrong(
                    &["forge", name, "project", &index.to_string(), "id"],
                    format!("project {} is there twice", project.id),
                    "keep one of them",
                );
            }
            projects.push(project);
        }
        let of_projects = keys.project.iter().enumerate().flat_map(|(index, keys)| {
            let index = index.to_string();
            [
                (keys.webhook_token.is_some(), index.clone(), "webhook_token"),
                (keys.signing_token.is_some(), index, "signing_token"),
            ]
        });
        let holds_written_secret = self.document.is_written(&["forge", name, "token"])
            && keys.token.is_some()
            || of_projects.into_iter().any(|(given, index, key)| {
                given && self.document.is_written(&["forge", name, "project", &index, key])
            });
        Some(Forge {
            kind: ForgeKind::GitLab,
            url: url?,
            token: token?,
            ca_pem,
            approver_levels: keys.approver_levels.clone(),
            projects,
            holds_written_secret,
        })
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
                    .mistake(&path, "this is not the address of a GitLab")
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

    fn approver_levels(&mut self, name: &str, levels: &[u64]) {
        let path = ["forge", name, "approver_levels"];
        let help = "access levels of GitLab: 20 Reporter, 30 Developer, 40 Maintainer, 50 Owner";
        if levels.is_empty() {
            self.wrong(&path, "with no level, nobody could ever approve", help);
        }
        if let Some(unknown) = levels.iter().find(|level| !GITLAB_LEVELS.contains(level)) {
            self.wrong(&path, format!("GitLab knows no access level {unknown}"), help);
        }
    }

    fn project(&mut self, forge: &str, index: usize, keys: &ProjectKeys) -> Option<Project> {
        let index = index.to_string();
        let table = ["forge", forge, "project", index.as_str()];
        let id = keys.id.filter(|id| *id > 0);
        if id.is_none() {
            self.wrong(
                &[&table[..], &["id"]].concat(),
                "a project needs its numeric `id`",
                "GitLab shows it in the menu beside the project's name: \"Copy project ID\"",
            );
        }
        let webhook_secret = self.webhook_secret(&table, keys);
        if let (Some(id), Some(secret)) = (id, &webhook_secret) {
            let whose = format!("{forge}:{id}");
            let known = self.webhook_secrets.insert(secret.expose_secret().into(), whose.clone());
            if let Some(other) = known.filter(|other| *other != whose) {
                self.wrong(
                    &[&table[..], &["id"]].concat(),
                    format!("projects {other} and {whose} have the same webhook secret"),
                    "give each its own: who may configure one could speak for the other",
                );
            }
        }
        Some(Project {
            id: ProjectId(id?),
            path: keys.path.clone(),
            webhook_secret: webhook_secret?,
            cookbooks: keys
                .cookbooks
                .as_ref()
                .map(|names| names.iter().map(|name| CookbookName::from(name.as_str())).collect()),
        })
    }

    fn webhook_secret(&mut self, table: &[&str], keys: &ProjectKeys) -> Option<SecretString> {
        let signs = keys.signing_token.is_some() || keys.signing_token_file.is_some();
        let tells = keys.webhook_token.is_some() || keys.webhook_token_file.is_some();
        let place = [table, &["id"]].concat();
        match (signs, tells) {
            (true, true) => {
                self.wrong(
                    &place,
                    "this project has both a signing token and a webhook token",
                    "keep the signing token: with the other, who knows it could still get in",
                );
                None
            }
            (false, false) => {
                self.wrong(
                    &place,
                    "this project lacks a webhook secret",
                    "add `signing_token_file`, or `webhook_token_file` for GitLab before 19.0",
                );
                None
            }
            (true, false) => {
                let (written, file) = (&keys.signing_token, &keys.signing_token_file);
                let secret =
                    self.secret(table, "signing_token", written.as_ref(), file.as_ref())?;
                if !secret.expose_secret().starts_with(SIGNING_PREFIX) {
                    self.wrong(
                        &place,
                        "this project's signing token does not begin with `whsec_`",
                        "copy it from GitLab as a whole, or call it `webhook_token`",
                    );
                }
                Some(secret)
            }
            (false, true) => {
                let (written, file) = (&keys.webhook_token, &keys.webhook_token_file);
                let secret =
                    self.secret(table, "webhook_token", written.as_ref(), file.as_ref())?;
                if secret.expose_secret().starts_with(SIGNING_PREFIX) {
                    self.wrong(
                        &place,
                        "this project's webhook token looks like a signing token (`whsec_`)",
                        "call it `signing_token`",
                    );
                }
                Some(secret)
            }
        }
    }
}
