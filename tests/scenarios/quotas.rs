//! Quotas: what is in use and asked for, who may extend and take over, and that
//! none of it can be got round.

use std::time::Duration;

use chrono::TimeDelta;
use http::Method;
use innkeeper::{
    cookbook::{Cookbooks, Principal},
    engine::{Settings, Turn},
    rehearsal::{Dialect, Fault, IssueKey, Trouble},
};

use crate::{
    FORGE,
    world::{World, hex_after, sandbox_cookbook, scenario_with_cookbooks},
};

/// Carol alone is a sysadmin; Dan may approve.
fn carol_alone(settings: &mut Settings) {
    settings.sysadmins = vec![Principal::User("carol".to_owned())];
}

fn automatic(settings: &mut Settings) {
    settings.automatic_approval = true;
}

/// The sandbox with one more rule, so that this is refused in these words.
fn with_rule(require: &str, message: &str) -> Cookbooks {
    let rule = format!(
        "[[rule]]\nid = \"quota\"\nrequire = {require:?}\nmessage = {message:?}\n\n# --- who may ask"
    );
    sandbox_cookbook(&[("# --- who may ask", &rule)])
}

/// Nobody holds more than one machine; what is asked for does not count.
fn one_each() -> Cookbooks {
    with_rule("usage.owner.leases < 1", "The owner has one already.")
}

/// The sandbox with these limits of extensions.
fn extending(limits: &str) -> Cookbooks {
    sandbox_cookbook(&[("[lifetime]", &format!("[lifetime]\n{limits}"))])
}

fn approve(world: &World, issue: IssueKey) -> String {
    format!("@innkeeper approve {}", world.digest(issue))
}

/// What was said on an issue since it was last read.
fn news(world: &mut World, issue: IssueKey) -> String {
    let mut said = String::new();
    while let Some(comment) = world.next_comment(issue) {
        said.push_str(&comment);
    }
    said
}

/// Two processes on one store take one turn each at the same time. What each
/// grants waits for the owner's keys, so that neither sees what the other has
/// decided.
async fn both_turn(world: &World) {
    world.practice.rehearsal.settle().await;
    let slow = Trouble::Delay(Duration::from_secs(1));
    world.practice.rehearsal.plan(Fault::on(Method::GET, "*/keys", slow).times(2));
    let (one, other) =
        (world.practice.engine.clone(), world.practice.another_engine("other").unwrap());
    let turns = tokio::join!(Box::pin(one.turn()), Box::pin(other.turn()));
    assert_eq!((turns.0.unwrap(), turns.1.unwrap()), (Turn::Worked, Turn::Worked));
    assert_eq!(world.practice.rehearsal.faults_ahead(), 0, "both were about to grant");
    world.settle().await;
}

// --- taken in the moment of granting

#[tokio::test]
async fn two_approvals_at_the_same_moment_do_not_pass_the_quota() {
    scenario_with_cookbooks(
        one_each(),
        |_| {},
        async |world: &mut World| {
            let issues = [world.filed(&[]).await, world.filed(&[]).await];
            for issue in issues {
                let text = approve(world, issue);
                world.practice.rehearsal.comment("carol", issue, &text).unwrap();
            }
            both_turn(world).await;
            assert_eq!(world.host.machines().len(), 1);
            let mut said = issues.map(|issue| news(world, issue));
            said.sort_unstable();
            let [granted, refused] = said;
            assert!(granted.contains("Approved by carol"), "{granted}");
            assert!(granted.contains("is up."), "{granted}");
            let words = "Nothing was approved: its quota was used up meanwhile. \
                         The owner has one already.";
            assert!(refused.contains(words), "{refused}");
            let stickies = issues.map(|issue| world.sticky(issue));
            assert_eq!(stickies.iter().filter(|it| it.contains("1 thing to mend")).count(), 1);
        },
    )
    .await;
}

