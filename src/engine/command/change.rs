//! `resize` and `rebuild`: what changes a machine that is in use.

use super::{Order, question::Deed};
use crate::{
    command::NewSize,
    cookbook::{
        Cookbook, MachineCommand,
        tier::{Amount, CUSTOM},
    },
    engine::{
        Engine,
        draft::{Draft, Of, person},
    },
    identity::{FieldName, MachineName},
    lease::{Lease, State, lifecycle::Event},
    machine::Shape,
    notice::Reply,
    policy,
    ports::store::CommitError,
    request::{
        Answer, Reading,
        value::{Value, limits},
    },
    violation::Violation,
};

const STOPPED: Option<&str> = Some("A stopped machine whose time is up comes back with `restore`.");

impl Engine {
    /// Gives a machine another size. Owners and approvers stay within what the
    /// form and the rules allow; sysadmins need not.
    pub(super) async fn resize(
        &self,
        draft: &mut Draft<'_>,
        order: &Order<'_>,
        size: NewSize,
        machine: Option<&MachineName>,
    ) -> Result<(), CommitError> {
        for lease in draft.meant(order, machine, &[State::Active], STOPPED) {
            if !draft.may(order, &lease, MachineCommand::Resize) {
                return Ok(());
            }
            let about = order.about(lease.id);
            let shape = size.of(lease.order.shape);
            if shape == lease.order.shape {
                draft.impossible(&about, "it has this size already.", None);
                continue;
            }
            if shape.disk < lease.order.shape.disk {
                let hint = Some("Ask for a new machine with a smaller disk instead.");
                draft.impossible(&about, "disks only grow.", hint);
                continue;
            }
            let bound = order.cookbook.filter(|_| order.rights.sysadmin.is_none());
            if let Some(cookbook) = bound {
                draft.usage_read(self.usage_mark(cookbook).await?);
                draft.only_if_usage_stands();
            }
            if order.rights.sysadmin.is_none()
                && let Some(why) = self.against(draft, order, &lease, shape).await?
            {
                let hint = Some("A sysadmin can give the same command.");
                draft.impossible(&about, why, hint);
                continue;
            }
            let event = Event::Resize { shape, by: order.by().clone() };
            if draft.lease_event(lease.id, &event).is_ok() {
                audit(draft, order, &lease);
                let what = format!("`{}` is being given another size.", lease.order.key.name);
                draft.reply(&about.key, Reply::Done { what });
            }
        }
        Ok(())
    }

    /// What form and rules have against this size.
    async fn against(
        &self,
        draft: &Draft<'_>,
        order: &Order<'_>,
        lease: &Lease,
        shape: Shape,
    ) -> Result<Option<String>, CommitError> {
        let Some(cookbook) = order.cookbook else {
            return Ok(Some("its cookbook is not there any more.".to_owned()));
        };
        let reading = match resized(cookbook, &draft.request.value.reading, lease, shape) {
            Ok(reading) => reading,
            Err(why) => return Ok(Some(why)),
        };
        let today = self.calendar.today(self.now());
        let asked = (&order.desk.issue.author, Some(lease.id));
        let mut facts = self.facts_about(order.desk, draft, cookbook, &reading, asked).await?;
        // What it has now is not in its own way.
        for own in &draft.leases {
            facts.taken_names.remove(own.value.order.key.name.as_str());
        }
        // A tier is larger than what the form takes otherwise, if the cookbook says so.
        let by_tier = cookbook.tier_field().is_some_and(|chosen| {
            let answer = reading.fields.get(&chosen.field.name);
            answer.is_some_and(|answer| answer.value != Value::Choice(CUSTOM.to_owned()))
        });
        let limit = |field: &crate::cookbook::Field| {
            let answer = reading.fields.get(&field.name)?;
            let sized = Amount::asked_by(&field.kind).is_some();
            let found = limits::check(&field.kind, &answer.value, &cookbook.lifetime, today);
            found.filter(|_| sized && !by_tier)
        };
        let mut violations: Vec<Violation> = cookbook.fields.iter().filter_map(limit).collect();
        let verdict = policy::judge(cookbook, draft.request.value.policy_version, &reading, &facts);
        violations.extend(verdict.violations);
        let why: Vec<String> = violations.into_iter().map(|violation| violation.message).collect();
        Ok((!why.is_empty()).then(|| why.join(" ")))
    }

