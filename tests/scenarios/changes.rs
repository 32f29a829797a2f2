//! Machines that are given another size, or installed anew.

use chrono::TimeDelta;
use innkeeper::{
    cookbook::{Cookbooks, Principal},
    engine::Settings,
    machine::Power,
};

use crate::{
    host::{Call, Fails},
    world::{World, hex_after, sandbox_cookbook, scenario, scenario_with_cookbooks},
};

/// Carol alone is a sysadmin; Dan may approve.
fn carol_alone(settings: &mut Settings) {
    settings.sysadmins = vec![Principal::User("carol".to_owned())];
}

/// Nobody has more than 6 GiB in all.
fn with_quota() -> Cookbooks {
    let rule = "[[rule]]\nid = \"quota\"\n\
                require = \"usage.owner.memory + request.memory <= 6144\"\n\
                message = \"That is more than 6 GiB in all.\"\n\n";
    sandbox_cookbook(&[("# --- who may ask", &format!("{rule}# --- who may ask"))])
}

async fn memory(world: &World) -> u64 {
    world.leases().await[0].order.shape.memory.get()
}

#[tokio::test]
async fn an_owner_resizes_within_the_form_and_a_sysadmin_beyond_it() {
    scenario_with_cookbooks(sandbox_cookbook(&[]), carol_alone, async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        let answer =
            world.answer("alice", issue, "@innkeeper resize memory 4 GiB, vcpus 2 disk 20g").await;
        insta::assert_snapshot!(answer, @r"
        `sandbox-1` is being given another size.
        `sandbox-1` now has 2 vCPUs, 4 GiB of memory, 20 GiB of disk.
        ");
        assert_eq!(memory(world).await, 4096);
        assert_eq!(world.host.done(Call::Resize, "sandbox-1"), 1);

        let too_much = world.answer("alice", issue, "@innkeeper resize memory 16 GiB").await;
        assert!(too_much.contains("more than the maximum of 8 GiB"), "{too_much}");
        assert!(too_much.contains("A sysadmin can give the same command."), "{too_much}");
        let too_much = world.answer("dan", issue, "@innkeeper resize memory 16 GiB").await;
        assert!(too_much.contains("more than the maximum of 8 GiB"), "{too_much}");
        let smaller = world.answer("carol", issue, "@innkeeper resize disk 10 GiB").await;
        assert!(smaller.contains("disks only grow"), "{smaller}");
        let same = world.answer("alice", issue, "@innkeeper resize vcpus 2").await;
        assert!(same.contains("it has this size already"), "{same}");
        assert_eq!(world.host.done(Call::Resize, "sandbox-1"), 1);

        let done = world.answer("carol", issue, "@innkeeper resize memory 16 GiB").await;
        assert!(done.contains("16 GiB of memory"), "{done}");
        assert_eq!(memory(world).await, 16_384);
    })
    .await;
}

#[tokio::test]
async fn rules_hold_for_the_new_size_and_do_not_count_the_old_one() {
    scenario_with_cookbooks(with_quota(), carol_alone, async |world: &mut World| {
        let issue = world.handed_over(&[("Memory", "4 GiB")]).await;
        let fits = world.answer("alice", issue, "@innkeeper resize memory 6 GiB").await;
        assert!(fits.contains("now has"), "{fits}");
        let beyond = world.answer("alice", issue, "@innkeeper resize memory 7 GiB").await;
        assert!(beyond.contains("That is more than 6 GiB in all."), "{beyond}");
        assert_eq!(memory(world).await, 6144);
    })
    .await;
}

#[tokio::test]
async fn a_resize_the_host_refuses_leaves_the_machine_as_it_was() {
    scenario(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        world.host.fail(Call::Resize, Fails::ForGood);
        let answer = world.answer("alice", issue, "@innkeeper resize memory 4 GiB").await;
        assert!(answer.contains("`sandbox-1` keeps 1 vCPU, 2 GiB of memory"), "{answer}");
        assert!(answer.contains("the provider refuses it, see `effect-"), "{answer}");
        world.expect_for_team(issue, "the host refuses");
        assert_eq!(memory(world).await, 2048);
    })
    .await;
}

#[tokio::test]
async fn a_resize_that_finds_no_room_does_not_hold_up_the_machine() {
    scenario(async |world: &mut World| {
        world.host.has_memory(4 * 1024);
        let issue = world.handed_over(&[]).await;
        let answer = world.answer("alice", issue, "@innkeeper resize memory 5 GiB").await;
        assert!(answer.contains("there is no room for it: it needs 5 GiB"), "{answer}");
        let answer = world.answer("alice", issue, "@innkeeper reboot").await;
        assert!(answer.contains("was restarted"), "{answer}");
        assert_eq!(memory(world).await, 2048);
    })
    .await;
}

