//! What holds the machinery back: it waits, says why, and goes on by itself
//! without surprising anybody.

use chrono::{DateTime, TimeDelta, Utc};
use innkeeper::{
    brake::{Deed, Freeze},
    engine,
    lease::State,
    machine::Power,
    ports::{clock::Clock as _, store::Actor},
    rehearsal::IssueKey,
};

use crate::{
    host::{Call, Fails},
    world::{World, brief, hex_after, scenario_with},
};

/// The notice the brief sandbox promises.
const NOTICE: TimeDelta = TimeDelta::hours(4);

const REASON: &str = "storage is being moved";

fn power(world: &World) -> Option<Power> {
    world.host.power_of("sandbox-1")
}

async fn freeze(world: &World, deeds: &[Deed], until: Option<DateTime<Utc>>) {
    freeze_because(world, deeds, until, REASON).await;
}

async fn freeze_because(world: &World, deeds: &[Deed], until: Option<DateTime<Utc>>, reason: &str) {
    let since = world.clock.now();
    let freeze = Freeze { reason: reason.to_owned(), since, until };
    engine::freeze(world.practice.store.as_ref(), deeds, &freeze, since).await.unwrap();
}

async fn thaw(world: &World) {
    let now = world.clock.now();
    let thawed = engine::thaw(world.practice.store.as_ref(), &Deed::ALL, now).await.unwrap();
    assert!(!thawed.is_empty(), "nothing was frozen");
    world.settle().await;
}

/// Alice releases her machine.
async fn released(world: &mut World, issue: IssueKey) {
    world.says("alice", issue, "@innkeeper release").await;
    let code = hex_after(&world.expect(issue, "To confirm"), "release confirm ");
    world.says("alice", issue, &format!("@innkeeper release confirm {code}")).await;
}

/// Lives on to the end, and reads what is said about it.
async fn to_the_end(world: &mut World, issue: IssueKey) {
    while !world.leases().await.is_empty() {
        world.after(TimeDelta::hours(6)).await;
    }
    while world.next_comment(issue).is_some() {}
}

/// When these words were last said by the bot.
fn last_said(world: &World, issue: IssueKey, words: &str) -> DateTime<Utc> {
    let issue = world.issue(issue);
    let said = issue.comments_by("innkeeper").filter(|note| note.body.contains(words));
    said.last().map(|note| note.created_at).expect("nobody said that")
}

#[tokio::test]
async fn what_is_approved_during_a_freeze_is_made_when_it_is_thawed() {
    brief(async |world: &mut World| {
        freeze_because(world, &Deed::ALL, None, "@all, see #7: http://evil.example\n/close").await;
        world.after(TimeDelta::hours(1)).await;
        let issue = world.filed(&[]).await;
        let sticky = world.sticky(issue);
        assert!(
            sticky.contains("**Not at the moment:** machines are not made for now"),
            "{sticky}"
        );
        let digest = world.digest(issue);
        world.says("carol", issue, &format!("@innkeeper approve {digest}")).await;
        let approved = world.expect(issue, "Approved by carol");
        assert!(approved.contains("is not made for now"), "{approved}");
        assert!(approved.contains("when an operator lifts that"), "{approved}");
        world.after(TimeDelta::hours(40)).await;
        world.silent(issue);
        assert_eq!(world.host.machines().len(), 0);
        let sticky = world.sticky(issue);
        assert!(sticky.contains("`sandbox-1` is not made for now"), "{sticky}");
        // However often it asked: it has not failed.
        world.host.fail(Call::Create, Fails::Before);
        thaw(world).await;
        assert!(!world.sticky(issue).contains("could not"), "{}", world.sticky(issue));
        world.step(TimeDelta::seconds(3)).await;
        world.expect(issue, "is up.");
        assert!(!world.sticky(issue).contains("for now"));
        to_the_end(world, issue).await;
    })
    .await;
}

