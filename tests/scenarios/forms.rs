//! What a form can ask, and what people read when they answer it.

use crate::world::{World, sandbox_cookbook, scenario_with_cookbooks};

#[tokio::test]
async fn a_team_is_a_group_of_the_author_and_others_stay_unknown() {
    let team = "[[field]]\nname = \"team\"\ntype = \"group\"\n\n# --- what spans";
    let cookbooks =
        sandbox_cookbook(&[("# --- what spans", team), ("[eligible]\nby = [\"group:tpo\"]", "")]);
    let cookbook = cookbooks.cookbooks[0].clone();
    scenario_with_cookbooks(
        cookbooks,
        |_| {},
        async |world: &mut World| {
            let text = World::sandbox_by(&cookbook, &[("Team", "@TPO")]);
            let hers = world.files("alice", "For us", &text).unwrap();
            world.settle().await;
            let sticky = world.sticky(hers);
            assert!(sticky.contains("tpo") && !sticky.contains("not a group"), "{sticky}");
            world.digest(hers);
            // One that is there, and one that is not.
            for team in ["tpo", "nowhere"] {
                let text = World::sandbox_by(&cookbook, &[("Team", team)]);
                let issue = world.files("mallory", "For them", &text).unwrap();
                world.settle().await;
                let sticky = world.sticky(issue);
                assert!(sticky.contains("is not a group you belong to."), "{team}: {sticky}");
                assert!(!sticky.contains("approve "), "{sticky}");
            }
        },
    )
    .await;
}

/// The sandbox with tiers; amounts are asked for with `custom` only.
fn tiered() -> innkeeper::cookbook::Cookbooks {
    let tiers = r#"[[tier]]
name = "small"
memory = "2 GiB"
vcpus = 1
disk = "10 GiB"

[[tier]]
name = "large"
memory = "8 GiB"
vcpus = 4
disk = "40 GiB"

[[field]]
name = "size"
type = "tier"
custom = true

# --- what spans"#;
    sandbox_cookbook(&[("# --- what spans", tiers)])
}

#[tokio::test]
async fn a_tier_is_what_is_made_and_sizes_of_ones_own_get_a_nudge() {
    let cookbooks = tiered();
    let cookbook = cookbooks.cookbooks[0].clone();
    scenario_with_cookbooks(
        cookbooks,
        |_| {},
        async |world: &mut World| {
            // Both at once is one too many.
            let text = World::sandbox_by(&cookbook, &[("Size", "small"), ("Memory", "3 GiB")]);
            let issue = world.files("alice", "A machine", &text).unwrap();
            world.settle().await;
            let sticky = world.sticky(issue);
            assert!(sticky.contains("has 2 GiB, and 3 GiB is asked for here"), "{sticky}");
            // As amounts it fits into a tier, which is told and stands in nobody's way.
            let own = [("Size", "custom"), ("Memory", "3 GiB")];
            let text = World::sandbox_by(&cookbook, &own);
            world.practice.rehearsal.edit_description("alice", issue, &text).unwrap();
            world.settle().await;
            world.expect(issue, "approve ");
            let sticky = world.sticky(issue);
            assert!(sticky.contains("All of this fits into large"), "{sticky}");
            let digest = world.digest(issue);
            // The tier it is.
            let text = World::sandbox_by(&cookbook, &[("Size", "large")]);
            world.practice.rehearsal.edit_description("alice", issue, &text).unwrap();
            world.settle().await;
            let sticky = world.sticky(issue);
            assert!(!sticky.contains("fits into"), "{sticky}");
            assert!(sticky.contains("large (4 vCPUs, 8 GiB memory, 40 GiB disk)"), "{sticky}");
            assert_ne!(world.digest(issue), digest);
            let digest = world.digest(issue);
            world.says("carol", issue, &format!("@innkeeper approve {digest}")).await;
            world.expect(issue, "Approved by carol");
            world.expect(issue, "is up.");
            let shape = world.leases().await[0].order.shape;
            assert_eq!(
                (shape.vcpus.get(), shape.memory.get() >> 10, shape.disk.get() >> 10),
                (4, 8, 40)
            );
            let answer = world.answer("alice", issue, "@innkeeper resize memory 9 GiB").await;
            assert!(answer.contains("9 GiB is more than the maximum of 8 GiB"), "{answer}");
        },
    )
    .await;
}
