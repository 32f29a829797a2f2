//! What people do to an issue besides talking, and what webhooks do to us.

use chrono::{NaiveDate, TimeDelta};
use innkeeper::{
    app::practice::{self, ALICE, BOB, MALLORY},
    machine::Power,
    ports::clock::Clock as _,
    rehearsal::{IssueKey, references},
};

use crate::{
    FORGE,
    host::Call,
    world::{PROJECT_PATH, World, hex_after, scenario},
};

fn approve(world: &World, issue: IssueKey) -> String {
    format!("@innkeeper approve {}", world.digest(issue))
}

fn sticky_note(world: &World, issue: IssueKey) -> u64 {
    let issue = world.issue(issue);
    let mut own = issue.comments_by("innkeeper");
    own.find(|note| note.body.contains("innkeeper:sticky")).unwrap().id
}

/// Files any text as Alice, and lets Innkeeper see it.
async fn filed_text(world: &World, title: &str, text: &str) -> IssueKey {
    let issue = world.practice.rehearsal.file_issue("alice", PROJECT_PATH, title, text).unwrap();
    world.settle().await;
    issue
}

// --- many at once

#[tokio::test]
async fn an_issue_that_waited_for_another_of_the_same_person_is_answered_within_seconds() {
    scenario(async |world: &mut World| {
        let store = world.practice.store.clone();
        let lock = format!("filing:{}:{ALICE}", practice::forge_name(FORGE));
        let now = world.clock.now();
        let until = now + TimeDelta::hours(1);
        assert!(store.lock(&lock, "another issue", now, until).await.unwrap());
        let issue = world.files("alice", "Please", &World::sandbox(&[])).unwrap();
        for _ in 0..100 {
            world.settle().await;
            world.clock.advance(TimeDelta::seconds(1));
        }
        let has_heard =
            |world: &World| world.issue(issue).comments_by("innkeeper").next().is_some();
        assert!(!has_heard(world));
        store.unlock(&lock, "another issue").await.unwrap();
        world.clock.advance(TimeDelta::seconds(10));
        world.settle().await;
        assert!(has_heard(world));
    })
    .await;
}

// --- open and closed

#[tokio::test]
async fn a_request_closed_before_approval_is_withdrawn_until_it_is_reopened() {
    scenario(async |world: &mut World| {
        let issue = world.filed(&[]).await;
        let text = approve(world, issue);
        world.practice.rehearsal.close("alice", issue).unwrap();
        world.settle().await;
        world.silent(issue);
        assert!(world.sticky(issue).contains("withdrawn"));
        assert!(world.issue(issue).labels.contains(&"innkeeper::withdrawn".to_owned()));
        let answer = world.answer("carol", issue, &text).await;
        assert!(answer.contains("judged again when the issue is reopened"), "{answer}");
        assert!(!world.is_open(issue));

        world.practice.rehearsal.reopen("alice", issue).unwrap();
        world.settle().await;
        world.expect(issue, "complete and allowed");
        assert!(world.issue(issue).labels.contains(&"innkeeper::needs-approval".to_owned()));
        assert!(!world.issue(issue).labels.contains(&"innkeeper::withdrawn".to_owned()));
        world.says("carol", issue, &text).await;
        world.expect(issue, "Approved by carol");
        world.expect(issue, "is up.");
    })
    .await;
}

#[tokio::test]
async fn closing_an_issue_asks_once_and_ends_no_machine() {
    scenario(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        world.practice.rehearsal.close("alice", issue).unwrap();
        world.settle().await;
        let comment = world.expect(issue, "Closing an issue does not end a machine");
        assert!(comment.contains("`sandbox-1`, until Mon 2026-12-14 10:00 CET"), "{comment}");
        assert!(world.is_open(issue));
        assert_eq!(world.host.power_of("sandbox-1"), Some(Power::On));

        world.practice.rehearsal.close("alice", issue).unwrap();
        world.settle().await;
        world.silent(issue);
        assert!(!world.is_open(issue));
        // Commands are obeyed all the same.
        let answer = world.answer("alice", issue, "@innkeeper extend 1d").await;
        assert!(answer.contains("was extended by alice"), "{answer}");
        assert!(!world.is_open(issue));
        // And so is time.
        world.until(|world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
        world.expect(issue, "will be stopped on");
        world.expect(issue, "will be stopped on");
        world.expect(issue, "was stopped");
        world.until(|world| world.host.power_of("sandbox-1").is_none()).await;
        world.expect(issue, "will be destroyed on");
        world.expect(issue, "were destroyed");
        assert!(!world.is_open(issue));
    })
    .await;
}