#[tokio::test]
async fn an_issue_that_waits_for_approval_says_when_machines_are_made_again() {
    brief(async |world: &mut World| {
        let issue = world.filed(&[]).await;
        let says = |world: &World| world.sticky(issue).contains("**Not at the moment:**");
        assert!(!says(world));
        let until = world.clock.now() + TimeDelta::hours(3);
        freeze(world, &[Deed::Create], Some(until)).await;
        world.after(TimeDelta::hours(1)).await;
        assert!(says(world) && world.sticky(issue).contains("Mon 2026-11-30 12:00 CET"));
        world.after(TimeDelta::hours(3)).await;
        assert!(!says(world), "{}", world.sticky(issue));
    })
    .await;
}

#[tokio::test]
async fn a_deadline_in_a_short_freeze_is_kept_as_soon_as_it_is_over() {
    brief(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        // The stop is due on Wednesday at ten.
        world.after(TimeDelta::hours(47)).await;
        freeze(world, &Deed::ALL, Some("2026-12-02T13:00:00Z".parse().unwrap())).await;
        world.after(TimeDelta::hours(4)).await;
        assert_eq!(power(world), Some(Power::On));
        let lease = world.leases().await.remove(0);
        assert_eq!(lease.state, State::Active, "it can still be extended");
        let sticky = world.sticky(issue);
        assert!(sticky.contains("`sandbox-1` is not stopped for now: storage is being moved"));
        assert!(sticky.contains("`Wed 2026-12-02 14:00 CET`"), "{sticky}");
        let status = world.answer("alice", issue, "@innkeeper status").await;
        assert!(status.contains("it is not stopped for now"), "{status}");
        world.until(|world| power(world) != Some(Power::On)).await;
        assert_eq!(world.clock.now().to_string(), "2026-12-02 13:00:00 UTC");
        assert!(!world.sticky(issue).contains("for now"));
        to_the_end(world, issue).await;
    })
    .await;
}

#[tokio::test]
async fn during_a_freeze_people_are_warned_and_extend() {
    brief(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        freeze(world, &Deed::ALL, None).await;
        world.after(TimeDelta::hours(30)).await;
        world.expect(issue, "will be stopped on");
        world.after(TimeDelta::hours(24)).await;
        assert!(world.sticky(issue).contains("is not stopped for now"));
        world.says("alice", issue, "@innkeeper extend 7d").await;
        world.expect(issue, "was extended by alice");
        assert!(!world.sticky(issue).contains("is not stopped for now"));
        thaw(world).await;
        assert_eq!(power(world), Some(Power::On));
        to_the_end(world, issue).await;
    })
    .await;
}

#[tokio::test]
async fn after_a_long_freeze_people_get_the_notice_once_more() {
    // Before the stop; in the grace period; before backups are dropped.
    for hours in [30, 55, 80] {
        brief(async move |world: &mut World| {
            let issue = world.handed_over(&[]).await;
            world.after(TimeDelta::hours(hours)).await;
            let before = (power(world), world.leases().await.remove(0).state);
            freeze(world, &Deed::ALL, None).await;
            world.after(TimeDelta::days(9)).await;
            let during = (power(world), world.leases().await.remove(0).state);
            assert_eq!(during, before, "after {hours} hours");
            assert!(world.sticky(issue).contains("for now: storage is being moved"));
            thaw(world).await;
            let thawed = world.clock.now();
            while world.leases().await.first().is_some_and(|lease| lease.state == before.1) {
                world.after(TimeDelta::hours(1)).await;
            }
            let taken = world.clock.now();
            let words = ["will be stopped on", "will be destroyed on", "will be dropped on"];
            let words = match before.1 {
                State::Active => words[0],
                State::Expired => words[1],
                _ => words[2],
            };
            let said = last_said(world, issue, words);
            assert!(said >= thawed, "{words}: said at {said}, thawed at {thawed}");
            assert!(taken - said >= NOTICE, "{words}: said at {said}, done at {taken}");
            to_the_end(world, issue).await;
        })
        .await;
    }
}

#[tokio::test]
async fn what_is_released_during_a_freeze_is_destroyed_when_it_is_thawed() {
    brief(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        freeze(world, &[Deed::Destroy], None).await;
        released(world, issue).await;
        world.silent(issue);
        world.after(TimeDelta::hours(30)).await;
        assert_eq!(power(world), Some(Power::On));
        assert!(world.sticky(issue).contains("`sandbox-1` is not destroyed for now"));
        thaw(world).await;
        assert_eq!(power(world), None);
        world.expect(issue, "were destroyed");
        to_the_end(world, issue).await;
    })
    .await;
}

