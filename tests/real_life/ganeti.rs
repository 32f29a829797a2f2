//! Machines that are made by jobs.

use chrono::TimeDelta;

use crate::{
    ganeti_cluster::Cluster,
    world::{World, story},
};

fn status_of(machine: &str) -> Option<String> {
    Cluster::instance(machine).map(|instance| instance.status)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Ganeti cluster: make test-real ONLY=life"]
async fn an_instance_is_asked_for_and_gone_in_time() {
    let cluster = Cluster::prepared().await;
    story(Cluster::provider(), &Cluster::placement(12), async |world: &mut World| {
        let issue = world.filed("whole-life", &[]).await;
        world.approve(issue);
        world
            .until("the job is seen to run", |world| world.sticky(issue).contains("is running ("))
            .await;
        assert!(world.said(issue, "is up.").is_empty());
        world.until("it is handed over", |world| !world.said(issue, "is up.").is_empty()).await;

        let instance = Cluster::instance("whole-life").unwrap();
        assert_eq!(instance.status, "running");
        assert!(instance.address.starts_with("198.18.7."), "{instance:?}");
        let lease = world.leases().await.remove(0);
        assert!(instance.tags.contains(&format!("innkeeper:lease:{}", lease.id)), "{instance:?}");
        let comment = world.said(issue, "is up.").remove(0);
        assert!(comment.contains(&format!("ssh root@{}\n", instance.address)), "{comment}");

        world
            .passes_until("it is off", |_| status_of("whole-life").as_deref() == Some("ADMIN_down"))
            .await;
        assert_eq!(world.said(issue, "will be stopped on").len(), 2, "at first, and a day before");
        world.passes_until("it is gone", |_| status_of("whole-life").is_none()).await;
        assert_eq!(world.said(issue, "will be destroyed on").len(), 1);
        world.after(TimeDelta::days(4)).await;
        assert!(world.leases().await.is_empty());
        cluster.is_as_before();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Ganeti cluster: make test-real ONLY=life"]
async fn a_full_cluster_is_waited_for() {
    let cluster = Cluster::prepared().await;
    story(Cluster::provider(), &Cluster::placement(0), async |world: &mut World| {
        Cluster::fill();
        world.after(TimeDelta::hours(1)).await;
        let issue = world.filed("patient", &[]).await;
        assert!(world.sticky(issue).contains("No room at the moment"));
        world.approve(issue);
        world
            .until("it waits for room", |world| world.sticky(issue).contains("waits for room"))
            .await;
        assert_eq!(status_of("patient"), None, "nothing of it is left");

        Cluster::empty();
        world.after(TimeDelta::minutes(10)).await;
        world.until("it is handed over", |world| !world.said(issue, "is up.").is_empty()).await;
        assert_eq!(status_of("patient").as_deref(), Some("running"));
        world.released(issue).await;
        world.passes_until("it is gone", |_| status_of("patient").is_none()).await;
        world.after(TimeDelta::days(4)).await;
        cluster.is_as_before();
    })
    .await;
}
