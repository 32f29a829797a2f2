//! Laws 2, 3 and 8: whose machine is touched, how many there are, how often a
//! day; and that nobody acts on what another has taken over.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use innkeeper::{
    brake::Deed,
    effect::Task,
    identity::{LeaseId, ProviderName},
    lease::{State, lifecycle::Effect},
    machine::{MachineKey, Shape},
    ports::store::ClaimedEffect,
};

use uuid::Uuid;

use super::{approval, notice};
use crate::{story::Who, world::World};

/// Something that was really done to a machine.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Touch {
    Create(Shape),
    Start,
    Stop,
    Change,
    Destroy,
    DropBackups,
    /// Our mark was written into it.
    Adopt,
}

/// It was done by whoever is at it.
pub(crate) fn touched(world: &mut World, provider: &ProviderName, key: &MachineKey, touch: Touch) {
    let name = &key.name;
    let effect = fence(world, key, touch);
    let step = match effect.as_ref().map(|effect| &effect.task) {
        Some(Task::Lease(_, step)) => Some(step.clone()),
        _ => None,
    };
    if let (Some(effect), Some(Effect::Stop | Effect::Destroy | Effect::DropBackups)) =
        (&effect, &step)
    {
        notice::in_working_hours(world, key, effect.ordered_at);
    }
    let lease = world.laws.leases.get(&key.lease).map(|lease| lease.value.clone());
    let Some(lease) = lease else {
        world.law("no machine without a lease", false, || format!("{name}: {touch:?}"));
        return;
    };
    let right_place = lease.provider == *provider && lease.order.key.name == *name;
    world
        .law("no machine but the lease's is touched", right_place, || format!("{name}: {touch:?}"));
    let state = lease.state;
    let fits = |state: State| match touch {
        Touch::Create(_) => state == State::Provisioning,
        Touch::Stop if step == Some(Effect::SwitchOff) => state == State::Active,
        Touch::Stop => state == State::Expired,
        // Undone at once when the lease has moved on; seen by the next sweep.
        Touch::Start => true,
        Touch::Change => state == State::Active,
        Touch::Destroy => state == State::Destroying,
        Touch::DropBackups => state == State::Destroyed,
        Touch::Adopt => state == State::Adopted,
    };
    let fitted = stood_when_begun(world, key.lease).is_some_and(fits);
    world.law("a machine is treated as its lease stands", fits(state) || fitted, || {
        format!("{name}: {touch:?} although the lease is {state:?}")
    });
    match touch {
        Touch::Create(shape) => {
            let made = count(&mut world.laws.made, key.lease);
            world.law("a machine is made once", made == 1, || format!("{name}: {made} times"));
            world.law("what is made was approved", shape == lease.order.shape, || name.to_string());
            let (now, most) = (world.now, world.laws.creations_per_day);
            world.laws.creations.push(now);
            let recent = world.laws.creations.iter().filter(|at| now - **at < DAY).count() as u64;
            within(world, ("no more machines a day are made", recent, most));
        }
        Touch::Destroy => {
            let times = count(&mut world.laws.destroyed, key.lease);
            world.law("a machine is destroyed once", times == 1, || {
                format!("{name}: {times} times")
            });
            unguarded(world, key, touch);
            let (now, most) = (world.now, world.laws.destroys_per_day);
            world.laws.destructions.push(now);
            let recent =
                world.laws.destructions.iter().filter(|at| now - **at < DAY).count() as u64;
            within(world, ("no more machines a day are destroyed", recent, most));
        }
        Touch::DropBackups => unguarded(world, key, touch),
        Touch::Adopt => {
            let confirmed = approval::is_confirmed(world, &lease);
            world.law("what was found is left alone", confirmed, || name.to_string());
            world.laws.strangers.retain(|(host, other)| host != provider || other.name != *name);
            count(&mut world.laws.made, key.lease);
        }
        _ => {}
    }
    // What was made is switched on again as long as its hooks run.
    let deed = step.as_ref().and_then(Effect::deed);
    let is_made = matches!((touch, deed), (Touch::Start, Some(Deed::Create)));
    if let Some(deed) = deed.filter(|_| !is_made) {
        not_frozen(world, key, deed);
    }
    strangers_are_untouched(world);
    every_machine_has_a_lease(world);
}

/// A day, less what clocks of replicas may differ by.
const DAY: TimeDelta = TimeDelta::seconds(24 * 3_600 - 10);

