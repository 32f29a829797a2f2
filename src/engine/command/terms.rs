//! `renew-terms`: a lease gets what its cookbook would grant now.

use super::Order;
use crate::{
    cookbook::Cookbooks,
    engine::{
        Engine,
        draft::{Draft, person},
    },
    identity::MachineName,
    lease::{
        State,
        lifecycle::{Event, renewed},
    },
};

impl Engine {
    /// The cookbook's present terms count for the lease from now on. Its deadline
    /// is computed anew and announced anew.
    pub(super) fn renew_terms(
        draft: &mut Draft<'_>,
        order: &Order<'_>,
        cookbooks: &Cookbooks,
        machine: Option<&MachineName>,
    ) {
        if order.rights.sysadmin.is_none() {
            draft.refuse(order, &["sysadmins"]);
            return;
        }
        let Some(cookbook) = order.cookbook else {
            draft.impossible(order, "its cookbook is not there any more.", None);
            return;
        };
        let fit = [State::Active, State::Expired, State::Destroyed];
        for lease in draft.meant(order, machine, &fit, None) {
            let about = order.about(lease.id);
            if lease.terms == renewed(&lease.terms, &cookbook.lifetime) {
                let why = format!("`{}` has these terms already.", lease.order.key.name);
                draft.impossible(&about, why, None);
                continue;
            }
            let event = Event::RenewTerms {
                terms: Box::new(cookbook.lifetime.clone()),
                policy_version: cookbooks.version,
                by: order.by().clone(),
            };
            if draft.lease_event(lease.id, &event).is_err() {
                draft.impossible(&about, "the machine has moved on meanwhile.", None);
                continue;
            }
            draft.audit_terms(
                person(order.by()),
                order.word,
                &lease,
                order.rights.authority(),
                cookbooks.version,
            );
            if lease.deadline.is_none() {
                // Nothing is announced that could tell of it.
                let what = format!(
                    "`{}` has the present terms of its cookbook now.",
                    lease.order.key.name
                );
                draft.done(&about, what);
            }
        }
    }
}
