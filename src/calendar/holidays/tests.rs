use super::*;

fn file(event: &str) -> String {
    let text =
        format!("BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\n{event}\nEND:VEVENT\nEND:VCALENDAR\n");
    text.replace('\n', "\r\n")
}

fn days(event: &str) -> Vec<String> {
    read(&file(event)).unwrap().iter().take(6).map(ToString::to_string).collect()
}

/// Its line and what is wrong with it.
fn mistake(text: &str) -> (usize, String) {
    let mistakes = read(text).unwrap_err();
    let [mistake] = mistakes.as_slice() else { panic!("{mistakes:?}") };
    let line = text.get(..mistake.at.start).unwrap().matches('\n').count() + 1;
    (line, mistake.message.clone())
}

#[test]
fn events_cover_whole_days_up_to_their_end() {
    assert_eq!(days("DTSTART;VALUE=DATE:20261225"), ["2026-12-25"]);
    assert_eq!(
        days("DTSTART:20261224\nDTEND;VALUE=DATE:20261227\nSUMMARY:Christmas"),
        ["2026-12-24", "2026-12-25", "2026-12-26"]
    );
}

#[test]
fn folded_lines_are_put_together_and_what_is_said_besides_is_ignored() {
    let event = "SUMMARY:A long\n  name: with a colon\ndtstart;value=date\n :2026\n\t1225\nTRANSP:TRANSPARENT\n\
                 X-A;X-B=\"a:b\":c\nBEGIN:VALARM\nTRIGGER:-PT15M\nDURATION:PT5M\nEND:VALARM";
    assert_eq!(days(event), ["2026-12-25"]);
}

#[test]
fn yearly_holidays_come_again() {
    let yearly = |rule: &str| days(&format!("DTSTART;VALUE=DATE:20240229\nRRULE:{rule}"));
    assert_eq!(yearly("FREQ=YEARLY;UNTIL=20320229"), ["2024-02-29", "2028-02-29", "2032-02-29"]);
    assert_eq!(yearly("FREQ=YEARLY;COUNT=2;WKST=MO"), ["2024-02-29", "2028-02-29"]);
    let labour = read(&file("DTSTART:20260501\nRRULE:FREQ=YEARLY")).unwrap();
    assert!(labour.contains(&NaiveDate::from_ymd_opt(2099, 5, 1).unwrap()));
    assert!(!labour.contains(&NaiveDate::from_ymd_opt(2025, 5, 1).unwrap()));
}

#[test]
fn what_would_change_the_days_and_is_not_understood_is_told_with_its_line() {
    for (event, says) in [
        ("DTSTART:20261225T100000Z", "DTSTART is no whole day"),
        ("DTSTART;TZID=Europe/Berlin:20261225", "DTSTART is no whole day"),
        ("DTSTART:20261325", "DTSTART is no whole day"),
        ("RDATE:20261225", "RDATE is not understood"),
        ("EXDATE:20261225", "EXDATE is not understood"),
        ("RECURRENCE-ID:20261225", "RECURRENCE-ID is not understood"),
        ("DURATION:P1D", "DURATION is not understood"),
        ("RRULE:FREQ=MONTHLY", "`RRULE:FREQ=MONTHLY` is not understood"),
        ("RRULE:FREQ=YEARLY;BYDAY=1MO", "is not understood"),
        ("RRULE:FREQ=YEARLY;COUNT=0", "is not understood"),
        ("STATUS:CANCELLED", "cancelled"),
        ("Christmas", "no line of an iCalendar file"),
    ] {
        let (line, message) = mistake(&file(event));
        assert_eq!(line, 4, "{event}: {message}");
        assert!(message.contains(says), "{event}: {message}");
    }
    for (event, says) in [
        ("SUMMARY:Christmas", "has no DTSTART"),
        ("DTSTART:20261225\nDTEND:20261225", "DTEND is the day after"),
        ("DTSTART:20261225\nDTEND:20291225", "longer than 366 days"),
    ] {
        let (line, message) = mistake(&file(event));
        assert_eq!(line, 3, "{event}");
        assert!(message.contains(says), "{event}: {message}");
    }
    assert!(mistake("").1.contains("no BEGIN:VCALENDAR"));
    assert!(
        mistake("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261225\n").1.contains("no END:VEVENT")
    );
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(BEGIN|END|DTSTART|DTEND|RRULE|VEVENT|VCALENDAR|FREQ=YEARLY|COUNT=|[0-9]{8}|[:;=\r\n \"é])*") {
        let _ = read(&text);
    }
}
