//! Some stories with the store on a server, always. All of them are played on it
//! with `DATABASE=postgres`.

use chrono::TimeDelta;
use innkeeper::{engine::Turn, machine::Power};

use super::postgres;
use crate::{
    host::{Call, Fails},
    world::{Scene, World, scenario_in},
};

/// Plays a story with the store on a server, where there can be one.
async fn on_postgres(story: impl AsyncFnOnce(&mut World)) {
    if postgres::shared().is_some() {
        scenario_in(Scene { on_postgres: true, ..Scene::brief() }, story).await;
    }
}

#[tokio::test]
async fn a_machine_lives_and_dies_on_time_by_a_store_on_a_server() {
    on_postgres(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        assert_eq!(world.host.power_of("sandbox-1"), Some(Power::On));
        world.until(|world| world.host.power_of("sandbox-1").is_none()).await;
        world.expect(issue, "will be destroyed on");
        assert!(!world.is_open(issue));
        world.after(TimeDelta::days(10)).await;
        assert_eq!(world.host.done(Call::Destroy, "sandbox-1"), 1);
        assert!(world.leases().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn replicas_at_once_make_one_machine_of_an_answer_that_was_lost() {
    on_postgres(async |world: &mut World| {
        world.host.fail(Call::Create, Fails::After);
        let issue = world.filed(&[]).await;
        let digest = world.digest(issue);
        let other = world.practice.another_engine("other").unwrap();
        let one = world.practice.engine.clone();
        world
            .practice
            .rehearsal
            .comment("carol", issue, &format!("@innkeeper approve {digest}"))
            .unwrap();
        for _ in 0..6 {
            world.practice.rehearsal.settle().await;
            loop {
                let turns = tokio::join!(one.turn(), other.turn(), one.turn(), other.turn());
                let turns = [turns.0, turns.1, turns.2, turns.3];
                if turns.into_iter().all(|turn| turn.unwrap() == Turn::Idle) {
                    break;
                }
            }
            world.clock.advance(TimeDelta::minutes(20));
            let (swept, again) = tokio::join!(one.sweep(), other.sweep());
            swept.unwrap();
            again.unwrap();
        }
        world.settle().await;
        world.expect(issue, "Approved by carol");
        world.expect(issue, "is up.");
        assert_eq!(world.host.machines().len(), 1);
        world.crash_and_restart();
        world.until(|world| world.host.power_of("sandbox-1").is_none()).await;
        assert_eq!(world.host.done(Call::Destroy, "sandbox-1"), 1);
    })
    .await;
}
