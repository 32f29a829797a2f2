//! Law 4: a machine is granted for a digest that somebody else, who may, has
//! named in a comment nobody changed; or by a policy that says so.

use innkeeper::{lease::Lease, ports::store::Change};

use crate::world::World;

pub(super) fn granted(world: &mut World, lease: &Lease, change: &Change) {
    let name = lease.order.key.name.clone();
    let approved = approved(world, lease);
    let automatic = world.laws.automatic && is_small(world, lease);
    world.law("granted as approved", approved || automatic, || {
        format!("{name}: nobody approved {}", lease.digest.short())
    });
    if approved {
        let shape = lease.order.shape;
        let digest = lease.digest.short();
        let read: Vec<&str> = world
            .laws
            .endorsed
            .iter()
            .filter(|(named, _)| *named == digest)
            .map(|(_, body)| body.as_str())
            .collect();
        // Nothing is shown while its cookbook is gone.
        let hidden = read.iter().any(|body| !body.contains("What was understood"));
        let shown = |amount: String| read.iter().any(|body| body.contains(&format!("| {amount}")));
        let same = shown(shape.memory.to_string()) && shown(shape.vcpus.to_string());
        world.law("granted as it was read", same || hidden, || format!("{name}: {shape:?}"));
    }
    let logged = change.audit.iter().any(|note| note.action.starts_with("granted"));
    world.law("grants are in the audit log", logged, || name.to_string());
}

/// A machine that was found: nobody's so far, and nothing is done to it.
pub(super) fn found(world: &mut World, lease: &Lease) {
    let key = &lease.order.key;
    let is_there = world.laws.strangers.iter().any(|(provider, machine)| {
        *provider == lease.provider && machine.name == key.name && Some(machine.uuid) == key.uuid
    });
    let left_alone = lease.protected && lease.deadline.is_none();
    world.law("what was found is left alone", is_there && left_alone, || key.name.to_string());
}

/// Whether a sysadmin has said whose a found machine is.
pub(super) fn is_confirmed(world: &World, lease: &Lease) -> bool {
    let house = &world.house;
    house.issues.get(&lease.issue).is_some_and(|issue| {
        issue.notes.iter().any(|note| {
            note.body.contains("innkeeper confirm ")
                && note.was_whole(world.now)
                && house.decided(note.author, note.created_at)
        })
    })
}

fn approved(world: &World, lease: &Lease) -> bool {
    let house = &world.house;
    let Some(issue) = house.issues.get(&lease.issue) else { return false };
    issue.notes.iter().any(|note| {
        let named = note.body.split_once("approve ").map(|(_, rest)| rest);
        let named = named.and_then(|rest| rest.split_whitespace().next());
        named.is_some_and(|digest| lease.digest.is_named_by(digest))
            && note.was_whole(world.now)
            && note.author != issue.author
            && note.author != lease.owner.id.0
            && house.decided(note.author, note.created_at)
    })
}

/// What the cookbook lets pass by itself.
fn is_small(world: &World, lease: &Lease) -> bool {
    let shape = lease.order.shape;
    let staff = world
        .house
        .issues
        .get(&lease.issue)
        .and_then(|issue| world.house.people.get(&issue.author))
        .is_some_and(|account| account.staff);
    shape.vcpus.get() <= 2 && shape.memory.get() <= 4096 && staff
}