#[tokio::test]
async fn what_people_order_for_their_machines_waits_too_unless_only_the_rest_is_frozen() {
    brief(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        freeze(world, &[Deed::Create, Deed::Destroy, Deed::Stop], None).await;
        world.says("carol", issue, "@innkeeper stop").await;
        world.expect(issue, "was switched off");
        freeze(world, &Deed::ALL, None).await;
        world.says("carol", issue, "@innkeeper start").await;
        world.after(TimeDelta::hours(2)).await;
        assert_eq!(power(world), Some(Power::Off));
        assert!(world.sticky(issue).contains("is not changed for now"));
        thaw(world).await;
        assert_eq!(power(world), Some(Power::On));
        to_the_end(world, issue).await;
    })
    .await;
}

#[tokio::test]
async fn a_freeze_of_destruction_lets_machines_be_made_and_stopped() {
    brief(async |world: &mut World| {
        freeze(world, &[Deed::Destroy], None).await;
        let issue = world.handed_over(&[]).await;
        world.until(|world| power(world) == Some(Power::Off)).await;
        world.after(TimeDelta::days(4)).await;
        assert_eq!(power(world), Some(Power::Off));
        assert_eq!(world.leases().await[0].state, State::Expired);
        thaw(world).await;
        to_the_end(world, issue).await;
    })
    .await;
}

#[tokio::test]
async fn a_freeze_survives_a_crash_and_holds_for_every_replica() {
    brief(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        // The destruction is ordered, and its first try fails.
        world.host.fail(Call::Destroy, Fails::Before);
        released(world, issue).await;
        freeze(world, &Deed::ALL, None).await;
        world.crash_and_restart();
        let other = world.practice.another_engine("other").unwrap();
        for _ in 0..5 {
            world.clock.advance(TimeDelta::hours(1));
            other.sweep().await.unwrap();
            other.settle(500).await.unwrap();
            world.practice.tick().await.unwrap();
        }
        assert_eq!(power(world), Some(Power::On));
        world.crash_and_restart();
        thaw(world).await;
        assert_eq!(power(world), None);
        assert_eq!(world.host.done(Call::Destroy, "sandbox-1"), 1);
        to_the_end(world, issue).await;
    })
    .await;
}

#[tokio::test]
async fn freezing_and_thawing_is_in_the_audit_log() {
    brief(async |world: &mut World| {
        freeze(world, &[Deed::Destroy], None).await;
        thaw(world).await;
        let log = world.practice.store.audit_log(1, 100).await.unwrap();
        let actions: Vec<_> = log
            .iter()
            .filter(|entry| entry.note.actor == Actor::Operator)
            .map(|entry| entry.note.action.as_str())
            .collect();
        assert_eq!(actions, ["freeze-destroy", "thaw-destroy"]);
        let reasons = log.iter().filter(|entry| format!("{entry:?}").contains(REASON));
        assert_eq!(reasons.count(), 0, "no foreign text in the chain");
    })
    .await;
}

#[tokio::test]
async fn a_limit_of_the_day_says_when_there_is_a_place_again() {
    scenario_with(
        |settings| settings.creations_per_day = 1,
        async |world: &mut World| {
            let first = world.handed_over(&[]).await;
            let made = world.clock.now();
            world.after(TimeDelta::hours(2)).await;
            let second = world.filed(&[]).await;
            let digest = world.digest(second);
            world.says("carol", second, &format!("@innkeeper approve {digest}")).await;
            world.expect(second, "Approved by carol");
            let sticky = world.sticky(second);
            assert!(sticky.contains("1 machines were made within 24 hours, which is the limit"));
            assert!(sticky.contains("at the earliest on `Tue 2026-12-01 09:00 CET`"), "{sticky}");
            let [(_, most, used), _] = world.practice.engine.day_limits().await.unwrap();
            assert_eq!((most, used), (1, 1));
            world.until(|world| world.host.machines().len() == 2).await;
            assert!(world.clock.now() - made <= TimeDelta::hours(26));
            world.read_until(second, "is up.");
            for issue in [first, second] {
                released(world, issue).await;
                world.read_until(issue, "were destroyed");
            }
        },
    )
    .await;
}
