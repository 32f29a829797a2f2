//! `confirm`, and `release` before it: what becomes of a machine that was found.

use super::{Order, time::end_of};
use crate::{
    engine::{Engine, draft::Draft},
    identity::{MachineName, Person},
    lease::{
        Lease, State,
        lifecycle::{Confirmation, Event},
    },
    ports::{PortError, store::CommitError},
    request::{WaitsOn, value::Term},
};

impl Engine {
    /// Puts a machine into somebody's care. It is ours only when its provider
    /// has written our mark into it; until then nothing changes.
    pub(super) async fn confirm(
        &self,
        draft: &mut Draft<'_>,
        order: &Order<'_>,
        machine: Option<&MachineName>,
        (owner, fallback): (&str, &[String]),
        until: Term,
    ) -> Result<(), CommitError> {
        if order.rights.sysadmin.is_none() {
            draft.refuse(order, &["sysadmins"]);
            return Ok(());
        }
        let hint = Some(
            "Only a machine that was found is confirmed; `transfer` and `extend` change one that is in use.",
        );
        let found = draft.meant(order, machine, &[State::Adopted], hint);
        if found.is_empty() {
            return Ok(());
        }
        let Some(owner) = self.active_account(draft, order, owner).await? else { return Ok(()) };
        let mut stand_ins: Vec<Person> = Vec::new();
        for name in fallback {
            let Some(person) = self.active_account(draft, order, name).await? else {
                return Ok(());
            };
            if person.id != owner.id && stand_ins.iter().all(|other| other.id != person.id) {
                stand_ins.push(person);
            }
        }
        for lease in found {
            let until = end_of(&self.calendar_of(&lease.cookbook), until, draft.now());
            if let Some((why, hint)) = self.unfit_end(&lease, until) {
                draft.impossible(&order.about(lease.id), why, hint);
                continue;
            }
            if lease.waits_on == WaitsOn::Provider {
                let why = format!(
                    "`{}` was confirmed already and waits for its provider.",
                    lease.order.key.name
                );
                draft.impossible(&order.about(lease.id), why, None);
                continue;
            }
            let confirmation =
                Confirmation { owner: owner.clone(), fallback: stand_ins.clone(), until };
            Self::move_end(draft, order, &lease, &Event::Confirm(confirmation), "confirm");
        }
        Ok(())
    }

    /// The account of that name; answers when there is none.
    async fn active_account(
        &self,
        draft: &mut Draft<'_>,
        order: &Order<'_>,
        name: &str,
    ) -> Result<Option<Person>, PortError> {
        let found = self.person_named(order.desk, name).await?;
        if found.is_none() {
            draft.impossible(order, format!("there is no active account `{name}`."), None);
        }
        Ok(found)
    }

    /// Why a machine cannot end then: as a sentence, with what to do instead.
    fn unfit_end(&self, lease: &Lease, until: crate::identity::Timestamp) -> Option<Unfit> {
        let now = self.now();
        if until <= now {
            return Some(("that day has passed.".to_owned(), None));
        }
        let calendar = self.calendar_of(&lease.cookbook);
        let latest = calendar.expiry(now, lease.terms.total);
        (until > latest).then(|| {
            let why = format!(
                "its terms, those of cookbook `{}`, end it by `{}` at the latest.",
                lease.cookbook,
                calendar.absolute(latest)
            );
            (why, Some("Choose an earlier end; you can `extend` it once it is confirmed."))
        })
    }

    /// Ends the record of a machine nobody confirmed. Asks nothing back: the
    /// machine stays as it is, and can be adopted again.
    pub(super) fn let_go(draft: &mut Draft<'_>, order: &Order<'_>, lease: &Lease) {
        if order.rights.sysadmin.is_none() {
            draft.refuse(order, &["sysadmins, as long as it is not confirmed"]);
            return;
        }
        // Its mark may be written at this moment, and must not outlive the record.
        if lease.marking {
            let hint = "Wait for what comes of it. Once it is confirmed, `release` destroys it.";
            draft.impossible(&order.about(lease.id), "it is just being confirmed.", Some(hint));
            return;
        }
        let event = Event::Release { by: order.by().clone() };
        Self::move_end(draft, order, lease, &event, "let-go");
    }
}

/// A refusal and a hint.
type Unfit = (String, Option<&'static str>);
