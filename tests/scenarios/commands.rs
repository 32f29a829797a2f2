//! What people may tell the bot, and what it answers and does.

use chrono::TimeDelta;
use innkeeper::{
    app::practice::DAN,
    cookbook::{Cookbooks, Principal},
    engine::Settings,
    lease::Lease,
    machine::Power,
    rehearsal::IssueKey,
};

use crate::{
    host::Call,
    world::{World, hex_after, sandbox_cookbook, scenario, scenario_with_cookbooks},
};

/// Who tries: requester, fallback owner, approver, sysadmin, outsider.
const ROLES: [&str; 5] = ["alice", "bob", "dan", "carol", "mallory"];

/// Carol alone is a sysadmin; Dan may approve.
fn carol_alone(settings: &mut Settings) {
    settings.sysadmins = vec![Principal::User("carol".to_owned())];
}

/// Several machines may be asked for at once.
fn with_count() -> Cookbooks {
    let count = "[[field]]\nname = \"count\"\nlabel = \"How many?\"\ntype = \"number\"\n\
                 default = 1\nmin = 1\nmax = 3\nhelp = \"How many machines.\"\n\n";
    sandbox_cookbook(&[("# --- what spans", &format!("{count}# --- what spans"))])
}

/// Alice's two machines, handed over.
async fn two_machines(world: &mut World) -> IssueKey {
    let text = format!("{}\n\n### How many?\n\n2\n", World::sandbox(&[]));
    let issue = world.files("alice", "Two", &text).unwrap();
    world.settle().await;
    let approve = format!("@innkeeper approve {}", world.digest(issue));
    let answer = world.answer("carol", issue, &approve).await;
    assert!(answer.contains("`sandbox-1-1`, `sandbox-1-2` is being made"), "{answer}");
    assert_eq!(answer.matches("is up.").count(), 2, "{answer}");
    issue
}

async fn lease(world: &World, name: &str) -> Lease {
    let leases = world.leases().await;
    leases.into_iter().find(|lease| lease.order.key.name.as_str() == name).unwrap()
}

/// The day a machine's next step is due.
async fn ends(world: &World, name: &str) -> String {
    lease(world, name).await.deadline.unwrap().at.date_naive().to_string()
}

// --- who may

#[tokio::test]
async fn everybody_may_what_the_table_says() {
    // In an order in which a refusal or a success leaves the next row possible.
    let rows: [(&str, [bool; 5]); 16] = [
        ("status", [true; 5]),
        ("help", [true; 5]),
        ("extend 1d because I say so", [true, true, true, true, false]),
        ("start", [true, true, true, true, false]),
        ("stop", [true, true, true, true, false]),
        ("reboot", [true, true, true, true, false]),
        ("resize memory 3 GiB", [true, true, true, true, false]),
        ("rebuild", [true, true, true, true, false]),
        ("transfer @bob", [true, true, false, true, false]),
        ("release", [true, true, false, true, false]),
        ("retry", [false, false, false, true, false]),
        ("hold for a look", [false, false, false, true, false]),
        ("unhold", [false, false, false, true, false]),
        ("protect", [false, false, false, true, false]),
        ("unprotect", [false, false, false, true, false]),
        ("renew-terms", [false, false, false, true, false]),
    ];
    scenario_with_cookbooks(sandbox_cookbook(&[]), carol_alone, async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        for (command, allowed) in rows {
            let word = command.split(' ').next().unwrap();
            for (who, may) in ROLES.into_iter().zip(allowed) {
                let answer = world.answer(who, issue, &format!("@innkeeper {command}")).await;
                assert!(!answer.is_empty(), "{who} got no answer to {command}");
                let refused = answer.contains(&format!("@{who}, `{word}` is for "));
                assert_eq!(refused, !may, "{who} and {command}: {answer}");
                assert_eq!(answer.contains("Nothing was done"), !may, "{answer}");
            }
        }
        assert_eq!(world.host.power_of("sandbox-1"), Some(Power::On));
    })
    .await;
}

