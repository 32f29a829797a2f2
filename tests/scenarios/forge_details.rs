//! What a GitLab has besides comments: hidden issues, labels, emoji, comments
//! for the team, issues that go elsewhere, and accounts that are gone.

use chrono::TimeDelta;
use http::Method;
use innkeeper::{
    app::practice::{ALICE, BOB, BOT, forge_name},
    cookbook::Cookbooks,
    engine::{Labels, Project, Settings},
    identity::{IssueNumber, IssueRef, ProjectId},
    lease::State,
    machine::Power,
    ports::clock::Clock as _,
    rehearsal::{Dialect, Fault, IssueKey, Level, Membership, Tier, Trouble, User},
};

use crate::{
    FORGE,
    host::{Call, Fails},
    world::{
        NOTE_ANCHOR, NOTES, PROJECT_PATH, Scene, World, sandbox_cookbook, scenario, scenario_in,
        scenario_with,
    },
};

// --- confidential by rule

fn confidential() -> Cookbooks {
    sandbox_cookbook(&[("[lifetime]", "[issue]\nconfidential = true\n\n[lifetime]")])
}

async fn hidden(story: impl AsyncFnOnce(&mut World)) {
    scenario_in(Scene { cookbooks: confidential(), ..Scene::default() }, story).await;
}

/// What was sent for this issue that changed something, oldest first.
fn changes(world: &World, issue: IssueKey) -> Vec<String> {
    let path = format!("/issues/{}", issue.iid);
    let changes = world.practice.rehearsal.requests().into_iter();
    changes
        .filter(|request| request.method != "GET" && request.path.contains(&path))
        .map(|request| format!("{} {}", request.method, request.path))
        .collect()
}

only_on_gitlab! { "GitHub has no confidential issues":
    async fn a_confidential_request_is_hidden_before_anything_is_said_about_it() {
        hidden(async |world: &mut World| {
            let issue = world.filed(&[]).await;
            assert!(world.issue(issue).confidential);
            let sent = changes(world, issue);
            assert!(sent[0].starts_with("PUT"), "{sent:?}");
            assert!(sent[1].ends_with("/notes"), "{sent:?}");
            assert!(world.sticky(issue).contains("waiting for approval"));
            world.silent(issue);
        })
        .await;
    }
}

only_on_gitlab! { "GitHub has no confidential issues":
    async fn an_issue_shown_by_hand_is_hidden_again_and_that_is_said_once() {
        hidden(async |world: &mut World| {
            let issue = world.handed_over(&[]).await;
            for explained in [true, false] {
                world.practice.rehearsal.set_confidential("carol", issue, false).unwrap();
                world.settle().await;
                assert!(world.issue(issue).confidential);
                if explained {
                    world.expect(issue, "the issue was hidden again");
                }
                world.silent(issue);
            }
        })
        .await;
    }
}

only_on_gitlab! { "GitHub has no confidential issues":
    async fn a_comment_does_not_go_to_an_issue_that_was_just_shown() {
        hidden(async |world: &mut World| {
            let issue = world.handed_over(&[]).await;
            // The issue is shown and nobody hears of it, then a warning is due.
            world.until(|world| world.issue(issue).comments().count() > 4).await;
            world.expect(issue, "will be stopped on");
            world.practice.rehearsal.webhooks(false);
            world.practice.rehearsal.set_confidential("carol", issue, false).unwrap();
            world.practice.rehearsal.forget_requests();
            world.asleep(TimeDelta::days(6));
            world.practice.engine.sweep().await.unwrap();
            world.settle().await;
            assert!(world.issue(issue).confidential);
            let sent = changes(world, issue);
            let said = sent.iter().position(|sent| sent.ends_with("/notes")).unwrap();
            let hid = sent.iter().position(|sent| sent.starts_with("PUT")).unwrap();
            assert!(hid < said, "{sent:?}");
            while world.next_comment(issue).is_some() {}
            world.practice.rehearsal.webhooks(true);
            let question = world.answer("alice", issue, "@innkeeper release").await;
            let code = crate::world::hex_after(&question, "release confirm ");
            world.answer("alice", issue, &format!("@innkeeper release confirm {code}")).await;
        })
        .await;
    }
}

