use std::fmt::Write as _;

use chrono::TimeDelta;
use proptest::prelude::*;

use super::{Confirmation, Effect, Event, News, Topic, announcement, step};
use crate::{
    brake::{Deed, Waiting, Why},
    calendar::Calendar,
    cookbook::{PowerCommand, Terms},
    hook,
    identity::{Digest, NoteId, Person, Timestamp, UserId},
    lease::{
        Announcement, Deadline, Lease, State, Step,
        samples::{lease, shape},
        warning,
    },
    machine::Power,
    quantity::{Delay, Lifetime},
    request::WaitsOn,
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A Monday, during working hours.
fn start() -> Timestamp {
    at("2027-01-04T09:30:00Z")
}

fn calendar() -> Calendar {
    Calendar::from_parts("UTC", []).unwrap()
}

fn alice() -> Person {
    Person { id: UserId(4), username: "alice".into() }
}

fn delay(text: &str) -> Delay {
    Delay::parse(text).unwrap()
}

fn created() -> Event {
    Event::Created {
        uuid: uuid::Uuid::from_u128(9),
        addresses: vec!["192.0.2.7".into()],
        host_keys: vec![],
    }
}

/// Plays a life: events at moments, with every comment delivered at once.
struct Play {
    lease: Lease,
    now: Timestamp,
    notes: u64,
    /// Whether the forge takes comments.
    forge: bool,
    log: Vec<Effect>,
}

impl Play {
    fn new() -> Self {
        Self { lease: lease(), now: start(), notes: 0, forge: true, log: vec![] }
    }

    fn active() -> Self {
        let mut play = Self::new();
        play.meet(&created());
        play
    }

    fn meet(&mut self, event: &Event) {
        let Ok((lease, effects)) = step(&self.lease, event, self.now, &calendar()) else { return };
        self.lease = lease;
        for effect in effects {
            self.log.push(effect.clone());
            let follows = match &effect {
                Effect::Tell(news) if self.forge => {
                    self.notes += 1;
                    announcement(&self.lease, news, NoteId(self.notes), self.now)
                }
                Effect::Stop => Some(Event::Stopped),
                Effect::Start => Some(Event::Started),
                Effect::Destroy => Some(Event::Destroyed),
                Effect::DropBackups => Some(Event::BackupsDropped),
                _ => None,
            };
            if let Some(event) = follows {
                self.meet(&event);
            }
        }
    }

    /// Lets time pass in steps of half an hour.
    fn wait(&mut self, hours: i64) {
        for _ in 0..hours * 2 {
            self.now += TimeDelta::minutes(30);
            self.meet(&Event::Tick);
        }
    }

    fn wait_until(&mut self, state: State) {
        for _ in 0..5_000 {
            if self.lease.state == state {
                return;
            }
            self.wait(1);
        }
        panic!("never became {}: {:?}", state.word(), self.lease);
    }
}

fn confirmation() -> Confirmation {
    Confirmation { owner: alice(), fallback: vec![], until: at("2027-03-01T10:00:00Z") }
}

fn samples() -> Vec<Event> {
    let by = alice();
    let until = at("2027-03-01T10:00:00Z");
    vec![
        created(),
        Event::CreationFailed { reason: "no".into() },
        Event::Tick,
        Event::Announced(Announcement {
            step: Step::Stop,
            deadline: until,
            note: NoteId(1),
            delivered_at: until,
        }),
        Event::Stopped,
        Event::Started,
        Event::Rebooted,
        Event::Destroyed,
        Event::BackupsDropped,
        Event::Extend { until, by: by.clone() },
        other_terms(&lease(), true),
        Event::Restore { until, by: by.clone() },
        Event::Release { by: by.clone() },
        Event::Switch { command: PowerCommand::Reboot, by: by.clone() },
        Event::Seen { power: Power::On, addresses: vec![] },
        Event::Vanished,
        Event::Hold { reason: "why".into() },
        Event::Resize { shape: shape(2), by: by.clone() },
        Event::Resized { shape: shape(2) },
        Event::ResizeRefused { reason: "no".into() },
        Event::Rebuild { by: by.clone() },
        Event::Rebuilt { addresses: vec![], host_keys: vec![] },
        Event::RebuildRefused { reason: "no".into() },
        Event::Unhold,
        Event::Protect(true),
        Event::Postpone { not_before: until },
        Event::GiveNotice,
        Event::Rehomed,
        Event::RunHooksAgain,
        Event::Transfer { to: by.clone() },
        Event::Confirm(confirmation()),
        Event::Marked { confirmation: confirmation(), shape: None },
        Event::MarkRefused { reason: "no".into() },
    ]
}

#[test]
fn every_state_meets_every_event() {
    let mut table = String::new();
    for state in State::ALL {
        write!(table, "{}:", state.word()).unwrap();
        for event in samples() {
            let lease = Lease { state, ..lease() };
            if let Ok((after, effects)) = step(&lease, &event, start(), &calendar()) {
                let name = format!("{event:?}");
                let name = name.split([' ', '(']).next().unwrap();
                let acts: Vec<String> = effects
                    .iter()
                    .map(|effect| match effect {
                        Effect::Tell(news) => {
                            let topic = format!("{:?}", news.topic);
                            format!("+{}", topic.split([' ', '(']).next().unwrap())
                        }
                        other => {
                            let step = format!("{other:?}");
                            format!("!{}", step.split([' ', '(']).next().unwrap())
                        }
                    })
                    .collect();
                let moved = if after.state == state {
                    String::new()
                } else {
                    format!("->{}", after.state.word())
                };
                write!(table, " {name}{moved}{}", acts.concat()).unwrap();
            }
        }
        table.push('\n');
    }
    insta::assert_snapshot!(table, @r"
    adopted: Tick Release->ended+LetGo Seen Vanished+Vanished Hold Unhold Protect Rehomed+Rehomed RunHooksAgain Transfer+Transferred Confirm!Adopt Marked->active+Confirmed MarkRefused+NotConfirmed
    provisioning: Created->active+HandedOver CreationFailed->destroying+CreationFailed!Destroy Tick Release->destroying!Destroy Seen Hold Unhold Protect Rehomed+Rehomed RunHooksAgain
    active: Tick Stopped+Switched Started+Restored Rebooted+Switched Extend+Extended RenewTerms Release->destroying!Destroy Switch!Reboot Seen Vanished+Vanished Hold Resize!Resize Resized+Resized ResizeRefused+ResizeRefused Rebuild!Rebuild Rebuilt+Rebuilt RebuildRefused+RebuildRefused Unhold Protect GiveNotice Rehomed+Rehomed RunHooksAgain Transfer+Transferred
    expired: Tick Stopped+Stopped RenewTerms Restore->active!Start Release->destroying!Destroy Seen Vanished+Vanished Hold Unhold Protect GiveNotice Rehomed+Rehomed RunHooksAgain Transfer+Transferred
    destroying: Tick Destroyed->ended+Undone Seen Hold Unhold Protect Rehomed+Rehomed RunHooksAgain
    destroyed: Tick BackupsDropped->ended RenewTerms Hold Unhold GiveNotice Rehomed+Rehomed RunHooksAgain
    ended: Tick RunHooksAgain
    ");
}

#[test]
fn a_whole_life_takes_the_steps_in_order_and_warns_before_each() {
    let mut play = Play::active();
    play.wait_until(State::Ended);
    let words: Vec<String> = play
        .log
        .iter()
        .map(|effect| match effect {
            Effect::Tell(News { topic: Topic::Warning { lead }, .. }) => format!("warning {lead}"),
            Effect::Tell(news) => format!("{:?}", news.topic),
            other => format!("!{other:?}"),
        })
        .collect();
    insta::assert_snapshot!(words.join("\n"), @r"
    HandedOver
    warning 7d
    warning 24h
    !Stop
    Stopped
    warning 24h
    !Destroy
    Destroyed
    !DropBackups
    ");
}

#[test]
fn nothing_is_stopped_while_no_comment_can_be_delivered() {
    let mut play = Play::active();
    play.forge = false;
    play.wait(24 * 60);
    assert_eq!(play.lease.state, State::Active);
    assert!(play.lease.hold.is_some(), "a person decides after a week");
    assert_eq!(play.lease.waits_on, WaitsOn::Sysadmin);
}

#[test]
fn a_deadline_that_came_without_its_warning_moves_by_the_promised_notice() {
    let mut play = Play::active();
    let deadline = play.lease.deadline.unwrap().at;
    while play.now < deadline - TimeDelta::days(3) {
        play.wait(1);
    }
    play.forge = false;
    while play.now < deadline + TimeDelta::hours(2) {
        play.wait(1);
    }
    let moved = play.lease.deadline.unwrap();
    assert!(moved.at >= deadline + TimeDelta::hours(24));
    // What was said of the old one does not count for it.
    let news = News {
        topic: Topic::Warning { lead: delay("24h") },
        announces: Some((Step::Stop, deadline)),
    };
    assert_eq!(announcement(&play.lease, &news, NoteId(99), play.now), None);
    play.forge = true;
    while play.now < moved.at {
        play.wait(1);
    }
    assert_eq!(play.lease.state, State::Active, "that of the new one was lost as well");
    play.wait_until(State::Expired);
    assert!(play.now >= moved.at + TimeDelta::hours(24));
}

#[test]
fn an_extension_needs_fresh_warnings() {
    let mut play = Play::active();
    while play.now < play.lease.deadline.unwrap().at - TimeDelta::hours(5) {
        play.wait(1);
    }
    let until = calendar().expiry(play.now, Lifetime::new(10).unwrap());
    play.meet(&Event::Extend { until, by: alice() });
    let deadline = play.lease.deadline.unwrap();
    assert_eq!(warning::leads(&play.lease.terms, &deadline), vec![delay("7d"), delay("24h")]);
    play.log.clear();
    play.wait_until(State::Expired);
    assert!(play.now >= until);
    let warnings = play
        .log
        .iter()
        .filter(|effect| matches!(effect, Effect::Tell(News { topic: Topic::Warning { .. }, .. })));
    assert_eq!(warnings.count(), 2);
}

#[test]
fn notice_begins_with_the_first_warning_or_as_long_before_as_was_promised() {
    let Lease { deadline, terms, .. } = Play::active().lease;
    let mut deadline = deadline.unwrap();
    let begins = warning::notice_begins(&terms, &deadline);
    assert_eq!(begins, deadline.at - warning::leads(&terms, &deadline)[0].span());
    // Set so late that the announcement is all there is.
    deadline.set_at = deadline.at - TimeDelta::minutes(1);
    assert_eq!(warning::leads(&terms, &deadline), []);
    let begins = warning::notice_begins(&terms, &deadline);
    assert_eq!(begins, deadline.at - terms.min_notice.span());
}

#[test]
fn a_machine_started_during_grace_is_stopped_again_once() {
    let mut play = Play::active();
    play.wait_until(State::Expired);
    play.log.clear();
    let seen = Event::Seen { power: Power::On, addresses: vec![] };
    play.meet(&seen);
    let stops = play.log.iter().filter(|effect| **effect == Effect::Stop).count();
    assert_eq!(stops, 1);
    assert_eq!(play.lease.state, State::Expired);
    assert!(
        play.log.iter().any(|e| matches!(e, Effect::Tell(News { topic: Topic::StoppedAgain, .. })))
    );
}

#[test]
fn a_restore_gives_a_new_life_with_a_new_announcement() {
    let mut play = Play::active();
    play.wait_until(State::Expired);
    let until = calendar().expiry(play.now, Lifetime::new(7).unwrap());
    play.meet(&Event::Restore { until, by: alice() });
    assert_eq!(play.lease.state, State::Active);
    assert_eq!(play.lease.power, Power::On);
    assert!(matches!(
        warning::clear_to_act(&play.lease, &play.lease.deadline.unwrap(), until),
        Err(warning::NotYet::Unwarned { .. })
    ));
}

#[test]
fn held_and_protected_leases_are_left_alone() {
    for event in [Event::Hold { reason: "audit".into() }, Event::Protect(true)] {
        let mut play = Play::active();
        play.meet(&event);
        play.log.clear();
        play.wait(24 * 90);
        assert_eq!(play.lease.state, State::Active);
        assert_eq!(play.log, vec![]);
    }
}

#[test]
fn what_fell_due_on_hold_is_announced_again_with_the_full_notice() {
    let mut play = Play::active();
    play.meet(&Event::Hold { reason: "audit".into() });
    play.wait(24 * 30);
    let freed = play.now;
    play.meet(&Event::Unhold);
    play.wait_until(State::Expired);
    assert!(play.now - freed >= TimeDelta::hours(24));
}

#[test]
fn a_machine_that_vanished_is_neither_made_again_nor_forgotten() {
    let mut play = Play::active();
    play.meet(&Event::Vanished);
    play.meet(&Event::Vanished);
    assert_eq!(play.lease.state, State::Active);
    assert_eq!(play.lease.waits_on, WaitsOn::Sysadmin);
    let told =
        play.log.iter().filter(|e| matches!(e, Effect::Tell(News { topic: Topic::Vanished, .. })));
    assert_eq!(told.count(), 1);
}

/// Shorter terms, or longer ones, than the samples have.
fn other_terms(lease: &Lease, shorter: bool) -> Event {
    let day = |days: u32| Delay::new(days * 24 * 60).unwrap();
    let terms = if shorter {
        Terms {
            total: lease.terms.default,
            warn: vec![day(1)],
            min_notice: Delay::new(60).unwrap(),
            grace: day(1),
            backups: day(1),
            ..lease.terms.clone()
        }
    } else {
        Terms { warn: vec![day(9), day(1)], grace: day(9), backups: day(40), ..lease.terms.clone() }
    };
    let terms = Box::new(terms);
    Event::RenewTerms { terms, policy_version: Digest::of("newer"), by: alice() }
}

#[test]
fn shorter_terms_move_the_end_and_leave_the_longer_notice_of_both() {
    let mut play = Play::active();
    play.meet(&Event::Extend {
        until: calendar().expiry(play.now, Lifetime::new(60).unwrap()),
        by: alice(),
    });
    let before = play.lease.clone();
    let renewed = other_terms(&before, true);
    play.meet(&renewed);
    let Event::RenewTerms { terms, policy_version, .. } = renewed else { panic!("terms") };
    let deadline = play.lease.deadline.unwrap();
    let terms = super::renewed(&before.terms, &terms);
    assert_eq!(play.lease.terms, terms);
    assert_eq!(terms.min_notice, before.terms.min_notice, "it does not get shorter");
    assert_eq!(play.lease.policy_version, policy_version);
    let latest = calendar().expiry(before.handed_over.unwrap(), terms.total);
    let notice = calendar().after(play.now, before.terms.min_notice);
    assert_eq!(deadline.at, latest.max(notice));
    assert!(deadline.at < before.deadline.unwrap().at);
    assert_eq!(deadline.set_at, play.now, "older warnings do not count");
    assert_eq!(deadline.step, Step::Stop);
}

#[test]
fn what_was_said_on_an_issue_that_is_gone_does_not_count() {
    let mut play = Play::active();
    let far = play.lease.deadline.unwrap();
    play.now += TimeDelta::hours(1);
    play.meet(&Event::Rehomed);
    let deadline = play.lease.deadline.unwrap();
    assert_eq!((deadline.at, deadline.set_at), (far.at, play.now));

    // Within the notice, and with every warning given before.
    play.now = far.at - TimeDelta::minutes(1);
    play.meet(&Event::Rehomed);
    let deadline = play.lease.deadline.unwrap();
    let notice = calendar().after(play.now, play.lease.terms.min_notice);
    assert_eq!((deadline.at, deadline.step), (notice, far.step));
    let Some(Effect::Tell(told)) = play.log.last() else { panic!("nothing was said") };
    assert_eq!(told.announces, Some((deadline.step, deadline.at)));

    // Nor what was said by a clock that was ahead, and has been set back.
    let ahead = Announcement {
        step: deadline.step,
        deadline: deadline.at,
        note: NoteId(9),
        delivered_at: deadline.at,
    };
    play.meet(&Event::Announced(ahead));
    play.meet(&Event::Rehomed);
    assert!(!play.lease.announcements.contains(&ahead) && play.lease.ordered.is_empty());

    // On hold, no moment is named; everybody is told when that ends.
    play.meet(&Event::Hold { reason: "why".into() });
    play.meet(&Event::Rehomed);
    let Some(Effect::Tell(told)) = play.log.last() else { panic!("nothing was said") };
    assert_eq!(*told, News { topic: Topic::Rehomed, announces: None });
}

proptest! {
    /// The first law, under any order of events and a forge that comes and goes.
    #[test]
    fn no_step_without_its_delivered_warnings(
        moves in prop::collection::vec((0usize..16, 1i64..60, any::<bool>()), 1..60)
    ) {
        let mut play = Play::active();
        for (choice, hours, forge) in moves {
            play.forge = forge;
            let soon = calendar().expiry(play.now, Lifetime::new(9).unwrap());
            let before = play.lease.clone();
            let event = match choice {
                0 => Event::Extend { until: soon, by: alice() },
                1 => Event::Restore { until: soon, by: alice() },
                2 => Event::Seen { power: Power::On, addresses: vec![] },
                3 => Event::Hold { reason: "x".into() },
                4 | 5 => Event::Unhold,
                6 => Event::Postpone { not_before: play.now + TimeDelta::hours(30) },
                7 => Event::Protect(true),
                8 => Event::Protect(false),
                9 => other_terms(&play.lease, forge),
                10 => Event::GiveNotice,
                11 => Event::Rehomed,
                _ => Event::Tick,
            };
            play.meet(&event);
            check(&before, &play);
            for _ in 0..hours * 2 {
                play.now += TimeDelta::minutes(30);
                let before = play.lease.clone();
                play.meet(&Event::Tick);
                check(&before, &play);
            }
        }
    }
}

proptest! {
    /// What does not bear our mark yet is never switched, stopped or destroyed,
    /// whatever happens.
    #[test]
    fn nothing_is_done_to_a_machine_that_is_not_confirmed(
        moves in prop::collection::vec((0..samples().len(), 1i64..60), 1..30)
    ) {
        let mut play = Play::new();
        play.lease.state = State::Adopted;
        play.lease.protected = true;
        for (choice, hours) in moves {
            let event = samples().swap_remove(choice);
            if matches!(event, Event::Marked { .. }) {
                continue;
            }
            play.meet(&event);
            play.wait(hours);
        }
        for effect in play.log {
            prop_assert!(matches!(effect, Effect::Tell(_) | Effect::Adopt(_)), "{effect:?}");
        }
    }
}

#[test]
fn a_confirmed_machine_lives_like_any_other() {
    let mut play = Play::new();
    play.lease.state = State::Adopted;
    play.lease.protected = true;
    play.meet(&Event::Confirm(confirmation()));
    assert_eq!(play.lease.state, State::Adopted, "its provider has to agree");
    play.meet(&Event::MarkRefused { reason: "it is another machine".into() });
    assert_eq!((play.lease.state, play.lease.waits_on), (State::Adopted, WaitsOn::Sysadmin));
    play.meet(&Event::Marked { confirmation: confirmation(), shape: None });
    assert!(!play.lease.protected);
    assert_eq!(play.lease.deadline.unwrap().at, confirmation().until);
    play.wait_until(State::Destroyed);
    assert!(play.now > confirmation().until + TimeDelta::days(3));
}

/// A step taken by itself was warned of, with the promised notice.
fn check(before: &Lease, play: &Play) {
    let moved = matches!(
        (before.state, play.lease.state),
        (State::Active, State::Expired)
            | (State::Expired, State::Destroying | State::Destroyed)
            | (State::Destroyed, State::Ended)
    );
    if moved {
        let deadline = before.deadline.expect("no step without a deadline");
        assert!(before.hold.is_none() && !before.protected);
        assert!(play.now >= deadline.at);
        assert!(deadline.not_before.is_none_or(|not_before| play.now >= not_before));
        let told: Vec<_> = play
            .lease
            .announcements
            .iter()
            .filter(|said| said.step == deadline.step && said.deadline == deadline.at)
            .filter(|said| said.delivered_at >= deadline.set_at)
            .collect();
        assert!(!told.is_empty());
        let last_day =
            told.iter().all(|said| said.delivered_at < deadline.at - TimeDelta::hours(24));
        let short = deadline.at - TimeDelta::hours(24) <= deadline.set_at;
        assert!(
            deadline.step == Step::DropBackups || short || !last_day,
            "the last warning was not delivered"
        );
        let first = told.iter().map(|said| said.delivered_at).min().unwrap();
        assert!(play.now - first >= TimeDelta::hours(24));
    }
}

fn active_until(deadline: &str, set_at: Timestamp) -> Lease {
    let deadline = Deadline { step: Step::Stop, at: at(deadline), set_at, not_before: None };
    Lease {
        state: State::Active,
        handed_over: Some(set_at),
        deadline: Some(deadline),
        power: Power::On,
        ..lease()
    }
}

#[test]
fn a_machine_that_vanished_stays_off_hold_once_a_person_decided_to_go_on() {
    let calendar = calendar();
    let active = active_until("2027-03-01T10:00:00Z", start());
    let (held, _) = step(&active, &Event::Vanished, start(), &calendar).unwrap();
    assert!(held.hold.is_some());
    let (going, _) = step(&held, &Event::Unhold, start(), &calendar).unwrap();
    let (again, told) = step(&going, &Event::Vanished, start(), &calendar).unwrap();
    assert_eq!((again.hold, told), (None, vec![]));
    let seen = Event::Seen { power: Power::On, addresses: vec![] };
    let (back, _) = step(&going, &seen, start(), &calendar).unwrap();
    assert_eq!(back.trouble, None);
    let (held, _) = step(&back, &Event::Vanished, start(), &calendar).unwrap();
    assert!(held.hold.is_some());
}

#[test]
fn a_warning_nobody_got_is_ordered_again_after_unhold() {
    let calendar = calendar();
    let active = active_until("2027-02-01T10:00:00Z", start());
    let warned = at("2027-01-25T10:00:00Z");
    let (ordered, _) = step(&active, &Event::Tick, warned, &calendar).unwrap();
    assert_eq!(ordered.ordered.len(), 1);
    let later = warned + TimeDelta::days(7);
    let (held, _) = step(&ordered, &Event::Tick, later, &calendar).unwrap();
    assert!(held.hold.is_some());
    let (going, _) = step(&held, &Event::Unhold, later, &calendar).unwrap();
    let (after, _) = step(&going, &Event::Tick, later, &calendar).unwrap();
    assert_eq!(after.hold, None, "{after:?}");
}

#[test]
fn a_deadline_without_warnings_that_nobody_was_told_of_ends_with_a_person() {
    let calendar = calendar();
    let mut gone = active_until("2027-02-01T10:00:00Z", start());
    gone.state = State::Destroyed;
    gone.deadline = gone.deadline.map(|d| Deadline { step: Step::DropBackups, ..d });
    let late = at("2027-02-09T10:00:00Z");
    let (held, effects) = step(&gone, &Event::Tick, late, &calendar).unwrap();
    assert_eq!((held.waits_on, effects), (WaitsOn::Sysadmin, vec![]));
    assert!(held.hold.is_some());
}

#[test]
fn hooks_left_to_people_are_run_again_as_long_as_that_makes_sense() {
    let run = |point| hook::Run {
        hook: "dns".into(),
        title: "DNS record".into(),
        point,
        outcome: hook::Outcome::LeftToPeople,
        said: String::new(),
        tries: 5,
        at: start(),
    };
    let left = Lease { hooks: hook::Point::ALL.map(run).to_vec(), ..lease() };
    for (state, expected) in [
        (State::Provisioning, &[hook::Point::PostProvision][..]),
        (State::Active, &[hook::Point::PostProvision]),
        (State::Expired, &[hook::Point::PreStop]),
        (State::Destroying, &[hook::Point::PreStop, hook::Point::PostDestroy]),
        (State::Ended, &hook::Point::ALL[1..]),
    ] {
        let lease = Lease { state, ..left.clone() };
        let (after, effects) = step(&lease, &Event::RunHooksAgain, start(), &calendar()).unwrap();
        let wanted: Vec<_> = expected.iter().map(|point| Effect::RunHooks(*point)).collect();
        assert_eq!(effects, wanted, "{}", state.word());
        let again: Vec<_> = after.hooks.iter().filter(|run| run.tries == 0).collect();
        assert_eq!(again.iter().map(|run| run.point).collect::<Vec<_>>(), expected);
        assert!(again.iter().all(|run| run.outcome == hook::Outcome::Failing));
    }
}

#[test]
fn a_hook_that_nobody_will_try_again_is_left_to_people() {
    let mut play = Play::active();
    play.lease.hooks.push(hook::Run {
        hook: "dns".into(),
        title: "DNS record".into(),
        point: hook::Point::PostProvision,
        outcome: hook::Outcome::Failing,
        said: "no route".into(),
        tries: 1,
        at: start(),
    });
    play.meet(&Event::Release { by: alice() });
    assert_eq!(play.lease.hooks[0].outcome, hook::Outcome::LeftToPeople);
}

#[test]
fn a_machine_that_is_gone_keeps_its_addresses_for_the_record() {
    let mut play = Play::active();
    play.wait_until(State::Destroyed);
    assert_eq!(play.lease.addresses, ["192.0.2.7"]);
}

fn waiting() -> Event {
    let why = Why::Frozen { reason: "storage is moved".into() };
    Event::HeldBack(Waiting { deed: Deed::Stop, why, until: None })
}

#[test]
fn what_is_held_back_waits_from_its_deadline_on_and_people_are_warned_before() {
    let mut play = Play::active();
    let deadline = play.lease.deadline.unwrap().at;
    while play.now < deadline + TimeDelta::hours(8) {
        play.now += TimeDelta::minutes(30);
        play.meet(&waiting());
        // Whatever the hour: else it would be shown and taken back every day.
        assert_eq!(play.lease.waiting.is_some(), play.now >= deadline, "{}", play.now);
    }
    let warned = |play: &Play| {
        let warns = |effect: &&Effect| {
            matches!(effect, Effect::Tell(News { topic: Topic::Warning { .. }, .. }))
        };
        play.log.iter().filter(warns).count()
    };
    assert_eq!((play.lease.state, warned(&play)), (State::Active, 2));
    play.now = deadline + TimeDelta::hours(23);
    play.meet(&Event::Tick);
    assert_eq!((play.lease.state, warned(&play)), (State::Expired, 2), "not late enough");
}

#[test]
fn what_was_held_back_for_long_is_announced_anew() {
    let mut play = Play::active();
    let deadline = play.lease.deadline.unwrap().at;
    while play.now < deadline + TimeDelta::days(3) {
        play.now += TimeDelta::minutes(30);
        play.meet(&waiting());
    }
    play.meet(&Event::Tick);
    let again = play.lease.deadline.unwrap();
    assert_eq!((play.lease.state, play.lease.waiting.as_ref()), (State::Active, None));
    assert!(again.at - play.now >= TimeDelta::hours(24), "{again:?} at {}", play.now);
    play.wait_until(State::Expired);
    assert!(play.now >= again.at);
}

#[test]
fn a_machine_that_is_protected_or_on_hold_does_not_wait_for_anything_else() {
    for event in [Event::Protect(true), Event::Hold { reason: "a look".into() }] {
        let mut play = Play::active();
        play.meet(&event);
        play.now = play.lease.deadline.unwrap().at + TimeDelta::days(1);
        play.meet(&waiting());
        assert_eq!(play.lease.waiting, None);
    }
}

#[test]
fn protection_that_came_too_late_can_be_taken_back() {
    let mut play = Play::active();
    play.wait_until(State::Destroyed);
    // It was said while the machine was being destroyed.
    play.lease.protected = true;
    play.wait(24 * 90);
    assert_eq!(play.lease.state, State::Destroyed);
    play.meet(&Event::Protect(false));
    play.wait_until(State::Ended);
}
