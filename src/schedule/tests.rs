use chrono::{
    Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _, Timelike as _,
};
use chrono_tz::Tz;
use proptest::prelude::*;

use super::{Fields, Schedule, fields};
use crate::identity::Timestamp;

fn at(text: &str) -> Timestamp {
    format!("{text}:00Z").parse().unwrap()
}

fn schedule(expression: &str, zone: Tz) -> Schedule {
    Schedule::parse(expression, zone).unwrap_or_else(|error| panic!("{error}"))
}

/// The first runs after a moment, as `MM-DD HH:MM` in the zone.
fn runs(expression: &str, zone: Tz, from: &str, count: usize) -> Vec<String> {
    let schedule = schedule(expression, zone);
    std::iter::successors(schedule.next_after(at(from)), |run| schedule.next_after(*run))
        .take(count)
        .map(|run| run.with_timezone(&zone).format("%m-%d %H:%M %Z").to_string())
        .collect()
}

#[test]
fn expressions_mean_what_unix_admins_mean() {
    let cases: [(&str, &[&str]); 18] = [
        // 2026-11-02 is a Monday.
        ("0 9 * * 1-5", &["11-02 09:00", "11-03 09:00", "11-04 09:00"]),
        ("0 9 * * 1", &["11-02 09:00", "11-09 09:00", "11-16 09:00"]),
        ("0 9 * * 0", &["11-08 09:00", "11-15 09:00"]),
        ("0 9 * * 7", &["11-08 09:00", "11-15 09:00"]),
        ("0 9 * * sun", &["11-08 09:00", "11-15 09:00"]),
        ("0 9 * * Fri-Sun", &["11-06 09:00", "11-07 09:00", "11-08 09:00", "11-13 09:00"]),
        ("0 9 * * 5-7", &["11-06 09:00", "11-07 09:00", "11-08 09:00", "11-13 09:00"]),
        ("0 9 * * Monday,thu", &["11-02 09:00", "11-05 09:00", "11-09 09:00"]),
        ("*/20 8-9 * * *", &["11-02 08:00", "11-02 08:20", "11-02 08:40", "11-02 09:00"]),
        ("5,10-30/10 0 * * *", &["11-02 00:05", "11-02 00:10", "11-02 00:20", "11-02 00:30"]),
        ("30 6 1 JAN,Mar *", &["01-01 06:30", "03-01 06:30", "01-01 06:30"]),
        ("0 0 29 2 *", &["02-29 00:00"]),
        ("@hourly", &["11-02 01:00", "11-02 02:00"]),
        ("@daily", &["11-03 00:00", "11-04 00:00"]),
        ("@Weekly", &["11-08 00:00", "11-15 00:00"]),
        ("@monthly", &["12-01 00:00", "01-01 00:00"]),
        ("0 0 9 ? * MON-FRI", &["11-02 09:00", "11-03 09:00"]),
        ("0 0 9 1 * ? *", &["12-01 09:00", "01-01 09:00"]),
    ];
    for (expression, expected) in cases {
        let expected: Vec<_> = expected.iter().map(|run| format!("{run} UTC")).collect();
        let found = runs(expression, Tz::UTC, "2026-11-02T00:00", expected.len());
        assert_eq!(found, expected, "{expression}");
    }
}

#[test]
fn days_of_month_and_of_week_are_alternatives_unless_one_is_a_star() {
    assert_eq!(
        runs("0 9 13 * 5", Tz::UTC, "2026-11-02T00:00", 4),
        ["11-06 09:00 UTC", "11-13 09:00 UTC", "11-20 09:00 UTC", "11-27 09:00 UTC"],
    );
    assert_eq!(
        runs("0 9 10 * 5", Tz::UTC, "2026-11-02T00:00", 3),
        ["11-06 09:00 UTC", "11-10 09:00 UTC", "11-13 09:00 UTC"],
    );
    assert_eq!(
        runs("0 9 */2 * 5", Tz::UTC, "2026-11-02T00:00", 2),
        ["11-13 09:00 UTC", "11-27 09:00 UTC"],
        "odd days that are Fridays",
    );
}

#[test]
fn a_run_in_the_hour_that_spring_skips_happens_when_it_is_over() {
    let berlin = Tz::Europe__Berlin;
    assert_eq!(
        runs("30 2 * * *", berlin, "2026-03-28T00:00", 3),
        ["03-28 02:30 CET", "03-29 03:00 CEST", "03-30 02:30 CEST"],
    );
    assert_eq!(
        runs("*/30 * * * *", berlin, "2026-03-29T00:00", 4),
        ["03-29 01:30 CET", "03-29 03:00 CEST", "03-29 03:30 CEST", "03-29 04:00 CEST"],
        "four skipped runs are one",
    );
    assert_eq!(
        runs("30 2 * * *", Tz::America__New_York, "2026-03-08T00:00", 2),
        ["03-08 03:00 EDT", "03-09 02:30 EDT"],
    );
}