#[tokio::test]
async fn labels_of_the_cookbook_are_put_on_once() {
    let section = "[issue]\nlabels = [\"TPA\", \"Sandboxes\"]\n\n[lifetime]";
    let cookbooks = sandbox_cookbook(&[("[lifetime]", section)]);
    scenario_in(Scene { cookbooks, ..Scene::default() }, async |world: &mut World| {
        let issue = world.filed(&[]).await;
        let labels = world.issue(issue).labels;
        assert_eq!(labels, ["Sandboxes", "TPA", "innkeeper::needs-approval", "sandbox"]);
        let fewer = ["TPA", "innkeeper::needs-approval"];
        world.practice.rehearsal.set_labels("carol", issue, &fewer).unwrap();
        world.settle().await;
        world.says("bob", issue, "What is it?").await;
        assert_eq!(world.issue(issue).labels, fewer);
        world.silent(issue);
    })
    .await;
}

// --- notes for the team

#[tokio::test]
async fn what_a_provider_says_is_told_to_the_team_and_not_to_everybody() {
    scenario(async |world: &mut World| {
        world.host.fail(Call::Create, Fails::ForGood);
        let issue = world.filed(&[]).await;
        let text = format!("@innkeeper approve {}", world.digest(issue));
        world.says("carol", issue, &text).await;
        world.expect(issue, "Approved by carol");
        let failed = world.expect(issue, "could not be made");
        assert!(failed.contains("the provider refuses it, see `effect-"), "{failed}");
        world.expect(issue, "can be approved again");
        for note in world.issue(issue).comments_by("innkeeper").filter(|note| !note.internal) {
            assert!(
                !note.body.contains("internal") && !note.body.contains("10.0"),
                "{}",
                note.body
            );
        }
        world.expect_for_team(issue, "node-7.internal, https://10.0.0.7:5080");
        assert!(world.is_open(issue));
    })
    .await;
}

only_on_gitlab! { "GitHub has no comments for some alone":
    async fn a_note_for_the_team_whose_answer_is_lost_is_there_once() {
        scenario(async |world: &mut World| {
            let issue = world.filed(&[]).await;
            let text = format!("@innkeeper approve {}", world.digest(issue));
            world.host.fail(Call::Create, Fails::ForGood);
            for number in 0..4 {
                let fault = Fault::on(Method::POST, "*/notes", Trouble::ResetAfter).after(number);
                world.practice.rehearsal.plan(fault);
            }
            world.says("carol", issue, &text).await;
            world.after(TimeDelta::hours(6)).await;
            world.read_until(issue, "can be approved again");
            assert_eq!(world.team_notes(issue).len(), 1);
        })
        .await;
    }
}

// --- moved issues

/// A second project that is looked after, besides the usual one.
const ELSEWHERE: (u64, &str) = match FORGE {
    Dialect::GitLab => (8, "tpo/tpa/machines"),
    Dialect::GitHub => (8, "tpo/machines"),
};

async fn two_projects(adjust: fn(&mut Settings), story: impl AsyncFnOnce(&mut World)) {
    scenario_with(adjust, async |world: &mut World| {
        let rehearsal = &world.practice.rehearsal;
        rehearsal.add_project(ELSEWHERE.0, ELSEWHERE.1);
        rehearsal.set_member(ELSEWHERE.1, Membership::new(BOT, Level::Developer));
        story(world).await;
    })
    .await;
}

fn look_elsewhere_too(settings: &mut Settings) {
    let other = Project { id: ProjectId(ELSEWHERE.0), ..settings.projects[0].clone() };
    settings.projects.push(other);
}

