//! What a GitLab has besides comments: hidden issues, labels, emoji, comments
//! for the team, issues that go elsewhere, and accounts that are gone.

use chrono::TimeDelta;
use http::Method;
use innkeeper::{
    cookbook::Cookbooks,
    rehearsal::{Fault, IssueKey, Trouble},
};

use crate::{
    host::{Call, Fails},
    world::{Scene, World, sandbox_cookbook, scenario, scenario_in},
};

// --- confidential by rule

fn confidential() -> Cookbooks {
    let section = "[issue]\nconfidential = true\nlabels = [\"TPA\", \"Sandboxes\"]\n\n[lifetime]";
    sandbox_cookbook(&[("[lifetime]", section)])
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

#[tokio::test]
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

#[tokio::test]
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

#[tokio::test]
async fn a_comment_does_not_go_to_an_issue_that_was_just_shown() {
    hidden(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        // The issue is shown and nobody hears of it, then a warning is due.
        world.until(|world| world.issue(issue).comments().count() > 4).await;
        world.expect(issue, "will be stopped on");
        world.practice.rehearsal.webhooks(false);
        world.practice.rehearsal.set_confidential("carol", issue, false).unwrap();
        world.practice.rehearsal.forget_requests();
        world.asleep(chrono::TimeDelta::days(6));
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

#[tokio::test]
async fn labels_of_the_cookbook_are_put_on_once() {
    hidden(async |world: &mut World| {
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
        let [note] = <[String; 1]>::try_from(world.team_notes(issue)).unwrap();
        assert!(note.contains("node-7.internal, https://10.0.0.7:5080"), "{note}");
        assert!(world.is_open(issue));
    })
    .await;
}

#[tokio::test]
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
