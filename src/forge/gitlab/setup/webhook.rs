//! A project's webhook on GitLab. Its secret goes in and is never shown again;
//! since 19.0 GitLab tells whether there is one.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use gitlab::api::{
    AsyncQuery as _,
    endpoint_prelude::{BodyError, Endpoint, Method},
    projects::hooks::Hooks,
};
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{GitLab, needs, obstacle, pages};
use crate::{
    forge::gitlab::transport::TransportError,
    identity::ProjectId,
    ports::PortError,
    setup::{FoundWebhook, Obstacle, Outcome, Place, Proof, Seen, Webhook},
};

/// What the service is told of, and how GitLab's settings call it.
const NEEDED: [(&str, &str); 5] = [
    ("issues_events", "issues"),
    ("confidential_issues_events", "confidential issues"),
    ("note_events", "comments"),
    ("confidential_note_events", "confidential comments"),
    ("emoji_events", "emoji"),
];

/// What it would ignore.
const NOT_NEEDED: [(&str, &str); 12] = [
    ("push_events", "pushes"),
    ("tag_push_events", "tags"),
    ("merge_requests_events", "merge requests"),
    ("job_events", "jobs"),
    ("pipeline_events", "pipelines"),
    ("wiki_page_events", "wiki pages"),
    ("deployment_events", "deployments"),
    ("feature_flag_events", "feature flags"),
    ("releases_events", "releases"),
    ("milestone_events", "milestones"),
    ("resource_access_token_events", "access tokens"),
    ("vulnerability_events", "vulnerabilities"),
];

/// A webhook as GitLab shows it. What some version lacks is not judged.
#[derive(Deserialize)]
pub(super) struct Found {
    id: u64,
    url: String,
    /// `executable`, `temporarily_disabled` or `disabled`.
    alert_status: Option<String>,
    disabled_until: Option<DateTime<Utc>>,
    custom_webhook_template: Option<String>,
    token_present: Option<bool>,
    signing_token_present: Option<bool>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl Found {
    fn flag(&self, name: &str) -> Option<bool> {
        self.others.get(name)?.as_bool()
    }

    fn flaws(&self) -> Vec<String> {
        let mut flaws = Vec::new();
        for (wanted, names) in [(true, &NEEDED[..]), (false, &NOT_NEEDED[..])] {
            let wrong = names.iter().filter(|(flag, _)| self.flag(flag) == Some(!wanted));
            let words: Vec<&str> = wrong.map(|(_, words)| *words).collect();
            if !words.is_empty() {
                let verb = if wanted { "is not told of" } else { "is told needlessly of" };
                flaws.push(format!("it {verb} {}", words.join(", ")));
            }
        }
        if self.flag("enable_ssl_verification") == Some(false) {
            flaws.push("certificates are not verified".to_owned());
        }
        if self.custom_webhook_template.as_ref().is_some_and(|template| !template.is_empty()) {
            flaws.push("a template changes what is sent".to_owned());
        }
        flaws
    }

    /// A GitLab that does not tell of signing tokens has none.
    fn has_secret(&self, proof: Proof) -> Option<bool> {
        match proof {
            Proof::Token => self.token_present,
            Proof::Signature => Some(self.signing_token_present == Some(true)),
        }
    }

    fn stopped(&self) -> Option<String> {
        match (self.alert_status.as_deref(), self.disabled_until) {
            (Some("disabled"), _) => Some("switched off".to_owned()),
            (Some("temporarily_disabled"), Some(until)) => {
                Some(format!("switched off until {}", until.format("%Y-%m-%d %H:%M UTC")))
            }
            (Some("temporarily_disabled"), None) => Some("switched off for a while".to_owned()),
            _ => None,
        }
    }

    fn into_setup(self, wanted: &Webhook, place: &Place) -> FoundWebhook {
        FoundWebhook {
            id: self.id,
            flaws: self.flaws(),
            has_secret: self.has_secret(wanted.proof),
            stopped: self.stopped(),
            page: edit_page(place, self.id),
            url: self.url,
        }
    }
}

fn edit_page(place: &Place, id: u64) -> String {
    format!("{}/-/hooks/{id}/edit", place.page)
}

/// Creates a webhook, or changes one; the crate leaves out emoji and signing
/// tokens. A secret that is not sent stays as it is.
struct SetHook<'a> {
    project: ProjectId,
    id: Option<u64>,
    url: &'a str,
    secret: Option<(Proof, &'a SecretString)>,
}

impl Endpoint for SetHook<'_> {
    fn method(&self) -> Method {
        if self.id.is_some() { Method::PUT } else { Method::POST }
    }

    fn endpoint(&self) -> Cow<'static, str> {
        match self.id {
            None => format!("projects/{}/hooks", self.project).into(),
            Some(id) => format!("projects/{}/hooks/{id}", self.project).into(),
        }
    }

    fn body(&self) -> Result<Option<(&'static str, Vec<u8>)>, BodyError> {
        let mut body = json!({ "url": self.url, "enable_ssl_verification": true });
        for (flag, _) in NEEDED {
            body[flag] = json!(true);
        }
        for (flag, _) in NOT_NEEDED {
            body[flag] = json!(false);
        }
        if self.id.is_some() {
            body["custom_webhook_template"] = json!("");
        }
        match self.secret {
            Some((Proof::Token, secret)) => body["token"] = json!(secret.expose_secret()),
            Some((Proof::Signature, secret)) => {
                body["signing_token"] = json!(secret.expose_secret());
            }
            None => {}
        }
        Ok(Some(("application/json", serde_json::to_vec(&body)?)))
    }
}