fn count(times: &mut BTreeMap<LeaseId, u64>, lease: LeaseId) -> u64 {
    let times = times.entry(lease).or_default();
    *times += 1;
    *times
}

/// A clock that jumps ahead makes a day of what was less: nobody could tell.
fn within(world: &mut World, (law, recent, most): (&'static str, u64, u64)) {
    let jumped = world.laws.jumped.is_some_and(|at| world.now - at < DAY);
    world.law(law, recent <= most || jumped, || format!("{recent} of {most}"));
}

/// Nobody's call takes effect after somebody else has taken over. What is
/// worked on.
fn fence(world: &mut World, key: &MachineKey, touch: Touch) -> Option<ClaimedEffect> {
    let Who::Replica { task, .. } = world.who else { return None };
    let Some((effect, _)) = world.laws.claims.get(&task).cloned() else {
        world.law("nobody acts without a claim", false, || format!("{}: {touch:?}", key.name));
        return None;
    };
    let latest = world.laws.latest.get(&effect.id) == Some(&effect.attempts)
        && !world.laws.finished.contains(&effect.id);
    world.law("nobody acts on what another took over", latest, || {
        format!("{}: {touch:?} by effect {} #{}", key.name, effect.id, effect.attempts)
    });
    Some(effect)
}

/// The machine a call is about is the one that was made for the lease, or found.
pub(crate) fn is_meant(world: &mut World, key: &MachineKey, uuid: Uuid) {
    let known = *world.laws.uuids.entry(key.lease).or_insert(uuid);
    world.law("no machine but the lease's is touched", known == uuid, || {
        format!("{}: {uuid} is another machine than {known}", key.name)
    });
}

/// How long a call may be on its way that was begun before a freeze was heard of.
const ON_ITS_WAY: TimeDelta = TimeDelta::seconds(60);

/// Nothing is done that operators hold back, unless it was on its way already.
fn not_frozen(world: &mut World, key: &MachineKey, deed: Deed) {
    let (now, clock) = (world.now, world.clock());
    if world.laws.stepped.is_some_and(|at| now - at < ON_ITS_WAY) {
        return;
    }
    let frozen = world.laws.frozen.get(&deed);
    let held =
        frozen.is_some_and(|(freeze, since)| freeze.holds(clock) && now - *since > ON_ITS_WAY);
    world.law("what is frozen is left alone", !held, || format!("{}: {deed}", key.name));
}

/// Where the lease stood when whoever is at it began, if it has moved on since:
/// a call on its way cannot be taken back. What is destroyed never moved on.
fn stood_when_begun(world: &World, lease: LeaseId) -> Option<State> {
    let Who::Replica { task, .. } = world.who else { return None };
    let (_, begun) = world.laws.claims.get(&task)?;
    let (before, moved) = world.laws.moved.get(&lease)?;
    (moved >= begun).then_some(*before)
}

/// Neither protected nor on hold since before it was begun.
fn unguarded(world: &mut World, key: &MachineKey, touch: Touch) {
    let Who::Replica { task, .. } = world.who else { return };
    let begun = world.laws.claims.get(&task).map(|(_, since)| *since);
    let guarded = world.laws.guarded.get(&key.lease).copied();
    let guarded = guarded.zip(begun).is_some_and(|(guarded, begun)| guarded < begun);
    world.law("what is protected or on hold is left alone", !guarded, || {
        format!("{}: {touch:?}", key.name)
    });
}

fn strangers_are_untouched(world: &mut World) {
    let untouched = world.laws.strangers.iter().all(|(provider, machine)| {
        world.hosts.get(provider).and_then(|host| host.machines.get(&machine.name)) == Some(machine)
    });
    world.law("strangers are untouched", untouched, || "one has changed".to_owned());
}

/// Each machine that bears a lease's mark is that of a lease that may have one,
/// and of no other.
pub(super) fn every_machine_has_a_lease(world: &mut World) {
    let mut seen: Vec<LeaseId> = Vec::new();
    let mut wrong = None;
    for machine in world.hosts.values().flat_map(|host| host.machines.values()) {
        let Some(id) = machine.lease else { continue };
        let lease = world.laws.leases.get(&id);
        if seen.contains(&id) || lease.is_none_or(|lease| !lease.value.state.has_machine()) {
            wrong = Some(machine.name.clone());
        }
        seen.push(id);
    }
    world.law("one machine a lease, none without", wrong.is_none(), || format!("{wrong:?}"));
}
