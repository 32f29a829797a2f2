//! From request to retirement.

use chrono::TimeDelta;
use innkeeper::machine::Power;

use crate::{
    host::{Call, Fails},
    world::{World, scenario},
};

#[tokio::test]
async fn a_request_with_mistakes_is_answered_field_by_field_and_mended_in_place() {
    scenario(async |world: &mut World| {
        let issue = world.filed(&[("Memory", "4 GX"), ("Fallback owner", "@nobody")]).await;
        let sticky = world.sticky(issue);
        assert!(sticky.contains("2 things to mend"), "{sticky}");
        assert!(sticky.contains("**Memory** (line"), "{sticky}");
        assert!(sticky.contains("nobody"), "{sticky}");
        world
            .practice
            .rehearsal
            .edit_description("alice", issue, &World::sandbox(&[("Memory", "4g")]))
            .unwrap();
        world.settle().await;
        let sticky = world.sticky(issue);
        assert!(sticky.contains("Memory | 4 GiB (written `4g`)"), "{sticky}");
        world.expect(issue, "complete and allowed");
    })
    .await;
}

#[tokio::test]
async fn a_machine_lives_and_dies_on_time_and_every_step_is_announced() {
    scenario(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        assert_eq!(world.host.power_of("sandbox-1"), Some(Power::On));
        world.until(|world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
        world.expect(issue, "will be stopped on");
        world.expect(issue, "will be stopped on");
        world.expect(issue, "was stopped");
        world.until(|world| world.host.power_of("sandbox-1").is_none()).await;
        world.expect(issue, "will be destroyed on");
        world.expect(issue, "were destroyed");
        assert!(!world.is_open(issue));
        world.after(TimeDelta::days(40)).await;
        assert_eq!(world.host.done(Call::DropBackups, "sandbox-1"), 1);
        assert_eq!(world.host.done(Call::Destroy, "sandbox-1"), 1);
        assert!(world.leases().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_creation_whose_answer_was_lost_makes_one_machine() {
    scenario(async |world: &mut World| {
        world.host.fail(Call::Create, Fails::After);
        let issue = world.filed(&[]).await;
        let digest = world.digest(issue);
        world.says("carol", issue, &format!("@innkeeper approve {digest}")).await;
        world.expect(issue, "Approved by carol");
        world.after(TimeDelta::hours(1)).await;
        world.expect(issue, "is up.");
        assert_eq!(world.host.machines().len(), 1);
    })
    .await;
}
