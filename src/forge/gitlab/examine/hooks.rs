//! Whether a project's webhook tells us what happens there.

use serde::Deserialize;
use url::Url;

use super::failed;
use crate::{
    forge::gitlab::{GitLab, endpoints::Read, pages},
    identity::{ForgeName, ProjectId},
    ports::{Verdict, finding::Finding},
};

/// A webhook, as far as its owner set it up, and how GitLab gets on with it.
#[derive(Debug, Deserialize)]
struct Hook {
    url: String,
    issues_events: Option<bool>,
    confidential_issues_events: Option<bool>,
    note_events: Option<bool>,
    confidential_note_events: Option<bool>,
    /// GitLab 16.2 and later.
    emoji_events: Option<bool>,
    /// `executable`, `temporarily_disabled` or `disabled`.
    alert_status: Option<String>,
    disabled_until: Option<String>,
    custom_webhook_template: Option<String>,
}

impl Hook {
    /// Whether it leads to where we listen for this forge, whatever the host is
    /// called from outside.
    fn is_ours(&self, forge: &ForgeName) -> bool {
        let end = format!("/webhooks/{forge}");
        Url::parse(&self.url).is_ok_and(|url| url.path().trim_end_matches('/').ends_with(&end))
    }

    /// Events it should send and does not.
    fn silent_about(&self) -> Vec<&'static str> {
        [
            (self.issues_events.unwrap_or(false), "Issues events"),
            (self.confidential_issues_events.unwrap_or(false), "Confidential issues events"),
            (self.note_events.unwrap_or(false), "Comments"),
            (self.confidential_note_events.unwrap_or(false), "Confidential comments"),
            (self.emoji_events.unwrap_or(true), "Emoji events"),
        ]
        .into_iter()
        .filter_map(|(on, name)| (!on).then_some(name))
        .collect()
    }
}

/// For a project whose webhooks our role may see.
pub(super) async fn of(gitlab: &GitLab, project: ProjectId, called: &str) -> Vec<Finding> {
    let listed = pages::all(&gitlab.transport, &Read::at(format!("projects/{project}/hooks")))
        .await
        .map_err(gitlab.failed(format!("list the webhooks of {}:{project}", gitlab.name)));
    match listed {
        Ok(hooks) => judge(&hooks, &gitlab.name, called),
        // The role says that we may, but the token or an administrator does not.
        Err(error) if matches!(error.verdict, Verdict::Missing | Verdict::GiveUp) => Vec::new(),
        Err(error) => vec![failed(&error, "Try again.")],
    }
}

fn judge(hooks: &[Hook], forge: &ForgeName, called: &str) -> Vec<Finding> {
    let ours: Vec<&Hook> = hooks.iter().filter(|hook| hook.is_ours(forge)).collect();
    if ours.is_empty() {
        return vec![Finding::doubtful(
            format!(
                "No webhook of {called} leads to `/webhooks/{forge}`: what happens is seen late."
            ),
            "Add one for issues, comments and emoji, the confidential ones included; if a webhook \
             of its group does that, all is well.",
        )];
    }
    ours.into_iter().flat_map(|hook| judge_one(hook, called)).collect()
}

fn judge_one(hook: &Hook, called: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let silent = hook.silent_about();
    if !silent.is_empty() {
        findings.push(Finding::doubtful(
            format!("The webhook of {called} does not send: {}.", silent.join(", ")),
            "Switch these on in its settings, or changes are seen late.",
        ));
    }
    if hook.custom_webhook_template.as_deref().is_some_and(|template| !template.trim().is_empty()) {
        findings.push(Finding::doubtful(
            format!("The webhook of {called} has a body template of its own."),
            "Remove it: without project and issue number a delivery cannot be understood.",
        ));
    }
    let mend = "See in its settings what was answered to its last deliveries, then test it: a \
                successful test switches it on again.";
    match (hook.alert_status.as_deref(), &hook.disabled_until) {
        (Some("disabled"), _) => findings.push(Finding::bad(
            format!("GitLab has switched off the webhook of {called} after many failures."),
            mend,
        )),
        (Some("temporarily_disabled"), until) | (None, until @ Some(_)) => {
            let until = until.as_deref().unwrap_or("later");
            findings.push(Finding::doubtful(
                format!("The webhook of {called} fails, and GitLab sends nothing until {until}."),
                mend,
            ));
        }
        _ => {}
    }
    if findings.is_empty() {
        findings.push(Finding::good(format!("The webhook of {called} tells us what happens.")));
    }
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::judge;
    use crate::{
        identity::ForgeName,
        ports::finding::Grade::{self, Bad, Doubtful, Good},
    };

    /// The grades for one webhook that is fine but for `more`.
    fn grades(more: &Value) -> Vec<Grade> {
        let mut hook = json!({
            "id": 1, "url": "https://inn.example/below/webhooks/gitlab", "issues_events": true,
            "confidential_issues_events": true, "note_events": true,
            "confidential_note_events": true, "emoji_events": true, "push_events": false,
            "alert_status": "executable", "disabled_until": null,
        });
        hook.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let hook = serde_json::from_value(hook).unwrap();
        let findings = judge(&[hook], &ForgeName::from("gitlab"), "project 7");
        findings.into_iter().map(|found| found.grade).collect()
    }

    #[test]
    fn a_webhook_is_judged_by_where_it_leads_what_it_sends_and_how_it_fares() {
        for (more, expected) in [
            (json!({}), vec![Good]),
            (json!({"emoji_events": null, "alert_status": null}), vec![Good]),
            (json!({"url": "https://inn.example/webhooks/gitlab/"}), vec![Good]),
            (json!({"url": "https://inn.example/webhooks/github"}), vec![Doubtful]),
            (json!({"url": "not an address"}), vec![Doubtful]),
            (json!({"note_events": false}), vec![Doubtful]),
            (json!({"confidential_issues_events": null}), vec![Doubtful]),
            (json!({"emoji_events": false}), vec![Doubtful]),
            (json!({"custom_webhook_template": "{\"x\": 1}"}), vec![Doubtful]),
            (json!({"custom_webhook_template": ""}), vec![Good]),
            (json!({"alert_status": "disabled"}), vec![Bad]),
            (json!({"alert_status": "temporarily_disabled"}), vec![Doubtful]),
            (
                json!({"alert_status": null, "disabled_until": "2026-11-21T13:00:00Z"}),
                vec![Doubtful],
            ),
            (json!({"alert_status": "disabled", "issues_events": false}), vec![Doubtful, Bad]),
        ] {
            assert_eq!(grades(&more), expected, "{more}");
        }
        assert_eq!(judge(&[], &ForgeName::from("gitlab"), "project 7").len(), 1);
    }
}
