//! `transfer`, and `accept` by the new owner: a machine changes hands.

use std::collections::BTreeSet;

use super::{Order, change::resized};
use crate::{
    engine::{
        Engine,
        draft::{Draft, Of, person},
    },
    identity::{FieldName, LeaseId, Person},
    lease::{Lease, State, lifecycle::Event},
    notice::Reply,
    policy,
    ports::store::CommitError,
    request::Question,
    violation::{Violation, ViolationCode},
};

impl Engine {
    /// Asks somebody to take over.
    pub(super) async fn transfer(
        &self,
        draft: &mut Draft<'_>,
        order: &Order<'_>,
        to: &str,
    ) -> Result<(), CommitError> {
        let to = self.person_named(order.desk, to).await?;
        let Some(to) = to else {
            draft.impossible(order, "there is no active account of that name.", None);
            return Ok(());
        };
        for lease in draft.meant(order, None, &[State::Active, State::Expired], None) {
            let waived = order.rights.sysadmin.is_some();
            if !draft.is_owner(order, lease.id) && !waived {
                draft.refuse(order, &["its owner and fallback owners", "sysadmins"]);
                return Ok(());
            }
            if !waived && let Some(why) = self.against_owner(draft, order, &lease, &to).await? {
                let hint = Some("A sysadmin can give the same command.");
                draft.impossible(&order.about(lease.id), why, hint);
                continue;
            }
            let (at, to) = (draft.now(), to.clone());
            let reply = Reply::TransferAsked {
                machine: lease.order.key.name.to_string(),
                to: to.username.clone(),
            };
            let question = Question::Transfer { lease: lease.id, to, at, waived };
            draft.request_mut().questions.push(question);
            draft.reply(&order.about(lease.id).key, reply);
        }
        Ok(())
    }

    /// Whether the order accepted transfers: all that were offered to whoever
    /// gave it, as `transfer` offers all machines of an issue.
    pub(super) async fn accept_transfer(
        &self,
        draft: &mut Draft<'_>,
        order: &Order<'_>,
    ) -> Result<bool, CommitError> {
        let now = draft.now();
        let by = order.by();
        let asked: BTreeSet<(LeaseId, bool)> = draft
            .request
            .value
            .questions
            .iter()
            .filter_map(|question| match question {
                Question::Transfer { lease, to, at, waived } if to.id == by.id => {
                    (now - *at <= chrono::TimeDelta::days(7)).then_some((*lease, *waived))
                }
                _ => None,
            })
            .collect();
        if asked.is_empty() {
            return Ok(false);
        }
        draft.request_mut().questions.retain(|question| match question {
            Question::Transfer { lease, .. } => !asked.iter().any(|(asked, _)| asked == lease),
            _ => true,
        });
        let event = Event::Transfer { to: by.clone() };
        let mut answered = false;
        for (id, waived) in asked {
            let lease = draft.leases.iter().find(|lease| lease.value.id == id);
            let Some(lease) = lease.map(|lease| lease.value.clone()) else { continue };
            // What they hold may have changed since they were asked.
            if !waived && let Some(why) = self.against_owner(draft, order, &lease, by).await? {
                draft.impossible(&order.about(id), why, None);
                answered = true;
            } else if draft.lease_event(id, &event).is_ok() {
                draft.audit(person(by), "transfer", Of { lease: Some(id), ..Of::default() });
                answered = true;
            }
        }
        if !answered {
            draft.impossible(order, "the machine cannot change hands any more.", None);
        }
        Ok(true)
    }

    /// What speaks against somebody as the owner of a machine: as if they asked
    /// for it now, they have to be among those who may ask, and within what an
    /// owner may hold.
    async fn against_owner(
        &self,
        draft: &mut Draft<'_>,
        order: &Order<'_>,
        lease: &Lease,
        to: &Person,
    ) -> Result<Option<String>, CommitError> {
        let Some(cookbook) = order.cookbook else { return Ok(None) };
        let asked = &draft.request.value.reading;
        let Ok(mut reading) = resized(cookbook, asked, lease, lease.order.shape) else {
            return Ok(None);
        };
        // It is one machine, and theirs.
        for field in ["owner", "count"] {
            reading.fields.remove(&FieldName::from(field));
        }
        reading.violations.clear();
        draft.usage_read(self.usage_mark(cookbook).await?);
        draft.only_if_usage_stands();
        let about = (to, Some(lease.id));
        let facts = self.facts_about(order.desk, draft, cookbook, &reading, about).await?;
        let verdict = policy::judge(cookbook, draft.request.value.policy_version, &reading, &facts);
        let against = |violation: &Violation| {
            if violation.code == ViolationCode::NotEligible {
                let who = cookbook.eligible.iter().map(|who| format!("`{who}`"));
                let who = who.collect::<Vec<_>>().join(", ");
                return Some(format!("`{}` may not ask for it: it is for {who}.", to.username));
            }
            let place = violation.rule.as_ref()?;
            let rule = cookbook.rules.iter().find(|rule| rule.id == place.id)?;
            let about_owner = rule.require.mentions_any_of("usage.owner.");
            about_owner.then(|| format!("`{}` cannot have it: {}", to.username, violation.message))
        };
        let why: Vec<String> = verdict.violations.iter().filter_map(against).collect();
        Ok((!why.is_empty()).then(|| why.join(" ")))
    }
}
