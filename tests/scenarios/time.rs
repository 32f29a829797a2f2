//! Clocks, calendars, sleep: nothing is ever stopped or destroyed unannounced.

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use innkeeper::{
    brake::{Deed, Freeze},
    engine,
    machine::Power,
    ports::clock::Clock as _,
    rehearsal::{Fault, IssueKey, Trouble},
};

use crate::{
    host::{Call, Fails},
    world::{NOTES, Scene, World, brief, scenario_in},
};

/// The notice the brief sandbox promises.
const NOTICE: TimeDelta = TimeDelta::hours(4);

const HOUR: TimeDelta = TimeDelta::hours(1);

fn moment(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Whether the machine runs, is switched off, or is gone.
fn power(world: &World) -> Option<Power> {
    world.host.power_of("sandbox-1")
}

/// Lets time pass to the next stop or destruction, and checks that it was
/// announced in time, named no moment that was past, and fell into working hours.
async fn next_step(world: &mut World, issue: IssueKey, words: &str) -> DateTime<Utc> {
    let before = power(world);
    world.until(|world| power(world) != before).await;
    let now = world.clock.now();
    assert!(world.practice.engine.calendar().may_act(now), "nobody works at {now}");
    let said = announced(world, issue, words).unwrap_or_else(|| {
        world.print();
        panic!("nobody said {words}");
    });
    assert!(now - said >= NOTICE, "said at {said}, done at {now}");
    now
}

/// When these words were last said by the bot.
fn announced(world: &World, issue: IssueKey, words: &str) -> Option<DateTime<Utc>> {
    let issue = world.issue(issue);
    let said = issue.comments_by("innkeeper").filter(|note| note.body.contains(words));
    said.last().map(|note| note.created_at)
}

/// Reads all comments: none is there twice, none promises what is past.
fn read_all(world: &mut World, issue: IssueKey) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(comment) = world.next_comment(issue) {
        assert!(!comment.contains(" ago)"), "it names a moment that is past: {comment}");
        all.push(comment);
    }
    let snapshot = world.issue(issue);
    let mut said = std::collections::BTreeSet::new();
    for note in snapshot.comments_by("innkeeper") {
        let text = note.body.split_once("-->").map(|(_, text)| text);
        // A warning repeated on another day may read the same.
        let hour = note.created_at.timestamp() / 3600;
        assert!(said.insert((text, hour)), "said twice: {}", note.body);
    }
    all
}

/// Lives on to the end, every step announced.
async fn to_the_end(world: &mut World, issue: IssueKey) -> Vec<String> {
    if power(world) == Some(Power::On) {
        next_step(world, issue, "will be stopped on").await;
    }
    next_step(world, issue, "disks of `sandbox-1` will be destroyed on").await;
    while !world.leases().await.is_empty() {
        world.after(TimeDelta::hours(6)).await;
    }
    for call in [Call::Create, Call::Destroy, Call::DropBackups] {
        assert_eq!(world.host.done(call, "sandbox-1"), 1, "{call:?}");
    }
    read_all(world, issue)
}

fn count(comments: &[String], words: &str) -> usize {
    comments.iter().filter(|comment| comment.contains(words)).count()
}

#[tokio::test]
async fn nobody_is_stopped_or_destroyed_on_weekends_and_holidays() {
    // A Friday; Christmas is a Friday, the new year begins on one.
    for (begin, lifetime, stop, destroy) in [
        ("2026-12-04T08:00:00Z", "1 day", "2026-12-07T09:00:00Z", "2026-12-08T09:00:00Z"),
        ("2026-12-21T08:00:00Z", "4 days", "2026-12-28T09:00:00Z", "2026-12-29T09:00:00Z"),
        ("2026-12-30T08:00:00Z", "1 day", "2026-12-31T09:00:00Z", "2027-01-04T09:00:00Z"),
    ] {
        scenario_in(Scene { begin, ..Scene::brief() }, async |world: &mut World| {
            let issue = world.handed_over(&[("How long?", lifetime)]).await;
            let stopped = next_step(world, issue, "will be stopped on").await;
            assert_eq!(stopped, moment(stop));
            let destroyed =
                next_step(world, issue, "disks of `sandbox-1` will be destroyed on").await;
            assert_eq!(destroyed, moment(destroy));
            to_the_end_of_backups(world, issue).await;
        })
        .await;
    }
}

async fn to_the_end_of_backups(world: &mut World, issue: IssueKey) {
    while !world.leases().await.is_empty() {
        world.after(TimeDelta::hours(6)).await;
    }
    read_all(world, issue);
}

