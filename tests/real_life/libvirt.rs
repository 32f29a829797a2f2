//! Machines that boot.

use std::time::Duration;

use chrono::TimeDelta;

use crate::{
    libvirt_host::{Host, Login},
    world::{World, story},
};

fn is_off(machine: &str) -> bool {
    Host::state_of(machine).as_deref() == Some("shut off")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a libvirt host: make test-real ONLY=life"]
async fn a_machine_is_asked_for_and_used_and_gone_in_time() {
    let host = Host::prepared().await;
    story(Host::provider(), &Host::placement(), async |world: &mut World| {
        let key = world.key_of_alice();
        let issue = world.filed("whole-life", &[]).await;
        world.approve(issue);
        world
            .until("it can be seen to start", |world| {
                world.sticky(issue).contains("it is starting")
            })
            .await;
        world.until("it is handed over", |world| !world.said(issue, "is up.").is_empty()).await;

        let comment = world.said(issue, "is up.").remove(0);
        let login = Login::of(&comment, key);
        assert_eq!(login.run("hostname").trim(), "whole-life");
        assert_eq!(login.run("pwd").trim(), "/home/alice");
        let message = login.run("cat /etc/motd");
        let shown = world.issue(issue);
        assert!(message.contains("for alice until"), "{message}");
        assert!(message.contains(&shown.due_date.unwrap().to_string()), "{message}");
        assert!(message.contains(&shown.web_url), "{message}");
        let nvram = Host::nvram_of("whole-life");
        assert!(nvram.exists(), "{nvram:?}");

        world.passes_until("it is off", |_| is_off("whole-life")).await;
        assert_eq!(world.said(issue, "will be stopped on").len(), 2, "at first, and a day before");
        world.until("that is said", |world| !world.said(issue, "was stopped").is_empty()).await;

        Host::start("whole-life");
        world.after(TimeDelta::hours(1)).await;
        assert!(is_off("whole-life"), "it was started by hand, after its time");
        assert_eq!(world.said(issue, "started from outside").len(), 1);

        world.passes_until("it is gone", |_| Host::state_of("whole-life").is_none()).await;
        assert_eq!(world.said(issue, "will be destroyed on").len(), 1);
        assert!(!nvram.exists(), "{nvram:?}");
        // Its disk is kept as a backup; its seed is not.
        assert_eq!(host.new_kinds(), ["qcow2"]);

        world.passes_until("no backup is left", |_| host.new_kinds().is_empty()).await;
        world.after(TimeDelta::days(1)).await;
        assert!(world.leases().await.is_empty());
        host.is_as_before();
    })
    .await;
}

/// Cut off at many moments between the first call and a guest that runs.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a libvirt host: make test-real ONLY=life"]
async fn engines_that_are_killed_again_and_again_make_one_machine() {
    let host = Host::prepared().await;
    story(Host::provider(), &Host::placement(), async |world: &mut World| {
        let issue = world.filed("cut-off", &[]).await;
        world.approve(issue);
        for milliseconds in [5, 20, 40, 80, 120, 200, 400, 800] {
            world.killed_after(Duration::from_millis(milliseconds)).await;
        }
        world.until("its guest starts", |_| Host::state_of("cut-off").is_some()).await;
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(2)).await;
            world.killed_after(Duration::from_millis(50)).await;
        }
        world.until("it is handed over", |world| !world.said(issue, "is up.").is_empty()).await;
        assert_eq!(world.said(issue, "is up.").len(), 1);
        // One machine, its disk, its seed.
        assert_eq!(host.new_kinds(), ["cut-off", "qcow2", "img"]);

        world.released(issue).await;
        world.passes_until("it is gone", |_| Host::state_of("cut-off").is_none()).await;
        world.passes_until("no backup is left", |_| host.new_kinds().is_empty()).await;
        world.after(TimeDelta::days(1)).await;
        host.is_as_before();
    })
    .await;
}
