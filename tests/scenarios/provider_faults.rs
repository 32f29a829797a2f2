//! Trouble at the hosts where machines are.

use std::sync::Arc;

use chrono::TimeDelta;
use innkeeper::{
    identity::{LeaseId, MachineName},
    lease::State,
    machine::{Machine, Power},
    ports::provider::Provider,
    rehearsal::IssueKey,
};
use uuid::Uuid;

use crate::{
    host::{Call, Fails, Host},
    provider_contract::{Outside, contract},
    world::{Scene, World, brief, sandbox_cookbook, scenario, scenario_in},
};

/// The host as the contract's story wants it.
struct Shared(Arc<Host>);

impl Outside for Shared {
    fn replica(&self) -> Arc<dyn Provider> {
        self.0.clone()
    }

    fn define(&self, name: &MachineName, uuid: Uuid, lease: Option<LeaseId>) {
        let (name, power) = (name.clone(), Power::Off);
        self.0.put_machine(Machine {
            name,
            uuid,
            lease,
            power,
            addresses: Vec::new(),
            host_keys: Vec::new(),
            shape: None,
        });
    }

    fn remove(&self, name: &MachineName) {
        self.0.remove(name.as_str());
    }
}

#[tokio::test]
async fn the_host_in_memory_keeps_the_contract() {
    let host = Arc::new(Host::new("memory"));
    contract(host.clone(), &Shared(host)).await;
}

/// Alice's request is approved; nothing was read yet.
async fn approved(world: &mut World) -> IssueKey {
    let issue = world.filed(&[]).await;
    approve(world, issue).await;
    issue
}

async fn approve(world: &mut World, issue: IssueKey) {
    let digest = world.digest(issue);
    world.says("carol", issue, &format!("@innkeeper approve {digest}")).await;
}

async fn released(world: &mut World, by: &str, issue: IssueKey) {
    world.says(by, issue, "@innkeeper release").await;
    let question = world.read_until(issue, "To confirm");
    let code = question.split("release confirm ").nth(1).unwrap();
    let code: String = code.chars().take_while(char::is_ascii_hexdigit).collect();
    world.says(by, issue, &format!("@innkeeper release confirm {code}")).await;
}

