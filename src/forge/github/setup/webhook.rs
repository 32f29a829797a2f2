//! A repository's webhook on GitHub.

use http::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{GitHub, Whom, needs, obstacle, status};
use crate::{
    ports::PortError,
    setup::{FoundWebhook, Obstacle, Outcome, Place, Seen, Webhook},
};

/// What the service is told of.
const NEEDED: [&str; 2] = ["issues", "issue_comment"];

const WHO: &str = "Webhooks are made by admins of the repository.";

#[derive(Deserialize)]
struct Found {
    id: u64,
    active: Option<bool>,
    #[serde(default)]
    events: Vec<String>,
    #[serde(default)]
    config: Configuration,
}

#[derive(Default, Deserialize)]
struct Configuration {
    url: Option<String>,
    content_type: Option<String>,
    /// `"0"`, `"1"`, or a number.
    insecure_ssl: Option<Value>,
    /// Stars, if there is one.
    secret: Option<String>,
}

impl Found {
    fn flaws(&self) -> Vec<String> {
        let mut flaws = Vec::new();
        if self.active == Some(false) {
            flaws.push("it is switched off".to_owned());
        }
        let lacks = |event: &&&str| !self.events.iter().any(|one| one == **event || one == "*");
        let missing: Vec<&str> = NEEDED.iter().filter(lacks).copied().collect();
        if !missing.is_empty() {
            flaws.push(format!("it is not told of {}", missing.join(", ")));
        }
        let surplus: Vec<&str> = self.events.iter().map(String::as_str).collect();
        let surplus: Vec<&str> =
            surplus.into_iter().filter(|event| !NEEDED.contains(event)).collect();
        if !surplus.is_empty() {
            flaws.push(format!("it is told needlessly of {}", surplus.join(", ")));
        }
        if self.config.content_type.as_deref() != Some("json") {
            flaws.push("it does not send JSON".to_owned());
        }
        let insecure = self.config.insecure_ssl.as_ref().map(Value::to_string);
        if insecure.is_some_and(|insecure| insecure.trim_matches('"') == "1") {
            flaws.push("certificates are not verified".to_owned());
        }
        flaws
    }

    fn into_setup(self, place: &Place) -> FoundWebhook {
        FoundWebhook {
            id: self.id,
            flaws: self.flaws(),
            has_secret: Some(self.config.secret.is_some()),
            stopped: None,
            page: format!("{}/settings/hooks/{}", place.page, self.id),
            url: self.config.url.unwrap_or_default(),
        }
    }
}

impl GitHub {
    pub(super) async fn webhooks(
        &self,
        place: &Place,
        wanted: &Webhook,
    ) -> Seen<Vec<FoundWebhook>> {
        let hooks: Result<Vec<Found>, PortError> = async {
            let url = self.client.url_in(place.id, &["hooks"]).await?;
            self.client.list(Whom::Repository(place.id), url).await
        }
        .await
        .map_err(self.failed(format!("list the webhooks of {}", place.path)));
        match hooks {
            Ok(hooks) => Ok(hooks.into_iter().map(|hook| hook.into_setup(place)).collect()),
            Err(error)
                if matches!(
                    status(&error),
                    Some(StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
                ) =>
            {
                Err(Obstacle {
                    why: "This account may not see or make webhooks here.".to_owned(),
                    by_hand: by_hand(place, wanted),
                })
            }
            Err(error) => Err(obstacle(&error)),
        }
    }

    pub(super) async fn create_webhook(
        &self,
        place: &Place,
        url: &str,
        secret: &SecretString,
    ) -> Result<Outcome, PortError> {
        let hook = json!({
            "name": "web",
            "active": true,
            "events": NEEDED,
            "config": configuration(Some(url), Some(secret)),
        });
        self.write(place, "make a webhook in", Method::POST, &["hooks"], hook).await
    }

    /// In two requests: one that changes the events takes the secret away when
    /// it bears the rest without it.
    pub(super) async fn correct_webhook(
        &self,
        place: &Place,
        id: u64,
        secret: Option<&SecretString>,
    ) -> Result<Outcome, PortError> {
        let id = id.to_string();
        let doing = "correct a webhook of";
        let rest = configuration(None, secret);
        self.write(place, doing, Method::PATCH, &["hooks", &id, "config"], rest).await?;
        let events = json!({ "active": true, "events": NEEDED });
        self.write(place, doing, Method::PATCH, &["hooks", &id], events).await
    }

    async fn write(
        &self,
        place: &Place,
        doing: &str,
        method: Method,
        segments: &[&str],
        body: Value,
    ) -> Result<Outcome, PortError> {
        async {
            let url = self.client.url_in(place.id, segments).await?;
            self.client.write(place.id, method, url, Some(body)).await
        }
        .await
        .map(|_| Outcome::default())
        .map_err(self.failed(format!("{doing} {}", place.path)))
        .map_err(|error| needs(error, WHO))
    }
}

/// What is not said stays as it is.
fn configuration(url: Option<&str>, secret: Option<&SecretString>) -> Value {
    let mut configuration = json!({ "content_type": "json", "insecure_ssl": "0" });
    if let Some(url) = url {
        configuration["url"] = json!(url);
    }
    if let Some(secret) = secret {
        configuration["secret"] = json!(secret.expose_secret());
    }
    configuration
}

fn by_hand(place: &Place, wanted: &Webhook) -> String {
    let url = wanted.url.clone().unwrap_or_else(|| format!("https://SERVICE{}", wanted.path));
    format!(
        "Run this with `--token-file` and the token of an admin of the repository; or add it at {}/settings/hooks: Payload URL {url}, content type application/json, the configured secret, events Issues and Issue comments",
        place.page
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flaws(hook: Value) -> Vec<String> {
        serde_json::from_value::<Found>(hook).unwrap().flaws()
    }

    #[test]
    fn every_flaw_is_named() {
        let config =
            json!({ "url": "https://a.example", "content_type": "json", "insecure_ssl": "0" });
        let events = json!(["issue_comment", "issues"]);
        let good = json!({ "id": 1, "active": true, "events": events, "config": config });
        assert_eq!(flaws(good), [""; 0]);
        for insecure in [json!("1"), json!(1)] {
            let config = json!({ "content_type": "form", "insecure_ssl": insecure });
            let bad = json!({ "id": 1, "active": false, "events": ["push"], "config": config });
            assert_eq!(
                flaws(bad),
                [
                    "it is switched off",
                    "it is not told of issues, issue_comment",
                    "it is told needlessly of push",
                    "it does not send JSON",
                    "certificates are not verified",
                ]
            );
        }
        let all = json!({ "id": 1, "events": ["*"], "config": { "content_type": "json" } });
        assert_eq!(flaws(all), ["it is told needlessly of *"]);
    }
}
