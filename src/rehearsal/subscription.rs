//! What a webhook was told to send, as the API has it.

use std::collections::BTreeMap;

use super::world::Hook;

/// Every event a project's webhook may subscribe to, by the API's name.
pub(super) const FLAGS: [&str; 17] = [
    "push_events",
    "tag_push_events",
    "merge_requests_events",
    "issues_events",
    "confidential_issues_events",
    "note_events",
    "confidential_note_events",
    "job_events",
    "pipeline_events",
    "wiki_page_events",
    "deployment_events",
    "feature_flag_events",
    "releases_events",
    "milestone_events",
    "emoji_events",
    "resource_access_token_events",
    "vulnerability_events",
];

/// Which events a webhook sends, and how.
#[derive(Clone, Debug)]
pub(super) struct Subscription {
    pub(super) flags: BTreeMap<&'static str, bool>,
    pub(super) verifies_certificates: bool,
}

impl Default for Subscription {
    /// What a webhook sends if nothing is said.
    fn default() -> Self {
        let flags = FLAGS.iter().map(|flag| (*flag, *flag == "push_events")).collect();
        Self { flags, verifies_certificates: true }
    }
}

impl Subscription {
    /// A world's hook sends issues, notes and emoji.
    pub(super) fn of(hook: &Hook) -> Self {
        let mut subscription = Self::default();
        for (flag, on) in [
            ("push_events", false),
            ("issues_events", true),
            ("confidential_issues_events", hook.confidential),
            ("note_events", true),
            ("confidential_note_events", hook.confidential),
            ("emoji_events", true),
        ] {
            subscription.flags.insert(flag, on);
        }
        subscription
    }

    /// Whether an event of that name, as in `X-Gitlab-Event`, is sent.
    pub(super) fn wants(&self, event: &str) -> bool {
        let flag = match event {
            "Issue Hook" => "issues_events",
            "Confidential Issue Hook" => "confidential_issues_events",
            "Note Hook" => "note_events",
            "Confidential Note Hook" => "confidential_note_events",
            "Emoji Hook" => "emoji_events",
            _ => return true,
        };
        self.flags.get(flag).copied().unwrap_or_default()
    }
}