fn reference(issue: IssueKey) -> IssueRef {
    let number = IssueNumber(issue.iid);
    IssueRef { forge: forge_name(FORGE).into(), project: ProjectId(issue.project), number }
}

/// Moved by Carol, and looked at in this order; no webhook tells of it.
async fn moved(world: &mut World, issue: IssueKey, new_first: bool) -> IssueKey {
    world.practice.rehearsal.webhooks(false);
    let new = world.practice.rehearsal.move_issue("carol", issue, ELSEWHERE.1).unwrap();
    let order = if new_first { [new, issue] } else { [issue, new] };
    for issue in order {
        world.practice.engine.want_looks(&[reference(issue)]).await.unwrap();
        world.settle().await;
    }
    world.after(TimeDelta::hours(1)).await;
    new
}

#[tokio::test]
async fn a_request_follows_its_issue_with_its_machine_whichever_is_looked_at_first() {
    for new_first in [true, false] {
        two_projects(look_elsewhere_too, async |world: &mut World| {
            let issue = world.handed_over(&[]).await;
            let answer = world.answer("alice", issue, "@innkeeper extend 1d").await;
            assert!(answer.contains("was extended by alice"), "{answer}");
            // Not read where it was said, but where its copy is.
            world.practice.rehearsal.webhooks(false);
            let last = "@innkeeper extend 2d";
            world.practice.rehearsal.comment("alice", issue, last).unwrap();
            let new = moved(world, issue, new_first).await;

            let told = world.expect(new, "This issue was moved");
            assert!(told.contains("- `sandbox-1`, until Tue 2026-12-15"), "{told}");
            // Where nothing is left of the old issue, nobody can tell what was
            // answered there: nothing is obeyed again, nor what nobody read.
            let end = match FORGE {
                Dialect::GitLab => {
                    let extended = world.expect(new, "was extended by alice");
                    assert!(extended.contains("Thu 2026-12-17"), "once, not twice: {extended}");
                    "2026-12-17"
                }
                Dialect::GitHub => "2026-12-15",
            };
            world.silent(new);
            assert!(world.sticky(new).contains(end), "{}", world.sticky(new));
            assert!(world.sticky(new).contains("running"));
            assert!(world.issue(new).labels.contains(&"innkeeper::active".to_owned()));
            world.expect_due(new, Some(end));
            if FORGE == Dialect::GitLab {
                assert!(!world.is_open(issue));
            }
            assert_eq!(world.host.machines().len(), 1);
            assert_eq!(world.leases().await[0].issue, reference(new));
            let store = &world.practice.store;
            assert_eq!(store.request_on(&reference(issue)).await.unwrap(), None);
            let log = store.audit_log(1, 1_000).await.unwrap();
            let moves = log.iter().filter(|entry| entry.note.action.starts_with("moved:"));
            assert_eq!(moves.count(), 1);

            // The life goes on there.
            world.until(|world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
            world.expect(new, "will be stopped on");
            world.expect(new, "will be stopped on");
            world.expect(new, "was stopped");
            world.until(|world| world.host.machines().is_empty()).await;
            world.expect(new, "will be destroyed on");
            world.expect(new, "were destroyed");
        })
        .await;
    }
}

only_on_gitlab! { "GitHub leaves nothing of an issue that was transferred":
    async fn a_warning_that_did_not_come_along_is_given_again_on_the_new_issue() {
        two_projects(look_elsewhere_too, async |world: &mut World| {
            let issue = world.handed_over(&[("How long?", "2 days")]).await;
            world.until(|world| said(world, issue, WARNED) == 1).await;
            world.read_until(issue, WARNED);
            // As if it had been posted after the move, which nobody had noticed yet.
            let snapshot = world.issue(issue);
            let warning = snapshot.comments_by("innkeeper").find(|it| it.body.contains(WARNED));
            let warning = warning.unwrap().id;
            world.practice.rehearsal.delete_note("carol", issue, warning).unwrap();
            let new = moved(world, issue, false).await;

            assert_eq!(said(world, new, "This is the issue of `sandbox-1` from now on"), 1);
            assert_eq!(said(world, new, "**It will be stopped on Wed 2026-12-02"), 1);
            world.expect(new, "This issue was moved");
            assert_eq!(said(world, new, WARNED), 0);
            // What came along counts, however often it goes on.
            world.practice.rehearsal.webhooks(false);
            let mut at = new;
            for place in [PROJECT_PATH, ELSEWHERE.1] {
                at = world.practice.rehearsal.move_issue("carol", at, place).unwrap();
                world.practice.engine.want_looks(&[reference(at)]).await.unwrap();
                world.after(TimeDelta::hours(1)).await;
                world.read_until(at, "This issue was moved");
                assert_eq!(said(world, at, "This is the issue of `sandbox-1`"), 1);
            }
            let new = at;
            world.until(|world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
            world.read_until(new, "was stopped");
        })
        .await;
    }
}

const WARNED: &str = "`sandbox-1` will be stopped on";

fn said(world: &World, issue: IssueKey, words: &str) -> usize {
    let snapshot = world.issue(issue);
    snapshot.comments_by("innkeeper").filter(|it| it.body.contains(words)).count()
}

only_on_gitlab! { "GitHub leaves nothing of an issue that was transferred":
    async fn a_request_follows_its_issue_out_of_what_is_looked_after_and_back() {
        for new_first in [true, false] {
            two_projects(look_elsewhere_too, async |world: &mut World| {
                let issue = world.handed_over(&[]).await;
                let rehearsal = &world.practice.rehearsal;
                rehearsal.add_project(9, "tpo/attic");
                // Not looked after, and yet to be seen: or nobody knows where it goes from there.
                rehearsal.set_member("tpo/attic", Membership::new(BOT, Level::Reporter));
                let attic = rehearsal.move_issue("carol", issue, "tpo/attic").unwrap();
                world.after(TimeDelta::hours(6)).await;
                world.read_until(issue, "moved to where requests are not looked after");

                world.practice.rehearsal.webhooks(false);
                let rehearsal = &world.practice.rehearsal;
                let new = rehearsal.move_issue("carol", attic, ELSEWHERE.1).unwrap();
                let order = if new_first { [new, issue] } else { [issue, new] };
                for issue in order {
                    world.practice.engine.want_looks(&[reference(issue)]).await.unwrap();
                    world.settle().await;
                }
                let snapshot = world.issue(new);
                let told = snapshot.comments_by("innkeeper");
                assert_eq!(told.filter(|it| it.body.contains("This issue was moved,")).count(), 1);
                let leases = world.leases().await;
                assert_eq!(leases.iter().map(|lease| &lease.issue).collect::<Vec<_>>(), [&reference(new)]);
                world.practice.rehearsal.comment("alice", new, "@innkeeper extend 1d").unwrap();
                world.after(TimeDelta::hours(1)).await;
                world.read_until(new, "was extended by alice");
                world.until(|world| world.host.machines().is_empty()).await;
                world.read_until(new, "were destroyed");
            })
            .await;
        }
    }
}

/// Cookbooks approve by themselves, and the second project is looked after.
fn automatic_elsewhere(settings: &mut Settings) {
    settings.automatic_approval = true;
    look_elsewhere_too(settings);
}

#[tokio::test]
async fn an_issue_moved_before_anything_was_said_on_it_gets_no_second_machine() {
    for new_first in [true, false] {
        two_projects(automatic_elsewhere, async |world: &mut World| {
            // The request is stored and its machine made, but no comment gets through.
            let away = Trouble::HtmlErrorPage { status: 502 };
            let fault = Fault::on(Method::POST, NOTES, away).times(3);
            world.practice.rehearsal.plan(fault);
            let issue = world.filed(&[]).await;
            assert_eq!(world.issue(issue).comments().count(), 0);
            assert_eq!(world.host.machines().len(), 1);
            world.practice.rehearsal.cancel_faults();
            let new = moved(world, issue, new_first).await;
            world.after(TimeDelta::hours(2)).await;
            world.read_until(new, "is up.");
            while world.next_comment(new).is_some() {}
            assert_eq!(world.host.machines().len(), 1);
            assert_eq!(world.host.done(Call::Create, "sandbox-1"), 1);
            assert!(world.sticky(new).contains("running"));
            assert_eq!(world.leases().await.len(), 1);
        })
        .await;
    }
}

#[tokio::test]
async fn a_request_that_waits_follows_and_is_approved_where_it_went() {
    two_projects(look_elsewhere_too, async |world: &mut World| {
        let issue = world.filed(&[]).await;
        let approve = format!("@innkeeper approve {}", world.digest(issue));
        let new = moved(world, issue, true).await;
        let told = world.expect(new, "This issue was moved");
        assert!(told.contains("its request with it"), "{told}");
        world.practice.rehearsal.comment("carol", new, &approve).unwrap();
        world.after(TimeDelta::hours(1)).await;
        world.expect(new, "Approved by carol");
        world.expect(new, "is up.");
        assert_eq!(world.host.machines().len(), 1);
        // What is filed in the first project afterwards is another request.
        world.practice.rehearsal.webhooks(true);
        let other = world.filed(&[]).await;
        assert!(world.sticky(other).contains("waiting for approval"));
    })
    .await;
}

only_on_gitlab! { "GitHub leaves nothing of an issue that was transferred":
    async fn a_request_that_waits_is_withdrawn_where_it_cannot_follow() {
        scenario(async |world: &mut World| {
            let issue = world.filed(&[]).await;
            world.practice.rehearsal.add_project(8, "tpo/attic");
            world.practice.rehearsal.move_issue("carol", issue, "tpo/attic").unwrap();
            // We cannot see that place: it is waited for a while.
            world.after(TimeDelta::hours(6)).await;
            let told = world.expect(issue, "so the request was withdrawn");
            assert!(told.contains("/-/issues/new?issuable"), "{told}");
            assert!(world.sticky(issue).contains("withdrawn"));
            world.after(TimeDelta::hours(2)).await;
            world.silent(issue);
        })
        .await;
    }
}

// --- deleted issues

#[tokio::test]
async fn a_machine_whose_issue_is_deleted_lives_on_and_the_sysadmins_see_it() {
    let mut world = World::new(Scene::brief()).await;
    let issue = world.handed_over(&[]).await;
    world.practice.rehearsal.erase_issue(issue);
    world.practice.engine.want_looks(&[reference(issue)]).await.unwrap();
    world.after(TimeDelta::days(40)).await;
    // Nobody could be warned, so nothing was done, however late it is.
    assert_eq!(world.host.power_of("sandbox-1"), Some(Power::On));
    let [lease] = <[_; 1]>::try_from(world.leases().await).unwrap();
    assert_eq!(lease.state, State::Active);
    assert!(lease.hold.is_some_and(|why| why.contains("could not be delivered")));
    let log = world.practice.store.audit_log(1, 1_000).await.unwrap();
    assert!(log.iter().any(|entry| entry.note.action == "issue-gone"));
    let figures = world.practice.store.figures(world.clock.now()).await.unwrap();
    assert!(figures.effects_buried > 0, "a person sees what could not be said");
    assert_eq!(figures.looks_waiting, 0);
}

// --- labels and emoji by hand

#[tokio::test]
async fn a_label_put_on_by_hand_is_answered_once_with_the_command_that_would_act() {
    for tier in [Tier::Free, Tier::Premium] {
        scenario(async |world: &mut World| {
            world.practice.rehearsal.set_tier(tier);
            let issue = world.filed(&[]).await;
            let digest = world.digest(issue);
            let (awaiting, active) = ("innkeeper::needs-approval", "innkeeper::active");
            for explained in [true, false] {
                let by_hand = ["sandbox", awaiting, active];
                world.practice.rehearsal.set_labels("carol", issue, &by_hand).unwrap();
                world.settle().await;
                if explained {
                    let answer = world.expect(issue, "Labels only show how things stand");
                    assert!(answer.contains("was taken off again"), "{answer}");
                    assert!(answer.contains(&format!("`approve {digest}`")), "{answer}");
                }
                world.silent(issue);
                assert_eq!(world.issue(issue).labels, [awaiting, "sandbox"]);
            }
            assert!(world.host.machines().is_empty());

            world.practice.rehearsal.set_labels("carol", issue, &["sandbox"]).unwrap();
            world.settle().await;
            world.expect(issue, "so `innkeeper::needs-approval` was put back");
            // A sibling that is none of ours displaces ours where labels are scoped.
            world
                .practice
                .rehearsal
                .set_labels("carol", issue, &[awaiting, "innkeeper::mine"])
                .unwrap();
            world.settle().await;
            world.silent(issue);
            assert!(world.issue(issue).labels.contains(&awaiting.to_owned()));

            world.says("carol", issue, &format!("@innkeeper approve {digest}")).await;
            world.expect(issue, "Approved by carol");
            world.expect(issue, "is up.");
            world.silent(issue);
            let ended = "innkeeper::ended";
            world.practice.rehearsal.set_labels("alice", issue, &[active, ended]).unwrap();
            world.settle().await;
            let answer = world.expect(issue, "`innkeeper::ended` was taken off again");
            assert!(answer.contains("`@innkeeper` `release`"), "{answer}");
            assert_eq!(world.host.power_of("sandbox-1"), Some(Power::On));
        })
        .await;
    }
}

#[tokio::test]
async fn a_label_that_could_not_be_taken_off_for_long_is_nobodys_edit() {
    scenario(async |world: &mut World| {
        let issue = world.filed(&[]).await;
        let approve = format!("@innkeeper approve {}", world.digest(issue));
        // Two states pass before it goes.
        let (method, place) = match FORGE {
            Dialect::GitLab => (Method::PUT, "*/issues/1"),
            Dialect::GitHub => (Method::DELETE, "*/labels/*needs-approval"),
        };
        let fault = Fault::on(method, place, Trouble::ResetBefore).times(3);
        world.practice.rehearsal.plan(fault);
        world.says("carol", issue, &approve).await;
        world.after(TimeDelta::hours(1)).await;
        world.expect(issue, "Approved by carol");
        world.expect(issue, "is up.");
        world.silent(issue);
    })
    .await;
}

#[tokio::test]
async fn a_label_whose_answer_was_lost_is_nobodys_edit() {
    scenario(async |world: &mut World| {
        let lost = || match FORGE {
            Dialect::GitLab => Fault::on(Method::PUT, "*/issues/1", Trouble::ResetAfter),
            Dialect::GitHub => Fault::on(Method::POST, "*/labels", Trouble::ResetAfter),
        };
        world.practice.rehearsal.plan(lost());
        let issue = world.filed(&[]).await;
        let digest = world.digest(issue);
        world.after(TimeDelta::hours(1)).await;
        world.practice.rehearsal.plan(lost());
        world.says("carol", issue, &format!("@innkeeper approve {digest}")).await;
        world.after(TimeDelta::hours(1)).await;
        world.expect(issue, "Approved by carol");
        world.expect(issue, "is up.");
        world.silent(issue);
        assert!(world.issue(issue).labels.contains(&"innkeeper::active".to_owned()));
    })
    .await;
}

/// A board that was there before: two lists hold several states, some states
/// are on no list.
fn a_teams_board(settings: &mut Settings) {
    let label = str::to_owned;
    settings.labels = Labels {
        incomplete: label("board::Needs Information"),
        awaiting: label("board::Next"),
        making: label("board::Doing"),
        adopted: label("board::Next"),
        active: label("board::Doing"),
        expired: label(""),
        ended: label(""),
        rejected: label(""),
        withdrawn: label(""),
    };
}

#[tokio::test]
async fn labels_are_the_lists_of_a_teams_own_board() {
    for tier in [Tier::Free, Tier::Premium] {
        scenario_with(a_teams_board, async |world: &mut World| {
            world.practice.rehearsal.set_tier(tier);
            let shown = |world: &World, issue| {
                let mut labels = world.issue(issue).labels;
                labels.retain(|label| label.starts_with("board"));
                labels
            };
            let issue = world.filed(&[("Memory", "lots")]).await;
            assert_eq!(shown(world, issue), ["board::Needs Information"]);
            world.edited("alice", issue, &[]).await;
            world.expect(issue, "complete and allowed");
            assert_eq!(shown(world, issue), ["board::Next"]);
            let approve = format!("@innkeeper approve {}", world.digest(issue));
            world.says("carol", issue, &approve).await;
            world.expect(issue, "Approved by carol");
            world.expect(issue, "is up.");
            assert_eq!(shown(world, issue), ["board::Doing"]);
            world.practice.rehearsal.set_labels("carol", issue, &["Urgent"]).unwrap();
            world.settle().await;
            world.expect(issue, "`board::Doing` was put back");
            assert_eq!(world.issue(issue).labels, ["Urgent", "board::Doing"]);
            world.until(|world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
            world.expect(issue, "will be stopped on");
            world.expect(issue, "will be stopped on");
            world.expect(issue, "was stopped");
            assert_eq!(world.issue(issue).labels, ["Urgent"]);
            world.says("alice", issue, "@innkeeper restore").await;
            world.expect(issue, "runs again");
            assert_eq!(shown(world, issue), ["board::Doing"]);
        })
        .await;
    }
}

#[tokio::test]
async fn an_emoji_approves_nothing_and_whoever_may_is_told_once_what_would() {
    scenario(async |world: &mut World| {
        let issue = world.filed(&[]).await;
        let digest = world.digest(issue);
        let notes = world.issue(issue).notes;
        let sticky = notes.iter().find(|note| note.body.contains("innkeeper:sticky")).unwrap().id;
        let rehearsal = &world.practice.rehearsal;
        rehearsal.award("carol", issue, None, "thumbsup").unwrap();
        rehearsal.award("carol", issue, Some(sticky), "thumbsup").unwrap();
        rehearsal.award("dan", issue, Some(sticky), "thumbsup").unwrap();
        rehearsal.award("bob", issue, Some(sticky), "tada").unwrap();
        rehearsal.award("mallory", issue, None, "thumbsup").unwrap();
        if FORGE == Dialect::GitHub {
            // GitHub tells nobody of reactions: they are seen with what comes next.
            rehearsal.comment("bob", issue, "Well?").unwrap();
        }
        world.settle().await;
        for name in ["carol", "dan"] {
            let answer = world.expect(issue, &format!("@{name}, an emoji approves nothing"));
            assert!(answer.contains(&format!("@innkeeper approve {digest}")), "{answer}");
        }
        world.says("bob", issue, "Well?").await;
        world.silent(issue);
        assert!(world.host.machines().is_empty());
        world.says("dan", issue, &format!("@innkeeper approve {digest}")).await;
        world.expect(issue, "Approved by dan");
        world.expect(issue, "is up.");
        // Nothing is asked any more once nothing waits for approval.
        world.practice.rehearsal.forget_requests();
        world.says("bob", issue, "Thanks").await;
        let asked = world.practice.rehearsal.requests();
        let about_emoji = |path: &str| path.contains("award_emoji") || path.contains("/reactions");
        assert!(!asked.iter().any(|request| about_emoji(&request.path)));
    })
    .await;
}

// --- accounts

#[tokio::test]
async fn when_the_owner_is_gone_others_are_asked_and_never_nobody() {
    scenario(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        world.practice.rehearsal.block_user(ALICE);
        world.until(|world| world.issue(issue).comments().count() > 4).await;
        let warning = world.expect(issue, "will be stopped on");
        assert!(warning.contains("@bob") && !warning.contains("@alice"), "{warning}");
        assert!(warning.contains("alice, who owns it, has no active account"), "{warning}");
        assert!(warning.contains("`@innkeeper transfer @USER`, naming themselves"), "{warning}");
        assert!(!warning.contains("@tpo/tpa"), "{warning}");

        world.practice.rehearsal.block_user(BOB);
        world.until(|world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
        let warning = world.expect(issue, "will be stopped on");
        assert!(warning.contains("for the sysadmins to find a new owner: @tpo/tpa"), "{warning}");
        let told = world.issue(issue).comments().filter(|n| n.body.contains("@tpo/tpa")).count();
        assert_eq!(told, 2, "in the warning and in the news of the stop");
        world.expect(issue, "find a new owner");

        world.practice.rehearsal.unblock_user(BOB);
        world.says("bob", issue, "@innkeeper transfer @bob").await;
        world.says("bob", issue, "@innkeeper accept").await;
        world.says("bob", issue, "@innkeeper restore").await;
        world.read_until(issue, "has a new owner");
        let up = world.expect(issue, "runs again");
        assert!(!up.contains("active account"), "{up}");
        assert_eq!(world.leases().await[0].owner.username, "bob");
    })
    .await;
}

#[tokio::test]
async fn an_issue_filed_by_nobody_is_answered_and_makes_no_machine() {
    scenario_with(
        |settings| settings.automatic_approval = true,
        async |world: &mut World| {
            let rehearsal = &world.practice.rehearsal;
            let name = match FORGE {
                Dialect::GitLab => "project_7_bot_f00",
                Dialect::GitHub => "renovate[bot]",
            };
            rehearsal.add_user(User::bot(101, name, "Some token"));
            rehearsal.set_member("tpo", Membership::new(101, Level::Developer));
            let text = World::sandbox(&[]);
            let issue = world.files(name, "Machine", &text).unwrap();
            world.settle().await;
            let sticky = world.sticky(issue);
            assert!(sticky.contains("filed by an account that is nobody's"), "{sticky}");
            assert!(sticky.contains("A person has to file it"), "{sticky}");
            let answer = world.answer("carol", issue, "@innkeeper approve").await;
            assert!(answer.contains("something is still missing or refused"), "{answer}");
            world.after(TimeDelta::hours(2)).await;
            world.silent(issue);
            assert!(world.host.machines().is_empty());
        },
    )
    .await;
}

// --- links

#[tokio::test]
async fn comments_link_to_what_comes_next() {
    scenario(async |world: &mut World| {
        let issue = world.filed(&[("Memory", "lots")]).await;
        world.edited("alice", issue, &[]).await;
        let page = world.issue(issue).web_url;
        let sticky = world.issue(issue).comments_by("innkeeper").next().unwrap().id;
        let ready = world.expect(issue, "complete and allowed");
        assert!(ready.contains(&format!("({page}{NOTE_ANCHOR}{sticky})")), "{ready}");
        world.says("carol", issue, "@innkeeper reject too large").await;
        let new = match FORGE {
            Dialect::GitLab => "/-/issues/new?issuable_template=sandbox)",
            Dialect::GitHub => "/issues/new?template=sandbox.yml)",
        };
        let rejected = world.expect(issue, "Turned down");
        assert!(rejected.contains(new), "{rejected}");
        assert!(world.sticky(issue).contains(new), "{}", world.sticky(issue));

        let issue = world.handed_over(&[]).await;
        world.until(|world| world.host.machines()[0].power == Power::Off).await;
        let warning = world.expect(issue, "will be stopped on");
        assert!(warning.contains(NOTE_ANCHOR), "{warning}");
        while world.next_comment(issue).is_some() {}
    })
    .await;
}
