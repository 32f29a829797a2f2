//! Who approves what, and what a change in between does to it.

use chrono::NaiveDate;
use innkeeper::{
    app::practice::{self, CAROL, DAN},
    cookbook::Cookbooks,
    identity::{ForgeName, IssueNumber, IssueRef, ProjectId},
    machine::Power,
    rehearsal::{IssueKey, Level, Membership},
};

use crate::{
    FORGE,
    world::{World, hex_after, sandbox_cookbook, scenario, scenario_with_cookbooks},
};

/// Two people have to approve, so that one approval stands for a while.
fn two_approvals() -> Cookbooks {
    sandbox_cookbook(&[("count = 1", "count = 2")])
}

/// The whole digest, of which the comment shows the beginning.
async fn whole_digest(world: &World, issue: IssueKey) -> String {
    let issue = IssueRef {
        forge: ForgeName::from(practice::forge_name(FORGE)),
        project: ProjectId(issue.project),
        number: IssueNumber(issue.iid),
    };
    let request = world.practice.store.request_on(&issue).await.unwrap().unwrap();
    request.value.verdict.digest().unwrap().to_string()
}

fn approve(digest: &str) -> String {
    format!("@innkeeper approve {digest}")
}

// --- the digest

#[tokio::test]
async fn an_approval_names_the_digest_in_any_case_and_as_long_as_one_likes() {
    scenario(async |world: &mut World| {
        let issue = world.filed(&[]).await;
        let digest = world.digest(issue);
        let answer = world.answer("carol", issue, "@innkeeper approve").await;
        assert!(answer.contains("An approval names what it approves"), "{answer}");
        assert!(answer.contains(&approve(&digest)), "{answer}");
        let answer = world.answer("carol", issue, "@innkeeper approve 00000000").await;
        assert!(answer.contains("`00000000` is not what this issue asks for now"), "{answer}");
        let wrong_in_the_end = format!("{digest}{}", "0".repeat(56));
        let answer = world.answer("carol", issue, &approve(&wrong_in_the_end)).await;
        assert!(answer.contains("is not what this issue asks for now"), "{answer}");
        let answer = world.answer("carol", issue, &approve(&digest[..7])).await;
        assert!(answer.contains("between 8 and 64 digits"), "{answer}");
        let answer = world.answer("carol", issue, &approve(&format!("{digest} twice"))).await;
        assert!(answer.contains("Only the digest may follow"), "{answer}");
        assert!(world.host.machines().is_empty());
        let whole = whole_digest(world, issue).await.to_uppercase();
        world.says("carol", issue, &approve(&whole)).await;
        world.expect(issue, "Approved by carol");
        world.expect(issue, "is up.");
    })
    .await;
}

#[tokio::test]
async fn an_edit_between_approval_and_reading_it_makes_the_approval_stale() {
    scenario(async |world: &mut World| {
        let issue = world.filed(&[]).await;
        let digest = world.digest(issue);
        world.practice.rehearsal.comment("carol", issue, &approve(&digest)).unwrap();
        world.edited("alice", issue, &[("Memory", "8 GiB")]).await;
        world.expect(issue, "the description was changed");
        assert!(world.host.machines().is_empty());
        let digest = world.digest(issue);
        world.says("carol", issue, &approve(&digest)).await;
        world.expect(issue, "Approved by carol");
        world.expect(issue, "is up.");
    })
    .await;
}

// --- the person

