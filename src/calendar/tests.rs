use chrono::{Datelike as _, NaiveDate, Timelike as _, Weekday};
use proptest::prelude::*;

use super::{Calendar, UnknownZone, distance, first_moment, zone};
use crate::{
    identity::Timestamp,
    quantity::{Delay, Lifetime},
};

fn at(text: &str) -> Timestamp {
    format!("{text}:00Z").parse().unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn days(count: u32) -> Lifetime {
    Lifetime::new(count).unwrap()
}

fn minutes(count: u32) -> Delay {
    Delay::new(count).unwrap()
}

fn calendar(zone: &str, holidays: &[&str]) -> Calendar {
    Calendar::from_parts(zone, holidays.iter().map(|text| day(text))).unwrap()
}

#[test]
fn lifetimes_end_at_ten_on_a_working_day() {
    let cases = [
        // zone, handed over (UTC), days, expiry (UTC), why
        ("UTC", "2026-11-02T15:30", 14, "2026-11-16T10:00", "Monday to Monday"),
        ("UTC", "2026-11-03T15:30", 4, "2026-11-09T10:00", "a Saturday slides to Monday"),
        ("UTC", "2026-11-03T15:30", 5, "2026-11-09T10:00", "a Sunday slides to Monday"),
        ("UTC", "2024-02-28T12:00", 1, "2024-02-29T10:00", "a leap day is a day"),
        ("UTC", "2024-02-28T12:00", 2, "2024-03-01T10:00", "after a leap day"),
        ("UTC", "2026-12-21T12:00", 14, "2027-01-04T10:00", "over the end of the year"),
        ("Europe/Berlin", "2026-11-02T15:30", 14, "2026-11-16T09:00", "winter time"),
        ("Europe/Berlin", "2026-03-20T12:00", 10, "2026-03-30T08:00", "clocks went forward"),
        ("Europe/Berlin", "2026-10-19T12:00", 7, "2026-10-26T09:00", "clocks went back"),
        ("Europe/Berlin", "2026-11-02T23:30", 1, "2026-11-04T09:00", "handed over on the 3rd"),
        ("America/New_York", "2026-11-02T03:30", 2, "2026-11-03T15:00", "handed over on the 1st"),
        ("America/New_York", "2026-03-06T15:00", 3, "2026-03-09T14:00", "clocks went forward"),
        ("Pacific/Apia", "2011-12-28T12:00", 2, "2012-01-01T20:00", "a Friday they left out"),
    ];
    for (zone, handed_over, lifetime, expiry, why) in cases {
        let calendar = calendar(zone, &[]);
        assert_eq!(calendar.expiry(at(handed_over), days(lifetime)), at(expiry), "{zone}: {why}");
    }
}

#[test]
fn holidays_are_no_working_days() {
    let calendar = calendar("Europe/Berlin", &["2026-12-24", "2026-12-25", "2026-12-28"]);
    assert_eq!(calendar.expiry_on(day("2026-12-24")), at("2026-12-29T09:00"));
    assert!(!calendar.may_act(at("2026-12-24T11:00")));
    assert_eq!(calendar.next_acting_time(at("2026-12-23T20:00")), at("2026-12-29T08:00"));
}

#[test]
fn a_delay_ends_at_the_first_deadline_that_is_not_too_early() {
    let calendar = calendar("Europe/Berlin", &[]);
    let cases = [
        // from (UTC), minutes, first deadline (UTC)
        ("2026-11-02T08:00", 0, "2026-11-02T09:00"),
        ("2026-11-02T09:00", 0, "2026-11-02T09:00"),
        ("2026-11-02T09:01", 0, "2026-11-03T09:00"),
        ("2026-11-02T09:00", 3 * 24 * 60, "2026-11-05T09:00"),
        ("2026-11-03T09:00", 3 * 24 * 60 + 1, "2026-11-09T09:00"),
        ("2026-10-23T08:00", 3 * 24 * 60, "2026-10-26T09:00"),
    ];
    for (from, delay, expected) in cases {
        assert_eq!(calendar.after(at(from), minutes(delay)), at(expected), "{from} + {delay}");
    }
}

#[test]
fn machines_are_only_touched_in_working_hours() {
    let calendar = calendar("Europe/Berlin", &[]);
    let cases = [
        // now (UTC), when next (UTC)
        ("2026-11-02T07:59", "2026-11-02T08:00"),
        ("2026-11-02T08:00", "2026-11-02T08:00"),
        ("2026-11-02T15:59", "2026-11-02T15:59"),
        ("2026-11-02T16:00", "2026-11-03T08:00"),
        ("2026-11-06T16:00", "2026-11-09T08:00"),
        ("2026-11-07T11:00", "2026-11-09T08:00"),
        // Saturday evening before the clocks change: Monday at nine is an hour less away.
        ("2026-03-28T20:00", "2026-03-30T07:00"),
    ];
    for (now, next) in cases {
        assert_eq!(calendar.next_acting_time(at(now)), at(next), "{now}");
        assert_eq!(calendar.may_act(at(now)), now == next, "{now}");
    }
}

#[test]
fn moments_are_described_absolutely_and_relatively() {
    let berlin = calendar("Europe/Berlin", &[]);
    let now = at("2026-12-23T11:00");
    let cases = [
        ("2027-01-05T09:00", "Tue 2027-01-05 10:00 CET (in 13 days)"),
        ("2026-12-25T09:00", "Fri 2026-12-25 10:00 CET (in 2 days)"),
        ("2026-12-24T09:00", "Thu 2026-12-24 10:00 CET (tomorrow)"),
        ("2026-12-23T15:59", "Wed 2026-12-23 16:59 CET (in 4 hours)"),
        ("2026-12-23T12:00", "Wed 2026-12-23 13:00 CET (in 1 hour)"),
        ("2026-12-23T11:05", "Wed 2026-12-23 12:05 CET (in 5 minutes)"),
        ("2026-12-23T11:00", "Wed 2026-12-23 12:00 CET (now)"),
        ("2026-12-23T10:59", "Wed 2026-12-23 11:59 CET (1 minute ago)"),
        ("2026-12-23T08:00", "Wed 2026-12-23 09:00 CET (3 hours ago)"),
        ("2026-12-22T11:00", "Tue 2026-12-22 12:00 CET (yesterday)"),
        ("2026-07-01T08:00", "Wed 2026-07-01 10:00 CEST (175 days ago)"),
    ];
    for (moment, expected) in cases {
        assert_eq!(berlin.describe(at(moment), now), expected);
    }
    let evening = at("2026-12-23T22:00");
    assert_eq!(
        berlin.describe(at("2026-12-24T00:30"), evening),
        "Thu 2026-12-24 01:30 CET (in 2 hours)",
        "`tomorrow` would sound like more than it is",
    );
    assert_eq!(
        calendar("America/New_York", &[]).describe(at("2027-01-05T15:00"), now),
        "Tue 2027-01-05 10:00 EST (in 13 days)",
    );
}

#[test]
fn the_due_date_is_the_date_where_the_people_are() {
    let midnight = at("2026-11-02T23:30");
    assert_eq!(calendar("Europe/Berlin", &[]).due_date(midnight), day("2026-11-03"));
    assert_eq!(calendar("America/New_York", &[]).due_date(midnight), day("2026-11-02"));
}

#[test]
fn a_skipped_time_is_the_end_of_the_gap_and_a_repeated_one_its_first() {
    let berlin = zone("Europe/Berlin").unwrap();
    let local = |text: &str| text.parse().unwrap();
    assert_eq!(first_moment(berlin, local("2026-03-29T02:30:00")), at("2026-03-29T01:00"));
    assert_eq!(first_moment(berlin, local("2026-10-25T02:30:00")), at("2026-10-25T00:30"));
}

#[test]
fn an_unknown_zone_is_answered_with_the_one_that_was_meant() {
    let cases = [
        ("europe/berlin", Some("Europe/Berlin")),
        ("Europe/Berlni", Some("Europe/Berlin")),
        ("Berlin", Some("Europe/Berlin")),
        ("New York", Some("America/New_York")),
        ("Middle-earth/Bree", None),
        ("", None),
    ];
    for (name, suggestion) in cases {
        let expected = UnknownZone { name: name.to_owned(), suggestion };
        assert_eq!(zone(name), Err(expected), "{name}");
    }
    assert_eq!(
        zone("Berlin").unwrap_err().to_string(),
        "there is no time zone `Berlin`; did you mean `Europe/Berlin`?"
    );
    assert_eq!(
        zone("Bree").unwrap_err().to_string(),
        "there is no time zone `Bree`; use a name from the IANA database, such as \
         `Europe/Berlin` or `UTC`"
    );
}

#[test]
fn corrections_are_counted() {
    for (left, right, expected) in
        [("", "", 0), ("utc", "utc", 0), ("utc", "ut", 1), ("", "abc", 3), ("kitten", "sitting", 3)]
    {
        assert_eq!(distance(left, right), expected, "{left} {right}");
        assert_eq!(distance(right, left), expected, "{right} {left}");
    }
}

#[test]
fn the_end_of_time_is_no_reason_to_panic() {
    let calendar = calendar("Pacific/Kiritimati", &["9999-12-31"]);
    for moment in [Timestamp::MAX_UTC, Timestamp::MIN_UTC] {
        let expiry = calendar.expiry(moment, days(3650));
        assert!(calendar.after(moment, minutes(10 * 24 * 60)) > Timestamp::MIN_UTC);
        assert!(calendar.next_acting_time(moment) > Timestamp::MIN_UTC);
        assert!(!calendar.describe(moment, expiry).is_empty());
    }
}

proptest! {
    #[test]
    fn an_expiry_is_a_working_day_at_ten_and_never_early(
        zone in prop::sample::select(vec![
            "Europe/Berlin", "America/New_York", "UTC", "Australia/Lord_Howe", "Africa/Casablanca",
        ]),
        seconds in 1_500_000_000_i64..3_000_000_000,
        lifetime in 1_u32..400,
        holidays in prop::collection::btree_set(0_u64..500, 0..40),
    ) {
        let handed_over = chrono::DateTime::from_timestamp(seconds, 0).unwrap();
        let first = handed_over.date_naive();
        let holidays = holidays.into_iter().map(|offset| first + chrono::Days::new(offset));
        let calendar = Calendar::from_parts(zone, holidays).unwrap();
        let expiry = calendar.expiry(handed_over, days(lifetime));
        let local = expiry.with_timezone(&calendar.zone());

        prop_assert!(!matches!(local.weekday(), Weekday::Sat | Weekday::Sun));
        prop_assert!(!calendar.holidays.contains(&local.date_naive()));
        prop_assert_eq!((local.hour(), local.minute(), local.second()), (10, 0, 0));
        let lived = (calendar.due_date(expiry) - calendar.today(handed_over)).num_days();
        prop_assert!(lived >= i64::from(lifetime));
        prop_assert!(calendar.may_act(expiry));
        prop_assert!(calendar.next_acting_time(handed_over) >= handed_over);
        prop_assert!(calendar.may_act(calendar.next_acting_time(handed_over)));
        let later = calendar.after(handed_over, minutes(lifetime * 60));
        prop_assert!(later >= handed_over + minutes(lifetime * 60).span());
        prop_assert!(calendar.may_act(later));
    }
}

#[test]
fn a_deadline_falls_on_the_first_working_day_outside_of_every_window() {
    let local = |text: &str| text.parse().unwrap();
    let window = |from: &str, to: &str, yearly| super::Window {
        zone: chrono_tz::Tz::Europe__Berlin,
        from: local(from),
        to: local(to),
        yearly,
    };
    let plain = calendar("Europe/Berlin", &[]);
    let until = |calendar: &Calendar, date: &str| calendar.absolute(calendar.expiry_on(day(date)));
    let closed = plain.clone().closed_in([
        window("2026-12-02T00:00:00", "2026-12-04T00:00:00", false),
        window("2026-12-04T10:00:00", "2026-12-04T10:01:00", false),
        window("2020-12-20T00:00:00", "2021-01-05T00:00:00", true),
    ]);
    assert_eq!(until(&closed, "2026-12-01"), "Tue 2026-12-01 10:00 CET");
    assert_eq!(until(&closed, "2026-12-02"), "Mon 2026-12-07 10:00 CET");
    assert_eq!(until(&closed, "2026-12-24"), "Tue 2027-01-05 10:00 CET");
    let now = "2026-12-02T09:00:00Z".parse().unwrap();
    assert!(closed.may_act(now), "whatever has to wait for a window is told by the window");
    // Windows that leave nothing over leave the working days.
    let never = plain.closed_in([window("2020-01-01T00:00:00", "2060-01-01T00:00:00", false)]);
    assert_eq!(until(&never, "2026-12-05"), "Mon 2026-12-07 10:00 CET");
}

#[test]
fn where_people_begin_after_ten_deadlines_fall_on_their_first_hour() {
    let rules = |hours: &str| super::CalendarRules {
        hours: Some(super::Hours::parse(hours).unwrap()),
        ..super::CalendarRules::default()
    };
    let plain = calendar("UTC", &[]);
    for (hours, expected) in [
        ("12:30-20:00", "Wed 2026-12-02 12:30 UTC"),
        ("06:00-09:00", "Wed 2026-12-02 06:00 UTC"),
        ("00:00-24:00", "Wed 2026-12-02 10:00 UTC"),
    ] {
        let calendar = rules(hours).over(&plain);
        let deadline = calendar.expiry_on(day("2026-12-02"));
        assert_eq!(calendar.absolute(deadline), expected);
        assert!(calendar.may_act(deadline));
        assert_eq!(calendar.next_acting_time(deadline), deadline);
    }
}
