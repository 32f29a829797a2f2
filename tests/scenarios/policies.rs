//! Policies that change while requests are under way.

use std::collections::BTreeSet;

use innkeeper::{
    cookbook::{Cookbooks, load},
    engine::orphaned,
    machine::Power,
    policy::impact::Effect,
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

#[tokio::test]
async fn a_machine_keeps_its_terms_until_a_sysadmin_renews_them() {
    let scene = Scene { cookbooks: sandbox_cookbook(&[]), ..Scene::default() };
    scenario_in(scene, async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        world.answer("carol", issue, "@innkeeper extend 60d because the review is long").await;
        let [before] = <[_; 1]>::try_from(world.leases().await).unwrap();

        let stricter = [
            ("total      = \"90d\"", "total      = \"30d\""),
            ("grace      = \"3d\"", "grace      = \"1d\""),
        ];
        world.practice.engine.set_cookbooks(sandbox_cookbook(&stricter));
        let answer = world.answer("alice", issue, "@innkeeper renew-terms").await;
        assert!(answer.contains("`renew-terms` is for sysadmins"), "{answer}");
        let [kept] = <[_; 1]>::try_from(world.leases().await).unwrap();
        assert_eq!((&kept.terms, kept.deadline), (&before.terms, before.deadline));

        let told = world.answer("carol", issue, "@innkeeper renew-terms").await;
        assert!(told.contains("`sandbox-1` has other terms from now on"), "{told}");
        assert!(told.contains("keeps its disks for 1 day after that"), "{told}");
        let [renewed] = <[_; 1]>::try_from(world.leases().await).unwrap();
        let version = world.practice.engine.cookbooks().version;
        assert_eq!(renewed.policy_version, version);
        assert!(renewed.deadline.unwrap().at < before.deadline.unwrap().at);
        let entries = world.practice.store.audit_log(1, 1000).await.unwrap();
        let entry = entries.iter().find(|entry| entry.note.action == "renew-terms").unwrap();
        assert_eq!(entry.note.policy_version, Some(version));
        assert_eq!(entry.note.authority.as_deref(), Some("group:tpo/tpa"));
        let again = world.answer("carol", issue, "@innkeeper renew-terms").await;
        assert!(again.contains("has these terms already"), "{again}");

        // It ends at the new time, after warnings of that.
        world.after(renewed.deadline.unwrap().at - world.practice.engine.now()).await;
        world.read_until(issue, "was stopped: its time is up");
        assert_eq!(world.host.power_of("sandbox-1"), Some(Power::Off));
    })
    .await;
}

/// What would become of whom, worst first.
async fn impact(world: &World, new: &Cookbooks, offline: bool) -> Vec<(Effect, Option<String>)> {
    let old = sandbox_cookbook(&[]);
    let impact = world.practice.engine.impact(&old, new, offline).await.unwrap();
    assert_eq!((impact.requests, impact.leases), (1, 1));
    impact.touched.into_iter().map(|touched| (touched.found.effect, touched.machine)).collect()
}

#[tokio::test]
async fn what_a_change_would_do_is_told_of_each_and_nothing_is_done() {
    let scene = Scene { cookbooks: sandbox_cookbook(&[]), ..Scene::default() };
    scenario_in(scene, async |world: &mut World| {
        let machine = world.handed_over(&[("Memory", "4 GiB")]).await;
        let issue = world.filed(&[("Memory", "4 GiB")]).await;
        let before = (world.sticky(machine), world.sticky(issue), world.leases().await);
        let name = || Some("sandbox-1".to_owned());

        let smaller = sandbox_cookbook(&[("\"8 GiB\"", "\"3 GiB\"")]);
        let stricter = sandbox_cookbook(&[("count = 1", "count = 2")]);
        let shorter = sandbox_cookbook(&[("grace      = \"3d\"", "grace      = \"1d\"")]);
        let gone = Cookbooks { cookbooks: Vec::new(), ..load::embedded() };
        for offline in [false, true] {
            assert_eq!(impact(world, &sandbox_cookbook(&[]), offline).await, []);
            assert_eq!(
                impact(world, &smaller, offline).await,
                [(Effect::Refused, None), (Effect::NotGranted, name())]
            );
            assert_eq!(impact(world, &stricter, offline).await, [(Effect::NeedsApproval, None)]);
            assert_eq!(impact(world, &shorter, offline).await, [(Effect::KeepsTerms, name())]);
            assert_eq!(
                impact(world, &gone, offline).await,
                [(Effect::RequestOrphaned, None), (Effect::LeaseOrphaned, name())]
            );
        }
        // A field more, which only the issue's own text tells.
        let question = "[[field]]\nname = \"data\"\ntype = \"text\"\n\n[approval]";
        let longer = sandbox_cookbook(&[("[approval]", question)]);
        assert_eq!(impact(world, &longer, false).await, [(Effect::Refused, None)]);
        assert_eq!(impact(world, &longer, true).await, []);

        world.settle().await;
        world.silent(machine);
        world.silent(issue);
        assert_eq!((world.sticky(machine), world.sticky(issue), world.leases().await), before);
    })
    .await;
}
