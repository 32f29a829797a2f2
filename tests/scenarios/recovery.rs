//! The store is restored from a backup, and meanwhile the world went on:
//! nothing is done before somebody says so, nothing is done twice, nobody is
//! surprised, and in the end everything fits again.

use std::sync::Arc;

use chrono::TimeDelta;
use innkeeper::{
    engine::recovery::{self, Differences, Found},
    lease::State,
    machine::Power,
    ports::clock::Clock as _,
    rehearsal::IssueKey,
    store::{backup::Reader, sql::SqlStore},
};

use crate::{
    host::{Call, Fails},
    world::{World, brief},
};

const HOUR: TimeDelta = TimeDelta::hours(1);

async fn back_up(world: &World) -> Vec<u8> {
    world.asleep(TimeDelta::minutes(1));
    let mut backup = Vec::new();
    let now = world.clock.now();
    let store = SqlStore::open_to_read(world.place()).await.unwrap();
    store.back_up(&mut backup, now, &mut |_| {}).await.unwrap();
    backup
}

/// The service ends, its store is lost, and another one begins with the backup.
async fn restore(world: &mut World, backup: &[u8]) {
    let path = world.folder().join("restored.db");
    let mut backup = Reader::open(backup).unwrap();
    SqlStore::restore(&path, &mut backup, world.clock.now(), &mut |_| {}).await.unwrap();
    world.practice.store = Arc::new(SqlStore::open(&path).await.unwrap());
    world.crash_and_restart();
}

async fn differences(world: &World) -> Differences {
    let engine = &world.practice.engine;
    let restoration = engine.restoration().await.unwrap().unwrap();
    assert!(restoration.stands());
    engine.differences(restoration).await.unwrap()
}

/// What is on the issues and the host.
fn everything(world: &World) -> String {
    let issues = world.practice.rehearsal.issues();
    let issues: Vec<String> = issues
        .iter()
        .map(|issue| {
            let notes: Vec<&str> = issue.comments().map(|note| note.body.as_str()).collect();
            format!("{:?} {:?} {:?} {notes:?}", issue.labels, issue.due_date, issue.state)
        })
        .collect();
    format!("{issues:#?} {:#?}", world.host.machines())
}

/// Time passes, and nothing is done.
async fn only_listens(world: &World, time: TimeDelta) {
    let before = everything(world);
    world.after(time).await;
    assert_eq!(everything(world), before, "it acted before it was told to");
}

async fn go_on(world: &World) {
    let gone_on = recovery::go_on(world.practice.store.as_ref(), world.clock.now()).await.unwrap();
    assert!(gone_on.is_some());
    world.settle().await;
    world.practice.tick().await.unwrap();
    assert!(
        recovery::go_on(world.practice.store.as_ref(), world.clock.now()).await.unwrap().is_none()
    );
}

/// Webhooks still go to the store that is lost: the poll finds it.
async fn says(world: &mut World, issue: IssueKey, text: &str) {
    world.says("carol", issue, text).await;
    world.step(TimeDelta::minutes(5)).await;
}

fn all(world: &mut World, issue: IssueKey) -> String {
    let mut all = String::new();
    while let Some(comment) = world.next_comment(issue) {
        all.push_str(&comment);
        all.push('\n');
    }
    all
}

async fn to_the_end(world: &mut World, issue: IssueKey) {
    world.until(|world| world.host.power_of("sandbox-1").is_none()).await;
    while !world.leases().await.is_empty() {
        world.after(TimeDelta::hours(6)).await;
    }
    all(world, issue);
}

#[tokio::test]
async fn an_old_deadline_gets_the_full_notice_after_going_on() {
    brief(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        let backup = back_up(world).await;
        // Nobody runs it for a week: the deadline passes.
        world.asleep(TimeDelta::days(7));
        restore(world, &backup).await;
        only_listens(world, TimeDelta::hours(30)).await;
        let found = differences(world).await;
        assert!(found.is_empty(), "{found:?}");
        assert_eq!(found.next.len(), 1);
        assert!(found.next[0].due < found.next[0].earliest);

        let went_on = world.clock.now();
        go_on(world).await;
        let said = all(world, issue);
        assert!(said.contains("will be stopped on"), "{said}");
        world.until(|world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
        assert!(world.clock.now() - went_on >= HOUR * 4, "the notice that was promised");
        to_the_end(world, issue).await;
    })
    .await;
}

#[tokio::test]
async fn a_machine_that_was_destroyed_meanwhile_is_not_made_again() {
    brief(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        let backup = back_up(world).await;
        to_the_end(world, issue).await;
        restore(world, &backup).await;
        only_listens(world, HOUR * 3).await;
        let found = differences(world).await;
        assert_eq!(found.machines.len(), 1, "{found:?}");
        assert_eq!(found.machines[0].found, Found::Missing);
        assert!(found.issues[0].our_comments > 0);

        go_on(world).await;
        let said = all(world, issue);
        assert!(said.contains("is not on its provider any more"), "{said}");
        assert!(!said.contains("Closing an issue"), "nobody closed it by hand: {said}");
        assert_eq!(world.leases().await[0].state, State::Active);
        says(world, issue, "@innkeeper unhold").await;
        while !world.leases().await.is_empty() {
            world.after(TimeDelta::hours(6)).await;
        }
        all(world, issue);
        assert_eq!(world.host.done(Call::Create, "sandbox-1"), 1);
    })
    .await;
}