#[tokio::test]
async fn deciding_and_bringing_back_are_for_whom_the_table_says() {
    scenario_with_cookbooks(sandbox_cookbook(&[]), carol_alone, async |world: &mut World| {
        let [approved, turned_down] = [world.filed(&[]).await, world.filed(&[]).await];
        let text = format!("@innkeeper approve {}", world.digest(approved));
        for who in ["alice", "bob", "mallory"] {
            for (issue, command) in
                [(approved, text.as_str()), (turned_down, "@innkeeper reject no")]
            {
                let answer = world.answer(who, issue, command).await;
                assert!(answer.contains("is for approvers, sysadmins"), "{who}: {answer}");
            }
        }
        let answer = world.answer("carol", turned_down, "@innkeeper reject no").await;
        assert!(answer.contains("Turned down by carol"), "{answer}");
        assert!(world.answer("dan", approved, &text).await.contains("Approved by dan"));

        world.until(|world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
        world.read_until(approved, "was stopped");
        let answer = world.answer("mallory", approved, "@innkeeper restore").await;
        assert!(answer.contains("`restore` is for its owner and fallback owners"), "{answer}");
        for who in ["alice", "bob"] {
            let answer = world.answer(who, approved, "@innkeeper restore 200 days").await;
            assert!(answer.contains("may give the command"), "{who}: {answer}");
        }
        let answer = world.answer("dan", approved, "@innkeeper restore 200 days").await;
        assert!(answer.contains("runs again"), "{answer}");
        assert_eq!(world.host.power_of("sandbox-1"), Some(Power::On));
    })
    .await;
}

#[tokio::test]
async fn owners_switch_only_what_the_cookbook_leaves_to_them() {
    let cookbooks = sandbox_cookbook(&[(
        "[\"start\", \"stop\", \"reboot\", \"rebuild\", \"resize\"]",
        "[\"reboot\"]",
    )]);
    scenario_with_cookbooks(cookbooks, carol_alone, async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        for who in ["alice", "bob", "dan", "mallory"] {
            let answer = world.answer(who, issue, "@innkeeper stop").await;
            assert!(
                answer.contains("this cookbook does not leave it to owners"),
                "{who}: {answer}"
            );
        }
        assert!(world.answer("alice", issue, "@innkeeper reboot").await.contains("was restarted"));
        assert!(world.answer("carol", issue, "@innkeeper stop").await.contains("was switched off"));
        assert_eq!(world.host.power_of("sandbox-1"), Some(Power::Off));
        assert!(world.sticky(issue).contains("switched off"));
        assert!(world.answer("carol", issue, "@innkeeper start").await.contains("switched on"));
        assert_eq!(world.host.power_of("sandbox-1"), Some(Power::On));
        assert!(world.sticky(issue).contains("running"));
    })
    .await;
}

// --- what is a command