// --- fields, labels, comments changed by hand

only_on_gitlab! { "GitHub has no due dates":
    async fn a_due_date_changed_by_hand_is_set_back_and_explained() {
        scenario(async |world: &mut World| {
            let issue = world.handed_over(&[]).await;
            let end = NaiveDate::from_ymd_opt(2026, 12, 14);
            assert_eq!(world.issue(issue).due_date, end);
            let wish = NaiveDate::from_ymd_opt(2027, 5, 3);
            for explained in [true, false] {
                world.practice.rehearsal.set_due_date("carol", issue, wish).unwrap();
                world.settle().await;
                assert_eq!(world.issue(issue).due_date, end);
                if explained {
                    let comment = world.expect(issue, "The due date is a copy of when `sandbox-1`");
                    assert!(comment.contains("@innkeeper extend"), "{comment}");
                }
                world.silent(issue);
            }
            world.practice.rehearsal.set_due_date("carol", issue, None).unwrap();
            world.settle().await;
            assert_eq!(world.issue(issue).due_date, end);
            world.silent(issue);
        })
        .await;
    }
}

#[tokio::test]
async fn state_labels_are_repaired_and_others_left_alone() {
    scenario(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        let by_hand = ["sandbox", "Urgent", "innkeeper::expired", "innkeeper::mine"];
        world.practice.rehearsal.set_labels("carol", issue, &by_hand).unwrap();
        world.settle().await;
        let labels = world.issue(issue).labels;
        assert_eq!(labels, ["Urgent", "innkeeper::active", "innkeeper::mine", "sandbox"]);
        world.expect(issue, "`innkeeper::expired` was taken off again");
        world.practice.rehearsal.set_labels("carol", issue, &["Urgent"]).unwrap();
        world.settle().await;
        assert_eq!(world.issue(issue).labels, ["Urgent", "innkeeper::active"]);
        world.expect(issue, "`innkeeper::active` was put back");
        assert_eq!(world.host.power_of("sandbox-1"), Some(Power::On));
    })
    .await;
}

#[tokio::test]
async fn the_first_comment_is_repaired_and_posted_again_and_a_forged_one_ignored() {
    scenario(async |world: &mut World| {
        let issue = world.filed(&[]).await;
        let original = world.sticky(issue);
        let forged = "<!-- innkeeper:sticky -->\n### Sandbox: approved, being made";
        let answer = world.answer("mallory", issue, forged).await;
        assert_eq!(answer, "");
        assert_eq!(world.sticky(issue), original);

        let first = sticky_note(world, issue);
        world.practice.rehearsal.edit_note("carol", issue, first, "Nothing here").unwrap();
        world.settle().await;
        world.says("bob", issue, "What happened?").await;
        assert_eq!(world.sticky(issue), original);

        let note = sticky_note(world, issue);
        assert_eq!(sticky_note(world, issue), first);
        let edit = format!("{original}\n\nAnd I am the king.");
        world.practice.rehearsal.edit_note("carol", issue, note, &edit).unwrap();
        world.settle().await;
        world.says("bob", issue, "What happened?").await;
        assert_eq!(world.sticky(issue), original);
        assert_eq!(sticky_note(world, issue), note);

        world.practice.rehearsal.delete_note("carol", issue, note).unwrap();
        world.says("bob", issue, "Where has it gone?").await;
        assert_eq!(world.sticky(issue), original);
        assert_ne!(sticky_note(world, issue), note);
    })
    .await;
}