impl GitLab {
    pub(super) async fn webhooks(
        &self,
        place: &Place,
        wanted: &Webhook,
        username: &str,
    ) -> Seen<Vec<FoundWebhook>> {
        let hooks: Result<Vec<Found>, PortError> = async {
            let endpoint =
                Hooks::builder().project(place.id.0).build().map_err(TransportError::request)?;
            pages::all(&self.transport, &endpoint).await
        }
        .await
        .map_err(self.failed(format!("list the webhooks of {}", place.path)));
        match hooks {
            Ok(hooks) => Ok(hooks.into_iter().map(|hook| hook.into_setup(wanted, place)).collect()),
            Err(error) if is(&error, StatusCode::FORBIDDEN) => Err(Obstacle {
                why: format!("`{username}` may not see or make webhooks here."),
                by_hand: by_hand(place, wanted, username),
            }),
            Err(error) => Err(obstacle(&error)),
        }
    }

    pub(super) async fn set_webhook(
        &self,
        place: &Place,
        id: Option<u64>,
        url: &str,
        secret: Option<(Proof, &SecretString)>,
    ) -> Result<Outcome, PortError> {
        let doing = match id {
            None => format!("make a webhook in {}", place.path),
            Some(id) => format!("correct webhook {id} of {}", place.path),
        };
        let set: Found = SetHook { project: place.id, id, url, secret }
            .query_async(&self.transport)
            .await
            .map_err(self.failed(doing))
            .map_err(|error| needs(error, "Webhooks are made by Maintainers and Owners."))
            .map_err(refused_address)?;
        match secret {
            Some((Proof::Signature, _)) if set.signing_token_present != Some(true) => {
                Ok(unsigned(place, &set))
            }
            _ => Ok(Outcome::default()),
        }
    }
}

/// Before 19.0, and with the feature flag off, signing tokens are passed over
/// without a word.
fn unsigned(place: &Place, set: &Found) -> Outcome {
    Outcome {
        what: Some(format!(
            "The webhook to {} is there, but GitLab did not take its signing token.",
            set.url
        )),
        by_hand: Some(format!(
            "Open {}, enter the configured token under *Signing token* (or generate one there, and put it into the configuration), and save. If there is no such field, GitLab is older than 19.0: configure `webhook_token_file` instead",
            edit_page(place, set.id)
        )),
        unfinished: true,
    }
}

fn is(error: &PortError, wanted: StatusCode) -> bool {
    let refused = error.cause.downcast_ref::<TransportError>();
    matches!(refused, Some(TransportError::Refused { status, .. }) if *status == wanted)
}

fn refused_address(error: PortError) -> PortError {
    if is(&error, StatusCode::UNPROCESSABLE_ENTITY) {
        return error.advice(
            "If the service is in GitLab's own network, an administrator allows its address under *Admin > Settings > Network > Outbound requests*",
        );
    }
    error
}

fn by_hand(place: &Place, wanted: &Webhook, username: &str) -> String {
    let url = wanted.url.clone().unwrap_or_else(|| format!("https://SERVICE{}", wanted.path));
    let secret = match wanted.proof {
        Proof::Token => "secret token",
        Proof::Signature => "signing token",
    };
    let triggers = NEEDED.map(|(_, words)| words).join(", ");
    format!(
        "Make `{username}` a Maintainer here, or run this with `--token-file` and the token of one; or add it at {}/-/hooks: URL {url}, the configured {secret}, triggers {triggers}",
        place.page
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(change: impl FnOnce(&mut Value)) -> Found {
        let mut hook = json!({ "id": 5, "url": "https://innkeeper.example/webhooks/gitlab" });
        for (flag, _) in NEEDED {
            hook[flag] = json!(true);
        }
        for (flag, _) in NOT_NEEDED {
            hook[flag] = json!(false);
        }
        hook["enable_ssl_verification"] = json!(true);
        change(&mut hook);
        serde_json::from_value(hook).unwrap()
    }

    #[test]
    fn every_flaw_is_named_and_what_a_version_lacks_is_none() {
        assert_eq!(hook(|_| {}).flaws(), [""; 0]);
        let found = hook(|hook| {
            hook["emoji_events"] = json!(false);
            hook["note_events"] = json!(false);
            hook["push_events"] = json!(true);
            hook["enable_ssl_verification"] = json!(false);
            hook["custom_webhook_template"] = json!("{}");
        });
        assert_eq!(
            found.flaws(),
            [
                "it is not told of comments, emoji",
                "it is told needlessly of pushes",
                "certificates are not verified",
                "a template changes what is sent",
            ]
        );
        let old = serde_json::from_value::<Found>(json!({ "id": 1, "url": "https://a.example" }));
        assert_eq!(old.unwrap().flaws(), [""; 0]);
    }

    #[test]
    fn whether_there_is_a_secret_depends_on_its_kind() {
        let found = hook(|hook| hook["token_present"] = json!(true));
        assert_eq!(found.has_secret(Proof::Token), Some(true));
        assert_eq!(found.has_secret(Proof::Signature), Some(false));
        assert_eq!(hook(|_| {}).has_secret(Proof::Token), None);
        let signed = hook(|hook| hook["signing_token_present"] = json!(true));
        assert_eq!(signed.has_secret(Proof::Signature), Some(true));
    }

    #[test]
    fn a_hook_that_was_switched_off_says_until_when() {
        assert_eq!(hook(|hook| hook["alert_status"] = json!("executable")).stopped(), None);
        let off = hook(|hook| hook["alert_status"] = json!("disabled"));
        assert_eq!(off.stopped().as_deref(), Some("switched off"));
        let pausing = hook(|hook| {
            hook["alert_status"] = json!("temporarily_disabled");
            hook["disabled_until"] = json!("2026-11-21T12:00:00.000Z");
        });
        assert_eq!(pausing.stopped().as_deref(), Some("switched off until 2026-11-21 12:00 UTC"));
    }
}
