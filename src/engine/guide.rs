//! Requests that make no machine: once approved, somebody follows the steps of
//! the cookbook, and says when it is done.

use super::{
    Engine,
    draft::{Draft, Of, person},
};
use crate::{
    cookbook::{Cookbook, Guide},
    identity::Digest,
    notice::Reply,
    ports::{
        PortError,
        store::{Actor, CommitError},
    },
    request::{Approval, WaitsOn, lifecycle::Event, lifecycle::State},
};

impl Engine {
    /// Hands an approved request over to those who follow the steps. `last` is
    /// the approval that completed it, if somebody had to approve.
    pub(super) fn guide(
        draft: &mut Draft<'_>,
        guide: &Guide,
        last: Option<(&Approval, Option<String>)>,
        digest: Option<Digest>,
    ) -> Result<(), CommitError> {
        draft.request_event(Event::Approved).map_err(PortError::bug("grant a request"))?;
        let now = draft.now();
        draft.waits_on(WaitsOn::Sysadmin, now);
        let key = match last {
            Some((approval, _)) => format!("guide:{}", approval.note),
            None => format!("guide:{}", draft.request.version),
        };
        let reply = Reply::Guide {
            approved_by: last.as_ref().map(|(approval, _)| approval.by.username.clone()),
            by: guide.by.iter().map(ToString::to_string).collect(),
            summary: guide.summary.clone(),
            steps: guide.steps.clone(),
        };
        draft.reply(&key, reply);
        let (actor, word, authority) = match last {
            Some((approval, authority)) => (person(&approval.by), "granted", authority),
            None => (Actor::Clock, "granted-automatically", None),
        };
        draft.audit(actor, word, Of { digest, authority, lease: None });
        Ok(())
    }

    /// Somebody closed an issue whose steps are being followed: that does not
    /// say whether they are done. Told once.
    pub(super) fn answer_closing(draft: &mut Draft<'_>, cookbook: Option<&Cookbook>, bot: &str) {
        let request = &draft.request.value;
        if !is_being_followed(draft, cookbook) || request.closing_answered {
            return;
        }
        let what = format!(
            "Closing the issue does not tell me whether it was done: please say `@{bot} done`, or `@{bot} reject REASON`."
        );
        draft.reply("closed", Reply::Done { what });
        draft.request_mut().closing_answered = true;
    }
}

/// Whether somebody is to follow the steps now.
pub(super) fn is_being_followed(draft: &Draft<'_>, cookbook: Option<&Cookbook>) -> bool {
    cookbook.is_some_and(|cookbook| cookbook.guide.is_some())
        && draft.request.value.state == State::Approved
        && draft.leases.is_empty()
}