#[tokio::test]
async fn a_step_that_failed_on_friday_is_not_taken_on_saturday() {
    let begin = "2026-12-02T08:00:00Z";
    scenario_in(Scene { begin, ..Scene::brief() }, async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        // All Friday, from ten to five.
        for _ in 0..7 {
            world.host.fail(Call::Stop, Fails::Before);
        }
        let stopped = next_step(world, issue, "will be stopped on").await;
        assert_eq!(stopped, moment("2026-12-07T08:00:00Z"), "Monday at nine");
        to_the_end(world, issue).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_released_at_night_ends_at_once() {
    brief(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        world.after(TimeDelta::hours(14)).await;
        world.says("alice", issue, "@innkeeper release").await;
        let question = world.expect(issue, "To confirm");
        let code = question.split("release confirm ").nth(1).unwrap();
        let code: String = code.chars().take_while(char::is_ascii_hexdigit).collect();
        world.says("alice", issue, &format!("@innkeeper release confirm {code}")).await;
        world.expect(issue, "were destroyed");
        assert_eq!(power(world), None);
        to_the_end_of_backups(world, issue).await;
    })
    .await;
}

#[tokio::test]
async fn a_process_that_slept_gives_the_full_notice_after_waking() {
    // From hand-over on Monday at nine; the warning is due on Tuesday at ten,
    // the stop on Wednesday at ten.
    for (awake, asleep) in [(20, 10), (20, 27), (30, 30), (48, 3), (2, 30 * 24), (26, 30 * 24)] {
        brief(async move |world: &mut World| {
            let issue = world.handed_over(&[]).await;
            world.after(TimeDelta::hours(awake)).await;
            assert_eq!(power(world), Some(Power::On));
            world.asleep(TimeDelta::hours(asleep));
            let woke = world.clock.now();
            let stopped = next_step(world, issue, "will be stopped on").await;
            assert!(stopped - woke >= NOTICE, "woke at {woke}, stopped at {stopped}");
            let comments = to_the_end(world, issue).await;
            let warnings = count(&comments, "will be stopped on **") + 1;
            assert!(warnings <= 4, "slept from {awake} for {asleep}: {comments:#?}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_process_that_slept_in_the_middle_of_a_sweep_gives_the_full_notice_after_waking() {
    brief(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        world.after(TimeDelta::hours(47)).await;
        assert_eq!(power(world), Some(Power::On));
        // After the heartbeat of that sweep, and past the stop.
        let clock = world.clock.clone();
        world.host.while_listed(move || clock.advance(TimeDelta::hours(5)));
        world.practice.engine.sweep().await.unwrap();
        let woke = world.clock.now();
        world.settle().await;
        assert_eq!(power(world), Some(Power::On));
        let stopped = next_step(world, issue, "will be stopped on").await;
        assert!(stopped - woke >= NOTICE, "woke at {woke}, stopped at {stopped}");
        to_the_end(world, issue).await;
    })
    .await;
}

#[tokio::test]
async fn sweeps_that_are_slower_than_their_lock_holds_end_machines_on_time() {
    // Between a claim, which the lock is taken for, and an outage.
    const SLOW: TimeDelta = TimeDelta::minutes(5);
    brief(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        world.after(TimeDelta::hours(48)).await;
        assert_eq!(power(world), Some(Power::On));
        let end = moment("2026-12-02T09:00:00Z");
        while power(world) == Some(Power::On) {
            let clock = world.clock.clone();
            world.host.while_listed(move || clock.advance(SLOW));
            world.practice.tick().await.unwrap();
            let now = world.clock.now();
            assert!(now < end + SLOW * 3, "it still runs at {now}");
        }
        to_the_end(world, issue).await;
    })
    .await;
}

#[tokio::test]
async fn a_process_that_slept_through_the_grace_period_gives_the_full_notice_after_waking() {
    for asleep in [3, 24, 3 * 24, 30 * 24] {
        brief(async move |world: &mut World| {
            let issue = world.handed_over(&[]).await;
            next_step(world, issue, "will be stopped on").await;
            world.after(TimeDelta::hours(2)).await;
            world.asleep(TimeDelta::hours(asleep));
            let woke = world.clock.now();
            let destroyed =
                next_step(world, issue, "disks of `sandbox-1` will be destroyed on").await;
            assert!(destroyed - woke >= NOTICE, "woke at {woke}, destroyed at {destroyed}");
            to_the_end_of_backups(world, issue).await;
        })
        .await;
    }
}

#[tokio::test]
async fn two_replicas_that_sweep_and_work_at_once_do_things_once() {
    brief(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        let (one, two) =
            (world.practice.engine.clone(), world.practice.another_engine("other").unwrap());
        while !world.leases().await.is_empty() {
            world.clock.advance(HOUR);
            let sweeps = join_all([one.sweep(), two.sweep(), one.sweep()]);
            let (swept, polled) = tokio::join!(sweeps, two.poll());
            assert!(swept.iter().all(Result::is_ok) && polled.is_ok());
            let settled = join_all(vec![one.settle(500), two.settle(500), two.settle(500)]).await;
            assert!(settled.iter().all(Result::is_ok), "{settled:?}");
            world.practice.tick().await.unwrap();
        }
        let comments = read_all(world, issue);
        for words in ["was stopped: its time is up", "were destroyed", "will be stopped on 2"] {
            assert!(count(&comments, words) <= 1, "{comments:#?}");
        }
        for call in [Call::Create, Call::Stop, Call::Destroy, Call::DropBackups] {
            assert_eq!(world.host.done(call, "sandbox-1"), 1, "{call:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_moved_back_destroys_nothing_until_it_has_caught_up() {
    brief(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        world.after(TimeDelta::hours(47)).await;
        world.clock.advance(-TimeDelta::days(1));
        world.says("alice", issue, "@innkeeper status").await;
        world.read_until(issue, "`sandbox-1` is running");
        world.after(TimeDelta::hours(24)).await;
        assert_eq!(power(world), Some(Power::On));
        next_step(world, issue, "will be stopped on").await;
        assert_eq!(world.clock.now(), moment("2026-12-02T09:00:00Z"));
        to_the_end(world, issue).await;
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_was_wrong_for_a_moment_destroys_nothing() {
    for hours in [20, 47, 52] {
        brief(async move |world: &mut World| {
            let issue = world.handed_over(&[]).await;
            world.after(TimeDelta::hours(hours)).await;
            let before = power(world);
            world.step(TimeDelta::days(4)).await;
            world.clock.advance(-TimeDelta::days(4));
            world.after(TimeDelta::hours(12)).await;
            assert_eq!(power(world), before, "{hours}");
            to_the_end(world, issue).await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_lease_over_the_end_of_summer_time_ends_at_ten_by_the_clock_on_the_wall() {
    let begin = "2026-10-23T08:00:00Z";
    scenario_in(Scene { begin, ..Scene::brief() }, async |world: &mut World| {
        let issue = world.handed_over(&[("How long?", "7 days")]).await;
        let stopped = next_step(world, issue, "will be stopped on").await;
        assert_eq!(stopped, moment("2026-10-30T09:00:00Z"), "ten o'clock in winter");
        to_the_end(world, issue).await;
    })
    .await;
}

#[tokio::test]
async fn a_lease_over_the_beginning_of_summer_time_ends_at_ten_by_the_clock_on_the_wall() {
    let begin = "2027-03-26T08:00:00Z";
    scenario_in(Scene { begin, ..Scene::brief() }, async |world: &mut World| {
        let issue = world.handed_over(&[("How long?", "4 days")]).await;
        let stopped = next_step(world, issue, "will be stopped on").await;
        assert_eq!(stopped, moment("2027-03-30T08:00:00Z"), "ten o'clock in summer");
        to_the_end(world, issue).await;
    })
    .await;
}

#[tokio::test]
async fn while_the_forge_is_away_nothing_falls_due() {
    // Away over the deadline; over warning and deadline; over the grace period.
    for (awake, away) in [(45, 30), (20, 60), (20, 24 * 5), (50, 60)] {
        brief(async move |world: &mut World| {
            let issue = world.handed_over(&[]).await;
            world.after(TimeDelta::hours(awake)).await;
            let before = power(world);
            let trouble = Trouble::HtmlErrorPage { status: 502 };
            world.practice.rehearsal.plan(Fault::on_any("*", trouble).times(usize::MAX));
            world.after(TimeDelta::hours(away)).await;
            assert_eq!(power(world), before, "awake {awake}, away {away}");
            world.practice.rehearsal.cancel_faults();
            let back = world.clock.now();
            world.after(NOTICE - HOUR).await;
            assert_eq!(power(world), before, "back since {back}");
            to_the_end(world, issue).await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_warning_nobody_can_be_given_for_a_week_is_a_sysadmins_affair() {
    brief(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        let refused = Trouble::Answer {
            status: 403,
            headers: vec![],
            body: r#"{"message":"no"}"#.to_owned(),
        };
        let notes = Fault::on(http::Method::POST, NOTES, refused).times(usize::MAX);
        world.practice.rehearsal.plan(notes);
        world.after(TimeDelta::days(12)).await;
        assert_eq!(power(world), Some(Power::On));
        let lease = world.leases().await.remove(0);
        assert!(lease.hold.as_deref().unwrap().contains("could not be delivered"));
        let sticky = world.sticky(issue);
        assert!(sticky.contains("could not be delivered"), "{sticky}");
        world.practice.rehearsal.cancel_faults();
        world.says("carol", issue, "@innkeeper unhold").await;
        world.says("carol", issue, "@innkeeper retry").await;
        let told = world.clock.now();
        let stopped = next_step(world, issue, "will be stopped on").await;
        assert!(stopped - told >= NOTICE);
        to_the_end(world, issue).await;
    })
    .await;
}

#[tokio::test]
async fn an_extension_that_arrives_with_the_stop_is_answered_with_the_way_back() {
    brief(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        world.after(TimeDelta::hours(48)).await;
        assert_eq!(power(world), Some(Power::On));
        world.clock.advance(HOUR);
        world.practice.rehearsal.comment("alice", issue, "@innkeeper extend 2d").unwrap();
        world.practice.tick().await.unwrap();
        let comments = read_all(world, issue);
        let last = comments.last().unwrap().clone();
        if power(world) == Some(Power::Off) {
            assert_eq!(count(&comments, "was stopped: its time is up"), 1);
            assert_eq!(count(&comments, "`extend` was not done"), 1, "{comments:#?}");
            world.says("alice", issue, "@innkeeper restore 2d").await;
            world.expect(issue, "runs again");
        } else {
            assert!(last.contains("was extended by alice"), "{last}");
        }
        assert_eq!(power(world), Some(Power::On));
        to_the_end(world, issue).await;
    })
    .await;
}

#[tokio::test]
async fn an_extension_just_before_the_stop_is_in_time() {
    brief(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        world.after(TimeDelta::hours(48)).await;
        // The hook is lost, so that the poll after the sweep finds it.
        world.practice.rehearsal.webhooks(false);
        world.practice.rehearsal.comment("alice", issue, "@innkeeper extend 2d").unwrap();
        world.practice.rehearsal.webhooks(true);
        world.practice.engine.poll().await.unwrap();
        world.settle().await;
        world.read_until(issue, "was extended by alice");
        world.after(TimeDelta::hours(3)).await;
        assert_eq!(power(world), Some(Power::On));
        to_the_end(world, issue).await;
    })
    .await;
}

#[tokio::test]
async fn a_restore_that_arrives_while_the_stop_is_failing_wins() {
    for fails in [Fails::Before, Fails::After, Fails::ForGood] {
        brief(async move |world: &mut World| {
            let issue = world.handed_over(&[]).await;
            for _ in 0..4 {
                world.host.fail(Call::Stop, fails);
            }
            world.after(TimeDelta::hours(50)).await;
            while world.next_comment(issue).is_some() {}
            world.says("alice", issue, "@innkeeper restore 3d").await;
            world.after(TimeDelta::hours(2)).await;
            world.expect(issue, "runs again");
            assert_eq!(power(world), Some(Power::On), "{fails:?}");
            let lease = world.leases().await.remove(0);
            assert_eq!(lease.trouble, None);
            next_step(world, issue, "will be stopped on").await;
            next_step(world, issue, "disks of `sandbox-1` will be destroyed on").await;
            to_the_end_of_backups(world, issue).await;
        })
        .await;
    }
}

/// Three machines, handed over at once.
async fn three(world: &mut World) -> Vec<IssueKey> {
    let mut issues = Vec::new();
    for _ in 0..3 {
        issues.push(world.filed(&[]).await);
    }
    for issue in &issues {
        let digest = world.digest(*issue);
        let words = format!("@innkeeper approve {digest}");
        world.practice.rehearsal.comment("carol", *issue, &words).unwrap();
    }
    world.settle().await;
    issues
}

#[tokio::test]
async fn one_machine_a_day_is_destroyed_and_the_others_wait_visibly() {
    let begin = "2026-12-01T08:00:00Z";
    let scene = Scene { begin, adjust: |settings| settings.destroys_per_day = 1, ..Scene::brief() };
    scenario_in(scene, async |world: &mut World| {
        let issues = three(world).await;
        world.until(|world| world.host.machines().len() == 2).await;
        let waiting: Vec<_> = issues
            .iter()
            .filter(|issue| world.sticky(**issue).contains("which is the limit"))
            .collect();
        assert_eq!(waiting.len(), 2, "the others are shown to wait");
        let mut last = world.clock.now();
        for left in [1, 0] {
            world.until(|world| world.host.machines().len() <= left).await;
            let now = world.clock.now();
            assert_eq!(world.host.machines().len(), left);
            assert!(now - last >= TimeDelta::hours(24), "{last} and {now}");
            assert!(world.practice.engine.calendar().may_act(now), "nobody works at {now}");
            last = now;
        }
        for issue in issues {
            to_the_end_of_backups(world, issue).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_may_be_destroyed_keeps_its_place_although_the_host_refuses_it_later() {
    let scene = Scene { adjust: |settings| settings.destroys_per_day = 1, ..Scene::default() };
    scenario_in(scene, async |world: &mut World| {
        let issues = [world.handed_over(&[]).await, world.handed_over(&[]).await];
        // It is destroyed, which nobody hears; asked again, the host says no.
        world.host.fail(Call::Destroy, Fails::After);
        world.host.fail(Call::Destroy, Fails::ForGood);
        for issue in issues {
            let question = world.answer("alice", issue, "@innkeeper release").await;
            let code = question.split("release confirm ").nth(1).unwrap().split('`').next();
            let code = code.unwrap().trim();
            world.says("alice", issue, &format!("@innkeeper release confirm {code}")).await;
        }
        world.after(TimeDelta::minutes(10)).await;
        assert!(!world.host.has_plans(), "it was refused");
        assert_eq!(world.host.machines().len(), 1);
        world.after(TimeDelta::hours(23)).await;
        assert_eq!(world.host.machines().len(), 1, "one a day");
        world.until(|world| world.host.machines().is_empty()).await;
        for issue in issues {
            read_all(world, issue);
        }
    })
    .await;
}

#[tokio::test]
async fn one_machine_a_day_is_made_and_the_others_wait_visibly() {
    let scene = Scene { adjust: |settings| settings.creations_per_day = 1, ..Scene::default() };
    scenario_in(scene, async |world: &mut World| {
        let issues = three(world).await;
        assert_eq!(world.host.machines().len(), 1);
        let waiting =
            issues.iter().filter(|issue| world.sticky(**issue).contains("which is the limit"));
        assert_eq!(waiting.count(), 2, "the others are shown to wait");
        world.after(TimeDelta::hours(22)).await;
        assert_eq!(world.host.machines().len(), 1);
        world.after(TimeDelta::hours(3)).await;
        assert_eq!(world.host.machines().len(), 2);
        world.after(TimeDelta::hours(25)).await;
        assert_eq!(world.host.machines().len(), 3);
        for issue in issues {
            let comments = read_all(world, issue);
            assert_eq!(count(&comments, "is up."), 1);
            assert!(!world.sticky(issue).contains("which is the limit"));
        }
    })
    .await;
}

#[tokio::test]
async fn workers_at_once_do_not_pass_the_limit_of_the_day() {
    let scene = Scene { adjust: |settings| settings.creations_per_day = 1, ..Scene::default() };
    scenario_in(scene, async |world: &mut World| {
        let store = world.practice.store.clone();
        let since = world.clock.now();
        let freeze =
            Freeze { reason: "so that all are due at once".to_owned(), since, until: None };
        engine::freeze(store.as_ref(), &[Deed::Create], &freeze, since).await.unwrap();
        let mut issues = Vec::new();
        for _ in 0..3 {
            let issue = world.filed(&[]).await;
            let approve = format!("@innkeeper approve {}", world.digest(issue));
            world.says("carol", issue, &approve).await;
            issues.push(issue);
        }
        assert_eq!(world.host.machines().len(), 0);
        engine::thaw(store.as_ref(), &[Deed::Create], world.clock.now()).await.unwrap();
        let engine = &world.practice.engine;
        for _ in 0..8 {
            for turn in join_all((0..4).map(|_| engine.turn())).await {
                turn.unwrap();
            }
        }
        world.settle().await;
        assert_eq!(world.host.machines().len(), 1);
        world.until(|world| world.host.machines().len() == 3).await;
        world.after(HOUR).await;
        for issue in issues {
            assert_eq!(count(&read_all(world, issue), "is up."), 1);
        }
    })
    .await;
}
