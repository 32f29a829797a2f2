//! What holds the machinery back: it waits, says why, and goes on by itself
//! without surprising anybody.

use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use innkeeper::{
    brake::{Deed, Embargo, Freeze},
    calendar::Window,
    cookbook::{self, Cookbooks},
    engine::{self, Settings},
    lease::State,
    machine::Power,
    ports::{clock::Clock as _, store::Actor},
    rehearsal::IssueKey,
};

use crate::{
    host::{Call, Fails},
    world::{Scene, World, brief, hex_after, sandbox_cookbook, scenario_in, scenario_with},
};

/// The notice the brief sandbox promises.
const NOTICE: TimeDelta = TimeDelta::hours(4);

/// Whether the embargo of the stories is in the configuration.
static EMBARGOED: AtomicBool = AtomicBool::new(false);

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

// --- embargoes

/// From Wednesday to Friday of the first week.
fn embargo(deeds: &[Deed]) -> Embargo {
    let local = |text: &str| text.parse().unwrap();
    Embargo {
        reason: "the team meets".to_owned(),
        window: Window {
            zone: "Europe/Berlin".parse().unwrap(),
            from: local("2026-12-02T00:00:00"),
            to: local("2026-12-05T00:00:00"),
            yearly: false,
        },
        deeds: deeds.iter().copied().collect(),
        cookbooks: None,
        place: "innkeeper.toml:1".to_owned(),
    }
}

#[tokio::test]
async fn deadlines_are_chosen_outside_of_an_embargo_and_a_release_in_it_waits() {
    let adjust: fn(&mut Settings) =
        |settings| settings.embargoes.push(embargo(&[Deed::Stop, Deed::Destroy]));
    scenario_in(Scene { adjust, ..Scene::brief() }, async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        assert!(world.sticky(issue).contains("stopped Mon 2026-12-07 10:00 CET"));
        world.expect_due(issue, Some("2026-12-07"));
        world.after(TimeDelta::hours(50)).await;
        released(world, issue).await;
        world.silent(issue);
        assert_eq!(power(world), Some(Power::On));
        let sticky = world.sticky(issue);
        assert!(sticky.contains("is not destroyed for now: the team meets"), "{sticky}");
        assert!(sticky.contains("`Sat 2026-12-05 00:00 CET`"), "{sticky}");
        world.until(|world| power(world).is_none()).await;
        assert_eq!(world.clock.now().to_string(), "2026-12-07 08:00:00 UTC", "Monday at nine");
        to_the_end(world, issue).await;
    })
    .await;
}

#[tokio::test]
async fn a_deadline_that_falls_into_a_later_embargo_waits_for_its_end_and_is_announced_anew() {
    let adjust: fn(&mut Settings) = |settings| {
        if EMBARGOED.load(Ordering::SeqCst) {
            settings.embargoes.push(embargo(&[Deed::Stop, Deed::Destroy]));
        }
    };
    scenario_in(Scene { adjust, ..Scene::brief() }, async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        assert!(world.sticky(issue).contains("stopped Wed 2026-12-02 10:00 CET"));
        EMBARGOED.store(true, Ordering::SeqCst);
        world.crash_and_restart();
        world.after(TimeDelta::hours(60)).await;
        assert_eq!(power(world), Some(Power::On));
        let sticky = world.sticky(issue);
        assert!(sticky.contains("is not stopped for now: the team meets"), "{sticky}");
        world.until(|world| power(world) == Some(Power::Off)).await;
        let now = world.clock.now();
        assert_eq!(now.to_string(), "2026-12-07 09:00:00 UTC");
        assert!(now - last_said(world, issue, "will be stopped on") >= NOTICE);
        to_the_end(world, issue).await;
    })
    .await;
}

#[tokio::test]
async fn an_embargo_of_making_says_so_before_the_approval_and_ends_by_itself() {
    let adjust: fn(&mut Settings) = |settings| settings.embargoes.push(embargo(&[Deed::Create]));
    scenario_in(Scene { adjust, ..Scene::brief() }, async |world: &mut World| {
        world.after(TimeDelta::hours(48)).await;
        let issue = world.filed(&[]).await;
        assert!(world.sticky(issue).contains("machines are not made for now: the team meets"));
        let digest = world.digest(issue);
        world.says("carol", issue, &format!("@innkeeper approve {digest}")).await;
        assert!(world.expect(issue, "Approved by carol").contains("the team meets"));
        world.until(|world| power(world).is_some()).await;
        assert_eq!(world.clock.now().to_string(), "2026-12-04 23:00:00 UTC");
        to_the_end(world, issue).await;
    })
    .await;
}