#[tokio::test]
async fn nobody_approves_what_they_asked_for_or_will_own() {
    scenario(async |world: &mut World| {
        // Carol may approve, but this is hers.
        let text = World::sandbox(&[]);
        let hers = world.files("carol", "Mine", &text);
        let hers = hers.unwrap();
        world.settle().await;
        let digest = world.digest(hers);
        let answer = world.answer("carol", hers, &approve(&digest)).await;
        assert!(answer.contains("nobody approves their own request"), "{answer}");
        // Alice asks, Carol is to own it.
        let owned = world.filed(&[("Owner", "@carol")]).await;
        let digest = world.digest(owned);
        let answer = world.answer("carol", owned, &approve(&digest)).await;
        assert!(answer.contains("nobody approves their own request"), "{answer}");
        // A stand-in did not ask for it and does not own it.
        let stands_in = world.filed(&[("Fallback owner", "@carol")]).await;
        let digest = world.digest(stands_in);
        world.says("carol", stands_in, &approve(&digest)).await;
        world.expect(stands_in, "Approved by carol");
        world.expect(stands_in, "is up.");
        assert_eq!(world.host.machines().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn who_may_not_approve_is_told_who_may() {
    scenario(async |world: &mut World| {
        let issue = world.filed(&[]).await;
        let digest = world.digest(issue);
        for (who, why) in [
            ("alice", "asked for it and is no approver"),
            ("bob", "is a member of the group above, as a reporter"),
            ("mallory", "is a guest of the project"),
        ] {
            let answer = world.answer(who, issue, &approve(&digest)).await;
            let expected = format!("@{who}, `approve` is for approvers, sysadmins");
            assert!(answer.contains(&expected), "{who} {why}: {answer}");
        }
        assert!(world.host.machines().is_empty());
    })
    .await;
}

#[tokio::test]
async fn rights_are_those_of_the_moment_the_approval_is_read() {
    scenario(async |world: &mut World| {
        let issue = world.filed(&[]).await;
        let text = approve(&world.digest(issue));
        let refused = "`approve` is for approvers, sysadmins";

        // Written while a member, read after leaving.
        world.practice.rehearsal.comment("dan", issue, &text).unwrap();
        world.practice.rehearsal.remove_member("tpo/tpa", DAN);
        world.settle().await;
        world.expect(issue, refused);

        // Blocked after writing it.
        world.practice.rehearsal.comment("carol", issue, &text).unwrap();
        world.practice.rehearsal.block_user(CAROL);
        world.settle().await;
        world.expect(issue, refused);

        // Programs are not listened to at all, whatever their level.
        let member = Membership::new(DAN, Level::Maintainer);
        world.practice.rehearsal.set_member("tpo/tpa", member);
        let program = world.becomes_a_program(DAN);
        world.says(program, issue, &text).await;
        world.silent(issue);
        assert!(world.host.machines().is_empty());
        assert!(world.sticky(issue).contains("waiting for approval"));
    })
    .await;
}

only_on_gitlab! { "the members of a team on GitHub are all alike, and for good":
    async fn whoever_approves_has_a_level_that_decides_and_has_not_ended() {
        scenario(async |world: &mut World| {
            let issue = world.filed(&[]).await;
            let text = approve(&world.digest(issue));
            let refused = "`approve` is for approvers, sysadmins";

            // Only a reporter.
            world.practice.rehearsal.set_member("tpo/tpa", Membership::new(DAN, Level::Reporter));
            assert!(world.answer("dan", issue, &text).await.contains(refused));

            // A membership that ended this morning.
            let today = NaiveDate::from_ymd_opt(2026, 11, 30).unwrap();
            let ended = Membership::new(DAN, Level::Maintainer).until(today);
            world.practice.rehearsal.set_member("tpo/tpa", ended);
            assert!(world.answer("dan", issue, &text).await.contains(refused));
        })
        .await;
    }
}

#[tokio::test]
async fn two_approvers_at_once_make_one_machine() {
    scenario(async |world: &mut World| {
        let issue = world.filed(&[]).await;
        let text = approve(&world.digest(issue));
        world.practice.rehearsal.comment("carol", issue, &text).unwrap();
        world.says("dan", issue, &text).await;
        world.expect(issue, "Approved by carol");
        world.expect(issue, "this request was approved already");
        world.expect(issue, "is up.");
        assert_eq!(world.host.machines().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn two_approvals_are_of_two_people_who_may_when_it_counts() {
    scenario_with_cookbooks(
        two_approvals(),
        |_| {},
        async |world: &mut World| {
            let issue = world.filed(&[]).await;
            let text = approve(&world.digest(issue));
            assert!(
                world.answer("carol", issue, &text).await.contains("Approved by carol (1 of 2).")
            );
            assert!(world.sticky(issue).contains("Approved so far by carol; 2 needed"));
            let answer = world.answer("carol", issue, &text).await;
            assert!(answer.contains("you have approved this already"), "{answer}");
            // Carol leaves before it is complete: hers does not count any more.
            world.practice.rehearsal.remove_member("tpo/tpa", CAROL);
            let answer = world.answer("dan", issue, &text).await;
            assert!(answer.contains("Approved by dan (1 of 2)."), "{answer}");
            assert!(world.host.machines().is_empty());
            world
                .practice
                .rehearsal
                .set_member("tpo/tpa", Membership::new(CAROL, Level::Maintainer));
            world.says("carol", issue, &text).await;
            world.expect(issue, "Approved by carol");
            world.expect(issue, "is up.");
        },
    )
    .await;
}

// --- what an edit does

#[tokio::test]
async fn a_cosmetic_edit_keeps_an_approval_and_a_material_one_voids_it_and_says_what_changed() {
    scenario_with_cookbooks(
        two_approvals(),
        |_| {},
        async |world: &mut World| {
            let issue = world.filed(&[("Memory", "4 GiB")]).await;
            let digest = world.digest(issue);
            let answer = world.answer("carol", issue, &approve(&digest)).await;
            assert!(answer.contains("(1 of 2)"), "{answer}");

            // Another spelling, another order of headings.
            let text = World::sandbox(&[("Memory", "4096 MB")]);
            let (before, memory) = text.split_once("### Memory").unwrap();
            let (memory, after) = memory.split_once("### vCPUs").unwrap();
            let shuffled = format!("{before}### vCPUs{after}\n\n### Memory{memory}");
            world.practice.rehearsal.edit_description("alice", issue, &shuffled).unwrap();
            world.settle().await;
            world.silent(issue);
            assert_eq!(world.digest(issue), digest);
            assert!(world.sticky(issue).contains("Approved so far by carol"));

            world.edited("alice", issue, &[("Memory", "8 GiB"), ("How long?", "3 weeks")]).await;
            let comment = world.expect(issue, "the approval of carol does not count any more");
            assert!(comment.starts_with("The description was changed"), "{comment}");
            assert!(comment.contains("Memory: 4 GiB became 8 GiB"), "{comment}");
            assert!(comment.contains("How long?: "), "{comment}");
            assert_ne!(world.digest(issue), digest);
            assert!(comment.contains(&approve(&world.digest(issue))), "{comment}");
            assert!(!world.sticky(issue).contains("Approved so far"));

            let answer = world.answer("dan", issue, &approve(&digest)).await;
            assert!(answer.contains("is not what this issue asks for now"), "{answer}");

            // Broken by an edit, it cannot be approved at all.
            let digest = world.digest(issue);
            world.answer("dan", issue, &approve(&digest)).await;
            world.edited("alice", issue, &[("Memory", "800 GiB")]).await;
            world.expect(issue, "It cannot be approved as it is now");
            let answer = world.answer("dan", issue, &approve(&digest)).await;
            assert!(answer.contains("something is still missing or refused"), "{answer}");
        },
    )
    .await;
}

// --- turning down

#[tokio::test]
async fn a_request_turned_down_is_closed_and_lives_again_when_reopened_as_often_as_one_likes() {
    scenario(async |world: &mut World| {
        let issue = world.filed(&[]).await;
        let answer = world.answer("alice", issue, "@innkeeper reject too small").await;
        assert!(answer.contains("@alice, `reject` is for approvers, sysadmins"), "{answer}");
        let answer = world.answer("carol", issue, "@innkeeper reject").await;
        assert!(answer.contains("Say why"), "{answer}");
        for round in 0..2 {
            let reason = "@innkeeper reject use the shared one, @all /close";
            let answer = world.answer("carol", issue, reason).await;
            assert!(answer.contains("Turned down by carol"), "{answer}");
            assert!(answer.contains("use the shared one"), "{answer}");
            assert!(!world.is_open(issue), "round {round}");
            let memory = format!("{} GiB", round + 3);
            world.edited("alice", issue, &[("Memory", &memory)]).await;
            assert!(world.sticky(issue).contains("turned down"));
            world.practice.rehearsal.reopen("alice", issue).unwrap();
            world.settle().await;
            world.expect(issue, "complete and allowed");
            assert!(world.is_open(issue));
        }
        let digest = world.digest(issue);
        world.says("carol", issue, &approve(&digest)).await;
        world.expect(issue, "Approved by carol");
        world.expect(issue, "is up.");
        let answer = world.answer("carol", issue, "@innkeeper reject after all").await;
        assert!(answer.contains("not open any more"), "{answer}");
        // Over at last: closed, although it was closed and reopened before.
        world.says("alice", issue, "@innkeeper release").await;
        let question = world.expect(issue, "To confirm");
        let code = hex_after(&question, "release confirm ");
        world.says("alice", issue, &format!("@innkeeper release confirm {code}")).await;
        world.expect(issue, "were destroyed");
        assert!(!world.is_open(issue));
    })
    .await;
}

// --- the named owner

#[tokio::test]
async fn a_named_owner_accepts_before_or_after_the_approval() {
    scenario(async |world: &mut World| {
        let named = [("Owner", "@bob"), ("Fallback owner", "@dan")];
        let issue = world.filed(&named).await;
        assert!(world.sticky(issue).contains("@bob is named as owner and has to agree"));
        let digest = world.digest(issue);
        let accept = format!("@innkeeper accept {digest}");
        let answer = world.answer("carol", issue, &accept).await;
        assert!(answer.contains("`accept` is for the owner named in the request"), "{answer}");
        let answer = world.answer("bob", issue, "@innkeeper accept 00000000").await;
        assert!(answer.contains("is not what this issue asks for now"), "{answer}");
        assert!(world.answer("bob", issue, &accept).await.contains("agrees to own it"));
        assert!(!world.sticky(issue).contains("has to agree"));
        world.says("carol", issue, &approve(&digest)).await;
        world.expect(issue, "Approved by carol");
        world.expect(issue, "is up.");

        let issue = world.filed(&named).await;
        let digest = world.digest(issue);
        let answer = world.answer("carol", issue, &approve(&digest)).await;
        assert!(answer.contains("Approved by carol (1 of 1)"), "{answer}");
        assert_eq!(world.host.machines().len(), 1);
        world.says("bob", issue, &format!("@innkeeper accept {digest}")).await;
        world.expect(issue, "Approved by carol");
        world.expect(issue, "is up.");
        let owners: Vec<_> =
            world.leases().await.into_iter().map(|lease| lease.owner.username).collect();
        assert_eq!(owners, ["bob", "bob"]);
    })
    .await;
}

#[tokio::test]
async fn what_the_named_owner_agreed_to_is_void_after_an_edit() {
    scenario(async |world: &mut World| {
        let issue = world.filed(&[("Owner", "@bob"), ("Fallback owner", "@dan")]).await;
        let old = format!("@innkeeper accept {}", world.digest(issue));
        world.answer("bob", issue, &old).await;
        let change = [("Owner", "@bob"), ("Fallback owner", "@dan"), ("Memory", "8 GiB")];
        world.edited("alice", issue, &change).await;
        world.expect(issue, "what was accepted does not count any more");
        assert!(world.sticky(issue).contains("@bob is named as owner and has to agree"));
        let digest = world.digest(issue);
        let answer = world.answer("carol", issue, &approve(&digest)).await;
        assert!(answer.contains("(1 of 1)"), "{answer}");
        assert!(world.answer("bob", issue, &old).await.contains("is not what this issue asks"));
        assert!(world.host.machines().is_empty());
    })
    .await;
}

// --- without anybody's approval

#[tokio::test]
async fn small_requests_need_nobody_where_the_operator_said_so() {
    let on = |settings: &mut innkeeper::engine::Settings| settings.automatic_approval = true;
    scenario_with_cookbooks(sandbox_cookbook(&[]), on, async |world: &mut World| {
        let small = world.filed(&[]).await;
        world.expect(small, "is up.");

        let large = world.filed(&[("Memory", "8 GiB")]).await;
        assert!(world.sticky(large).contains("waiting for approval"));
        world.silent(large);

        // Somebody else had their hands on it.
        let text = World::sandbox(&[]);
        let touched = world.files("bob", "Two hands", "### Memory\n\nlots");
        let touched = touched.unwrap();
        let theirs = text.replace("@bob", "@dan");
        world.practice.rehearsal.edit_description("carol", touched, &theirs).unwrap();
        world.settle().await;
        assert!(world.sticky(touched).contains("waiting for approval"));

        // One thing too many in use or asked for.
        let third = world.filed(&[]).await;
        assert!(world.sticky(third).contains("waiting for approval"));

        // Named owners have to agree, and who is not eligible gets nothing.
        let given = [("Owner", "@dan"), ("Fallback owner", "@bob")];
        let owned = world.filed(&given).await;
        assert!(world.sticky(owned).contains("@dan is named as owner"));
        let text = World::sandbox(&[("Fallback owner", "@dan")]);
        let outside = world.files("mallory", "Mine", &text);
        let outside = outside.unwrap();
        world.settle().await;
        assert!(world.sticky(outside).contains("Sandbox is not for you to ask"));
        assert_eq!(world.host.machines().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn by_default_the_smallest_request_waits_for_somebody() {
    scenario(async |world: &mut World| {
        let issue = world.filed(&[("Memory", "512 MiB"), ("How long?", "1 day")]).await;
        assert!(world.sticky(issue).contains("waiting for approval"));
        world.after(chrono::TimeDelta::days(2)).await;
        assert!(world.host.machines().is_empty());
    })
    .await;
}

// --- the policy changes

#[tokio::test]
async fn a_newer_policy_voids_an_approval_only_if_it_is_worse() {
    scenario_with_cookbooks(
        two_approvals(),
        |_| {},
        async |world: &mut World| {
            let issue = world.filed(&[("Memory", "4 GiB")]).await;
            let text = approve(&world.digest(issue));
            world.answer("carol", issue, &text).await;

            // More generous: the approval stands.
            let generous = [("count = 1", "count = 2"), ("\"8 GiB\"", "\"16 GiB\"")];
            world.practice.engine.set_cookbooks(sandbox_cookbook(&generous));
            world.answer("alice", issue, "Any news?").await;
            assert!(world.sticky(issue).contains("Approved so far by carol"));

            // Stricter in what is approved: three have to, and Carol says it again.
            world.practice.engine.set_cookbooks(sandbox_cookbook(&[("count = 1", "count = 3")]));
            let answer = world.answer("alice", issue, "Any news?").await;
            assert!(answer.contains("the approval of carol does not count any more"), "{answer}");
            assert!(answer.contains("The policy was changed"), "{answer}");
            assert!(!answer.contains("The description was changed"), "{answer}");
            world.answer("carol", issue, &text).await;

            // What was fine is refused now.
            let mean = [("count = 1", "count = 2"), ("\"8 GiB\"", "\"3 GiB\"")];
            world.practice.engine.set_cookbooks(sandbox_cookbook(&mean));
            let answer = world.answer("dan", issue, &text).await;
            assert!(answer.contains("the approval of carol does not count any more"), "{answer}");
            assert!(answer.contains("It cannot be approved as it is now"), "{answer}");
            assert!(answer.contains("something is still missing or refused"), "{answer}");
            assert!(world.sticky(issue).contains("1 thing to mend"));
            assert_eq!(world.host.power_of("sandbox-1"), None::<Power>);
        },
    )
    .await;
}
