//! A mistake of ours in the middle of work.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use innkeeper::app;

use crate::{
    host::{Call, Fails},
    world::{World, scenario},
};

/// Longer than any claim of these stories.
const CLAIM: TimeDelta = TimeDelta::minutes(5);

/// Waits until this is so; a story that hangs is ended by its patience.
async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn what_a_worker_held_when_it_panicked_is_taken_up_when_its_claim_runs_out() {
    scenario(async |world: &mut World| {
        let issue = world.filed(&[]).await;
        let approve = format!("@innkeeper approve {}", world.digest(issue));
        world.host.fail(Call::Create, Fails::Panics);
        world.host.fail(Call::Create, Fails::Panics);
        let practice = &world.practice;
        let (engine, wake, panics) = (&practice.engine, &practice.web.wake, &practice.panics);
        let workers = app::workers(engine, wake, panics);
        practice.rehearsal.comment("carol", issue, &approve).unwrap();
        practice.rehearsal.settle().await;
        let count = || panics.counts().get("worker").copied().unwrap_or(0);
        for mishap in 1..=2 {
            until(|| count() == mishap).await;
            assert!(world.host.machines().is_empty());
            // Nobody takes it up before; the others go on working.
            world.asleep(CLAIM);
        }
        until(|| world.host.machines().len() == 1).await;
        workers.stop(Duration::from_secs(20)).await;
        assert_eq!(count(), 2);
        assert_eq!(panics.latest().unwrap().task, "worker");

        let url = format!("http://{}", practice.web_address);
        let metrics = reqwest::get(format!("{url}/metrics")).await.unwrap().text().await.unwrap();
        assert!(metrics.contains("innkeeper_panics_total{task=\"worker\"} 2\n"), "{metrics}");
        let ready = reqwest::get(format!("{url}/readyz")).await.unwrap().text().await.unwrap();
        assert!(ready.contains("tasks: ok (running; the worker panicked last at "), "{ready}");
        world.settle().await;
        world.expect(issue, "Approved by carol");
        world.expect(issue, "is up.");
    })
    .await;
}

#[tokio::test]
async fn a_sweep_that_panics_is_caught_and_the_next_one_goes_on() {
    scenario(async |world: &mut World| {
        world.host.fail(Call::List, Fails::Panics);
        let practice = &world.practice;
        let engine = Arc::clone(&practice.engine);
        assert!(practice.panics.caught("sweep", engine.sweep()).await.is_none());
        assert_eq!(practice.panics.counts()["sweep"], 1);
        // It died with the lock in its hands, and may take it again.
        assert!(!engine.sweep().await.unwrap().skipped);
    })
    .await;
}
