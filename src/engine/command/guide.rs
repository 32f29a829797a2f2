//! `done`: the steps of a cookbook that only guides were followed.

use super::Order;
use crate::{
    engine::{
        Engine,
        draft::{Draft, Of, person},
        guide::is_being_followed,
    },
    notice::Reply,
    request::lifecycle::Event,
};

impl Engine {
    /// Ends the request; the view closes its issue.
    pub(super) fn steps_done(draft: &mut Draft<'_>, order: &Order<'_>) {
        let Some(guide) = order.cookbook.and_then(|cookbook| cookbook.guide.as_ref()) else {
            let hint = Some("A machine that is not needed any more is given back with `release`.");
            draft.impossible(order, "this request is about a machine.", hint);
            return;
        };
        if order.rights.performer.is_none() && order.rights.sysadmin.is_none() {
            let mut who: Vec<String> = guide.by.iter().map(ToString::to_string).collect();
            who.push("sysadmins".to_owned());
            draft.refuse(order, &who.iter().map(String::as_str).collect::<Vec<_>>());
            return;
        }
        if !is_being_followed(draft, order.cookbook) || draft.request_event(Event::Settled).is_err()
        {
            let why = "there is nothing to be done now; the first comment says how it stands.";
            draft.impossible(order, why, None);
            return;
        }
        let digest = draft.request.value.verdict.digest();
        let authority = order.rights.authority();
        draft.audit(person(order.by()), "done", Of { digest, authority, lease: None });
        let what = format!("`{}` says that it is done.", order.by().username);
        draft.reply(&order.key, Reply::Done { what });
    }
}
