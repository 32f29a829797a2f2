//! Policies that change while requests are under way.

use std::collections::BTreeSet;

use innkeeper::{
    cookbook::{Cookbooks, load},
    engine::orphaned,
};

use crate::world::{Scene, World, sandbox_cookbook, scenario_in};

fn two_approvals(memory: &str) -> Cookbooks {
    sandbox_cookbook(&[("count = 1", "count = 2"), ("\"8 GiB\"", memory)])
}

/// Other cookbooks come into force, as by a reload. Nobody says anything.
async fn reloaded(world: &World, cookbooks: Cookbooks) {
    world.practice.engine.set_cookbooks(cookbooks);
    assert_eq!(world.practice.engine.look_at_open_requests().await.unwrap(), 1);
    world.settle().await;
}

#[tokio::test]
async fn a_reload_judges_open_requests_anew_and_only_what_got_worse_voids_approvals() {
    let scene = Scene { cookbooks: two_approvals("\"8 GiB\""), ..Scene::default() };
    scenario_in(scene, async |world: &mut World| {
        let issue = world.filed(&[("Memory", "4 GiB")]).await;
        let approve = format!("@innkeeper approve {}", world.digest(issue));
        world.answer("carol", issue, &approve).await;

        reloaded(world, two_approvals("\"16 GiB\"")).await;
        world.silent(issue);
        assert!(world.sticky(issue).contains("Approved so far by carol"));

        reloaded(world, two_approvals("\"3 GiB\"")).await;
        let told = world.expect(issue, "the approval of carol does not count any more");
        assert!(told.contains("The policy was changed"), "{told}");
        assert!(world.sticky(issue).contains("1 thing to mend"));

        reloaded(world, two_approvals("\"8 GiB\"")).await;
        world.expect(issue, "approve");
        assert!(!world.sticky(issue).contains("Approved so far"), "it stays void");
        assert!(world.host.machines().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_request_whose_cookbook_is_gone_stays_as_it_is_until_it_is_back() {
    let scene = Scene { cookbooks: two_approvals("\"8 GiB\""), ..Scene::default() };
    scenario_in(scene, async |world: &mut World| {
        let issue = world.filed(&[]).await;
        let before = world.sticky(issue);
        let others = Cookbooks {
            cookbooks: load::embedded()
                .cookbooks
                .into_iter()
                .filter(|c| c.name == "vm".into())
                .collect(),
            ..load::embedded()
        };
        let known: BTreeSet<_> = others.cookbooks.iter().map(|book| book.name.clone()).collect();
        reloaded(world, others).await;
        world.silent(issue);
        let gone = orphaned(world.practice.store.as_ref(), &known).await.unwrap();
        assert_eq!(gone.len(), 1);
        assert_eq!(
            (gone[0].cookbook.as_str(), gone[0].requests, gone[0].leases),
            ("sandbox", 1, 0)
        );

        reloaded(world, two_approvals("\"8 GiB\"")).await;
        assert_eq!(world.sticky(issue), before);
    })
    .await;
}