#[tokio::test]
async fn of_two_that_need_nobody_at_the_same_moment_the_second_needs_somebody() {
    let cookbooks = sandbox_cookbook(&[(
        "usage.owner.leases + usage.owner.pending < 2\"",
        "usage.cookbook.leases < 1\"",
    )]);
    scenario_with_cookbooks(cookbooks, automatic, async |world: &mut World| {
        let of_bob = World::sandbox(&[("Fallback owner", "@dan")]);
        world.files("alice", "Mine", &World::sandbox(&[])).unwrap();
        world.files("bob", "Mine", &of_bob).unwrap();
        both_turn(world).await;
        assert_eq!(world.host.machines().len(), 1);
        let issues = world.practice.rehearsal.issues();
        let stickies: Vec<String> = issues.iter().map(|issue| world.sticky(issue.key)).collect();
        let waiting = stickies.iter().filter(|it| it.contains("waiting for approval"));
        assert_eq!(waiting.count(), 1, "{stickies:?}");
        for issue in issues {
            news(world, issue.key);
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_offered_for_approval_is_held_against_what_is_in_use_now() {
    let cookbooks = sandbox_cookbook(&[
        ("usage.owner.leases + usage.owner.pending < 3", "usage.owner.leases < 1"),
        ("count = 1", "count = 2"),
    ]);
    scenario_with_cookbooks(
        cookbooks,
        |_| {},
        async |world: &mut World| {
            let first = world.filed(&[]).await;
            let second = world.filed(&[]).await;
            for issue in [first, second] {
                let text = approve(world, issue);
                world.answer("carol", issue, &text).await;
            }
            let texts = [first, second].map(|issue| approve(world, issue));
            world.answer("dan", first, &texts[0]).await;
            // What Carol said is void, and what Dan says comes too late.
            let said = world.answer("dan", second, &texts[1]).await;
            let void = "Its quota was used up meanwhile, so the approval of carol does not count";
            assert!(said.contains(void), "{said}");
            assert!(said.contains("Nothing was approved: its quota was used up"), "{said}");
            assert_eq!(world.host.machines().len(), 1);
        },
    )
    .await;
}

#[tokio::test]
async fn what_a_quota_refused_becomes_acceptable_by_itself_once_there_is_room() {
    scenario_with_cookbooks(
        one_each(),
        |_| {},
        async |world: &mut World| {
            let first = world.handed_over(&[]).await;
            let second = world.filed(&[]).await;
            assert!(world.sticky(second).contains("The owner has one already."));
            world.says("alice", first, "@innkeeper release").await;
            let code = hex_after(&world.expect(first, "To confirm"), "release confirm ");
            world.says("alice", first, &format!("@innkeeper release confirm {code}")).await;
            world.after(TimeDelta::hours(1)).await;
            let sticky = world.sticky(second);
            assert!(sticky.contains("complete, waiting for approval"), "{sticky}");
            news(world, first);
            news(world, second);
        },
    )
    .await;
}

// --- counting

#[tokio::test]
async fn a_request_that_is_split_counts_as_one() {
    let limit = "usage.owner.memory + request.memory * request.count <= 4096";
    let cookbooks = with_rule(limit, "That is more than 4 GiB in all.");
    scenario_with_cookbooks(
        cookbooks,
        |_| {},
        async |world: &mut World| {
            world.handed_over(&[]).await;
            let asked = world.filed(&[("Memory", "1 GiB")]).await;
            let third = world.filed(&[("Memory", "2 GiB")]).await;
            let sticky = world.sticky(third);
            assert!(sticky.contains("That is more than 4 GiB in all."), "{sticky}");
            world.says("alice", asked, "@innkeeper status").await;
            world.expect(asked, "waits for approval");
            world.edited("alice", third, &[("Memory", "1 GiB")]).await;
            world.expect(third, "complete and allowed");
        },
    )
    .await;
}

#[tokio::test]
async fn a_team_counts_for_all_its_members() {
    let team = "[[field]]\nname = \"team\"\ntype = \"group\"\nrequired = false\n\n# --- what spans";
    let rule = "[[rule]]\nid = \"team\"\nrequire = \"usage.team.leases + usage.team.pending < 1\"\n\
                message = \"The team has one already.\"\n\n# --- who may ask";
    let cookbooks = sandbox_cookbook(&[("# --- what spans", team), ("# --- who may ask", rule)]);
    let cookbook = cookbooks.cookbooks[0].clone();
    scenario_with_cookbooks(
        cookbooks,
        |_| {},
        async |world: &mut World| {
            let of =
                |team| World::sandbox_by(&cookbook, &[("Team", team), ("Fallback owner", "@dan")]);
            let first = world.files("alice", "For us", &of("tpo")).unwrap();
            world.settle().await;
            let second = world.files("bob", "For us", &of("TPO")).unwrap();
            world.settle().await;
            let sticky = world.sticky(second);
            assert!(sticky.contains("The team has one already."), "{sticky}");
            let text = approve(world, first);
            world.answer("carol", first, &text).await;
            assert_eq!(world.leases().await[0].team.as_deref(), Some("tpo"));
            world.answer("bob", second, "Still?").await;
            assert!(world.sticky(second).contains("The team has one already."));
            let alone = World::sandbox_by(&cookbook, &[("Fallback owner", "@dan")]);
            world.practice.rehearsal.edit_description("bob", second, &alone).unwrap();
            world.settle().await;
            world.expect(second, "complete and allowed");
        },
    )
    .await;
}

#[tokio::test]
async fn what_is_free_is_asked_only_where_it_is_known() {
    let cookbooks = with_rule("request.memory <= capacity.memory", "There is not that much left.");
    scenario_with_cookbooks(cookbooks, automatic, async |world: &mut World| {
        world.host.has_memory(3 * 1024);
        world.step(TimeDelta::hours(1)).await;
        let large = world.filed(&[("Memory", "4 GiB")]).await;
        assert!(world.sticky(large).contains("There is not that much left."));
        let small = world.filed(&[]).await;
        world.expect(small, "is up.");
    })
    .await;
    // This host does not say how much disk it has.
    let cookbooks = with_rule("request.disk <= capacity.disk", "There is not that much left.");
    scenario_with_cookbooks(cookbooks, automatic, async |world: &mut World| {
        let small = world.filed(&[]).await;
        let sticky = world.sticky(small);
        assert!(sticky.contains("waiting for approval"), "{sticky}");
        assert!(!sticky.contains("There is not that much left."), "{sticky}");
    })
    .await;
}

// --- extensions

#[tokio::test]
async fn owners_extend_alone_as_often_as_the_cookbook_says() {
    scenario_with_cookbooks(extending("extensions = 1"), carol_alone, async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        let said = world.answer("alice", issue, "@innkeeper extend 1w").await;
        assert!(said.contains("was extended by alice"), "{said}");
        for who in ["alice", "bob"] {
            let said = world.answer(who, issue, "@innkeeper extend 1d").await;
            assert!(said.contains("was extended as often as its owner may alone (1)"), "{said}");
            assert!(said.contains("`group:tpo/tpa` may give the command"), "{said}");
        }
        for who in ["dan", "carol"] {
            let said = world.answer(who, issue, "@innkeeper extend 1w").await;
            assert!(said.contains(&format!("was extended by {who}")), "{said}");
        }
        let said = world.answer("alice", issue, "@innkeeper extend 1d").await;
        assert!(said.contains("as often as its owner may alone (1)"), "{said}");
        let extensions = world.leases().await[0].extensions;
        assert_eq!((extensions.all, extensions.alone), (3, 1));
    })
    .await;
}

#[tokio::test]
async fn one_extension_by_the_owner_is_no_longer_than_one_request() {
    scenario_with_cookbooks(sandbox_cookbook(&[]), carol_alone, async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        let said = world.answer("alice", issue, "@innkeeper extend 31 days").await;
        assert!(said.contains("can be extended by its owner by 30 days at once"), "{said}");
        assert!(said.contains("until **Wed 2027-01-13"), "{said}");
        let said = world.answer("alice", issue, "@innkeeper extend 30 days").await;
        assert!(said.contains("will now be stopped on **Wed 2027-01-13"), "{said}");
        let said = world.answer("dan", issue, "@innkeeper extend 31 days").await;
        assert!(said.contains("was extended by dan"), "{said}");
    })
    .await;
}

// --- hands

#[tokio::test]
async fn a_machine_is_given_only_to_somebody_who_might_have_asked_for_it() {
    scenario_with_cookbooks(one_each(), carol_alone, async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        let said = world.answer("alice", issue, "@innkeeper transfer @mallory").await;
        assert!(said.contains("`mallory` may not ask for it: it is for `group:tpo`"), "{said}");
        assert!(said.contains("A sysadmin can give the same command."), "{said}");
        let said = world.answer("alice", issue, "@innkeeper transfer @bob").await;
        assert!(said.contains("@bob, you are asked to take over"), "{said}");
        // By the time he agrees, he has one himself.
        let text = World::sandbox(&[("Fallback owner", "@dan")]);
        let own = world.files("bob", "Mine", &text).unwrap();
        world.settle().await;
        let text = approve(world, own);
        world.answer("carol", own, &text).await;
        let said = world.answer("bob", issue, "@innkeeper accept").await;
        assert!(said.contains("`bob` cannot have it: The owner has one already."), "{said}");
        let said = world.answer("alice", issue, "@innkeeper transfer @bob").await;
        assert!(said.contains("`bob` cannot have it: The owner has one already."), "{said}");
        // A sysadmin may order it all the same.
        let said = world.answer("carol", issue, "@innkeeper transfer @bob").await;
        assert!(said.contains("@bob, you are asked to take over"), "{said}");
        let said = world.answer("bob", issue, "@innkeeper accept").await;
        assert!(said.contains("has a new owner: @bob"), "{said}");
    })
    .await;
}

// --- without anybody's approval

#[tokio::test]
async fn nobody_is_spared_approval_by_others_hands_or_by_splitting() {
    // The second small one is near the limit: two, held or asked for.
    scenario_with_cookbooks(sandbox_cookbook(&[]), automatic, async |world: &mut World| {
        let first = world.filed(&[]).await;
        world.expect(first, "is up.");
        let touched = world.files("alice", "Two hands", "### Memory\n\nlots").unwrap();
        world.settle().await;
        world.practice.rehearsal.edit_description("carol", touched, &World::sandbox(&[])).unwrap();
        world.settle().await;
        assert!(world.sticky(touched).contains("waiting for approval"));
        // Her own last edit does not make it her word alone again.
        world.edited("alice", touched, &[("Memory", "1 GiB")]).await;
        assert!(world.sticky(touched).contains("waiting for approval"));
        // It counts as long as it is open.
        let second = world.filed(&[]).await;
        assert!(world.sticky(second).contains("waiting for approval"));
        world.practice.rehearsal.close("alice", touched).unwrap();
        world.settle().await;
        world.answer("alice", second, "And now?").await;
        assert_eq!(world.host.machines().len(), 2);
        let third = world.filed(&[]).await;
        assert!(world.sticky(third).contains("waiting for approval"));
        for issue in [touched, second, third] {
            news(world, issue);
        }
    })
    .await;
}

#[tokio::test]
async fn an_editor_whom_the_forge_does_not_name_is_somebody_else() {
    if FORGE != Dialect::GitHub {
        return;
    }
    scenario_with_cookbooks(sandbox_cookbook(&[]), automatic, async |world: &mut World| {
        let refused = Trouble::Answer { status: 403, headers: Vec::new(), body: "{}".to_owned() };
        world.practice.rehearsal.plan(Fault::on(Method::POST, "*/graphql", refused).times(100));
        let issue = world.filed(&[]).await;
        assert!(world.sticky(issue).contains("waiting for approval"));
        assert!(world.host.machines().is_empty());
        world.practice.rehearsal.cancel_faults();
        world.answer("alice", issue, "And now?").await;
        assert_eq!(world.host.machines().len(), 1, "nobody has edited it");
    })
    .await;
}