#[tokio::test]
async fn what_is_not_understood_is_answered_with_what_would_be() {
    scenario(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        for (command, answer) in [
            ("extnd 2w", "did you mean `extend`?"),
            ("make me a sandwich", "`make`"),
            ("@all", "`@all`"),
            ("extend", "Say by how long, or until when."),
            ("extend soon", "soon"),
            ("extend 9999 days", "9999"),
            ("extend 31.02.2027", "31"),
            ("transfer", "Name the new owner."),
            ("hold", "Say why"),
            ("retry all", "It takes nothing behind it."),
            ("release now please", "Only the name of a machine may follow."),
            ("release confirm", "The code from my question is missing"),
            ("resize 8 GiB", "Say what is to change: `memory`, `vcpus` or `disk`"),
            ("rebuild from scratch", "Only the name of a machine may follow."),
        ] {
            let said = world.answer("carol", issue, &format!("@innkeeper {command}")).await;
            assert!(said.starts_with("That was not understood: "), "{command}: {said}");
            assert!(said.contains(answer), "{command}: {said}");
            assert!(said.contains("All commands: `@innkeeper help`."), "{said}");
        }
        assert_eq!(ends(world, "sandbox-1").await, "2026-12-14");
        // Courtesies and punctuation do no harm; the bare name asks for help.
        for (command, answer) in [
            ("@Innkeeper: Status, please!", "`sandbox-1` is running"),
            ("@innkeeper status?", "`sandbox-1` is running"),
            ("@innkeeper", "Write a comment whose line starts with"),
        ] {
            let said = world.answer("carol", issue, command).await;
            assert!(said.contains(answer), "{command}: {said}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_only_looks_like_a_command_does_nothing() {
    scenario(async |world: &mut World| {
        let purpose = "To see.\n\n@innkeeper reject this\n\n@innkeeper protect";
        let issue = world.handed_over(&[("What is it for?", purpose)]).await;
        for text in [
            "> @innkeeper protect",
            "> somebody said\n> @innkeeper protect",
            "```\n@innkeeper protect\n```",
            "    @innkeeper protect",
            "`@innkeeper protect`",
            "<!-- \n@innkeeper protect\n-->",
            "<details>\n\n@innkeeper protect\n\n</details>",
            "- @innkeeper protect",
            "I think @innkeeper protect would be good",
            "\\@innkeeper protect",
            "@innkeeper2 protect",
            "Thanks!\n\n-- \n@innkeeper protect",
            "Fine with me.\n\nOn Mon, 30 Nov 2026, Innkeeper wrote:\n@innkeeper protect",
            "| a |\n| --- |\n| @innkeeper protect |",
        ] {
            let answer = world.answer("carol", issue, text).await;
            assert_eq!(answer, "", "to {text:?}");
        }
        assert!(!lease(world, "sandbox-1").await.protected);

        // Edited after it was read, and edited before.
        let note = world.practice.rehearsal.comment("carol", issue, "Hello").unwrap().unwrap();
        world.settle().await;
        world.asleep(TimeDelta::minutes(1));
        world.practice.rehearsal.edit_note("carol", issue, note, "@innkeeper protect").unwrap();
        world.settle().await;
        world.silent(issue);
        let note = world.practice.rehearsal.comment("carol", issue, "Hello").unwrap().unwrap();
        world.asleep(TimeDelta::minutes(1));
        world.practice.rehearsal.edit_note("alice", issue, note, "x").unwrap_err();
        world.practice.rehearsal.edit_note("dan", issue, note, "@innkeeper protect").unwrap();
        world.settle().await;
        world.expect(issue, "@carol, a comment with a command was edited before it was read");

        // Another program, and we ourselves.
        let program = world.becomes_a_program(DAN);
        let answer = world.answer(program, issue, "@innkeeper protect").await;
        assert_eq!(answer, "");
        let own = world.practice.rehearsal.comment("innkeeper", issue, "@innkeeper protect");
        world.settle().await;
        world.expect(issue, "@innkeeper protect");
        world.silent(issue);
        world.practice.rehearsal.delete_note("innkeeper", issue, own.unwrap().unwrap()).unwrap();
        world.settle().await;
        assert!(!lease(world, "sandbox-1").await.protected);
    })
    .await;
}

#[tokio::test]
async fn several_commands_in_one_comment_are_obeyed_in_order() {
    scenario(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        let text = "Busy week.\n\n@innkeeper extend 1w because of that\n@innkeeper stop\n\n\
                    Thanks! And:\n\n@innkeeper extend sandbox-1 until 2027-01-08\n";
        world.says("alice", issue, text).await;
        let first = world.expect(issue, "was extended by alice");
        assert!(first.contains("2027-01-08"), "the deadline of now is named: {first}");
        world.expect(issue, "was extended by alice");
        world.expect(issue, "was switched off");
        assert_eq!(ends(world, "sandbox-1").await, "2027-01-08");

        let many = "@innkeeper status\n".repeat(6);
        world.says("alice", issue, &many).await;
        for _ in 0..5 {
            world.expect(issue, "`sandbox-1` is switched off");
        }
        world.expect(issue, "5");
    })
    .await;
}

#[tokio::test]
async fn help_and_status_read_like_this() {
    scenario(async |world: &mut World| {
        let issue = world.filed(&[]).await;
        let waiting = world.answer("mallory", issue, "@innkeeper status").await;
        insta::assert_snapshot!(waiting, @"- The request waits for approval.");
        let help = world.answer("mallory", issue, "@innkeeper help").await;
        insta::assert_snapshot!(help, @r"
        Write a comment whose line starts with `@innkeeper` and one of these:

        | Command | Who | What it does |
        | --- | --- | --- |
        | `status` | everybody | Says how the request and its machines stand. |
        | `help` | everybody | Lists the commands. |
        | `approve DIGEST` | approvers, sysadmins | Approves the request as it stands; the digest is in my first comment. |
        | `reject REASON` | approvers, sysadmins | Refuses the request. |
        | `extend [MACHINE] LENGTH-OR-DATE [because REASON]` | requester, owner, fallback owners within the budget; approvers, sysadmins | Lets a machine live longer. |
        | `restore [MACHINE] [LENGTH-OR-DATE]` | requester, owner, fallback owners within the budget; approvers, sysadmins | Starts an expired machine again and lets it live longer. |
        | `release [MACHINE] [confirm CODE]` | requester, owner, fallback owners, sysadmins | Gives a machine back before its time; I ask you to confirm. |
        | `start [MACHINE]` | sysadmins; owners and approvers where the cookbook allows it | Switches a machine on. |
        | `stop [MACHINE]` | sysadmins; owners and approvers where the cookbook allows it | Switches a machine off; its time goes on. |
        | `reboot [MACHINE]` | sysadmins; owners and approvers where the cookbook allows it | Switches a machine off and on. |
        | `resize [MACHINE] [memory SIZE] [vcpus NUMBER] [disk SIZE]` | sysadmins; owners and approvers where the cookbook allows it | Gives a machine another size; it is restarted for that. |
        | `rebuild [MACHINE] [confirm CODE]` | sysadmins; owners and approvers where the cookbook allows it | Installs a machine's system anew; I ask you to confirm. |
        | `transfer @USER` | requester, owner, fallback owners, sysadmins | Hands the machine to somebody else, who has to accept it. |
        | `accept [DIGEST]` | the person named as owner | Accepts being the owner. |
        | `done` | whoever the cookbook names, sysadmins | Says that the steps were followed, where a request is not about a machine. |
        | `retry` | sysadmins | Tries again what failed. |
        | `hold REASON` | sysadmins | Stops everything I would do for this issue. |
        | `unhold` | sysadmins | Ends a hold. |
        | `protect [MACHINE]` | sysadmins | Makes sure that a machine is never destroyed. |
        | `unprotect [MACHINE]` | sysadmins | Ends the protection. |
        | `renew-terms [MACHINE]` | sysadmins | Gives a machine the present terms of its cookbook; its next deadline is announced anew. |
        | `confirm [MACHINE] @OWNER [fallback @USER] LENGTH-OR-DATE` | sysadmins | Puts a machine that was found into its owner's care until then. |

        Commands in quotes, code, edited comments and e-mail footers are not read.
        ");
        world.edited("alice", issue, &[("Memory", "lots")]).await;
        let incomplete = world.answer("alice", issue, "@innkeeper status").await;
        insta::assert_snapshot!(incomplete, @"- The request waits for its author; the first comment says what for.");
        let other = world.handed_over(&[]).await;
        let running = world.answer("alice", other, "@innkeeper status").await;
        insta::assert_snapshot!(running, @"- `sandbox-2` is running; next: stopped `Mon 2026-12-14 10:00 CET (in 14 days)`");
        world.answer("carol", other, "@innkeeper hold the disks are moved").await;
        let on_hold = world.answer("alice", other, "@innkeeper status").await;
        insta::assert_snapshot!(on_hold, @"- `sandbox-2` is running; on hold: the disks are moved");
    })
    .await;
}

// --- time

#[tokio::test]
async fn an_owner_extends_within_the_budget_and_an_approver_beyond_it() {
    scenario_with_cookbooks(sandbox_cookbook(&[]), carol_alone, async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        assert_eq!(ends(world, "sandbox-1").await, "2026-12-14");
        for (command, answer, end) in [
            ("extend 2w because reviews", "will now be stopped on **Mon 2026-12-28", "2026-12-28"),
            ("extend 2026-12-20", "`sandbox-1` is in use until `Mon 2026-12-28", "2026-12-28"),
            ("extend 2020-01-01", "is in use until", "2026-12-28"),
            ("extend until 2027-01-27", "will now be stopped on **Wed 2027-01-27", "2027-01-27"),
            ("extend 60 days", "30 days at once, now until **Fri 2027-02-26", "2027-01-27"),
            ("extend until 2027-12-01", "`group:tpo/tpa` may give the command", "2027-01-27"),
            ("extend until 2027-02-26", "will now be stopped on **Fri 2027-02-26", "2027-02-26"),
            ("extend 2w", "can be kept by its owner until **Mon 2027-03-01", "2027-02-26"),
            ("extend until 2027-03-01", "will now be stopped on **Mon 2027-03-01", "2027-03-01"),
            ("extend 1d", "used up", "2027-03-01"),
        ] {
            let said = world.answer("alice", issue, &format!("@innkeeper {command}")).await;
            assert!(said.contains(answer), "{command}: {said}");
            assert_eq!(ends(world, "sandbox-1").await, end, "{command}");
        }
        let said = world.answer("dan", issue, "@innkeeper extend until 2027-06-01").await;
        assert!(said.contains("was extended by dan"), "{said}");
        world.expect_due(issue, Some("2027-06-01"));
    })
    .await;
}

#[tokio::test]
async fn a_stopped_machine_comes_back_for_what_is_left_of_the_budget() {
    scenario_with_cookbooks(sandbox_cookbook(&[]), carol_alone, async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        let answer = world.answer("alice", issue, "@innkeeper restore").await;
        assert!(answer.contains("`sandbox-1` is running"), "{answer}");
        world.answer("dan", issue, "@innkeeper extend until 2027-02-22").await;
        world.until(|world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
        world.read_until(issue, "was stopped");
        let answer = world.answer("alice", issue, "@innkeeper extend 1d").await;
        assert!(answer.contains("comes back with `restore`"), "{answer}");
        let answer = world.answer("alice", issue, "@innkeeper restore 2w").await;
        assert!(answer.contains("until **Mon 2027-03-01"), "{answer}");
        let answer = world.answer("alice", issue, "@innkeeper restore").await;
        assert!(answer.contains("will be stopped on **Mon 2027-03-01"), "{answer}");
        assert_eq!(world.host.power_of("sandbox-1"), Some(Power::On));

        world.until(|world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
        world.read_until(issue, "was stopped");
        let answer = world.answer("alice", issue, "@innkeeper restore").await;
        assert!(answer.contains("used up"), "{answer}");
        let answer = world.answer("dan", issue, "@innkeeper restore sandbox-1 1w").await;
        assert!(answer.contains("runs again"), "{answer}");
        assert_eq!(world.host.done(Call::Destroy, "sandbox-1"), 0);
    })
    .await;
}

#[tokio::test]
async fn a_release_takes_the_right_code_from_the_right_person_on_the_same_day() {
    scenario_with_cookbooks(sandbox_cookbook(&[]), carol_alone, async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        let old = world.answer("alice", issue, "@innkeeper release").await;
        let old = hex_after(&old, "release confirm ");
        let confirm = |code: &str| format!("@innkeeper release confirm {code}");
        let wrong = world.answer("alice", issue, &confirm("00000000")).await;
        assert!(wrong.contains("no open question has this code"), "{wrong}");
        let refused = world.answer("dan", issue, &confirm(&old)).await;
        assert!(refused.contains("`release` is for its owner and fallback owners"), "{refused}");
        let refused = world.answer("mallory", issue, &confirm(&old)).await;
        assert!(refused.contains("@mallory, `release` is for"), "{refused}");
        let elsewhere = format!("@innkeeper release other-machine confirm {old}");
        let refused = world.answer("alice", issue, &elsewhere).await;
        assert!(refused.contains("about `other-machine` has this code"), "{refused}");
        world.after(TimeDelta::hours(25)).await;
        let stale = world.answer("alice", issue, &confirm(&old)).await;
        assert!(stale.contains("no open question has this code"), "{stale}");
        assert!(stale.contains("Say `release` again"), "{stale}");

        let code = world.answer("bob", issue, "@innkeeper release").await;
        let code = hex_after(&code, "release confirm ");
        world.answer("carol", issue, "@innkeeper protect").await;
        for who in ["alice", "carol"] {
            let answer = world.answer(who, issue, &confirm(&code)).await;
            assert!(answer.contains("`sandbox-1` is protected"), "{answer}");
        }
        assert!(world.answer("alice", issue, "@innkeeper release").await.contains("protected"));
        assert_eq!(world.host.machines().len(), 1);
        world.answer("carol", issue, "@innkeeper unprotect").await;
        let answer = world.answer("bob", issue, &confirm(&code.to_uppercase())).await;
        assert!(answer.contains("were destroyed"), "{answer}");
        assert!(world.host.machines().is_empty());
        assert!(!world.is_open(issue));
    })
    .await;
}

// --- several machines

#[tokio::test]
async fn one_of_several_machines_is_named() {
    scenario_with_cookbooks(with_count(), carol_alone, async |world: &mut World| {
        let issue = two_machines(world).await;
        let answer = world.answer("alice", issue, "@innkeeper extend sandbox-1-2 1w").await;
        assert!(answer.contains("`sandbox-1-2` was extended"), "{answer}");
        assert_eq!(ends(world, "sandbox-1-1").await, "2026-12-14");
        assert_eq!(ends(world, "sandbox-1-2").await, "2026-12-21");
        world.expect_due(issue, Some("2026-12-14"));
        let answer = world.answer("alice", issue, "@innkeeper stop sandbox-1-9").await;
        assert!(answer.contains("this issue has no machine of that name"), "{answer}");

        // Without a name it is about all of them, and each gets its answer.
        let answer = world.answer("alice", issue, "@innkeeper extend 200 days").await;
        for name in ["`sandbox-1-1` can be extended", "`sandbox-1-2` can be extended"] {
            assert!(answer.contains(name), "{answer}");
        }
        let answer = world.answer("alice", issue, "@innkeeper extend until 2026-12-18").await;
        assert!(answer.contains("`sandbox-1-1` was extended"), "{answer}");
        assert!(answer.contains("`sandbox-1-2` is in use until `Mon 2026-12-21"), "{answer}");

        // The code is for one machine, whatever else is typed.
        let answer = world.answer("alice", issue, "@innkeeper release").await;
        assert_eq!(answer.matches("release confirm ").count(), 2, "{answer}");
        let first = answer.split("This ends `sandbox-1-1`").nth(1).unwrap();
        let code = hex_after(first, "release confirm ");
        let crossed = format!("@innkeeper release sandbox-1-2 confirm {code}");
        let answer = world.answer("alice", issue, &crossed).await;
        assert!(answer.contains("about `sandbox-1-2` has this code"), "{answer}");
        let fitting = format!("@innkeeper release sandbox-1-1 confirm {code}");
        let answer = world.answer("alice", issue, &fitting).await;
        assert!(answer.contains("`sandbox-1-1` and its disks were destroyed"), "{answer}");
        assert_eq!(world.host.machines().len(), 1);
        assert!(world.is_open(issue));
        world.expect_due(issue, Some("2026-12-21"));
    })
    .await;
}

#[tokio::test]
async fn all_machines_change_hands_together() {
    scenario_with_cookbooks(with_count(), carol_alone, async |world: &mut World| {
        let issue = two_machines(world).await;
        let answer = world.answer("alice", issue, "@innkeeper transfer @bob").await;
        assert_eq!(answer.matches("you are asked to take over").count(), 2, "{answer}");
        let answer = world.answer("bob", issue, "@innkeeper accept").await;
        assert_eq!(answer.matches("has a new owner: @bob").count(), 2, "{answer}");
        for name in ["sandbox-1-1", "sandbox-1-2"] {
            let lease = lease(world, name).await;
            assert_eq!(lease.owner.username, "bob");
            assert!(lease.fallback.is_empty(), "nobody stands in for themselves");
        }
    })
    .await;
}

// --- hands

#[tokio::test]
async fn a_machine_changes_hands_when_the_new_owner_agrees() {
    scenario_with_cookbooks(sandbox_cookbook(&[]), carol_alone, async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        for nobody in ["@nobody", "@innkeeper"] {
            let text = format!("@innkeeper transfer {nobody}");
            let answer = world.answer("alice", issue, &text).await;
            assert!(answer.contains("there is no active account of that name"), "{answer}");
        }
        let answer = world.answer("alice", issue, "@innkeeper transfer @dan").await;
        assert!(answer.contains("@dan, you are asked to take over `sandbox-1`"), "{answer}");
        for who in ["bob", "carol", "mallory"] {
            let answer = world.answer(who, issue, "@innkeeper accept").await;
            assert!(answer.contains("nothing here waits for you to accept it"), "{answer}");
        }
        assert_eq!(lease(world, "sandbox-1").await.owner.username, "alice");
        // A week is over: to be asked again.
        world.after(TimeDelta::days(7) + TimeDelta::hours(1)).await;
        world.expect(issue, "will be stopped on");
        let answer = world.answer("dan", issue, "@innkeeper accept").await;
        assert!(answer.contains("nothing here waits for you"), "{answer}");
        world.answer("bob", issue, "@innkeeper transfer dan").await;
        let answer = world.answer("dan", issue, "@innkeeper accept").await;
        assert!(answer.contains("`sandbox-1` has a new owner: @dan"), "{answer}");
        assert!(world.sticky(issue).contains("| running | dan |"));
        // Whoever gave it away has no say any more; who stands in still has.
        let answer = world.answer("alice", issue, "@innkeeper extend 1d").await;
        assert!(answer.contains("@alice, `extend` is for its owner"), "{answer}");
        let answer = world.answer("dan", issue, "@innkeeper extend 1d").await;
        assert!(answer.contains("was extended by dan"), "{answer}");
    })
    .await;
}

// --- sysadmins

#[tokio::test]
async fn what_is_on_hold_or_protected_outlives_its_end_and_gets_notice_afterwards() {
    for (on, off, sign) in [
        ("hold the disks are moved", "unhold", "on hold: the disks are moved"),
        ("protect", "unprotect", "protected"),
    ] {
        scenario_with_cookbooks(sandbox_cookbook(&[]), carol_alone, async |world: &mut World| {
            let issue = world.handed_over(&[]).await;
            world.answer("carol", issue, &format!("@innkeeper {on}")).await;
            assert!(world.sticky(issue).contains(sign), "{}", world.sticky(issue));
            world.after(TimeDelta::days(21)).await;
            world.silent(issue);
            assert_eq!(world.host.power_of("sandbox-1"), Some(Power::On));
            let answer = world.answer("carol", issue, &format!("@innkeeper {off}")).await;
            assert!(answer.contains("is announced again first"), "{answer}");
            assert!(answer.contains("will be stopped on"), "{answer}");
            assert!(!world.sticky(issue).contains(sign));
            world.after(TimeDelta::hours(23)).await;
            assert_eq!(world.host.power_of("sandbox-1"), Some(Power::On));
            world.until(|world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
            world.read_until(issue, "was stopped");
        })
        .await;
    }
}
