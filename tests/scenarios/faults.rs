//! Trouble with the forge that lasts, or strikes where it hurts most. One trouble
//! at every call of a life: `matrix.rs`.

use chrono::TimeDelta;
use http::Method;
use innkeeper::{
    app::practice::{BOT, token},
    ports::clock::Clock as _,
    rehearsal::{Fault, Trouble},
};
use tracing::Level;

use super::{log::logged, matrix::troubles};
use crate::{
    host::Call,
    world::{NOTES, ONE_NOTE, World, brief, scenario},
};

#[tokio::test]
async fn a_token_revoked_for_a_day_makes_everything_wait() {
    // Before the approval is read; before the warning; over the stop; over the
    // destruction.
    for awake in [0, 20, 44, 68] {
        brief(async move |world: &mut World| {
            let issue = world.filed(&[]).await;
            let digest = world.digest(issue);
            if awake > 0 {
                world.says("carol", issue, &format!("@innkeeper approve {digest}")).await;
                world.after(TimeDelta::hours(awake)).await;
            }
            let before = world.host.power_of("sandbox-1");
            world.practice.rehearsal.revoke_token(&token(BOT));
            let words = if awake > 0 { "status".to_owned() } else { format!("approve {digest}") };
            world.says("carol", issue, &format!("@innkeeper {words}")).await;
            world.practice.rehearsal.forget_requests();
            world.after(TimeDelta::hours(24)).await;
            assert_eq!(world.host.power_of("sandbox-1"), before, "after {awake} hours");
            let requests = world.practice.rehearsal.requests().len();
            assert!(requests < 24 * 8, "{requests} requests in a day");
            world.practice.rehearsal.add_token(&token(BOT), BOT);
            let back = world.clock.now();
            world.after(TimeDelta::hours(3)).await;
            if awake > 0 {
                assert_eq!(world.host.power_of("sandbox-1"), before, "back since {back}");
                world.read_until(issue, "`sandbox-1` is");
            } else {
                world.read_until(issue, "is up.");
            }
            while !world.leases().await.is_empty() {
                world.after(TimeDelta::hours(6)).await;
            }
            while let Some(comment) = world.next_comment(issue) {
                assert!(!comment.contains(" ago)"), "{comment}");
            }
            assert_eq!(world.host.done(Call::Destroy, "sandbox-1"), 1);
        })
        .await;
    }
}

#[tokio::test]
async fn a_comment_whose_answer_was_lost_is_found_whatever_the_search_runs_into() {
    for (name, trouble) in troubles() {
        brief(async move |world: &mut World| {
            let post = Fault::on(Method::POST, NOTES, Trouble::ResetAfter);
            world.practice.rehearsal.plan(post.times(3));
            world.practice.rehearsal.plan(Fault::on(Method::GET, NOTES, trouble).after(1));
            let issue = world.filed(&[]).await;
            for _ in 0..3 {
                world.step(TimeDelta::minutes(20)).await;
            }
            let digest = world.digest(issue);
            world.says("carol", issue, &format!("@innkeeper approve {digest}")).await;
            for _ in 0..3 {
                world.step(TimeDelta::minutes(20)).await;
            }
            world.expect(issue, "Approved by carol");
            world.expect(issue, "is up.");
            assert_eq!(world.issue(issue).comments_by("innkeeper").count(), 3, "{name}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_doubled_comment_is_removed_even_when_that_fails_at_first() {
    for (name, trouble) in troubles() {
        brief(async move |world: &mut World| {
            let issue = world.filed(&[]).await;
            // What another replica, whose claim had run out, has posted as well.
            let double = world.sticky(issue);
            world.practice.rehearsal.plan(Fault::on(Method::DELETE, ONE_NOTE, trouble));
            world.practice.rehearsal.comment("innkeeper", issue, &double).unwrap();
            assert_eq!(world.issue(issue).comments_by("innkeeper").count(), 2);
            world.says("alice", issue, "@innkeeper status").await;
            for _ in 0..3 {
                world.step(TimeDelta::minutes(20)).await;
            }
            world.expect(issue, "waits for approval");
            assert_eq!(world.issue(issue).comments_by("innkeeper").count(), 2, "{name}");
            assert_eq!(world.sticky(issue), double);
        })
        .await;
    }
}

#[tokio::test]
async fn a_fault_that_lasts_is_told_once_however_many_issues_meet_it_and_once_when_it_is_over() {
    // A list that is cut short reads otherwise than an issue that is.
    let most = [("connection cut before", 1), ("half the answer", 2), ("401", 1), ("500", 1)];
    for (name, trouble) in troubles() {
        let Some((_, most)) = most.iter().find(|(known, _)| *known == name) else { continue };
        let story = brief(async move |world: &mut World| {
            let issues =
                [world.handed_over(&[]).await, world.filed(&[]).await, world.filed(&[]).await];
            let rehearsal = &world.practice.rehearsal;
            rehearsal.plan(Fault::on_any("*", trouble).times(usize::MAX));
            for issue in issues {
                rehearsal.comment("alice", issue, "@innkeeper status").unwrap();
            }
            world.settle().await;
            for _ in 0..6 {
                world.step(TimeDelta::minutes(20)).await;
            }
            world.practice.rehearsal.cancel_faults();
            world.step(TimeDelta::minutes(20)).await;
            let answers = ["`sandbox-1` is", "waits for approval", "waits for approval"];
            for (issue, answer) in issues.into_iter().zip(answers) {
                world.read_until(issue, answer);
            }
        });
        let ((), log) = Box::pin(logged(Level::INFO, story)).await;
        let count = |words: &str| log.iter().filter(|line| line.contains(words)).count();
        assert!((1..=*most).contains(&count("told once while it lasts")), "{name}: {log:#?}");
        assert_eq!(
            count("this fault is over"),
            count("told once while it lasts"),
            "{name}: {log:#?}"
        );
        assert_eq!(
            log.iter().filter(|line| line.starts_with("ERROR")).count(),
            usize::from(name == "401")
        );
        let others = log.len() - count("fault is over") - count("while it lasts");
        assert_eq!(others, count("there was an outage"), "{name}: {log:#?}");
    }
}

#[tokio::test]
async fn looks_that_never_end_keep_nothing_from_being_done() {
    scenario(async |world: &mut World| {
        let issue = world.filed(&[]).await;
        let approval = format!("@innkeeper approve {}", world.digest(issue));
        world.practice.rehearsal.comment("carol", issue, &approval).unwrap();
        let comments = (0..40).map(|number| format!("Comment {number}."));
        for comment in comments {
            world.practice.rehearsal.comment("alice", issue, &comment).unwrap();
            world.practice.rehearsal.settle().await;
            world.practice.engine.turn().await.unwrap();
        }
        world.expect(issue, "is being made");
        world.expect(issue, "is up.");
        world.settle().await;
    })
    .await;
}
