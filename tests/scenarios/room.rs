//! Hosts that are full, hosts to choose from, and steps that take long.

use chrono::TimeDelta;
use innkeeper::{cookbook::Cookbooks, lease::State, machine::Power};

use crate::{
    host::{Call, Fails},
    world::{Scene, World, sandbox_cookbook, scenario, scenario_in},
};

#[tokio::test]
async fn what_finds_no_room_is_said_before_approval_waits_visibly_and_goes_on() {
    scenario(async |world: &mut World| {
        world.host.has_memory(3 * 1024);
        let first = world.handed_over(&[]).await;
        world.step(TimeDelta::hours(1)).await;

        let issue = world.filed(&[]).await;
        let sticky = world.sticky(issue);
        assert!(
            sticky
                .contains("**No room at the moment:** it needs 2 GiB of memory, and 1 GiB is free"),
            "{sticky}"
        );
        let digest = world.digest(issue);
        let answer = world.answer("carol", issue, &format!("@innkeeper approve {digest}")).await;
        assert!(answer.contains("is being made"), "{answer}");
        let sticky = world.sticky(issue);
        assert!(sticky.contains("it waits for room: it needs 2 GiB, 1024 MiB is free"), "{sticky}");
        world.after(TimeDelta::hours(6)).await;
        assert_eq!(world.host.machines().len(), 1);

        world.says("carol", first, "@innkeeper resize memory 512 MiB").await;
        world.read_until(first, "now has");
        world.after(TimeDelta::hours(1)).await;
        world.expect(issue, "is up.");
        assert!(!world.sticky(issue).contains("it waits for room"));
    })
    .await;
}

#[tokio::test]
async fn a_request_for_what_never_fits_can_still_be_withdrawn_or_released() {
    scenario(async |world: &mut World| {
        world.host.has_memory(1024);
        let issue = world.filed(&[]).await;
        let digest = world.digest(issue);
        world.answer("carol", issue, &format!("@innkeeper approve {digest}")).await;
        let question = world.answer("alice", issue, "@innkeeper release").await;
        let code = crate::world::hex_after(&question, "release confirm ");
        world.says("alice", issue, &format!("@innkeeper release confirm {code}")).await;
        world.after(TimeDelta::hours(1)).await;
        world.read_until(issue, "is gone");
        assert_eq!(world.host.machines().len(), 0);
    })
    .await;
}

/// The sandbox on one of two hosts.
fn two_hosts() -> Scene {
    let cookbooks: Cookbooks =
        sandbox_cookbook(&[("provider = \"libvirt\"", "provider = [\"small\", \"large\"]")]);
    Scene { hosts: &["small", "large"], cookbooks, ..Scene::default() }
}

#[tokio::test]
async fn a_machine_is_made_where_most_memory_is_free() {
    scenario_in(two_hosts(), async |world: &mut World| {
        world.hosts[0].has_memory(5 * 1024);
        world.hosts[1].has_memory(6 * 1024);
        for _ in 0..3 {
            world.handed_over(&[]).await;
        }
        let on = |index: usize| world.hosts[index].machines().len();
        assert_eq!((on(0), on(1)), (1, 2), "6, then 5 against 4, then 3 against 4");
    })
    .await;
}

#[tokio::test]
async fn machines_of_one_request_count_only_where_they_were_put() {
    let count = "[[field]]\nname = \"count\"\nlabel = \"How many?\"\ntype = \"number\"\n\
                 default = 2\nmin = 1\nmax = 3\nhelp = \"How many machines.\"\n\n";
    let cookbooks = sandbox_cookbook(&[
        ("provider = \"libvirt\"", "provider = [\"small\", \"large\"]"),
        ("# --- what spans", &format!("{count}# --- what spans")),
    ]);
    scenario_in(Scene { cookbooks, ..two_hosts() }, async |world: &mut World| {
        world.hosts[0].has_memory(5 * 1024);
        world.hosts[1].has_memory(6 * 1024);
        let issue = world.filed(&[]).await;
        let digest = world.digest(issue);
        world.answer("carol", issue, &format!("@innkeeper approve {digest}")).await;
        let on = |index: usize| world.hosts[index].machines().len();
        assert_eq!((on(0), on(1)), (1, 1), "6, then 5 against 4");
    })
    .await;
}

#[tokio::test]
async fn a_machine_stays_on_the_host_that_was_chosen_for_it() {
    scenario_in(two_hosts(), async |world: &mut World| {
        world.hosts[0].has_memory(3 * 1024);
        world.hosts[1].has_memory(6 * 1024);
        world.hosts[1].fail(Call::Create, Fails::Before);
        let issue = world.filed(&[]).await;
        let digest = world.digest(issue);
        world.says("carol", issue, &format!("@innkeeper approve {digest}")).await;
        world.hosts[1].has_memory(2 * 1024);
        world.after(TimeDelta::hours(1)).await;
        world.read_until(issue, "is up.");
        assert_eq!(world.hosts[1].machines().len(), 1);
        assert_eq!(world.hosts[0].machines().len(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_creation_that_takes_long_shows_how_far_it_is_and_is_no_failure() {
    scenario(async |world: &mut World| {
        for _ in 0..5 {
            world.host.fail(Call::Create, Fails::Slow);
        }
        let issue = world.filed(&[]).await;
        let digest = world.digest(issue);
        world.says("carol", issue, &format!("@innkeeper approve {digest}")).await;
        world.expect(issue, "is being made");
        assert!(world.sticky(issue).contains("`sandbox-1`: job 12 is running"));
        for _ in 0..5 {
            assert_eq!(world.leases().await[0].state, State::Provisioning);
            world.step(TimeDelta::seconds(2)).await;
        }
        world.expect(issue, "is up.");
        let sticky = world.sticky(issue);
        assert!(!sticky.contains("job 12"), "{sticky}");
        assert_eq!(world.host.power_of("sandbox-1"), Some(Power::On));
    })
    .await;
}

#[tokio::test]
async fn what_has_begun_counts_towards_the_limit_of_the_day() {
    let scene = Scene { adjust: |settings| settings.creations_per_day = 1, ..Scene::default() };
    scenario_in(scene, async |world: &mut World| {
        for _ in 0..3 {
            world.host.fail(Call::Create, Fails::Slow);
        }
        let one = world.filed(&[]).await;
        let two = world.filed(&[]).await;
        for issue in [one, two] {
            let digest = world.digest(issue);
            world.says("carol", issue, &format!("@innkeeper approve {digest}")).await;
        }
        assert!(world.sticky(two).contains("1 machines were made within 24 hours"));
        for _ in 0..3 {
            world.step(TimeDelta::seconds(2)).await;
        }
        world.read_until(one, "is up.");
        assert_eq!(world.host.machines().len(), 1);
        world.after(TimeDelta::hours(26)).await;
        world.read_until(two, "is up.");
    })
    .await;
}
