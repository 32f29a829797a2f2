//! Days off from an iCalendar file (RFC 5545).
//!
//! Read strictly: whole days, once or every year. Anything else in an event
//! that would change its days is a mistake with its line, because a holiday
//! that is not understood would become a working day.

use std::{collections::BTreeSet, ops::Range};

use chrono::{Datelike as _, NaiveDate};

/// A line that cannot be taken for what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The bytes of the text it stands at.
    pub at: Range<usize>,
    /// What is wrong, and what would be accepted.
    pub message: String,
}

/// The last year for which yearly holidays are known.
const LAST_YEAR: i32 = 2150;

/// The longest event, in days.
const LONGEST: i64 = 366;

/// All days that the events of this file cover.
///
/// # Errors
///
/// Every mistake.
pub fn read(text: &str) -> Result<BTreeSet<NaiveDate>, Vec<Mistake>> {
    let mut reader = Reader::default();
    for line in content_lines(text) {
        reader.take(&line);
    }
    if reader.calendars == 0 {
        let message = "this is no iCalendar file: it has no BEGIN:VCALENDAR".to_owned();
        reader.mistakes.push(Mistake { at: 0..text.len().min(1), message });
    } else if let Some((name, at)) = reader.open.pop() {
        let message = format!("BEGIN:{name} has no END:{name}");
        reader.mistakes.push(Mistake { at, message });
    }
    if reader.mistakes.is_empty() { Ok(reader.days) } else { Err(reader.mistakes) }
}

/// A line put together from those it was folded into.
struct Line {
    at: Range<usize>,
    text: String,
}

fn content_lines(text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut start = 0;
    for piece in text.split_inclusive('\n') {
        let bare = piece.trim_end_matches(['\n', '\r']);
        let at = start..start + bare.len();
        start += piece.len();
        // A byte order mark is no part of the first name.
        let bare = bare.trim_start_matches('\u{feff}');
        match (bare.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(more), Some(line)) => line.text.push_str(more),
            _ if bare.trim().is_empty() => {}
            _ => lines.push(Line { at, text: bare.to_owned() }),
        }
    }
    lines
}

/// A name, its parameters and its value: `DTSTART;VALUE=DATE:20261225`.
fn property(line: &str) -> Option<(String, Vec<String>, &str)> {
    let mut quoted = false;
    let colon = line.find(|c| {
        quoted ^= c == '"';
        c == ':' && !quoted
    })?;
    let (head, value) = (line.get(..colon)?, line.get(colon + 1..)?);
    let mut parts = head.split(';').map(|part| part.trim().to_ascii_uppercase());
    let name = parts.next().filter(|name| !name.is_empty())?;
    Some((name, parts.collect(), value.trim()))
}

/// An event while it is read.
#[derive(Default)]
struct Event {
    at: Range<usize>,
    start: Option<NaiveDate>,
    end: Option<NaiveDate>,
    every_year: Option<Repeats>,
    /// Something of it was not understood, and told.
    broken: bool,
}

/// How often it comes again.
#[derive(Clone, Copy, Default)]
struct Repeats {
    interval: Option<u32>,
    count: Option<u32>,
    until: Option<NaiveDate>,
}

#[derive(Default)]
struct Reader {
    open: Vec<(String, Range<usize>)>,
    calendars: usize,
    event: Option<Event>,
    days: BTreeSet<NaiveDate>,
    mistakes: Vec<Mistake>,
}

impl Reader {
    fn wrong(&mut self, at: &Range<usize>, message: impl Into<String>) {
        self.mistakes.push(Mistake { at: at.clone(), message: message.into() });
        if let Some(event) = &mut self.event {
            event.broken = true;
        }
    }

    fn take(&mut self, line: &Line) {
        let Some((name, parameters, value)) = property(&line.text) else {
            self.wrong(
                &line.at,
                "this is no line of an iCalendar file, such as `DTSTART:20261225`",
            );
            return;
        };
        match name.as_str() {
            "BEGIN" => self.begin(&line.at, &value.to_ascii_uppercase()),
            "END" => self.end(&line.at, &value.to_ascii_uppercase()),
            // What stands in an alarm within the event does not change its days.
            _ if self.open.last().is_some_and(|(name, _)| name == "VEVENT") => {
                self.of_event(&line.at, &name, &parameters, value);
            }
            _ => {}
        }
    }

    fn begin(&mut self, at: &Range<usize>, name: &str) {
        match name {
            "VCALENDAR" => self.calendars += 1,
            "VEVENT" if self.event.is_some() => self.wrong(at, "an event within an event"),
            "VEVENT" => self.event = Some(Event { at: at.clone(), ..Event::default() }),
            _ => {}
        }
        self.open.push((name.to_owned(), at.clone()));
    }