// --- calendars

/// The brief sandbox for people in New York, where Wednesday is a holiday.
fn in_new_york() -> Cookbooks {
    let text = include_str!("../../policies/sandbox.toml")
        .replace("default    = \"14d\"", "default    = \"2d\"")
        .replace("warn       = [\"7d\", \"1d\"]", "warn       = [\"1d\"]")
        + "\n[calendar]\ntime_zone = \"America/New_York\"\nhours = \"11:00-15:00\"\n\
           holidays_file = \"days.ics\"\n";
    let holidays = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20251202\n\
                    RRULE:FREQ=YEARLY\nEND:VEVENT\nEND:VCALENDAR\n";
    let files = [("sandbox.toml".to_owned(), text), ("days.ics".to_owned(), holidays.to_owned())];
    cookbook::load::files(&files).unwrap()
}

#[tokio::test]
async fn a_cookbook_has_its_own_calendar_and_a_change_moves_no_deadline() {
    scenario_in(
        Scene { cookbooks: in_new_york(), ..Scene::default() },
        async |world: &mut World| {
            let issue = world.handed_over(&[]).await;
            let end = "stopped Thu 2026-12-03 11:00 EST";
            assert!(world.sticky(issue).contains(end), "{}", world.sticky(issue));
            world.expect_due(issue, Some("2026-12-03"));
            let status = world.answer("alice", issue, "@innkeeper status").await;
            assert!(status.contains("Thu 2026-12-03 11:00 EST"), "{status}");
            // Berlin comes before New York.
            world.practice.engine.set_cookbooks(sandbox_cookbook(&[]));
            world.says("alice", issue, "@innkeeper status").await;
            world.read_until(issue, "Thu 2026-12-03 17:00 CET");
            world.practice.engine.set_cookbooks(in_new_york());
            world.until(|world| power(world) == Some(Power::Off)).await;
            assert_eq!(world.clock.now().to_string(), "2026-12-03 16:00:00 UTC");
            assert!(last_said(world, issue, "Thu 2026-12-03 11:00 EST") < world.clock.now());
            to_the_end(world, issue).await;
        },
    )
    .await;
}

// --- what is protected

/// Whether the machine of the stories is on the operator's list.
static LISTED: AtomicBool = AtomicBool::new(false);

#[tokio::test]
async fn nothing_anybody_says_or_leaves_undone_destroys_a_protected_machine() {
    brief(async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        world.answer("carol", issue, "@innkeeper protect").await;
        attack(world, issue).await;
        world.answer("carol", issue, "@innkeeper unprotect").await;
        to_the_end(world, issue).await;
    })
    .await;
}

#[tokio::test]
async fn a_machine_on_the_operators_list_is_as_safe_and_gets_its_notice_when_it_is_off_it() {
    let adjust: fn(&mut Settings) = |settings| {
        if LISTED.load(Ordering::SeqCst) {
            settings.protected_names = vec!["sandbox-1".to_owned()];
        }
    };
    scenario_in(Scene { adjust, ..Scene::brief() }, async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        LISTED.store(true, Ordering::SeqCst);
        world.crash_and_restart();
        attack(world, issue).await;
        let answer = world.answer("carol", issue, "@innkeeper release").await;
        assert!(answer.contains("the operator's list of protected machines"), "{answer}");
        LISTED.store(false, Ordering::SeqCst);
        world.crash_and_restart();
        let off = world.clock.now();
        world.until(|world| power(world) == Some(Power::Off)).await;
        let said = last_said(world, issue, "will be stopped on");
        assert!(said >= off && world.clock.now() - said >= NOTICE);
        to_the_end(world, issue).await;
    })
    .await;
}

async fn attack(world: &mut World, issue: IssueKey) {
    for who in ["alice", "carol"] {
        let answer = world.answer(who, issue, "@innkeeper release").await;
        assert!(
            answer.contains("`release` was not done") && answer.contains("protected"),
            "{answer}"
        );
    }
    world.answer("carol", issue, "@innkeeper reject it was a mistake").await;
    world.practice.rehearsal.close("alice", issue).unwrap();
    world.settle().await;
    world.after(TimeDelta::days(20)).await;
    while world.next_comment(issue).is_some() {}
    assert_eq!(power(world), Some(Power::On));
    for call in [Call::Stop, Call::Destroy] {
        assert_eq!(world.host.done(call, "sandbox-1"), 0, "{call:?}");
    }
    let sticky = world.sticky(issue);
    assert!(sticky.contains("| `sandbox-1` | running, protected | alice | nothing |"), "{sticky}");
}