#[tokio::test]
async fn a_deleted_announcement_is_not_repeated() {
    scenario(async |world: &mut World| {
        let issue = world.filed(&[]).await;
        let text = approve(world, issue);
        world.says("carol", issue, &text).await;
        let all: Vec<u64> = world
            .issue(issue)
            .comments_by("innkeeper")
            .filter(|note| !note.body.contains("sticky"))
            .map(|note| note.id)
            .collect();
        assert_eq!(all.len(), 2);
        for note in all {
            world.practice.rehearsal.delete_note("carol", issue, note).unwrap();
        }
        world.says("bob", issue, "All quiet now.").await;
        world.after(TimeDelta::days(1)).await;
        world.silent(issue);
        assert_eq!(world.host.done(Call::Create, "sandbox-1"), 1);
    })
    .await;
}

#[tokio::test]
async fn an_edit_after_approval_changes_nothing_and_that_is_said_once() {
    scenario(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        let sticky = world.sticky(issue);
        world.edited("alice", issue, &[("Memory", "8 GiB"), ("Owner", "@mallory")]).await;
        world.expect(issue, "edited after it had been approved");
        world.edited("alice", issue, &[("Memory", "8 GX")]).await;
        world.silent(issue);
        assert_eq!(world.sticky(issue), sticky);
        assert_eq!(world.leases().await[0].order.shape.memory.get(), 2048);
    })
    .await;
}

// --- what is a request

#[tokio::test]
async fn a_label_makes_a_request_and_everything_else_is_left_alone() {
    scenario(async |world: &mut World| {
        let plain = filed_text(world, "Printer broken", "### Memory\n\nIt has none. @innkeeper help").await;
        world.says("alice", plain, "@innkeeper status").await;
        world.practice.rehearsal.set_labels("carol", plain, &["Urgent"]).unwrap();
        world.practice.rehearsal.close("carol", plain).unwrap();
        world.after(TimeDelta::hours(2)).await;
        assert_eq!(world.issue(plain).comments_by("innkeeper").count(), 0);
        assert_eq!(world.issue(plain).labels, ["Urgent"]);

        let prose = filed_text(world, "A machine", "I need something with 4 GB, please.").await;
        assert_eq!(world.issue(prose).comments_by("innkeeper").count(), 0);
        world.practice.rehearsal.set_labels("carol", prose, &["sandbox"]).unwrap();
        world.settle().await;
        let sticky = world.sticky(prose);
        assert!(sticky.contains("Sandbox: 3 things to mend"), "{sticky}");
        assert!(sticky.contains("**Fallback owner**"), "{sticky}");
        let text = "### Purpose\n\nTests\n\n### fallback owners\n\n@bob\n\n### I understand\n\n- [x] yes\n";
        world.practice.rehearsal.edit_description("alice", prose, text).unwrap();
        world.settle().await;
        world.expect(prose, "complete and allowed");
    })
    .await;
}