    fn end(&mut self, at: &Range<usize>, name: &str) {
        match self.open.pop() {
            Some((open, _)) if open == name => {}
            Some((open, _)) => self.wrong(at, format!("END:{name} where END:{open} is due")),
            None => self.wrong(at, format!("END:{name} without BEGIN:{name}")),
        }
        if name == "VEVENT"
            && let Some(event) = self.event.take()
            && !event.broken
        {
            self.add(&event);
        }
    }

    fn of_event(&mut self, at: &Range<usize>, name: &str, parameters: &[String], value: &str) {
        match name {
            "DTSTART" | "DTEND" => {
                let plain = parameters.iter().all(|parameter| parameter == "VALUE=DATE");
                let Some(day) = date(value).filter(|_| plain) else {
                    let message =
                        format!("{name} is no whole day: write `{name};VALUE=DATE:20261225`");
                    return self.wrong(at, message);
                };
                let Some(event) = &mut self.event else { return };
                let place = if name == "DTSTART" { &mut event.start } else { &mut event.end };
                if place.replace(day).is_some() {
                    self.wrong(at, format!("a second {name} in one event"));
                }
            }
            "RRULE" => match repeats(value) {
                Ok(rule) => {
                    let again = self.event.as_mut().map(|event| event.every_year.replace(rule));
                    if again.flatten().is_some() {
                        self.wrong(at, "a second RRULE in one event");
                    }
                }
                Err(message) => self.wrong(at, message),
            },
            "RDATE" | "EXDATE" | "EXRULE" | "RECURRENCE-ID" | "DURATION" => {
                let message = format!(
                    "{name} is not understood here: write each day as an event of its own, with \
                     DTSTART and DTEND"
                );
                self.wrong(at, message);
            }
            "STATUS" if value.eq_ignore_ascii_case("CANCELLED") => {
                self.wrong(at, "a cancelled event is no holiday: remove it");
            }
            // Its name, who comes, where: nothing that changes its days.
            _ => {}
        }
    }

    fn add(&mut self, event: &Event) {
        let Some(start) = event.start else {
            return self.wrong(&event.at, "this event has no DTSTART");
        };
        let end = event.end.or_else(|| start.succ_opt()).unwrap_or(start);
        let length = (end - start).num_days();
        if length < 1 {
            let message = "this event ends before it begins: DTEND is the day after its last";
            return self.wrong(&event.at, message);
        }
        if length > LONGEST {
            return self.wrong(&event.at, format!("this event is longer than {LONGEST} days"));
        }
        let Repeats { interval, count, until } =
            event.every_year.unwrap_or(Repeats { count: Some(1), ..Repeats::default() });
        let years = (start.year()..=LAST_YEAR.max(start.year()))
            .step_by(usize::try_from(interval.unwrap_or(1)).unwrap_or(usize::MAX));
        // The 29th of February comes in leap years only.
        let firsts = years
            .filter_map(|year| start.with_year(year))
            .take_while(|first| until.is_none_or(|until| *first <= until))
            .take(usize::try_from(count.unwrap_or(u32::MAX)).unwrap_or(usize::MAX));
        let length = usize::try_from(length).unwrap_or(1);
        for first in firsts {
            self.days.extend(first.iter_days().take(length));
        }
    }
}

fn date(value: &str) -> Option<NaiveDate> {
    let digits = value.len() == 8 && value.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| NaiveDate::parse_from_str(value, "%Y%m%d").ok()).flatten()
}

fn repeats(value: &str) -> Result<Repeats, String> {
    let only = || {
        format!(
            "`RRULE:{value}` is not understood here: `FREQ=YEARLY` is, with COUNT, UNTIL or \
             INTERVAL"
        )
    };
    let mut rule = Repeats::default();
    let mut yearly = false;
    for part in value.to_ascii_uppercase().split(';') {
        let (key, text) = part.split_once('=').ok_or_else(only)?;
        let number = || text.parse().ok().filter(|number| *number > 0).ok_or_else(only);
        match key {
            "FREQ" if text == "YEARLY" => yearly = true,
            "COUNT" => rule.count = Some(number()?),
            "INTERVAL" => rule.interval = Some(number()?),
            "UNTIL" => {
                let day = text.get(..8).filter(|_| text.len() == 8 || text.contains('T'));
                rule.until = Some(day.and_then(date).ok_or_else(only)?);
            }
            // Has no meaning for years.
            "WKST" => {}
            _ => return Err(only()),
        }
    }
    if yearly { Ok(rule) } else { Err(only()) }
}

#[cfg(test)]
mod tests;
