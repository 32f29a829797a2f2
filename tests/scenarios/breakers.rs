//! Whoever watches sees what holds machines back, how many and since when.

use chrono::TimeDelta;
use innkeeper::{
    brake::{Deed, Freeze},
    engine::{self, Breaker},
    machine::Power,
    ports::clock::Clock as _,
    rehearsal::{Fault, IssueKey, Trouble},
};

use crate::world::{Scene, World, brief, scenario_in};

/// How many leases this holds back, as `status` and `/metrics` say it.
async fn held(world: &World, breaker: Breaker) -> Option<u64> {
    let found = engine::breakers(world.practice.store.as_ref()).await.unwrap();
    let held = found.get(&breaker).map(|holding| holding.held);
    let url = format!("http://{}/metrics", world.practice.web_address);
    let metrics = reqwest::get(url).await.unwrap().text().await.unwrap();
    let label = format!("{{breaker=\"{}\"}}", breaker.word());
    let holds = u8::from(held.is_some());
    for line in [
        format!("innkeeper_breaker_holding{label} {holds}.0\n"),
        format!("innkeeper_breaker_held{label} {}.0\n", held.unwrap_or(0)),
    ] {
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
    let since = format!("innkeeper_breaker_since_timestamp_seconds{label}");
    assert_eq!(metrics.contains(&since), held.is_some());
    held
}

fn power(world: &World) -> Option<Power> {
    world.host.power_of("sandbox-1")
}

async fn approve(world: &mut World, issues: &[IssueKey]) {
    for issue in issues {
        let words = format!("@innkeeper approve {}", world.digest(*issue));
        world.practice.rehearsal.comment("carol", *issue, &words).unwrap();
    }
    world.settle().await;
}

async fn read_to_the_end(world: &mut World, issues: &[IssueKey]) {
    while !world.leases().await.is_empty() {
        world.after(TimeDelta::hours(6)).await;
    }
    for issue in issues {
        while world.next_comment(*issue).is_some() {}
    }
}

#[tokio::test]
async fn the_limits_of_the_day_tell_what_waits_for_them() {
    let adjust = |settings: &mut engine::Settings| {
        settings.creations_per_day = 2;
        settings.destroys_per_day = 1;
    };
    scenario_in(Scene { adjust, ..Scene::brief() }, async |world: &mut World| {
        let issues = [world.filed(&[]).await, world.filed(&[]).await, world.filed(&[]).await];
        approve(world, &issues).await;
        world.after(TimeDelta::hours(1)).await;
        assert_eq!(held(world, Breaker::CreationsPerDay).await, Some(1));
        assert_eq!(held(world, Breaker::DestroysPerDay).await, None);
        world.after(TimeDelta::hours(25)).await;
        assert_eq!(held(world, Breaker::CreationsPerDay).await, None);
        world.until(|world| world.host.machines().len() == 2).await;
        world.after(TimeDelta::hours(1)).await;
        assert!(held(world, Breaker::DestroysPerDay).await >= Some(1));
        read_to_the_end(world, &issues).await;
        assert_eq!(held(world, Breaker::DestroysPerDay).await, None);
    })
    .await;
}

#[tokio::test]
async fn a_freeze_tells_what_waits_for_it() {
    brief(async |world: &mut World| {
        let (now, store) = (world.clock.now(), world.practice.store.clone());
        let freeze = Freeze { reason: "storage is moved".to_owned(), since: now, until: None };
        engine::freeze(store.as_ref(), &[Deed::Create], &freeze, now).await.unwrap();
        let issue = world.filed(&[]).await;
        approve(world, &[issue]).await;
        world.after(TimeDelta::hours(1)).await;
        assert_eq!(held(world, Breaker::Freeze).await, Some(1));
        engine::thaw(store.as_ref(), &Deed::ALL, world.clock.now()).await.unwrap();
        // It goes on after the first sweep, and the second sees it.
        world.after(TimeDelta::hours(2)).await;
        assert_eq!(held(world, Breaker::Freeze).await, None);
        read_to_the_end(world, &[issue]).await;
    })
    .await;
}

#[tokio::test]
async fn an_outage_tells_whose_deadlines_it_moved() {
    brief(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        world.after(TimeDelta::hours(45)).await;
        world
            .practice
            .rehearsal
            .plan(Fault::on_any("*", Trouble::HtmlErrorPage { status: 502 }).times(usize::MAX));
        world.after(TimeDelta::hours(30)).await;
        assert_eq!(held(world, Breaker::Outage).await, Some(1));
        assert_eq!(power(world), Some(Power::On));
        world.practice.rehearsal.cancel_faults();
        read_to_the_end(world, &[issue]).await;
        assert_eq!(held(world, Breaker::Outage).await, None);
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_is_set_years_ahead_ends_nothing_and_leaves_no_trace() {
    for hours in [10, 30, 49] {
        brief(async move |world: &mut World| {
            let issue = world.handed_over(&[]).await;
            world.after(TimeDelta::hours(hours)).await;
            let (before, leases) = (power(world), world.leases().await);
            world.clock.set(TimeDelta::days(1_000));
            // Less than what proves it.
            world.after(TimeDelta::hours(23)).await;
            assert!(held(world, Breaker::Clock).await.is_some());
            assert_eq!(power(world), before, "{hours}");
            assert_eq!(world.leases().await, leases, "not even a deadline has moved");
            world.clock.set(-TimeDelta::days(1_000));
            world.after(TimeDelta::hours(1)).await;
            assert_eq!(held(world, Breaker::Clock).await, None);
            read_to_the_end(world, &[issue]).await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_clock_that_went_ahead_is_believed_after_a_day_or_when_somebody_says_so() {
    for confirmed in [false, true] {
        brief(async move |world: &mut World| {
            let issue = world.handed_over(&[]).await;
            world.after(TimeDelta::hours(30)).await;
            world.clock.set(TimeDelta::days(20));
            world.after(TimeDelta::hours(2)).await;
            assert!(held(world, Breaker::Clock).await.is_some());
            if confirmed {
                let store = world.practice.store.as_ref();
                engine::confirm_clock(store, world.clock.now()).await.unwrap();
            } else {
                world.after(TimeDelta::hours(23)).await;
            }
            let believed = world.clock.now();
            world.after(TimeDelta::hours(1)).await;
            assert_eq!(held(world, Breaker::Clock).await, None);
            assert_eq!(power(world), Some(Power::On), "there is the full notice first");
            world.until(|world| power(world) != Some(Power::On)).await;
            assert!(world.clock.now() - believed >= TimeDelta::hours(4));
            read_to_the_end(world, &[issue]).await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_jump_between_two_sweeps_holds_back_what_is_ordered_already() {
    brief(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        world.says("alice", issue, "@innkeeper release").await;
        let code = world.expect(issue, "To confirm");
        let code = crate::world::hex_after(&code, "release confirm ");
        world.clock.set(TimeDelta::hours(2));
        world.says("alice", issue, &format!("@innkeeper release confirm {code}")).await;
        assert_eq!(world.host.machines().len(), 1, "it is not destroyed by a clock in doubt");
        assert!(world.sticky(issue).contains("our clock moved"), "{}", world.sticky(issue));
        world.after(TimeDelta::hours(1)).await;
        assert_eq!(held(world, Breaker::Clock).await, Some(1));
        read_to_the_end(world, &[issue]).await;
    })
    .await;
}
