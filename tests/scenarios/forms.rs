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
