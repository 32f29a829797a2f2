//! Laws 5, 6, 7, 9 and 10, as far as they are about what is left when nothing
//! is under way: what is shown, once; and at the end, that everything came to
//! its end.

use std::collections::BTreeSet;

use innkeeper::{
    effect::Task,
    identity::IssueRef,
    lease::{Lease, State},
};

use crate::{
    forge::{BOT, PLAIN},
    memory_store::{MemoryStore, Stage},
    world::World,
};

/// Nothing is under way and nothing is due. What was well when this was last
/// looked at, and where nothing of ours was said since, still is.
pub(crate) fn quiet(world: &mut World) {
    let mut twice = None;
    for at in std::mem::take(&mut world.house.said_on) {
        let Some(issue) = world.house.issues.get(&at).filter(|issue| !issue.deleted) else {
            continue;
        };
        let mut markers = BTreeSet::new();
        for note in issue.notes.iter().filter(|note| note.author == BOT && !note.deleted) {
            let marker = note.body.lines().next().unwrap_or_default();
            if !markers.insert(marker) {
                twice = Some(format!("{at}: {}", note.body));
            }
        }
    }
    world.law("everything is said once", twice.is_none(), || twice.unwrap_or_default());
}

/// Whether text that bears a plant has it outside of code, where it would act.
pub(super) fn acts(body: &str) -> bool {
    let mut fenced = false;
    for line in body.lines() {
        let line = line.trim_start();
        if line.starts_with("```") || line.starts_with("~~~") {
            fenced = !fenced;
            continue;
        }
        if !fenced && line.contains("planted") {
            let plain = without_code(line);
            if ["@planted", "/planted", "<planted"].iter().any(|plant| plain.contains(plant)) {
                return true;
            }
        }
    }
    false
}

/// A line without its code spans.
fn without_code(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some(start) = rest.find('`') {
        plain.push_str(&rest[..start]);
        let ticks = rest[start..].chars().take_while(|letter| *letter == '`').count();
        let after = &rest[start + ticks..];
        let mut from = 0;
        let end = loop {
            let Some(at) = after[from..].find('`') else { break None };
            let run = after[from + at..].chars().take_while(|letter| *letter == '`').count();
            if run == ticks {
                break Some(from + at + run);
            }
            from += at + run;
        };
        if let Some(end) = end {
            rest = &after[end..];
        } else {
            plain.push_str(&rest[start..start + ticks]);
            rest = after;
        }
    }
    plain.push_str(rest);
    plain
}

/// Whether nobody can be heard on an issue any more: machines wait for an operator
/// to give them another one, and everything else for ever.
pub(crate) fn is_lost(world: &World, issue: &IssueRef) -> bool {
    world.house.issues.get(issue).is_none_or(|issue| issue.deleted)
}

/// Whether everything has come to its end; what has not.
pub(crate) fn converged(world: &World, rows: &MemoryStore) -> Result<(), String> {
    rows.rows(|rows| {
        for lease in rows.leases.values().map(|lease| &lease.value) {
            if lease.state != State::Ended {
                return Err(format!(
                    "{} is {:?}: {}",
                    lease.order.key.name,
                    lease.state,
                    why(lease)
                ));
            }
        }
        for effect in rows.effects.values() {
            let issue = match &effect.task {
                Task::Lease(id, _) => rows.leases.get(id).map(|lease| lease.value.issue.clone()),
                Task::Reply(id, _) | Task::TeamNote(id, _) => {
                    rows.requests.get(id).map(|request| request.value.issue.clone())
                }
            };
            let lost = issue.is_none_or(|issue| is_lost(world, &issue));
            if !matches!(effect.stage, Stage::Done(_)) && !lost {
                let error = effect.last_error.as_deref().unwrap_or_default();
                return Err(format!("{} is {:?}: {error}", effect.key, effect.stage));
            }
        }
        Ok(())
    })
}

fn why(lease: &Lease) -> String {
    format!(
        "deadline {:?}, hold {:?}, protected {}, trouble {:?}",
        lease.deadline, lease.hold, lease.protected, lease.trouble
    )
}

/// What is left at the very end.
pub(crate) fn at_the_end(world: &mut World, rows: &MemoryStore) {
    quiet(world);
    let ended: Vec<Lease> = rows.rows(|rows| {
        let ended = rows.leases.values().filter(|lease| lease.value.state == State::Ended);
        ended.map(|lease| lease.value.clone()).collect()
    });
    for lease in &ended {
        let id = lease.id;
        let left = world.hosts.values().any(|host| {
            host.kept.contains(&id) || host.machines.values().any(|m| m.lease == Some(id))
        });
        let name = lease.order.key.name.to_string();
        world.law("what has ended leaves nothing", !left, || name.clone());
        let made = world.laws.made.contains_key(&id);
        let gone = world.laws.destroyed.contains_key(&id) || world.laws.removed.contains(&id);
        world.law("what was made was destroyed", made == gone, || name.clone());
        let actions: Vec<String> = rows.rows(|rows| {
            let about = rows.audit.iter().filter(|entry| entry.note.lease == Some(id));
            about.map(|entry| entry.note.action.clone()).collect()
        });
        let has = |word: &str| actions.iter().any(|action| action == word);
        let handed_over = lease.handed_over.is_some();
        let begun = has("created") || has("adopted") && has("marked");
        let told = has("destroyed") && (!handed_over || begun && has("backups-dropped"))
            || has("adopted") && has("let-go") && !handed_over;
        world.law("what was done is in the audit log", told, || format!("{name}: {actions:?}"));
    }
    views(world, rows);
}

/// Every request is answered, and shown as it stands.
fn views(world: &mut World, rows: &MemoryStore) {
    let requests: Vec<_> =
        rows.rows(|rows| rows.requests.values().map(|request| request.value.clone()).collect());
    let issues: Vec<_> =
        world.house.issues.iter().map(|(at, issue)| (at.clone(), issue.clone())).collect();
    for (at, issue) in issues {
        let served = at.project.0 != crate::forge::FOREIGN_PROJECT;
        if issue.deleted || issue.moved_to.is_some() || !served {
            continue;
        }
        let stickies = issue
            .notes
            .iter()
            .filter(|note| note.author == BOT && !note.deleted)
            .filter(|note| note.body.starts_with("<!-- innkeeper:sticky"))
            .count();
        let labels: Vec<String> =
            issue.labels.iter().filter(|label| label.starts_with("innkeeper::")).cloned().collect();
        let (open, reopened, due) = (issue.open, issue.reopened, issue.due_date);
        let request = requests.iter().find(|request| request.issue == at);
        let Some(request) = request else {
            // Closed before anybody looked, it asks for nothing. What we filed
            // ourselves waits for whoever wanted to adopt a machine, and a plain one
            // for the operator to choose it.
            let asks = open && issue.author != BOT && issue.description != PLAIN;
            world.law("every request is answered", !asks, || at.to_string());
            continue;
        };
        world.law("every request is answered", stickies == 1, || format!("{at}: {stickies}"));
        world.law("labels show the state", labels.len() == 1, || format!("{at}: {labels:?}"));
        let over = !request.leases.is_empty()
            && matches!(request.state, innkeeper::request::lifecycle::State::Fulfilled);
        if over {
            let says_ended = labels.first().is_some_and(|label| label.ends_with("::ended"));
            world.law("labels show the state", says_ended, || format!("{at}: {labels:?}"));
            world.law("no due date is left", due.is_none(), || format!("{at}: {due:?}"));
            world.law("what is over is closed", !open || reopened, || at.to_string());
        }
    }
}
