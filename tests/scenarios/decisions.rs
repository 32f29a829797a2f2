//! How rules decide short of refusing, and who has to agree.

use innkeeper::{
    app::practice::CAROL,
    cookbook::Cookbooks,
    engine::Settings,
    rehearsal::{Level, Membership},
};

use crate::world::{World, sandbox_cookbook, scenario_with_cookbooks};

const PLACEMENT: &str = "[placement]";

/// The sandbox with more sections, where small requests need nobody.
fn sandbox_with(sections: &str) -> Cookbooks {
    sandbox_cookbook(&[(PLACEMENT, &format!("{sections}\n{PLACEMENT}"))])
}

/// Bob or Carol has to look at large disks as well.
fn bob_as_well() -> Cookbooks {
    sandbox_with(
        "[[approval.also]]\nwhen = \"request.disk >= 40960\"\nby = [\"user:bob\", \"user:carol\"]\n\
         reason = \"Large disks are backed up by hand.\"\n",
    )
}

// --- severities

#[tokio::test]
async fn a_rule_can_ask_for_a_look_or_only_warn_and_people_read_why() {
    let cookbooks = sandbox_with(
        "[[rule]]\nid = \"much-disk\"\nseverity = \"review\"\nfield = \"disk\"\n\
         require = \"request.disk < 20480\"\nmessage = \"Much disk for a sandbox.\"\n\
         [[rule]]\nid = \"named\"\nseverity = \"warn\"\nrequire = \"request.hostname != ''\"\n\
         message = \"It gets a name of our choice.\"\nhint = \"Choose one if you care.\"\n",
    );
    scenario_with_cookbooks(cookbooks, allow_automatic, async |world: &mut World| {
        // A warning does not keep anything from being automatic.
        let small = world.filed(&[]).await;
        world.expect(small, "is up.");
        let large = world.filed(&[("Disk", "30 GiB")]).await;
        let sticky = world.sticky(large);
        let (_, advice) = sticky.split_once("</details>").unwrap();
        assert!(
            advice.contains("**Somebody has to look at this:** Disk: Much disk for a sandbox."),
            "{sticky}"
        );
        assert!(
            advice
                .contains("**Please note:** It gets a name of our choice. Choose one if you care."),
            "{sticky}"
        );
        assert!(advice.contains("_Rule `much-disk`, `sandbox.toml:"), "{sticky}");
        assert!(sticky.contains("complete, waiting for approval"), "{sticky}");
        let text = format!("@innkeeper approve {}", world.digest(large));
        world.says("carol", large, &text).await;
        world.expect(large, "Approved by carol");
        world.expect(large, "is up.");
        assert!(!world.sticky(large).contains("Somebody has to look"));
    })
    .await;
}

fn allow_automatic(settings: &mut Settings) {
    settings.automatic_approval = true;
}

#[tokio::test]
async fn a_refusal_says_which_rule_and_what_would_pass() {
    let cookbooks = sandbox_with(
        "[[rule]]\nid = \"balanced\"\nrequire = \"request.memory <= request.vcpus * 2048\"\n\
         message = \"Too much memory for so few processors.\"\n",
    );
    scenario_with_cookbooks(
        cookbooks,
        |_| {},
        async |world: &mut World| {
            let issue = world.filed(&[("Memory", "6 GiB")]).await;
            let sticky = world.sticky(issue);
            assert!(
                sticky.contains(
                    "- Too much memory for so few processors. \
                 Would pass: Memory: 2 GiB or less; or vCPUs: at least 3 vCPUs. _Rule `balanced`,"
                ),
                "{sticky}"
            );
            // What is said to pass does.
            world.edited("alice", issue, &[("Memory", "6 GiB"), ("vCPUs", "3")]).await;
            assert!(world.sticky(issue).contains("complete, waiting for approval"));
            world.read_until(issue, "complete and allowed");
        },
    )
    .await;
}

// --- several groups

#[tokio::test]
async fn two_groups_approve_and_nobody_counts_for_both() {
    scenario_with_cookbooks(bob_as_well(), allow_automatic, async |world: &mut World| {
        let issue = world.filed(&[("Disk", "45 GiB")]).await;
        let sticky = world.sticky(issue);
        assert!(
            sticky.contains("Each of these has to approve, and nobody counts for two"),
            "{sticky}"
        );
        assert!(sticky.contains("- `group:tpo/tpa` (0 of 1)"), "{sticky}");
        assert!(
            sticky.contains(
                "- `user:bob` or `user:carol` (0 of 1). Large disks are backed up by hand."
            ),
            "{sticky}"
        );
        let text = format!("@innkeeper approve {}", world.digest(issue));
        // Carol is entitled for both, and counts for one.
        let answer = world.answer("carol", issue, &text).await;
        assert!(answer.contains("Approved by carol (1 of 2)."), "{answer}");
        assert!(answer.contains("Still missing: `user:bob` or `user:carol` (0 of 1)."), "{answer}");
        let answer = world.answer("carol", issue, &text).await;
        assert!(answer.contains("you have approved this already"), "{answer}");
        assert!(world.sticky(issue).contains("- done: `group:tpo/tpa` (1 of 1)"));
        // Dan is one of the first group only, so Carol counts for the second.
        world.says("dan", issue, &text).await;
        world.expect(issue, "Approved by dan");
        world.expect(issue, "is up.");
    })
    .await;
}

#[tokio::test]
async fn what_one_group_alone_may_say_does_not_depend_on_the_order() {
    scenario_with_cookbooks(bob_as_well(), allow_automatic, async |world: &mut World| {
        let issue = world.filed(&[("Disk", "45 GiB")]).await;
        let text = format!("@innkeeper approve {}", world.digest(issue));
        let answer = world.answer("bob", issue, &text).await;
        assert!(answer.contains("Approved by bob (1 of 2)."), "{answer}");
        assert!(answer.contains("Still missing: `group:tpo/tpa` (0 of 1)."), "{answer}");
        // Whoever approves nothing here is told who does.
        let answer = world.answer("mallory", issue, &text).await;
        assert!(answer.contains("`approve` is for approvers, sysadmins, user:"), "{answer}");
        // Carol has left the first group, but may still do what Bob has done.
        world.practice.rehearsal.remove_member("tpo/tpa", CAROL);
        let answer = world.answer("carol", issue, &text).await;
        assert!(answer.contains("Approved by carol (1 of 2)."), "{answer}");
        // Back again, she counts for the first group as soon as she says so.
        let back = Membership::new(CAROL, Level::Maintainer);
        world.practice.rehearsal.set_member("tpo/tpa", back);
        world.says("carol", issue, &text).await;
        world.expect(issue, "Approved by carol");
        world.expect(issue, "is up.");
    })
    .await;
}

#[tokio::test]
async fn who_is_only_asked_as_well_may_turn_it_down() {
    scenario_with_cookbooks(
        bob_as_well(),
        |_| {},
        async |world: &mut World| {
            let issue = world.filed(&[("Disk", "45 GiB")]).await;
            world.says("bob", issue, "@innkeeper reject no room on the tapes").await;
            world.expect(issue, "no room on the tapes");
            assert!(!world.is_open(issue));
            // Of a request she is not asked about he decides nothing.
            let small = world.filed(&[]).await;
            let answer = world.answer("bob", small, "@innkeeper reject no").await;
            assert!(answer.contains("`reject` is for approvers, sysadmins."), "{answer}");
            assert!(world.is_open(small));
        },
    )
    .await;
}