#[tokio::test]
async fn a_host_name_is_given_to_whoever_asked_first() {
    scenario(async |world: &mut World| {
        world.host.put("mail", None);
        world.after(TimeDelta::hours(1)).await;
        let first = world.filed(&[("Host name", "web")]).await;
        let second = world.filed(&[("Host name", "WEB")]).await;
        assert!(world.sticky(first).contains("waiting for approval"));
        let sticky = world.sticky(second);
        assert!(
            sticky.contains("The name `web` is in use, in its grace period or asked for."),
            "{sticky}"
        );
        world.edited("alice", second, &[("Host name", "mail")]).await;
        assert!(world.sticky(second).contains("The name `mail` is in use"));

        world.practice.rehearsal.close("alice", first).unwrap();
        world.settle().await;
        world.edited("alice", second, &[("Host name", "web")]).await;
        world.expect(second, "complete and allowed");
        let text = approve(world, second);
        world.says("carol", second, &text).await;
        world.expect(second, "Approved by carol");
        world.expect(second, "`web` is up");
        assert_eq!(world.host.machines().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_name_that_was_taken_on_the_host_meanwhile_harms_nobody() {
    scenario(async |world: &mut World| {
        let issue = world.filed(&[("Host name", "web")]).await;
        world.host.put("web", None);
        let text = approve(world, issue);
        world.says("carol", issue, &text).await;
        world.expect(issue, "Approved by carol");
        world.expect(issue, "could not be made");
        world.expect(issue, "can be approved again");
        world.after(TimeDelta::hours(1)).await;
        assert_eq!(world.host.done(Call::Destroy, "web"), 0);
        assert_eq!(world.host.machines().len(), 1);

        world.edited("alice", issue, &[("Host name", "web2")]).await;
        let text = approve(world, issue);
        world.says("carol", issue, &text).await;
        world.read_until(issue, "Approved by carol");
        world.expect(issue, "`web2` is up");
    })
    .await;
}

// --- webhooks

#[tokio::test]
async fn a_webhook_delivered_three_times_counts_once() {
    scenario(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        world.answer("alice", issue, "@innkeeper extend 1d").await;
        let numbers: Vec<usize> =
            world.practice.rehearsal.webhook_deliveries().iter().map(|one| one.number).collect();
        for _ in 0..2 {
            for number in &numbers {
                world.practice.rehearsal.resend(*number).unwrap();
            }
            world.settle().await;
        }
        world.silent(issue);
        assert_eq!(world.host.done(Call::Create, "sandbox-1"), 1);
        let end = world.leases().await[0].deadline.unwrap().at.date_naive();
        assert_eq!(end.to_string(), "2026-12-15");
    })
    .await;
}

#[tokio::test]
async fn what_happened_while_no_webhook_came_is_found_once_and_in_order() {
    scenario(async |world: &mut World| {
        let running = world.handed_over(&[]).await;
        world.practice.rehearsal.webhooks(false);
        let issue = world.files("alice", "Quiet", &World::sandbox(&[]));
        let issue = issue.unwrap();
        world.after(TimeDelta::hours(1)).await;
        assert!(world.sticky(issue).contains("waiting for approval"));
        let text = approve(world, issue);
        world.practice.rehearsal.comment("carol", issue, &text).unwrap();
        world.after(TimeDelta::days(1)).await;
        world.expect(issue, "Approved by carol");
        world.expect(issue, "is up.");

        // Everything stands still for a night, while people go on.
        let text = World::sandbox(&[("Fallback owner", "@alice")]);
        let other = world.files("bob", "Also quiet", &text).unwrap();
        for text in ["hello", "@innkeeper extend 1d", "@innkeeper extend 2d", "@innkeeper stop"] {
            world.asleep(TimeDelta::minutes(10));
            world.practice.rehearsal.comment("alice", running, text).unwrap();
        }
        world.practice.rehearsal.comment("carol", other, "@innkeeper approve").unwrap();
        world.practice.rehearsal.close("alice", issue).unwrap();
        world.asleep(TimeDelta::hours(9));
        world.after(TimeDelta::days(1)).await;
        world.expect(running, "was extended by alice");
        world.expect(running, "was extended by alice");
        world.expect(running, "was switched off");
        world.expect(other, "An approval names what it approves");
        assert!(world.sticky(other).contains("waiting for approval"));
        world.expect(issue, "Closing an issue does not end a machine");
        assert!(world.is_open(issue));
        let lease =
            world.leases().await.into_iter().find(|lease| lease.issue.number.0 == running.iid);
        let end = lease.unwrap().deadline.unwrap().at.date_naive();
        assert_eq!(end.to_string(), "2026-12-17");
        world.after(TimeDelta::hours(3)).await;
        for quiet in [running, issue, other] {
            world.silent(quiet);
        }
    })
    .await;
}

#[tokio::test]
async fn a_long_discussion_is_read_to_its_end() {
    scenario(async |world: &mut World| {
        let issue = world.filed(&[]).await;
        for number in 0..230 {
            world.practice.rehearsal.comment("bob", issue, &format!("Thought {number}")).unwrap();
        }
        let text = approve(world, issue);
        world.says("carol", issue, &text).await;
        world.expect(issue, "Approved by carol");
        world.expect(issue, "is up.");
        assert!(world.sticky(issue).contains("running"));
        assert_eq!(world.host.machines().len(), 1);
    })
    .await;
}

// --- elsewhere

only_on_gitlab! { "GitHub leaves nothing of an issue that was transferred":
    async fn a_machine_whose_issue_was_moved_is_announced_on_what_remains_of_it() {
        scenario(async |world: &mut World| {
            let issue = world.handed_over(&[]).await;
            let rehearsal = &world.practice.rehearsal;
            rehearsal.add_project(8, "tpo/attic");
            rehearsal.move_issue("carol", issue, "tpo/attic").unwrap();
            world.after(TimeDelta::hours(6)).await;
            world.expect(issue, "moved to where requests are not looked after");
            world.until(|world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
            world.expect(issue, "will be stopped on");
            world.expect(issue, "will be stopped on");
            world.expect(issue, "was stopped");
            world.until(|world| world.host.power_of("sandbox-1").is_none()).await;
            world.expect(issue, "will be destroyed on");
            world.expect(issue, "were destroyed");
        })
        .await;
    }
}

only_on_gitlab! { "GitHub leaves nothing of an issue that was transferred":
    async fn commands_on_a_moved_issue_are_answered() {
        scenario(async |world: &mut World| {
            let issue = world.handed_over(&[]).await;
            world.practice.rehearsal.add_project(8, "tpo/attic");
            world.practice.rehearsal.move_issue("carol", issue, "tpo/attic").unwrap();
            world.after(TimeDelta::hours(6)).await;
            let told = world.expect(issue, "moved to where requests are not looked after");
            assert!(told.contains("- `sandbox-1`, until Mon 2026-12-14 10:00 CET"), "{told}");
            assert!(told.contains("For the sysadmins, @tpo/tpa:"), "{told}");
            let answer = world.answer("alice", issue, "@innkeeper extend 1d").await;
            assert!(answer.contains("was extended by alice"), "{answer}");
            assert!(world.sticky(issue).contains("stopped Tue 2026-12-15"), "{}", world.sticky(issue));
            world.after(TimeDelta::hours(2)).await;
            world.silent(issue);
            assert_eq!(world.host.machines().len(), 1);
        })
        .await;
    }
}

#[tokio::test]
async fn people_are_who_they_are_by_number_not_by_name() {
    scenario(async |world: &mut World| {
        let issue = world.filed(&[]).await;
        let text = approve(world, issue);
        // Another takes the stand-in's name: that is not what was asked for.
        world.practice.rehearsal.rename_user(BOB, "robert");
        world.practice.rehearsal.rename_user(MALLORY, "bob");
        let answer = world.answer("carol", issue, &text).await;
        assert!(answer.contains("is not what this issue asks for now"), "{answer}");
        world.practice.rehearsal.rename_user(MALLORY, "mallory");
        let answer = world.answer("carol", issue, &text).await;
        assert!(answer.contains("something is still missing or refused"), "{answer}");
        assert!(world.sticky(issue).contains("bob"), "{}", world.sticky(issue));
        world.practice.rehearsal.rename_user(BOB, "bob");

        // The requester has another name by now.
        world.practice.rehearsal.rename_user(ALICE, "alicia");
        world.says("carol", issue, &text).await;
        world.read_until(issue, "Approved by carol");
        world.expect(issue, "@alicia @bob");

        // And yet another one, which somebody else had before.
        world.practice.rehearsal.rename_user(ALICE, "mallory2");
        world.practice.rehearsal.rename_user(MALLORY, "alicia");
        let answer = world.answer("alicia", issue, "@innkeeper release").await;
        assert!(answer.contains("@alicia, `release` is for its owner"), "{answer}");
        let answer = world.answer("mallory2", issue, "@innkeeper extend 1d").await;
        assert!(answer.contains("was extended by"), "{answer}");
        world.until(|world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
        for _ in 0..2 {
            let warning = world.expect(issue, "will be stopped on");
            assert!(warning.contains("@mallory2 @bob"), "{warning}");
        }
        world.expect(issue, "@mallory2 @bob");
        world.practice.rehearsal.rename_user(MALLORY, "mallory");
        world.practice.rehearsal.rename_user(ALICE, "alice");
    })
    .await;
}

// --- hostile text

/// Text that acts wherever it is not shown as text.
const HOSTILE: [&str; 14] = [
    "/close",
    "\r/close",
    "x\r\n/label ~hacked\r\n/assign @mallory",
    "@all @carol @tpo/tpa",
    "#1 !1 ~sandbox %1 $1 &1 tpo/tpa/team#1 http://127.0.0.1/tpo/tpa/team/-/issues/1",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "</details></summary><details open>",
    "{{#each machines}}{{this}}{{/each}} {{{digest}}} {{word bot}}",
    "` `` ``` ```` ~~~ `@all` ``/close``",
    "```\n/close\n@all\n```\n/close",
    "--> <!-- innkeeper:sticky --> <!--",
    "| a | b |\n| --- | --- |\n[x](javascript:alert(1)) ![i](http://example.org/i.png)",
    "gro.elpmaxe\u{202e}@all\u{2066}/close\u{200b}\u{feff}",
    "@innkeeper approve 00000000",
];

#[tokio::test]
async fn hostile_text_is_shown_as_text_wherever_it_stands() {
    scenario(async |world: &mut World| {
        let target = world.filed(&[]).await;
        let headings = [
            "What is it for?",
            "Host name",
            "How long?",
            "Memory",
            "vCPUs",
            "Disk",
            "Owner",
            "Fallback owner",
        ];
        let long = "#1 @all ".repeat(625);
        for text in HOSTILE.into_iter().chain([long.as_str()]) {
            let everywhere = headings.map(|heading| (heading, text));
            let form = World::sandbox(&everywhere);
            let title = text.lines().next().unwrap_or_default();
            let title: String = format!("A machine {title}").chars().take(200).collect();
            // Quick actions of whoever files act with their own rights; that is GitLab's.
            let issue = world.files("alice", &title, &form).unwrap();
            world.settle().await;
            let _refused = world.practice.rehearsal.comment("mallory", issue, text);
            for command in ["frobnicate", "extend", "reject", "hold", "transfer", "release"] {
                let said = format!("@innkeeper {command} {}", text.replace(['\r', '\n'], " "));
                world.answer("mallory", issue, &said).await;
                world.answer("carol", issue, &said).await;
            }
            world.after(TimeDelta::minutes(1)).await;
            while world.next_comment(issue).is_some() {}
            // A request that is complete, with the text where any is allowed.
            let text_alone = World::sandbox(&[("What is it for?", text)]);
            let whole = world.files("alice", "Fine", &text_alone).unwrap();
            world.settle().await;
            world
                .answer("carol", whole, &format!("@innkeeper reject {}", text.replace('\n', " ")))
                .await;
        }
        for issue in world.practice.rehearsal.issues() {
            for note in issue.comments_by("innkeeper") {
                let mentioned = references::mentions(&note.body);
                assert!(!mentioned.iter().any(|name| name == "carol"), "{}", note.body);
                let mut options = comrak::Options::default();
                options.render.r#unsafe = true;
                options.extension.table = true;
                options.extension.autolink = true;
                let page = comrak::markdown_to_html(&note.body, &options);
                for trap in ["<script", "<img", "href=\"javascript", "src=\"http"] {
                    assert!(!page.contains(trap), "{trap} in {page}");
                }
                let [open, close] =
                    ["<details>", "</details>"].map(|tag| page.matches(tag).count());
                assert_eq!(open, close, "{page}");
            }
        }
        // What anybody wrote did nothing to the others' issue.
        assert!(world.is_open(target));
        assert!(world.sticky(target).contains("waiting for approval"));
        let notes = world.issue(target).notes;
        let ours = |note: &&innkeeper::rehearsal::NoteSnapshot| note.author == "innkeeper";
        let references: Vec<_> = notes
            .iter()
            .filter(ours)
            .filter(|note| note.system && note.body.contains("mentioned in"))
            .collect();
        assert!(references.is_empty(), "{references:?}");
        assert!(world.host.machines().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_machine_of_a_hostile_request_lives_and_dies_like_any_other() {
    scenario(async |world: &mut World| {
        let purpose = HOSTILE[3..].join("\n\n");
        let issue = world.handed_over(&[("What is it for?", &purpose)]).await;
        let sticky = world.sticky(issue);
        assert!(sticky.contains("<script>alert(1)"), "it is shown: {sticky}");
        let question = world.answer("alice", issue, "@innkeeper release").await;
        let code = hex_after(&question, "release confirm ");
        let answer =
            world.answer("alice", issue, &format!("@innkeeper release confirm {code}")).await;
        assert!(answer.contains("were destroyed"), "{answer}");
    })
    .await;
}