#[test]
fn a_run_in_the_hour_that_autumn_repeats_happens_once() {
    let berlin = Tz::Europe__Berlin;
    assert_eq!(
        runs("30 2 * * *", berlin, "2026-10-24T12:00", 2),
        ["10-25 02:30 CEST", "10-26 02:30 CET"],
    );
    assert_eq!(
        runs("*/20 2 * * *", berlin, "2026-10-24T12:00", 4),
        ["10-25 02:00 CEST", "10-25 02:20 CEST", "10-25 02:40 CEST", "10-26 02:00 CET"],
    );
    assert_eq!(
        runs("30 1 * * *", Tz::America__New_York, "2026-11-01T00:00", 2),
        ["11-01 01:30 EDT", "11-02 01:30 EST"],
    );
}

#[test]
fn what_runs_every_hour_runs_in_the_repeated_hour_too() {
    let berlin = Tz::Europe__Berlin;
    assert_eq!(
        runs("*/30 * * * *", berlin, "2026-10-24T23:45", 6),
        [
            "10-25 02:00 CEST",
            "10-25 02:30 CEST",
            "10-25 02:00 CET",
            "10-25 02:30 CET",
            "10-25 03:00 CET",
            "10-25 03:30 CET",
        ],
    );
    assert_eq!(
        schedule("@hourly", berlin).longest_gap(at("2026-10-01T00:00"), 24 * 60),
        TimeDelta::hours(1),
    );
    assert_eq!(
        runs("*/15 * * * *", Tz::Australia__Lord_Howe, "2026-04-04T14:30", 4),
        ["04-05 01:45 +11", "04-05 01:30 +1030", "04-05 01:45 +1030", "04-05 02:00 +1030"],
        "half an hour is repeated here",
    );
}

#[test]
fn a_run_is_later_than_the_moment_it_is_asked_for() {
    let nine = schedule("0 9 * * *", Tz::UTC);
    assert_eq!(nine.next_after(at("2026-11-02T09:00")), Some(at("2026-11-03T09:00")));
    let almost = at("2026-11-02T09:00") - TimeDelta::milliseconds(1);
    assert_eq!(nine.next_after(almost), Some(at("2026-11-02T09:00")));
    assert_eq!(nine.next_after(Timestamp::MAX_UTC), None);
    assert!(nine.next_after(Timestamp::MIN_UTC).is_some());
}

#[test]
fn the_longest_gap_is_found() {
    let cases = [
        ("*/5 * * * *", TimeDelta::minutes(5)),
        ("0 9 * * *", TimeDelta::hours(24)),
        ("0 9 * * 1-5", TimeDelta::hours(72)),
        ("0 9,17 * * *", TimeDelta::hours(16)),
        ("0 0 1 1 *", TimeDelta::days(366)),
    ];
    for (expression, gap) in cases {
        let found = schedule(expression, Tz::UTC).longest_gap(at("2026-11-02T00:00"), 300);
        assert_eq!(found, gap, "{expression}");
    }
    let last = schedule("0 0 1 1 *", Tz::UTC).longest_gap(at("2099-06-01T00:00"), 10);
    assert_eq!(last, TimeDelta::MAX);
}

#[test]
fn a_schedule_is_shown_as_it_was_typed() {
    for expression in ["0 9 * * 1-5", "@daily", "5,10-30/10  0 * JAN Fri-Sun"] {
        assert_eq!(schedule(&format!(" {expression} "), Tz::UTC).to_string(), expression);
    }
    assert_ne!(schedule("@daily", Tz::UTC), schedule("@daily", Tz::Europe__Berlin));
}