#[tokio::test]
async fn a_creation_that_failed_in_passing_makes_one_machine() {
    for fails in [Fails::Before, Fails::After, Fails::Halfway] {
        scenario(async move |world: &mut World| {
            for _ in 0..3 {
                world.host.fail(Call::Create, fails);
            }
            let issue = approved(world).await;
            world.expect(issue, "Approved by carol");
            world.after(TimeDelta::hours(4)).await;
            world.expect(issue, "is up.");
            assert_eq!(world.host.machines().len(), 1, "{fails:?}");
            assert_eq!(world.host.power_of("sandbox-1"), Some(Power::On), "{fails:?}");
            assert_eq!(world.leases().await[0].trouble, None, "{fails:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_creation_the_host_refuses_is_undone_and_can_be_approved_again() {
    scenario(async |world: &mut World| {
        world.host.fail(Call::Create, Fails::ForGood);
        let issue = approved(world).await;
        world.expect(issue, "Approved by carol");
        world.expect(issue, "could not be made");
        world.expect(issue, "can be approved again");
        assert!(world.host.machines().is_empty());
        approve(world, issue).await;
        world.expect(issue, "Approved by carol");
        world.expect(issue, "is up.");
        assert_eq!(world.host.machines().len(), 1);
        assert_eq!(world.leases().await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_strangers_machine_of_that_name_is_not_touched() {
    scenario(async |world: &mut World| {
        // It came after the last sweep, so nobody knows of it yet.
        let stranger = world.host.put("sandbox-1", None);
        let issue = approved(world).await;
        world.expect(issue, "Approved by carol");
        world.expect(issue, "could not be made");
        world.expect(issue, "can be approved again");
        world.after(TimeDelta::hours(1)).await;
        assert_eq!(world.host.machines(), std::slice::from_ref(&stranger));
        approve(world, issue).await;
        world.expect(issue, "Approved by carol");
        let news = world.expect(issue, "is up.");
        assert!(news.contains("sandbox-1-"), "another name was chosen: {news}");
        assert_eq!(world.host.machines().len(), 2);
        assert!(world.host.machines().contains(&stranger));
        released(world, "alice", issue).await;
        world.expect(issue, "were destroyed");
        assert_eq!(world.host.machines(), [stranger]);
    })
    .await;
}

#[tokio::test]
async fn a_host_that_is_away_for_a_day_makes_the_machine_once_it_is_back() {
    scenario(async |world: &mut World| {
        for _ in 0..20 {
            world.host.fail(Call::Create, Fails::Before);
        }
        let issue = approved(world).await;
        world.expect(issue, "Approved by carol");
        world.after(TimeDelta::hours(8)).await;
        let sticky = world.sticky(issue);
        assert!(sticky.contains("being made"), "{sticky}");
        assert!(world.leases().await[0].trouble.is_some());
        world.after(TimeDelta::hours(16)).await;
        world.expect(issue, "is up.");
        assert_eq!(world.host.machines().len(), 1);
        assert_eq!(world.leases().await[0].trouble, None);
    })
    .await;
}

/// Runs the life of a machine up to its end, whatever is announced.
async fn lives_and_dies(world: &mut World, issue: IssueKey) {
    world.until(|world| world.host.machines().is_empty()).await;
    while !world.leases().await.is_empty() {
        world.after(TimeDelta::days(1)).await;
    }
    while world.next_comment(issue).is_some() {}
}

#[tokio::test]
async fn a_step_that_fails_in_passing_is_taken_once() {
    let calls = [Call::Stop, Call::Destroy, Call::DropBackups, Call::List];
    for call in calls {
        for fails in [Fails::Before, Fails::After] {
            brief(async move |world: &mut World| {
                let issue = world.handed_over(&[]).await;
                world.host.fail(call, fails);
                world.host.fail(call, fails);
                world.until(|world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
                world.after(TimeDelta::hours(2)).await;
                world.read_until(issue, "was stopped: its time is up");
                world.silent(issue);
                lives_and_dies(world, issue).await;
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_restore_waits_for_a_host_that_does_not_start_the_machine() {
    for fails in [Fails::Before, Fails::After] {
        brief(async move |world: &mut World| {
            let issue = world.handed_over(&[]).await;
            world.until(|world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
            world.read_until(issue, "was stopped: its time is up");
            for _ in 0..5 {
                world.host.fail(Call::Start, fails);
            }
            world.says("alice", issue, "@innkeeper restore 1w").await;
            world.after(TimeDelta::hours(6)).await;
            world.expect(issue, "runs again");
            assert_eq!(world.host.power_of("sandbox-1"), Some(Power::On));
            let lease = world.leases().await.remove(0);
            assert_eq!((lease.state, lease.trouble), (State::Active, None));
        })
        .await;
    }
}

#[tokio::test]
async fn a_step_the_host_refuses_waits_for_a_sysadmin_and_ends_well_with_retry() {
    scenario(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        for _ in 0..3 {
            world.host.fail(Call::Destroy, Fails::ForGood);
        }
        released(world, "alice", issue).await;
        world.expect(issue, "Something went wrong on our side");
        let sticky = world.sticky(issue);
        assert!(sticky.contains("being destroyed"), "{sticky}");
        let lease = world.leases().await.remove(0);
        assert_eq!(lease.waits_on, innkeeper::request::WaitsOn::Sysadmin);
        assert!(lease.trouble.is_some());
        world.says("alice", issue, "@innkeeper retry").await;
        world.expect(issue, "is for sysadmins");
        for _ in 0..3 {
            world.says("carol", issue, "@innkeeper retry").await;
            world.read_until(issue, "tried again now");
        }
        world.expect(issue, "were destroyed");
        assert_eq!(world.host.done(Call::Destroy, "sandbox-1"), 1);
        let lease = world.leases().await.remove(0);
        assert_eq!((lease.state, lease.trouble), (State::Destroyed, None));
    })
    .await;
}

#[tokio::test]
async fn a_stop_or_start_the_host_refuses_is_told_and_tried_again() {
    scenario(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        world.host.fail(Call::Stop, Fails::ForGood);
        world.says("alice", issue, "@innkeeper stop").await;
        world.expect(issue, "Something went wrong on our side");
        assert!(world.leases().await[0].trouble.is_some());
        world.after(TimeDelta::hours(1)).await;
        world.expect(issue, "was switched off");
        assert_eq!(world.leases().await[0].trouble, None, "the trouble is over");
        world.host.fail(Call::Start, Fails::ForGood);
        world.says("alice", issue, "@innkeeper start").await;
        world.expect(issue, "Something went wrong on our side");
        world.after(TimeDelta::hours(1)).await;
        world.expect(issue, "was switched on");
        assert_eq!(world.leases().await[0].trouble, None, "the trouble is over");
        world.host.fail(Call::Start, Fails::ForGood);
        world.says("alice", issue, "@innkeeper reboot").await;
        world.expect(issue, "Something went wrong on our side");
        world.after(TimeDelta::hours(1)).await;
        world.expect(issue, "was restarted");
        assert_eq!(world.leases().await[0].trouble, None, "the trouble is over");
    })
    .await;
}

#[tokio::test]
async fn a_machine_removed_behind_our_back_is_told_once_and_ended_by_a_sysadmin() {
    for in_grace in [false, true] {
        brief(async move |world: &mut World| {
            let issue = world.handed_over(&[]).await;
            if in_grace {
                world.until(|world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
                world.read_until(issue, "was stopped: its time is up");
            }
            world.host.remove("sandbox-1");
            world.after(TimeDelta::days(3)).await;
            world.expect(issue, "is not on its provider any more");
            world.silent(issue);
            released(world, "carol", issue).await;
            world.expect(issue, "were destroyed");
            assert!(!world.is_open(issue));
            assert_eq!(world.host.done(Call::Create, "sandbox-1"), 1);
        })
        .await;
    }
}

#[tokio::test]
async fn a_machine_that_is_back_goes_on_after_unhold() {
    brief(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        let machine = world.host.machines().remove(0);
        world.host.remove("sandbox-1");
        world.after(TimeDelta::hours(1)).await;
        world.expect(issue, "is not on its provider any more");
        world.says("alice", issue, "@innkeeper release").await;
        world.expect(issue, "is on hold: the machine is not");
        world.host.put_machine(machine);
        world.says("carol", issue, "@innkeeper unhold").await;
        world.expect(issue, "not on hold any more");
        lives_and_dies(world, issue).await;
        assert_eq!(world.host.done(Call::Destroy, "sandbox-1"), 1);
    })
    .await;
}

#[tokio::test]
async fn a_machine_started_from_outside_during_grace_is_stopped_again() {
    brief(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        world.until(|world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
        world.read_until(issue, "was stopped: its time is up");
        let deadline = world.leases().await[0].deadline;
        world.host.switch("sandbox-1", Power::On);
        world.after(TimeDelta::hours(1)).await;
        world.expect(issue, "was started from outside");
        assert_eq!(world.host.power_of("sandbox-1"), Some(Power::Off));
        assert_eq!(world.leases().await[0].deadline, deadline, "its end has not moved");
        lives_and_dies(world, issue).await;
    })
    .await;
}

#[tokio::test]
async fn a_stray_machine_with_our_mark_is_reported_and_left_alone() {
    brief(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        let stray = world.host.put("old-one", Some(LeaseId(Uuid::from_u128(77))));
        world.after(TimeDelta::hours(1)).await;
        let strays = |world: &World| {
            world.practice.engine.inspection().providers[&"libvirt".into()].strays.clone()
        };
        assert_eq!(strays(world), std::slice::from_ref(&stray.name));
        world.until(|world| world.host.power_of("sandbox-1").is_none()).await;
        while world.next_comment(issue).is_some() {}
        assert_eq!(strays(world), std::slice::from_ref(&stray.name));
        assert_eq!(world.host.machines(), std::slice::from_ref(&stray));
        world.host.remove("old-one");
        world.after(TimeDelta::hours(1)).await;
        assert!(strays(world).is_empty());
    })
    .await;
}

#[tokio::test]
async fn two_hosts_keep_their_machines_apart() {
    let scene = Scene {
        hosts: &["libvirt", "second"],
        cookbooks: sandbox_cookbook(&[("provider = \"libvirt\"", "provider = \"second\"")]),
        ..Scene::default()
    };
    scenario_in(scene, async |world: &mut World| {
        let stranger = world.host.put("sandbox-1", None);
        world.host.fail(Call::List, Fails::Before);
        let issue = world.handed_over(&[]).await;
        assert_eq!(world.host.machines(), std::slice::from_ref(&stranger));
        let second = world.hosts[1].clone();
        assert_eq!(second.power_of("sandbox-1"), Some(Power::On), "names are per host");
        world.after(TimeDelta::hours(1)).await;
        let found = world.practice.engine.inspection();
        assert!(found.providers[&"libvirt".into()].error.is_some());
        assert_eq!(found.providers[&"second".into()].machines, ["sandbox-1".into()]);
        released(world, "alice", issue).await;
        world.expect(issue, "were destroyed");
        assert!(second.machines().is_empty());
        assert_eq!(world.host.machines(), [stranger]);
    })
    .await;
}