#[tokio::test]
async fn a_machine_that_was_made_meanwhile_is_shown_and_left_alone() {
    brief(async |world: &mut World| {
        let issue = world.filed(&[]).await;
        all(world, issue);
        let backup = back_up(world).await;
        let digest = world.digest(issue);
        let approve = format!("@innkeeper approve {digest}");
        world.says("carol", issue, &approve).await;
        world.read_until(issue, "is up.");
        let later = world.handed_over(&[]).await;
        restore(world, &backup).await;
        only_listens(world, HOUR * 3).await;

        let found = differences(world).await;
        let strays: Vec<&str> = found.strays.iter().map(|stray| stray.machine.as_str()).collect();
        assert_eq!(strays, ["sandbox-1", "sandbox-2"]);
        assert!(!found.strays[0].ended);
        let known: Vec<bool> = found.issues.iter().map(|issue| issue.known).collect();
        assert!(known.contains(&true) && known.contains(&false), "{found:?}");
        let of_known = found.issues.iter().find(|issue| issue.known).unwrap();
        assert_eq!(
            (of_known.commands[0].command, of_known.commands[0].is_obeyed),
            ("approve", false)
        );

        go_on(world).await;
        let said = all(world, issue);
        assert!(said.contains("`approve` was not done: my records were restored"), "{said}");
        all(world, later);
        assert_eq!(world.host.machines().len(), 2, "no other one was made");
        assert_eq!(world.leases().await, []);
        // Both have to be approved anew; the machines are left to the operator.
        for name in ["sandbox-1", "sandbox-2"] {
            world.host.remove(name);
        }
        says(world, issue, &approve).await;
        world.expect(issue, "Approved by carol");
        world.expect(issue, "is up.");
        assert_eq!(world.leases().await.len(), 1);
        says(world, later, "@innkeeper reject it was made already").await;
        all(world, later);
    })
    .await;
}

#[tokio::test]
async fn an_extension_that_was_granted_meanwhile_is_found_on_the_issue() {
    brief(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        let backup = back_up(world).await;
        world.says("alice", issue, "@innkeeper extend 1w").await;
        let until = world.leases().await[0].deadline.unwrap().at;
        all(world, issue);
        world.asleep(TimeDelta::days(1));
        restore(world, &backup).await;
        only_listens(world, HOUR * 3).await;
        let found = differences(world).await;
        let said = &found.issues[0].commands[0];
        assert_eq!((said.by.as_str(), said.command, said.is_obeyed), ("alice", "extend", true));

        go_on(world).await;
        let lease = world.leases().await.remove(0);
        assert_eq!(lease.deadline.unwrap().at, until);
        let said = all(world, issue);
        assert!(!said.contains("by hand") && !said.contains("edited"), "nobody did: {said}");
        assert!(!said.contains("will be stopped"), "{said}");
        while world.clock.now() + HOUR * 30 < until {
            world.after(HOUR * 6).await;
        }
        assert_eq!(world.host.power_of("sandbox-1"), Some(Power::On));
        to_the_end(world, issue).await;
    })
    .await;
}

#[tokio::test]
async fn what_was_said_meanwhile_is_not_said_or_done_twice() {
    brief(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        let backup = back_up(world).await;
        for command in ["status", "help", "frobnicate", "stop"] {
            world.says("carol", issue, &format!("@innkeeper {command}")).await;
        }
        let before = all(world, issue);
        assert_eq!(world.host.done(Call::Stop, "sandbox-1"), 1);
        restore(world, &backup).await;
        // What is said while it only listens was heard by nobody.
        let now = world.clock.now();
        world.asleep(HOUR);
        world.says("carol", issue, "@innkeeper hold until we have looked").await;
        only_listens(world, HOUR).await;
        assert!(world.clock.now() > now);
        go_on(world).await;

        let said = all(world, issue);
        assert_eq!(said.matches("restored from a backup").count(), 1, "{said}");
        for line in before.lines().filter(|line| line.len() > 30) {
            assert!(!said.contains(line), "said twice: {line}");
        }
        assert_eq!(world.host.done(Call::Stop, "sandbox-1"), 1);
        assert!(world.leases().await[0].hold.is_some(), "this was obeyed");
        says(world, issue, "@innkeeper unhold").await;
        to_the_end(world, issue).await;
    })
    .await;
}

#[tokio::test]
async fn a_stop_that_was_under_way_does_not_hit_what_was_restored_by_its_owner_meanwhile() {
    brief(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        world.host.fail(Call::Stop, Fails::Before);
        let mut backup = Vec::new();
        for _ in 0..24 * 5 {
            world.step(HOUR).await;
            if world.leases().await[0].state == State::Expired {
                backup = back_up(world).await;
                break;
            }
        }
        world.until(|world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
        world.says("alice", issue, "@innkeeper restore 2d").await;
        assert_eq!(world.host.power_of("sandbox-1"), Some(Power::On));
        all(world, issue);
        let stops = world.host.done(Call::Stop, "sandbox-1");
        restore(world, &backup).await;
        only_listens(world, HOUR).await;
        go_on(world).await;
        world.after(HOUR * 3).await;
        assert_eq!(world.host.power_of("sandbox-1"), Some(Power::On));
        assert_eq!(world.host.done(Call::Stop, "sandbox-1"), stops);
        assert_eq!(world.leases().await[0].state, State::Active);
        to_the_end(world, issue).await;
    })
    .await;
}