#[tokio::test]
async fn a_rebuild_is_asked_back_and_done_once_whatever_gets_lost() {
    scenario(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        let question = world.answer("alice", issue, "@innkeeper rebuild").await;
        assert!(question.contains("everything on its first disk is lost"), "{question}");
        let code = hex_after(&question, "rebuild confirm ");
        let wrong = world.answer("alice", issue, "@innkeeper rebuild confirm 00000000").await;
        assert!(wrong.contains("no open question has this code"), "{wrong}");
        let other =
            world.answer("alice", issue, &format!("@innkeeper release confirm {code}")).await;
        assert!(other.contains("no open question has this code"), "{other}");
        assert_eq!(world.host.done(Call::Rebuild, "sandbox-1"), 0);

        world.host.fail(Call::Rebuild, Fails::After);
        world.says("alice", issue, &format!("@innkeeper rebuild confirm {code}")).await;
        world.after(TimeDelta::hours(1)).await;
        world.expect(issue, "is being installed anew");
        let done = world.expect(issue, "was installed anew");
        assert!(done.contains("SHA256:abc (ED25519)"), "{done}");
        assert_eq!(world.host.done(Call::Rebuild, "sandbox-1"), 1);

        let again =
            world.answer("alice", issue, &format!("@innkeeper rebuild confirm {code}")).await;
        assert!(again.contains("no open question has this code"), "{again}");
    })
    .await;
}

#[tokio::test]
async fn a_rebuild_the_host_refuses_is_told_and_can_be_asked_for_again() {
    scenario(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        world.host.fail(Call::Rebuild, Fails::ForGood);
        for expected in ["could not be installed anew", "was installed anew"] {
            let question = world.answer("alice", issue, "@innkeeper rebuild").await;
            let code = hex_after(&question, "rebuild confirm ");
            let confirm = format!("@innkeeper rebuild confirm {code}");
            let answer = world.answer("alice", issue, &confirm).await;
            assert!(answer.contains(expected), "{answer}");
        }
        let answer = world.answer("alice", issue, "@innkeeper reboot").await;
        assert!(answer.contains("was restarted"), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn what_is_protected_or_on_hold_is_not_installed_anew() {
    scenario(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        let question = world.answer("alice", issue, "@innkeeper rebuild").await;
        let code = hex_after(&question, "rebuild confirm ");
        for (lock, unlock, why) in
            [("protect", "unprotect", "is protected"), ("hold for a look", "unhold", "is on hold")]
        {
            world.answer("carol", issue, &format!("@innkeeper {lock}")).await;
            for command in ["rebuild".to_owned(), format!("rebuild confirm {code}")] {
                let answer = world.answer("alice", issue, &format!("@innkeeper {command}")).await;
                assert!(answer.contains(why), "{command}: {answer}");
            }
            world.answer("carol", issue, &format!("@innkeeper {unlock}")).await;
        }
        assert_eq!(world.host.done(Call::Rebuild, "sandbox-1"), 0);
        assert_eq!(world.host.power_of("sandbox-1"), Some(Power::On));
    })
    .await;
}

#[tokio::test]
async fn a_rebuild_that_a_release_overtakes_is_said_not_to_be_done() {
    scenario(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        let question = world.answer("alice", issue, "@innkeeper rebuild").await;
        let code = hex_after(&question, "rebuild confirm ");
        world.host.fail(Call::Rebuild, Fails::Before);
        world.says("alice", issue, &format!("@innkeeper rebuild confirm {code}")).await;
        world.expect(issue, "is being installed anew");
        let question = world.answer("alice", issue, "@innkeeper release").await;
        let code = hex_after(&question, "release confirm ");
        world.says("alice", issue, &format!("@innkeeper release confirm {code}")).await;
        world.step(TimeDelta::minutes(5)).await;
        world.read_until(issue, "`rebuild` was not done: `sandbox-1` is being destroyed by now.");
        world.read_until(issue, "were destroyed");
    })
    .await;
}

#[tokio::test]
async fn a_stop_that_a_release_overtakes_is_said_not_to_be_done() {
    scenario(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        world.host.fail(Call::Stop, Fails::Before);
        world.says("alice", issue, "@innkeeper stop").await;
        let question = world.answer("alice", issue, "@innkeeper release").await;
        let code = hex_after(&question, "release confirm ");
        world.says("alice", issue, &format!("@innkeeper release confirm {code}")).await;
        world.step(TimeDelta::minutes(5)).await;
        world.read_until(issue, "`stop` was not done: `sandbox-1` is being destroyed by now.");
        world.read_until(issue, "were destroyed");
    })
    .await;
}
