//! Commands about a machine itself, and those for sysadmins.

use super::Order;
use crate::{
    cookbook::{MachineCommand, PowerCommand},
    effect::NewEffect,
    engine::{
        Engine,
        draft::{Draft, Of, person},
    },
    identity::MachineName,
    lease::{State, lifecycle::Event},
    notice::Reply,
    ports::store::CommitError,
};

/// States in which a machine can be protected. Also while it is being
/// destroyed: that may be failing, or wait for just this.
const WITH_MACHINE: [State; 5] =
    [State::Adopted, State::Provisioning, State::Active, State::Expired, State::Destroying];

/// States in which something may still happen by itself.
const NOT_ENDED: [State; 6] = [
    State::Adopted,
    State::Provisioning,
    State::Active,
    State::Expired,
    State::Destroying,
    State::Destroyed,
];

impl Engine {
    /// `start`, `stop`, `reboot`: as the cookbook says; sysadmins always.
    pub(super) fn switch(
        draft: &mut Draft<'_>,
        order: &Order<'_>,
        command: PowerCommand,
        machine: Option<&MachineName>,
    ) {
        let hint = Some("A stopped machine whose time is up comes back with `restore`.");
        for lease in draft.meant(order, machine, &[State::Active], hint) {
            if !draft.may(order, &lease, MachineCommand::Power(command)) {
                return;
            }
            let event = Event::Switch { command, by: order.by().clone() };
            if draft.lease_event(lease.id, &event).is_ok() {
                let authority = order.rights.authority();
                let of = Of { lease: Some(lease.id), authority, digest: None };
                draft.audit(person(order.by()), order.word, of);
            }
        }
    }

    /// Tries again at once whatever failed for this issue.
    pub(super) async fn retry(
        &self,
        draft: &mut Draft<'_>,
        order: &Order<'_>,
    ) -> Result<(), CommitError> {
        if order.rights.sysadmin.is_none() {
            draft.refuse(order, &["sysadmins"]);
            return Ok(());
        }
        let lanes: Vec<String> = std::iter::once(NewEffect::issue_lane(&draft.request.value.issue))
            .chain(draft.leases.iter().map(|lease| NewEffect::machine_lane(lease.value.id)))
            .collect();
        let mut revived = self.store().revive_effects(&lanes, draft.now()).await?;
        for index in 0..draft.leases.len() {
            let before = &draft.leases[index].value;
            let (id, left) = (before.id, before.hooks_left());
            // None of them may be run again by now: that is no mistake.
            let _ = draft.lease_event(id, &Event::RunHooksAgain);
            revived += (left - draft.leases[index].value.hooks_left()) as u64;
        }
        draft.audit(person(order.by()), "retry", Of::default());
        draft.done(order, format!("{revived} thing(s) are tried again now."));
        Ok(())
    }

    /// Nothing happens by itself, or does so again.
    pub(super) fn hold(draft: &mut Draft<'_>, order: &Order<'_>, reason: Option<String>) {
        let event = match reason {
            Some(reason) => Event::Hold { reason },
            None => Event::Unhold,
        };
        let what = match event {
            Event::Hold { .. } => "is on hold: nothing happens to it by itself.",
            _ => "is not on hold any more; whatever fell due meanwhile is announced again first.",
        };
        Self::as_sysadmin(draft, order, (None, NOT_ENDED.as_slice()), &event, what);
    }

    /// Never stopped or destroyed by itself, or so again.
    pub(super) fn protect(
        draft: &mut Draft<'_>,
        order: &Order<'_>,
        protected: bool,
        machine: Option<&MachineName>,
    ) {
        let what = if protected {
            "is protected: it is neither stopped nor destroyed by itself or by its owner."
        } else {
            "is not protected any more; whatever fell due meanwhile is announced again first."
        };
        let fit: &[State] = if protected { &WITH_MACHINE } else { &NOT_ENDED };
        Self::as_sysadmin(draft, order, (machine, fit), &Event::Protect(protected), what);
    }

    fn as_sysadmin(
        draft: &mut Draft<'_>,
        order: &Order<'_>,
        (machine, fit): (Option<&MachineName>, &[State]),
        event: &Event,
        what: &str,
    ) {
        if order.rights.sysadmin.is_none() {
            draft.refuse(order, &["sysadmins"]);
            return;
        }
        for lease in draft.meant(order, machine, fit, None) {
            if draft.lease_event(lease.id, event).is_ok() {
                let authority = order.rights.authority();
                let of = Of { lease: Some(lease.id), authority, digest: None };
                draft.audit(person(order.by()), order.word, of);
                let what = format!("`{}` {what}", lease.order.key.name);
                draft.reply(&order.about(lease.id).key, Reply::Done { what });
            }
        }
    }
}
