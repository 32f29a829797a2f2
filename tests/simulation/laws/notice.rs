//! Law 1: nothing is stopped or destroyed by time, and no backup dropped,
//! unless people could read of that very deadline on the issue, as often as
//! promised, and had the promised notice since. Law 8: after an outage they
//! have it anew.

use chrono::TimeDelta;
use innkeeper::{
    identity::Timestamp,
    lease::{Deadline, Lease, State, Step},
    machine::MachineKey,
    quantity::Delay,
};

use crate::{
    forge::{BOT, SimulatedNote},
    world::World,
};

/// How far clocks of replicas may differ without anybody noticing.
const TOLERANCE: TimeDelta = TimeDelta::seconds(15);

/// How long a decision may take from reading the clock to the call that stores it.
const DECIDING: TimeDelta = TimeDelta::minutes(15);

pub(super) fn time_is_up(world: &mut World, lease: &Lease) {
    by_time(world, lease, Step::Stop);
}

pub(super) fn backups_go(world: &mut World, lease: &Lease) {
    by_time(world, lease, Step::DropBackups);
}

/// A lease ends: by a confirmed release, as the undoing of a creation, or by time.
pub(super) fn ends(world: &mut World, lease: &Lease) {
    if is_released(world, lease) {
        world.law("ended by confirmed release", true, String::new);
        return;
    }
    match lease.state {
        State::Expired => by_time(world, lease, Step::Destroy),
        State::Provisioning => {
            let handed_over = lease.handed_over.is_some();
            world.law("undone only before hand-over", !handed_over, || lease.id.to_string());
        }
        _ => world.law("ended by confirmed release", false, || {
            format!("{} was {:?} and nobody confirmed a release", lease.order.key.name, lease.state)
        }),
    }
}

/// Whether somebody entitled has confirmed its release.
fn is_released(world: &World, lease: &Lease) -> bool {
    let house = &world.house;
    let Some(issue) = house.issues.get(&lease.issue) else { return false };
    issue.notes.iter().any(|note| {
        let owns = issue.author == note.author
            || lease.owner.id.0 == note.author
            || lease.fallback.iter().any(|person| person.id.0 == note.author);
        note.body.contains("release confirm ")
            && note.was_whole(world.now)
            && (owns || house.decided(note.author, note.created_at))
    })
}

fn by_time(world: &mut World, lease: &Lease, step: Step) {
    let name = lease.order.key.name.clone();
    let clock = world.clock();
    let Some(deadline) = lease.deadline.filter(|deadline| deadline.step == step) else {
        world.law("a step by time has its deadline", false, || {
            format!("{name}: {step:?} without a deadline of its own")
        });
        return;
    };
    world.law("a step by time has its deadline", deadline.at <= clock + TOLERANCE, || {
        format!("{name}: {step:?} at {clock}, due {}", deadline.at)
    });
    let guarded = lease.protected || lease.hold.is_some();
    world.law("what is protected or on hold is left alone", !guarded, || {
        format!("{name}: {step:?}")
    });
    // Whoever stood still in the middle of that call stores what is late. It is
    // done in working hours all the same: [`in_working_hours`].
    let at_work = is_at_work(world);
    world.law(AT_WORK, at_work, || format!("{name}: {step:?} at {}", world_time(clock)));
    match told(world, lease, &deadline) {
        Ok(last) => {
            let notice = lease.terms.min_notice.span();
            let had = world.now - last + unnoticed_jumps(world, last);
            world.law("nothing ends without its notice", had + TOLERANCE >= notice, || {
                format!(
                    "{name}: {step:?} due {}: told {had} before, promised {notice}",
                    deadline.at
                )
            });
            after_an_outage(world, lease, &deadline);
        }
        Err(missing) => world.law("nothing ends without its warnings", false, || {
            format!("{name}: {step:?} due {}: {missing}", deadline.at)
        }),
    }
}

const AT_WORK: &str = "steps by time are taken in working hours";

/// What was decided in working hours is done to a machine in working hours.
pub(super) fn in_working_hours(world: &mut World, key: &MachineKey, decided: Timestamp) {
    if !world.laws.calendar.may_act(decided) {
        return;
    }
    let (clock, at_work) = (world.clock(), is_at_work(world));
    world.law(AT_WORK, at_work, || format!("{}: done at {}", key.name, world_time(clock)));
}

/// Whether the call under way is made in working hours, or was begun in them.
fn is_at_work(world: &World) -> bool {
    let begun = world.asked + world.skew;
    let calendar = &world.laws.calendar;
    [world.clock(), begun, begun - DECIDING].iter().any(|at| calendar.may_act(*at))
}

/// By how much clocks were set ahead since then, too little to be taken for an
/// outage: nobody can know that less time has passed.
fn unnoticed_jumps(world: &World, since: Timestamp) -> TimeDelta {
    let unnoticed = |by: &TimeDelta| *by > TimeDelta::zero() && *by < world.laws.outage_after;
    let jumps = world.laws.jumps.iter().filter(|(at, _)| *at >= since);
    jumps.map(|(_, by)| *by).filter(unnoticed).sum()
}

fn world_time(at: Timestamp) -> String {
    at.format("%a %Y-%m-%d %H:%M UTC").to_string()
}

/// When the last of the comments a deadline needs was on the issue.
fn told(world: &World, lease: &Lease, deadline: &Deadline) -> Result<Timestamp, String> {
    let day = world.laws.calendar.absolute(deadline.at);
    let name = lease.order.key.name.as_str();
    let issue = world.house.issues.get(&lease.issue).ok_or("its issue was never there")?;
    let names_it = |note: &&SimulatedNote| {
        note.author == BOT
            && !note.team
            && !note.body.starts_with("<!-- innkeeper:sticky")
            && note.body.contains(&day)
            && note.body.contains(name)
    };
    let first_since = |since: Timestamp| {
        let notes = issue.notes.iter().filter(names_it);
        notes.filter(|note| note.by_clock + TOLERANCE >= since).map(|note| note.created_at).min()
    };
    let mut last = first_since(deadline.set_at).ok_or("nobody was told of it")?;
    for lead in leads(lease, deadline) {
        let warned = first_since(deadline.at - lead.span());
        last = last.max(warned.ok_or_else(|| format!("no warning {lead:?} before"))?);
    }
    Ok(last)
}

/// How long before a deadline people are promised to be warned of it.
fn leads(lease: &Lease, deadline: &Deadline) -> Vec<Delay> {
    let promised = match deadline.step {
        Step::Stop => lease.terms.warn.clone(),
        Step::Destroy => vec![lease.terms.min_notice],
        Step::DropBackups => Vec::new(),
    };
    promised.into_iter().filter(|lead| deadline.at - lead.span() > deadline.set_at).collect()
}

/// A deadline whose warnings fell into an outage leaves the full notice after it.
fn after_an_outage(world: &mut World, lease: &Lease, deadline: &Deadline) {
    let Some(ended) = world.laws.outage else { return };
    let window = leads(lease, deadline).into_iter().map(Delay::span).max();
    let window = deadline.at - window.unwrap_or(TimeDelta::zero());
    // By the clock of now; what is set after the outage was not touched by it. As
    // long as a clock is behind, nothing is swept: that is no outage.
    if window > ended || deadline.set_at >= ended || world.laws.stepped.is_some() {
        return;
    }
    let (had, notice) = (world.now - ended, lease.terms.min_notice.span());
    world.law("an outage is not caught up by ending", had + TOLERANCE >= notice, || {
        format!("{}: {:?} {had} after the outage", lease.order.key.name, deadline.step)
    });
}