#[test]
fn mistakes_name_the_field_and_what_it_accepts() {
    let cases = [
        (
            "",
            "it has 0 fields instead of the five minute, hour, day of month, month and day of \
              week, e.g. `30 9 * * 1-5` for 9:30 on working days",
        ),
        (
            "9",
            "it has 1 field instead of the five minute, hour, day of month, month and day of \
               week, e.g. `30 9 * * 1-5` for 9:30 on working days",
        ),
        ("60 9 * * *", "minute `60`: there is no minute 60; accepted are 0 to 59"),
        ("0 9-25 * * *", "hour `9-25`: there is no hour 25; accepted are 0 to 23"),
        ("0 9 0 * *", "day of month `0`: there is no day of month 0; accepted are 1 to 31"),
        ("0 9 * Foo *", "month `Foo`: `Foo` is no month; accepted are 1 to 12 or Jan to Dec"),
        (
            "0 9 * * 8",
            "day of week `8`: there is no day of week 8; accepted are 0 (Sunday) to 6, \
                       or Sun to Sat",
        ),
        (
            "0 9 * * Fri-Mon",
            "day of week `Fri-Mon`: the range `Fri-Mon` runs backwards; give two \
                             ranges instead; accepted are 0 (Sunday) to 6, or Sun to Sat",
        ),
        (
            "0 9 * * 1#2",
            "day of week `1#2`: `1#2` is no day of week; accepted are 0 (Sunday) to \
                         6, or Sun to Sat",
        ),
        ("0/5 * * * *", "minute `0/5`: a step needs a range, as in `0-59/2`; accepted are 0 to 59"),
        (
            "*/0 * * * *",
            "minute `*/0`: `0` is no step; use a number, as in `*/2`; accepted are 0 \
                         to 59",
        ),
        ("0 9 1, * *", "day of month `1,`: `` is no day of month; accepted are 1 to 31"),
        ("+5 9 * * *", "minute `+5`: `+5` is no minute; accepted are 0 to 59"),
        ("0 9 31 2,4 *", "no month it names has such a day, so it would never run"),
        ("@reboot", "the short forms are `@hourly`, `@daily`, `@weekly` and `@monthly`"),
        (
            "0 0 9 * * 1-5",
            "with 6 fields, day of week `1-5` counts from Sunday = 1, with five \
                           from Sunday = 0; leave out the seconds, or write names such as \
                           `Mon-Fri`",
        ),
        (
            "0 0 9 ? * 2 2027",
            "with 7 fields, day of week `2` counts from Sunday = 1, with five \
                              from Sunday = 0; leave out the seconds, or write names such as \
                              `Mon-Fri`",
        ),
        (
            "*/10 0 9 * * Mon",
            "second `*/10`: runs start on whole minutes; write `0` or the five \
                              minute, hour, day of month, month and day of week",
        ),
        (
            "0 0 9 * * Mon 2027",
            "a schedule runs every year; write the five minute, hour, day of \
                                month, month and day of week",
        ),
    ];
    for (expression, problem) in cases {
        let error = Schedule::parse(expression, Tz::UTC).unwrap_err();
        assert_eq!(error.problem, problem, "{expression}");
        assert_eq!(error.to_string(), format!("`{expression}` is not a schedule: {problem}"));
    }
}

/// Whether the fields name that minute, straight from cron's manual page.
fn names(fields: &Fields, wall: NaiveDateTime) -> bool {
    let month_day = fields.day_of_month.values.contains(&wall.day());
    let week_day = fields.day_of_week.values.contains(&wall.weekday().num_days_from_sunday());
    let both = fields.day_of_month.starts_with_star || fields.day_of_week.starts_with_star;
    fields.minute.values.contains(&wall.minute())
        && fields.hour.values.contains(&wall.hour())
        && fields.month.values.contains(&wall.month())
        && if both { month_day && week_day } else { month_day || week_day }
}

proptest! {
    #[test]
    fn the_next_run_is_the_first_minute_the_expression_names(
        minute in prop::sample::select(vec!["0", "*/7", "*", "59", "1-5,30"]),
        hour in prop::sample::select(vec!["0", "*", "23", "*/5", "8-17"]),
        day_of_month in prop::sample::select(vec!["*", "1", "31", "*/3", "13-15", "28,29"]),
        month in prop::sample::select(vec!["*", "2,7", "1-11/2"]),
        day_of_week in prop::sample::select(vec!["*", "0", "1-5", "6,7", "*/2"]),
        minutes in 29_700_000_i64..30_700_000,
    ) {
        let expression = [minute, hour, day_of_month, month, day_of_week].join(" ");
        let fields = fields(&expression).unwrap();
        let from = chrono::Utc.timestamp_opt(minutes * 60, 0).unwrap().naive_utc();
        let found = schedule(&expression, Tz::UTC).next_after(from.and_utc()).unwrap().naive_utc();
        prop_assert!(names(&fields, found));
        // Each minute of the day asked about and of the day found; and since a
        // day's minutes are the same on all days, one minute of those between.
        let of_day = |date: NaiveDate| {
            (0..24 * 60).map(move |minute| date.and_time(NaiveTime::MIN) + TimeDelta::minutes(minute))
        };
        let between = from.date().iter_days().map(|date| date.and_time(found.time()));
        let earlier = of_day(from.date())
            .chain(of_day(found.date()))
            .chain(between.take_while(|minute| *minute < found))
            .filter(|minute| from < *minute && *minute < found);
        for minute in earlier {
            prop_assert!(!names(&fields, minute), "{} missed {}", expression, minute);
        }
    }

    #[test]
    fn any_text_is_a_schedule_or_a_problem(expression in "[-0-9*/,?@ a-zA-Zä]{0,20}") {
        if let Ok(schedule) = Schedule::parse(&expression, Tz::Europe__Berlin) {
            prop_assert!(schedule.next_after(at("2026-11-02T00:00")).is_some());
        }
    }
}