    /// Asks whether a machine's system is to be installed anew.
    pub(super) fn rebuild(draft: &mut Draft<'_>, order: &Order<'_>, machine: Option<&MachineName>) {
        for lease in draft.meant(order, machine, &[State::Active], STOPPED) {
            if draft.request.value.is_adopted() {
                let why = "it was there before me, so I do not know how it was installed.";
                draft.impossible(&order.about(lease.id), why, None);
                return;
            }
            if !draft.may(order, &lease, MachineCommand::Rebuild)
                || !unguarded(draft, order, &lease)
            {
                return;
            }
            let code = draft.ask(order, Deed::Rebuild, &lease);
            let machine = lease.order.key.name.to_string();
            draft.reply(&order.about(lease.id).key, Reply::ConfirmRebuild { machine, code });
        }
    }

    /// Installs it anew.
    pub(super) fn confirm_rebuild(
        draft: &mut Draft<'_>,
        order: &Order<'_>,
        machine: Option<&MachineName>,
        given: &str,
    ) {
        let Some(lease) = draft.asked(order, Deed::Rebuild, machine, given) else { return };
        if !draft.may(order, &lease, MachineCommand::Rebuild) || !unguarded(draft, order, &lease) {
            return;
        }
        draft.settle(Deed::Rebuild, lease.id);
        let event = Event::Rebuild { by: order.by().clone() };
        if draft.lease_event(lease.id, &event).is_err() {
            draft.impossible(&order.about(lease.id), "the machine has moved on meanwhile.", None);
            return;
        }
        audit(draft, order, &lease);
        let what = format!("The system of `{}` is being installed anew.", lease.order.key.name);
        draft.reply(&order.about(lease.id).key, Reply::Done { what });
    }
}

/// `true` unless it is protected or on hold, which is said.
fn unguarded(draft: &mut Draft<'_>, order: &Order<'_>, lease: &Lease) -> bool {
    let name = &lease.order.key.name;
    let (why, hint) = if lease.protected {
        (format!("`{name}` is protected."), "A sysadmin can `unprotect` it first.")
    } else if let Some(why) = &lease.hold {
        (format!("`{name}` is on hold: {why}."), "A sysadmin can `unhold` it first.")
    } else {
        return true;
    };
    draft.impossible(&order.about(lease.id), why, Some(hint));
    false
}

fn audit(draft: &mut Draft<'_>, order: &Order<'_>, lease: &Lease) {
    let authority = order.rights.authority();
    draft.audit(
        person(order.by()),
        order.word,
        Of { lease: Some(lease.id), authority, digest: Some(lease.digest) },
    );
}

/// The form as if it had asked for this size.
pub(super) fn resized(
    cookbook: &Cookbook,
    reading: &Reading,
    lease: &Lease,
    shape: Shape,
) -> Result<Reading, String> {
    let had = lease.order.shape;
    let mut asked = reading.clone();
    let mut put = |field: FieldName, value: Value| {
        asked.fields.insert(field, Answer { value, line: None, written: None });
    };
    let mut of_a_tier = false;
    if let Some(chosen) = cookbook.tier_field() {
        let tier = chosen.tiers.iter().find(|tier| tier.shape == shape);
        of_a_tier = tier.is_some();
        let name = match tier {
            Some(tier) => tier.name.clone(),
            None if chosen.custom => CUSTOM.to_owned(),
            None => {
                let sizes: Vec<String> = chosen.tiers.iter().map(ToString::to_string).collect();
                return Err(format!("there is no such size, only {}.", sizes.join("; ")));
            }
        };
        put(chosen.field.name.clone(), Value::Choice(name));
    }
    for amount in Amount::ALL {
        let (value, name) = (amount.of(shape), amount.name());
        match amount.field(cookbook) {
            Some(field) => put(field.name.clone(), value),
            None if of_a_tier => put(name.into(), value),
            None if value != amount.of(had) => {
                return Err(format!("the form of this cookbook does not ask for {name}."));
            }
            None => {}
        }
    }
    Ok(asked)
}

impl NewSize {
    /// This size with the changes.
    fn of(self, now: Shape) -> Shape {
        Shape {
            vcpus: self.vcpus.unwrap_or(now.vcpus),
            memory: self.memory.unwrap_or(now.memory),
            disk: self.disk.unwrap_or(now.disk),
        }
    }
}
